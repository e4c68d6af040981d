"""What an audit leaves in its folder: audit.json, table.md, figures and report.html."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from triptych.audit import plots, response
from triptych.audit.canvas import titled
from triptych.audit.drawings import Drawings, Figure
from triptych.audit.factors import knowledge
from triptych.audit.pictures import gallery, swaps
from triptych.audit.report import Code, Part, Points, Section, Terms, Text, write_report
from triptych.audit.result import EMBEDDING, AuditResult
from triptych.audit.tables import Table, Value, number
from triptych.audit.verdicts import bracketed, interval
from triptych.counts import counted
from triptych.files import write_atomically, write_json
from triptych.metrics.matrix import FactorMatrix
from triptych.transforms.units import shown

RELATION_WORDS = {"free": "free", "none": "nothing to it"}


def declared(relation: str) -> str:
    """``"declares: invariant"``, ``"free"``: what a block says of itself, nothing measured."""
    return relation if relation == "free" else f"declares {RELATION_WORDS.get(relation, relation)}"


def write_audit(result: AuditResult, folder: str | Path, command: str = "") -> Path:
    """Write ``audit.json``, ``table.md``, ``figures/`` and ``report.html``; returns the last.

    The report is written last, so that it never stands beside older figures. `command` is what
    the user typed. Raises InputError if the files cannot be written.
    """
    folder = Path(folder)
    title = f"Audit of {result.subject} under {result.nuisance}"
    title = titled(title, _note(result))
    said = {"verdict": result.verdict, "void": bool(result.void), "command": command}
    content = {**said, **result.to_dict()}
    content["definitions"] = result.definitions
    # floats to seven digits: what was computed in float32 has no more
    short = json.loads(json.dumps(content), parse_float=lambda text: float(f"{float(text):.7g}"))
    write_json(folder / "audit.json", short)
    tables = tables_of(result)
    every = [*(table for some in tables.values() for table in some), response.sweep_table(result)]
    lines = [f"# {title}", "", result.verdict, "", *([f"`{command}`", ""] if command else [])]
    for table in every:
        lines += [table.to_markdown(), ""]
    lines += [f"- `{name}`: {text}" for name, text in result.definitions.items()]
    with write_atomically(folder / "table.md") as handle:
        handle.write("\n".join(lines) + "\n")
    drawn = draw(result, folder / "figures")
    sections = _sections(result, tables, drawn, folder, command)
    return write_report(folder / "report.html", title, sections)


def plot_audit(result: AuditResult, folder: str | Path) -> list[Path]:
    """Draw the figures as PNGs into `folder`; returns their paths."""
    return [Path(folder) / figure.file for figure in draw(result, Path(folder))]


def draw(result: AuditResult, folder: Path) -> list[Figure]:
    """Draw what the audit found, with the words that belong to each figure."""
    folder.mkdir(parents=True, exist_ok=True)
    drawings = Drawings(folder, _note(result))
    parameter, own = result.nuisance, _block(result)
    measure = f"Cosine of the latents ({own}) of a window and of the same window under {parameter}"
    level = (
        f"Dashed: the same between windows of different {result.groups}, the between-sample level. "
    )
    if result.measure == "agreement":
        measure = f"Agreement of the number ({own}) for a window and for the same window under "
        measure += f"{parameter}: 1 where it stays, 0 where it moves as far as subjects are apart"
    if result.classifier:
        measure = f"Share of windows whose highest class is the same under {parameter}, every "
        measure += "answered class counting alike"
        level = "Dashed: the level of an answer that ignores the window. "
    drawings.add(
        "similarity.png",
        f"{result.measure.replace('cosine', 'similarity').capitalize()} under {parameter}",
        response.draw_curve,
        result,
        caption=f"{measure}, with its 95 % interval over {result.groups}. {level}What the "
        "transform does not disturb stays near 1, far above the dashed line."
        f"{response.caption(result)}",
        alt=f"Curve of the {result.measure} against the {parameter}",
    )
    blocks = {
        f"{name} ({declared(relation)})": result.curves[name].to_dict()
        for name, relation in result.relations.items()
    }
    tops = set(plots.block_tops(blocks).values()) if blocks else set[float]()
    own_scales = " The panels differ so much that each has its own scale: compare a curve with the "
    own_scales += "dashed line of its panel."
    drawings.add(
        "blocks.png",
        "What each block does",
        plots.block_responses,
        blocks if len(blocks) > 1 else {},
        parameter=parameter,
        unit=result.unit,
        groups=result.groups,
        caption="Distance (1 − cosine) of each block between a window and the same window under "
        f"{parameter}; dashed: its distance between windows of different {result.groups}. "
        "A block that is as it declares stays near 0 if invariant, and rises if variant."
        f"{own_scales * (len(tops) > 1)}",
        alt=f"Curves of the distance of every block against the size of the {parameter}",
    )
    if result.glass is not None:
        drawings.add(
            "glass_box.png",
            "What each block knows",
            plots.block_factor_map,
            result.glass.rows(),
            meant=result.glass.meant,
            caption="Score of held-out probes that read a factor from a block: 0 is chance, 1 all "
            "known. Framed: the block meant for the factor; dashed: a block that declares to "
            f"be invariant to it.{_unread(result.glass)}",
            alt="Heat map of blocks and factors",
        )
    drawings.add(
        "swap.png",
        "What the decoder makes of each block",
        swaps,
        result.swap,
        caption="Decoded windows with one block of x among the other blocks of y, beside the "
        "decoded x and y themselves; the number is the share of the way from y to x. A "
        "fixed rule chose the pairs: those whose decoded windows are at the median "
        "distance.",
        alt="Decoded signals, one panel a block",
    )
    if result.example is not None:
        by = _block(result)
        drawings.add(
            "gallery.png",
            "A query and what it finds",
            gallery,
            result.example["query"],
            {by: result.example["matches"]},
            rate=result.example["rate"],
            right="record",
            caption=f"Left: a window under the transform. Right: its five nearest untransformed "
            f"windows by {by}, windows within 5 s of it left out. ✓: a window of the query's own "
            "record, as record_p10 counts; ✗: of another record, also where its class is the same. "
            "A fixed rule chose the query: of those with the median share of their own record "
            "among the ten nearest, the one that was transformed most.",
            alt="A query and its nearest windows, drawn as signals",
        )
    return drawings.figures


def _unread(glass: FactorMatrix) -> str:
    """Why a field of the probe matrix is empty, if one is."""
    blocks, factors, _ = glass.table()
    read = {(cell.block, cell.factor) for cell in glass.cells}
    missing = {(b, f) for b in blocks for f in factors} - read
    if not missing:
        return ""
    if {block for block, _ in missing} == {"all blocks"}:
        return " A dash: θ is read from each block by itself, not from all of them together."
    return " A dash: the factor was not read from that block."


def tables_of(result: AuditResult) -> dict[str, list[Table]]:
    """Tables by the figure that they stand under; those that lead stand under none (``""``)."""
    return {
        "": _lead_tables(result),
        "blocks.png": _block_tables(result),
        "glass_box.png": knowledge(result.glass),
        "swap.png": [] if result.swap is None else [result.swap.table()],
    }


def _lead_tables(result: AuditResult) -> list[Table]:
    """What stands first: of a classifier right and wrong, and what its answers become."""
    answers, tables = result.answers, [_figure_table(result)]
    if answers is None:
        return tables
    flow = answers.flow_table(shown(answers.lowest_at, result.unit))
    if answers.truth is None:
        return [flow, *tables]
    at = float(answers.distance[answers.truth.lowest])
    return [answers.truth.table(shown(at, result.unit)), flow, *tables]


def _figure_table(result: AuditResult) -> Table:
    """The figures, one a row."""
    rows: list[tuple[Value, ...]] = []
    for name, figure in result.figures.items():
        text, around = number(figure.mean), bracketed(figure.low, figure.high) or "–"
        if name == "half_life":
            text, around = interval(result.half_lives[result.headline], result.unit)
        rows.append((Value(name), Value(text), Value(around)))
    return Table(
        ("figure", _block(result), "95 % interval"),
        tuple(rows),
        note=f"Intervals are bootstrap intervals over {len(result.curve.groups)} {result.groups}.",
    )


def _block_tables(result: AuditResult) -> list[Table]:
    """One row a block; no table where there is one block only."""
    if len(result.relations) < 2:
        return []
    rows: list[tuple[Value, ...]] = []
    for name, relation in result.relations.items():
        curve = result.curves[name]
        half, around = interval(result.half_lives[name], result.unit)
        rows.append(
            (
                Value(name),
                Value(RELATION_WORDS.get(relation, relation)),
                Value(number(float(curve.mean[curve.distance > 0].mean()))),
                Value(number(curve.between)),
                Value(number(float(curve.auroc[curve.distance > 0].mean()))),
                Value(half, around),
            )
        )
    header = ("block", "declares", "cosine", "between samples", "AUROC", "half-life")
    note = (
        "What a block declares is its design, the rest is measured. Means over the swept θ; AUROC "
        "of the window itself against different subjects, 0.5 is chance."
    )
    return [Table(header, tuple(rows), note=note)]


def _sections(
    result: AuditResult,
    tables: Mapping[str, Sequence[Table]],
    drawn: list[Figure],
    folder: Path,
    command: str,
) -> list[Section]:
    settings = ", ".join(f"{key} = {value}" for key, value in result.settings.items())
    sizes = result.curve.sizes
    terms = {
        "audited": result.subject,
        "data": result.data,
        "windows": f"{round(sizes.sum()):,} of {len(sizes)} {result.groups}",
        "transform": settings,
        "θ swept": f"{len(result.grid)}",
    }
    run: list[Part] = [Code(command)] if command else []
    run.append(Terms({name: text for name, text in terms.items() if text}))
    if result.notes:
        run += [Text("Notes:"), Points(result.notes)]
    lead: list[Part] = [Text(result.verdict, lead=True), Text(_what(result))]
    return [
        Section("", (*lead, *tables[""])),
        *(
            Section(each.title, (each.picture(folder / "figures"), *tables.get(each.file, ())))
            for each in drawn
        ),
        Section("Definitions", (Terms(result.definitions),)),
        Section("What was run", tuple(run)),
        Section("The sweep in figures", (response.sweep_table(result),)),
    ]


def _what(result: AuditResult) -> str:
    sizes, where = result.curve.sizes, result.curve.distance
    data = f" from {result.data}" if result.data else ""
    return (
        f"{counted(round(sizes.sum()), 'window')}{data} ({len(sizes)} {result.groups}) under "
        f"{result.nuisance} of up to {shown(float(where.max()), result.unit)}, "
        f"{counted(len(result.grid), 'step')}."
    )


def _block(result: AuditResult) -> str:
    if result.classifier:
        return "the class"
    if result.headline == EMBEDDING and result.measure == "agreement":
        return "the output"
    return "the embedding" if result.headline == EMBEDDING else result.headline


def _note(result: AuditResult) -> str:
    return "simulated" if "simulated" in result.data.lower() else ""
