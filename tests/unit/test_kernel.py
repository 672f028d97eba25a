"""A cell counts only if it ends, raises nothing and prints what it must."""

from __future__ import annotations

import asyncio
import contextlib
import io
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from tests.unit.fakes import FakeKernel

from hubfleet import kernel
from hubfleet.errors import GateError
from hubfleet.kernel import PROOF, Cell

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


def run(cell: Cell, output: str | None = None, error: tuple[str, str] | None = None) -> str:
    @asynccontextmanager
    async def connection() -> AsyncIterator[FakeKernel]:
        yield FakeKernel(output, error)

    return asyncio.run(kernel.run(connection(), cell))


def test_the_proof_prints_what_it_expects() -> None:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(PROOF.source, "proof", "exec"), {})  # noqa: S102 - the gate's own cell
    assert printed.getvalue().strip() == PROOF.expected
    assert PROOF.expected not in PROOF.source


def test_output_is_compared_without_its_edges() -> None:
    assert run(Cell("print(1)", "1"), output=" 1\n") == " 1\n"


def test_other_output_fails() -> None:
    with pytest.raises(GateError, match="printed '2', expected '1'"):
        run(Cell("print(1)", "1"), output="2\n")


def test_without_an_expectation_any_output_will_do() -> None:
    assert run(Cell("print(2)"), output="2\n") == "2\n"


def test_an_exception_fails_with_its_text_and_place_and_without_colours() -> None:
    with pytest.raises(GateError) as raised:
        run(Cell("x"), error=("NameError", "name 'x' is not defined"))
    assert str(raised.value) == "the cell raised NameError: name 'x' is not defined\n----> 1 x"
