"""Runs one cell on a Jupyter kernel over its websocket and compares what it prints. Knows nothing of hubs."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from hubfleet.errors import GateError

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager
    from typing import TypeAlias

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_SECONDS = 120.0  # that a kernel may take to start and to run the cell


@dataclass(frozen=True, slots=True)
class Cell:
    """Code to run, and what it must print; None where it is enough that it does not raise."""

    source: str
    expected: str | None = None


# Writes to the user's disk, reads it back, and computes what the source does not spell.
PROOF = Cell(
    "from pathlib import Path\n"
    "proof = Path.home() / '.hubfleet-gate'\n"
    "proof.write_text('6 7')\n"
    "a, b = map(int, proof.read_text().split())\n"
    "proof.unlink()\n"
    "print(a * b)\n",
    "42",
)


class Channel(Protocol):
    """An open websocket. ConnectionError where the other side goes away."""

    async def send(self, text: str) -> None:
        """Send one message."""
        ...

    async def receive(self) -> str:
        """Wait for the next message."""
        ...


if TYPE_CHECKING:
    Connection: TypeAlias = AbstractAsyncContextManager[Channel]


async def run(connection: Connection, cell: Cell) -> str:
    """Run the cell and return what it printed. GateError where it raises, prints something else or never ends."""
    try:
        async with asyncio.timeout(_SECONDS), connection as channel:
            await channel.send(json.dumps(_request(cell.source)))
            output = await _output(channel)
    except TimeoutError as error:
        message = f"the cell did not end within {_SECONDS:g} s"
        raise GateError(message) from error
    if cell.expected is not None and output.strip() != cell.expected:
        message = f"the cell printed {output.strip()!r}, expected {cell.expected!r}"
        raise GateError(message)
    return output


@dataclass(slots=True)
class _Heard:
    text: list[str] = field(default_factory=list)
    idle: bool = False
    replied: bool = False


async def _output(channel: Channel) -> str:
    heard = _Heard()
    while not (heard.idle and heard.replied):
        message: dict[str, Any] = json.loads(await channel.receive())
        if message.get("parent_header", {}).get("msg_id") == _MESSAGE_ID:
            _hear(heard, message["header"]["msg_type"], message["content"])
    return "".join(heard.text)


def _hear(heard: _Heard, kind: str, content: dict[str, Any]) -> None:
    if kind == "error":
        raise GateError(_raised(content))
    if kind == "stream" and content["name"] == "stdout":
        heard.text.append(content["text"])
    elif kind == "execute_result":
        heard.text.append(str(content["data"].get("text/plain", "")))
    elif kind == "status":
        heard.idle = content["execution_state"] == "idle"
    elif kind == "execute_reply":
        heard.replied = True


def _raised(content: dict[str, Any]) -> str:
    """Say what the cell raised and where in it; IPython's rule and headline would look like a fault of ours."""
    lines = _ANSI.sub("", "\n".join(content.get("traceback", ()))).splitlines()
    shown = [line for line in lines if line.strip("-") and "Traceback (most recent call last)" not in line]
    return "\n".join([f"the cell raised {content['ename']}: {content['evalue']}", *shown[:-1]])


_MESSAGE_ID = "hubfleet-gate"


def _request(source: str) -> dict[str, Any]:
    header = {"msg_id": _MESSAGE_ID, "username": "", "session": _MESSAGE_ID, "msg_type": "execute_request"}
    content = {"code": source, "silent": False, "store_history": False, "allow_stdin": False, "stop_on_error": True}
    return {
        "header": {**header, "version": "5.3"},
        "parent_header": {},
        "metadata": {},
        "content": content,
        "channel": "shell",
        "buffers": [],
    }
