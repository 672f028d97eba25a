"""Tells what this machine allows, as far as containers and nodes care; raises one limit where it may."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hubfleet.ports import Reporter

_CAP_SYS_RESOURCE = 24
_INOTIFY = "proc/sys/fs/inotify/max_user_instances"
_ENOUGH = 1024  # a node takes 25 to 40 of them, and without one its systemd waits for ever


@dataclass(frozen=True, slots=True)
class Host:
    """The machine. `root` is where its file system starts, for tests."""

    root: Path = Path("/")
    user: int = field(default_factory=os.geteuid)
    system_path: str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # a user's PATH may lack sbin

    @property
    def is_debian(self) -> bool:
        """Whether apt-get installs docker.io here."""
        names = re.findall(r'^ID(?:_LIKE)?="?([^"\n]*)', self._read("etc/os-release"), re.MULTILINE)
        return bool({"debian", "ubuntu"} & set(" ".join(names).split()))

    @property
    def has_systemd(self) -> bool:
        """Whether systemd runs the services."""
        return (self.root / "run/systemd/system").is_dir()

    @property
    def lacks_sys_resource(self) -> bool:
        """Whether containers cannot be given CAP_SYS_RESOURCE, which `docker run --privileged` asks for."""
        bounding = re.search(r"^CapBnd:\s*([0-9a-f]+)", self._read("proc/self/status"), re.MULTILINE)
        return bounding is not None and not int(bounding[1], 16) >> _CAP_SYS_RESOURCE & 1

    @property
    def lacks_inotify(self) -> bool:
        """Whether several clusters side by side would run out of inotify instances."""
        limit = self._read(_INOTIFY).strip()
        return limit.isdigit() and int(limit) < _ENOUGH

    def allow_more_inotify(self, reporter: Reporter) -> None:
        """As root, raise the kernel's limit until the next boot, and say so; elsewhere do nothing."""
        if self.user != 0 or not self.lacks_inotify:
            return
        reporter.step(f"raises fs.inotify.max_user_instances to {_ENOUGH}, for several clusters side by side")
        try:
            (self.root / _INOTIFY).write_text(str(_ENOUGH))
        except OSError as error:
            reporter.step(f"fs.inotify.max_user_instances stays as it is: {error.strerror}")

    def hints(self) -> str:
        """Say what about this machine may be why a cluster could not be made; empty where nothing is known."""
        hints = []
        if self.lacks_inotify:
            hints.append(
                "If other clusters run, the kernel's inotify limit may be used up: "
                f"`sudo sysctl fs.inotify.max_user_instances={_ENOUGH}`."
            )
        if self.lacks_sys_resource:
            hints.append(
                "This host lacks the capability CAP_SYS_RESOURCE: if the message is about capabilities, let Docker "
                "start containers through tooling/local_cluster/runc-available-caps; that file says how."
            )
        return "\n".join(hints)

    def _read(self, path: str) -> str:
        try:
            return (self.root / path).read_text()
        except OSError:
            return ""
