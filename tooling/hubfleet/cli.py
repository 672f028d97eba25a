"""The commands: reads the command line and the environment, prints, exits. What a command does stands beneath."""

from __future__ import annotations

import asyncio
import getpass
import os
import socket
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from hubfleet.errors import HubfleetError, PartialError, ProblemsError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from rich.console import Console

    from hubfleet.deploying import Stored
    from hubfleet.execute import Result
    from hubfleet.model import Inventory, Plan, ReleaseId
    from hubfleet.ports import Reporter
    from hubfleet.wiring import Workspace

WRONG_USAGE, INTERRUPTED, CHANGES = 64, 130, 2
WIDE = 160  # columns for tables in a log
_CLICK_USAGE = 2  # what the command line's library exits with, which is `CHANGES` here

app = typer.Typer(
    name="hubfleet",
    help="Runs fleets of JupyterHubs: plans, deploys and proves the releases that a change touches.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
cluster_app = typer.Typer(help="Make, remove and look at this machine's kind clusters.", no_args_is_help=True)
app.add_typer(cluster_app, name="cluster")


Against = Literal["live", "git", "nothing"]
ImageSource = Literal["auto", "pull", "build"]
Root = Annotated[Path, typer.Option("--root", help="The repository's folder.", file_okay=False)]
ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="TOML with the fleet's places, instead of pyproject.toml.")
]
Only = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="GLOB", help="Only releases that fit, as cluster/name; repeatable."),
]
Images = Annotated[ImageSource, typer.Option(help="Pull published images, build them, or find out what works.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text, one object per line.")]
Names = Annotated[list[str] | None, typer.Argument(help="Clusters; all kind clusters of the repository if none.")]


def main() -> None:
    """Run the command line and exit with its code; every error is a message that ends with what to do."""
    _ran.clear()
    try:
        app()
    except SystemExit as ended:
        raise SystemExit(WRONG_USAGE if ended.code == _CLICK_USAGE and not _ran else ended.code) from None


_ran: list[str] = []  # commands whose words were understood


def _run(work: Coroutine[Any, Any, int]) -> None:
    """Run a command and exit with its code."""
    _ran.append("command")
    try:
        code = asyncio.run(work)
    except HubfleetError as error:
        _complain(str(error))
        code = error.exit_code
    except (KeyboardInterrupt, asyncio.CancelledError):
        _complain("Interrupted. Nothing is lost: run the same command again to go on.")
        code = INTERRUPTED
    except Exception as error:
        if os.environ.get("HUBFLEET_DEBUG"):
            raise
        _complain(f"unexpected {type(error).__name__}: {error}\nHUBFLEET_DEBUG=1 shows where; please report it.")
        code = 1
    raise typer.Exit(code)


@app.command()
def plan(  # noqa: PLR0913 - a plan has that many options
    root: Root = Path(),
    config: ConfigFile = None,
    *,
    against: Annotated[
        Against, typer.Option(help="Compare with what runs, with a revision, or with nothing.")
    ] = "live",
    base: Annotated[str | None, typer.Option(help="The revision to compare with; implies --against git.")] = None,
    head: Annotated[str | None, typer.Option(help="Plan this revision instead of the working tree.")] = None,
    only: Only = None,
    everything: Annotated[bool, typer.Option("--all", help="Short for --against nothing.")] = False,
    render: Annotated[bool, typer.Option(help="Render both sides; otherwise every candidate counts.")] = True,
    out: Annotated[Path | None, typer.Option(help="The folder for the plan's files [build/plan].")] = None,
    as_json: Json = False,
    detailed_exitcode: Annotated[bool, typer.Option("--detailed-exitcode", help="Exit with 2 on changes.")] = False,
) -> None:
    """Show which releases a deploy would touch, in which order and why, and keep that for `deploy`."""
    kind = "git" if base else "nothing" if everything else against

    async def work(workspace: Workspace) -> int:
        from hubfleet.deploying import made_again  # noqa: PLC0415
        from hubfleet.plan_folder import forget, write  # noqa: PLC0415
        from hubfleet.plan_request import Request  # noqa: PLC0415

        folder = (out or workspace.build / "plan").absolute()
        forget(folder)  # so that a failure leaves none that `deploy` could take for this one
        request = Request(kind, base, head, tuple(only or ()), render=render)
        made = await request.plan(workspace)
        write(made, folder)
        remarks = [*workspace.silent.values(), made_again(folder, workspace.build / "deploys", time.time())]
        return _show_plan(made, remarks, as_json=as_json, detailed=detailed_exitcode)

    _run(_in_workspace(root.absolute(), config, work, as_json=as_json))


