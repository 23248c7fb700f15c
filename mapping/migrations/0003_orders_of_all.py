"""The list of all companies' orders is found by an index."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("mapping", "0002_mapped_once")]
    operations = [
        migrations.AddIndex(
            model_name="order", index=models.Index(fields=["-date", "-id"], name="orders_of_all_newest_first")
        ),
    ]
