"""What a missing mapping could be, each candidate with its evidence in words. Offered to people, never applied by itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from rapidfuzz import fuzz, process, utils

SHOWN = 8
SIMILAR_ENOUGH = 75.0  # of 100; below, descriptions share little more than common words
STRENGTHENS = 0.2  # how much of what is missing to certainty a further piece of evidence adds


@dataclass(frozen=True)
class Evidence:
    """One reason for a candidate. `strength` is 0 to 100: 100 would decide alone."""

    value: str
    strength: float
    why: str


@dataclass(frozen=True)
class Suggestion:
    """A candidate with everything that speaks for it, strongest reason first. `score` is 0 to 100."""

    value: str
    description: str
    score: float
    why: tuple[str, ...]


def ranked(
    found: Iterable[Evidence], labels: Mapping[str, str] | None = None, *, shown: int = SHOWN
) -> list[Suggestion]:
    """The best candidates first; equal ones by their value, so that a list never depends on what was found first.

    The strongest reason counts in full, and each further one closes a fifth of the gap that is left: more evidence never
    makes a candidate worse, and many weak reasons stay below certainty. The same reason counts once.
    """
    reasons: dict[str, dict[str, float]] = defaultdict(dict)
    for evidence in found:
        if evidence.value and evidence.strength > 0:
            known = reasons[evidence.value].get(evidence.why, 0.0)
            reasons[evidence.value][evidence.why] = max(known, min(evidence.strength, 100.0))
    suggestions = [_suggestion(value, why, (labels or {}).get(value, "")) for value, why in reasons.items()]
    return sorted(suggestions, key=lambda one: (-one.score, one.value))[:shown]


def _suggestion(value: str, reasons: Mapping[str, float], label: str) -> Suggestion:
    ordered = sorted(reasons, key=lambda why: (-reasons[why], why))
    score = reasons[ordered[0]]
    for why in ordered[1:]:
        score += (100.0 - score) * STRENGTHENS * reasons[why] / 100.0
    return Suggestion(value, label, round(score, 1), tuple(ordered))


def squeezed(number: str) -> str:
    """An item number without what people leave out or add: signs, blanks, letter case, leading zeros."""
    return "".join(sign for sign in number.casefold() if sign.isalnum()).lstrip("0")


def siblings(barcode: str) -> tuple[str, ...]:
    """The ten 14-digit barcodes of the same article in other packages: another first digit, its check digit with it.

    Empty for what is not a number of at most 14 digits.
    """
    if not (barcode.isascii() and barcode.isdigit() and len(barcode) <= 14):
        return ()
    core = barcode.zfill(14)[1:13]
    return tuple(f"{first}{core}{_check_digit(f'{first}{core}')}" for first in range(10))


def similar(text: str, texts: Mapping[str, str]) -> list[tuple[str, float]]:
    """Keys of the texts that resemble this one, with how much (75 to 100), most first."""
    if not utils.default_process(text):
        return []
    found = process.extract(
        text,
        texts,
        scorer=fuzz.token_set_ratio,
        processor=utils.default_process,
        score_cutoff=SIMILAR_ENOUGH,
        limit=SHOWN,
    )
    return sorted(((key, round(score, 1)) for _, score, key in found), key=lambda pair: (-pair[1], pair[0]))


def fitting_units(
    reach: Mapping[tuple[str, str], Decimal], ordered_unit: str, ordered: Decimal, on_paper: Sequence[Decimal]
) -> list[Evidence]:
    """Our units that convert into the ordered one; a quantity on the paper that then equals the order's speaks for one."""
    found = []
    for (unit, into), factor in sorted(reach.items()):
        if into != ordered_unit:
            continue
        same = (
            "is the unit we ordered in"
            if unit == into
            else f"1 {unit} = {_plain(factor)} {into} by the item's conversions"
        )
        found.append(Evidence(unit, 30.0, f"{unit} {same}" if unit == into else same))
        equal = next((quantity for quantity in on_paper if ordered and quantity * factor == ordered), None)
        if equal is not None:
            why = f"{_plain(equal)} of it is exactly the {_plain(ordered)} {into} that were ordered"
            found.append(Evidence(unit, 70.0, why))
    return found


def _plain(number: Decimal) -> str:
    """At most six digits behind the point, none of them needless."""
    return f"{number.quantize(Decimal('0.000001')).normalize():f}"


def _check_digit(digits: str) -> int:
    """Of a GTIN-14 (GS1): weights 3 and 1 in turn, from the left."""
    return -sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(digits)) % 10
