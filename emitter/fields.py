"""US dollars in a database, to the last digit."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import models

#: Digits after the point: a token at a price of 0.000001 USD per million still counts.
PLACES = 12
MOST_USD = Decimal(9_000_000)
_CONTEXT = Context(prec=40, rounding=ROUND_HALF_EVEN)
_UNIT = Decimal(1).scaleb(-PLACES)

if TYPE_CHECKING:
    _Field = models.BigIntegerField[Decimal | str | int | None, Decimal | None]
else:
    _Field = models.BigIntegerField


def rounded(usd: Decimal) -> Decimal:
    """The amount with ``PLACES`` digits after the point; half goes to the even neighbour."""
    return usd.quantize(_UNIT, context=_CONTEXT)


class UsdField(_Field):
    """An amount of US dollars, a ``Decimal``, stored as a whole number of 10⁻¹² USD.

    So both databases keep every digit and add exactly, in ``Sum`` too; SQLite would make a decimal column a float. The
    most that fits is 9,000,000 USD.
    """

    description = "US dollars"

    def from_db_value(self, value: Any, *_: Any) -> Decimal | None:
        return None if value is None else Decimal(int(value)).scaleb(-PLACES, context=_CONTEXT)

    def to_python(self, value: Any) -> Decimal | None:
        if value is None:
            return None
        try:
            return rounded(Decimal(value))
        except (InvalidOperation, TypeError, ValueError):
            raise ValidationError("%(value)s is no amount.", params={"value": value}) from None

    def get_prep_value(self, value: Any) -> int | None:
        return None if value is None else int(rounded(Decimal(value)).scaleb(PLACES, context=_CONTEXT))

    def formfield(self, **kwargs: Any) -> Any:
        kwargs.pop("min_value", None)
        kwargs.pop("max_value", None)
        options = {"min_value": 0, "max_value": MOST_USD, "decimal_places": PLACES, **kwargs}
        return models.Field.formfield(self, form_class=forms.DecimalField, **options)
