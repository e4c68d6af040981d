"""Encoders of about half the parameters: with learned activations (ENN), and as they are."""

from __future__ import annotations

from typing import Any

from triptych_studies.methods import Change, Method


def half(name: str, task: Any) -> Change:
    """Plain training of a convolution whose layers are narrower by √2, so that half is left."""
    asked = task.recipe(seed=0)["encoder"]
    widths = [8 * round(width / 2**0.5 / 8) for width in asked["widths"]]
    return {
        "encoder": dict.fromkeys(set(asked) & {"statistics"}) | {"name": name, "widths": widths}
    }


METHODS = {
    "enn": Method(lambda task: half("conv_dct", task)),
    "plain-half": Method(lambda task: half("conv", task)),
}
