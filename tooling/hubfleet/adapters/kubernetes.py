"""One cluster's API server through lightkube: the record, Helm's revisions, workloads, the lease. Decides nothing.

Importing this module costs a quarter of a second: only commands that ask a cluster do it.
"""

from __future__ import annotations

import base64
import json
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import httpx2
from lightkube import ApiError, AsyncClient, KubeConfig
from lightkube.config import client_adapter
from lightkube.models.coordination_v1 import LeaseSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import DaemonSet, Deployment, ReplicaSet, StatefulSet
from lightkube.resources.batch_v1 import Job
from lightkube.resources.coordination_v1 import Lease
from lightkube.resources.core_v1 import ConfigMap, Event, Namespace, Secret
from lightkube.resources.core_v1 import Pod as KubePod
from lightkube.types import PatchType

from hubfleet.adapters import helm_storage, workloads
from hubfleet.errors import ClusterUnreachableError, LockedError
from hubfleet.model import GateResult, Live
from hubfleet.ports import Attempt, Pod, Record, Workload

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path

    from hubfleet.model import ReleaseId

NAMESPACE = "hubfleet"
RECORD = "hubfleet-releases"
LEASE = "deploy"
MANAGED = {"app.kubernetes.io/managed-by": "hubfleet"}
_ATTEMPT = ".attempt"  # no release's name contains a dot
_METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_NOT_FOUND, _CONFLICT = 404, 409


