from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand

PASSWORD = "demo"
PEOPLE = {"alice": {}, "bob": {}, "admin": {"is_staff": True, "is_superuser": True}}


class Command(BaseCommand):
    help = (
        "Create the users of the demonstration: alice, bob and the staff user admin, each with the password "
        f"{PASSWORD!r}. Users who exist already are left as they are."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        users = get_user_model()._default_manager
        for name, rights in PEOPLE.items():
            user, created = users.get_or_create(username=name, defaults=rights)
            if created:
                user.set_password(PASSWORD)
                user.save(update_fields=["password"])
                self.stdout.write(f"created {name}")
