"""When and by whom a supplier was asked for another paper in a held one's place."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audit", "0003_documents_by_content")]
    operations = [
        migrations.AddField(
            "document",
            "replacement_asked_at",
            models.DateTimeField(
                null=True, blank=True, help_text="when the supplier was last asked for another paper in its place"
            ),
        ),
        migrations.AddField("document", "replacement_asked_by", models.CharField(max_length=150, blank=True)),
    ]
