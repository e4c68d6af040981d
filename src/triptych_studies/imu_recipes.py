"""What each row of the IMU rotation study trains: one base recipe, and what the method changes."""

from __future__ import annotations

from typing import Any

from triptych_studies.base import Budget
from triptych_studies.imu_windows import ImuData
from triptych_studies.recipes import changed, merged
from triptych_studies.trials import chosen_trials

METHODS = (
    "random",
    "plain",
    "plain+augment",
    "augmentation",
    "exact",
    "exact+augment",
    "canonical",
    "simclr",
    "supcon",
    "scl-repel",
    "scl-predict",
    "scl-equivariant",
    "scl",
    "scl+augment",
    "exact+scl",
)
# Training windows of these rows begin anywhere and, where the row can see it, are tilted a little,
# as watches are worn: nobody has to be told. Two rows do nothing else, as controls.
AUGMENTED = ("plain+augment", "exact+augment", "scl+augment", "exact+scl")
TILTED = {"name": "rotation", "kind": "tilt", "max_angle": 30.0}
STRUCTURED = ("scl+augment", "scl")  # the first that was run stands for SCL in a figure or sentence
FROZEN = ("random", "simclr", "supcon")  # heads are fitted on their frozen latents
# So many that a cell trains within the budget on two idle cores; no clock cuts a training short.
EPOCHS = {"smoke": 1, "quick": 3, "full": 15}
# Distilling pays with patience, the more so on the fifth of the windows that phone-5 has; where
# people are known, every row goes on learning (docs/lab-notes.md, fifth and sixth round).
LONGER = {"scl+augment": 3}
FEW_WINDOWS = {"phone-5": 3}
RANDOM = 6
LATENT = 140
TEACHER = 8.0  # weight of the exact row's predictions; the labels have 1
UNSTRUCTURED = [{"name": "latent", "size": LATENT}]


def _blocks(relation: str) -> list[dict[str, Any]]:
    return [
        {"name": "activity", "size": 64, "invariant_to": ["rotation"]},
        {"name": "orientation", "size": 12, f"{relation}_to": ["rotation"]},
        {"name": "style", "size": 64},
    ]


def _scl(variation: str, **settings: Any) -> dict[str, Any]:
    """SCL on three blocks; the original stays one side of the pair (protocol).

    The full head and the variant block share the trunk with the invariant head, and take its
    accuracy at equal weights; the row `exact` teaches it (docs/lab-notes.md, second and third
    round).
    """
    equivariant = variation == "equivariant"
    chosen = {} if equivariant else {"variation": variation}
    objective = {
        "name": "scl",
        "reference": "original",
        "weights": {"invariance": 0.0, "alignment": 1.5, "variation": 0.5},
        **chosen,
    }
    return {
        "latent": _blocks("equivariant" if equivariant else "variant"),
        "objective": objective | settings,
        "weights": {
            "full_head": 0.5,
            "original": 0.3,
            "consistency": 16.0,
            "teacher": TEACHER,
        },
    }


CHANGES: dict[str, dict[str, Any]] = {
    "random": {},
    "plain": {},
    "plain+augment": {},
    "augmentation": {"objective": {"name": "augmentation"}},
    "exact": {"encoder": {"front_end": "rotation_invariants"}},
    "exact+augment": {"encoder": {"front_end": "rotation_invariants"}},
    "canonical": {"encoder": {"front_end": "gravity_aligned"}},
    "simclr": {"objective": {"name": "simclr", "temperature": 0.1}, "classes": None},
    "supcon": {"objective": {"name": "supcon", "temperature": 0.1}, "weights": {"task": 0.0}},
    "scl-repel": _scl("repel"),
    "scl-predict": _scl("predict"),
    "scl-equivariant": _scl("equivariant"),
    # Developed on training people of the first fold (docs/lab-notes.md).
    "scl": merged(
        _scl("equivariant", independence="canonical_correlation", one_sided=True),
        {"objective": {"weights": {"independence": 3.0}}},
    ),
    # Both heads are taught: the invariant one by the row exact+augment, the full one by the mean of
    # this and plain+augment. NT-Xent leaves the activity block no faint directions for the
    # orientation to hide in (docs/lab-notes.md, fifth round).
    "scl+augment": merged(
        _scl("equivariant", independence="canonical_correlation", one_sided=True),
        {
            "objective": {
                "temperature": 0.1,
                "weights": {"invariance": 0.3, "independence": 8.0},
            },
            "weights": {"full_head": 1.0, "full_teacher": 8.0},
        },
    ),
    "exact+scl": {
        "objective": {
            "name": "scl",
            "reference": "original",
            "weights": {"invariance": 0.3, "alignment": 0.5, "variation": 0.5},
            "supervised": True,
        },
        "weights": {"full_head": 0.5, "consistency": 4.0, "teacher": 3.0},
        "latent": [
            {"name": "activity", "size": 64, "invariant_to": ["rotation", "phase_shift"]},
            {
                "name": "orientation",
                "size": 12,
                "equivariant_to": ["rotation"],
                "invariant_to": ["phase_shift"],
            },
            {"name": "style", "size": 64},
        ],
        "encoder": {"name": "guaranteed", "front_end": "invariants_beside"},
    },
}


