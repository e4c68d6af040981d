"""Figures: written as PNGs that are small, leave no state behind, and show what they were given."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from triptych.audit import canvas, pictures, plots

THETA = np.linspace(-0.25, 0.25, 9)
SWEEP = {"parameter": "shift θ", "unit": "s", "title": "Similarity"}


def curve(level: float) -> dict[str, Any]:
    mean = level + (1 - level) * np.exp(-np.abs(THETA) / 0.1)
    return {
        "theta": THETA.tolist(),
        "distance": np.abs(THETA).tolist(),
        "mean": mean.tolist(),
        "low": (mean - 0.05).tolist(),
        "high": (mean + 0.05).tolist(),
        "between": level,
    }


def wave(record: str, similarity: float = 1.0, channels: int = 1) -> dict[str, Any]:
    signal = np.sin(np.arange(100) / 7 + np.arange(channels)[:, None])
    return {
        "signal": signal.squeeze().tolist(),
        "record": record,
        "label": "N",
        "similarity": similarity,
    }


QUERY = {**wave("100"), "shown": "shifted by −120 ms"}
DRAWN: dict[str, Callable[[Path, str], None]] = {
    "blocks": lambda path, note: plots.block_responses(
        {"morphology (invariant)": curve(0.9), "timing (variant)": curve(0.0)},
        path,
        note=note,
        **SWEEP,
    ),
    "gallery": lambda path, note: pictures.gallery(
        QUERY,
        {"plain": [wave("100", 0.9), wave("$2_0$", 0.8)], "scl": [wave("100", 0.95)]},
        path,
        rate=100.0,
        title="Gallery",
        note=note,
    ),
    "gallery of three channels": lambda path, note: pictures.gallery(
        {**wave("100", channels=3), "shown": "turned by 90°"},
        {"plain": [wave("100", 0.9, channels=3)]},
        path,
        rate=20.0,
        title="Gallery",
        note=note,
    ),
}


@pytest.mark.parametrize("name", DRAWN)
def test_every_figure_is_a_small_sharp_png(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    titles: list[str] = []
    titled = canvas.titled
    monkeypatch.setattr(
        canvas, "titled", lambda *words: titles.append(titled(*words)) or titles[-1]
    )
    before = dict(mpl.rcParams)
    DRAWN[name](tmp_path / "figures" / "a.png", "simulated")
    path = tmp_path / "figures" / "a.png"
    assert path.stat().st_size < 200_000
    with Image.open(path) as image:
        assert image.format == "PNG"
        assert image.width >= 900
        colours = image.convert("RGB").getcolors(1_000_000)
        assert colours is not None
        assert len(colours) > 8
    assert titles[0].endswith("simulated")
    assert dict(mpl.rcParams) == before
    assert (
        "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()
    )


def test_the_same_figure_is_the_same_file(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        DRAWN["blocks"](tmp_path / name, "")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_large_figure_becomes_coarser_until_it_is_small(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    DRAWN["blocks"](tmp_path / "fine.png", "")
    fine = (tmp_path / "fine.png").stat().st_size
    monkeypatch.setattr(canvas, "SMALL", fine - 1)
    DRAWN["blocks"](tmp_path / "coarse.png", "")
    assert (tmp_path / "coarse.png").stat().st_size < fine


def test_a_failing_figure_leaves_no_file_and_no_style(tmp_path: Path) -> None:
    before = dict(mpl.rcParams)
    with pytest.raises(KeyError):
        plots.block_factor_map(
            [{"block": "a", "factor": "f"}], tmp_path / "a.png", meant={}, title="A"
        )
    assert list(tmp_path.iterdir()) == []
    assert dict(mpl.rcParams) == before


def test_looks_of_groups_differ() -> None:
    names = [str(i) for i in range(49)]
    assert len(set(canvas.styles(names).values())) == 49


def test_equal_distances_are_averaged() -> None:
    both = {**curve(0.0), "mean": [0.5] * 4 + [1.0] + [0.7] * 4}
    distance, response, low, high = plots._away(both)
    np.testing.assert_allclose(distance, np.linspace(0, 0.25, 5), atol=1e-9)
    np.testing.assert_allclose(response, [0, 0.4, 0.4, 0.4, 0.4])
    assert (low <= high).all()


def test_panels_share_an_axis_unless_one_would_be_flat() -> None:
    blocks = {"a": curve(0.2), "b": curve(0.5)}
    tops = plots.block_tops(blocks)
    assert len(set(tops.values())) == 1
    for each in blocks.values():  # the band is inside too
        assert max(plots._away(each)[3].max(), 1 - each["between"]) < tops["a"]
    still = {"mean": [0.999999] * 9, "low": [0.99999] * 9, "high": [1.0] * 9, "between": 0.99999}
    tops = plots.block_tops({**blocks, "still": {**curve(0.0), **still}})
    assert tops["still"] == 0.01  # noise does not fill a panel
    assert tops["a"] > tops["b"] > tops["still"]


def drawn_legend(monkeypatch: pytest.MonkeyPatch, draw: Callable[[], None]) -> list[str]:
    """Words of the legend that a figure makes."""
    words: list[str] = []
    monkeypatch.setattr(plots, "legend", lambda _, kinds: words.extend(each[2] for each in kinds))
    draw()
    return words


def test_the_legend_of_the_glass_box_names_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cell(block: str, factor: str, score: float, p: float = 0.001) -> dict[str, Any]:
        return {"block": block, "factor": factor, "score": score, "p": p, "relation": ""}

    def words(*cells: dict[str, Any]) -> list[str]:
        return drawn_legend(
            monkeypatch,
            lambda: plots.block_factor_map(cells, tmp_path / "a.png", meant={}, title="A"),
        )

    full = [cell("a", "f", 0.5), cell("b", "f", 0.9)]
    assert words(*full) == []
    for more, sign in ((("c", "f", -0.02), "grey: "), (("c", "f", 0.7, 0.3), "grey: "),
                       (("a", "g", 0.5), "–  ")):  # fmt: skip
        (entry,) = words(*full, cell(*more))
        assert entry.startswith(sign)


@pytest.mark.parametrize(
    ("right", "ticks"), [("record", ["✓", "✗", "✗"]), ("label", ["✓", "✓", "✗"])]
)
def test_hits_of_a_gallery_are_of_the_record_or_of_the_class(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, right: str, ticks: list[str]
) -> None:
    titles: list[str] = []
    fit = pictures.fit_titles

    def seen(figure: Any, axes: Any) -> None:
        fit(figure, axes)
        titles.extend(axis.get_title(loc="left") for axis in axes)
        renderer = figure.canvas.get_renderer()
        for axis in axes:  # no title reaches into the next panel
            width = axis._left_title.get_window_extent(renderer).width
            assert width <= axis.get_window_extent(renderer).width

    monkeypatch.setattr(pictures, "fit_titles", seen)
    found = [wave("100"), wave("a-record-of-a-very-long-name-indeed"), {**wave("7"), "label": "V"}]
    pictures.gallery(
        QUERY, {"scl": found}, tmp_path / "a.png", rate=50.0, title="Gallery", right=right
    )
    assert [title[0] for title in titles[1:]] == ticks


def test_legends_and_titles_stay_inside_the_figure(tmp_path: Path) -> None:
    with canvas.canvas(tmp_path / "a.png", 4.0, 3.0, "A title that is far too long " * 3) as figure:
        figure.subplots()
        canvas.legend(figure, [("line", canvas.INK, f"entry {i} of this figure") for i in range(5)])
        renderer = figure.canvas.get_renderer()
        (box,) = figure.legends
        for each in (box, figure._suptitle):
            assert each.get_window_extent(renderer).width <= figure.bbox.width
    assert canvas.shortened("abcdefghij", 5) == "ab…ij"
    assert canvas.shortened("abc", 3) == "abc"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.965, 1.0], 0.95),
        ([0.9999, 1.0], 0.95),
        ([0.951, 1.0], 0.9),
        ([0.83, 1.0], 0.8),
        ([0.6, 0.9], 0.5),
        ([0.4], 0.0),
        ([-0.2, 1.0], -0.2),
    ],
)
def test_an_axis_begins_where_all_is_seen_and_little_looks_little(
    values: list[float], expected: float
) -> None:
    assert canvas.lowest_of(values) == expected


@pytest.mark.parametrize(
    ("title", "note", "expected"),
    [
        ("A", "", "A"),
        ("A", "simulated", "A · simulated"),
        ("A simulated cohort", "simulated", "A simulated cohort"),
    ],
)
def test_the_note_stands_in_the_title(title: str, note: str, expected: str) -> None:
    assert canvas.titled(title, note) == expected
