"""What a study leaves in its folder: results.json, table.md, figures and report.html."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from triptych.audit.canvas import titled
from triptych.audit.report import Code, Part, Points, Section, Terms, Text, write_report
from triptych.audit.tables import escaped
from triptych.files import write_atomically, write_json
from triptych_studies import ablations, glass, wording
from triptych_studies.base import Finished, Prepared, Study
from triptych_studies.figures import Album
from triptych_studies.results import results_of

FIGURES = "figures"
VERDICTS = (
    "2"  # version of the protocol whose intervals and verdicts tables have, whatever the cells
)


def note_of(prepared: Prepared) -> str:
    """What every title must say about the data."""
    return "simulated" if prepared.simulated else ""


def write_results(
    study: Study[Any],
    prepared: Prepared,
    finished: Sequence[Finished],
    folder: Path,
    command: str,
) -> dict[str, Any]:
    """Write results.json and table.md; returns the results."""
    results = results_of(study, prepared, finished, command)
    write_json(folder / "results.json", results)
    title = titled(study.title, note_of(prepared))
    lines = [f"# {title}", "", escaped(wording.headline(study, results)), ""]
    lines += [_what_was_run(prepared, results), ""]
    lines += [f"`{command}`", ""] if command else []
    for table in wording.metric_tables(study, results, headline=True):
        lines += [table.to_markdown(), ""]
    lines += [wording.explanation(study, results), ""]
    for table in ablations.tables(study, results):
        lines += ["## One thing changed", "", table.to_markdown(), ""]
    for heading, points in wording.statements(study, results):
        lines += [f"## {heading}", "", *(f"- {escaped(point)}" for point in points), ""]
    for table in wording.metric_tables(study, results, headline=False):
        lines += ["## Further metrics", "", table.to_markdown(), ""]
    for table in glass.tables(study, finished):
        lines += ["## Glass box", "", table.to_markdown(), ""]
    if rows := _rows(study, results):
        lines += ["## Rows", "", *(f"- `{name}`: {escaped(text)}" for name, text in rows.items())]
        lines += [""]
    lines += ["## Definitions", ""]
    lines += [f"- `{name}`: {escaped(text)}" for name, text in results["definitions"].items()]
    with write_atomically(folder / "table.md") as handle:
        handle.write("\n".join(lines) + "\n")
    return results


def _rows(study: Study[Any], results: Mapping[str, Any]) -> dict[str, str]:
    """What the study says of the methods that were computed."""
    present = dict.fromkeys(row["method"] for row in results["rows"])
    return {name: study.descriptions[name] for name in present if name in study.descriptions}


def _what_was_run(prepared: Prepared, results: Mapping[str, Any]) -> str:
    data = titled(prepared.data_name, note_of(prepared))
    cells = len(results["rows"])
    return (
        f"Protocol {results['protocol']} (intervals and verdicts: version {VERDICTS}), "
        f"budget {results['budget']}, data {data}, {cells} cells."
    )


def write_figures_and_report(
    study: Study[Any],
    prepared: Prepared,
    finished: Sequence[Finished],
    results: Mapping[str, Any],
    folder: Path,
    command: str,
) -> Path:
    """Draw the figures and write report.html; returns its path."""
    note = note_of(prepared)
    figures = folder / FIGURES
    figures.mkdir(parents=True, exist_ok=True)
    album, within = (Album(figures, note, study, results, finished) for _ in range(2))
    study.draw(album)
    glass.draw(within)
    inside = (*glass.tables(study, finished), *(each.picture(figures) for each in within.figures))
    sections = [
        Section(
            "",
            (
                Text(wording.headline(study, results), lead=True),
                Text(_what_was_run(prepared, results)),
            ),
        ),
        Section("Results", _results(study, results)),
        *(Section("One thing changed", (t,)) for t in ablations.tables(study, results)),
        *(Section(f.title, (f.picture(figures),)) for f in album.figures),
        *_further(study, results),
        *([Section("Glass box", inside)] if inside else []),
        *([Section("Rows", (Terms(rows),))] if (rows := _rows(study, results)) else []),
        Section("Definitions", (Terms(results["definitions"]),)),
        Section("What was run", _provenance(prepared, results, command)),
    ]
    return write_report(folder / "report.html", titled(study.title, note), sections)


def _results(study: Study[Any], results: Mapping[str, Any]) -> tuple[Part, ...]:
    parts: list[Part] = [*wording.metric_tables(study, results, headline=True)]
    parts.append(Text(wording.explanation(study, results)))
    for heading, points in wording.statements(study, results):
        parts += [Text(f"{heading} (paired over test subjects):"), Points(tuple(points))]
    return tuple(parts)


def _further(study: Study[Any], results: Mapping[str, Any]) -> list[Section]:
    tables = wording.metric_tables(study, results, headline=False)
    return [Section("Further metrics", tuple(tables))] if tables else []


def _provenance(prepared: Prepared, results: Mapping[str, Any], command: str) -> tuple[Part, ...]:
    rows = results["rows"]
    terms = {
        "data": titled(prepared.data_name, note_of(prepared)),
        "fingerprint of the data": prepared.fingerprint,
        "budget": results["budget"],
        "protocol": results["protocol"],
        "seeds": ", ".join(map(str, sorted({row["seed"] for row in rows}))),
        "folds": ", ".join(map(str, sorted({row["fold"] for row in rows}))),
        **{name: _words(value) for name, value in results["environment"].items()},
    }
    parts: list[Part] = [Code(command)] if command else []
    parts.append(Terms(terms))
    if prepared.notes:
        parts += [Text("Notes on the data:"), Points(prepared.notes)]
    return (*parts, wording.effort_table(results))


def _words(value: Any) -> str:
    """A value of the environment; several where cells were computed on several machines."""
    if isinstance(value, list):
        return " or ".join(map(str, cast("list[Any]", value)))
    return str(value)
