"""HTTP towards both remote systems: one call, in bounded time, its outcome told as one of the error families.

Nothing here knows Django, Visma or SPS. `ApiSession` carries calls, `fetch_token` gets the token that they need, and
each call is handed to the recorder that the caller gave.
"""

from connector.http.exchange import Answer, Call, Recorder
from connector.http.lines import kept_lines
from connector.http.session import ApiSession, CallBudget, Tokens
from connector.http.token import Token, fetch_token

__all__ = ["Answer", "ApiSession", "Call", "CallBudget", "Recorder", "Token", "Tokens", "fetch_token", "kept_lines"]
