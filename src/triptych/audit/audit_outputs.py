"""What an audit leaves in its folder: audit.json, table.md, figures and report.html."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from triptych.audit import plots
from triptych.audit.audit_result import CLASSES, EMBEDDING, AuditResult, interval, shown
from triptych.audit.canvas import COLOURS, canvas, titled
from triptych.audit.drawings import Drawings, Figure
from triptych.audit.factors import knowledge
from triptych.audit.pictures import swaps
from triptych.audit.report import Code, Part, Points, Section, Terms, Text, write_report
from triptych.audit.tables import Table, Value, number
from triptych.files import write_atomically, write_json

RELATION_WORDS = {"free": "free", "none": "declares nothing to it"}


def write(result: AuditResult, folder: Path, command: str = "") -> Path:
    """Write everything; the report last, so that it never stands beside older figures."""
    title = f"Audit of {result.subject} under {_words(result)}"
    title = titled(title, _note(result))
    content = {"verdict": result.verdict, "command": command, **result.to_dict()}
    content["definitions"] = result.definitions
    # floats to seven digits: what was computed in float32 has no more
    short = json.loads(json.dumps(content), parse_float=lambda text: float(f"{float(text):.7g}"))
    write_json(folder / "audit.json", short)
    tables = [figure_table(result), *block_tables(result), *knowledge(result.glass)]
    tables += [*swap_tables(result), sweep_table(result)]
    lines = [f"# {title}", "", result.verdict, "", *([f"`{command}`", ""] if command else [])]
    for table in tables:
        lines += [table.to_markdown(), ""]
    lines += [f"- `{name}`: {text}" for name, text in result.definitions.items()]
    with write_atomically(folder / "table.md") as handle:
        handle.write("\n".join(lines) + "\n")
    drawn = draw(result, folder / "figures")
    return write_report(folder / "report.html", title, _sections(result, drawn, folder, command))


def draw(result: AuditResult, folder: Path) -> list[Figure]:
    """Draw what the audit found."""
    folder.mkdir(parents=True, exist_ok=True)
    drawings = Drawings(folder, _note(result))
    parameter, own = _words(result), _block(result.headline)
    measure = f"Cosine of the latents ({own}) of a window and of the same window under {parameter}"
    if result.headline == CLASSES:
        measure = f"Share of windows whose highest class is the same under {parameter}"
    drawings.add(
        "similarity.png",
        f"{result.measure.replace('cosine', 'similarity').capitalize()} under {parameter}",
        _draw_curve,
        result,
        caption=f"{measure}, with its 95 % interval over {result.groups}. Dashed: the same between "
        f"windows of different {result.groups}, a stranger's level. What the transform does "
        "not disturb stays near 1, far above the dashed line.",
        alt=f"Curve of the {result.measure} against the {parameter}",
    )
    blocks = {
        f"{name} ({RELATION_WORDS.get(relation, relation)})": result.curves[name].to_dict()
        for name, relation in result.relations.items()
    }
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
        "An invariant block stays near 0, a variant one rises.",
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
            "be invariant to it.",
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
        drawings.add(
            "gallery.png",
            "A query and what it finds",
            plots.gallery,
            result.example["query"],
            {own: result.example["matches"]},
            rate=result.example["rate"],
            caption="Left: a window under the transform. Right: its five nearest untransformed "
            f"windows by {own}, windows within 5 s of it left out. A fixed rule chose "
            "the query: of those with the median share of right answers, the one that was "
            "transformed most.",
            alt="A query and its nearest windows, drawn as signals",
        )
    return drawings.figures


def _draw_curve(result: AuditResult, path: Path, title: str, note: str) -> None:
    """Cosine against θ, through 1 at the identity, with a stranger's level and the half-life."""
    curve, half = result.curve, result.half_lives[result.headline]
    signed = result.grid.shape[1] == 1
    neutral = 1.0 if result.transform["name"] == "time_scale" else 0.0
    factor = 1000.0 if result.unit == "s" else 1.0
    at = np.append(curve.theta if signed else curve.distance, neutral if signed else 0.0)
    order = np.argsort(at, kind="stable")
    at = at[order] * factor
    mean, low, high = (np.append(v, 1.0)[order] for v in (curve.mean, curve.low, curve.high))
    with canvas(path, 7.6, 3.6, title, note) as figure:
        axis = figure.subplots()
        axis.fill_between(at, low, high, color=COLOURS[0], alpha=0.3, lw=0)
        axis.plot(at, mean, color=COLOURS[0], label="the same window, transformed (95 % band)")
        words = f"windows of different {result.groups}: a stranger's level"
        axis.axhline(curve.between, color=COLOURS[1], ls=(0, (4, 2)), lw=1.4, label=words)
        if np.isfinite(half.value) and neutral == 0.0:
            words = f"half-life, {shown(half.value, result.unit, 3)}"
            for sign in (-1, 1) if signed and at.min() < 0 else (1,):
                axis.axvline(
                    sign * half.value * factor, color="#777777", ls=":", lw=1.2, label=words
                )
                words = "_nolegend_"
        axis.set_ylim(min(0.0, float(low.min()), curve.between) - 0.04, 1.04)
        axis.set_xlabel(f"{_words(result)}, {'ms' if result.unit == 's' else result.unit}")
        classes = result.headline == CLASSES
        axis.set_ylabel("share of the same class" if classes else "cosine similarity")
        figure.legend(loc="outside lower left", ncols=3, fontsize=9)


