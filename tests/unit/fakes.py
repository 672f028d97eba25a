"""A cluster, a helm, a hub and a clock in memory: what the deploy's tests run against instead of real ones."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import json
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

from hubfleet.errors import ClusterUnreachableError, LockedError
from hubfleet.health import Reply
from hubfleet.model import Live, ReleaseId, State
from hubfleet.ports import Attempt, Completed, Pod, Record, Workload

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence

    from hubfleet.kernel import Channel
    from hubfleet.model import Outcome, Plan, Release

T = TypeVar("T")
_ROUNDS = 30  # of the event loop, after which everybody who can go on has done so


class FakeClock:
    """Time that passes only when everybody waits; implements ports.Clock."""

    def __init__(self) -> None:
        self._now = 1_000_000.0
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()

    def now(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (self._now + seconds, next(self._numbers), future))
        await future

    def run(self, work: Coroutine[object, object, T]) -> T:
        """Run the work to its end, letting time pass whenever nothing else can happen."""
        return asyncio.run(self._drive(work))

    async def _drive(self, work: Coroutine[object, object, T]) -> T:
        task = asyncio.ensure_future(work)
        while not task.done():
            for _ in range(_ROUNDS):
                await asyncio.sleep(0)
            if not task.done():
                self._advance()
        return await task

    def _advance(self) -> None:
        while self._waiting:
            moment, _, future = heapq.heappop(self._waiting)
            if not future.done():
                self._now = max(self._now, moment)
                future.set_result(None)
                return
        message = "everybody waits for something that never comes"
        raise AssertionError(message)


@dataclass
class FakeCluster:
    """Implements ports.DeployApi. `fates` says what becomes of a release's workloads at the next upgrade."""

    history: dict[str, list[str]] = field(default_factory=dict)  # release → Helm's status of each revision, from 1
    record: dict[str, Record] = field(default_factory=dict)
    begun: dict[str, Attempt] = field(default_factory=dict)
    states: dict[str, Workload] = field(default_factory=dict)  # namespace → its one Deployment
    job_pods: dict[str, list[Pod]] = field(default_factory=dict)
    secrets: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    namespaces: dict[str, dict[str, str]] = field(default_factory=dict)
    lease: str = ""
    away: bool = False  # the API server does not answer

    def _answer(self) -> None:
        if self.away:
            message = "the API server https://fake does not answer"
            raise ClusterUnreachableError(message)

    async def live(self) -> Mapping[str, Live]:
        self._answer()
        names = self.history.keys() | self.record.keys()
        return {name: self._live(name) for name in names}

    def _live(self, name: str) -> Live:
        revisions, record = self.history.get(name, []), self.record.get(name)
        live = Live(len(revisions), revisions[-1] if revisions else "absent")
        if record is None:
            return live
        return replace(
            live, digest=record.digest, commit=record.commit, recorded_revision=record.revision, gate=record.gate
        )

    async def records(self) -> Mapping[str, Record]:
        self._answer()
        return dict(self.record)

    async def write_record(self, name: str, record: Record) -> None:
        self._answer()
        self.record[name] = record
        self.begun.pop(name, None)

    async def attempts(self) -> Mapping[str, Attempt]:
        self._answer()
        return dict(self.begun)

    async def write_attempt(self, name: str, attempt: Attempt) -> None:
        self._answer()
        self.begun[name] = attempt

    async def manifest(self, release: ReleaseId, revision: int) -> str:
        self._answer()
        assert 1 <= revision <= len(self.history[release.name])
        return f"kind: Deployment\nmetadata: {{name: {release.name}}}\n"

    async def lock(self, holder: str, seconds: int) -> None:
        self._answer()
        assert seconds > 0
        if self.lease not in {"", holder}:
            message = f"{self.lease} has been deploying to it since noon"
            raise LockedError(message)
        self.lease = holder

    async def unlock(self, holder: str) -> None:
        self._answer()
        if self.lease == holder:
            self.lease = ""

    async def forget_revision(self, release: ReleaseId, revision: int) -> None:
        assert len(self.history[release.name]) == revision
        self.history[release.name].pop()

    async def ensure_namespace(self, name: str, labels: Mapping[str, str]) -> None:
        self._answer()
        self.namespaces[name] = dict(labels)

    async def workloads(self, namespace: str, objects: Sequence[tuple[str, str]]) -> Sequence[Workload]:
        self._answer()
        return [self.states.get(name, Workload(kind, name, ready=True)) for kind, name in objects if name == namespace]

    async def pods(self, namespace: str, labels: Mapping[str, str | None]) -> Sequence[Pod]:
        self._answer()
        return self.job_pods.get(namespace, []) if "batch.kubernetes.io/job-name" in labels else []

    async def log_tail(self, namespace: str, pod: str, container: str, lines: int) -> Sequence[str]:
        assert lines > 0
        return (f"last words of {namespace}/{pod}/{container}",)

    async def events(self, namespace: str, name: str) -> Sequence[str]:
        return (f"Failed: {namespace}/{name}",)

    async def secret(self, namespace: str, name: str) -> Mapping[str, str] | None:
        self._answer()
        return self.secrets.get((namespace, name))


