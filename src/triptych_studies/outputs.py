"""What a study leaves in its folder: results.json, table.md, figures and report.html."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from triptych.audit.canvas import titled
from triptych.audit.report import Code, Part, Points, Section, Terms, Text, write_report
from triptych.audit.tables import Table, escaped
from triptych.files import write_atomically, write_json
from triptych_studies import ablations, probe_matrix, wording
from triptych_studies.base import Finished, StudyData
from triptych_studies.figures import Album
from triptych_studies.grid import Study
from triptych_studies.results import results_of

FIGURES = "figures"
VERDICTS = "2"  # version of the protocol whose intervals and verdicts the tables have


def note_of(prepared: StudyData) -> str:
    """What every title must say about the data."""
    return "simulated" if prepared.simulated else ""


def write_results(
    study: Study,
    prepared: StudyData,
    finished: Sequence[Finished],
    folder: Path,
    command: str,
) -> dict[str, Any]:
    """Write results.json and table.md; returns the results."""
    results = results_of(study, prepared, finished, command)
    write_json(folder / "results.json", results)
    blocks = [f"# {titled(study.title, note_of(prepared))}"]
    for section in _sections(study, prepared, finished, results):
        blocks += [f"## {section.title}"] if section.title else []
        blocks += map(_markdown, section.parts)
    with write_atomically(folder / "table.md") as handle:
        handle.write("\n\n".join(blocks) + "\n")
    return results


def write_figures_and_report(
    study: Study,
    prepared: StudyData,
    finished: Sequence[Finished],
    results: Mapping[str, Any],
    folder: Path,
) -> Path:
    """Draw the figures and write report.html; returns its path."""
    note = note_of(prepared)
    figures = folder / FIGURES
    figures.mkdir(parents=True, exist_ok=True)
    albums = [Album(figures, note, study, results, finished) for _ in range(2)]
    study.draw(albums[0])
    probe_matrix.draw(albums[1])
    drawn, inside = ([(f.title, f.picture(figures)) for f in each.figures] for each in albums)
    sections = _sections(study, prepared, finished, results, drawn, [part for _, part in inside])
    sections.append(Section("What was run", _provenance(prepared, results)))
    return write_report(folder / "report.html", titled(study.title, note), sections)


def _sections(
    study: Study,
    prepared: StudyData,
    finished: Sequence[Finished],
    results: Mapping[str, Any],
    figures: Sequence[tuple[str, Part]] = (),
    inside: Sequence[Part] = (),
) -> list[Section]:
    """What table and report have in common; `figures` have a section each, `inside` a probe's."""
    data = titled(prepared.data_name, note_of(prepared))
    run = (
        f"Protocol {results['protocol']} (intervals and verdicts: version {VERDICTS}), "
        f"budget {results['budget']}, data {data}, {len(results['rows'])} cells."
    )
    head: list[Part] = [Text(wording.headline(study, results), lead=True), Text(run)]
    head += [Code(results["command"])] if results["command"] else []
    head += [
        *wording.metric_tables(study, results, True),
        Text(wording.explanation(study, results)),
    ]
    present = dict.fromkeys(row["method"] for row in results["rows"])
    rows = {name: study.descriptions[name] for name in present if name in study.descriptions}
    sections = [
        Section("", tuple(head)),
        Section("One thing changed", tuple(ablations.tables(study, results))),
        *(
            Section(head, (Points(tuple(said)),))
            for head, said in wording.statements(study, results)
        ),
        *(Section(title, (part,)) for title, part in figures),
        Section("Further metrics", tuple(wording.metric_tables(study, results, False))),
        Section("Probe matrix", (*probe_matrix.tables(study, finished), *inside)),
        Section("Rows", (Terms(rows),) if rows else ()),
        Section("Definitions", (Terms(study.definitions),)),
    ]
    return [section for section in sections if section.parts]


def _markdown(part: Part) -> str:
    match part:
        case Table():
            return part.to_markdown()
        case Points():
            return "\n".join(f"- {escaped(point)}" for point in part.points)
        case Terms():
            return "\n".join(f"- `{name}`: {escaped(text)}" for name, text in part.terms.items())
        case Code():
            return f"`{part.text}`"
        case Text():
            return escaped(part.text)
        case _:
            return ""


def _provenance(prepared: StudyData, results: Mapping[str, Any]) -> tuple[Part, ...]:
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
    notes = (Text("Notes on the data:"), Points(prepared.notes)) if prepared.notes else ()
    return (Terms(terms), *notes, wording.effort_table(results))


def _words(value: Any) -> str:
    """A value of the environment; several where cells were computed on several machines."""
    if isinstance(value, list):
        return " or ".join(map(str, cast("list[Any]", value)))
    return str(value)
