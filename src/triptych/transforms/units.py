"""Numbers with their units, as they are read: "75 ms", "−3 dB"."""

from __future__ import annotations

from typing import cast

from torch import Tensor


def readable(unit: str) -> tuple[float, str]:
    """Return the factor and the unit in which numbers of `unit` are written: seconds in ms."""
    return (1000.0, "ms") if unit == "s" else (1.0, unit)


def shown(value: float, unit: str, digits: int = 4) -> str:
    """``"75 ms"``, ``"30 degrees"``, ``"6 dB"``."""
    factor, name = readable(unit)
    return f"{factor * value:.{digits}g} {name}"


def signed(value: float, unit: str) -> str:
    """As `shown`, with a proper minus sign: ``"−75 ms"``."""
    return shown(value + 0.0, unit).strip().replace("-", "−")


def rows(params: Tensor) -> list[list[float]]:
    """Return the rows of `(n, p)` as lists."""
    return cast("list[list[float]]", params.tolist())  # pyright: ignore[reportUnknownMemberType]
