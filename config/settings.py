"""All settings, and the only reader of the environment (INTERFACE.md names what others rely on)."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

from config.backoffice import UNFOLD as BACKOFFICE
from config.keys import key_or_generated

ROOT = Path(__file__).resolve().parent.parent
env = environ.Env()
env.read_env(ROOT / ".env", overwrite=False)

VAR = Path(env.str("VAR_DIR", default=str(ROOT / "var")))
VAR.mkdir(mode=0o700, parents=True, exist_ok=True)

DEBUG = env.bool("DEBUG", default=True)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"] if DEBUG else [])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
SECRET_KEY = key_or_generated("SECRET_KEY", env.str("SECRET_KEY", default=""), VAR, debug=DEBUG)
FERNET_KEYS = [
    key.strip()
    for key in key_or_generated(
        "FIELD_ENCRYPTION_KEYS", env.str("FIELD_ENCRYPTION_KEYS", default=""), VAR, debug=DEBUG
    ).split(",")
    if key.strip()
]
AUDIT_KEY = key_or_generated("AUDIT_KEY", env.str("AUDIT_KEY", default=""), VAR, debug=DEBUG)

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.simple_history",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "simple_history",
    "django_q",
    "rest_framework",
    "rest_framework.authtoken",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "mapping",
    "audit",
    "connector",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
ASGI_APPLICATION = "config.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# Databases ------------------------------------------------------------------------------------------------------------
DATABASES: dict[str, dict[str, Any]] = {
    "default": environ.Env.db_url_config(
        env.str("DATABASE_URL", default="") or f"sqlite:///{VAR / 'ml-connector.sqlite3'}"
    )
}
DATABASES["default"]["CONN_MAX_AGE"] = None
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True  # without it a restart of PostgreSQL kills django-q2's monitor
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["ENGINE"] = "config.sqlite3"  # Django's, with turns for writers
    # IMMEDIATE: a transaction takes the write lock at its start, so that it never fails half-way with "database is locked".
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 30,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA busy_timeout=30000;",
    }
    DATABASES["default"]["TEST"] = {"NAME": str(VAR / "test.sqlite3")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Documents ------------------------------------------------------------------------------------------------------------
REQUEST_TIMEOUT_SECONDS = env.float("REQUEST_TIMEOUT_SECONDS", default=60.0)
LEASE_SECONDS = env.float("LEASE_SECONDS", default=120.0)
if LEASE_SECONDS <= REQUEST_TIMEOUT_SECONDS:  # another worker would take over what is still being sent
    raise ImproperlyConfigured(
        f"LEASE_SECONDS ({LEASE_SECONDS:g}) must be longer than REQUEST_TIMEOUT_SECONDS ({REQUEST_TIMEOUT_SECONDS:g})."
    )
RETRY_FIRST_SECONDS = env.float("RETRY_FIRST_SECONDS", default=30.0)
RETRY_LONGEST_SECONDS = 3600.0
MAX_ATTEMPTS = env.int("MAX_ATTEMPTS", default=20)
MAX_DEATHS = 5  # a document during whose own calls the worker died so often running is parked
WAITING_PATIENCE_HOURS = env.float("WAITING_PATIENCE_HOURS", default=72.0)
EXCHANGE_DAYS = env.int("EXCHANGE_DAYS", default=90)
PAPER_LIMIT_BYTES = 20 * 1024 * 1024  # a larger file is stored, not parsed (sps.md §3.1)
FILE_LIMIT_BYTES = 256 * 1024 * 1024  # a larger file stays in the mailbox

# Workers (every figure measured, every trap named: a test guards each) --------------------------------------------------
REDIS_URL = env.str("REDIS_URL", default="")
_workers = env.int("WORKERS", default=2)
_task_timeout = max(120, math.ceil(2 * REQUEST_TIMEOUT_SECONDS))  # above the time-out of any single call
Q_CLUSTER: dict[str, Any] = {
    "name": env.str("QUEUE_NAME", default="ml-connector"),
    "workers": _workers,
    "queue_limit": _workers,  # below `workers` SIGTERM hangs after recycling
    "bulk": 1,
    "timeout": _task_timeout,
    # `retry` counts from fetching, not from starting: above the time-out of everything fetched ahead.
    "retry": max(600, _task_timeout * math.ceil((_workers + _workers + 1) / _workers) + 60),
    "max_attempts": 1,
    "ack_failures": True,
    "save_limit": -1,
    "catch_up": False,
    "recycle": 500,
    "max_rss": 180000,  # kB: a worker is replaced well before 200 MB
    "poll": 0.2,
    "label": "Queue",
    # both are django-q2's own, and beat (connector/heartbeat.py)
    **(
        {"redis": REDIS_URL, "broker_class": "connector.heartbeat.RedisBroker"}
        if REDIS_URL
        else {"orm": "default", "broker_class": "connector.heartbeat.DatabaseBroker"}
    ),
}
HEARTBEAT_FILE = env.str("HEARTBEAT_FILE", default="")  # set by `manage.py workers` for the cluster that it watches

# People ---------------------------------------------------------------------------------------------------------------
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "/admin/login/"
LOGIN_REDIRECT_URL = "/admin/"  # whoever opens the log-in page itself lands in the back office
SIMPLE_HISTORY_REVERT_DISABLED = True
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = env.bool("SECURE_COOKIES", default=not DEBUG)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("BEHIND_PROXY", default=False) else None
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=0)
X_FRAME_OPTIONS = "DENY"

STATIC_URL = "/static/"
STATIC_ROOT = VAR / "static"
STATIC_ROOT.mkdir(exist_ok=True)  # whitenoise warns about a folder that is not there
WHITENOISE_USE_FINDERS = True  # no collectstatic step: the files are served from the installed packages
WHITENOISE_AUTOREFRESH = False

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["connector.api.permissions.ModelRights"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "connector.api.pagination.Pages",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "EXCEPTION_HANDLER": "connector.api.problems.problem",
    "COERCE_DECIMAL_TO_STRING": True,
}
METRICS_OPEN = env.bool("METRICS_OPEN", default=False)  # /metrics for everybody; else loopback or a token
SPECTACULAR_SETTINGS = {
    "TITLE": "ml-connector",
    "DESCRIPTION": "Visma.net ERP to SPS Commerce and back.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "connector.api.problems.documented"],
    "ENUM_NAME_OVERRIDES": {"CauseEnum": "audit.models.Cause", "StatusEnum": "audit.models.Status"},
}

UNFOLD = BACKOFFICE

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", default="WARNING")},
}
