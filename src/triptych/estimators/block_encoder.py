"""SCL as a transformer: latents with named blocks from arrays of windows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self, cast

import numpy as np
from sklearn.utils import multiclass

from triptych.datasets.readers.labels import as_sets
from triptych.errors import InputError
from triptych.estimators.base import LatentTransformer, validation
from triptych.estimators.parts import Array, Blocks, Nuisance, schema_of
from triptych.latent import Block


class BlockEncoder(LatentTransformer):
    """Latents with named blocks, by structured contrastive learning; labels are not needed.

    Parameters
    ----------
    blocks
        A `LatentSchema`, or its blocks; left out, *invariant* (16 dimensions) and *variant* (8) to
        the nuisance. A block that is neither is trained by labels, or else by a decoder.
    nuisance
        What means nothing: a transform's name, ``{"name": ..., setting: ...}``, a transform, or
        several. By name a phase shift is circular, up to a quarter of the window; a crop
        (``PhaseShift(mode="crop")``) takes the windows' ends for their neighbours.
    rate
        Hz of the windows; 1: seconds are samples.
    encoder
        A network's name, or ``{"name": ..., setting: ...}``, as in a recipe.
    supervised
        Whether `y` trains heads on the blocks beside: ``"auto"`` if they can learn it, True or
        False.
    epochs, batch, learning_rate
        Of training.
    validation_fraction
        Of the windows, of whole groups if there are any; the epoch best in validation is kept. 0:
        none, the last is.
    changes
        Anything else of the recipe, by dotted place: ``{"objective.temperature": 0.2,
        "training.patience": 5}``.
    random_state
        Seed of weights, views and splits.
    n_jobs
        Threads of torch; None: as they are.
    device
        Where it trains: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``; latents come from the CPU.

    Attributes
    ----------
    model_
        The trained `triptych.Model`: audits, export, search.
    history_
        Loss terms by name, a row per epoch.
    classes_
        Labels that the heads know, if there are heads; not of numbers.
    n_features_in_, shape_in_
        Columns of X (channels, if it has three dimensions); channels and samples of a window.

    Examples
    --------
    Which rhythm, whenever it starts; in less than a minute on a laptop:

    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from triptych import Block, BlockEncoder
    >>> rng, t = np.random.default_rng(0), np.arange(100) / 100
    >>> y, start = rng.integers(3, 6, 300), rng.random((300, 1))
    >>> X = np.sin(2 * np.pi * y[:, None] * (t + start)) + 0.3 * rng.standard_normal((300, 100))
    >>> rhythm = Block("rhythm", 8, invariant_to="phase_shift")
    >>> onset = Block("onset", 4, variant_to="phase_shift")
    >>> encoder = BlockEncoder([rhythm, onset], rate=100, supervised=False, random_state=0)
    >>> pipeline = make_pipeline(encoder, LogisticRegression(max_iter=1000)).fit(X[:200], y[:200])
    >>> bool(pipeline.score(X[200:], y[200:]) > 0.9)
    True
    """

    def __init__(
        self,
        blocks: Blocks | None = None,
        nuisance: Nuisance = "phase_shift",
        *,
        rate: float = 1.0,
        encoder: str | Mapping[str, Any] = "conv",
        supervised: bool | Literal["auto"] = "auto",
        epochs: int = 20,
        batch: int = 128,
        learning_rate: float = 2e-3,
        validation_fraction: float = 0.0,
        changes: Mapping[str, Any] | None = None,
        random_state: Any = None,
        n_jobs: int | None = None,
        device: str = "auto",
    ) -> None:
        self.blocks = blocks
        self.nuisance = nuisance
        self.rate = rate
        self.encoder = encoder
        self.supervised = supervised
        self.epochs = epochs
        self.batch = batch
        self.learning_rate = learning_rate
        self.validation_fraction = validation_fraction
        self.changes = changes
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.device = device

    def fit(self, X: Any, y: Any = None, groups: Any = None) -> Self:
        """Train on windows.

        Parameters
        ----------
        X
            ``(n, time)`` or ``(n, channels, time)``, in physical units.
        y
            Labels ``(n,)``: classes, or numbers (floats) for a regression; or a column of 0 and 1
            for each of several labels, ``(n, k)``. See `supervised`.
        groups
            ``(n,)``: windows of one group (a subject) are not on both sides of the validation.

        Raises
        ------
        InputError
            If parameters, windows, labels or groups do not fit.
        """
        x = self.windows(X, fit=True)
        validation.check_consistent_length(X, y, groups)
        nuisances = self._transforms(x.shape[-1])
        names = tuple(each.name for each in nuisances)
        default = [
            Block("invariant", 16, invariant_to=names),
            Block("variant", 8, variant_to=names),
        ]
        schema = schema_of(default if self.blocks is None else self.blocks)
        classes, labels, task = self._task(y)
        content = {
            **task,
            "decoder": labels is None and any(each.free for each in schema.blocks),
        }
        self._train(x, labels, groups, nuisances, schema, content)
        vars(self).pop("classes_", None)  # of an earlier fit
        if classes is not None:
            self.classes_ = classes
        return self

    def _task(self, y: Any) -> tuple[Array | None, list[str] | None, dict[str, Any]]:
        """Labels that the heads know, that of every window as text, and a recipe's entries."""
        if self.supervised not in (True, False, "auto"):
            raise InputError(f"supervised is {self.supervised!r}, expected True, False or 'auto'")
        if self.supervised is False or (y is None and self.supervised == "auto"):
            return None, None, {}
        kind = "missing" if y is None else str(cast(Any, multiclass).type_of_target(y))
        values = np.asarray(y)
        if kind == "continuous" and values.ndim == 1:
            return None, [str(each) for each in values.tolist()], {"labels": "regression"}
        if kind == "multilabel-indicator":
            names = [str(each) for each in getattr(y, "columns", range(values.shape[1]))]
            sets = as_sets(dict(zip(names, values.T, strict=True)), "y")
            return np.array(names), sets, {"classes": names, "labels": "multi"}
        classes = np.unique(values) if kind in ("binary", "multiclass") else np.array([])
        if len(classes) > 1:
            words = [str(each) for each in classes.tolist()]
            return classes, [str(each) for each in values.tolist()], {"classes": words}
        if self.supervised is True:
            raise InputError(f"supervised=True needs y with two classes or more; y is {kind}")
        return None, None, {}
