"""Front-ends for tri-axial sensors: a common scale, and channels that no rotation changes.

Channels 0 to 2 are the first sensor (an accelerometer), 3 to 5 the second, and so on. These
front-ends take signals in physical units: standardised axes would have lost gravity.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from triptych.errors import InputError
from triptych.missing import across
from triptych.networks.encoder import FrontEnd
from triptych.networks.require import FLAG, NUMBERS, require
from triptych.precision import exact, full_precision

TINY = 1e-20  # below what matters of squares, and of squared cubes; gives roots a gradient at 0
SMALLEST = 1e-6  # mean acceleration that others are divided by, in the signals' units
NEGLIGIBLE = 0.02  # a mean this small against the window's size is no direction


class Scaled(FrontEnd):
    """Divide each sensor by a constant; no statistics of the window, no offset.

    The three axes of a sensor share their constant, so that rotations commute with it and gravity
    stays where it was.

    Parameters
    ----------
    scales
        In the signals' units: one for all channels, or one for each triad of channels; e.g.
        ``(1.0, 2.0)`` for g and rad/s.
    """

    raw = True
    takes_gaps = True
    any_length = True

    def __init__(self, *, scales: tuple[float, ...] = (1.0,)) -> None:
        require("a front-end", NUMBERS, scales=scales)
        super().__init__(scales=list(scales))
        self.scales = tuple(scales)

    def shape(self, channels: int, length: int) -> tuple[int, int]:
        """As they go in; raises InputError if the scales are not for so many channels."""
        given = len(self.scales)
        if given > 1 and channels != 3 * given:
            raise InputError(
                f"{given} scales for {channels} channels; give one for all, or one for each three "
                "channels"
            )
        return channels, length

    def forward(self, x: Float[Tensor, "n c t"]) -> Tensor:
        """Scaled signals, shape kept; raises InputError if the scales are not for x's channels."""
        channels, given = Scaled.shape(self, *x.shape[1:])[0], len(self.scales)
        scales = torch.tensor(self.scales, dtype=x.dtype, device=x.device)
        return x / scales.repeat_interleave(channels // given)[:, None]

    def sensors(self, channels: int) -> int:
        """Sensors that so many channels are; raises InputError unless they come in threes."""
        if channels < 3 or channels % 3:
            raise InputError(
                f"signals have {channels} channels, expected x, y, z of one or more tri-axial "
                "sensors"
            )
        return Scaled.shape(self, channels, 1)[0] // 3

    def triads(self, x: Float[Tensor, "n c t"]) -> Float[Tensor, "n k 3 t"]:
        """Scaled sensors one by one, in at least float32; raises InputError for other channels."""
        sensors = self.sensors(x.shape[1])
        return Scaled.forward(self, exact(x)).reshape(x.shape[0], sensors, 3, x.shape[2])


class RotationInvariants(Scaled):
    """Channels that are the same however the sensors were turned together: exact under SO(3).

    With a the acceleration, ā its mean over the window, c = a − ā, Δ the difference to the
    sample before, and two kinds of vectors that turn with the sensor, u and k:

    | channel | of the acceleration |
    | --- | --- |
    | size | ‖a‖ |
    | vertical, horizontal | u·a, ‖a − (u·a) u‖ |
    | spread | √(cᵀCc / tr C), C = mean of ccᵀ: size in the directions of most motion, sign-free |
    | jerk, vertical jerk | ‖Δa‖, u·Δa |
    | turn | ‖Δ(a/‖a‖)‖, 2 sin of half the angle between successive samples |
    | swirl | u·(a × Δa) / ‖a‖, turning about the vertical |
    | torsion | a·(Δa × Δ²a) / (‖a‖ (‖Δa‖ + 0.1)) |
    | forward, sideways | k·a, u·(k × a) for each of the 3 k |
    | **channel** | **of each further sensor w** |
    | size, jerk | ‖w‖, ‖Δw‖ |
    | about the vertical, across | u·w, ‖w − (u·w) u‖ |
    | towards the acceleration | a·w / ‖a‖ |
    | triple product | u·(a × w) / ‖a‖ |
    | forward, sideways | k·w, u·(k × w) for each of the 3 k |
    | pair | w·v of every two further sensors |

    u is the vertical, ā/‖ā‖. The k are the horizontal directions of three means of odd order:
    ⟨‖c‖² h⟩, skewness, ⟨(u·c) h⟩ and ⟨(u·Δc) h⟩, the motion that goes with the vertical one and
    with its jerk; h = c − (u·c) u. u and k shrink to zero, smoothly, where they have no direction
    to give (gravity removed, symmetrical motion): their channels fade, all others go on. Channels
    are shifted and divided by fixed numbers that bring everyday motion (in g; gyroscopes in units
    of 2 rad/s) to about unit size.

    Parameters
    ----------
    scales
        As in `Scaled`.
    per_gravity
        Divide every channel by ‖ā‖, the size of the mean acceleration, so that a gain of all
        channels changes nothing either; a gyroscope's unit is then that of its gain.

    Notes
    -----
    Triple products change sign in a mirror: proper rotations only, as for a worn sensor. In
    float32 rotations change the channels by about 1e-4 where a k is short, else by 1e-6.
    """

    def __init__(self, *, scales: tuple[float, ...] = (1.0,), per_gravity: bool = False) -> None:
        super().__init__(scales=scales)
        require("rotation_invariants", FLAG, per_gravity=per_gravity)
        self.per_gravity = per_gravity
        self.settings |= {"per_gravity": True} if per_gravity else {}

    def shape(self, channels: int, length: int) -> tuple[int, int]:
        """15 channels, 12 more for each further sensor and one for each pair of these."""
        sensors = self.sensors(channels) - 1
        return 15 + 12 * sensors + sensors * (sensors - 1) // 2, length

    @across
    def forward(self, x: Float[Tensor, "n c t"]) -> Float[Tensor, "n k t"]:
        """Invariant channels of signals in g (and, further sensors, their own units)."""
        with full_precision(x):
            sensors = self.triads(x)
            if self.per_gravity:
                size = norm(sensors[:, 0].mean(dim=2, keepdim=True)).clamp_min(SMALLEST)
                sensors = sensors / size[:, None]
            return torch.cat(self._channels(*sensors.unbind(dim=1)), dim=1).to(x.dtype)

    def _channels(self, first: Tensor, *others: Tensor) -> list[Tensor]:
        mean, size = first.mean(dim=2, keepdim=True), norm(first)
        moved, change, unit = first - mean, difference(first), first / size
        up = soft_direction(mean, dot(first, first).mean(dim=2, keepdim=True))
        vertical, rise = dot(up, first), dot(up, change)
        ways = soft_direction(*horizontal_ways(moved, up))
        frame = torch.cat([ways, cross(up, ways)], dim=2).mT
        covariance = moved @ moved.mT / first.shape[2]
        total = covariance.diagonal(dim1=1, dim2=2).sum(dim=1)[:, None, None]
        spread = dot(covariance @ moved, moved).clamp_min(0) / (total + TINY)
        found = [
            (size - 1) / 0.3,
            (vertical - 0.9) / 0.4,
            (norm(first - vertical * up) - 0.3) / 0.3,
            root(spread) / 0.3,
            norm(change) / 0.3,
            rise / 0.2,
            norm(difference(unit)) / 0.3,
            dot(up, cross(unit, change)) / 0.15,
            dot(unit, cross(change, difference(change))) / (norm(change) + 0.1) / 0.15,
            frame @ first / 0.3,
        ]
        for place, other in enumerate(others):
            about = dot(up, other)
            found += [
                norm(other),
                norm(difference(other)) / 0.3,
                about,
                norm(other - about * up),
                dot(unit, other),
                dot(up, cross(unit, other)),
                frame @ other,
                *(dot(other, another) for another in others[:place]),
            ]
        return found


def _axes(a: Tensor) -> tuple[Tensor, ...]:
    return a.split_with_sizes([1, 1, 1], dim=1)  # one node of an exported graph, not three


def dot(a: Tensor, b: Tensor) -> Tensor:
    """Inner products of vectors ``(n, 3, t)`` → ``(n, 1, t)``."""
    (a1, a2, a3), (b1, b2, b3) = _axes(a), _axes(b)
    return a1 * b1 + a2 * b2 + a3 * b3


def root(a: Tensor) -> Tensor:
    """Square roots, with a gradient at zero."""
    return (a + TINY).sqrt()


def norm(a: Tensor) -> Tensor:
    """Lengths of vectors ``(n, 3, t)`` → ``(n, 1, t)``."""
    return root(dot(a, a))


def cross(a: Tensor, b: Tensor) -> Tensor:
    """Vector products of ``(n, 3, t)``, broadcast over time."""
    (a1, a2, a3), (b1, b2, b3) = _axes(a), _axes(b)
    return torch.cat([a2 * b3 - a3 * b2, a3 * b1 - a1 * b3, a1 * b2 - a2 * b1], dim=1)


def difference(a: Tensor) -> Tensor:
    """Difference to the sample before, 0 for the first; shape kept."""
    return functional.pad(a[..., 1:] - a[..., :-1], (1, 0))


def horizontal_ways(moved: Tensor, up: Tensor) -> tuple[Tensor, Tensor]:
    """Three horizontal mean vectors ``(n, 3, 3)`` in columns, and mean squares ``(n, 1, 3)``.

    ⟨‖c‖² h⟩, ⟨(u·c) h⟩ and ⟨(u·Δc) h⟩ of ``c = moved (n, 3, t)``, ``u = up (n, 3, 1)``, with h
    the horizontal part of c; they turn with c and u. The squares are ⟨‖h‖²⟩ times ⟨‖c‖⁴⟩, ⟨‖c‖²⟩
    and ⟨‖Δc‖²⟩, so that a vertical part of nothing gives a direction of nothing.
    """
    motion, change, power = dot(up, moved), difference(moved), dot(moved, moved)
    weight = torch.cat([power, motion, dot(up, change)], dim=1)
    sway = moved - motion * up
    sizes = torch.cat([power.square(), power, dot(change, change)], dim=1)
    most = sizes.mean(dim=2, keepdim=True).mT * dot(sway, sway).mean(dim=2, keepdim=True)
    return sway @ weight.mT / moved.shape[2], most


def soft_direction(mean: Tensor, power: Tensor) -> Tensor:
    """Directions of mean vectors ``(n, 3, k)``, fading to zero where they are negligible.

    `power` ``(n, 1, k)`` is the mean square of what was averaged, or a bound of it.
    """
    return mean / root(dot(mean, mean) + NEGLIGIBLE**2 * power)
