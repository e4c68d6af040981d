"""What the transformers share: windows in, a recipe trained, latents out, saved and pickled."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self, cast

import numpy as np
from sklearn import base
from sklearn.utils import validation as untyped

from triptych import transforms
from triptych.errors import InputError
from triptych.estimators.parts import Array, as_windows, made, plain, seed_of, split, threads
from triptych.latent import LatentSchema
from triptych.model import Model
from triptych.transforms import Transform
from triptych.transforms.base import parts_of

validation: Any = untyped  # scikit-learn has no types
KEPT = ("n_features_in_", "feature_names_in_", "classes_")  # saved beside the model


class LatentTransformer(base.TransformerMixin, base.BaseEstimator):
    """Base of the transformers: what one of them adds is its recipe and its labels.

    `fit` leaves `model_` (a `triptych.Model`), `history_` (a row per epoch), `shape_in_` (channels
    and samples of a window) and `n_features_in_`.
    """

    data: ClassVar[tuple[str, ...]] = ()  # parameters that are data, which `save` leaves out
    blocks: Any
    nuisance: Any
    rate: float
    encoder: Any
    epochs: int
    batch: int
    learning_rate: float
    validation_fraction: float
    changes: Mapping[str, Any] | None
    random_state: Any
    n_jobs: int | None
    device: str

    def transform(self, X: Any) -> Any:
        """Latents ``(n, size)`` of windows ``(n, time)`` or ``(n, channels, time)``."""
        validation.check_is_fitted(self)
        x = self.windows(X)
        return self.latents(self.middle(x)).astype(x.dtype)

    def latents(self, x: Array) -> Array:
        """Latents of windows of the model's own length, in float32."""
        with threads(self.n_jobs):
            return self.model_.embed(np.array(x, dtype=np.float32)).all.numpy()

    def middle(self, x: Array) -> Array:
        """Windows without the neighbours that a crop was trained with."""
        context = (x.shape[-1] - self.model_.preprocessing.length) // 2
        return x[..., context : x.shape[-1] - context]

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """``"morphology_0"``, ``"morphology_1"``, ...: block and place."""
        validation.check_is_fitted(self)
        named = [
            f"{block.name}_{i}" for block in self.model_.schema.blocks for i in range(block.size)
        ]
        return np.asarray(named, dtype=object)

    @property
    def nuisances_(self) -> tuple[Transform, ...]:
        """What it was trained to be told apart from."""
        given = self.model_.info["recipe"]["transforms"]
        return tuple(map(transforms.from_dict, given))

    def save(self, path: str | Path) -> None:
        """Write a model's folder, which `load`, `triptych.Model` and every command read.

        Raises
        ------
        InputError
            As `Model.save`; or if a parameter is no plain data.
        """
        validation.check_is_fitted(self)
        self._described().save(path)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` wrote; nothing in the files is run as code.

        Parameters come back as plain data: blocks and transforms as dictionaries.

        Raises
        ------
        InputError
            As `Model.load`, or if the folder holds no estimator of this class.
        """
        model = Model.load(path)
        about = model.info.pop("estimator", {})
        if about.get("class") != cls.__name__:
            held = about.get("class", "a model without an estimator")
            raise InputError(f"{path} holds {held}, expected a {cls.__name__}")
        found = cls(**about["params"])
        for name, value in about["state"].items():
            kind = object if name == "feature_names_in_" else None
            setattr(found, name, np.asarray(value, kind) if type(value) is list else value)
        found._keep(model, tuple(about["shape_in"]), about["history"])
        return found

    def __getstate__(self) -> dict[str, Any]:
        """Parameters, and the model as the bytes of its files: JSON and safetensors."""
        state: dict[str, Any] = dict(cast(Any, super()).__getstate__())
        if "model_" in state:
            with tempfile.TemporaryDirectory() as folder:
                state.pop("model_").save(folder)
                state["files"] = {each.name: each.read_bytes() for each in Path(folder).iterdir()}
        return state

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        rest = dict(state)
        files = rest.pop("files", None)
        cast(Any, super()).__setstate__(rest)
        if files is not None:
            with tempfile.TemporaryDirectory() as folder:
                for name, content in files.items():
                    (Path(folder) / name).write_bytes(content)
                self.model_ = Model.load(folder)

    def __sklearn_tags__(self) -> Any:
        tags: Any = cast(Any, super()).__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.non_deterministic = self.random_state is None
        return tags

    def windows(self, X: Any, *, fit: bool = False) -> Array:
        """Check windows and bring them to ``(n, channels, time)``."""
        x: Array = validation.validate_data(
            self, X, reset=fit, dtype=(np.float64, np.float32), allow_nd=True,
            ensure_min_samples=2 if fit else 1,
        )  # fmt: skip
        if x.ndim > 3:
            raise InputError(
                f"X has the shape {x.shape}, expected windows (n, time) or (n, channels, time)"
            )
        x = x[:, None] if x.ndim == 2 else x
        if not fit and x.shape[1:] != self.shape_in_:
            raise InputError(
                f"X has windows of {x.shape[1]} channels and {x.shape[2]} samples, but this "
                f"{type(self).__name__} was fitted on {self.shape_in_[0]} and {self.shape_in_[1]}"
            )
        return x

    def _transforms(self, length: int) -> list[Transform]:
        """What `nuisance` names, for windows of `length` samples."""
        given: Any = self.nuisance
        several = isinstance(given, list | tuple)
        parts: list[Any] = list(cast("Sequence[Any]", given)) if several else [given]
        if not parts or not self.rate > 0:
            raise InputError(
                f"nuisance={given!r} and rate={self.rate!r}: expected a transform or several, and "
                "Hz above 0"
            )
        found = [made(each, self.rate, length) for each in parts]
        return [part for each in found for part in parts_of(each)]

    def _train(
        self,
        x: Array,
        labels: Sequence[str] | None,
        groups: Array | None,
        nuisances: Sequence[Transform],
        schema: LatentSchema,
        content: Mapping[str, Any],
    ) -> Self:
        """Train the recipe on windows ``(n, channels, time)`` and keep the model."""
        from triptych.training import Recipe, fit

        seed = seed_of(self.random_state)
        context = max([transforms.context_of(each) for each in nuisances], default=0)
        length = x.shape[-1] - 2 * context
        if length < 1:
            raise InputError(
                f"windows have {x.shape[-1]} samples, but the nuisance needs {context} of "
                "neighbours on either side; give longer windows or a smaller range"
            )
        encoder = {"name": self.encoder} if isinstance(self.encoder, str) else dict(self.encoder)
        recipe = Recipe.of(
            {
                "name": type(self).__name__,
                "data": {"name": "arrays", "rate": self.rate, "low": None, "high": None,
                         "length_s": length / self.rate},
                "transforms": [transforms.to_dict(each) for each in nuisances],
                "latent": schema.to_dict()["blocks"],
                "encoder": encoder,
                "training": {"epochs": self.epochs, "batch": self.batch, "seed": seed,
                             "learning_rate": self.learning_rate},
                **content,
            },
            f"{type(self).__name__}",
        )  # fmt: skip
        recipe = recipe.replace(self.changes or {})
        windows = as_windows(x, self.rate, context, labels, groups)
        single = recipe.kind == "single"  # sets and numbers are rarely the same on both sides
        rows, held = split(
            len(x), self.validation_fraction, groups, labels if single else None, seed
        )
        with threads(self.n_jobs):
            fitted = fit(
                recipe,
                windows.take(rows),
                None if held is None else windows.take(held),
                device=self.device,
                progress=False,
            )
        self._keep(fitted.model, x.shape[1:], fitted.history)
        return self

    def _keep(self, model: Model, shape: tuple[int, ...], history: Sequence[Any]) -> None:
        self.model_, self.shape_in_, self.history_ = model, shape, tuple(history)

    def _described(self) -> Model:
        """The model with what is needed to make the estimator again."""
        model = self.model_
        given: dict[str, Any] = cast(Any, self).get_params(deep=False)
        params = {name: plain(each) for name, each in given.items() if name not in self.data}
        state = {name: plain(getattr(self, name)) for name in KEPT if hasattr(self, name)}
        about = {"class": type(self).__name__, "params": params, "state": state}
        info = {**model.info, "estimator": {**about, "shape_in": list(self.shape_in_),
                "history": list(self.history_)}}  # fmt: skip
        heads = cast(Any, dict(model.heads.items()))
        return Model(
            model.preprocessing, model.encoder, model.schema,
            front_end=model.front_end, heads=heads, decoder=model.decoder, info=info,
        )  # fmt: skip
