"""``EMITTER``: every key has a default, and one that nobody knows is refused."""

import os
import subprocess
import sys
from dataclasses import FrozenInstanceError, fields

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from emitter.conf import Conf, conf

PROMISED = {
    "DATABASE": "default",
    "USER_KEY": "pk",
    "EMIT_DEADLINE": 5,
    "RETENTION_DAYS": 30,
    "PAYLOAD_BYTES": 65_536,
    "REPAIR_SECONDS": 1,
    "SESSIONS_PER_USER": 20,
    "DEVICES_PER_USER": 50,
    "LEGACY_SENDERS": {},
}


@pytest.mark.parametrize(("name", "default"), PROMISED.items())
def test_the_defaults_that_are_promised(name, default) -> None:
    assert getattr(Conf(), name.lower()) == default


def test_without_the_dict_everything_has_its_default(settings) -> None:
    del settings.EMITTER
    assert [getattr(conf, one.name) for one in fields(Conf)] == [getattr(Conf(), one.name) for one in fields(Conf)]


def test_a_value_counts_at_once_and_only_while_it_is_set() -> None:
    with override_settings(EMITTER={"PAYLOAD_BYTES": 10}):
        assert (conf.payload_bytes, conf.retention_days) == (10, 30)
    assert conf.payload_bytes == 65_536


@pytest.mark.parametrize("name", ["RETENTION", "retention_days", "Retention_Days"])
def test_an_unknown_key_is_refused_with_those_that_are_known(configure, name) -> None:
    configure(**{name: 3})
    with pytest.raises(ImproperlyConfigured, match=f"no setting {name}. Known are .*AGENT, .*RETENTION_DAYS"):
        _ = conf.retention_days


def test_a_default_is_nobodys_to_change() -> None:
    with pytest.raises(FrozenInstanceError):
        Conf().payload_bytes = 1
    assert Conf().legacy_senders is not Conf().legacy_senders


def test_a_project_with_an_unknown_key_does_not_start() -> None:
    script = (
        "import django; from django.conf import settings; settings.EMITTER['RETENTION'] = 3; django.setup()\n"
        "from django.core.management import call_command; call_command('check')"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "netra_events.settings"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert "EMITTER has no setting RETENTION." in done.stderr
