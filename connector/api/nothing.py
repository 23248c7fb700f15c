"""Addresses where nothing is, answered as problems: Django's own pages are for browsers."""

from __future__ import annotations

from typing import Any, NoReturn

from django.http import HttpResponse, HttpResponseRedirect
from django.urls import resolve
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.views import APIView


class NothingHere(APIView):
    """404, or for reading the address with its final slash when that is what was meant."""

    authentication_classes = []
    permission_classes = []
    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if request.method not in ("GET", "HEAD"):
            self._refuse(request)

    def get(self, request: Request) -> HttpResponse:
        meant = f"{request.path}/"
        found = getattr(resolve(meant).func, "view_class", None)
        if request.path.endswith("/") or found is NothingHere:
            self._refuse(request)
        query = request.META.get("QUERY_STRING", "")
        return HttpResponseRedirect(f"{meant}?{query}" if query else meant)

    def _refuse(self, request: Request) -> NoReturn:
        hint = "" if request.path.endswith("/") else " Every address ends with a slash."
        raise NotFound(f"There is nothing at {request.path}.{hint}")
