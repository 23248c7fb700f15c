"""Addresses (INTERFACE.md, HTTP)."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.generic import RedirectView

from connector.api.nothing import NothingHere
from connector.health import healthz, readyz
from connector.hooks import visma_hook
from connector.metrics import metrics

urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(url="/admin/", permanent=False)),
    path("admin/desk/", include("connector.admin.desk")),
    path("admin/rehearse/", include("connector.admin.rehearsal")),
    path("admin/", admin.site.urls),
    path("api/v1/", include("connector.api.urls")),
    path("hooks/visma/<uuid:uid>/", visma_hook),
    re_path("^hooks/", NothingHere.as_view()),
    path("healthz", healthz),
    path("readyz", readyz),
    path("metrics", metrics),
]
