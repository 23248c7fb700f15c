"""Users, roles and the API's tokens. A token is shown once, when it is made."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.forms import ModelForm
from django.http import HttpRequest
from rest_framework.authtoken.admin import TokenAdmin
from rest_framework.authtoken.models import Token, TokenProxy
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from mapping.admin.common import Page

for model in (User, Group, TokenProxy):
    admin.site.unregister(model)


@admin.register(User)
class UserPage(UserAdmin, Page):  # type: ignore[type-arg,misc]  # not subscriptable at run time; unfold has no types
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ["username", "first_name", "last_name", "roles", "is_active", "is_superuser", "last_login"]

    @admin.display(description="roles")
    def roles(self, user: User) -> str:
        return ", ".join(group.name for group in user.groups.all()) or "none"

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("groups")


@admin.register(Group)
class RolePage(GroupAdmin, Page):  # type: ignore[misc]  # unfold publishes no types
    pass


@admin.register(TokenProxy)
class TokenPage(TokenAdmin, Page):  # type: ignore[misc]  # unfold publishes no types
    """The key stands on no page; who lost it deletes the token and makes a new one."""

    list_display = ["user", "ends_in", "created"]
    autocomplete_fields = ["user"]

    @admin.display(description="ends in")
    def ends_in(self, token: Token) -> str:
        return _masked(token.key)

    def has_change_permission(self, request: HttpRequest, obj: Token | None = None) -> bool:  # noqa: ARG002 - Django's own signature
        return False

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Masked: titles, messages and the log write an object by its key."""
        token = super().get_object(request, object_id, from_field)
        if token is not None:
            token.key = _masked(token.key)
        return token

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: bool) -> None:
        super().save_model(request, obj, form, change)
        messages.warning(request, f"Token of {obj.user}: {obj.key} – it is shown only this once.")
        obj.key = _masked(obj.key)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:  # noqa: ARG002 - Django's own signature
        Token.objects.filter(user=obj.user_id).delete()


def _masked(key: str) -> str:
    return f"…{key[-4:]}"
