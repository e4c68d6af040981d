"""Five models that triptych did not make, to be audited: see audit-any-model.md.

``python other_models.py`` trains them within a minute on simulated ECGs and writes
``classifier.onnx``, ``encoder.pt``, ``tloss.pt2`` and ``embeddings.npz``; `pca` is the fifth.
"""

from __future__ import annotations

import sys
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from triptych import PhaseShift
from triptych.datasets import Windows, preprocess, random_windows, simulated
from triptych.model.export import export_onnx

RATE, LENGTH = 100.0, 200  # windows of 2 s
SHIFTS = np.linspace(-0.2, 0.2, 9)


@cache
def windows(subjects: int = 12, each: int = 40, seconds: float = 60, seed: int = 1) -> Windows:
    """Windows of subjects who are not those of ``simulated``, with 0.25 s on either side."""
    cohort = simulated.load(people=subjects, seconds=seconds, seed=seed)
    cohort = cohort.map(lambda recording: preprocess(recording, RATE, None, None))
    return random_windows(cohort, each, LENGTH / RATE, 0.25)


@cache
def _pca():
    from sklearn.decomposition import PCA

    return PCA(16, random_state=0).fit(windows().centred.flatten(1).numpy())


def pca(signals: np.ndarray) -> np.ndarray:
    """Signals (n, channels, time) → 16 principal components (n, 16) of scikit-learn's PCA."""
    return _pca().transform(signals.reshape(len(signals), -1))


class Classifier(nn.Module):
    """Two convolutions that say whether the beat nearest the window's middle is a normal one."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv1d(1, 16, 7, 2), nn.ReLU(), nn.Conv1d(16, 32, 5, 2), nn.ReLU(), nn.Flatten()
        )
        self.scores = nn.Linear(32 * 47, 2)

    def forward(self, x: Tensor) -> tuple[Tensor]:
        """Scores (n, 2) of windows (n, 1, 200)."""
        return (self.scores(self.encoder(x)),)


class TLoss(nn.Module):
    """Causal dilated convolutions, their maximum over time, a linear layer.

    Source: Franceschi et al., "Unsupervised scalable representation learning for multivariate time
    series" (NeurIPS 2019).
    """

    def __init__(self, channels: int = 1, width: int = 24, depth: int = 5, size: int = 32) -> None:
        super().__init__()
        norm = torch.nn.utils.parametrizations.weight_norm
        sizes = [channels, *[width] * depth]
        self.first = nn.ModuleList(norm(nn.Conv1d(c, width, 3, dilation=2**k))
                                   for k, c in enumerate(sizes[:-1]))  # fmt: skip
        self.second = nn.ModuleList(norm(nn.Conv1d(width, width, 3, dilation=2**k))
                                    for k in range(depth))  # fmt: skip
        self.skip = nn.ModuleList(nn.Conv1d(c, width, 1) for c in sizes[:-1])
        self.last = nn.Linear(width, size)

    def forward(self, x: Tensor) -> Tensor:
        """Latents (n, 32) of windows (n, 1, any length)."""
        for k, (one, two, skip) in enumerate(zip(self.first, self.second, self.skip, strict=True)):
            past = (2 * 2**k, 0)  # only the past is seen
            h = nn.functional.leaky_relu(one(nn.functional.pad(x, past)))
            x = nn.functional.leaky_relu(two(nn.functional.pad(h, past))) + skip(x)
        return self.last(x.amax(dim=-1))

    def loss(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """−log σ(f(x)·f(part of x)) − Σ log σ(−f(x)·f(part of another)), 5 others (equation 1)."""
        start = int(torch.randint(x.shape[-1] // 2, (), generator=generator))
        whole, part = self(x), self(x[..., start : start + x.shape[-1] // 2])
        total = -nn.functional.logsigmoid((whole * part).sum(1))
        for _ in range(5):
            other = part.roll(int(torch.randint(1, len(x), (), generator=generator)), 0)
            total = total - nn.functional.logsigmoid(-(whole * other).sum(1))
        return total.mean()


def make(folder: Path, steps: int = 150) -> None:
    """Train and write the models, each for so many steps."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    held = windows()
    x, normal = held.centred, torch.as_tensor(held.label == "N").long()
    classifier, tloss = Classifier(), TLoss()
    rare = len(x) / (1.0 + torch.bincount(normal, minlength=2))  # classes weigh the same
    for model in (classifier, tloss):
        optimiser = torch.optim.Adam(model.parameters(), 1e-3)
        for _ in range(steps):
            rows = torch.randint(len(x), (32,), generator=generator)
            if model is tloss:
                loss = tloss.loss(x[rows], generator)
            else:
                loss = nn.functional.cross_entropy(classifier(x[rows])[0], normal[rows], rare)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        model.eval()
    export_onnx(classifier, (1, LENGTH), ("scores",), folder / "classifier.onnx")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript will be replaced one day
        torch.jit.trace(classifier.encoder, x[:2]).save(str(folder / "encoder.pt"))
    anyhow = ({0: torch.export.Dim("n", min=1)},)
    torch.export.save(
        torch.export.export(tloss, (x[:2],), dynamic_shapes=anyhow), folder / "tloss.pt2"
    )
    shift, n = PhaseShift(0.25, RATE), len(x)
    theta = torch.as_tensor(SHIFTS[SHIFTS != 0], dtype=torch.float32)
    moved = [pca(shift.apply(held.signals, t.expand(n, 1)).numpy()) for t in theta]
    side = {"subject": held.subject, "record": held.record, "start": held.start}
    np.savez(
        folder / "embeddings.npz", original=pca(x.numpy()), transformed=moved, theta=theta, **side
    )


if __name__ == "__main__":
    make(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
