from __future__ import annotations

import io
from typing import Any

import lightning.pytorch as L
import pytest
from rich.console import Console
from tests.training import toys

from triptych.training import fit, fitting
from triptych.training.trainer import ProgressLine


@pytest.mark.parametrize("terminal", [True, False])
def test_a_terminal_sees_epochs_and_losses(monkeypatch: Any, terminal: bool) -> None:
    seen = io.StringIO()
    console = Console(file=seen, force_terminal=terminal, width=200)

    def line(name: str) -> L.Callback:
        return ProgressLine(name, console)

    monkeypatch.setattr(fitting, "ProgressLine", line)
    recipe = toys.recipe(training__epochs=2)
    fit(recipe, toys.windows(), toys.windows(24, 1), device="cpu")
    if terminal:
        assert "toy, epoch 2/2" in seen.getvalue()
        assert "validation" in seen.getvalue()
    else:
        assert seen.getvalue() == ""
