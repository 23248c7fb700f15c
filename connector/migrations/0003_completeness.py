"""The figures of the completeness ledger, who sees them, and the schedule that makes them: hourly at night, each company once."""

import django.db.models.deletion
from django.db import migrations, models

NAME = "completeness"


def make(apps, schema_editor):
    Schedule = apps.get_model("django_q", "Schedule")
    columns = {"func": "connector.tasks.account", "schedule_type": "C", "cron": "41 1-5 * * *", "repeats": -1}
    Schedule.objects.get_or_create(name=NAME, defaults=columns)


def remove(apps, schema_editor):
    apps.get_model("django_q", "Schedule").objects.filter(name=NAME).delete()


def let_see(apps, schema_editor):
    """Who sees how far the polls have read sees this, too."""
    kind, _ = apps.get_model("contenttypes", "ContentType").objects.get_or_create(
        app_label="connector", model="completeness"
    )
    right, _ = apps.get_model("auth", "Permission").objects.get_or_create(
        content_type=kind, codename="view_completeness", defaults={"name": "Can view completeness"}
    )
    seeing = {"permissions__codename": "view_cursor", "permissions__content_type__app_label": "connector"}
    for group in apps.get_model("auth", "Group").objects.filter(**seeing):
        group.permissions.add(right)


class Migration(migrations.Migration):
    dependencies = [("connector", "0002_schedules"), ("mapping", "0001_initial"), ("audit", "0002_roles")]
    operations = [
        migrations.CreateModel(
            name="Completeness",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("tried_at", models.DateTimeField()),
                ("at", models.DateTimeField(blank=True, help_text="when it last came to its end", null=True)),
                ("since", models.DateField(blank=True, help_text="orders and files since then; empty: all", null=True)),
                ("figures", models.JSONField(default=dict, help_text="orders and files, each by what became of them")),
                ("total", models.PositiveIntegerField(default=0)),
                ("unexplained", models.PositiveIntegerField(default=0)),
                ("problem", models.TextField(blank=True, help_text="why the last try did not come to its end")),
                (
                    "company",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="completeness", to="mapping.company"
                    ),
                ),
            ],
            options={"verbose_name_plural": "completeness"},
        ),
        migrations.RunPython(make, remove),
        migrations.RunPython(let_see, migrations.RunPython.noop),
    ]
