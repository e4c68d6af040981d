"""Every public metric shows itself in an example, and the examples are true."""

from __future__ import annotations

import doctest
import inspect
from typing import Any

import numpy as np
import pytest

from triptych import metrics

NAMES = {name: getattr(metrics, name) for name in metrics.__all__}
FUNCTIONS = [name for name, value in NAMES.items() if inspect.isfunction(value)]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_example_of_every_metric_runs(name: str) -> None:
    found: list[Any] = doctest.DocTestFinder(recurse=False).find(
        NAMES[name], name, globs={"np": np, **NAMES}
    )
    assert found, f"{name} has no docstring"
    assert found[0].examples, f"give {name} an Examples section"
    assert not doctest.DocTestRunner().run(found[0]).failed
