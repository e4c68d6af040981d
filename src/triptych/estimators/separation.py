"""SepCLR as a transformer: what targets share with a background, and what they alone have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from triptych.errors import InputError
from triptych.estimators.base import LatentTransformer, validation
from triptych.estimators.parts import Blocks, Nuisance, schema_of
from triptych.latent import Block


class SeparationTransformer(LatentTransformer):
    """Common and salient latents of two populations, by SepCLR (Louiset et al., ICLR 2024).

    Parameters
    ----------
    background
        Windows of the background, shaped like X, which then are all targets. Left out, `y` says
        it: 0 for background, above 0 for targets.
    blocks
        A `LatentSchema`, or its blocks; left out, *common* and *salient* of 8 dimensions each.
    nuisance
        In what the two views of a window differ and neither population is told by.
    rate, encoder, epochs, batch, learning_rate, validation_fraction, changes
        See `BlockEncoder`.
    random_state, n_jobs, device
        See `BlockEncoder`.

    Attributes
    ----------
    model_, history_, n_features_in_, shape_in_
        See `BlockEncoder`.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.standard_normal((40, 60)), np.repeat([0, 1], 20)
    >>> SeparationTransformer(epochs=1, random_state=0).fit_transform(X, y).shape
    (40, 16)
    """

    data = ("background",)

    def __init__(
        self,
        background: Any = None,
        blocks: Blocks | None = None,
        nuisance: Nuisance = "phase_shift",
        *,
        rate: float = 1.0,
        encoder: str | Mapping[str, Any] = "conv",
        epochs: int = 20,
        batch: int = 128,
        learning_rate: float = 2e-3,
        validation_fraction: float = 0.0,
        changes: Mapping[str, Any] | None = None,
        random_state: Any = None,
        n_jobs: int | None = None,
        device: str = "auto",
    ) -> None:
        self.background = background
        self.blocks = blocks
        self.nuisance = nuisance
        self.rate = rate
        self.encoder = encoder
        self.epochs = epochs
        self.batch = batch
        self.learning_rate = learning_rate
        self.validation_fraction = validation_fraction
        self.changes = changes
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.device = device

    def fit(self, X: Any, y: Any = None, groups: Any = None) -> Self:
        """Train on windows of both populations.

        Parameters
        ----------
        X
            ``(n, time)`` or ``(n, channels, time)``.
        y
            ``(n,)``, 0 for background, above 0 for targets; not read where `background` is given.
        groups
            ``(n,)``: windows of one group are not on both sides of the validation.

        Raises
        ------
        InputError
            If there is no background or no target, or parameters or shapes do not fit.
        """
        x = self.windows(X, fit=True)
        validation.check_consistent_length(X, y, groups)
        if self.background is not None:
            apart = validation.check_array(self.background, allow_nd=True, dtype=x.dtype)
            apart = apart[:, None] if apart.ndim == 2 else apart
            if apart.shape[1:] != x.shape[1:]:
                raise InputError(
                    f"background has windows of shape {apart.shape[1:]}, but X of {x.shape[1:]}"
                )
            target = np.repeat([False, True], [len(apart), len(x)])
            if groups is not None:
                own = [f"background {i}" for i in range(len(apart))]
                groups = np.concatenate([own, np.asarray(groups).astype(str)])
            x = np.concatenate([apart, x])
        elif y is None:
            raise InputError(
                "separation requires y to be passed, but the target y is None: 0 for background, "
                "above 0 for targets; or pass background=windows"
            )
        else:
            said = validation.column_or_1d(y, warn=True)
            try:
                numbers = np.asarray(said, dtype=np.float64)
            except ValueError:
                numbers = np.array([np.nan])
            if np.isnan(numbers).any():
                raise InputError(
                    "y holds words or NaN, expected a number for each window: 0 for background, "
                    "above 0 for targets"
                )
            target = numbers > 0
        if target.all() or not target.any():
            raise InputError(
                f"{int(target.sum())} of {len(target)} windows are targets; separation needs both "
                "background (y 0) and targets (y above 0)"
            )
        nuisances = self._transforms(x.shape[-1])
        default = [Block("common", 8, role="common"), Block("salient", 8, role="salient")]
        schema = schema_of(default if self.blocks is None else self.blocks)
        labels = np.where(target, "target", "background").tolist()
        content = {
            "objective": {"name": "separation", "background": ["background"]},
            "decoder": False,
        }
        return self._train(x, labels, groups, nuisances, schema, content)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = self.background is None
        return tags
