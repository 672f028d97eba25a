"""Reads of a Dockerfile what it starts from; builds nothing."""

from __future__ import annotations

import re

_FROM = re.compile(r"^\s*FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?\s*$", re.IGNORECASE | re.MULTILINE)


def bases(text: str) -> tuple[str, ...]:
    """Return the images that the stages of a Dockerfile start from, each once, in order; not the stages themselves."""
    found: dict[str, None] = {}
    stages: set[str] = set()
    for base, stage in _FROM.findall(text):
        if base.lower() not in {*stages, "scratch"}:
            found[base] = None
        stages.add(stage.lower())
    return tuple(found)
