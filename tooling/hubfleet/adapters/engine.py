"""Finds a container engine or, as root on Debian and Ubuntu, installs and starts one. Changes no existing setting."""

from __future__ import annotations

import asyncio
import json
import shutil
from typing import TYPE_CHECKING

from hubfleet.adapters.docker import explain
from hubfleet.adapters.golang import sources
from hubfleet.adapters.host import Host
from hubfleet.adapters.process import checked
from hubfleet.errors import ToolError

if TYPE_CHECKING:
    from pathlib import Path

    from hubfleet.ports import Reporter, Runner

PACKAGES = ("docker.io", "containerd", "runc", "iptables", "mmdebstrap")
_OWN_SOCKETS = ("unix:///var/run/docker.sock", "unix:///run/docker.sock")
_WRAPPER = "available-caps"
_STARTS = 60  # seconds that a daemon may take to answer


async def ensure_engine(runner: Runner, reporter: Reporter, host: Host | None = None) -> None:
    """Return once docker answers. ToolError with one line on what to do where it cannot be brought to."""
    host = host or Host()
    said = await _complaint(runner)
    if said is None:
        return
    if not await _may_start(said, host, runner):
        raise explain(said)
    if not shutil.which("dockerd", path=host.system_path):
        await _install(runner, reporter, host)
    await _start(runner, reporter, host)


async def _complaint(runner: Runner) -> str | None:
    """Ask docker for its daemon; None where all is well, what is wrong otherwise."""
    if not shutil.which("docker"):
        return "docker is not installed"
    try:
        done = await runner.run(("docker", "version", "--format", "{{.Server.Version}}"), timeout=30)
    except TimeoutError:
        return "the daemon does not answer within 30 seconds"
    return None if done.returncode == 0 else (done.stderr.strip().splitlines() or [""])[-1]


async def _may_start(said: str, host: Host, runner: Runner) -> bool:
    """Whether the engine that is missing is this machine's own, and we may start or install it."""
    if host.user != 0 or "permission denied" in said:
        return False
    if not shutil.which("docker"):
        return host.is_debian
    context = await runner.run(("docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"), timeout=30)
    return context.stdout.strip() in _OWN_SOCKETS


async def _install(runner: Runner, reporter: Reporter, host: Host) -> None:
    if not host.is_debian:
        message = "no Docker daemon is installed: see https://docs.docker.com/engine/install/, then run this again"
        raise ToolError(message)
    reporter.step("no container engine found: installs Docker from the distribution (docker.io), as root", 60)
    await install_packages(PACKAGES, runner)


async def install_packages(packages: tuple[str, ...], runner: Runner) -> None:
    """Install packages of Debian or Ubuntu, as root, without their recommendations."""
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    failure, hint = f"{' '.join(packages)} could not be installed", "Check that apt-get works here."
    await checked(runner, ("apt-get", "update", "-qq"), failure, hint=hint, env=quiet)
    command = ("apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages)
    await checked(runner, command, failure, hint=hint, env=quiet)


async def _start(runner: Runner, reporter: Reporter, host: Host) -> None:
    log = host.root / "var/log/hubfleet-dockerd.log"
    reporter.step("starts the Docker daemon" + ("" if host.has_systemd else f" (log: {log})"), 5)
    flags = _with_available_capabilities(host) if host.lacks_sys_resource else ()
    if host.has_systemd:
        await checked(runner, ("systemctl", "start", "docker"), "the Docker daemon did not start")
    else:
        # A session of its own, so that the daemon outlives us and our process groups.
        command = 'log=$1; shift; exec setsid dockerd "$@" >>"$log" 2>&1 </dev/null &'
        await checked(runner, ("sh", "-c", command, "-", str(log), *flags), "the Docker daemon did not start")
    for _ in range(_STARTS):
        if (said := await _complaint(runner)) is None:
            return
        await asyncio.sleep(1)
    message = f"the Docker daemon was started but does not answer ({said}): look into {_where(host, log)}"
    raise ToolError(message)


def _where(host: Host, log: Path) -> str:
    return "`journalctl -u docker`" if host.has_systemd else str(log)


def _with_available_capabilities(host: Host) -> tuple[str, ...]:
    """Make Docker ask only for capabilities that exist; return the flags that do so beside an existing daemon.json."""
    wrapper = host.root / "usr/local/sbin/runc-available-caps"
    wrapper.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(sources() / "runc-available-caps", wrapper)
    wrapper.chmod(0o755)
    settings = host.root / "etc/docker/daemon.json"
    if not settings.exists():
        settings.parent.mkdir(parents=True, exist_ok=True)
        content = {"runtimes": {_WRAPPER: {"path": str(wrapper)}}, "default-runtime": _WRAPPER}
        settings.write_text(json.dumps(content, indent=2) + "\n")
        return ()
    if "default-runtime" in json.loads(settings.read_text() or "{}"):
        return ()
    return (f"--add-runtime={_WRAPPER}={wrapper}", f"--default-runtime={_WRAPPER}")
