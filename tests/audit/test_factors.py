from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from tests.audit import tiny

from triptych.audit.explain import explain
from triptych.audit.factors import knowledge, probe_matrix_of, salient_dimensions
from triptych.audit.run import audit_model
from triptych.audit.sentences import broken, words_of
from triptych.audit.write import write_audit
from triptych.datasets import Windows
from triptych.errors import InputError
from triptych.latent import Block, LatentSchema
from triptych.metrics import matrix
from triptych.metrics.matrix import FactorMatrix, Known
from triptych.model import Model, Preprocessing
from triptych.transforms import BaselineWander, Chain, Gain, PhaseShift

pytestmark = pytest.mark.usefixtures("coarse_figures")

SHIFT = PhaseShift(0.2, 100.0)


def windows(subjects: int = 6, each: int = 12, label: bool = True) -> Windows:
    n = subjects * each
    rng = np.random.default_rng(0)
    who = np.repeat(np.arange(subjects), each)
    t = np.arange(120) / 100
    x = np.sin(2 * np.pi * ((2 + who)[:, None] * t + rng.uniform(size=(n, 1))))
    names = np.array([f"p{i}" for i in who])
    return Windows(
        torch.as_tensor(x[:, None], dtype=torch.float32), 100.0, 20, names, names,
        np.tile(np.arange(each) * 10.0, subjects),
        np.where(np.arange(n) % 2 == 0, "N", "V") if label else np.full(n, ""), np.full(n, np.nan),
    )  # fmt: skip


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The probe of θ is replaced: what it is asked is looked at here, not how it reads."""
    asked: list[Any] = []

    def probe(z1: Any, z2: Any, theta: Any, records: Any, *, seed: int) -> Any:
        asked.append((z1, z2, theta, records))
        return type("Read", (), {"predicted": np.asarray(theta, np.float64).ravel()})

    monkeypatch.setattr(matrix, "read_parameter", probe)
    return asked


def test_every_factor_is_read_from_every_block(quick: list[Any]) -> None:
    box, notes = probe_matrix_of(tiny.model(), windows(), [SHIFT], rows=40, permutations=19)
    assert notes == []
    assert box is not None
    blocks, factors, scores = box.table()
    assert factors == ("phase_shift", "class", "identity")
    assert blocks == ("morphology", "timing", "detail", "all blocks")
    assert box.meant == {
        "phase_shift": "timing",
        "class": "morphology",
        "identity": "morphology",
    }
    assert box.leakage == {"phase_shift": pytest.approx(1)}  # the probe above knows everything
    assert scores[0, 2] > 0.3  # subjects differ in frequency
    z1, z2, theta, records = quick[0]
    assert len(z1) == len(z2) == len(theta) == len(records) == 40
    assert not np.allclose(z1, z2)


def test_parts_of_chains_are_read_without_seeds(quick: list[Any]) -> None:
    probe_matrix_of(tiny.model(), windows(label=False), [Chain(SHIFT, BaselineWander(rate=100.0))])
    assert len(quick) == 6


def test_factors_that_lack_are_named() -> None:
    box, notes = probe_matrix_of(tiny.model(), windows(label=False), [])
    assert box is not None
    assert box.table()[1] == ("identity",)
    assert any(note.startswith("class is not read") for note in notes)
    none, more = probe_matrix_of(tiny.model(), windows(1, 1, label=False), [])
    assert none is None
    assert len(more) == 2
    with pytest.raises(InputError, match="samples of context"):
        probe_matrix_of(tiny.model(), windows(), [PhaseShift(0.25, 100.0)])


def test_what_a_block_knows_is_said_in_words_and_drawn(tmp_path: Any) -> None:
    def known(factor: str, block: str, relation: str, score: float, p: float) -> Known:
        return Known(factor, block, relation, "R²", score, p, 10)

    cells = (
        known("phase_shift", "morphology", "invariant", 0.2, 0.01),
        known("class", "morphology", "", 0.8, 0.01),
        known("class", "timing", "", 0.3, 0.4),
        known("phase_shift", "timing", "variant", 0.9, 0.01),
    )
    box = FactorMatrix(cells, {"class": "morphology"}, {"class": 0.5}, {}, {"phase_shift": 0.2})
    found = {name: words_of(box, name) for name in ("morphology", "timing", "detail")}
    known_here = r"^knows class 0\.80 \(p 0\.01\).*phase shift leaks .*0\.20 \(p 0\.01\)$"
    assert re.search(known_here, found["morphology"])
    unknown = r"^knows phase shift 0\.90 \(p 0\.01\).*not shown .*class: 0\.30 \(p 0\.4\)$"
    assert re.search(unknown, found["timing"])
    assert "nothing" in found["detail"]
    assert explain(tiny.model(), box).known["timing"].startswith("knows phase shift 0.90")
    (leak,) = broken(box)
    assert re.search(r"^block morphology .*invariant to phase shift.* 0\.20 .*\(p 0\.01\)$", leak)
    lost = replace(known("rotation", "turn", "equivariant", -0.1, 0.6), least=0.25, groups=8)
    unlearned = FactorMatrix((lost,), {}, {}, {}, {})
    unshown = "rotation: -0.10 (p 0.6; 8 subjects would show 0.25)"
    assert words_of(unlearned, "turn").endswith(unshown)
    (absent,) = broken(unlearned)
    assert absent.startswith("block turn")
    assert absent.endswith(unshown)
    few = replace(known("class", "turn", "invariant", 0.3, 0.2), least=np.inf, groups=3)
    none_shown = words_of(FactorMatrix((few,), {}, {}, {}, {}), "turn")
    assert re.search(r"^no leak of class: 0\.30 \(p 0\.2; 3 subjects .*few", none_shown)
    assert broken(None) == []
    text = knowledge(box)[0].to_markdown()
    assert "| leakage | 0.200 | – |" in text
    assert "0.800 p 0.01" in text.replace("**", "")
    worse = known("class", "timing", "", -0.3, 0.005)  # far above permuted truths, and no knowledge
    below = knowledge(replace(box, cells=(*cells[:2], worse, cells[3])))[0].to_markdown()
    assert "0.005" not in below
    result = audit_model(tiny.model(), windows(), Gain(), grid=np.array([3.0]), glass=True)
    page = write_audit(result, tmp_path).read_text()
    assert "block knows" in page
    assert (tmp_path / "figures" / "glass_box.png").is_file()


def test_salient_dimensions_say_which_class_they_carry() -> None:
    schema = LatentSchema(Block("common", 1, role="common"), Block("ill", 2, role="salient"))
    encoder = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(80, 3))
    weights = torch.zeros(3, 80)
    weights[[0, 1, 2], [5, 10, 20]] = 1.0
    encoder[1].weight.data = weights
    given = windows()
    given.signals[:, 0, given.context + 10] = torch.as_tensor(given.label == "V").float()
    model = Model(Preprocessing(100.0, ("x",), 80), encoder, schema)
    (table,) = salient_dimensions(model, given)
    assert table.header == ("salient dimension", "N", "V")
    first, second = table.rows
    assert [value.text for value in first] == ["ill 1", "0.000", "1.000"]
    assert second[0].text == "ill 2"
    assert 0.3 < float(second[1].text) < 0.7
    assert salient_dimensions(model, windows(label=False)) == []
    size = np.round(given.signals[:, 0, given.context + 20].numpy().astype(float), 3)
    size[::3] = np.nan
    told = {
        "size": np.where(np.isnan(size), "", size.astype(str)),
        "kind": np.where(given.label == "V", "broad", ""),  # one word: nothing to tell apart
        "side": np.where(given.label == "V", "left", "right"),
        "none": np.full(len(given), ""),
    }
    classes, side, ranks = salient_dimensions(model, replace(given, attributes=told))
    assert classes == table
    assert side.header == ("salient dimension", "left", "right")
    assert [value.text for value in side.rows[0]] == ["ill 1", "1.000", "0.000"]
    assert ranks.header == ("salient dimension", "size")
    assert float(ranks.rows[1][1].text) > 0.99
    assert abs(float(ranks.rows[0][1].text.replace("−", "-"))) < 0.5
    quiet = replace(given, signals=torch.zeros_like(given.signals), attributes=told)
    assert salient_dimensions(model, quiet)[2].rows[1][1].text == "–"  # a constant has no rank
    assert salient_dimensions(tiny.model(), given) == []
