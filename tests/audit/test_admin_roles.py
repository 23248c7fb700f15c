"""Roles by migration: who may do what, read back from the database."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, User

pytestmark = pytest.mark.django_db
DECIDE = ("audit.replay_document", "audit.ignore_document", "audit.decide_document")


@pytest.fixture
def of_role(request: pytest.FixtureRequest, db: None) -> User:
    user = User.objects.create_user(str(request.param), is_staff=True)
    user.groups.add(Group.objects.get(name=request.param))
    return user


@pytest.mark.parametrize("of_role", ["Finance", "Procurement", "Viewers"], indirect=True)
@pytest.mark.parametrize("model", ["audit.view_document", "mapping.view_order", "connector.view_connection"])
def test_everyone_sees(of_role: User, model: str) -> None:
    assert of_role.has_perm(model)


@pytest.mark.parametrize("of_role", ["Finance", "Procurement"], indirect=True)
def test_finance_and_procurement_decide(of_role: User) -> None:
    assert of_role.has_perms(DECIDE)


@pytest.mark.parametrize("of_role", ["Viewers"], indirect=True)
def test_viewers_only_see(of_role: User) -> None:
    assert all(right.split(".")[1].startswith("view_") for right in of_role.get_all_permissions())


@pytest.mark.parametrize("of_role", ["Finance"], indirect=True)
def test_finance_edits_taxes_accounts_and_tolerances_and_sends_nothing(of_role: User) -> None:
    assert of_role.has_perms(
        ("mapping.change_taxmapping", "mapping.edit_accounts_tradingpartner", "mapping.add_itemtolerance")
    )
    assert not of_role.has_perm("mapping.send_order")
    assert not of_role.has_perm("mapping.change_tradingpartner")


@pytest.mark.parametrize("of_role", ["Procurement"], indirect=True)
def test_procurement_edits_partners_items_and_units_and_sends_orders(of_role: User) -> None:
    assert of_role.has_perms(
        (
            "mapping.send_order",
            "mapping.change_tradingpartner",
            "mapping.add_partnerroute",
            "mapping.add_itemreference",
            "mapping.add_unitmapping",
        )
    )
    assert not of_role.has_perm("mapping.edit_accounts_tradingpartner")


@pytest.mark.parametrize("of_role", ["Finance", "Procurement", "Viewers"], indirect=True)
def test_connections_are_for_superusers(of_role: User) -> None:
    edits = {f"connector.{verb}_connection" for verb in ("add", "change", "delete", "ping")}
    assert not edits & of_role.get_all_permissions()
