"""Builds programs from the Go modules of tooling/local_cluster/go; finds Go, or gets it from a wheel."""

from __future__ import annotations

import hashlib
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hubfleet.adapters import wheels
from hubfleet.adapters.pins import GO
from hubfleet.adapters.process import checked
from hubfleet.adapters.progress import long_step
from hubfleet.errors import ToolError
from hubfleet.model import digest

if TYPE_CHECKING:
    from hubfleet.adapters.pins import Program
    from hubfleet.ports import Reporter, Runner

# Nothing of the user's Go settings may change what is built; the caches are the user's, so that another clone is quick.
_ENVIRONMENT = {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off", "GOFLAGS": "-buildvcs=false"}
_OFFLINE = (
    "Check that Go can reach its module proxy (`go env GOPROXY`), then run the same command again: "
    "it goes on where it was."
)


def sources() -> Path:
    """Find the folder tooling/local_cluster, which stands beside the package; ToolError where it is missing."""
    folder = Path(__file__).resolve().parents[2] / "local_cluster"
    if not folder.is_dir():
        message = f"{folder} is missing: run hubfleet from a clone of its repository, or put helm and kind on PATH"
        raise ToolError(message)
    return folder


def content_digest(folder: Path) -> str:
    """Hex SHA-256 of a folder's files: their paths, contents, and whether they may be executed."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return digest([[path.relative_to(folder).as_posix(), _executable(path), _sha256(path)] for path in files])


def program_digest(program: Program) -> str:
    """Hex SHA-256 of everything that decides what a program is; the Go version is left out: it changes no behaviour."""
    module = content_digest(sources() / "go" / program.module)
    variables = [list(variable) for variable in program.variables]
    return digest([program.name, program.version, program.package, variables, module])


@dataclass(frozen=True, slots=True)
class Go:
    """A Go toolchain that can build our modules."""

    executable: Path
    runner: Runner
    reporter: Reporter

    async def build(self, program: Program, target: Path, *, linux: bool = False) -> None:
        """Write the executable to `target`; what was compiled before a kill is not compiled again."""
        compiled: list[str] = []
        target.parent.mkdir(parents=True, exist_ok=True)
        step = long_step(
            self.reporter,
            f"builds {program.name} {program.version}",
            program.seconds,
            detail=lambda: f", {len(compiled)} packages compiled",
        )
        async with step:
            await checked(
                self.runner,
                build_command(str(self.executable), program, target),
                f"{program.name} {program.version} could not be built",
                hint=_OFFLINE,
                cwd=sources() / "go" / program.module,
                env=_ENVIRONMENT | ({"GOOS": "linux"} if linux else {}),
                on_line=lambda line: compiled.append(line) if "/" in line else None,
            )


def build_command(go: str, program: Program, target: Path) -> tuple[str, ...]:
    """Return the argv that builds a program in its module's folder; -v names each package that is compiled."""
    flags = " ".join(("-s -w", *(f"-X {name}={value}" for name, value in program.variables)))
    return (go, "build", "-v", "-trimpath", "-ldflags", flags, "-o", str(target), program.package)


async def find_go(root: Path, needed: Program | None, runner: Runner, reporter: Reporter) -> Go:
    """Find Go on PATH where it is new enough for the program (None: for all), else get the pinned one into `.tools`."""
    modules = [sources() / "go" / needed.module] if needed else list((sources() / "go").iterdir())
    least = max(_version((module / "go.mod").read_text()) for module in modules)
    found = shutil.which("go")
    if found and _version((await runner.run((found, "version"), env=_ENVIRONMENT)).stdout) >= least:
        return Go(Path(found), runner, reporter)
    folder = await wheels.folder(GO, root, runner, reporter)
    return Go(folder / "bin" / "go", runner, reporter)


def _version(text: str) -> tuple[int, ...]:
    """Read the first Go version of `go version go1.26.8 linux/amd64` or of a go.mod; () where there is none."""
    match = re.search(r"\bgo ?(\d+)\.(\d+)(?:\.(\d+))?\b", text)
    return tuple(int(part or 0) for part in match.groups()) if match else ()


def _executable(path: Path) -> bool:
    return bool(path.stat().st_mode & 0o100)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
