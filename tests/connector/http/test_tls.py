"""The same promises over TLS, where the real systems are, and through a company's proxy."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from connector import errors
from connector.http import ApiSession, Call
from tests.connector.stand_in import Manner, Said, StandIn, StaticTokens, json_said


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    now = dt.datetime.now(dt.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "loopback.pem"
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))


def session(url: str, timeout: float = 5.0) -> ApiSession:
    calls: list[Call] = []
    return ApiSession(url, tokens=StaticTokens(), recorder=calls.append, timeout=timeout)


def test_a_certificate_that_nobody_signed_is_an_operators_matter(tls: ssl.SSLContext) -> None:
    with StandIn(json_said({}), tls=tls) as far:
        with pytest.raises(errors.Misconfigured, match="certificate"):
            session(far.url).call("POST", "/v1/x", write=True, json={})
        assert far.asked == []


@pytest.mark.usefixtures("trusted")
def test_calls_share_one_connection_that_the_environments_bundle_trusts(tls: ssl.SSLContext) -> None:
    with StandIn(json_said({"n": 1}), tls=tls) as far:
        near = session(far.url)
        for _ in range(3):
            assert near.call("POST", "/v1/x", write=True, json={}).json() == {"n": 1}
        assert far.connections == 1


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("manner", ["close", "cut_head", "cut_body", "broken_chunks", "drip_head", "drip_body"])
def test_what_breaks_or_drips_over_tls_is_noticed_in_time(tls: ssl.SSLContext, manner: Manner) -> None:
    begun = time.monotonic()
    with StandIn(Said(200, b"x" * 3000, manner=manner), tls=tls) as far, pytest.raises(errors.Transient):
        session(far.url, timeout=0.3).call("GET", "/v1/x", write=False)
    assert time.monotonic() - begun < 10.0


def test_no_tls_on_the_other_side_never_left() -> None:
    with StandIn(json_said({})) as far, pytest.raises(errors.Transient, match="could not be reached"):
        session(far.url.replace("http:", "https:")).call("POST", "/v1/x", write=True)


def test_the_environments_proxy_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with StandIn(json_said({"via": "proxy"})) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "")
        answer = session("http://far.example/erp").call("GET", "/v1/x", write=False)
        assert answer.json() == {"via": "proxy"}
        assert proxy.asked[0].target == "http://far.example/erp/v1/x"


def test_a_proxy_that_refuses_the_tunnel_let_nothing_through(monkeypatch: pytest.MonkeyPatch) -> None:
    with StandIn(Said(502)) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "")
        with pytest.raises(errors.Transient, match="could not be reached"):
            session("https://far.example").call("POST", "/v1/x", write=True, json={})
        assert [asked.method for asked in proxy.asked] == ["CONNECT"]