def broken(name: str, reason: str = "ImagePullBackOff", restarts: int = 0) -> Workload:
    """A Deployment whose newest pod will never run."""
    pod = Pod(f"{name}-1", ready=False, reason=reason, message="of a test", container="main", restarts=restarts)
    return Workload("Deployment", name, ready=False, detail="0 of 1 available", pods=(pod,))


@dataclass
class FakeHelm:
    """A helm program that changes a FakeCluster; implements ports.Runner and ports.Helm's staging."""

    cluster: FakeCluster
    clock: FakeClock
    seconds: float = 5.0
    fates: dict[str, Callable[[FakeCluster, str], str]] = field(default_factory=dict)  # release → what happens to it
    calls: list[tuple[str, str]] = field(default_factory=list)  # (verb, release)

    async def run(  # noqa: PLR0913 - the port's signature
        self,
        argv: Sequence[str],
        *,
        stdin: str | bytes | None = None,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the port's signature
        on_line: Callable[[str], None] | None = None,
    ) -> Completed:
        assert (stdin, cwd, env, on_line) == (None, None, None, None)
        assert timeout
        name = argv[3] if argv[1] == "upgrade" else argv[2]
        self.calls.append((argv[1], name))
        revisions = self.cluster.history.setdefault(name, [])
        if argv[1] == "uninstall":
            revisions.clear()
            return Completed(tuple(argv), 0, "", "")
        if revisions and revisions[-1].startswith("pending-") and argv[1] == "upgrade":
            return Completed(tuple(argv), 1, "", "another operation is in progress")
        return await self._change(tuple(argv), name, revisions)

    async def _change(self, argv: tuple[str, ...], name: str, revisions: list[str]) -> Completed:
        revisions.append("pending-upgrade" if revisions else "pending-install")
        mine = len(revisions) - 1
        try:
            await self.clock.sleep(self.seconds)
        except asyncio.CancelledError:
            revisions[mine] = "failed"  # as helm does on SIGINT
            raise
        error = ""
        if argv[1] == "rollback":
            self.cluster.states.pop(name, None)
        elif name in self.fates:
            error = self.fates[name](self.cluster, name)
        revisions[mine] = "failed" if error else "deployed"
        return Completed(argv, 1 if error else 0, "", error)

    async def template(self, argv: Sequence[str]) -> str:
        raise NotImplementedError(argv)

    @contextmanager
    def staged(self, tree: object, release: Release) -> Iterator[Path]:
        assert tree
        yield Path("/staged") / release.id.name


@dataclass
class FakeTree:
    """A tree of which nothing but the commit matters."""

    commit: str | None = "c0ffee"
    dirty: bool = False

    def files(self) -> Mapping[str, str]:
        return {}

    def mode(self, path: str) -> str:
        raise FileNotFoundError(path)

    def read(self, path: str) -> bytes:
        raise FileNotFoundError(path)

    def export(self, paths: Iterable[str], target: Path) -> None:
        raise NotImplementedError(paths, target)


@dataclass
class FakeReporter:
    """Remembers; implements ports.Reporter."""

    heard: list[tuple[str, State, str]] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    listener: Callable[[str, State, str], None] | None = None

    def transition(self, release: ReleaseId, state: State, message: str = "") -> None:
        self.heard.append((str(release), state, message))
        if self.listener:
            self.listener(str(release), state, message)

    def step(self, title: str, estimate: float | None = None) -> None:
        assert estimate is None or estimate > 0
        self.steps.append(title)

    def finished(self, plan: Plan, outcomes: Sequence[Outcome]) -> None:
        assert plan
        assert outcomes is not None


