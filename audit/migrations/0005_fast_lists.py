"""What the dashboard counts and the lists show is found by an index, however many documents there are."""

from django.db import migrations, models


def index(model: str, name: str, *fields: str) -> migrations.AddIndex:
    return migrations.AddIndex(model_name=model, index=models.Index(fields=list(fields), name=name))


class Migration(migrations.Migration):
    dependencies = [("audit", "0004_replacement_asked")]
    operations = [
        index("document", "documents_by_delivery", "delivered_at"),
        index("document", "documents_by_cause", "cause", "-created_at", "-id"),
        index("document", "documents_not_picked_up", "kind", "status", "picked_up_at", "delivered_at"),
        index("document", "documents_not_answered", "kind", "status", "answered_at", "delivered_at"),
        index("transmission", "transmissions_newest_first", "-received_at", "-id"),
    ]
