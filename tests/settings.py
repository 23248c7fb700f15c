"""The real settings on a throw-away database: SQLite in a file, or PostgreSQL when TEST_DATABASE=postgres.

Runs before everything else, once in the first process; pytest-xdist's workers and the processes that tests start inherit
the environment made here, so that all of them mean the same keys, database and queue.
"""

import atexit
import os
import shutil
import tempfile

from tests import postgres

if "TEST_RUN" not in os.environ:
    os.environ["TEST_RUN"] = str(os.getpid())
    os.environ["VAR_DIR"] = tempfile.mkdtemp(prefix="ml-connector-tests-")
    atexit.register(shutil.rmtree, os.environ["VAR_DIR"], ignore_errors=True)
    os.environ["DATABASE_URL"] = postgres.start() if os.environ.get("TEST_DATABASE") == "postgres" else ""
# a queue of its own for every worker of the test run: with Redis all would share one
os.environ["QUEUE_NAME"] = f"test-{os.environ['TEST_RUN']}-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"

from config.settings import *  # noqa: F403 - the environment had to be made first

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # users are made by the hundred
