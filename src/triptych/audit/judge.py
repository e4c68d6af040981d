"""What an evaluation asks of the kind of a label: figures of answers, and what chance has."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from triptych.audit.evaluation import Scored
from triptych.audit.scoring import Mask
from triptych.latent import Target
from triptych.metrics.statistics import Interval

Answered = NDArray[Any]
"""(n,) or (n, k): what stands in a label, or what a head makes of a window."""


@dataclass(frozen=True, eq=False)
class Judged:
    """What is said of windows with a known label.

    Attributes
    ----------
    subject
        (n,) whose they are.
    truth, said
        (n, ...) by the label, and by the head.
    after
        (draws, n, ...) under random θ; empty of windows as they are.
    """

    subject: NDArray[np.str_]
    truth: Answered
    said: Answered
    after: Answered

    def of(self, rows: Mask) -> Judged:
        """Those of some of the windows."""
        return Judged(self.subject[rows], self.truth[rows], self.said[rows], self.after[:, rows])


class Judge(ABC):
    """Figures of answers of one kind.

    Attributes
    ----------
    headline
        The figure by which subjects are ranked.
    """

    headline: ClassVar[str] = "accuracy"

    def __init__(self, target: Target) -> None:
        self.target = target

    def answer(self, decoded: Tensor) -> Answered:
        """What is compared, of what a head decodes; by default itself."""
        return decoded.numpy()

    def truth(self, targets: Tensor) -> Answered:
        """The same of known targets."""
        return targets.numpy()

    @abstractmethod
    def figures(self, plain: Judged) -> dict[str, Interval]:
        """How right answers are, with intervals over subjects."""

    @abstractmethod
    def kept(self, name: str, moved: Judged) -> dict[str, Interval]:
        """Whether they stay under the nuisance of this name."""

    @abstractmethod
    def chance(self, plain: Judged, moved: Mapping[str, Judged]) -> dict[str, float]:
        """What an answer that ignores the window has."""

    def per_label(self, plain: Judged, moved: Mapping[str, Judged]) -> dict[str, Scored]:
        """Figures of each label by itself, if there are any."""
        del plain, moved
        return {}

    def confusion(self, plain: Judged) -> NDArray[np.int64]:
        """(K, K) windows labelled i that are called j; (0, 0) where that is not asked."""
        del plain
        return np.zeros((0, 0), np.int64)
