"""Django's name plate of this app."""

from django.apps import AppConfig
from django.core import checks

from connector.checks import lease_outlasts_a_call


class ConnectorConfig(AppConfig):
    name = "connector"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        checks.register(lease_outlasts_a_call)
