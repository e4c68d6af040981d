"""Packages whose public names are one line each, and loaded when first used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import triptych
from triptych import metrics, training
from triptych.lazy import homes


def test_names_are_those_that_type_checkers_read_as_public() -> None:
    source = """
from typing import TYPE_CHECKING
from a import hidden as hidden
if TYPE_CHECKING:
    from b import shown as shown
    from b import private, other as another
"""
    assert homes(source) == {"shown": "b"}


@pytest.mark.parametrize("package", [triptych, metrics, training])
def test_every_name_is_there_and_no_other(package) -> None:
    assert set(package.__all__) <= set(dir(package))
    for name in package.__all__:
        assert getattr(package, name) is vars(package)[name]
    with pytest.raises(AttributeError, match=rf"'{package.__name__}' has no attribute 'cosin'"):
        _ = package.cosin


def test_a_package_loads_nothing_before_its_names_are_used() -> None:
    code = "import sys, triptych.metrics, triptych.training; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "lightning", "triptych.metrics.probes"} & set(run.stdout.split())
