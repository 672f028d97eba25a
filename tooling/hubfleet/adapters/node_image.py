"""Makes the node image of a kind cluster from Go modules and Debian packages, where no registry can be reached.

Every image on the way is named by a digest of what it is made of: nothing is made twice, not even in another clone.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hubfleet.adapters.base_image import NODE_BASE, ensure_base
from hubfleet.adapters.golang import content_digest, find_go, program_digest, sources
from hubfleet.adapters.image_source import Source
from hubfleet.adapters.pins import KUBERNETES, LOCAL_PATH_PROVISIONER, NODE_PROGRAMS, Program
from hubfleet.adapters.progress import long_step
from hubfleet.adapters.scratch import scratch
from hubfleet.adapters.together import together
from hubfleet.adapters.toolchain import AT_ONCE
from hubfleet.errors import ToolError
from hubfleet.model import digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hubfleet.adapters.docker import Docker
    from hubfleet.ports import Reporter

_PREFIX = "hubfleet/local-"
_PROGRAM_DOCKERFILE = 'FROM scratch\nCOPY bin/ /usr/local/bin/\nENTRYPOINT ["/usr/local/bin/{name}"]\n'
_CONTROL_PLANE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy")


def node_image() -> str:
    """Return the name of the node image that this version of the repository makes."""
    parts = [*map(program_digest, NODE_PROGRAMS), content_digest(sources() / "images")]
    return f"{_PREFIX}node:{digest(parts)[:16]}"


@dataclass(frozen=True, slots=True)
class NodeImage:
    """Makes the node image; `root` is where `.tools` is."""

    root: Path
    docker: Docker
    reporter: Reporter

    async def ensure(self) -> str:
        """Return the name of the node image once the engine holds it."""
        name = node_image()
        if not await self.docker.has(name):
            self.reporter.step("makes the node image from packages: done once, kept by the engine", 800)
            await self._make(name)
        return name

    async def _make(self, name: str) -> None:
        programs, _ = await together(self._programs(), self._base())
        kube = await self._derived("kube", programs["kube"])
        storage = await self._derived("local-path-provisioner", programs["local-path-provisioner"])
        base_name = f"{_PREFIX}node-base:{name.rpartition(':')[2]}"
        await self._node_base(base_name, programs)
        components = {**dict.fromkeys(_CONTROL_PLANE, kube), **programs}
        images = {reference: components[component(reference)] for reference in await self._named_by_kubeadm(base_name)}
        await self._with_images(base_name, {**images, LOCAL_PATH_PROVISIONER: storage}, name)

    async def _base(self) -> Mapping[str, str]:
        await ensure_base(NODE_BASE, images=Source.BUILD, runner=self.docker.runner, reporter=self.reporter)
        return {}

    async def _programs(self) -> Mapping[str, str]:
        """Make an image for each module's programs; return them by the module's name."""
        slots = asyncio.Semaphore(AT_ONCE)
        modules: dict[str, list[Program]] = {}
        for program in NODE_PROGRAMS:
            modules.setdefault(program.module, []).append(program)

        async def make(module: str, programs: Sequence[Program]) -> tuple[str, str]:
            async with slots:
                return module, await self._program(module, programs)

        return dict(await together(*(make(*item) for item in modules.items())))

    async def _program(self, module: str, programs: Sequence[Program]) -> str:
        dockerfile = _PROGRAM_DOCKERFILE.format(name=programs[0].name)
        name = _name(module, [*map(program_digest, programs), dockerfile])
        if await self.docker.has(name):
            return name
        with scratch(self.root, "context") as folder:
            for program in programs:
                go = await find_go(self.root, program, self.docker.runner, self.reporter)
                await go.build(program, Path(folder) / "bin" / program.name, linux=True)
            (Path(folder) / "Dockerfile").write_text(dockerfile)
            await self.docker.build(Path(folder), name, {})
        return name

    async def _derived(self, component: str, program: str) -> str:
        recipe = sources() / "images" / component
        name = _name(f"{component}-image", [program, content_digest(recipe)])
        if not await self.docker.has(name):
            async with long_step(self.reporter, f"makes the image of {component}", 25):
                await self.docker.build(recipe, name, {"PROGRAM": program})
        return name

    async def _node_base(self, name: str, programs: Mapping[str, str]) -> None:
        arguments = {"KUBE": programs["kube"], "CONTAINERD": programs["containerd"], "KUBERNETES": KUBERNETES}
        async with long_step(self.reporter, "makes the node's system", 40):
            await self.docker.build(sources() / "images" / "node", name, arguments)

    async def _named_by_kubeadm(self, base: str) -> Sequence[str]:
        """Ask kubeadm which images it will name, so that they are there under these names."""
        command = ("config", "images", "list", "--kubernetes-version", f"v{KUBERNETES}")
        told = await self.docker.ask("run", "--rm", "--entrypoint", "kubeadm", base, *command)
        return told.split()

    async def _with_images(self, base: str, images: Mapping[str, str], name: str) -> None:
        """Put the components' images into the node's containerd and keep the result as `name`."""
        self.reporter.step("puts the components' images into the node image", 20)
        builder = name.replace("/", "-").replace(":", "-") + "-build"
        await self.docker.ask("rm", "--force", "--volumes", builder)
        start = ("run", "--detach", "--name", builder, "--privileged", "--entrypoint", "sleep", base, "infinity")
        try:
            await self.docker.ask(*start, failure="a privileged container could not be started")
            await self._import(builder, images)
            keep = ("--change", 'ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]', "--change", "CMD []")
            await self.docker.ask("commit", *keep, builder, name)  # the image is there at once, whole
        finally:
            await self.docker.ask("rm", "--force", "--volumes", builder)

    async def _import(self, builder: str, images: Mapping[str, str]) -> None:
        failure = "the components' images could not be put into the node image"
        await self.docker.inside(builder, "sh", "-c", _START_CONTAINERD, failure=failure)
        sources_of = sorted(set(images.values()))
        await self.docker.pour(sources_of, builder, *_CTR_IMAGES, "import", "--no-unpack", "-")
        for reference, image in images.items():
            tag = ("tag", f"docker.io/{image}", qualified(reference))
            await self.docker.inside(builder, *_CTR_IMAGES, *tag, failure=failure)
        for image in sources_of:
            await self.docker.inside(builder, *_CTR_IMAGES, "rm", f"docker.io/{image}", failure=failure)
        await self.docker.inside(builder, "sh", "-c", _STOP_CONTAINERD, failure=failure)


_CTR_IMAGES = ("ctr", "--namespace", "k8s.io", "images")
_START_CONTAINERD = """
containerd >/tmp/containerd.log 2>&1 &
echo $! >/tmp/containerd.pid
for _ in $(seq 60); do ctr version >/dev/null 2>&1 && exit 0; sleep 0.5; done
tail -n 5 /tmp/containerd.log >&2; exit 1
"""
_STOP_CONTAINERD = """
pid=$(cat /tmp/containerd.pid); kill "$pid"
for _ in $(seq 60); do kill -0 "$pid" 2>/dev/null || break; sleep 0.25; done
rm -rf /run/containerd /tmp/containerd.*
"""


def component(reference: str) -> str:
    """Name the component of an image that kubeadm names; ToolError for one that is not built here."""
    name = reference.rpartition(":")[0].rpartition("/")[2]
    if name not in {*_CONTROL_PLANE, "coredns", "etcd", "pause"}:
        message = f"Kubernetes {KUBERNETES} wants the image {reference}, which is not built here: report this"
        raise ToolError(message)
    return name


def qualified(reference: str) -> str:
    """Return the name that containerd gives an image: with registry, and with library/ where Docker leaves it out."""
    first, slash, _ = reference.partition("/")
    if not slash:
        return f"docker.io/library/{reference}"
    return reference if "." in first or ":" in first or first == "localhost" else f"docker.io/{reference}"


def _name(component: str, parts: Iterable[str]) -> str:
    return f"{_PREFIX}{component}:{digest(list(parts))[:16]}"
