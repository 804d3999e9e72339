import pytest
from django.contrib.auth.models import User

from emitter.errors import EventRefused
from emitter.policy import users

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
