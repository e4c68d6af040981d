"""What each row of the gated-contrast study trains: one base recipe, and what the row changes.

All rows have one trunk (its features are the paper's *h*) and one head of the same layers (the
paper's projector); what the contrast compares is the head's output. Gates read the trunk's
features.
"""

from __future__ import annotations

from typing import Any

from triptych import networks, transforms
from triptych_studies.base import Budget
from triptych_studies.gated_windows import MAX_SHIFT_S, GatedData
from triptych_studies.images.networks import ImageEncoder
from triptych_studies.images.transforms import ImageCrop, ImageTone
from triptych_studies.recipes import merged

networks.register("image", ImageEncoder)
transforms.register("image_crop", ImageCrop)
transforms.register("image_tone", ImageTone)

METHODS = (
    "random",
    "simclr",
    "ncl",
    "ncl-topk",
    "bayesncl-ste",
    "bayesncl-gumbel",
    "scl",
    "scl+gate",
)
SIZE = 128
# So many that a cell trains within the budget on an idle core; no clock cuts a training short.
EPOCHS = {
    "imu": {"smoke": 1, "quick": 8, "full": 15},
    "ecg": {"smoke": 1, "quick": 6, "full": 12},
    "image": {"smoke": 2, "quick": 30, "full": 150},
}
HEADLINE = {"imu": "rotation", "ecg": "phase_shift", "image": "image_crop"}
# Developed on the digits' training and validation images (docs/lab-notes.md); top-k was not tuned.
GATE = {"prior": 0.8, "start": 0.9}
GATE_WEIGHT, TOP_K = 3e-5, 8

KINDS: dict[str, dict[str, Any]] = {
    "imu": {
        "encoder": {
            "name": "conv",
            "front_end": "second_order",
            "widths": [32, 48, 64, 96],
            "kernels": [5, 5, 5, 3],
            "strides": [2, 2, 2, 1],
        },
    },
    "ecg": {
        "encoder": {"name": "conv"},
        "transforms": [
            {"name": "phase_shift", "max_shift": MAX_SHIFT_S},
            {"name": "noise_snr", "low": 10.0, "high": 30.0},
        ],
    },
    "image": {
        "encoder": {"name": "image", "widths": [32, 64]},
        "transforms": [
            {"name": "image_crop", "max_zoom": 0.3, "max_shift": 0.15},
            {"name": "image_tone"},
        ],
        "training": {"weight_decay": 1e-3},
    },
}


def gate(**settings: Any) -> dict[str, Any]:
    """Latent of one gated block; `settings` of its gate."""
    return {"latent": [{"name": "latent", "size": SIZE, "gate": GATE | settings}]}


CHANGES: dict[str, dict[str, Any]] = {
    "random": {},
    "simclr": {},
    "ncl": {"objective": {"name": "ncl"}},
    "ncl-topk": {"objective": {"name": "ncl", "top_k": TOP_K}},
    "bayesncl-ste": gate(),
    "bayesncl-gumbel": gate(mode="gumbel"),
}
# One choice of `bayesncl-ste` changed at a time.
ABLATIONS: dict[str, dict[str, Any]] = {
    "soft": gate(mode="soft"),
    "attached": gate(detach=False),
    "depth-1": gate(depth=1),
    "depth-3": gate(depth=3),
    "temperature-0.5": gate(temperature=0.5),
    "start-0.5": gate(start=0.5),
    "prior-0.5": gate(prior=0.5),
    "prior-0.2": gate(prior=0.2),
    "weight-0": gate() | {"weights": {"gate": 0.0}},
    "weight-1e-3": gate() | {"weights": {"gate": 1e-3}},
    "prior-0.05-weight-1e-3": gate(prior=0.05) | {"weights": {"gate": 1e-3}},
}


def _scl(kind: str, transforms: list[str], gated: bool) -> dict[str, Any]:
    """SCL: a block invariant to every transform, one that carries the headline transform."""
    block: dict[str, Any] = {"name": "activity", "size": SIZE, "invariant_to": transforms}
    if gated:
        block["gate"] = GATE
    change = {"name": "change", "size": 16, "variant_to": [HEADLINE[kind]]}
    objective: dict[str, Any] = {"name": "scl", "variation": "predict", "temperature": 0.2}
    if gated:
        # Cosines of non-negative latents span half of the range: at SCL's own temperature and
        # alignment windows of one class become alike (docs/lab-notes.md).
        objective |= {"temperature": 0.07, "weights": {"alignment": 3.0}}
    return {"latent": [block, change], "objective": objective}


def recipe_of(method: str, prepared: GatedData, seed: int) -> dict[str, Any]:
    """Recipe of a row as plain data."""
    windows, kind = prepared.train, prepared.kind
    budget: Budget = prepared.options.budget
    length = windows.signals.shape[-1] - 2 * windows.context
    shift = {"name": "phase_shift", "mode": "circular", "max_shift": length / windows.rate / 2}
    base: dict[str, Any] = {
        "name": f"gated-contrast {method}",
        "data": {
            "name": prepared.data_name,
            "rate": windows.rate,
            "low": 0.5 if kind == "ecg" else None,
            "high": 40.0 if kind == "ecg" else None,
            "length_s": length / windows.rate,
        },
        "transforms": [{"name": "rotation"}, shift],
        "latent": [{"name": "latent", "size": SIZE}],
        "encoder": {"head_hidden": SIZE},
        "decoder": False,
        "objective": {"name": "simclr"},
        "weights": {"gate": GATE_WEIGHT},
        "training": {
            "epochs": EPOCHS[kind][budget],
            "batch": 256,
            "learning_rate": 3e-3,
            "weight_decay": 1e-2,
            "seed": seed,
        },
    }
    base = merged(base, KINDS[kind])
    if method.startswith("scl"):
        names = [each["name"] for each in base["transforms"]]
        return merged(base, _scl(kind, names, gated=method == "scl+gate"))
    recipe = merged(base, (CHANGES | ABLATIONS)[method])
    return merged(recipe, {"objective": {"projection": 0}})
