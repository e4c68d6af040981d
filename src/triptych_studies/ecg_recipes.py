"""What each row of the ECG phase study trains: one base recipe, and what the method changes."""

from __future__ import annotations

from typing import Any

from triptych_studies.base import Budget
from triptych_studies.recipes import changed
from triptych_studies.trials import chosen_trials

METHODS = (
    "random",
    "plain",
    "augmentation",
    "exact",
    "aligned",
    "simclr",
    "scl-repel",
    "scl-predict",
    "scl-equivariant",
    "scl",
)
MAX_SHIFT_S = 0.25
RATE = 400.0
WINDOWS = {"smoke": 30, "quick": 400, "full": 600}  # a training record
# So many that a cell trains within the budget on two idle cores; no clock cuts a training short.
EPOCHS = {"smoke": 1, "quick": 4, "full": 16}
UNSTRUCTURED = [{"name": "latent", "size": 128}]
BLOCKS = [
    {"name": "morphology", "size": 32, "invariant_to": ["phase_shift"]},
    {"name": "timing", "size": 16, "variant_to": ["phase_shift"]},
    {"name": "detail", "size": 80},
]


def _weights(alignment: float, variation: float, centring: float = 0.0) -> dict[str, float]:
    return {"alignment": alignment, "variation": variation, "centring": centring}


def _scl(variation: str, weight: float, **settings: Any) -> dict[str, Any]:
    """SCL on the three blocks; pairs over 250 ms apart are ambiguous (the next beat comes in)."""
    objective = {
        "name": "scl",
        "variation": variation,
        "temperature": 0.1,
        "limits": {"phase_shift": MAX_SHIFT_S},
        "weights": _weights(1.0, weight),
    }
    return {
        "latent": BLOCKS,
        "objective": objective | settings,
        "weights": {"structure": 0.015},
    }


# What a method changes in the base recipe.
CHANGES: dict[str, dict[str, Any]] = {
    "random": {},
    "plain": {},
    "augmentation": {"objective": {"name": "augmentation"}},
    "exact": {"encoder": {"front_end": "canonical_phase"}},
    "aligned": {"encoder": {"front_end": "aligned_peak"}},
    "simclr": {"objective": {"name": "simclr", "temperature": 0.1}, "decoder": False},
    "scl-repel": _scl("repel", 5.0),
    "scl-predict": _scl("predict", 5.0),
    "scl-equivariant": _scl("equivariant", 5.0),
    # Developed on training people only (docs/lab-notes.md).
    "scl": _scl("predict", 8.0, sharpness=0.03, temperature=0.07, weights=_weights(4.0, 8.0, 1.0)),
}

_AUTOENCODER = [
    {"weights": {"kl": kl}, "training": {"learning_rate": rate}}
    for kl in (1e-4, 3e-4, 1e-3, 3e-3)
    for rate in (2e-3, 4e-3)
]
_STRUCTURE = [
    {
        "weights": {"structure": structure},
        "objective": {"weights": {"alignment": alignment, "variation": variation}},
    }
    for structure in (0.01, 0.03)
    for alignment in (1.0, 4.0)
    for variation in (2.0, 8.0)
]

# Eight trials of each method's own weights, on validation people.
TRIALS: dict[str, list[dict[str, Any]]] = {
    "plain": _AUTOENCODER,
    "augmentation": _AUTOENCODER,
    "exact": [
        {"encoder": {"front_end": front_end}, "weights": {"kl": kl}}
        for front_end in ("canonical_phase", "power_spectrum")
        for kl in (1e-4, 3e-4, 1e-3, 3e-3)
    ],
    "aligned": _AUTOENCODER,
    "simclr": [
        {"objective": {"temperature": temperature}, "training": {"learning_rate": rate}}
        for temperature in (0.05, 0.1, 0.2, 0.5)
        for rate in (2e-3, 4e-3)
    ],
    **dict.fromkeys(("scl-repel", "scl-predict", "scl-equivariant"), _STRUCTURE),
    "scl": [
        {
            "weights": {"structure": structure},
            "objective": {"sharpness": sharpness, "weights": {"alignment": alignment}},
        }
        for structure in (0.01, 0.02)
        for sharpness in (0.02, 0.03)
        for alignment in (4.0, 6.0)
    ],
}


def _sizes(morphology: int, timing: int) -> dict[str, Any]:
    sizes = (morphology, timing, 128 - morphology - timing)
    return {"latent": [b | {"size": size} for b, size in zip(BLOCKS, sizes, strict=True)]}


# One thing at a time around `scl`.
ABLATIONS: dict[str, dict[str, Any]] = {
    **{
        f"variation={name}": {"objective": {"variation": name}} for name in ("repel", "equivariant")
    },
    **{
        f"independence={name}": {"objective": {"independence": name}}
        for name in ("cross_covariance", "hsic")
    },
    "isolation=variation": {"objective": {"stop_gradient": ["variation"]}},
    "isolation=all": {
        "objective": {"stop_gradient": ["invariance", "alignment", "centring", "variation"]}
    },
    "blocks=16+8+104": _sizes(16, 8),
    "blocks=64+32+32": _sizes(64, 32),
    **{f"temperature={t:g}": {"objective": {"temperature": t}} for t in (0.03, 0.2)},
    "sharpness=0": {"objective": {"sharpness": 0.0}},
    "alignment=0": {"objective": {"weights": {"alignment": 0.0}}},
    "centring=0": {"objective": {"weights": {"centring": 0.0}}},
    **{f"schedule={name}": {"schedule": name} for name in ("alternate", "pretrain-then-task")},
}


def recipe_of(
    method: str, data_name: str, budget: Budget, seed: int, trial: int | None = None
) -> tuple[dict[str, Any], int]:
    """Recipe of a method as plain data, and how many trials chose it.

    `trial` forces one of the method's trials; None takes the one that was chosen.
    """
    base: dict[str, Any] = {
        "name": f"ecg-phase {method}",
        "data": {"name": data_name, "per_recording": WINDOWS[budget]},
        "transforms": [{"name": "phase_shift", "max_shift": MAX_SHIFT_S, "mode": "crop"}],
        "latent": UNSTRUCTURED,
        "encoder": {"name": "conv", "front_end": "standardize", "widths": [32, 64, 96, 128]},
        "decoder": True,
        "objective": {"name": "plain"},
        "weights": {"kl": 3e-4},
        "training": {
            "epochs": EPOCHS[budget],
            "batch": 128,
            "learning_rate": 4e-3,
            "seed": seed,
            "patience": 4,
        },
    }
    outcome = chosen_trials("ecg").get(method.partition("/")[0])
    if trial is None and outcome:
        trial = int(outcome["trial"])
    recipe = changed(base, method, CHANGES, TRIALS, ABLATIONS, trial)
    return recipe, int(outcome["trials"]) if outcome else 0
