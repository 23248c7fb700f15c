"""Who may call the sandbox's Visma, and how often: client credentials, tokens with scopes, the hourly window."""

from __future__ import annotations

import threading
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from connector.sandbox.visma_books import Clock, refuse_at_gateway
from connector.sandbox.wire import Reply, Request, as_json, credentials

CLIENT_ID = "isv_sandbox"
CLIENT_SECRET = "sandbox-visma-secret"  # noqa: S105 - a public value of the stand-in, it opens nothing
COMPANY_TENANT = "6a1f0d52-5b0e-4d5c-9a55-0f6f2f6d4c01"
CUSTOMER_TENANT = "c05e0b8e-1f3e-4b1b-8a77-5d1c5b1d7f02"
_SCOPE = "vismanet_erp_service_api"
_VERBS = {"GET": "read", "POST": "create", "PUT": "update", "PATCH": "update", "DELETE": "delete"}


@dataclass(frozen=True)
class Caller:
    """Who a token stands for."""

    name: str
    tenant: str
    scopes: frozenset[str]
    until: datetime


class Access:
    """The token endpoint and the tokens it gave; `expires_in` in seconds may be set at any time."""

    def __init__(self, clock: Clock) -> None:
        self.expires_in = 3600
        self.issued = 0
        self._clock = clock
        self._tokens: dict[str, Caller] = {}
        self._lock = threading.Lock()

    def token(self, call: Request) -> Reply:
        """`POST /connect/token`, form-encoded client credentials (visma.md §2)."""
        fields = credentials(call) or {}
        if call.method != "POST" or not call.header("Content-Type").startswith("application/x-www-form-urlencoded"):
            return as_json({"error": "invalid_request"}, 400)
        if fields.get("grant_type") != "client_credentials":
            return as_json({"error": "unsupported_grant_type"}, 400)
        if (fields.get("client_id"), fields.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return as_json({"error": "invalid_client"}, 400)
        scopes = str(fields.get("scope", "")).split()
        if not scopes or not all(scope in {f"{_SCOPE}:{verb}" for verb in _VERBS.values()} for scope in scopes):
            return as_json({"error": "invalid_scope"}, 400)
        return self._issue(str(fields.get("tenant_id", "")), frozenset(scopes))

    def _issue(self, tenant: str, scopes: frozenset[str]) -> Reply:
        token = f"visma-{uuid.uuid4().hex}"
        until = self._clock() + timedelta(seconds=self.expires_in)
        with self._lock:
            self.issued += 1
            self._tokens[token] = Caller(CLIENT_ID, tenant, scopes, until)
        answer = {"access_token": token, "expires_in": self.expires_in, "token_type": "Bearer"}
        return as_json({**answer, "scope": " ".join(sorted(scopes))})

    def expire(self) -> None:
        """Every token ends now."""
        with self._lock:
            self._tokens.clear()

    def caller(self, call: Request) -> Caller:
        """Who calls; 401 without a good token or with the wrong tenant's, 403 when the scope lacks the verb."""
        scheme, _, token = call.header("Authorization").partition(" ")
        with self._lock:
            caller = self._tokens.get(token)
        if scheme != "Bearer" or caller is None or caller.until <= self._clock():
            raise refuse_at_gateway("Unauthorized", 401)
        if caller.tenant != COMPANY_TENANT:
            raise refuse_at_gateway("No license for this company.", 401, "12027")
        if f"{_SCOPE}:{_VERBS.get(call.method, 'read')}" not in caller.scopes:
            raise refuse_at_gateway("Forbidden: the scope of the token does not allow this.", 403)
        return caller


@dataclass(frozen=True)
class Rate:
    """What the X-RateLimit headers say about the window; `resets_in` in seconds."""

    limit: int
    remaining: int
    resets_in: int
    exhausted: bool = False

    def headers(self) -> dict[str, str]:
        """The headers of visma.md §6."""
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(self.resets_in),
            "X-RateLimit-Policy": "4-fixed-window",
        }


class Quota:
    """A fixed window that opens with the first call after the last one ended."""

    def __init__(self, clock: Clock) -> None:
        self.limit = 15_000
        self.window = timedelta(hours=1)
        self.refused = 0
        self._clock = clock
        self._used = 0
        self._ends = datetime.min.replace(tzinfo=clock().tzinfo)
        self._lock = threading.Lock()

    def spend(self) -> Rate:
        """Count one call."""
        with self._lock:
            self._open()
            if self._used >= self.limit:
                self.refused += 1
                return self._rate(exhausted=True)
            self._used += 1
            return self._rate()

    def look(self) -> Rate:
        """The window without counting."""
        with self._lock:
            self._open()
            return self._rate()

    def set(self, limit: int, seconds: float = 3600) -> None:
        """Another limit, in a new window."""
        with self._lock:
            self.limit, self.window = limit, timedelta(seconds=seconds)
            self._ends = self._clock()

    def _open(self) -> None:
        now = self._clock()
        if now >= self._ends:
            self._used, self._ends = 0, now + self.window

    def _rate(self, exhausted: bool = False) -> Rate:
        left = (self._ends - self._clock()).total_seconds()
        return Rate(self.limit, max(0, self.limit - self._used), max(1, int(left) + 1), exhausted)
