"""How often one address may come to the door, whoever it says it is: counted before anybody is signed in."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address

from emitter.conf import conf
from emitter.policy import rates
from emitter.policy.rates import RateExceeded

#: So many seconds of the rate may come at once.
BURST_SECONDS = 10


def admit(address: str | None) -> None:
    """Counts one socket or stream of an address, in this process. Raises ``rate_exceeded``."""
    rate = conf.connections_per_address
    if rate is None or not address:
        return
    wait = rates.local.wait(f"address:{network_of(address)}", 1, rate, max(1, rate * BURST_SECONDS))
    if wait > 0:
        raise RateExceeded(f"This address opens more than {rate:g} connections a second; wait, then try again.", wait)


def network_of(address: str) -> str:
    """Who counts as one: an IPv4 address, or the /64 that one IPv6 subscriber has to choose from."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address[:100]
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Address(int(parsed) >> 64 << 64))
