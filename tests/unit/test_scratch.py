from __future__ import annotations

import os
from pathlib import Path

from hubfleet.adapters.scratch import scratch


def test_what_a_kill_left_long_ago_is_removed_and_what_is_in_use_stays(tmp_path: Path) -> None:
    old, young = (tmp_path / ".tools" / f"context-scratch-{name}" for name in ("old", "young"))
    for folder in (old, young):
        folder.mkdir(parents=True)
    os.utime(old, (0, 0))
    with scratch(tmp_path, "context") as place:
        assert Path(place).parent == tmp_path / ".tools"
    assert not old.exists()
    assert young.exists()
    assert not Path(place).exists()
