from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from tests.audit import tiny

from triptych.audit.explain import explain, in_words
from triptych.audit.moves import Move, moves_of
from triptych.audit.sentences import moved_words, unkept
from triptych.datasets import Windows, simulated
from triptych.datasets.windows import random_windows
from triptych.latent import Block, LatentSchema, LinearHead
from triptych.metrics.statistics import Interval
from triptych.model import Model, Preprocessing
from triptych.transforms import PhaseShift

SHIFT = PhaseShift(0.1, 100.0)


def cohort(subjects: int = 4) -> Windows:
    return random_windows(simulated.load(people=subjects, seconds=12, rate=100), 12, 0.8, 0.1)


INFO: dict[str, Any] = {
    "recipe": {
        "name": "toy",
        "transforms": [{"name": "phase_shift", "max_shift": 0.2}],
        "objective": {"name": "scl", "weights": {"alignment": 1.0}},
        "weights": {"reconstruction": 1.0, "kl": 0.001},
        "training": {"epochs": 30},
        "trials": 8,
        "teacher": {
            "name": "exact",
            "objective": {"name": "plain"},
            "encoder": {"front_end": "canonical_phase"},
        },
        "full_teacher": {"name": "tilted", "objective": {"name": "plain"}},
    },
    "data": {
        "title": "simulated ECG of 4 virtual subjects",
        "fingerprint": "sha256:abc",
        "train": {"subjects": 3, "windows": 60},
        "validation": {"subjects": 1, "windows": 20},
        "notes": ["all is simulated"],
    },
    "training": {
        "epochs": 12,
        "best_epoch": 9,
        "figures": {"epoch": 9, "seconds": 5.0, "learning_rate": 0.1, "validation/total": 0.25},
    },
    "figures": {"cosine_75ms": 0.98},
    "versions": {"triptych": "0.1.0"},
}


def test_everything_that_a_model_holds_is_said() -> None:
    said = explain(tiny.model(info=INFO))
    for value in ("'toy'", "0.8 s", "80 samples at 100 Hz", "MLII", "16 numbers", "3 blocks"):
        assert value in said.sentence
    assert [each[:2] for each in said.blocks] == [("morphology", 8), ("timing", 4), ("detail", 4)]
    unmeasured = ("invariant to phase shift.*not measured", "variant to phase shift.*not measured")
    for (_, _, words), expected in zip(said.blocks, (*unmeasured, "free"), strict=True):
        assert re.search(rf"\b{expected}", words)
    assert said.figures == {"validation/total": 0.25, "cosine_75ms": 0.98}
    facts = said.facts
    assert re.search("^Standardize.*ConvEncoder.*block", facts["encoder"])
    assert facts["band"].startswith("0.5 to 40 Hz, zero-phase")
    assert facts["trained on"] == "simulated ECG of 4 virtual subjects"
    assert facts["fingerprint of the data"] == "sha256:abc"
    assert facts["subjects"] == "3 for training (60 windows), 1 for validation (20 windows)"
    assert re.findall(r"\d+", facts["training"]) == ["12", "30", "9"]  # run, at most, kept
    assert facts["trials"].startswith("8 recipes")
    assert facts["distilled from"] == "'exact' (plain, front-end canonical_phase), trained first"
    assert facts["full head distilled from"] == "'tilted' (plain), trained first"
    assert facts["objective"] == "scl (weights (alignment 1))"
    assert facts["notes"] == "all is simulated"
    assert "decoder" not in facts


def test_a_bare_model_is_explained_too() -> None:
    said = explain(tiny.model(LatentSchema(Block("all", 4))))
    assert re.search(r"0\.8 s .* 4 numbers in 1 block\.$", said.sentence)
    assert set(said.facts) == {"encoder", "band"}
    assert said.figures == {}


def test_heads_are_named() -> None:
    plain = tiny.model()
    head = LinearHead(tiny.SCHEMA, ["morphology"], ["N", "V"])
    with_head = Model(plain.preprocessing, plain.encoder, plain.schema, heads={"beats": head})
    assert re.search("beats .*N, V .*morphology", explain(with_head).facts["heads"])


