"""The desk: the questions that documents wait with, and what a person may answer. One answer frees all behind it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from audit import desk
from audit.letter import letter_about
from audit.models import Cause, Document, Hold
from audit.selection import LARGEST_ID, of_partner, rows
from connector.api.companies import company_named
from connector.api.documents import actor, checked
from connector.api.problems import Conflict
from connector.api.serializers import DocumentSerializer, HoldSerializer, ReasonSerializer, WhySerializer
from connector.evidence import suggestions_of
from connector.wakeups import wake_workers
from mapping.models import Company
from mapping.models.mirrors import MONEY

DOCUMENTS_SHOWN = 200
NARROW = [OpenApiParameter(name) for name in ("company", "cause", "partner")]


class QuestionSerializer(serializers.Serializer[Any]):
    """One row of the desk. `hold` is the id by which it is asked for and answered; `amount` is the money at stake."""

    hold = serializers.IntegerField()
    newest = serializers.IntegerField(help_text="the latest hold; sent back as `up_to`, later ones are left")
    company = serializers.CharField()
    cause = serializers.ChoiceField(choices=Cause.choices)
    subject = serializers.CharField()
    sentence = serializers.CharField()
    documents = serializers.IntegerField()
    amount = serializers.DecimalField(**MONEY, allow_null=True)
    currency = serializers.CharField()
    oldest = serializers.DateTimeField()
    assigned_to = serializers.CharField()
    partner = serializers.CharField()
    asked_at = serializers.DateTimeField(allow_null=True, help_text="when a replacement was asked for")


class SuggestionSerializer(serializers.Serializer[Any]):
    """What a missing mapping could be: an item, a unit, a supplier's number or a partner's id. `score` is 0 to 100."""

    value = serializers.CharField()
    description = serializers.CharField()
    score = serializers.FloatField()
    why = serializers.ListField(child=serializers.CharField())


class HoldDetailSerializer(HoldSerializer):
    """A hold with the documents that wait with the same question, oldest first, at most 200 of them.

    `suggestions` say what the missing mapping could be, best first; none is ever applied by itself.
    """

    documents = DocumentSerializer(many=True)
    suggestions = SuggestionSerializer(many=True)

    class Meta(HoldSerializer.Meta):
        fields = [*HoldSerializer.Meta.fields, "documents", "suggestions"]


class AssignSerializer(serializers.Serializer[Any]):
    """Who takes it: a user name, or empty for nobody. Left out: whoever asks."""

    user = serializers.CharField(required=False, allow_blank=True)
    comment = serializers.CharField(required=False, allow_blank=True, default="")


class CommentSerializer(serializers.Serializer[Any]):
    comment = serializers.CharField()


class AnswerSerializer(ReasonSerializer):
    """An answer to the holds that the caller has seen: `up_to` is the question's `newest`; left out, to all."""

    up_to = serializers.IntegerField(required=False, min_value=1, max_value=LARGEST_ID)


class LetterSerializer(serializers.Serializer[Any]):
    """What to tell the supplier; `link` opens a mail program with it."""

    subject = serializers.CharField()
    body = serializers.CharField()
    link = serializers.CharField()


class AnsweredSerializer(serializers.Serializer[Any]):
    """How many holds or documents an answer reached."""

    count = serializers.IntegerField()


