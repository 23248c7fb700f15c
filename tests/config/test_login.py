"""Logging in: whoever opens the log-in page itself lands in the back office."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.test import Client


def test_log_in_without_a_page_to_return_to_leads_to_the_back_office(db: None) -> None:
    User.objects.create_superuser("ada", password="a long pass phrase")
    answer = Client().post("/admin/login/", {"username": "ada", "password": "a long pass phrase"})
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")
