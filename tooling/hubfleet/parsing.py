"""Says in our words what pydantic found wrong; knows nothing of the files themselves."""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic_core import ErrorDetails

_LONGEST = 60


def expectation(error: ErrorDetails, known: Iterable[str] = ()) -> tuple[str, str, str]:
    """Return what was expected, what was found, and a hint; `known` are the keys that could stand in its place."""
    key = str(error["loc"][-1]) if error["loc"] else ""
    match error["type"]:
        case "missing":
            return f"the key `{key}`", "nothing", ""
        case "extra_forbidden" | "unexpected_keyword_argument":
            return unknown_key(key, known)
        case "value_error":
            return str(error["ctx"]["error"]), shown(error["input"]), ""
        case _:
            expected = error["msg"].removeprefix("Input should be ").removeprefix("Value should have ")
            return expected[:1].lower() + expected[1:], shown(error["input"]), ""


def unknown_key(key: str, known: Iterable[str]) -> tuple[str, str, str]:
    """Describe a key that means nothing here, with the nearest one that does."""
    known = sorted(known)
    near = difflib.get_close_matches(key, known, n=1)
    expected = f"one of {', '.join(known)}" if known else "a known key"
    return expected, f"the unknown key `{key}`", f"Did you mean `{near[0]}`?" if near else ""


def shown(value: object) -> str:
    """Write a value as JSON, short enough for a line."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
