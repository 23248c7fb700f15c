"""Duplicates among papers without a complete key are found by their content."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_roles")]
    operations = [
        migrations.AddIndex(
            model_name="document",
            index=models.Index(fields=["company", "kind", "content_hash"], name="documents_by_content"),
        ),
    ]
