"""Audits of classifiers: the failure that a share of unchanged answers hides."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.audit import tiny
from tests.audit.test_run import views_of, windows
from torch import Tensor

from triptych.audit import audit, write_audit
from triptych.audit.figures import check_limits
from triptych.audit.result import AuditResult
from triptych.audit.run import audit_model, audit_views
from triptych.datasets import Windows
from triptych.errors import InputError
from triptych.latent import LinearHead
from triptych.model import Model
from triptych.transforms import Gain, PhaseShift

pytestmark = pytest.mark.usefixtures("coarse_figures")

CLASSES = ("normal", "AF")
LOUD = Gain(6.0)
GRID = np.array([3.0, 6.0])


def of_frequencies(context: int = 20) -> Windows:
    return windows(context, subjects=12, each=10)


def rhythm(subjects: int = 20, each: int = 10, share: float = 0.09) -> Windows:
    """Constant windows: level 1 where the rhythm is normal, −1 where it is not (9 %)."""
    n = subjects * each
    sick = np.zeros(n, bool)
    sick[np.random.default_rng(0).permutation(n)[: round(share * n)]] = True
    level = np.where(sick, -1.0, 1.0)
    signals = torch.as_tensor(np.repeat(level[:, None, None], 50, 2), dtype=torch.float32)
    who = np.repeat([f"p{i}" for i in range(subjects)], each)
    label = np.where(sick, "AF", "normal")
    return Windows(
        signals,
        50.0,
        0,
        who,
        who,
        np.tile(np.arange(each) * 10.0, subjects),
        label,
        np.full(n, 0.0),
    )


def scores(x: Tensor) -> Tensor:
    """Right as long as the signal is not loud; then everything is called normal."""
    mean, loud = x.mean(dim=(1, 2)), x.abs().mean(dim=(1, 2)) > 1.05
    sick = (mean < 0) & ~loud
    return torch.stack([~sick, sick], dim=1).float() + 0.01 * mean[:, None]


def found(**options: Any) -> AuditResult:
    usual: dict[str, Any] = {"grid": GRID, "classifier": True, "classes": CLASSES}
    return audit(scores, rhythm(), LOUD, **{**usual, **options})


def test_a_majority_does_not_hide_the_class_that_is_lost() -> None:
    result = found(labels=np.full(200, ""))
    assert result.figures["consistency"].mean == pytest.approx(0.91)  # as published: frozen
    assert result.figures["consistency_independent"].mean == pytest.approx(0.91)
    assert result.figures["consistency_balanced"].mean == pytest.approx(0.5)
    assert result.figures["consistency_chance"].mean == 0.5
    assert result.figures["consistency_corrected"].mean == pytest.approx(0)
    (failed,) = result.below({"consistency": 0.9})
    assert re.search(r"^consistency .*consistency_balanced.* 0\.5,.* 0\.9$", failed)
    assert len(result.below({"consistency_lowest": 0.9, "consistency@3": 0.9})) == 2
    assert result.below({"consistency": 0.4}) == []
    assert result.void == ""
    verdict = result.verdict
    assert re.search(r"AF .* 18", verdict)
    assert "50.0% of windows [50.0%, 50.0%]" in verdict
    assert "more than such" in verdict


def test_what_is_right_stands_first_where_labels_are_known(tmp_path: Path) -> None:
    result = found()
    assert list(result.figures)[:2] == ["accuracy_transformed", "macro_f1_transformed"]
    assert result.figures["accuracy"].mean == 1
    assert result.figures["accuracy_transformed"].mean == pytest.approx(0.91)
    assert result.figures["sensitivity:AF"].mean == 1
    assert result.figures["sensitivity_lowest:AF"].mean == 0
    assert result.figures["macro_f1_transformed"].mean == pytest.approx(0.5 * 2 * 0.91 / 1.91)
    assert re.search(r"^At 3 dB .*AF .*0\.00 \[0\.00, 0\.00\]", result.verdict)
    (under,) = result.below({"sensitivity_lowest:AF": 0.5, "accuracy_transformed": 0.9})
    assert re.search(r"^sensitivity_lowest:AF .* 0,.* 0\.5$", under)
    write_audit(result, tmp_path)
    table = (tmp_path / "table.md").read_text()
    order = [table.index(name) for name in ("| sensitivity: AF", "| windows called", "| figure ")]
    assert order == sorted(order)
    assert "| AF | 18 | 0.000 | 0.000 | normal 100% |" in table
    for word in ("cosine", "AUROC", "record_p10", "separation", "another subject"):
        assert word not in table, word
    assert not (tmp_path / "figures" / "gallery.png").exists()
    content = json.loads((tmp_path / "audit.json").read_text())
    assert content["void"] is False
    assert content["answers"]["flow"] == [[1, 0], [1, 0]]
    assert content["answers"]["truth"]["sensitivity"] == [1, 1]
    assert content["figures"].keys() == content["definitions"].keys()


def test_labels_without_names_of_scores_are_noted() -> None:
    result = found(classes=None)
    assert "accuracy" not in result.figures
    assert any("nothing says" in note for note in result.notes)
    assert "class 1" in result.verdict
    assert "become 0 100%" in result.verdict
    label = np.where(rhythm().label == "AF", "1", "0")
    numbered = found(classes=None, labels=label)
    assert numbered.figures["sensitivity:1"].mean == 1
    assert any("taken for" in note for note in numbered.notes)
    strange = found(labels=np.array(["normal"] * 190 + ["flutter"] * 10))
    assert any("10 windows" in note for note in strange.notes)


@pytest.mark.parametrize("names", [("normal",), ("AF", "AF")])
def test_names_that_do_not_fit_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match="2 scores"):
        found(classes=names)


def test_limits_on_levels_are_refused() -> None:
    for name in ("consistency_chance", "consistency_independent", "consistency_random"):
        with pytest.raises(InputError, match="better when lower"):
            check_limits([name])


def test_a_steady_classifier_passes() -> None:
    def steady(x: Tensor) -> Tensor:
        mean = x.mean(dim=(1, 2))
        return torch.stack([mean, -mean], dim=1)

    result = audit(steady, rhythm(), LOUD, grid=GRID, classifier=True, classes=CLASSES)
    assert result.below({"consistency": 1.0, "consistency_corrected": 1.0}) == []
    assert result.value("consistency@3") == 1
    assert "keeps least: 100.0%" in result.verdict


@pytest.mark.parametrize("stray", [0, 3])
def test_a_constant_classifier_is_void(stray: int) -> None:
    """Also where a few windows are called something else."""

    def constant(x: Tensor) -> Tensor:
        said = torch.tensor([[1.0, 0.0]]).repeat(len(x), 1)
        said[x.mean(dim=(1, 2)) < -0.5] = torch.tensor([0.0, 1.0])
        return said

    own = rhythm(share=stray / 200)
    result = audit(constant, own, LOUD, grid=GRID, classifier=True, classes=CLASSES)
    assert "everyone (class normal for" in result.void
    void, missing = result.below({"consistency": 0.1})
    assert "verdict is void" in void
    assert re.search(r"missing.* 0\.1$", missing)  # no virtue, no figure


def test_a_number_is_judged_by_its_spread() -> None:
    def rate(x: Tensor) -> Tensor:  # 589 to 1,251 under 6.5 dB: the cosine is 1
        return 600 + 30 * x.std(dim=-1) ** 2

    own = of_frequencies(context=0)
    noisy = torch.linspace(0.5, 1.5, len(own))[:, None, None]
    own = Windows(**{**vars(own), "signals": own.signals * noisy})
    moved = audit(lambda x: 20 * rate(x) - 11_400, own, LOUD, grid=GRID)
    assert moved.measure == "agreement"
    assert moved.figures["agreement_random"].mean == pytest.approx(0, abs=1e-9)
    assert moved.figures["agreement_mean"].mean < 0.3
    assert "cosine_mean" not in moved.figures
    assert "record_p10" not in moved.figures
    assert "the output" in moved.verdict
    assert "0: it moves" in moved.verdict
    (said,) = moved.below({"cosine_mean": 0.9})
    assert re.search("^cosine_mean .*agreement_mean", said)
    level = audit(lambda x: x.mean(-1) + 600 + 30 * noisy[: len(x), 0], own, LOUD, grid=GRID,
                  batch=len(own))  # fmt: skip
    assert level.premise is not None
    assert "windows beside it" in level.premise.broken
    same = audit(lambda x: torch.full((len(x), 1), 72.0), own, LOUD, grid=GRID)
    assert "same for everyone" in same.void
    assert same.below({"separation": 0.1})[0].startswith("no figure")


def test_agreement_is_its_definition() -> None:
    own = of_frequencies(context=0)
    result = audit(lambda x: x.abs().amax(-1), own, LOUD, grid=GRID)
    z = own.signals.abs().amax(-1)[:, 0].double().numpy()
    other = own.subject[:, None] != own.subject[None]
    apart = np.abs(z[:, None] - z[None])[other].mean()
    for k, decibels in enumerate(GRID):
        moved = np.abs(z * (10 ** (decibels / 20) - 1)).mean()
        assert result.curve.mean[k] == pytest.approx(1 - moved / apart, rel=0.05)


def test_zero_latents_are_counted() -> None:
    own = of_frequencies()
    shift = PhaseShift(0.2, 100.0)

    def silent(x: Tensor) -> Tensor:
        z = x.flatten(1)
        return torch.where(torch.arange(len(x))[:, None] < 6, 0.0, z)  # the first six windows

    steady = audit(silent, own.signals, Gain(), grid=np.array([6.0]), groups=own.subject, batch=120)
    assert steady.curve.zeros == 6
    assert steady.curve.mean == pytest.approx(1)  # not 114/120
    assert any("6 of 120" in n for n in steady.notes)

    def dies(x: Tensor) -> Tensor:
        z = x.flatten(1)
        return torch.where(x.abs().amax(dim=(1, 2))[:, None] > 1.5, 0.0, z)

    result = audit(dies, own, Gain(), grid=np.array([1.0, 6.0]))
    assert "zeros in 100%" in result.void
    assert result.curve.lost.tolist() == [0, 1]
    assert len(result.below({"cosine@1": 0.9})) == 1
    nothing = audit(lambda x: torch.zeros(len(x), 4), own, shift, grid=np.array([0.1]))
    assert "zeros for 100%" in nothing.void


def test_an_audit_says_first_that_its_premise_is_broken(tmp_path: Path) -> None:
    own = of_frequencies()
    shift, grid = PhaseShift(0.2, 100.0), np.array([0.05, 0.1])
    dropout = audit(lambda x: torch.dropout(x.flatten(1), 0.5, True), own, shift, grid=grid)
    assert re.search(r"twice.*dropout.*phase shift\.$", dropout.verdict)
    assert "no figure" in dropout.below({"cosine_mean": -1})[0]
    write_audit(dropout, tmp_path)
    content = json.loads((tmp_path / "audit.json").read_text())
    assert content["void"] is True
    assert content["premise"]["again"] > 0.1
    assert content["verdict"] in (tmp_path / "table.md").read_text()
    still = np.array([0.0, *views_of(own).theta[:, 0].tolist()])
    views = views_of(own)
    held = np.concatenate([views.original[None], views.transformed])
    named = {"theta": torch.as_tensor(still)[:, None].float()}
    whole = audit_views(views_of(own, transformed=held, **named), shift)
    assert whole.premise is not None
    assert (whole.premise.broken, whole.premise.note) == ("", "")
    wrong = audit_views(views_of(own, transformed=held[:, ::-1], **named), shift)
    assert re.search("^At θ = 0 .*rows", wrong.verdict)


def test_neighbours_that_cannot_be_found_are_not_counted() -> None:
    own = of_frequencies()
    each = len(own) // 12
    short = Windows(**{**vars(own), "start": np.tile(np.arange(each) * 0.3, 12)})  # records of 5 s
    result = audit(lambda x: x.flatten(1), short, PhaseShift(0.2, 100.0), grid=np.array([0.1]))
    assert "record_p10" not in result.figures
    assert any("no window" in note for note in result.notes)
    assert result.example is None
    half = np.where(np.arange(len(own)) < 60, np.tile(np.arange(each) * 10.0, 12), short.start)
    some = audit(
        lambda x: torch.fft.rfft(x).abs().flatten(1),
        Windows(**{**vars(own), "start": half}), PhaseShift(0.2, 100.0), grid=np.array([0.05]),
    )  # fmt: skip
    assert some.figures["record_p10"].mean > 0.9  # of the queries that can
    assert any("60 of 120" in note for note in some.notes)


def test_a_head_of_our_own_knows_its_classes() -> None:
    plain = tiny.model()
    head = LinearHead(tiny.SCHEMA, ["morphology"], ["even", "odd"])
    model = Model(plain.preprocessing, plain.encoder, plain.schema, heads={"side": head}).eval()
    result = audit_model(model, of_frequencies(), PhaseShift(0.2, 100.0), head="side",
                         grid=np.array([0.1]))  # fmt: skip
    assert {"accuracy", "sensitivity_transformed:odd"} <= set(result.figures)
    assert result.answers is not None
    assert result.answers.truth is not None
    assert result.answers.truth.sizes.tolist() == [60, 60]
