"""Remembers results in a folder, by content; deleting the folder loses time and nothing else."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MOST = 2000  # entries; a fleet of 170 hubs has two sides


class FolderCache:
    """Implements ports.Cache: one file an entry, the oldest go first."""

    def __init__(self, folder: Path, most: int = MOST) -> None:
        self._folder = folder
        self._most = most

    def get(self, key: str) -> str | None:
        """Return what was put, if it is still there; a use makes it young again."""
        place = self._place(key)
        with suppress(OSError, UnicodeDecodeError):
            text = place.read_text()
            os.utime(place)
            return text
        return None

    def put(self, key: str, value: str) -> None:
        """Write an entry whole or not at all; a full or read-only disk is no error."""
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            partial = self._folder / f".{os.getpid()}-{self._place(key).name}"
            partial.touch(mode=0o600)
            partial.write_text(value)
            partial.replace(self._place(key))
            self._trim()

    def _trim(self) -> None:
        entries = [entry for entry in self._folder.iterdir() if not entry.name.startswith(".")]
        if len(entries) > self._most:
            for entry in sorted(entries, key=lambda item: item.stat().st_mtime)[: -self._most]:
                entry.unlink(missing_ok=True)

    def _place(self, key: str) -> Path:
        return self._folder / hashlib.sha256(key.encode()).hexdigest()