def swap_tables(result: AuditResult) -> list[Table]:
    """What a decoder makes of each block; no table for a model without one."""
    return [] if result.swap is None else [result.swap.table()]


def figure_table(result: AuditResult) -> Table:
    """The figures, one a row."""
    rows: list[tuple[Value, ...]] = []
    for name, figure in result.figures.items():
        text, ends = number(figure.mean), "–"
        if np.isfinite(figure.low):
            ends = f"[{number(figure.low)}, {number(figure.high)}]"
        if name == "half_life":
            text, ends = interval(result.half_lives[result.headline], result.unit)
        rows.append((Value(name), Value(text), Value(ends)))
    return Table(
        ("figure", _block(result.headline), "95 % interval"),
        tuple(rows),
        note=f"Intervals are bootstrap intervals over {len(result.curve.groups)} {result.groups}.",
    )


def block_tables(result: AuditResult) -> list[Table]:
    """One row a block; no table where there is one block only."""
    if len(result.relations) < 2:
        return []
    rows: list[tuple[Value, ...]] = []
    for name, relation in result.relations.items():
        curve = result.curves[name]
        half, ends = interval(result.half_lives[name], result.unit)
        rows.append(
            (
                Value(name),
                Value(RELATION_WORDS.get(relation, relation)),
                Value(number(float(curve.mean[curve.distance > 0].mean()))),
                Value(number(curve.between)),
                Value(number(float(curve.auroc[curve.distance > 0].mean()))),
                Value(half, ends),
            )
        )
    header = ("block", "relation", "cosine", "a stranger's", "AUROC", "half-life")
    note = "Means over the swept θ; AUROC of the window itself against strangers, 0.5 is chance."
    return [Table(header, tuple(rows), note=note)]


def sweep_table(result: AuditResult) -> Table:
    """The headline's curve, one row a θ (or a distance, where θ has several parameters)."""
    curve = result.curve
    signed = result.grid.shape[1] == 1
    at = (curve.theta if signed else curve.distance).tolist()
    mean, low, high, auroc = (
        each.tolist() for each in (curve.mean, curve.low, curve.high, curve.auroc)
    )
    rows = tuple(
        (
            Value(shown(at[k], result.unit).replace("-", "−")),
            Value(number(mean[k])),
            Value(f"[{number(low[k])}, {number(high[k])}]"),
            Value(number(auroc[k])),
        )
        for k in sorted(range(len(at)), key=lambda k: at[k])
    )
    header = (_words(result), result.measure, "95 % interval", "AUROC")
    return Table(header, rows, note=f"A stranger's {result.measure} is {number(curve.between)}.")


def _sections(
    result: AuditResult, drawn: list[Figure], folder: Path, command: str
) -> list[Section]:
    tables = {
        "blocks.png": block_tables(result),
        "glass_box.png": knowledge(result.glass),
        "swap.png": swap_tables(result),
    }
    settings = ", ".join(f"{key} = {value}" for key, value in result.transform.items())
    sizes = result.curve.sizes
    terms = {
        "audited": result.subject,
        "data": result.data,
        "windows": f"{int(sizes.sum()):,} of {len(sizes)} {result.groups}",
        "transform": settings,
        "θ swept": f"{len(result.grid)}",
    }
    run: list[Part] = [Code(command)] if command else []
    run.append(Terms({name: text for name, text in terms.items() if text}))
    if result.notes:
        run += [Text("Notes:"), Points(result.notes)]
    lead = (Text(result.verdict, lead=True), Text(_what(result)), figure_table(result))
    return [
        Section("", lead),
        *(
            Section(each.title, (each.picture(folder / "figures"), *tables.get(each.file, ())))
            for each in drawn
        ),
        Section("Definitions", (Terms(result.definitions),)),
        Section("What was run", tuple(run)),
        Section("The sweep in figures", (sweep_table(result),)),
    ]


def _what(result: AuditResult) -> str:
    sizes, where = result.curve.sizes, result.curve.distance
    data = f" from {result.data}" if result.data else ""
    return (
        f"{int(sizes.sum()):,} windows{data} ({len(sizes)} {result.groups}) under "
        f"{_words(result)} of up to {shown(float(where.max()), result.unit)}, "
        f"{len(result.grid)} steps."
    )


def _words(result: AuditResult) -> str:
    return str(result.transform["name"]).replace("_", " ")


def _block(headline: str) -> str:
    return {EMBEDDING: "the embedding", CLASSES: "the class"}.get(headline, headline)


def _note(result: AuditResult) -> str:
    return "simulated" if "simulated" in result.data.lower() else ""
