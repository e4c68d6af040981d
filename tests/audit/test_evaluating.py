from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn import metrics as reference
from torch import Tensor, nn

from triptych.audit import evaluate
from triptych.audit.evaluating import head_of
from triptych.audit.evaluation import in_words
from triptych.datasets import Windows
from triptych.errors import InputError
from triptych.latent import Block, LatentSchema, LinearHead
from triptych.metrics import prediction_consistency
from triptych.model import Model, Preprocessing
from triptych.transforms import PhaseShift

SCHEMA = LatentSchema(Block("size", 1, invariant_to="phase_shift"))
CLASSES = ("low", "high")
SHIFT = PhaseShift(0.25, 100.0)


class Level(nn.Module):
    """One number: the mean of a window."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(dim=(1, 2))[:, None]


def model(heads: tuple[str, ...] = ("invariant", "full")) -> Model:
    """Says "high" where the mean of a window is above 0."""
    made: dict[str, LinearHead] = {}
    for name in heads:
        made[name] = LinearHead(SCHEMA, ("size",), CLASSES)
        made[name].linear.weight.data = torch.tensor([[-1.0], [1.0]])
        made[name].linear.bias.data.zero_()
    return Model(Preprocessing(100.0, ("a",), 50), Level(), SCHEMA, heads=made)


def windows(n: int = 240, labels: tuple[str, ...] = CLASSES, subjects: int = 8) -> Windows:
    """Slow waves: the label is right about the mean of three in four of them."""
    rng = np.random.default_rng(0)
    time = np.arange(100) / 100
    phase = rng.uniform(0, 2 * np.pi, (n, 1, 1))
    signals = torch.as_tensor(np.sin(2 * np.pi * 0.8 * time + phase).astype(np.float32))
    right = (signals[:, 0, 25:75].mean(1) > 0).numpy() ^ (rng.random(n) < 0.25)
    label = np.array(labels)[np.where(right, 1, 0)]
    who = np.array([f"s{i % subjects}" for i in range(n)])
    nowhere = np.full(n, np.nan)
    device = np.array(["watch", "phone", ""])[rng.integers(0, 3, n)]
    return Windows(signals, 100.0, 25, who, who, np.zeros(n), label, nowhere, {"device": device})


def test_figures_are_those_of_the_reference() -> None:
    data, made = windows(), model()
    found = evaluate(made, data, transforms=[])
    said = made.predict(data.centred)["full"].labels
    figures = {name: each.mean for name, each in found.overall.figures.items()}
    assert figures == pytest.approx(
        {
            "accuracy": reference.accuracy_score(data.label, said),
            "balanced_accuracy": reference.balanced_accuracy_score(data.label, said),
            "macro_f1": reference.f1_score(data.label, said, average="macro"),
        }
    )
    high = {name: each.mean for name, each in found.per_label["high"].figures.items()}
    assert high == pytest.approx(
        {
            "sensitivity": reference.recall_score(data.label, said, pos_label="high"),
            "precision": reference.precision_score(data.label, said, pos_label="high"),
            "f1": reference.f1_score(data.label, said, pos_label="high"),
        }
    )
    confusion = reference.confusion_matrix(data.label, said, labels=CLASSES)
    assert (found.confusion == confusion).all()
    assert all(0 <= i.low < i.mean < i.high <= 1 for i in found.overall.figures.values())


def test_consistency_is_under_the_models_own_nuisances() -> None:
    data, made = windows(), model()
    found = evaluate(made, data, transforms=[SHIFT], draws=3, seed=4)
    generator = torch.Generator().manual_seed(4)

    def codes(theta: Tensor) -> np.ndarray[Any, Any]:
        p = made.predict(SHIFT.apply(data.signals, theta))["full"].probabilities
        return p.argmax(dim=1).numpy()

    after = np.stack([codes(SHIFT.sample(len(data), generator)) for _ in range(3)])
    expected = prediction_consistency(codes(SHIFT.identity(len(data))), after, 2)
    figures = found.overall.figures
    assert figures["consistency@phase_shift"].mean == pytest.approx(expected.raw)
    assert figures["consistency_balanced@phase_shift"].mean == pytest.approx(expected.balanced)
    assert found.chance["consistency_balanced@phase_shift"] == 0.5
    assert "consistency@phase_shift" in found.per_label["low"].figures
    own = evaluate(made, data)  # nothing said: what the blocks name
    assert set(own.overall.figures) == set(figures)


def test_subjects_and_values_of_an_attribute_stand_by_themselves() -> None:
    data, made = windows(), model()
    found = evaluate(made, data, transforms=[], by="device")
    assert set(found.per_subject) == {f"s{i}" for i in range(8)}
    assert set(found.per_value) == {"watch", "phone"}
    rows = data.attributes["device"] == "watch"
    watch = evaluate(made, data.take(rows), transforms=[])
    assert found.per_value["watch"].windows == rows.sum()
    assert found.per_value["watch"].figures == watch.overall.figures
    one = found.per_subject["s0"]
    assert (one.windows, one.subjects) == (30, 1)
    assert np.isnan(one.figures["accuracy"].low)
    plain = found.to_dict()
    assert plain["per_subject"]["s0"]["figures"]["accuracy"]["low"] is None
    headers = [table.header[0] for table in found.tables()]
    assert headers == ["all windows", "label", "device", "subject"]
    assert "8 subjects" in found.sentence


def test_a_constant_answer_is_at_the_level_of_chance() -> None:
    data, made = windows(), model()
    for head in made.heads.values():
        linear: Any = head.linear
        linear.weight.data.zero_()
        common = max(CLASSES, key=lambda name: int((data.label == name).sum()))
        linear.bias.data = torch.tensor([float(name == common) for name in CLASSES])
    found = evaluate(made, data, transforms=[SHIFT])
    figures = found.overall.figures
    for name in ("accuracy", "balanced_accuracy", "macro_f1"):
        assert figures[name].mean == pytest.approx(found.chance[name])
    assert np.isnan(figures["consistency_balanced@phase_shift"].mean)


def test_labels_that_the_model_does_not_know_are_named_and_left_out() -> None:
    data = windows(labels=("jog", "high"))
    data.label[:5] = ""
    found = evaluate(model(), data, transforms=[])
    jog = int((data.label == "jog").sum())
    assert found.left_out == {"jog": jog, "": 5}
    assert found.overall.windows == len(data) - jog - 5
    notes = " / ".join(found.notes)
    assert f"jog ({jog})" in notes
    assert "5 windows without" in notes
    assert "label low" in notes


def test_windows_without_context_are_right_or_wrong_all_the_same() -> None:
    data = windows()
    short = data.with_context(0)
    found = evaluate(model(), short, data.take(slice(0, 0)), transforms=[SHIFT])
    assert set(found.overall.figures) == {"accuracy", "balanced_accuracy", "macro_f1"}
    assert "no consistency" in found.notes[-1]
    with pytest.raises(InputError, match="context"):
        evaluate(model(), short, transforms=[SHIFT])


def test_what_cannot_be_evaluated_is_said() -> None:
    with pytest.raises(InputError, match="predicts no classes"):
        evaluate(model(()), windows())
    with pytest.raises(InputError, match="no head 'other'"):
        evaluate(model(), windows(), head="other")
    with pytest.raises(InputError, match=r"\(low, high\).*('b', 'a'|'a', 'b')"):
        evaluate(model(), windows(labels=("a", "b")))
    with pytest.raises(InputError, match="attribute 'site'"):
        evaluate(model(), windows(), by="site")
    assert head_of(model(("first", "second"))) == "first"


def test_one_subject_has_no_interval() -> None:
    found = evaluate(model(), windows(subjects=1), transforms=[])
    assert np.isnan(found.overall.figures["macro_f1"].low)
    assert "no intervals" in found.notes[-1]
    assert "only 3 subjects" in evaluate(model(), windows(subjects=3), transforms=[]).notes[-1]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("f1", "F1"),
        ("macro_f1", "macro F1"),
        ("balanced_accuracy", "balanced accuracy"),
        ("consistency_balanced@phase_shift", "balanced consistency under phase shift"),
    ],
)
def test_figures_are_named_in_words(name: str, words: str) -> None:
    assert in_words(name) == words
