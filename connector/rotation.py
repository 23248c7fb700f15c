"""Every stored secret written anew with the first key, so that older keys can be taken away. Safe to repeat, and to break
off. Also which secrets no key reads, without writing anything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from cryptography.fernet import InvalidToken
from django.apps import apps
from django.db import models, transaction

from connector.fields import SecretTextField

BATCH = 200


@dataclass(frozen=True)
class Unreadable:
    """A value that none of the keys reads."""

    model: str
    pk: str
    field: str


@dataclass
class Rotation:
    """How many secrets were written anew (empty ones are, too, but do not count), and which could not be read."""

    rotated: int = 0
    unreadable: list[Unreadable] = field(default_factory=list)


def rotate() -> Rotation:
    """All secrets of all models, in batches of one transaction each."""
    done = Rotation()
    for model, names in _models_with_secrets():
        for pks in _batches(model):
            _rotate_batch(model, names, pks, done)
    return done


def unreadable() -> list[Unreadable]:
    """The secrets that none of the present keys reads. Raises django.db.Error, also where there is no table yet."""
    return [
        Unreadable(model._meta.label, str(pk), name)
        for model, names in _models_with_secrets()
        for pks in _batches(model)
        for pk in pks
        for name in names
        if not _is_readable(model, pk, name)
    ]


def _models_with_secrets() -> Iterator[tuple[type[models.Model], list[str]]]:
    for model in apps.get_models(include_auto_created=True):
        if names := [one.name for one in model._meta.concrete_fields if isinstance(one, SecretTextField)]:
            yield model, names


def _is_readable(model: type[models.Model], pk: object, name: str) -> bool:
    try:
        model._base_manager.filter(pk=pk).values_list(name, flat=True).first()
    except InvalidToken:
        return False
    return True


def _batches(model: type[models.Model]) -> Iterator[list[object]]:
    pks = iter(list(model._base_manager.order_by("pk").values_list("pk", flat=True)))
    while batch := list(islice(pks, BATCH)):
        yield batch


def _rotate_batch(model: type[models.Model], names: list[str], pks: list[object], done: Rotation) -> None:
    with transaction.atomic():
        # Locked: a token that another process stores between our reading and writing would be lost.
        list(model._base_manager.select_for_update(no_key=True).filter(pk__in=pks).values_list("pk", flat=True))
        for pk in pks:
            for name in names:
                _rotate_value(model, pk, name, done)


def _rotate_value(model: type[models.Model], pk: object, name: str, done: Rotation) -> None:
    row = model._base_manager.filter(pk=pk)
    try:
        value = row.values_list(name, flat=True).first()
    except InvalidToken:
        done.unreadable.append(Unreadable(model._meta.label, str(pk), name))
        return
    if value is not None:
        row.update(**{name: value})
        done.rotated += bool(value)
