"""Settings of the example project, from the environment.

Read are ``DATABASE_URL``, ``REDIS_URL``, ``SECRET_KEY``, ``DEBUG``, ``ALLOWED_HOSTS`` and
``CSRF_TRUSTED_ORIGINS``. Without them this is the embedded default for development: SQLite, a layer in
memory, one process. With ``DEBUG`` off, ``netra_events.checks`` refuses what is unsafe to serve with.
"""

from os import environ
from pathlib import Path
from typing import Any

import dj_database_url
from csp.constants import NONE, SELF

BASE_DIR = Path(__file__).resolve().parent.parent

DEVELOPMENT_KEY = "insecure-development-key-for-this-machine-only"


def listed(name: str) -> list[str]:
    """The comma-separated values of an environment variable."""
    return [value.strip() for value in environ.get(name, "").split(",") if value.strip()]


def database(url: str) -> dict[str, Any]:
    """The settings of one database, with what concurrent writers need on SQLite.

    Options stand in the address. ``?pool=true`` gives PostgreSQL the connection pool that spares a server a new
    connection for each request; a process that forks after its first query cannot use it.
    """
    settings: dict[str, Any] = {"OPTIONS": {}, **dj_database_url.parse(url)}
    if settings["ENGINE"] == "django.db.backends.sqlite3":
        path = Path(settings["NAME"])
        # Threads and processes share a file; Django's test database in memory refuses them.
        settings["TEST"] = {"NAME": str(path.with_name(f"test_{path.name}"))}
        settings["CONN_MAX_AGE"] = None
        settings["OPTIONS"] |= {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        }
    elif "pool" not in settings["OPTIONS"]:
        settings |= {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
    return settings


def channel_layer(redis_url: str | None) -> dict[str, Any]:
    """The bell's channel layer: Redis when several processes serve, memory when one does."""
    if redis_url:
        return {
            "BACKEND": "emitter.bell.redis.RedisChannelLayer",
            "CONFIG": {"hosts": [redis_url]},
        }
    return {"BACKEND": "emitter.bell.local.LocalChannelLayer"}


DEBUG = environ.get("DEBUG", "on").lower() in {"1", "on", "true", "yes"}
SECRET_KEY = environ.get("SECRET_KEY", DEVELOPMENT_KEY)
ALLOWED_HOSTS = listed("ALLOWED_HOSTS")
CSRF_TRUSTED_ORIGINS = listed("CSRF_TRUSTED_ORIGINS")

# Without DEBUG pages come over HTTPS alone. Addresses for programs are left out of the redirect: by the time it is
# answered, a token has crossed the wire in clear, and a probe asks the process itself.
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = not DEBUG
SECURE_REDIRECT_EXEMPT = [r"^api/", r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = 0 if DEBUG else 30 * 86_400
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = not DEBUG

#: Scripts, styles and connections of this site alone, and nothing inline.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "base-uri": [NONE],
        "object-src": [NONE],
        "frame-ancestors": [NONE],
        "form-action": [SELF],
        "img-src": [SELF, "data:"],
    }
}

DATABASES = {"default": database(environ.get("DATABASE_URL", f"sqlite:///{BASE_DIR / 'db.sqlite3'}"))}
CHANNEL_LAYERS = {"default": channel_layer(environ.get("REDIS_URL"))}

EMITTER: dict[str, Any] = {"AGENT": "netra_events.agent.DemoAgent"}

INSTALLED_APPS = [
    "daphne",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "servestatic",
    "csp",
    "channels",
    "emitter",
    "netra_events",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

ROOT_URLCONF = "netra_events.urls"
ASGI_APPLICATION = "netra_events.asgi.application"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "/accounts/login/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = LOGIN_URL

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
# Files come straight from the apps, so that no `collectstatic` has to be remembered.
SERVESTATIC_USE_FINDERS = True

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO"},
}

TEST_RUNNER = "tests.runner.PytestRunner"
