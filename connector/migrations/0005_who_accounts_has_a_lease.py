"""The nightly look at a company is not begun while somebody is at it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("connector", "0004_hooks_of_an_event")]
    operations = [
        migrations.AddField(
            model_name="completeness",
            name="lease_until",
            field=models.DateTimeField(blank=True, help_text="somebody is at it, at least until then", null=True),
        )
    ]