@app.command()
def deploy(  # noqa: PLR0913 - a deploy has that many options
    root: Root = Path(),
    config: ConfigFile = None,
    folder: Annotated[Path | None, typer.Option("--plan", help="The plan's folder [build/plan].")] = None,
    only: Only = None,
    *,
    images: Images = "auto",
    as_json: Json = False,
    abandon: Annotated[bool, typer.Option("--abandon", help="Give an unfinished deploy of this plan up.")] = False,
) -> None:
    """Do exactly what the plan says; an unfinished deploy goes on where it was.

    A first Ctrl-C finishes what runs, a second stops it and says what is in doubt.
    """

    async def work(workspace: Workspace) -> int:
        from hubfleet.deploying import read_plan  # noqa: PLC0415

        stored = read_plan((folder or workspace.build / "plan").absolute(), workspace.build / "deploys")
        if abandon:
            return _abandon(stored)
        return await _deploy(workspace, stored, tuple(only or ()), as_json=as_json)

    _run(_in_workspace(root.absolute(), config, work, as_json=as_json, live=True, images=images))


@app.command()
def status(root: Root = Path(), config: ConfigFile = None, only: Only = None, *, as_json: Json = False) -> None:
    """Show what runs: revision, gate, and whether it is what the repository says."""

    async def work(workspace: Workspace) -> int:
        from hubfleet.inventory import survey  # noqa: PLC0415
        from hubfleet.overview import overview, to_json, view  # noqa: PLC0415

        inventory = survey(await workspace.tree(), workspace.config).inventory
        rows = await overview(inventory, workspace.connect, tuple(only or ()))
        _say(to_json(rows)) if as_json else _console().print(view(rows))
        return 0 if all(row.reached for row in rows) else 1

    _run(_in_workspace(root.absolute(), config, work, as_json=as_json))


@app.command()
def check(root: Root = Path(), config: ConfigFile = None) -> None:
    """Check the repository: clusters, hubs, values, charts and files that belong to nothing; all problems at once."""

    async def work(workspace: Workspace) -> int:
        from hubfleet.checks import check as problems_of  # noqa: PLC0415

        found = problems_of(await workspace.tree(), workspace.config)
        for warning in found.warnings:
            _complain(f"warning: {warning}")
        if found.problems:
            raise ProblemsError(found.problems)
        _say("No problems.")
        return 0

    _run(_in_workspace(root.absolute(), config, work))


@app.command("health-check")
def health_check(
    release: Annotated[str, typer.Argument(metavar="CLUSTER/HUB", help="The hub to check.")],
    root: Root = Path(),
    config: ConfigFile = None,
    cell: Annotated[str | None, typer.Option(help="Python to run instead of the gate's own cell.")] = None,
    expect: Annotated[str | None, typer.Option(help="What that cell must print.")] = None,
) -> None:
    """Prove a hub as its gate does: log in through the proxy, start a server, run a cell, compare its output, stop."""

    async def work(workspace: Workspace) -> int:
        from hubfleet.proving import prove  # noqa: PLC0415

        _say(f"{release}: {await prove(workspace, release, cell, expect, _complain)}")
        return 0

    _run(_in_workspace(root.absolute(), config, work))


@app.command()
def tools(
    names: Annotated[list[str] | None, typer.Argument(help="Which; those that plan and deploy call if none.")] = None,
    root: Root = Path(),
    config: ConfigFile = None,
) -> None:
    """Get the pinned programs into .tools/bin and show where they are."""

    async def work(workspace: Workspace) -> int:
        for name in names or ("helm", "kind", "kubectl"):
            _say(f"{name} {await workspace.program(name)}")
        return 0

    _run(_in_workspace(root.absolute(), config, work))


@cluster_app.command("up")
def cluster_up(names: Names = None, root: Root = Path(), config: ConfigFile = None, images: Images = "auto") -> None:
    """Make kind clusters, or start them again; nothing happens to one that runs."""

    async def work(workspace: Workspace) -> int:
        for cluster in await workspace.kind_clusters(names):
            _say(f"{cluster.name}: up, kubeconfig {await workspace.kind.up(cluster)}")
        return 0

    _run(_in_workspace(root.absolute(), config, work, images=images))


@cluster_app.command("down")
def cluster_down(names: Names = None, root: Root = Path(), config: ConfigFile = None) -> None:
    """Remove kind clusters, with all data in them."""

    async def work(workspace: Workspace) -> int:
        for cluster in await workspace.kind_clusters(names):
            await workspace.kind.down(cluster.name)
            _say(f"{cluster.name}: removed")
        return 0

    _run(_in_workspace(root.absolute(), config, work))


@cluster_app.command("status")
def cluster_status(names: Names = None, root: Root = Path(), config: ConfigFile = None) -> None:
    """Show this machine's kind clusters and their nodes."""

    async def work(workspace: Workspace) -> int:
        from hubfleet.overview import cluster_lines  # noqa: PLC0415

        for cluster in await workspace.kind_clusters(names):
            _say("\n".join(cluster_lines(await workspace.kind.status(cluster.name))))
        return 0

    _run(_in_workspace(root.absolute(), config, work))


@cluster_app.command("load")
def cluster_load(
    name: Annotated[str, typer.Argument(help="The cluster.")],
    image_names: Annotated[list[str], typer.Argument(metavar="IMAGE...", help="Images that the engine holds.")],
    root: Root = Path(),
    config: ConfigFile = None,
) -> None:
    """Bring images of the container engine into a kind cluster."""

    async def work(workspace: Workspace) -> int:
        await workspace.kind.load((await workspace.kind_clusters([name]))[0].name, image_names)
        return 0

    _run(_in_workspace(root.absolute(), config, work))


