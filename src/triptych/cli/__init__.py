"""The command line: `triptych --help`. Every command is a thin face of the library."""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from importlib.metadata import entry_points
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from triptych.cli import audit, data, embed, evaluate, explain, export, predict, search, train
from triptych.cli.show import complain, say
from triptych.errors import InputError

# How long OpenMP's threads wait for each other awake. Its default, milliseconds, saves a tenth or
# two where every core is idle, and costs the double where other work needs one.
SPIN = "30000"
INTERRUPTED = "interrupted; files that were finished are whole, so the command can be run again"


class Commands(TyperGroup):
    """All commands; what a user can cause becomes one sentence and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was named."""
        try:
            with _terminable():
                return super().invoke(ctx)
        except InputError as error:
            complain(str(error))
            raise typer.Exit(2) from error
        except KeyboardInterrupt as stop:
            complain(str(stop) or INTERRUPTED)
            raise typer.Exit(130) from stop
        except OSError as error:
            if error.errno == errno.EPIPE:  # the reader of our output has gone: typer knows how
                raise
            where = f"{error.filename}: " if error.filename else ""
            complain(f"{where}{error.strerror or error}")
            raise typer.Exit(2) from error


@contextmanager
def _terminable() -> Generator[None]:
    """SIGTERM, as a scheduler sends it, ends a command as Ctrl+C does."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, stop) if main else None
    try:
        yield
    finally:
        if main:
            signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


app = typer.Typer(
    cls=Commands,
    name="triptych",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="rich",
    epilog="Start with: triptych study ecg-phase --demo --out demo",
)


def _version(asked: bool) -> None:
    if asked:
        from triptych import __version__

        say(f"triptych {__version__}")
        raise typer.Exit


@app.callback()
def triptych(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Latent vectors with named blocks: trained, audited, searched and compared."""


for module in (train, predict, evaluate, audit, embed, search, explain, export, data):
    module.register(app)
for found in entry_points(group="triptych.commands"):  # other packages' commands: `study`
    found.load()(app)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line on `argv` (None: what the shell gave); always ends in SystemExit."""
    given = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a letter that a console lacks is shown as "?"
            stream.reconfigure(errors="replace")
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPIN)  # read once, when torch is imported
    os.environ["MPLBACKEND"] = "agg"  # figures are files; another, even no real one, may be set
    app(given, prog_name="triptych", obj=given)
