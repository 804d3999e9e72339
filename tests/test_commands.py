"""What holds of every command."""

import re

import pytest
from django.core.management import get_commands, load_command_class

OURS = sorted(name for name, app in get_commands().items() if app == "emitter")
DJANGOS = {
    "help",
    "version",
    "verbosity",
    "settings",
    "pythonpath",
    "traceback",
    "no_color",
    "force_color",
    "skip_checks",
}


@pytest.mark.parametrize("name", OURS)
def test_its_help_explains_it_and_each_option(name) -> None:
    command = load_command_class("emitter", name)
    options = [action for action in command.create_parser("manage.py", name)._actions if action.dest not in DJANGOS]
    assert len(command.help) > 60
    assert [option.dest for option in options if not option.help] == []


@pytest.mark.parametrize("name", OURS)
def test_a_wrong_option_is_told_the_right_ones(name, capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        load_command_class("emitter", name).run_from_argv(["manage.py", name, "--nonsense"])
    assert ended.value.code == 2
    assert re.search(rf"usage: manage.py {name} .*\[-h\]", capsys.readouterr().err)
