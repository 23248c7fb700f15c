"""Addresses below `/api/v1/`."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework.routers import SimpleRouter

from connector.api.desk import Holds
from connector.api.documents import Documents
from connector.api.nothing import NothingHere
from connector.api.orders import Orders
from connector.api.rehearsal import RehearsalView
from connector.api.system import Connections, StatusView
from connector.api.units import Units
from mapping.api import views as mapping

router = SimpleRouter()
router.register("documents", Documents)
router.register("orders", Orders)
router.register("holds", Holds)
router.register("connections", Connections)
router.register("companies", mapping.Companies)
router.register("suppliers", mapping.Suppliers)
router.register("partners", mapping.Partners)
router.register("routes", mapping.Routes)
router.register("item-references", mapping.ItemReferences)
router.register("units", Units)
router.register("taxes", mapping.Taxes)
router.register("tolerances", mapping.Tolerances)

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include(router.urls)),
    path("status/", StatusView.as_view(), name="status"),
    path("rehearsal/", RehearsalView.as_view(), name="rehearsal"),
    # what the addresses are is no secret; what is behind them is
    path("schema/", SpectacularAPIView.as_view(permission_classes=[]), name="schema"),
    path("docs/", SpectacularSwaggerView.as_view(permission_classes=[]), name="docs"),
    re_path("", NothingHere.as_view()),
]
