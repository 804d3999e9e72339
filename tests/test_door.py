"""How often one address may come."""

import pytest

from emitter.errors import EmitterError
from emitter.policy import rates
from emitter.policy.door import admit, network_of


@pytest.fixture(autouse=True)
def full_buckets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "local", rates.LocalRates())


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::9", "2001:db8:1:2::"),
        ("testclient", "testclient"),
        ("x" * 1_000, "x" * 100),
    ],
)
def test_who_counts_as_one(address, network) -> None:
    assert network_of(address) == network


def test_one_address_too_often_is_refused_and_no_other(configure) -> None:
    configure(CONNECTIONS_PER_ADDRESS=0.1)
    admit("192.0.2.7")
    with pytest.raises(EmitterError, match="rate_exceeded"):
        admit("192.0.2.7")
    admit("192.0.2.8")


@pytest.mark.parametrize("address", [None, ""])
def test_who_has_no_address_is_not_counted(configure, address) -> None:
    configure(CONNECTIONS_PER_ADDRESS=0.1)
    for _ in range(5):
        admit(address)


def test_it_can_be_left_to_a_balancer(configure) -> None:
    configure(CONNECTIONS_PER_ADDRESS=None)
    for _ in range(5):
        admit("192.0.2.7")