_PACE = [
    {"training": {"learning_rate": rate, "weight_decay": decay}, "encoder": {"dropout": dropout}}
    for rate in (2e-3, 5e-3)
    for decay in (1e-2, 1e-1)
    for dropout in (0.1, 0.3)
]
_CONTRAST = [
    {"objective": {"temperature": temperature}, "training": {"learning_rate": rate}}
    for temperature in (0.05, 0.1, 0.2, 0.5)
    for rate in (2e-3, 5e-3)
]
_STRUCTURE = [
    {
        "weights": {"consistency": consistency},
        "objective": {"weights": {"alignment": alignment, "invariance": invariance}},
    }
    for consistency in (2.0, 8.0)
    for alignment in (0.3, 1.0)
    for invariance in (0.1, 0.3)
]
_TAUGHT = [
    {
        "weights": {"consistency": consistency, "full_head": full},
        "objective": {"weights": {"alignment": alignment}},
    }
    for consistency in (8.0, 16.0)
    for full in (0.3, 0.8)
    for alignment in (0.5, 1.5)
]

# Eight trials of each method's own weights, on validation people.
TRIALS: dict[str, list[dict[str, Any]]] = {
    **dict.fromkeys(
        ("plain", "plain+augment", "augmentation", "exact", "exact+augment", "canonical"), _PACE
    ),
    **dict.fromkeys(("simclr", "supcon"), _CONTRAST),
    **dict.fromkeys(("scl-repel", "scl-predict", "scl-equivariant", "scl", "scl+augment"), _TAUGHT),
    "exact+scl": _STRUCTURE,
}


def _sizes(activity: int, style: int) -> dict[str, Any]:
    first, second, third = _blocks("equivariant")
    return {"latent": [first | {"size": activity}, second, third | {"size": style}]}


# One thing at a time around `scl`.
ABLATIONS: dict[str, dict[str, Any]] = {
    **{
        f"variation={name}": {"latent": _blocks("variant"), "objective": {"variation": name}}
        for name in ("repel", "predict")
    },
    "independence=none": {"objective": {"independence": None}},
    "independence=two-sided": {"objective": {"one_sided": False}},
    "isolation=variation": {"objective": {"stop_gradient": ["variation"]}},
    "isolation=all": {"objective": {"stop_gradient": ["alignment", "variation", "independence"]}},
    "blocks=32+12+96": _sizes(32, 96),
    "blocks=96+12+32": _sizes(96, 32),
    **{  # the recipe has no NT-Xent, so it has no temperature either
        f"temperature={t:g}": {"objective": {"weights": {"invariance": 0.3}, "temperature": t}}
        for t in (0.1, 0.5)
    },
    "consistency=0": {"weights": {"consistency": 0.0}},
    "teacher=none": {"weights": {"teacher": 0.0, "invariant_head": 1.0 + TEACHER}},
    "heads=equal": {"weights": {"full_head": 1.0 + TEACHER, "original": 1.0}},
    **{f"schedule={name}": {"schedule": name} for name in ("alternate", "pretrain-then-task")},
}


def recipe_of(
    method: str, prepared: ImuData, seed: int, trial: int | None = None
) -> tuple[dict[str, Any], int]:
    """Recipe of a method as plain data, and how many trials chose it.

    `trial` forces one of the method's trials; None takes the one that was chosen.
    """
    windows = prepared.train
    budget: Budget = prepared.options.budget
    row = method.partition("/")[0]
    longer = LONGER.get(row, 1)
    if budget == "full" and prepared.options.split == "random":
        longer *= RANDOM
    elif budget == "full" and row in LONGER:
        longer *= FEW_WINDOWS.get(prepared.data_name, 1)
    base: dict[str, Any] = {
        "name": f"imu-rotation {method}",
        "data": {
            "name": prepared.data_name,
            "rate": windows.rate,
            "low": None,
            "high": None,
            "length_s": windows.signals.shape[-1] / windows.rate,
        },
        "transforms": [{"name": "rotation"}],
        "latent": UNSTRUCTURED,
        "encoder": {
            "name": "conv",
            "front_end": "second_order",
            "widths": [48, 64, 96, 96],
            "kernels": [9, 5, 5, 3],
            "strides": [2, 2, 2, 1],
            "dropout": 0.2,
            "head_hidden": 128,
        },
        "decoder": False,
        "classes": list(prepared.classes),
        "objective": {"name": "plain"},
        "training": {
            "epochs": EPOCHS[budget] * longer,
            "batch": 128,
            "learning_rate": 3e-3,
            "weight_decay": 1e-2,
            "seed": seed,
            "patience": 6 * longer,
        },
    }
    outcome = chosen_trials("imu").get(row)
    if trial is None and outcome:
        trial = int(outcome["trial"])
    recipe = changed(base, method, CHANGES, TRIALS, ABLATIONS, trial)
    if recipe.get("weights", {}).get("teacher"):
        teacher = "exact+augment" if row in AUGMENTED else "exact"
        recipe["teacher"], _ = recipe_of(teacher, prepared, seed)
    if recipe.get("weights", {}).get("full_teacher"):
        recipe["full_teacher"], _ = recipe_of("plain+augment", prepared, seed)
    shift = {"name": "phase_shift", "mode": "circular", "max_shift": base["data"]["length_s"] / 2}
    if row in AUGMENTED:
        recipe["augment"] = [shift] if row == "exact+augment" else [TILTED, shift]
    if method == "exact+scl":
        # what depends on the windows: second-order channels, and any circular shift
        encoder: dict[str, Any] = {"raw": 18 * windows.signals.shape[1]}
        recipe = merged(recipe, {"encoder": encoder, "transforms": [shift, {"name": "rotation"}]})
    return recipe, int(outcome["trials"]) if outcome else 0