@pytest.mark.parametrize(
    "info",
    [
        {"recipe": 3, "data": "x", "training": [], "figures": None},
        {"recipe": {"transforms": "phase_shift", "objective": 7, "weights": [1]}},
        {"recipe": {"transforms": [1, {"max": 2}]}, "training": {"figures": {"a": "b"}}},
        {"data": {"train": 3, "notes": None}},
    ],
)
def test_info_that_others_wrote_does_no_harm(info: dict[str, Any]) -> None:
    assert explain(tiny.model(info=info)).sentence


def test_relations_in_words() -> None:
    block = Block("turn", 3, invariant_to="phase_shift", equivariant_to="rotation")
    assert re.search(" invariant to phase shift .*equivariant to rotation", in_words(block))


def test_a_null_radius_in_words() -> None:
    words = in_words(Block("ill", 2, role="salient", null_radius=0.5))
    assert re.search(r"salient.*null .*0\.5", words)


def test_a_plain_model_is_not_said_to_keep_what_its_recipe_declares() -> None:
    plain = {**INFO, "recipe": {**INFO["recipe"], "objective": {"name": "plain"}}}
    untrained = tiny.model(info=plain)
    words = [text for _, _, text in explain(untrained).blocks]
    assert "objective 'plain'" in words[0]
    assert "objective" not in words[2]  # a free block declares nothing
    moves, notes = moves_of(untrained, cohort(), [SHIFT])
    assert notes == []
    own = next(move for move in moves if move.block == "morphology")
    assert own.relation == "invariant"
    said = explain(untrained, moves=moves)
    assert "not measured here" not in said.blocks[0][2]
    place = rf"phase shift .*cosine .* {own.similarity.mean:.3f} \["
    assert re.search(place, said.known["morphology"])


def away(block: str, **changes: Any) -> Move:
    figures = Interval(-0.28, -0.35, -0.2, 1, 8)
    usual = Move(block, "phase_shift", "invariant", "cosine", figures, -0.3, 0.0, "subjects")
    return replace(usual, **changes)


def test_what_is_declared_and_not_kept_is_said() -> None:
    (told,) = unkept([away("a")])
    assert re.search(r"^block a .*phase shift.* −0\.280 \[−0\.350, −0\.200\].* −0\.300", told)
    assert unkept([away("a", between=-0.5), away("b", relation="variant")]) == []
    assert "nearly the same" in unkept([away("a", between=0.95)])[0]
    assert "12% of windows" in moved_words([away("a", zeros=0.12)], "a")


def test_how_far_blocks_move_is_that_of_the_block_itself() -> None:
    schema = LatentSchema(
        Block("still", 1, invariant_to="phase_shift"),
        Block("signal", 80, variant_to="phase_shift"),
        Block("nothing", 2),
    )

    class Shape(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.cat([x.abs().mean(-1), x[:, 0], 0 * x[:, 0, :2]], dim=1)

    model = Model(Preprocessing(100.0, ("MLII",), 80), Shape(), schema)
    windows = cohort()
    moves, _ = moves_of(model, windows, [SHIFT])
    still, signal, nothing = moves
    assert (still.measure, signal.measure) == ("agreement", "cosine")
    theta = SHIFT.sample(len(windows), torch.Generator().manual_seed(0))
    x = windows.with_context(SHIFT.context).signals
    one, two = (SHIFT.apply(x, t)[:, 0] for t in (SHIFT.identity(len(x)), theta))
    alike = torch.cosine_similarity(one.double(), two.double()).mean()
    assert signal.similarity.mean == pytest.approx(float(alike), abs=1e-6)
    assert nothing.zeros == 1
    assert np.isnan(nothing.similarity.mean)
    assert moves_of(model, windows, []) == ([], [])
    (note,) = moves_of(model, cohort(1), [SHIFT])[1]
    assert "not measured" in note