class Holds(viewsets.GenericViewSet[Hold]):
    """Open questions. Every verb is about the question, and so about all documents that wait with it."""

    queryset = Hold.objects.select_related("document__company", "assigned_to").order_by("pk")
    serializer_class = HoldSerializer
    lookup_value_regex = r"\d+"
    rights = {
        "assign": "audit.decide_document",
        "comment": "audit.decide_document",
        "accept": "audit.decide_document",
        "expense": "audit.decide_document",
        "replacement": "audit.decide_document",
        "reconsider": "audit.replay_document",
        "ignore": "audit.ignore_document",
    }

    @extend_schema(responses=QuestionSerializer(many=True), parameters=NARROW)
    def list(self, request: Request) -> Response:
        """The desk: one row per cause and subject, most money first, then oldest."""
        page: Any = self.paginate_queryset(_questions(request))
        return self.get_paginated_response(QuestionSerializer(_addressed(page), many=True).data)

    @extend_schema(responses=HoldDetailSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:  # noqa: ARG002 - the address's own names
        hold = self.get_object()
        waiting = rows(Document.objects.filter(pk__in=desk.alike(hold).values("document")))
        documents = DocumentSerializer(waiting.order_by("created_at", "pk")[:DOCUMENTS_SHOWN], many=True)
        suggestions = SuggestionSerializer(suggestions_of(hold), many=True)
        shown = {"documents": documents.data, "suggestions": suggestions.data}
        return Response({**HoldSerializer(hold).data, **shown})

    @extend_schema(request=AssignSerializer, responses=AnsweredSerializer)
    @action(detail=True, methods=["post"])
    def assign(self, request: Request, pk: str) -> Response:  # noqa: ARG002 - the address's own names
        """Someone takes the question; who is on it is told, nothing is decided."""
        said = checked(AssignSerializer(data=request.data))
        holder = _user(said.get("user", actor(request)))
        return self._answered(desk.assign(self._open(), holder, said["comment"]))

    @extend_schema(request=CommentSerializer, responses=AnsweredSerializer)
    @action(detail=True, methods=["post"])
    def comment(self, request: Request, pk: str) -> Response:  # noqa: ARG002 - the address's own names
        """A remark for whoever looks next; whoever has the question keeps it."""
        said = checked(CommentSerializer(data=request.data))
        return self._answered(desk.assign(self._open(), self.get_object().assigned_to, said["comment"]))

    @extend_schema(request=AnswerSerializer, responses=AnsweredSerializer)
    @action(detail=True, methods=["post"])
    def accept(self, request: Request, pk: str) -> Response:  # noqa: ARG002 - the address's own names
        """What the papers say is right; each document is decided again with that."""
        return self._answer(request, desk.accept)

    @extend_schema(request=AnswerSerializer, responses=AnsweredSerializer)
    @action(detail=True, methods=["post"])
    def expense(self, request: Request, pk: str) -> Response:  # noqa: ARG002 - the address's own names
        """The invoices are booked on the partner's expense account, whatever they do not fit."""
        return self._answer(request, desk.post_as_expense)

    @extend_schema(request=AnswerSerializer, responses=AnsweredSerializer)
    @action(detail=True, methods=["post"])
    def replacement(self, request: Request, pk: str) -> Response:  # noqa: ARG002 - the address's own names
        """The supplier is asked for another paper; the documents stay held until it comes and takes their place."""
        return self._answer(request, desk.ask_replacement, wake=False)

    @extend_schema(responses=LetterSerializer)
    @action(detail=True)
    def letter(self, request: Request, pk: str) -> Response:  # noqa: ARG002 - the address's own names
        """The text that asks the supplier for a replacement, which SPS does not carry. 404 where it is no matter of theirs."""
        found = letter_about(self._open())
        if found is None:
            raise NotFound("There is nothing in it that the supplier could put right.")
        return Response(LetterSerializer(found).data)

    @extend_schema(request=WhySerializer, responses=AnsweredSerializer)
    @action(detail=True, methods=["post"])
    def reconsider(self, request: Request, pk: str) -> Response:  # noqa: ARG002 - the address's own names
        """What was missing is there now (a mapping, an account): every document is looked at again."""
        said = checked(WhySerializer(data=request.data))
        why = said["reason"] or f"{actor(request)} asked for another look."
        return self._answered(desk.reconsider(list(self._open()), why=why, now=timezone.now()), True)

    @extend_schema(request=AnswerSerializer, responses=AnsweredSerializer)
    @action(detail=True, methods=["post"])
    def ignore(self, request: Request, pk: str) -> Response:  # noqa: ARG002 - the address's own names
        """None of the documents is delivered, for a reason."""
        return self._answer(request, desk.ignore)

    def _answer(self, request: Request, verb: Callable[..., int], wake: bool = True) -> Response:
        """One verb of the desk, for a reason. Raises Conflict with the sentence that says why not."""
        said = checked(AnswerSerializer(data=request.data))
        holds = self._open()
        if "up_to" in said:
            holds = holds.filter(pk__lte=said["up_to"])
        try:
            reached = verb(holds, reason=said["reason"], actor=actor(request), now=timezone.now())
        except ValueError as refused:
            raise Conflict(str(refused)) from refused
        return self._answered(reached, wake)

    def _open(self) -> QuerySet[Hold]:
        """The holds behind the question. Raises Conflict when it is answered already."""
        hold = self.get_object()
        behind = desk.alike(hold)
        if not behind.exists():
            raise Conflict(f"{hold} waits no longer; look at the desk again.")
        return behind

    def _answered(self, count: int, wake: bool = False) -> Response:
        if wake:
            wake_workers()
        return Response(AnsweredSerializer({"count": count}).data)


def _questions(request: Request) -> list[desk.Question]:
    wanted = request.query_params
    cause, partner = wanted.get("cause", ""), wanted.get("partner", "")
    asked = (Q(cause=cause) if cause else Q()) & (Q(document__in=_papers_of(partner)) if partner else Q())
    return desk.questions(company_named(wanted.get("company", "")), asked=asked)


def _papers_of(partner: str) -> QuerySet[Document]:
    return Document.objects.filter(of_partner(partner))


def _addressed(questions: list[desk.Question]) -> list[dict[str, Any]]:
    """The rows with the company by its name."""
    names = dict(Company.objects.values_list("pk", "name"))
    return [asdict(question) | {"company": names[question.company]} for question in questions]


def _user(name: str) -> Any:
    """The user of that name, nobody for an empty one. Raises ValidationError."""
    if not name:
        return None
    found = get_user_model().objects.filter(username=name, is_active=True).first()
    if found is None:
        raise ValidationError({"user": [f"There is no active user {name}."]})
    return found
