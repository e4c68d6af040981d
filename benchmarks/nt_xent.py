"""NT-Xent, forward and backward, against the same loss of pytorch-metric-learning.

That is its SelfSupervisedLoss(SupConLoss), equal to NT-Xent where each sample has one other view;
its NTXentLoss grows with the cube of the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from benchmarks.timing import Effort, Row, ratio
from triptych.objectives import terms

BOUND, TEMPERATURE, SIZE = 1.0, 0.1, 128


def run(effort: Effort) -> Iterator[Row]:
    """One row for each batch size (samples, each with two views)."""
    from pytorch_metric_learning.losses import SelfSupervisedLoss, SupConLoss

    reference = SelfSupervisedLoss(SupConLoss(temperature=TEMPERATURE))
    sizes = (16,) if effort.smallest else (256, 1024, 4096)
    for n in sizes:
        generator = torch.Generator().manual_seed(n)
        a, b = (torch.randn(n, SIZE, generator=generator).requires_grad_() for _ in range(2))

        def ours(a: Tensor, b: Tensor) -> Tensor:
            return terms.nt_xent(a, b, TEMPERATURE)

        if n == sizes[0]:  # the reference takes seconds at the larger ones
            torch.testing.assert_close(ours(a, b), reference(a, b))
        sides = {
            "triptych": _forward_backward(ours, a, b),
            "pytorch-metric-learning": _forward_backward(reference, a, b),
        }
        yield ratio("nt_xent", f"batch {n}, {SIZE} dimensions", sides, effort, at_most=BOUND)


def _forward_backward(
    loss: Callable[[Tensor, Tensor], Tensor], a: Tensor, b: Tensor
) -> Callable[[], None]:
    def call() -> None:
        a.grad = b.grad = None
        loss(a, b).backward()

    return call