class KubernetesCluster:
    """Implements ports.DeployApi. Use it as an asynchronous context manager, within one event loop."""

    def __init__(self, kubeconfig: Path) -> None:
        self._kubeconfig = kubeconfig
        try:
            config = KubeConfig.from_file(kubeconfig).get()
        except Exception as error:  # the client raises whatever a malformed file leads it to
            raise ClusterUnreachableError(_unusable(kubeconfig, str(error))) from error
        if config is None:
            raise ClusterUnreachableError(_unusable(kubeconfig, "it names no current context"))
        self.server = config.cluster.server
        # As Go's clients do: no proxy leads to this machine itself.
        proxied = urlsplit(self.server).hostname not in {"127.0.0.1", "localhost", "::1"}
        self._client = AsyncClient(config, field_manager="hubfleet", trust_env=proxied)
        self._http = client_adapter.AsyncClient(config, client_adapter.ConnectionParams(trust_env=proxied))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()
        await self._http.aclose()

    async def live(self) -> Mapping[str, Live]:
        """Join Helm's newest revision of each release with its record."""
        records, revisions = await self.records(), await self._revisions()
        return {name: _live(records.get(name), revisions.get(name)) for name in sorted(records.keys() | revisions)}

    async def records(self) -> Mapping[str, Record]:
        """Read the ConfigMap; a missing one is an empty record."""
        data = await self._record()
        return {name: _record(json.loads(text)) for name, text in data.items() if not name.endswith(_ATTEMPT)}

    async def attempts(self) -> Mapping[str, Attempt]:
        """Read what was begun and never recorded."""
        data = await self._record()
        return {
            name.removesuffix(_ATTEMPT): Attempt(**json.loads(text))
            for name, text in data.items()
            if name.endswith(_ATTEMPT)
        }

    async def write_record(self, name: str, record: Record) -> None:
        """Patch one key, and take the word of the attempt back in the same request."""
        await self._write({name: json.dumps(asdict(record), sort_keys=True), name + _ATTEMPT: None})

    async def write_attempt(self, name: str, attempt: Attempt) -> None:
        """Patch one key."""
        await self._write({name + _ATTEMPT: json.dumps(asdict(attempt), sort_keys=True)})

    async def manifest(self, release: ReleaseId, revision: int) -> str:
        """Decode Helm's Secret of the revision; "" where it has gone."""
        values = await self.secret(release.namespace, _helm_secret(release.name, revision))
        return helm_storage.manifests(values["release"]) if values else ""

    async def forget_revision(self, release: ReleaseId, revision: int) -> None:
        """Delete Helm's Secret of the revision."""
        async with self._asking(missing_is_fine=True):
            await self._client.delete(Secret, _helm_secret(release.name, revision), namespace=release.namespace)

    async def ensure_namespace(self, name: str, labels: Mapping[str, str]) -> None:
        """Apply server-side, so that labels of others stay."""
        metadata = ObjectMeta(name=name, labels={**MANAGED, **labels})
        async with self._asking():
            await self._client.apply(Namespace(metadata=metadata), force=True)

    async def workloads(self, namespace: str, objects: Sequence[tuple[str, str]]) -> Sequence[Workload]:
        """Read one object after the other; pods are asked for only where something is not ready."""
        found = [await self._workload(namespace, kind, name) for kind, name in objects if kind in _KINDS]
        return tuple(found)

    async def pods(self, namespace: str, labels: Mapping[str, str | None]) -> Sequence[Pod]:
        """List, the oldest first; what is being deleted counts no more."""
        async with self._asking():
            items = [item async for item in self._client.list(KubePod, namespace=namespace, labels=dict(labels))]
        alive = [item for item in items if not (item.metadata and item.metadata.deletionTimestamp)]
        return sorted((workloads.pod(item) for item in alive), key=lambda each: each.created)

    async def log_tail(self, namespace: str, pod: str, container: str, lines: int) -> Sequence[str]:
        """Ask for the previous run first: after a crash the present one has often said nothing yet."""
        for previous in ("true", "false"):
            query = {"container": container, "tailLines": str(lines), "previous": previous}
            async with self._asking():
                answer = await self._http.get(f"/api/v1/namespaces/{namespace}/pods/{pod}/log", params=query)
            if answer.is_success and answer.text.strip():
                return tuple(answer.text.rstrip().splitlines())
        return ()

    async def events(self, namespace: str, name: str) -> Sequence[str]:
        """List by the name of the object that they are about."""
        async with self._asking():
            found = self._client.list(Event, namespace=namespace, fields={"involvedObject.name": name})
            items = [item async for item in found]
        items.sort(key=lambda item: str(item.lastTimestamp or item.eventTime or ""))
        return tuple(dict.fromkeys(f"{item.reason}: {item.message}" for item in items))

    async def secret(self, namespace: str, name: str) -> Mapping[str, str] | None:
        """Read and decode."""
        async with self._asking(missing_is_fine=True):
            data = (await self._client.get(Secret, name, namespace=namespace)).data or {}
            return {key: base64.b64decode(value).decode() for key, value in data.items()}
        return None

    async def lock(self, holder: str, seconds: int) -> None:
        """Create the lease, or take it over where it is ours or expired; the API server decides between two."""
        now = _micro(datetime.now(UTC))
        lease = await self._lease()
        if lease and lease.spec and lease.spec.holderIdentity != holder and not _expired(lease.spec, now):
            raise LockedError(_locked(lease.spec))
        renewed = bool(lease and lease.spec and lease.spec.holderIdentity == holder)
        acquired = lease.spec.acquireTime if lease and lease.spec and renewed else now
        spec = LeaseSpec(holderIdentity=holder, leaseDurationSeconds=seconds, acquireTime=acquired, renewTime=now)
        try:
            async with self._asking():
                if lease:
                    lease.spec = spec
                    await self._client.replace(lease)
                else:
                    await self._client.create(Lease(metadata=ObjectMeta(name=LEASE, namespace=NAMESPACE), spec=spec))
        except _ConflictError as error:
            message = "another deployer took the cluster at this moment; try again when it is done"
            raise LockedError(message) from error

    async def unlock(self, holder: str) -> None:
        """Delete the lease if it is ours."""
        lease = await self._lease()
        if lease and lease.spec and lease.spec.holderIdentity == holder:
            async with self._asking(missing_is_fine=True):
                await self._client.delete(Lease, LEASE, namespace=NAMESPACE)

    async def _lease(self) -> Lease | None:
        async with self._asking(missing_is_fine=True):
            return await self._client.get(Lease, LEASE, namespace=NAMESPACE)
        await self.ensure_namespace(NAMESPACE, {})
        return None

    async def _record(self) -> Mapping[str, str]:
        async with self._asking(missing_is_fine=True):
            return (await self._client.get(ConfigMap, RECORD, namespace=NAMESPACE)).data or {}
        return {}

    async def _write(self, data: Mapping[str, str | None]) -> None:
        patch = {"data": dict(data)}
        async with self._asking(missing_is_fine=True):
            await self._client.patch(ConfigMap, RECORD, patch, namespace=NAMESPACE, patch_type=PatchType.MERGE)
            return
        await self.ensure_namespace(NAMESPACE, {})
        empty = ConfigMap(metadata=ObjectMeta(name=RECORD, namespace=NAMESPACE, labels=dict(MANAGED)))
        try:
            async with self._asking():
                await self._client.create(empty)
        except _ConflictError:
            pass  # another deployer, of another part of the plan, was quicker
        async with self._asking():
            await self._client.patch(ConfigMap, RECORD, patch, namespace=NAMESPACE, patch_type=PatchType.MERGE)

    async def _revisions(self) -> Mapping[str, tuple[int, str]]:
        """Release → its newest revision and Helm's word for its state, without a byte of the Secrets' content."""
        newest: dict[str, tuple[int, str]] = {}
        query = {"labelSelector": "owner=helm"}
        async with self._asking():
            answer = await self._http.get("/api/v1/secrets", params=query, headers={"Accept": _METADATA_ONLY})
        if not answer.is_success:
            message = (
                f"the API server {self.server} does not list Helm's releases ({answer.status_code}): {answer.text}"
            )
            raise ClusterUnreachableError(message)
        for item in answer.json()["items"] or ():  # a server with none says null
            labels = item["metadata"].get("labels", {})
            name, revision = labels.get("name"), (int(labels.get("version", 0)), labels.get("status", "unknown"))
            if name == item["metadata"]["namespace"] and revision > newest.get(name, (0, "")):
                newest[name] = revision
        return newest

    async def _workload(self, namespace: str, kind: str, name: str) -> Workload:
        resource, judge = _KINDS[kind]
        item: Any = None
        async with self._asking(missing_is_fine=True):
            item = await self._client.get(resource, name, namespace=namespace)
        if item is None:
            return Workload(kind, name, ready=False, detail="does not exist", failed="does not exist")
        state: Workload = judge(item, ())
        if state.ready:
            return state
        judged: Workload = judge(item, tuple(await self.pods(namespace, await self._newest(kind, namespace, item))))
        return judged

    async def _newest(self, kind: str, namespace: str, item: Any) -> dict[str, str | None]:  # noqa: ANN401
        """Labels of the pods of a workload's newest generation: an old one's trouble is no news."""
        labels: dict[str, Any] = dict((item.spec.selector and item.spec.selector.matchLabels) or {})
        if kind == "StatefulSet" and item.status and item.status.updateRevision:
            labels["controller-revision-hash"] = item.status.updateRevision
        if kind == "DaemonSet":
            labels["pod-template-generation"] = str(item.metadata.generation)
        if kind == "Deployment":
            async with self._asking():
                sets = [each async for each in self._client.list(ReplicaSet, namespace=namespace, labels=labels)]
            mark = "deployment.kubernetes.io/revision"
            revision = (item.metadata.annotations or {}).get(mark)
            for each in sets:
                metadata = each.metadata or ObjectMeta()
                if (metadata.annotations or {}).get(mark) == revision:
                    labels["pod-template-hash"] = (metadata.labels or {}).get("pod-template-hash")
        return labels

    @asynccontextmanager
    async def _asking(self, *, missing_is_fine: bool = False) -> AsyncIterator[None]:
        """Turn the client's errors into ours; a missing object ends the block quietly where that is fine."""
        try:
            yield
        except ApiError as error:
            code = error.status.code if error.status else 0
            if code == _NOT_FOUND and missing_is_fine:
                return
            if code == _CONFLICT:
                raise _ConflictError(str(error)) from error
            message = (
                f"the API server {self.server} refuses: {error}; check what the account of {self._kubeconfig} may do"
            )
            raise ClusterUnreachableError(message) from error
        except (httpx2.HTTPError, OSError) as error:
            what = str(error) or type(error).__name__
            message = f"the API server {self.server} does not answer ({what}); check that the cluster runs"
            raise ClusterUnreachableError(message) from error


