"""A repeated webhook is found among tens of thousands of a day."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("connector", "0003_completeness")]
    operations = [
        migrations.AddIndex(
            model_name="hook",
            index=models.Index(fields=["connection", "event_id", "-received_at"], name="hooks_of_an_event"),
        )
    ]
