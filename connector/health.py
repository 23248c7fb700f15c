"""Signs of life for load balancers and container probes."""

from __future__ import annotations

from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone

from connector.api.problems import answers_problems, refusal
from connector.status import ALIVE_WITHIN, workers


@answers_problems
def healthz(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - the signature of a view
    """The process answers; nothing else is asked."""
    return JsonResponse({"alive": True})


@answers_problems
def readyz(request: HttpRequest) -> HttpResponse:
    """The database answers and a worker cluster has beaten within ALIVE_WITHIN; else 503, saying which of them does not."""
    try:
        alive = workers(timezone.now())
    except DatabaseError as error:
        # only its kind: the words of the error may name hosts and users
        return refusal(request, 503, f"The database does not answer: {type(error).__name__}.")
    if not alive:
        seconds = int(ALIVE_WITHIN.total_seconds())
        return refusal(request, 503, f"The database answers, but no worker has shown itself for {seconds} seconds.")
    return JsonResponse({"ready": True, "database": True, "workers": alive})
