"""Errors for people and programs: `application/problem+json` (RFC 9457) for every one, never a stack trace."""

from __future__ import annotations

import functools
import logging
import re
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, ObjectDoesNotExist, PermissionDenied
from django.core.exceptions import ValidationError as ModelValidationError
from django.db import IntegrityError, models
from django.db.models import ProtectedError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import exception_handler

from connector.api.constraints import sentence_of
from connector.errors import ConnectorError

CONTENT_TYPE = "application/problem+json"
log = logging.getLogger(__name__)


class Conflict(exceptions.APIException):
    """409: as things stand it cannot be done; the detail says why and what to do next."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"
    default_detail = "As things stand this cannot be done."


def problem(exc: Exception, context: dict[str, Any]) -> Response | None:
    """REST framework's exception handler: every exception becomes a problem with a request id."""
    request = context.get("request")
    known = _translated(exc)
    answer = exception_handler(known, context)
    if answer is None:
        return _unexpected(exc, request)
    said = _body(answer.status_code, known, answer.data, request)
    headers = {name: answer[name] for name in ("WWW-Authenticate", "Retry-After") if name in answer}
    return Response(said, status=answer.status_code, headers=_with_id(headers, said), content_type=CONTENT_TYPE)


def refusal(request: HttpRequest, code: int, detail: str) -> HttpResponse:
    """A problem from a plain Django view."""
    said = _frame(code, detail, request)
    return JsonResponse(said, status=code, headers=_with_id({}, said), content_type=CONTENT_TYPE)


def documented(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """SPECTACULAR_SETTINGS' hook: what every address may answer besides what it is for stands in the description too."""
    text = {"type": "string"}
    names = ("type", "title", "detail", "instance", "request_id")
    said: dict[str, Any] = {**dict.fromkeys(names, text), "status": {"type": "integer"}}
    said["errors"] = {"type": "object", "additionalProperties": {}, "description": "by field, where a field is wrong"}
    schema = {"type": "object", "properties": said, "required": [*names, "status"]}
    result["components"]["schemas"]["Problem"] = schema
    content = {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for verbs in result["paths"].values():
        for operation in verbs.values():
            operation["responses"]["default"] = {"description": "Why not.", "content": content}
    return result


def answers_problems(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A plain Django view whose exceptions are answered as problems too."""

    @functools.wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except Http404 as missing:
            return refusal(request, 404, str(missing) or "There is nothing at this address.")
        except Exception:
            answer = refusal(request, 500, _sorry())
            log.exception("%s %s failed, request %s", request.method, request.path, answer["X-Request-Id"])
            return answer

    return guarded


def _translated(exc: Exception) -> Exception:
    """What the database and the models say, in the words of HTTP."""
    if isinstance(exc, ModelValidationError):
        return exceptions.ValidationError(_by_field(exc))
    if isinstance(exc, ProtectedError):
        return Conflict(_still_used(exc))
    if isinstance(exc, IntegrityError):
        return Conflict(sentence_of(exc))
    if isinstance(exc, ConnectorError):
        return Conflict(str(exc))
    if isinstance(exc, ObjectDoesNotExist):
        return exceptions.NotFound()
    return exc


def _by_field(exc: ModelValidationError) -> dict[str, list[str]]:
    if hasattr(exc, "error_dict"):
        return exc.message_dict
    return {NON_FIELD_ERRORS: exc.messages}


def _still_used(exc: ProtectedError) -> str:
    users: Iterable[models.Model] = exc.protected_objects
    kinds = Counter((str(user._meta.verbose_name), str(user._meta.verbose_name_plural)) for user in users)
    named = ", ".join(f"{number} {one if number == 1 else many}" for (one, many), number in sorted(kinds.items()))
    return f"It is still used by {named} and cannot be deleted."


def _unexpected(exc: Exception, request: Any) -> Response:
    said = _frame(500, _sorry(), request)
    log.error("%s failed, request %s", getattr(request, "path", "a request"), said["request_id"], exc_info=exc)
    return Response(said, status=500, headers=_with_id({}, said), content_type=CONTENT_TYPE)


def _sorry() -> str:
    return "Something went wrong on our side; give the request id to whoever runs this system."


def _body(code: int, exc: Exception, answered: Any, request: Any) -> dict[str, Any]:
    if isinstance(exc, exceptions.ValidationError):
        detail = "What was sent is not valid; `errors` says what and where."
        errors = answered if isinstance(answered, dict) else {NON_FIELD_ERRORS: answered}
        return {**_frame(code, detail, request), "errors": errors}
    return _frame(code, _detail(exc, answered), request)


def _detail(exc: Exception, answered: Any) -> str:
    if isinstance(exc, Http404) or (isinstance(exc, exceptions.NotFound) and exc.detail == exc.default_detail):
        return "There is nothing at this address, or it is gone."
    if isinstance(exc, PermissionDenied):
        return str(exc) or "Your rights do not include this; ask for the role that does."
    return str(answered.get("detail", "")) if isinstance(answered, dict) else str(answered)


def _frame(code: int, detail: str, request: Any) -> dict[str, Any]:
    return {
        "type": "about:blank",
        "title": HTTPStatus(code).phrase,
        "status": code,
        "detail": detail,
        "instance": getattr(request, "path", ""),
        "request_id": _request_id(request),
    }


def _request_id(request: Any) -> str:
    """The caller's own X-Request-Id when it is a harmless one, else a new one."""
    given = request.META.get("HTTP_X_REQUEST_ID", "") if request is not None else ""
    return given if re.fullmatch(r"[A-Za-z0-9-]{8,64}", given) else uuid.uuid4().hex


def _with_id(headers: dict[str, str], said: dict[str, Any]) -> dict[str, str]:
    return {**headers, "X-Request-Id": said["request_id"]}
