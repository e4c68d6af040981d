"""FADE's Fisher term in plain training, for tests on another device or data set."""

from __future__ import annotations

from typing import Any

from triptych_studies.methods import Method
from triptych_studies.methods.baselines import nothing

SETTINGS = {"weight": 0.1, "momentum": 0.99}


def penalty() -> Any:
    """A new one for each training; lightning is loaded here."""
    from triptych.training import FisherPenalty

    return FisherPenalty(**SETTINGS)


METHODS = {"fade": Method(nothing, settings=SETTINGS, callback=penalty)}
