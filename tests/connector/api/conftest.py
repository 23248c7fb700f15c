"""Callers of the API: one who may do everything, and one of each role."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, User
from rest_framework.test import APIClient

from mapping.models import Company, TradingPartner

Caller = Callable[[str], APIClient]


@pytest.fixture
def api(db: None) -> APIClient:
    """A superuser's client; answers 500 as a caller would see them."""
    client = APIClient(raise_request_exception=False)
    client.force_authenticate(User.objects.create_superuser("ada"))
    return client


@pytest.fixture
def caller(db: None) -> Caller:
    """The client of a user of that role, or of a user without any role for an empty name."""

    def named(role: str) -> APIClient:
        user = User.objects.create_user(role.lower() or "nobody")
        if role:
            user.groups.add(Group.objects.get(name=role))
        client = APIClient(raise_request_exception=False)
        client.force_authenticate(user)
        return client

    return named


@pytest.fixture
def partner(company: Company) -> TradingPartner:
    return TradingPartner.objects.create(company=company, trading_partner_id="NORDIC", name="Nordic Parts")
