"""The model class: embed, predict, reconstruct, export, save and load."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from triptych.errors import InputError
from triptych.latent import BlockHeads, LatentSchema, LinearHead
from triptych.model import saved
from triptych.model.export import export_stream
from triptych.model.outputs import Latents, Prediction
from triptych.signals.preprocessing import Preprocessing, Signals


class Model(nn.Module):
    """Preprocessing, front-end, encoder and schema, with heads and a decoder where there are any.

    Parameters
    ----------
    preprocessing
        What windows have to be.
    encoder
        Any module: signals ``(n, channels, length)`` → latents ``(n, schema.size)``.
    schema
        The latent vector's blocks.
    front_end
        What stands before the encoder, which then sees what this gives.
    heads
        Name (an identifier) → `LinearHead`.
    decoder
        Latents → signals; needed by `reconstruct` only.
    info
        Plain data kept with the model: recipe, data fingerprint, figures, versions.

    Raises
    ------
    InputError
        If block heads or heads stand on another schema, or a head's name is no identifier.
    """

    def __init__(
        self,
        preprocessing: Preprocessing,
        encoder: nn.Module,
        schema: LatentSchema,
        *,
        front_end: nn.Module | None = None,
        heads: Mapping[str, LinearHead] | None = None,
        decoder: nn.Module | None = None,
        info: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if not all(preprocessing.shape):
            raise InputError(
                f"preprocessing got channels={list(preprocessing.channels)}, length="
                f"{preprocessing.length}; a model needs the names of its channels and a length"
            )
        for name, head in (heads or {}).items():
            if not name.isidentifier():
                raise InputError(
                    f"head name {name!r} is not an identifier; use letters, digits and _"
                )
            if head.schema != schema:
                raise InputError(f"head {name!r} was made for another schema than the model's")
        for part in encoder.modules():
            if isinstance(part, BlockHeads) and part.schema != schema:
                raise InputError("the encoder's block heads have another schema than the model's")
        self.preprocessing, self.schema = preprocessing, schema
        self.front_end = nn.Sequential() if front_end is None else front_end
        self.encoder, self.decoder = encoder, decoder
        self.heads = nn.ModuleDict(cast(Mapping[str, nn.Module], heads or {}))
        self.info = dict(info or {})

    def forward(self, x: Float[Tensor, "n c t"]) -> Float[Tensor, "n size"]:
        """Latents of prepared windows, with gradients; raises InputError if the schema differs."""
        z = self.encoder(self.front_end(x))
        if not isinstance(z, Tensor):
            raise InputError(f"the encoder gave a {type(z).__name__}, expected latents (n, size)")
        self.schema.check(z, source="the encoder's latents")
        return z

    def embed(self, signals: Signals, rate: float | None = None, batch: int = 1024) -> Latents:
        """Latents of windows ``(n, channels, length)``, on the CPU and without gradients.

        Parameters
        ----------
        signals
            Windows, channels in the order of `preprocessing`, already filtered (`prepare` does).
        rate
            Hz, if it may differ from the model's; then the windows are resampled first.
        batch
            Windows a forward pass.

        Raises
        ------
        InputError
            For another shape, NaN or infinities.
        """
        x = self.preprocessing.windows(signals, rate)
        return Latents(self.schema, self._run(self.forward, x, batch))

    def predict(
        self, signals: Signals, rate: float | None = None, batch: int = 1024
    ) -> dict[str, Prediction]:
        """Head name → `Prediction` for windows as `embed` takes them."""
        if not self.heads:
            raise InputError("this model has no heads; train one with a task, or use embed")
        z = self.embed(signals, rate, batch).all
        heads = {name: cast(LinearHead, head) for name, head in self.heads.items()}
        return {
            name: Prediction(head.classes, self._run(head, z, batch).softmax(dim=1))
            for name, head in heads.items()
        }

    def reconstruct(
        self, signals: Signals, rate: float | None = None, batch: int = 1024
    ) -> Float[Tensor, "n c t"]:
        """Decode the latents of windows as `embed` takes them.

        In what the decoder was trained to give: as a rule standardised windows, so shape
        without size, or what another front-end (a spectrum, a canonical phase) makes of them.
        """
        if self.decoder is None:
            raise InputError("this model has no decoder, so it cannot reconstruct; use embed")
        return self.decode(self.embed(signals, rate, batch).all, batch)

    def decode(self, z: Float[Tensor, "n size"], batch: int = 1024) -> Float[Tensor, "n c t"]:
        """Windows from latents, as `reconstruct` gives them, for latents of one's own making."""
        if self.decoder is None:
            raise InputError("this model has no decoder, so it cannot decode")
        self.schema.check(z)
        return self._run(self.decoder, z, batch)

    def prepare(
        self, signal: NDArray[np.floating[Any]], rate: float, step_s: float | None = None
    ) -> Float[Tensor, "n c t"]:
        """Cut one recording into windows for `embed`; see `Preprocessing.prepare`."""
        return self.preprocessing.prepare(signal, rate, step_s)

    def export(self, path: str | Path) -> None:
        """Write the encoder as ONNX: ``signals (n, channels, length)`` → one output per block.

        Its outputs are compared with torch's before the file is written, its metadata say what
        has to be done with signals before; ``<name>_stream.py`` beside it does that, and embeds a
        stream, without torch. See `triptych.model.export` for both, and what raises InputError.
        """
        with _evaluating(self):
            export_stream(_Blocks(self), self.preprocessing, self.schema, path)

    def save(self, folder: str | Path) -> None:
        """Write ``model.json`` and ``weights.safetensors`` into `folder`, which is made.

        A model that stands there is replaced; other files beside it stay.

        Raises
        ------
        InputError
            If the folder holds other things than a model, cannot be written, `info` is not plain
            data, or a weight is not finite. What stood there stays as it was.
        """
        content = {
            "schema": self.schema.to_dict(),
            "preprocessing": self.preprocessing.to_dict(),
            "front_end": saved.describe(self.front_end),
            "encoder": saved.describe(self.encoder),
            "decoder": None if self.decoder is None else saved.describe(self.decoder),
            "heads": {name: cast(LinearHead, head).settings for name, head in self.heads.items()},
            "info": self.info,
        }
        saved.write(folder, content, self)

    @classmethod
    def load(
        cls,
        folder: str | Path,
        encoder: nn.Module | None = None,
        decoder: nn.Module | None = None,
        device: str | torch.device = "cpu",
        front_end: nn.Module | None = None,
    ) -> Model:
        """Read a saved model; nothing in the files is run as code.

        Parameters
        ----------
        folder
            What `save` wrote.
        encoder, decoder, front_end
            Modules for classes that are not triptych's; their weights are loaded by name.
        device
            Where the model is put, in eval mode.

        Raises
        ------
        InputError
            If files are missing, damaged, cut off or do not fit each other, a weight is not
            finite, or a class is not triptych's and no module is given for it.
        """
        content, weights = saved.read(folder, whole=encoder is not None)
        given = {"front_end": front_end, "encoder": encoder, "decoder": decoder}
        with torch.device("meta"):  # held against the file before anything is allocated
            weights.require_fit(cls._rebuild(content, given))
        state = torch.get_rng_state()
        model = cls._rebuild(content, given)
        torch.set_rng_state(state)  # first weights are drawn for nothing: nobody shall notice
        weights.load_into(model)
        return model.to(device).eval()

    @classmethod
    def _rebuild(cls, content: dict[str, Any], given: Mapping[str, nn.Module | None]) -> Model:
        try:
            schema = LatentSchema.from_dict(content["schema"])
            parts = {
                role: saved.build(content[role], schema, role)
                for role, module in given.items()
                if module is None and (role != "decoder" or content[role] is not None)
            }
            parts |= {role: module for role, module in given.items() if module is not None}
            channels = len(content["preprocessing"]["channels"])
            saved.require_guarantee(parts["front_end"], parts["encoder"], channels)
            return cls(
                Preprocessing.from_dict(content["preprocessing"]),
                parts["encoder"],
                schema,
                front_end=parts["front_end"],
                heads={name: LinearHead(schema, **head) for name, head in content["heads"].items()},
                decoder=parts.get("decoder"),
                info=content["info"],
            )
        except InputError:
            raise
        except Exception as error:  # data of wrong types or sizes fail in many ways
            raise InputError(
                f"{saved.DESCRIPTION} does not describe a model ({type(error).__name__}: "
                f"{str(error)[:200]}); it was changed by hand or damaged"
            ) from error

    def _run(self, module: Any, x: Tensor, batch: int) -> Tensor:
        if batch < 1:
            raise InputError(f"batch is {batch}, expected at least 1 window a forward pass")
        # A model may have been moved, or converted with double() or bfloat16().
        weights = [each for each in self.parameters() if each.is_floating_point()]
        like = weights[0] if weights else x
        with _evaluating(self), torch.no_grad():
            parts = [
                module(x[start : start + batch].to(like)).float().cpu()
                for start in range(0, len(x), batch)
            ]
        return torch.cat(parts)


class _Blocks(nn.Module):
    """A model whose outputs are the blocks, as a tuple."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, signals: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.model.schema.split(self.model(signals)).values())


@contextmanager
def _evaluating(module: nn.Module) -> Generator[None]:
    """Eval mode for a while; afterwards every part is in the mode that it was in."""
    training = [part for part in module.modules() if part.training]
    module.eval()
    try:
        yield
    finally:
        for part in training:
            part.training = True
