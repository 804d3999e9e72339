"""What a model call costs: the team's own prices (``PRICES``) first, then the list that ``genai-prices`` ships.

The list is loaded when the first call is priced and never fetched from anywhere. A model that nobody knows has no
price: its cost is ``None``, never 0.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal, InvalidOperation, localcontext
from functools import lru_cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

from emitter.conf import conf
from emitter.events import Usage
from emitter.fields import rounded
from emitter.log.entry import Unit
from emitter.log.meter import Priced

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, Provider

logger = logging.getLogger("emitter")

MILLION = 1_000_000
#: A call that costs more is not believed and has no price.
MOST_USD = 100_000
OWN = "PRICES"
#: The label of models that no price list knows.
OTHER = "other"


def cost_of(usage: Usage, at: datetime) -> Decimal | None:
    """US dollars that a call cost at a moment, with 12 digits after the point; ``None`` when nobody knows."""
    priced = price(usage, at)
    return None if priced is None else priced.usd


def price(usage: Usage, at: datetime) -> Priced | None:
    """The cost of a call and the price list it is from. Never raises: a price that fails is none."""
    try:
        with localcontext(prec=40):
            priced = _own_price(usage) or listed_price(usage, at)
    except Exception:
        logger.exception("unpriced: the price of a call of %r could not be found", usage.model)
        return None
    if priced is not None and priced.usd > MOST_USD:
        logger.error("unpriced: %s USD for one call of %r are not believed", priced.usd, usage.model)
        return None
    return priced


def label_of(model: str) -> str:
    """The model's label in metrics, from a closed set: names in ``PRICES``, those of the price list, else ``other``."""
    if model in conf.prices:
        return model
    found = _find(model)
    return OTHER if found is None else found[1].id


def load(units: Iterable[Unit]) -> None:
    """Loads the price list if these units need it: better here than under their locks."""
    if any(entry.usage is not None for unit in units for entry in unit.entries):
        _library()


def own_prices(model: str) -> tuple[Decimal, Decimal] | None:
    """The team's prices of a model, in and out, per million tokens. Raises ``ValueError`` when they are none."""
    if model not in conf.prices:
        return None
    try:
        given = conf.prices[model]
        prices = _amount(given["input"]), _amount(given["output"])
    except (KeyError, TypeError, InvalidOperation):
        raise ValueError(f'PRICES[{model!r}] takes {{"input": "1.25", "output": "10"}}, USD per million.') from None
    if not all(one.is_finite() and one >= 0 for one in prices):
        raise ValueError(f"PRICES[{model!r}] takes amounts of 0 or more.")
    return prices


def _amount(value: Any) -> Decimal:
    """A float is no amount: 0.1 is not what it says."""
    if isinstance(value, bool) or not isinstance(value, Decimal | str | int):
        raise TypeError
    return Decimal(value)


def _own_price(usage: Usage) -> Priced | None:
    prices = own_prices(usage.model)
    if prices is None:
        return None
    return Priced(rounded((usage.input_tokens * prices[0] + usage.output_tokens * prices[1]) / MILLION), OWN)


def list_name() -> str:
    """The name of the price list at hand."""
    library = _library()
    return "" if library is None else f"genai-prices {library.__version__}"


def listed_price(usage: Usage, at: datetime) -> Priced | None:
    """The cost of a call by the price list that is shipped."""
    found = _find(usage.model)
    if found is None:
        return None
    provider, model = found
    listed = model.get_prices(at)
    # A model sold by the hour or the page has no price for tokens, which is not the price 0.
    if (usage.input_tokens and listed.input_mtok is None) or (usage.output_tokens and listed.output_mtok is None):
        return None
    library = _library()
    assert library is not None
    tokens = library.Usage(input_tokens=usage.input_tokens, output_tokens=usage.output_tokens)
    calculated = model.calc_price(tokens, provider, genai_request_timestamp=at)
    return Priced(rounded(calculated.total_price), list_name())


@lru_cache(maxsize=1)
def _library() -> ModuleType | None:
    try:
        import genai_prices
    except ImportError:
        logger.error("unpriced: no price list; install genai-prices, or name your models' prices in PRICES")
        return None
    return genai_prices


@lru_cache(maxsize=1_024)
def _find(model: str) -> tuple[Provider, ModelInfo] | None:
    """A model of the list by its provider's name for it, or by ``provider/model``."""
    if not model or _library() is None:
        return None
    from genai_prices.data import providers
    from genai_prices.data_snapshot import DataSnapshot

    prefix, slash, rest = model.partition("/")
    for reference, provider in [(model, None), *([(rest, prefix)] if slash else [])]:
        # The library remembers every name it is asked for; a snapshot of its own forgets them.
        snapshot = DataSnapshot(providers=providers, from_auto_update=False)
        try:
            return snapshot.find_provider_model(reference, None, provider, None)
        except LookupError:
            continue
    return None
