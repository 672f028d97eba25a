"""Waits until a release's workloads run, and ends early with the pod's own reason where they never will.

Kubernetes goes on trying for ever, so every reason has a patience after which it counts as final.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import yaml

from hubfleet.errors import ClusterUnreachableError, GateError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from hubfleet.ports import Clock, DeployApi, Pod, Workload

T = TypeVar("T")
WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "Job")
POLL = 1.0  # seconds between two looks
UNREACHABLE = 60.0  # seconds for which the API server may be away
_LOG_LINES, _EVENTS = 10, 5

# Seconds for which a reason must stand before it counts as final. An image may be pushed a moment later and a
# registry may hiccup; a Secret may be made by a Job beside; a node may have to be made by a cloud.
PATIENCE: Mapping[str, float] = {
    "InvalidImageName": 0,
    "ErrImageNeverPull": 0,
    "ImagePullBackOff": 10,
    "ErrImagePull": 20,
    "CreateContainerConfigError": 20,
    "CreateContainerError": 20,
    "RunContainerError": 30,
    "Unschedulable": 300,
}
_CRASHES = frozenset({"CrashLoopBackOff", "Error", "OOMKilled", "StartError", "ContainerCannotRun"})
_RESTARTS = 3  # a process may wait for another by dying; after so many restarts it is broken


@dataclass(frozen=True, slots=True)
class Trouble:
    """A pod that will not run by itself, and whose it is."""

    owner: str
    pod: Pod

    def __str__(self) -> str:
        container = f", container {self.pod.container}" if self.pod.container else ""
        message = f": {self.pod.message}" if self.pod.message else ""
        return f"{self.owner}: pod {self.pod.name}{container}: {self.pod.reason}{message}"


class Watch:
    """Remembers since when each pod has had its trouble."""

    def __init__(self, clock: Clock, patience: Mapping[str, float] = PATIENCE) -> None:
        self._clock, self._patience = clock, patience
        self._since: dict[tuple[str, str], float] = {}

    def final(self, owner: str, pods: Iterable[Pod]) -> Trouble | None:
        """Return the first pod whose reason has stood longer than its patience."""
        for pod in pods:
            kind = "crash" if pod.reason in _CRASHES else pod.reason
            since = self._since.setdefault((pod.name, kind), self._clock.now())
            if kind == "crash" and pod.restarts >= _RESTARTS:
                return Trouble(owner, pod)
            if kind in self._patience and self._clock.now() - since >= self._patience[kind]:
                return Trouble(owner, pod)
        return None


def workloads_of(manifest: str) -> tuple[tuple[str, str], ...]:
    """(kind, name) of every workload in a release's manifests; hooks are left out, for Helm waits for them."""
    found = []
    for document in yaml.load_all(manifest, Loader=yaml.CSafeLoader):
        if not isinstance(document, dict) or document.get("kind") not in WORKLOADS:
            continue
        metadata = document.get("metadata") or {}
        if "helm.sh/hook" not in (metadata.get("annotations") or {}):
            found.append((str(document["kind"]), str(metadata["name"])))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Pods:
    """Which pods to look at while something else goes on."""

    owner: str  # what they are, for a person
    labels: Mapping[str, str | None]
    ignored: frozenset[str] = frozenset()  # names of pods whose trouble is old
    bearable: frozenset[str] = frozenset()  # reasons that somebody else bears with


@dataclass(frozen=True, slots=True)
class Rollout:
    """Looks at one namespace of a cluster."""

    cluster: DeployApi
    clock: Clock
    namespace: str

    async def wait(self, objects: Sequence[tuple[str, str]], seconds: float) -> None:
        """Return once every workload is ready. GateError with the pod's reason, log and events where one never will."""
        watch, end = Watch(self.clock), self.clock.now() + seconds
        while True:
            states = await self._patiently(lambda: self.cluster.workloads(self.namespace, objects))
            waiting = [state for state in states if not state.ready]
            if not waiting:
                return
            for state in waiting:
                if state.failed:
                    raise GateError(await self._failed(state))
                if trouble := watch.final(_title(state), state.pods):
                    raise GateError(await self.explain(trouble))
            if self.clock.now() >= end:
                raise GateError(await self._late(waiting, seconds))
            await self.clock.sleep(POLL)

    async def unless_broken(self, work: Awaitable[T], pods: Pods) -> T:
        """Do the work, but stop it, politely, where one of these pods will never run.

        GateError with the pod's reason, log and events then.
        """
        task, watch = asyncio.ensure_future(work), asyncio.ensure_future(self._first_trouble(pods))
        try:
            await asyncio.wait({task, watch}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return await task
            raise GateError(await self.explain(watch.result()))
        finally:
            await _cancelled(watch)
            await _cancelled(task)

    async def ill(self, pods: Pods) -> Trouble | None:
        """Return a pod that has some trouble now, however short."""
        found = [pod for pod in await self.cluster.pods(self.namespace, pods.labels) if pod.name not in pods.ignored]
        return next((Trouble(pods.owner, pod) for pod in found if pod.reason), None)

    async def explain(self, trouble: Trouble) -> str:
        """Say what is wrong with a pod, with the end of its log and what Kubernetes said about it."""
        pod, lines = trouble.pod, [str(trouble)]
        with suppress(ClusterUnreachableError):  # the reason is known, the rest only helps
            if pod.container and (pod.restarts or pod.reason in _CRASHES):
                log = await self.cluster.log_tail(self.namespace, pod.name, pod.container, _LOG_LINES)
                lines += [f"  log: {line}" for line in log]
            lines += [f"  event: {event}" for event in (await self.cluster.events(self.namespace, pod.name))[-_EVENTS:]]
        return "\n".join(lines)

    async def _first_trouble(self, pods: Pods) -> Trouble:
        watch = Watch(self.clock, {reason: PATIENCE[reason] for reason in PATIENCE if reason not in pods.bearable})
        while True:
            with suppress(ClusterUnreachableError):  # the work itself will say so
                found = await self.cluster.pods(self.namespace, pods.labels)
                if trouble := watch.final(pods.owner, [pod for pod in found if pod.name not in pods.ignored]):
                    return trouble
            await self.clock.sleep(POLL)

    async def _failed(self, state: Workload) -> str:
        said = f"{_title(state)}: {state.failed}"
        ill = next((pod for pod in state.pods if pod.reason), None)
        return f"{said}\n{await self.explain(Trouble(_title(state), ill))}" if ill else said

    async def _late(self, waiting: Sequence[Workload], seconds: float) -> str:
        lines = [f"not ready after {seconds:g} s:", *(f"  {_title(state)}: {state.detail}" for state in waiting)]
        for state in waiting:
            ill = next((pod for pod in state.pods if not pod.ready), None)
            lines += [await self.explain(Trouble(_title(state), ill))] if ill else []
        return "\n".join(lines)

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask again for a while where the API server is away: it may restart during an upgrade."""
        end = self.clock.now() + UNREACHABLE
        while True:
            try:
                return await ask()
            except ClusterUnreachableError:
                if self.clock.now() >= end:
                    raise
            await self.clock.sleep(POLL)


async def _cancelled(task: asyncio.Future[T]) -> None:
    if not task.done():
        task.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await task


def _title(state: Workload) -> str:
    return f"{state.kind} {state.name}"
