"""The Debian images that our Dockerfiles start from: pulled, or made of the distribution's packages."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hubfleet.adapters.docker import Docker
from hubfleet.adapters.engine import install_packages
from hubfleet.adapters.host import Host
from hubfleet.adapters.image_source import Source, image_source
from hubfleet.adapters.process import checked
from hubfleet.adapters.progress import long_step
from hubfleet.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hubfleet.ports import Reporter, Runner

SUITES = {"debian:bookworm-slim": "bookworm", "debian:trixie-slim": "trixie"}
NODE_BASE = "debian:bookworm-slim"  # its systemd 252 still boots where the host has cgroup v1, trixie's does not
CERTIFICATES = Path("/usr/local/share/ca-certificates")
_LEFT_OUT = ("/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*", "/usr/share/doc/*")


async def ensure_base(reference: str, *, images: str, runner: Runner, reporter: Reporter) -> None:
    """Return once the engine holds the image `reference`; `images` is auto, pull or build."""
    docker = Docker(runner)
    if await docker.has(reference):
        return
    if await image_source(images, runner, reporter) is Source.PULL:
        reporter.step(f"pulls {reference}", 10)
        await docker.ask("pull", "--quiet", reference, failure=f"{reference} could not be pulled")
        return
    await _make(reference, docker, reporter)


async def _make(reference: str, docker: Docker, reporter: Reporter) -> None:
    if reference not in SUITES:
        message = f"{reference} cannot be made without a registry: base the image on one of {', '.join(SUITES)}"
        raise ToolError(message)
    await _ensure_mmdebstrap(docker.runner, reporter)
    certificates = _host_certificates()
    with tempfile.TemporaryDirectory(prefix="hubfleet-") as folder:
        archive = Path(folder) / "base.tar"
        async with long_step(reporter, f"makes {reference} of Debian's packages", 35):
            await checked(
                docker.runner,
                command(SUITES[reference], archive, certificates),
                f"{reference} could not be made",
                hint="Check that Debian's package archive can be reached, then run the same command again.",
            )
            await docker.ask("import", "--change", 'CMD ["bash"]', str(archive), reference)


def command(suite: str, archive: Path, certificates: Iterable[Path]) -> tuple[str, ...]:
    """Return the argv that makes a base image's archive; the host's extra CA certificates are trusted in it."""
    slim = [f"--dpkgopt=path-exclude={pattern}" for pattern in _LEFT_OUT]
    copies = [f"--customize-hook=copy-in {path} {CERTIFICATES}" for path in certificates]
    trust = ['--customize-hook=chroot "$1" update-ca-certificates'] if copies else []
    start = ("mmdebstrap", "--variant=minbase", "--include=ca-certificates")
    return (*start, *slim, *copies, *trust, suite, str(archive))


def _host_certificates() -> list[Path]:
    return sorted(CERTIFICATES.glob("*.crt"))


async def _ensure_mmdebstrap(runner: Runner, reporter: Reporter) -> None:
    if shutil.which("mmdebstrap"):
        return
    host = Host()
    if not (host.user == 0 and host.is_debian):
        message = (
            "no container registry answers, and without one base images are made by mmdebstrap, which is missing: "
            "install it (Debian, Ubuntu: sudo apt-get install mmdebstrap debian-archive-keyring)"
        )
        raise ToolError(message)
    reporter.step("installs mmdebstrap, as root", 10)
    await install_packages(("mmdebstrap", "debian-archive-keyring"), runner)
