"""`manage.py map` as an operator types it."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from mapping.models import Company, ItemReference, UnitMapping
from tests.connector.commands.runs import run

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "suppliers.csv").write_text("supplier,trading_partner_id,default\n50000,NORDIC,yes\n")
    (tmp_path / "items.csv").write_text("trading_partner_id,their_number,number_kind,item\nNORDIC,NP-1,vendor,1001\n")
    (tmp_path / "units.csv").write_text("unit;rsx_unit;factor\nSTK;EA;\nKRT;EA;12\n")
    (tmp_path / "taxes.csv").write_text("trading_partner_id,tax_type,percent,vat_category\nNORDIC,VA,25,1\n")
    (tmp_path / "bad.csv").write_text("unit,rsx_unit\nSTK,EA\nKRT,CASE\nPAL,PALL\n")
    return tmp_path


def test_all_four_kinds_are_mapped_and_counted(company: Company, folder: Path) -> None:
    counts = {
        kind: run("map", kind, str(folder / f"{kind}.csv"), "--json").facts
        for kind in ("suppliers", "items", "units", "taxes")
    }
    assert {kind: found["created"] for kind, found in counts.items()} == {
        "suppliers": 1, "items": 1, "units": 2, "taxes": 1,
    }  # fmt: skip
    assert counts["items"] == {"created": 1, "updated": 0, "unchanged": 0, "errors": [], "dry_run": False}
    assert ItemReference.history.get().history_change_reason == "map items.csv"
    assert run("map", "units", str(folder / "units.csv"), "--json").facts["unchanged"] == 2


def test_people_read_on_stderr_what_was_done(company: Company, folder: Path) -> None:
    result = run("map", "units", str(folder / "units.csv"), "--dry-run")
    assert result.stdout == ""
    assert "2 created, 0 updated, 0 unchanged (dry run: nothing was written)" in result.words
    assert not UnitMapping.objects.exists()


def test_bad_rows_end_with_1_and_are_named(company: Company, folder: Path) -> None:
    result = run("map", "units", str(folder / "bad.csv"), "--json")
    assert result.code == 1
    assert [one["line"] for one in result.facts["errors"]] == [3, 4]
    assert "bad.csv line 3: rsx_unit CASE is not one of the 262 RSX units" in result.words
    assert result.error.endswith("nothing was written.")


@pytest.mark.parametrize(
    "arguments",
    [
        ("map", "suppliers", "nowhere.csv"),
        ("map", "suppliers", "."),
        ("map", "units", "units.csv", "--company", "Nobody"),
    ],
)
def test_wrong_usage_ends_with_2(company: Company, arguments: tuple[str, ...]) -> None:
    result = run(*arguments, "--json")
    assert result.code == 2
    assert list(result.facts) == ["error"]


def test_of_several_companies_one_must_be_named(company: Company, folder: Path) -> None:
    other = Company.objects.create(name="Other AS", orders_from=date(2026, 1, 1))
    result = run("map", "units", str(folder / "units.csv"))
    assert result.code == 2
    assert "one of Nordic Tools AS, Other AS" in result.error
    assert run("map", "units", str(folder / "units.csv"), "--company", "Other AS").code == 0
    assert UnitMapping.objects.filter(company=other).count() == 2


@pytest.mark.django_db(transaction=True)
def test_as_a_process_it_shows_one_sentence_and_no_stack_trace(
    company: Company, folder: Path, process_environment: dict[str, str]
) -> None:
    def process(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "manage.py", "map", *arguments]
        return subprocess.run(command, cwd=ROOT, env=process_environment, capture_output=True, text=True, check=False)

    bad = process("units", str(folder / "bad.csv"), "--json")
    assert (bad.returncode, bad.stdout.count("\n")) == (1, 1)
    assert "Traceback" not in bad.stderr
    assert process("colours", str(folder / "bad.csv")).returncode == 2
    assert process("units", str(folder / "nowhere.csv")).returncode == 2
    assert process("units", str(folder / "units.csv")).returncode == 0
