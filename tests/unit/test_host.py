from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.local_fakes import FakeReporter

from hubfleet.adapters.host import Host

if TYPE_CHECKING:
    from pathlib import Path

ALL_CAPABILITIES, WITHOUT_SYS_RESOURCE = "000001ffffffffff", "000001fffeffffff"
INOTIFY = "proc/sys/fs/inotify/max_user_instances"


def host(root: Path, path: str, text: str, *, user: int = 0) -> Host:
    (root / path).parent.mkdir(parents=True)
    (root / path).write_text(text)
    return Host(root, user)


@pytest.mark.parametrize(
    ("release", "expected"),
    [
        ("ID=debian\n", True),
        ("NAME=Ubuntu\nID=ubuntu\nID_LIKE=debian\n", True),
        ('ID=linuxmint\nID_LIKE="ubuntu debian"\n', True),
        ('ID="rhel"\nID_LIKE="fedora"\nVERSION_ID=9\n', False),
        ("", False),
    ],
)
def test_distribution_is_read_from_os_release(tmp_path: Path, release: str, *, expected: bool) -> None:
    assert host(tmp_path, "etc/os-release", release).is_debian is expected


@pytest.mark.parametrize(("capabilities", "lacks"), [(ALL_CAPABILITIES, False), (WITHOUT_SYS_RESOURCE, True)])
def test_missing_capability_is_seen(tmp_path: Path, capabilities: str, *, lacks: bool) -> None:
    assert host(tmp_path, "proc/self/status", f"Name:\tx\nCapBnd:\t{capabilities}\n").lacks_sys_resource is lacks


def test_machine_without_proc_or_os_release_lacks_nothing(tmp_path: Path) -> None:
    assert not Host(tmp_path, 0).lacks_sys_resource
    assert not Host(tmp_path, 0).is_debian
    assert not Host(tmp_path, 0).lacks_inotify
    assert Host(tmp_path, 0).hints() == ""


@pytest.mark.parametrize(
    ("user", "limit", "after"), [(0, "128\n", "1024"), (0, "8192\n", "8192\n"), (1000, "128\n", "128\n")]
)
def test_inotify_limit_is_raised_by_root_alone_never_lowered_and_never_in_silence(
    tmp_path: Path, user: int, limit: str, after: str
) -> None:
    reporter = FakeReporter()
    host(tmp_path, INOTIFY, limit, user=user).allow_more_inotify(reporter)
    assert (tmp_path / INOTIFY).read_text() == after
    assert bool(reporter.steps) is (after != limit)


def test_low_limit_that_cannot_be_raised_is_hinted_at(tmp_path: Path) -> None:
    assert "sudo sysctl fs.inotify.max_user_instances=1024" in host(tmp_path, INOTIFY, "128\n", user=1000).hints()
