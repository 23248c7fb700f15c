"""Who may do what: Django's own model rights, `view` for reading (a right of its own for each verb that has one)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework.exceptions import MethodNotAllowed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

if TYPE_CHECKING:  # rest_framework.views reads its settings, and with them this module, while it is loaded
    from rest_framework.views import APIView

RIGHT_OF_METHOD = {"POST": "add", "PUT": "change", "PATCH": "change", "DELETE": "delete"}


class ModelRights(BasePermission):
    """The right that an address needs.

    A view names the rights of its verbs in `rights` (action or lower-case method -> "app.codename", or several of which
    one is enough); anything else needs view, add, change or delete on the model of its `queryset`. Raises
    MethodNotAllowed where nothing answers, so that a wrong method is not reported as a missing right.
    """

    message = "Your rights do not include this; ask for the role that does."

    def has_permission(self, request: Request, view: APIView) -> bool:
        user = request.user
        if not user or not user.is_authenticated:
            return False
        method = str(request.method)
        if method != "OPTIONS" and getattr(view, method.lower(), None) is None:
            raise MethodNotAllowed(method)
        return any(user.has_perm(right) for right in rights_for(view, method))


def rights_for(view: Any, method: str) -> tuple[str, ...]:
    """The rights of which `method` needs one on `view`, each as "app.codename"."""
    rights: dict[str, str | tuple[str, ...]] = getattr(view, "rights", {})
    named = rights.get(getattr(view, "action", None) or method.lower())
    if named:
        return (named,) if isinstance(named, str) else named
    model = view.queryset.model
    return (f"{model._meta.app_label}.{RIGHT_OF_METHOD.get(method, 'view')}_{model._meta.model_name}",)
