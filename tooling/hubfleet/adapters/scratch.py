"""Folders for half-made things, on the same file system as what they become."""

from __future__ import annotations

import shutil
import tempfile
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_LEFT_OVER = 3600.0  # seconds after which a folder must be of a process that was killed


def scratch(root: Path, name: str) -> tempfile.TemporaryDirectory[str]:
    """Return a new folder below `.tools`, to be used as a context manager; remove what a kill left long ago."""
    tools = root / ".tools"
    tools.mkdir(parents=True, exist_ok=True)
    for folder in tools.glob(f"{name}-scratch-*"):
        if time.time() - folder.stat().st_mtime > _LEFT_OVER:
            shutil.rmtree(folder, ignore_errors=True)
    return tempfile.TemporaryDirectory(prefix=f"{name}-scratch-", dir=tools)