async def _in_workspace(  # noqa: PLR0913 - what every command has in common
    root: Path,
    config: Path | None,
    work: Callable[[Workspace], Awaitable[int]],
    *,
    as_json: bool = False,
    live: bool = False,
    images: ImageSource = "auto",
) -> int:
    """Run a command's work with a reporter that fits where its output goes."""
    from hubfleet.wiring import Workspace  # noqa: PLC0415 - `--help` needs none of it

    with ExitStack() as stack:
        reporter = _reporter(stack, as_json=as_json, live=live)
        async with Workspace(root, reporter, config, images) as workspace:
            return await work(workspace)


def _reporter(stack: ExitStack, *, as_json: bool, live: bool) -> Reporter:
    """Choose: JSON on request, a table that changes on a terminal, plain lines elsewhere."""
    from hubfleet.progress import JsonProgress, LiveProgress, PlainProgress  # noqa: PLC0415

    if as_json and live:
        return JsonProgress(_say, time.time)
    if live and (console := _console()).is_terminal:
        return stack.enter_context(LiveProgress(console, time.time))
    return PlainProgress(_complain if as_json or not live else _say, time.time)


def _show_plan(plan: Plan, remarks: list[str], *, as_json: bool, detailed: bool) -> int:
    from hubfleet.model import Action  # noqa: PLC0415
    from hubfleet.plan_file import plan_to_json  # noqa: PLC0415
    from hubfleet.report import plan_view  # noqa: PLC0415

    _say(plan_to_json(plan).rstrip()) if as_json else _console().print(plan_view(plan))
    for remark in filter(None, remarks):
        _complain(remark)
    if not plan.complete or any(row.action is Action.BROKEN for row in plan.releases):
        return 1
    return CHANGES if detailed and plan.has_changes else 0


def _abandon(stored: Stored) -> int:
    from hubfleet.deploying import abandon  # noqa: PLC0415

    doubtful = abandon(stored, time.time())
    _say(f"The deploy of plan {stored.id} is given up. In doubt: {', '.join(doubtful) or 'nothing'}. Now plan again.")
    return 0


async def _deploy(workspace: Workspace, stored: Stored, only: tuple[str, ...], *, as_json: bool) -> int:
    from hubfleet.deploying import Deploy, exit_code, refuse_ended  # noqa: PLC0415
    from hubfleet.execute import Interrupt, Result  # noqa: PLC0415
    from hubfleet.inventory import survey  # noqa: PLC0415
    from hubfleet.signals import listen  # noqa: PLC0415

    refuse_ended(stored)
    if not stored.plan.has_changes or (stored.journal.ended and not stored.left_over):
        if exit_code(stored.plan, Result(())):
            message = "the plan has nothing that can be deployed: do what it says of the rest, then plan again"
            raise PartialError(message)
        _say("Nothing to do: the plan has no changes, or all of them are deployed.")
        if not as_json:
            await _tell_logins(workspace, survey(await workspace.tree(), workspace.config).inventory, lambda _: True)
        return 0
    begun, interrupt = time.time(), Interrupt()
    listen(interrupt, _complain)
    result, inventory = await Deploy(workspace, stored, _holder(), interrupt, only).run()
    await _tell(workspace, inventory, result, time.time() - begun, as_json=as_json)
    return exit_code(stored.plan, result)


async def _tell(workspace: Workspace, inventory: Inventory, result: Result, seconds: float, *, as_json: bool) -> None:
    from hubfleet import report_outcomes  # noqa: PLC0415
    from hubfleet.model import State  # noqa: PLC0415
    from hubfleet.wiring import way_forward  # noqa: PLC0415

    if as_json:
        _say(report_outcomes.to_json(result.outcomes, seconds))
        return
    _say(report_outcomes.blocks(result.outcomes))
    runs = {each.id for each in result.outcomes if each.state in {State.DONE, State.ROLLED_BACK}}
    await _tell_logins(workspace, inventory, runs.__contains__)
    for name in sorted({each.id.cluster for each in result.outcomes if each.state is State.UNREACHABLE}):
        _say(way_forward("it does not answer", inventory.clusters[name]))
    _say(report_outcomes.closing(result.outcomes, seconds))


async def _tell_logins(workspace: Workspace, inventory: Inventory, runs: Callable[[ReleaseId], bool]) -> None:
    from hubfleet.logins import logins  # noqa: PLC0415

    if lines := await logins(inventory, runs, workspace.connect):
        _say("\n".join(lines))


def _holder() -> str:
    return f"{getpass.getuser()}@{socket.gethostname()} (process {os.getpid()})"


def _console() -> Console:
    from rich.console import Console  # noqa: PLC0415 - only who shows a table pays for it

    return Console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else WIDE)


def _say(text: str) -> None:
    typer.echo(text)


def _complain(text: str) -> None:
    typer.echo(text, err=True)
