"""Finance, Procurement and Viewers: what each may see and do. A role can be changed by hand afterwards; this runs once."""

from django.contrib.auth.management import create_permissions
from django.db import migrations

APPS = ("mapping", "audit", "connector")
RIGHTS_OF_OUR_OWN = [
    ("mapping", "tradingpartner", "edit_accounts_tradingpartner", "Can edit accounts and tolerances"),
    ("mapping", "order", "send_order", "Can send orders by hand"),
]
DECIDE = ["audit.replay_document", "audit.ignore_document", "audit.decide_document"]
ROLES = {
    "Viewers": [],
    "Finance": [
        *DECIDE,
        "mapping.edit_accounts_tradingpartner",
        *(f"mapping.{verb}_{model}" for model in ("taxmapping", "itemtolerance") for verb in ("add", "change", "delete")),
    ],
    "Procurement": [
        *DECIDE,
        "mapping.send_order",
        "mapping.add_tradingpartner",
        "mapping.change_tradingpartner",
        *(
            f"mapping.{verb}_{model}"
            for model in ("partnerroute", "itemreference", "unitmapping")
            for verb in ("add", "change", "delete")
        ),
    ],
}


def create_roles(apps, schema_editor):
    """The rights of these apps are made first: Django itself makes them only when all migrations are done."""
    using = schema_editor.connection.alias
    Permission, Group, ContentType = (
        apps.get_model("auth", "Permission"),
        apps.get_model("auth", "Group"),
        apps.get_model("contenttypes", "ContentType"),
    )
    for label in APPS:
        config = apps.get_app_config(label)
        config.models_module = True  # create_permissions skips an app without one, and historical apps have none
        create_permissions(config, apps=apps, verbosity=0, using=using)
        config.models_module = None
    for label, model, codename, name in RIGHTS_OF_OUR_OWN:
        kind, _ = ContentType.objects.using(using).get_or_create(app_label=label, model=model)
        Permission.objects.using(using).get_or_create(content_type=kind, codename=codename, defaults={"name": name})
    known = {
        f"{right.content_type.app_label}.{right.codename}": right
        for right in Permission.objects.using(using)
        .filter(content_type__app_label__in=APPS)
        .select_related("content_type")
    }
    seen = [right for name, right in known.items() if name.split(".")[1].startswith("view_")]
    for role, rights in ROLES.items():
        group, _ = Group.objects.using(using).get_or_create(name=role)
        group.permissions.add(*seen, *(known[right] for right in rights))


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0001_initial"),
        ("mapping", "0001_initial"),
        ("connector", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]
    operations = [migrations.RunPython(create_roles, migrations.RunPython.noop)]
