import pytest
from django.contrib.auth.models import User
from django.db import transaction

from emitter.context import RunContext
from emitter.errors import EventRefused
from emitter.events import AgentThinking
from emitter.policy import users
from emitter.service import Item, emitter

from .conftest import Configure, person


def by_name(key: str) -> User | None:
    return User.objects.filter(username=key.removeprefix("user:")).first()


def code_of_find(value: str) -> str:
    with pytest.raises(EventRefused) as caught:
        users.find(value)
    return caught.value.code


def test_a_key_is_the_primary_key_as_text(alice: User) -> None:
    assert users.key_of(alice) == str(alice.pk)
    assert users.user_of(str(alice.pk)) == alice


def test_nobody_has_another_key(alice: User) -> None:
    for key in ("0", "-1", "alice", "", "9" * 30, f"{alice.pk}.0", "\x00", "\ud800"):
        assert users.user_of(key) is None
        assert users.existing([key]) == set()


@pytest.mark.parametrize("written", ["0{}", "+{}", " {}", "{} ", "{}_0"])
def test_a_key_has_one_way_to_be_written(alice: User, written: str) -> None:
    assert users.user_of(written.format(alice.pk)) is None
    assert users.existing([written.format(alice.pk)]) == set()


def test_digits_of_other_scripts_are_no_key(alice: User) -> None:
    fullwidth = "".join(chr(0xFF10 + int(digit)) for digit in str(alice.pk))
    assert users.user_of(fullwidth) is None


def test_of_many_keys_those_exist_that_are_somebodys(alice: User, bob: User) -> None:
    keys = {str(alice.pk), str(bob.pk)}
    assert users.existing([*keys, "999999", "alice"]) == keys


def test_a_person_is_found_by_key_and_by_name(alice: User) -> None:
    assert users.find(str(alice.pk)) == users.find("alice") == str(alice.pk)


def test_a_stranger_is_not_found(alice: User) -> None:
    assert code_of_find("mallory") == code_of_find("999999") == "unknown_user"


def test_a_value_that_is_ones_key_and_anothers_name_is_refused(alice: User) -> None:
    person(str(alice.pk))
    assert code_of_find(str(alice.pk)) == "ambiguous_user"


def test_a_person_may_be_named_like_their_own_key(db: None) -> None:
    user = person("to be renamed")
    User.objects.update(username=str(user.pk))
    assert users.find(str(user.pk)) == str(user.pk)


def test_a_unique_field_may_be_the_key(alice: User, configure: Configure) -> None:
    configure(USER_KEY="username")
    assert users.key_of(alice) == "alice"
    assert users.user_of("alice") == alice
    assert users.existing(["alice", str(alice.pk)]) == {"alice"}


def test_two_functions_may_make_the_key(alice: User, configure: Configure) -> None:
    configure(USER_KEY=(lambda user: f"user:{user.username}", by_name))
    assert users.key_of(alice) == "user:alice"
    assert users.user_of("user:alice") == alice
    assert users.existing(["user:alice", "user:bob"]) == {"user:alice"}
    assert users.find("alice") == "user:alice"


# Who may get events ---------------------------------------------------------------------------------------------------


def test_nobody_and_the_inactive_get_no_events(alice: User, bob: User) -> None:
    User.objects.filter(pk=bob.pk).update(is_active=False)
    barred = users.barred([str(alice.pk), str(bob.pk), "999999"], remember=False)
    assert {key: refusal.code for key, refusal in barred.items()} == {
        str(bob.pk): "user_inactive",
        "999999": "unknown_user",
    }


def test_the_inactive_are_known_by_any_kind_of_key(alice: User, configure: Configure) -> None:
    configure(USER_KEY=(lambda user: f"user:{user.username}", by_name))
    assert users.barred(["user:alice"], remember=False) == {}
    User.objects.update(is_active=False)
    assert users.barred(["user:alice"], remember=False)["user:alice"].code == "user_inactive"


@pytest.mark.django_db(transaction=True)
def test_a_deactivated_user_gets_no_more_events_however_old_the_stream(alice: User, configure: Configure) -> None:
    configure(USER_SECONDS=0)
    context = RunContext(str(alice.pk), run_id="run-19")
    emitter.emit(context, AgentThinking("Hm"))
    User.objects.update(is_active=False)
    for emit in (emitter.emit, in_transaction):
        with pytest.raises(EventRefused) as caught:
            emit(context, AgentThinking("Ah"))
        assert caught.value.code == "user_inactive"


def in_transaction(context: RunContext, event: AgentThinking) -> None:
    with transaction.atomic():
        emitter.emit(context, event)


@pytest.mark.django_db(transaction=True)
def test_a_reactivated_user_need_not_wait(alice: User) -> None:
    User.objects.update(is_active=False)
    assert users.barred([str(alice.pk)])
    User.objects.update(is_active=True)
    assert users.barred([str(alice.pk)]) == {}


@pytest.mark.django_db(transaction=True)
def test_who_is_barred_takes_nobody_along(alice: User, bob: User, configure: Configure) -> None:
    configure(USER_SECONDS=0)
    User.objects.filter(pk=bob.pk).update(is_active=False)
    contexts = [RunContext(str(user.pk), run_id=f"run of {user.username}") for user in (alice, bob, alice)]
    outcomes = emitter.emit_each([Item(context, AgentThinking("Hm")) for context in contexts])
    assert [getattr(outcome, "code", None) for outcome in outcomes] == [None, "user_inactive", None]
    with pytest.raises(EventRefused) as caught:
        emitter.emit_many([(context, AgentThinking("Hm")) for context in contexts])
    assert (caught.value.code, caught.value.index) == ("user_inactive", 1)


@pytest.mark.django_db(transaction=True)
def test_that_a_user_is_active_is_remembered_for_a_while(alice: User, django_assert_num_queries) -> None:
    users.barred([str(alice.pk)])
    with django_assert_num_queries(0):
        assert users.barred([str(alice.pk)]) == {}
