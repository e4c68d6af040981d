"""README and docs: snippets run, commands exist, and metrics are those of the results they name."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main

from triptych.cli import app
from triptych.cli.own import OPTIONS
from triptych.datasets.readers.folder import FORMATS
from triptych.files import read_json

pytestmark = pytest.mark.usefixtures("coarse_figures")

REPOSITORY = Path(__file__).resolve().parents[1]
PAGES = {
    str(path.relative_to(REPOSITORY)): path.read_text(encoding="utf-8")
    for path in (REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md")))
    if path.name != "lab-notes.md"  # history: what was true at the time
}
# What a snippet's reader has of their own.
GIVEN = """
import numpy as np, torch
from triptych import PhaseShift
from triptych.networks import ConvEncoder
transform = PhaseShift(max_shift=0.05, rate=100.0)
transforms = [transform]
subject = np.repeat(np.arange(6), 4)
pitch = 5 + 5 * torch.arange(24).div(4, rounding_mode="floor")[:, None, None]
x = signals = torch.sin(torch.arange(110) / 100 * 2 * torch.pi * pitch + torch.rand(24, 1, 1))
is_target = torch.arange(24) % 2 == 0
embed = lambda x: torch.fft.rfft(x).abs().flatten(1)
trunk = lambda: ConvEncoder(1, 100)
"""


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGES[page], re.MULTILINE | re.DOTALL)


def commands() -> list[tuple[str, str]]:
    """Page and command line of everything that starts with `triptych`, continued lines joined."""
    found: list[tuple[str, str]] = []
    for page, text in PAGES.items():
        joined = re.sub(r"\\\n\s*", " ", text)
        found += [(page, line) for line in re.findall(r"^ *(triptych .*)$", joined, re.MULTILINE)]
        found += [(page, line) for line in re.findall(r"`(triptych [^`]+)`", joined)]
    names = typer.main.get_command(app).commands  # pyright: ignore[reportAttributeAccessIssue]
    return [(page, line) for page, line in found if line.split()[1] in names]


def parse(words: list[str]) -> None:
    """Parse a command line as triptych does, and run nothing."""
    command: Any = typer.main.get_command(app)
    context, name = None, "triptych"
    while hasattr(command, "commands"):
        context = command.context_class(command, info_name=name, parent=context)
        name, *words = words
        command = command.get_command(context, name)
    command.make_context(name, words, parent=context)


@pytest.mark.parametrize(("page", "line"), commands())
def test_commands_exist_with_their_options(page: str, line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    try:
        parse([word for word in words if word not in ("...", "…")])
    except Exception as error:  # whatever typer raises for a command line it does not take
        # Prose mentions a command and one option of it: "triptych audit MODEL DATA --glass-box".
        if type(error).__name__ not in ("MissingParameter", "NoArgsIsHelpError"):
            raise


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")])
def test_python_snippets_run(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(GIVEN, names)
    for snippet in blocks(page, "python"):
        exec(compile(snippet, page, "exec"), names)


def test_the_page_on_own_recordings_has_every_format_and_option() -> None:
    page = PAGES["docs/own-recordings.md"]
    missing = [name for name in (*OPTIONS, *FORMATS) if not re.search(rf"{name}\b", page)]
    assert not missing


NUMBER = re.compile(r"^−?\d+(\.\d+)?$")
RESULTS = re.compile(r"results/[a-z0-9-]+(?:/[a-z0-9-]+)+")


def tables() -> list[tuple[str, tuple[str, ...], list[str]]]:
    """Page, the folders of results that its section names, and lines of every table of methods."""
    found: list[tuple[str, tuple[str, ...], list[str]]] = []
    for page, text in PAGES.items():
        for match in re.finditer(r"^\| method \|.*\n\| -.*\n((?:\|.*\n)+)", text, re.MULTILINE):
            before = text[: match.start()].replace("\n", "")
            section = re.split(r"^#+ ", text[: match.start()], flags=re.MULTILINE)[-1]
            joined = section.replace("\n", "")
            named = RESULTS.findall(section) or RESULTS.findall(joined) or RESULTS.findall(before)
            found.append((page, tuple(dict.fromkeys(named)), match.group(1).splitlines()))
    return found


def unfounded(folder: str, lines: list[str]) -> list[str]:
    """Metrics that are no mean of their method in `folder`, as rounded as they are printed."""
    summary = read_json(REPOSITORY / folder / "results.json")["summary"]
    means: dict[str, list[float]] = {}
    for row in summary:  # of a method one for each data set
        own = [figures["mean"] for figures in row["metrics"].values()]
        means.setdefault(row["method"], []).extend(own)
    wrong: list[str] = []
    for line in lines:
        name, *cells = (cell.strip(" *") for cell in line.strip("|").split("|"))
        method = name.split(" ")[0]
        for text in (cell.removesuffix("°") for cell in cells):
            if NUMBER.match(text):
                half = 0.5 * 10.0 ** -len(text.partition(".")[2]) * (1 + 1e-6)
                value = float(text.replace("−", "-"))
                if not any(abs(value - mean) <= half for mean in means.get(method, ())):
                    wrong.append(f"{method} {text}")
    return wrong


@pytest.mark.parametrize(("page", "folders", "lines"), tables())
def test_metrics_in_tables_are_those_of_the_results(
    page: str, folders: tuple[str, ...], lines: list[str]
) -> None:
    there = [each for each in folders if (REPOSITORY / each / "results.json").exists()]
    assert there, f"{page}: no results are named before the table, only {folders}"
    found = {folder: unfounded(folder, lines) for folder in there}
    assert [] in found.values(), f"{page}: not in the results: {min(found.values(), key=len)}"
