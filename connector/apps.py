"""Django's name plate of this app."""

from django.apps import AppConfig
from django.core import checks

from connector.checks import lease_outlasts_a_call, secrets_can_be_read


class ConnectorConfig(AppConfig):
    name = "connector"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        checks.register(lease_outlasts_a_call)
        checks.register(secrets_can_be_read, checks.Tags.database)
