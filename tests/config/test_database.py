"""The test database is the real thing: committed rows are seen by other processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from mapping.models import Company

ROOT = Path(__file__).resolve().parents[2]
COUNT = "import django; django.setup(); from mapping.models import Company; print(Company.objects.count())"


def test_another_process_sees_what_a_test_committed(process_environment: dict[str, str], company: Company) -> None:
    seen = subprocess.run(
        [sys.executable, "-c", COUNT], cwd=ROOT, env=process_environment, capture_output=True, text=True, check=True
    )

    assert seen.stdout.strip() == "1"