class _ConflictError(ClusterUnreachableError):
    """Somebody else changed the object at the same moment."""


_KINDS: Mapping[str, tuple[Any, Any]] = {
    "Deployment": (Deployment, workloads.deployment),
    "StatefulSet": (StatefulSet, workloads.stateful_set),
    "DaemonSet": (DaemonSet, workloads.daemon_set),
    "Job": (Job, workloads.job),
}


def _unusable(kubeconfig: Path, why: str) -> str:
    return f"{kubeconfig}: no usable kubeconfig ({why}); check the file and its current context"


def _helm_secret(name: str, revision: int) -> str:
    return f"sh.helm.release.v1.{name}.v{revision}"


def _record(value: dict[str, Any]) -> Record:
    return Record(**{**value, "gate": GateResult(value["gate"])})


def _live(record: Record | None, newest: tuple[int, str] | None) -> Live:
    revision, status = newest or (0, "absent")
    if record is None:
        return Live(revision, status)
    return Live(revision, status, record.digest, record.commit, record.revision, record.gate)


def _expired(spec: LeaseSpec, now: datetime) -> bool:
    return spec.renewTime is None or spec.renewTime + timedelta(seconds=spec.leaseDurationSeconds or 0) < now


def _locked(spec: LeaseSpec) -> str:
    since = f"{spec.acquireTime:%Y-%m-%d %H:%M:%S} UTC" if spec.acquireTime else "a time unknown"
    return (
        f"{spec.holderIdentity} has been deploying to it since {since}; wait for its end"
        f" (a dead deployer's hold ends by itself {spec.leaseDurationSeconds} s after its last sign of life)"
    )


def _micro(moment: datetime) -> datetime:
    """Kubernetes wants six digits after the second, which a whole second would not get."""
    return moment if moment.microsecond else moment.replace(microsecond=1)
