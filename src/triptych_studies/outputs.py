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
from triptych_studies.base import Finished, Prepared
from triptych_studies.figures import Album
from triptych_studies.grid import Study
from triptych_studies.results import results_of

FIGURES = "figures"
VERDICTS = "2"  # version of the protocol whose intervals and verdicts the tables have


def note_of(prepared: Prepared) -> str:
    """What every title must say about the data."""
    return "simulated" if prepared.simulated else ""


def write_results(
    study: Study,
    prepared: Prepared,
    finished: Sequence[Finished],
    folder: Path,
    command: str,
) -> dict[str, Any]:
    """Write results.json and table.md; returns the results."""
    results = results_of(study, prepared, finished, command)
    write_json(folder / "results.json", results)
    title = titled(study.title, note_of(prepared))
    blocks = [f"# {title}", escaped(wording.headline(study, results))]
    blocks += [_what_was_run(prepared, results), *([f"`{command}`"] if command else [])]
    blocks += [table.to_markdown() for table in wording.metric_tables(study, results, True)]
    blocks += [wording.explanation(study, results)]
    for table in ablations.tables(study, results):
        blocks += ["## One thing changed", table.to_markdown()]
    for heading, points in wording.statements(study, results):
        blocks += [f"## {heading}", "\n".join(f"- {escaped(point)}" for point in points)]
    for table in wording.metric_tables(study, results, False):
        blocks += ["## Further metrics", table.to_markdown()]
    for table in glass.tables(study, finished):
        blocks += ["## Probe matrix", table.to_markdown()]
    for heading, terms in (("Rows", _rows(study, results)), ("Definitions", study.definitions)):
        listed = [f"- `{name}`: {escaped(text)}" for name, text in terms.items()]
        blocks += [f"## {heading}", "\n".join(listed)] if listed else []
    with write_atomically(folder / "table.md") as handle:
        handle.write("\n\n".join(blocks) + "\n")
    return results


def _rows(study: Study, results: Mapping[str, Any]) -> dict[str, str]:
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
    study: Study,
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
    head = Text(wording.headline(study, results), lead=True), Text(_what_was_run(prepared, results))
    sections = [
        Section("", head),
        Section("Results", _results(study, results)),
        *(Section("One thing changed", (t,)) for t in ablations.tables(study, results)),
        *(Section(f.title, (f.picture(figures),)) for f in album.figures),
        Section("Further metrics", tuple(wording.metric_tables(study, results, False))),
        Section("Probe matrix", inside),
        Section("Rows", (Terms(rows),) if (rows := _rows(study, results)) else ()),
        Section("Definitions", (Terms(results["definitions"]),)),
        Section("What was run", _provenance(prepared, results, command)),
    ]
    filled = [section for section in sections if section.parts]
    return write_report(folder / "report.html", titled(study.title, note), filled)


def _results(study: Study, results: Mapping[str, Any]) -> tuple[Part, ...]:
    parts: list[Part] = [*wording.metric_tables(study, results, True)]
    parts.append(Text(wording.explanation(study, results)))
    for heading, points in wording.statements(study, results):
        parts += [Text(f"{heading} (paired over test subjects):"), Points(tuple(points))]
    return tuple(parts)


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
