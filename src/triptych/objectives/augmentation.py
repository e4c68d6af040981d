"""The unstructured rows: plain training, and training on transformed signals."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Generator, Tensor, nn

from triptych.objectives.base import LossTerms
from triptych.objectives.views import Views, single_view
from triptych.transforms import Transform, told_apart


class Plain(nn.Module):
    """No augmentation and no structure: the task alone, on signals as they are.

    Parameters
    ----------
    transforms
        Transforms of the study; they are applied with their identity (a crop must still cut the
        context off).
    """

    def __init__(self, transforms: Sequence[Transform] = ()) -> None:
        super().__init__()
        self.transforms = told_apart(transforms)

    def views(self, x: Tensor, generator: Generator | None = None) -> Views:
        """One view a sample: the signal ``(n, channels, time)`` itself."""
        return single_view(x, self.transforms, identity=True, generator=generator)

    def forward(self, z: Tensor, views: Views, isolated: Tensor | None = None) -> LossTerms:
        """No terms of its own; the total is zero."""
        return LossTerms(z.new_zeros(()))


class Augmentation(Plain):
    """Every transform drawn anew for every sample and step; the task sees only that view.

    With an autoencoder the transformed window is also what is reconstructed.
    """

    def views(self, x: Tensor, generator: Generator | None = None) -> Views:
        """One view a sample, under a fresh draw of every transform."""
        return single_view(x, self.transforms, identity=False, generator=generator)
