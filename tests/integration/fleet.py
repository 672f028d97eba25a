"""A fleet of the tests' own: a copy of this repository whose kind cluster has another name, port and hosts."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
NAME = "test"
PORT = 8090
HUBS = ("staging", "prod")
KEPT = (".nox", ".tools", "build")  # what one run of the tests leaves for the next
AUTHOR = ("-c", "user.name=Hubfleet tests", "-c", "user.email=tests@hubfleet.invalid")


@dataclass(frozen=True)
class Done:
    """A command that has ended, with all that it said."""

    argv: tuple[str, ...]
    code: int
    said: str

    def expect(self, code: int = 0) -> Done:
        """Insist on an exit code; what was said stands in the failure."""
        assert self.code == code, f"{' '.join(self.argv)} ended with {self.code}, not {code}:\n{self.said}"
        return self


@dataclass(frozen=True)
class Fleet:
    """One copy of the repository, and the commands that people use in it."""

    root: Path

    def run(self, *argv: str, timeout: float = 900) -> Done:
        """Run one command in the copy, to its end."""
        with self.start(*argv) as process:
            try:
                said, _ = process.communicate(timeout=timeout)
            except subprocess.TimeoutExpired:
                process.terminate()
                said, _ = process.communicate()
                said += f"\nstopped after {timeout:g} s"
        return Done(argv, process.returncode, said)

    def start(self, *argv: str) -> subprocess.Popen[str]:
        """Start one command in the copy, in a process group of its own, as a terminal would."""
        bins = (str(Path(sys.executable).parent), str(self.root / ".tools" / "bin"), os.environ["PATH"])
        return subprocess.Popen(
            argv,
            cwd=self.root,
            env={**os.environ, "PATH": os.pathsep.join(bins), "COLUMNS": "200", "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def hubfleet(self, *arguments: str, timeout: float = 900) -> Done:
        """Run one command of the package."""
        return self.run("python", "-m", "hubfleet", *arguments, timeout=timeout)

    def planned(self, *arguments: str) -> dict[str, str]:
        """Plan, and give the action of every release that is not left alone: `{"prod": "upgrade"}`."""
        self.hubfleet("plan", *arguments).expect()
        return {row["name"]: row["action"] for row in self.plan()["releases"] if row["action"] != "unchanged"}

    def plan(self) -> dict[str, Any]:
        """Read the plan that was made last."""
        plan: dict[str, Any] = json.loads((self.root / "build" / "plan" / "plan.json").read_text())
        return plan

    def settle(self) -> None:
        """Deploy what the files say, whatever happened before."""
        self.hubfleet("plan").expect()
        self.hubfleet("deploy").expect()

    def path(self, name: str) -> Path:
        """Give a file of the copy; `hubs/NAME/` stands for its cluster's folder."""
        return self.root / name.replace("hubs/NAME/", f"hubs/{NAME}/")

    def replace(self, name: str, old: str, new: str) -> None:
        """Edit one file; what is to be replaced must be there."""
        path = self.path(name)
        text = path.read_text()
        assert old in text, f"{name} has no {old!r}"
        path.write_text(text.replace(old, new))

    def append(self, name: str, text: str) -> None:
        """Add to the end of one file."""
        path = self.path(name)
        path.write_text(path.read_text() + text)

    def commit(self, message: str) -> None:
        """Commit everything."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)

    def restore(self) -> None:
        """Undo all that is not committed."""
        self.git("checkout", "--quiet", "--force", "HEAD", "--", ".")
        self.git("clean", "-fdq")

    def git(self, *arguments: str) -> str:
        """Run git in the copy and give what it prints."""
        argv = ("git", *AUTHOR, *arguments)
        return subprocess.run(argv, cwd=self.root, check=True, capture_output=True, text=True).stdout

    def clone(self, target: Path) -> Fleet:
        """Clone the copy, as a colleague would on another machine: nothing comes along but what is committed."""
        subprocess.run(("git", "clone", "--quiet", str(self.root), str(target)), check=True)
        share_tools(target)
        return Fleet(target)


def make(target: Path) -> Fleet:
    """Make the copy, or bring an old one up to date; files that are not committed here come along."""
    target.mkdir(parents=True, exist_ok=True)
    fleet = Fleet(target)
    fleet.git("init", "--quiet", "--initial-branch=main")
    fleet.git("fetch", "--quiet", "--no-tags", str(ROOT), "HEAD")
    fleet.git("checkout", "--quiet", "--force", "-B", "main", "FETCH_HEAD")
    fleet.git("clean", "-fdxq", *(word for name in KEPT for word in ("--exclude", f"/{name}")))
    for name in listed("--modified", "--others"):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    for name in listed("--deleted"):
        (target / name).unlink(missing_ok=True)
    share_tools(target)
    rename(fleet)
    fleet.commit("A fleet for the tests")
    return fleet


def listed(*options: str) -> Iterator[str]:
    """Names that git lists in this repository."""
    argv = ("git", "ls-files", "--exclude-standard", "-z", *options)
    done = subprocess.run(argv, cwd=ROOT, check=True, capture_output=True, text=True)
    return (name for name in done.stdout.split("\0") if name)


def share_tools(target: Path) -> None:
    """Let the copy use what this repository has downloaded and built, and keep that out of its git."""
    (ROOT / ".tools").mkdir(exist_ok=True)
    if not (target / ".tools").exists():
        (target / ".tools").symlink_to(ROOT / ".tools")
    (target / ".git" / "info").mkdir(exist_ok=True)
    (target / ".git" / "info" / "exclude").write_text("/.tools\n")


def rename(fleet: Fleet) -> None:
    """Turn `hubs/local` into the tests' own cluster."""
    (fleet.root / "hubs" / "local").rename(fleet.root / "hubs" / NAME)
    for path in (fleet.root / "hubs" / NAME).iterdir():
        text = path.read_text()
        text = re.sub(r"\b(staging|prod)\.localhost\b", rf"\1.{NAME}.localhost", text)
        text = text.replace("name: local", f"name: {NAME}").replace("cluster: local", f"cluster: {NAME}")
        path.write_text(text.replace("port: 8080", f"port: {PORT}"))
