"""Settings that were tried, eight per method, on validation subjects (``--tune``).

The chosen values stand in the methods' own files; results/ecg-phase/trials.json has the scores.
"""

from __future__ import annotations

from typing import Any

_AUTOENCODER = [
    {"weights": {"kl": kl}, "training": {"learning_rate": rate}}
    for kl in (1e-4, 3e-4, 1e-3, 3e-3)
    for rate in (2e-3, 4e-3)
]
_EXACT = [
    {"encoder": {"front_end": front_end}, "weights": {"kl": kl}}
    for front_end in ("canonical_phase", "power_spectrum")
    for kl in (1e-4, 3e-4, 1e-3, 3e-3)
]
_PACE = [
    {"training": {"learning_rate": rate, "weight_decay": decay}, "encoder": {"dropout": dropout}}
    for rate in (2e-3, 5e-3)
    for decay in (1e-2, 1e-1)
    for dropout in (0.1, 0.3)
]


def _contrast(*rates: float) -> list[dict[str, Any]]:
    return [
        {"objective": {"temperature": temperature}, "training": {"learning_rate": rate}}
        for temperature in (0.05, 0.1, 0.2, 0.5)
        for rate in rates
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
_SHARP = [
    {
        "weights": {"structure": structure},
        "objective": {"sharpness": sharpness, "weights": {"alignment": alignment}},
    }
    for structure in (0.01, 0.02)
    for sharpness in (0.02, 0.03)
    for alignment in (4.0, 6.0)
]
_DISTILLED = [
    {
        "weights": {"consistency": consistency, "full_head": full},
        "objective": {"weights": {"alignment": alignment}},
    }
    for consistency in (8.0, 16.0)
    for full in (0.3, 0.8)
    for alignment in (0.5, 1.5)
]
_GUARANTEED = [
    {
        "weights": {"consistency": consistency},
        "objective": {"weights": {"alignment": alignment, "invariance": invariance}},
    }
    for consistency in (2.0, 8.0)
    for alignment in (0.3, 1.0)
    for invariance in (0.1, 0.3)
]
_MECHANISMS = ("scl-repel", "scl-predict", "scl-equivariant")

# Kind of the task → method → what each trial changes in the method's recipe.
TRIALS: dict[str, dict[str, list[dict[str, Any]]]] = {
    "ecg": {
        **dict.fromkeys(("plain", "augmentation", "aligned"), _AUTOENCODER),
        "exact": _EXACT,
        "simclr": _contrast(2e-3, 4e-3),
        **dict.fromkeys(_MECHANISMS, _STRUCTURE),
        "scl": _SHARP,
    },
    "imu": {
        **dict.fromkeys(("plain", "plain+augment", "augmentation"), _PACE),
        **dict.fromkeys(("exact", "exact+augment", "canonical"), _PACE),
        **dict.fromkeys(("simclr", "supcon"), _contrast(2e-3, 5e-3)),
        **dict.fromkeys((*_MECHANISMS, "scl", "scl+augment"), _DISTILLED),
        "exact+scl": _GUARANTEED,
    },
}
