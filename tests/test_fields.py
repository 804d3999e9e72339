"""US dollars keep their last digit on both databases."""

from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.db.models import Sum
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emitter.fields import MOST_USD, UsdField, rounded
from emitter.models import RunUsage

pytestmark = pytest.mark.django_db
amounts = st.decimals(0, MOST_USD, places=12)


def store(*amounts: Decimal | None) -> None:
    RunUsage.objects.all().delete()
    RunUsage.objects.bulk_create(
        RunUsage(stream="a", run=f"r{place}", model="m", cost_usd=amount) for place, amount in enumerate(amounts)
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(amounts)
def test_what_is_stored_comes_back(amount) -> None:
    store(amount)
    assert RunUsage.objects.get().cost_usd == amount


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(st.lists(st.decimals(0, 100_000, places=12), min_size=1, max_size=20))
def test_the_database_adds_to_the_last_digit(made) -> None:
    store(None, *made)
    assert RunUsage.objects.aggregate(sum=Sum("cost_usd"))["sum"] == sum(made)


def test_null_is_no_amount_and_finds_its_rows() -> None:
    store(None, Decimal("0.000000000001"))
    assert RunUsage.objects.aggregate(sum=Sum("cost_usd"))["sum"] == Decimal("0.000000000001")
    assert RunUsage.objects.get(cost_usd=None).run == "r0"
    assert RunUsage.objects.get(cost_usd__lt="0.01").run == "r1"


def test_half_goes_to_the_even_neighbour() -> None:
    assert [rounded(Decimal(text)) for text in ("0.0000000000005", "0.0000000000015")] == [0, Decimal("0.000000000002")]


def test_what_a_person_writes_is_checked() -> None:
    assert UsdField().to_python("5.10") == Decimal("5.1")
    with pytest.raises(ValidationError):
        UsdField().to_python("five")
    assert UsdField().formfield().clean("12.5") == Decimal("12.5")
    with pytest.raises(ValidationError):
        UsdField().formfield().clean("-1")
