from __future__ import annotations

from typing import Any

import pytest
from tests.audit import tiny

from triptych.audit.explain import explain, in_words
from triptych.latent import Block, LatentSchema, LinearHead
from triptych.model import Model

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
        "title": "simulated ECG of 4 virtual people",
        "fingerprint": "sha256:abc",
        "train": {"people": 3, "windows": 60},
        "validation": {"people": 1, "windows": 20},
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
    assert said.sentence == (
        "The model 'toy' turns windows of 0.8 s (80 samples at 100 Hz) of MLII into 16 numbers in "
        "3 blocks."
    )
    assert said.blocks == (
        ("morphology", 8, "stays the same under phase shift (invariant)"),
        ("timing", 4, "carries phase shift (variant)"),
        ("detail", 4, "is left to the task (free)"),
    )
    assert said.figures == {"validation/total": 0.25, "cosine_75ms": 0.98}
    facts = said.facts
    assert facts["encoder"].startswith("Standardize, then ConvEncoder with one last layer a block")
    assert facts["band"] == "0.5 to 40 Hz, zero-phase, over the whole recording"
    assert facts["trained on"] == "simulated ECG of 4 virtual people"
    assert facts["fingerprint of the data"] == "sha256:abc"
    assert facts["people"] == "3 for training (60 windows), 1 for validation (20 windows)"
    assert facts["training"] == "12 epochs of at most 30, the weights of epoch 9 were kept"
    assert facts["trials"] == "8 recipes tried on validation people, this one chosen"
    assert facts["taught by"] == "'exact' (plain, front-end canonical_phase), trained first"
    assert facts["full head taught by"] == "'tilted' (plain), trained first"
    assert facts["objective"] == "scl (weights (alignment 1))"
    assert facts["notes"] == "all is simulated"
    assert "decoder" not in facts


def test_a_bare_model_is_explained_too() -> None:
    said = explain(tiny.model(LatentSchema(Block("all", 4))))
    assert said.sentence.startswith("This model turns windows of 0.8 s")
    assert said.sentence.endswith("into 4 numbers in 1 block.")
    assert set(said.facts) == {"encoder", "band"}
    assert said.figures == {}


def test_heads_are_named() -> None:
    plain = tiny.model()
    head = LinearHead(tiny.SCHEMA, ["morphology"], ["N", "V"])
    with_head = Model(plain.preprocessing, plain.encoder, plain.schema, heads={"beats": head})
    assert explain(with_head).facts["heads"] == "beats reads N, V from morphology"


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
    assert in_words(block) == (
        "stays the same under phase shift (invariant), changes with rotation by a known rule "
        "(equivariant)"
    )


def test_a_null_radius_in_words() -> None:
    assert in_words(Block("ill", 2, role="salient", null_radius=0.5)) == (
        "holds what only target samples have (salient), is exactly null for windows within 0.5 of "
        "the null vector"
    )
