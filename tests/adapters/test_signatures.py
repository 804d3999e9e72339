"""Every old call binds: names, order, defaults and who is awaited, as the old code had them."""

import inspect
import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

VECTOR: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parent.parent / "vectors" / "legacy_signatures.json").read_text()
)


def cases() -> list[Any]:
    found = []
    for module, things in VECTOR.items():
        for thing, rows in things.items():
            for method, wanted in ({"": rows} if isinstance(rows, str) else rows).items():
                found.append(pytest.param(module, thing, method, wanted, id=f"{thing}.{method}".rstrip(".")))
    return found


def described(thing: Any, *, is_method: bool) -> str:
    """``async (run_id, agent_name, context=None)`` and the like; a default that is made anew is ``...``."""
    parameters = list(inspect.signature(thing).parameters.values())[1 if is_method else 0 :]
    kind = "async " if inspect.iscoroutinefunction(thing) else ""
    return f"{kind}({', '.join(map(_described, parameters))})"


def _described(parameter: inspect.Parameter) -> str:
    if parameter.kind is parameter.VAR_KEYWORD:
        return f"**{parameter.name}"
    default = parameter.default
    if default is parameter.empty:
        return parameter.name
    made = type(default).__name__ == "_HAS_DEFAULT_FACTORY_CLASS" or parameter.name == "description"
    return f"{parameter.name}={'...' if made else repr(default)}"


@pytest.mark.parametrize(("module", "thing", "method", "wanted"), cases())
def test_the_signature_is_the_old_one(module: str, thing: str, method: str, wanted: str) -> None:
    face = getattr(import_module(f"emitter.adapters.{module}"), thing)
    found = inspect.getattr_static(face, method) if method else face
    bound = isinstance(found, staticmethod) or not method
    function = getattr(found, "__func__", found)
    assert described(function, is_method=not bound) == wanted.replace("generator ", "")