@dataclass
class FakeHub:
    """A hub as its proxy shows it; implements health.Browser and kernel.Channel. Knows one person."""

    clock: FakeClock
    username: str = "hubfleet-gate"
    password: str = "secret"  # noqa: S105 - of a test
    token: str = "service-token"  # noqa: S105 - of a test
    spawn_seconds: float = 4.0
    unready: list[Reply] = field(default_factory=list)  # what the first pages answer
    failures: list[str] = field(default_factory=list)  # what the first starts end with
    error: tuple[str, str] | None = None  # what the kernel raises
    output: str | None = None  # what the cell prints; None: what PROOF prints
    kernel_status: int = 201
    form: bool = True
    requests: list[str] = field(default_factory=list)
    tokens: int = 0
    _in: bool = False
    _entered: bool = False
    _server: float | None = None  # when the server will be up
    _failed: str = ""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._in = self._entered = False

    @property
    def runs(self) -> bool:
        return self._server is not None

    async def request(
        self,
        method: str,
        path: str,
        *,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: str | None = None,
    ) -> Reply:
        self.requests.append(f"{method} {path}")
        if self.unready:
            return self.unready.pop(0)
        if path == "/hub/login":
            return self._login(form)
        if path == "/hub/health":
            return Reply(200, "")
        if path.startswith("/hub/api/"):
            return self._api(method, path.removeprefix("/hub/api/users/"), headers or {}, body)
        return self._server_page(method, path, headers or {})

    def _login(self, form: Mapping[str, str] | None) -> Reply:
        if form is None:
            page = '<input type="hidden" name="_xsrf" value="x1"/><input name="password"/>'
            return Reply(200, page if self.form else "<a>Sign in with GitHub</a>")
        self._in = (form["username"], form["password"], form["_xsrf"]) == (self.username, self.password, "x1")
        return Reply(302, "", "/hub/spawn") if self._in else Reply(403, "Invalid username or password")

    def _api(  # noqa: PLR0911 - one answer per endpoint
        self, method: str, path: str, headers: Mapping[str, str], body: str | None
    ) -> Reply:
        by_service = headers.get("Authorization") == f"token {self.token}"
        by_token = headers.get("Authorization") == "token user-token" and self.tokens > 0
        if not (by_service or by_token or (self._in and headers.get("X-XSRFToken") == "x2")):
            return Reply(403, '{"message": "Missing or invalid credentials."}')
        name, _, rest = path.partition("/")
        assert name == self.username
        match method, rest:
            case "POST", "":
                return Reply(409, "")
            case "POST", "tokens":
                assert body
                self.tokens += 1
                return Reply(201, json.dumps({"token": "user-token", "id": "t1"}))
            case "DELETE", "tokens/t1":
                self.tokens -= 1
                return Reply(204, "")
            case "GET", "":
                return Reply(200, json.dumps({"servers": self._servers()}))
            case "POST", "server":
                self.start()
                return Reply(202, "")
            case "DELETE", "server":
                self._server = None
                return Reply(204, "")
            case "GET", "server/progress":
                return Reply(200, f"data: {json.dumps({'message': self._failed})}\n\n")
        return Reply(404, path)

    def start(self) -> None:
        self._server = self.clock.now() + self.spawn_seconds
        self._failed = self.failures.pop(0) if self.failures else ""

    def _servers(self) -> dict[str, object]:
        if self._server is None:
            return {}
        if self.clock.now() < self._server:
            return {"": {"ready": False, "pending": "spawn"}}
        if self._failed:
            self._server = None
            return {}
        return {"": {"ready": True, "pending": None, "url": f"/user/{self.username}/"}}

    def _server_page(self, method: str, path: str, headers: Mapping[str, str]) -> Reply:
        known = self._entered or headers.get("Authorization") == "token user-token"
        if method == "GET" and not known:
            self._entered = True
            return Reply(302, "", f"http://hub.example{path}?code=1")
        if method == "POST" and path.endswith("/api/kernels"):
            assert headers.get("Authorization") or headers.get("X-XSRFToken") == "x3"
            return Reply(self.kernel_status, '{"id": "k1"}')
        return Reply(200, "")

    def cookie(self, name: str, path: str) -> str | None:
        assert name == "_xsrf"
        return {"/hub/": "x2", f"/user/{self.username}/": "x3"}.get(path) if self._in else None

    @asynccontextmanager
    async def channel(self, path: str, headers: Mapping[str, str]) -> AsyncIterator[Channel]:
        assert path == f"/user/{self.username}/api/kernels/k1/channels"
        assert headers
        yield FakeKernel(self.output, self.error)


class FakeKernel:
    """The other end of a kernel's websocket; implements kernel.Channel."""

    def __init__(self, output: str | None, error: tuple[str, str] | None = None) -> None:
        self._output, self._error = output, error
        self._messages: list[str] = []

    async def send(self, text: str) -> None:
        request = json.loads(text)
        code = request["content"]["code"]
        output = self._output if self._output is not None else "42\n" if "print(a * b)" in code else ""
        told: list[tuple[str, dict[str, object]]] = [("status", {"execution_state": "busy"})]
        if self._error:
            name, value = self._error
            trace = ["-----", "\x1b[31mNameError\x1b[0m   Traceback (most recent call last)", "----> 1 x", f"{name}: x"]
            told.append(("error", {"ename": name, "evalue": value, "traceback": trace}))
        told += [("stream", {"name": "stdout", "text": output}), ("execute_reply", {})]
        told.append(("status", {"execution_state": "idle"}))
        parent = {"msg_id": request["header"]["msg_id"]}
        other = {"header": {"msg_type": "status"}, "parent_header": {"msg_id": "x"}, "content": {}}
        self._messages = [json.dumps(other)]
        self._messages += [
            json.dumps({"header": {"msg_type": kind}, "parent_header": parent, "content": content})
            for kind, content in told
        ]

    async def receive(self) -> str:
        return self._messages.pop(0)
