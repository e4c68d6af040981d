from __future__ import annotations

import importlib.metadata
import subprocess
import sys

import pytest

import triptych

HEAVY = [
    "lightning",
    "matplotlib",
    "wfdb",
    "pandas",
    "sklearn",
    "scipy.signal",
    "roma",
    "jinja2",
    "joblib",
]
PUBLIC = [name for name in triptych.__all__ if name != "__version__"]
ON_ITS_OWN = ["BlockEncoder"]  # inherits from scikit-learn: not in a star import


def loaded_after(statements: str) -> set[str]:
    """Names of the modules that a fresh interpreter holds after `statements`."""
    code = f"{statements}\nimport sys\nprint(*sys.modules, sep='\\n')"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return set(run.stdout.split())


def test_import_loads_nothing_heavy() -> None:
    assert loaded_after("import torch, triptych").isdisjoint(HEAVY)


def test_import_loads_no_more_than_it_must() -> None:
    # Measured by what is loaded, not by the clock; benchmarks/ holds the time against torch's.
    assert "torch" not in loaded_after("import triptych")


def test_public_names_load_nothing_heavy() -> None:
    names = ", ".join(PUBLIC)
    assert loaded_after(f"from triptych import {names}").isdisjoint(HEAVY)


@pytest.mark.parametrize("name", [*PUBLIC, *ON_ITS_OWN])
def test_public_name_resolves(name: str) -> None:
    value = getattr(triptych, name)
    assert getattr(triptych, name) is value
    assert value.__name__ == name
    assert value.__doc__, f"{name} has no docstring"


def test_version_is_the_installed_one() -> None:
    try:
        expected = importlib.metadata.version("triptych")
    except importlib.metadata.PackageNotFoundError:
        expected = "0+source"
    assert triptych.__version__ == expected
