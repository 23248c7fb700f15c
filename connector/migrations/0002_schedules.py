"""The schedules of django-q2: a tick every minute, and the nightly work."""

from django.db import migrations

SCHEDULES = {
    "tick": {"func": "connector.tasks.tick", "schedule_type": "I", "minutes": 1},
    "clean up": {"func": "connector.tasks.clean_up", "schedule_type": "C", "cron": "17 2 * * *"},
}


def make(apps, schema_editor):
    Schedule = apps.get_model("django_q", "Schedule")
    for name, columns in SCHEDULES.items():
        Schedule.objects.get_or_create(name=name, defaults={**columns, "repeats": -1})


def remove(apps, schema_editor):
    apps.get_model("django_q", "Schedule").objects.filter(name__in=SCHEDULES).delete()


class Migration(migrations.Migration):
    dependencies = [("connector", "0001_initial"), ("django_q", "0019_alter_task_options_alter_ormq_key_alter_ormq_lock_and_more")]
    operations = [migrations.RunPython(make, remove)]
