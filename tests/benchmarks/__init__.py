"""Figures of the whole: each module is a command (`python -m tests.benchmarks.calls`) and prints what it has measured.

The settings are those of the tests: a database of its own that is thrown away (TEST_DATABASE=postgres for the other one).
"""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()
