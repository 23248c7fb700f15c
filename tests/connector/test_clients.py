"""Clients built from connections, against a real socket: credentials as set, calls counted and logged, secrets nowhere."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import connection as database

from audit.models import Document, Exchange, Transmission
from connector.clients import clients_for, connection_of, exchange_recorder, sps_client, visma_client
from connector.errors import Misconfigured, RateLimited
from connector.http import Call
from connector.models import Connection
from mapping.models import Company
from tests.connector.stand_in import Asked, Said, StandIn, json_said

TOKEN = json_said({"access_token": "secret-token", "expires_in": 3600, "token_type": "Bearer"})


def _answers(asked: Asked) -> Said:
    return TOKEN if "token" in asked.path else json_said([{"number": "1", "name": "Oslo"}])


def _visma(company: Company, server: StandIn, **fields: str) -> Connection:
    return Connection.objects.create(
        company=company,
        system="visma",
        url=server.url,
        token_url=f"{server.url}/connect/token",
        client_id="isv_us",
        **{"client_secret": "pässword&1", "tenant": "tenant-1", "scope": "read", **fields},
    )


def _document(company: Company) -> Document:
    now = datetime.now(UTC)
    transmission = Transmission.objects.create(
        company=company, path="/out/IN1.json", sha256="0" * 64, content=b"{}", size=2, received_at=now
    )
    return Document.objects.create(
        company=company, transmission=transmission, kind="invoice", status="received", created_at=now, updated_at=now
    )


def test_visma_gets_its_token_by_form_with_the_tenant(company: Company) -> None:
    with StandIn(_answers) as server:
        branches = visma_client(_visma(company, server, company_header="7")).company_check()
    token, call = server.asked
    assert branches[0].name == "Oslo"
    assert b"tenant_id=tenant-1" in token.body
    assert b"client_secret=p%C3%A4ssword%261" in token.body
    assert call.headers["Authorization"] == "Bearer secret-token"
    assert call.headers["ipp-company-id"] == "7"


@pytest.mark.parametrize("body", ["json", "form"])
def test_sps_gets_its_token_at_any_address_in_either_form(company: Company, body: str) -> None:
    connection = Connection(company=company, system="sps", client_id="us", client_secret="s", audience="https://a")
    with StandIn(lambda asked: TOKEN if asked.method == "POST" else json_said({"results": []})) as server:
        connection.url, connection.token_url = server.url, f"{server.url}/authorization/v1/token"
        connection.token_body, connection.in_dir, connection.out_dir = body, "in/", "out/"
        connection.save()
        assert sps_client(connection).list("out/") == []
    asked = server.asked[0]
    assert asked.path == "/authorization/v1/token"
    assert asked.headers["Content-Type"].startswith("application/json" if body == "json" else "application/x-www-form")


def test_calls_are_counted_and_logged_without_bodies_or_secrets(company: Company) -> None:
    with StandIn(_answers) as server:
        connection = _visma(company, server)
        visma_client(connection).company_check()
    assert Connection.objects.get().calls == 2
    logged = list(Exchange.objects.order_by("started_at"))
    assert [(one.method, one.path, one.status, one.system) for one in logged] == [
        ("POST", "/connect/token", 200, "visma"),
        ("GET", "/v1/branch", 200, "visma"),
    ]
    assert all(bytes(one.request_head) == bytes(one.response_head) == b"" for one in logged)


def test_with_a_document_its_calls_keep_the_beginning_of_their_bodies_but_the_token_call_does_not(
    company: Company,
) -> None:
    document = _document(company)
    with StandIn(_answers) as server:
        visma_client(_visma(company, server), document=document).company_check()
    token, call = Exchange.objects.order_by("started_at")
    assert (token.document, bytes(token.request_head)) == (None, b"")
    assert call.document == document
    assert b"Oslo" in bytes(call.response_head)


def test_a_call_that_cannot_be_noted_does_not_fail(company: Company, caplog: pytest.LogCaptureFixture) -> None:
    connection = Connection.objects.create(company=company, system="sps")
    call = Call("GET", "/x\x00y", 200, datetime.now(UTC), 0.1, "", b"", b"", "")
    exchange_recorder(connection, None)(call)
    assert Exchange.objects.get().path == "/x\N{REPLACEMENT CHARACTER}y"
    # the database refuses a negative status, as it might refuse anything else
    broken = Call("GET", "/lost", -1, datetime.now(UTC), 0.1, "", b"", b"", "")
    exchange_recorder(connection, None)(broken)
    assert "could not be noted" in caplog.text


def test_a_refused_call_leaves_no_trace_at_the_other_side(company: Company) -> None:
    with StandIn(_answers) as server:
        connection = _visma(company, server)
        client = visma_client(connection)
        client.company_check()
        Connection.objects.update(budget_remaining=0)
        with pytest.raises(RateLimited):
            client.company_check()
    assert len(server.asked) == 2


def test_new_credentials_are_used_by_clients_that_exist_already(company: Company) -> None:
    with StandIn(_answers) as server:
        connection = _visma(company, server, client_secret="old")
        client = visma_client(connection)
        Connection.objects.filter(pk=connection.pk).update(client_secret="new")
        client.company_check()
    assert b"client_secret=new" in server.asked[0].body


def test_a_missing_connection_or_secret_is_a_sentence(company: Company) -> None:
    with pytest.raises(Misconfigured, match="no connection to Visma"):
        clients_for(company)
    connection = Connection.objects.create(
        company=company, system="visma", url="http://127.0.0.1:9", token_url="http://127.0.0.1:9/t"
    )
    with pytest.raises(Misconfigured, match="no client secret"):
        visma_client(connection).company_check()


def test_secrets_that_no_key_reads_are_a_sentence(company: Company) -> None:
    Connection.objects.create(company=company, system="visma", client_secret="x")
    with database.cursor() as cursor:
        cursor.execute("UPDATE connector_connection SET client_secret = %s", [b"not of our key"])
    with pytest.raises(Misconfigured, match="FIELD_ENCRYPTION_KEYS"):
        connection_of(company, Connection.System.VISMA)
