"""The door for gunicorn."""

import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()

from config.sqlite3.base import go_first  # noqa: E402 - models are there only now
from connector.hooks import warm_up  # noqa: E402 - models are there only now

go_first()
warm_up()
gc.collect()
gc.freeze()  # what was imported stays: no collection has to look through it while a webhook waits
