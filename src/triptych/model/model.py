"""The model class: what it does with signals, saved, loaded and exported."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from triptych.errors import InputError
from triptych.latent import LatentSchema, LinearHead
from triptych.model import hub, saved
from triptych.model.export import evaluating, export_stream
from triptych.model.inference import Inference
from triptych.signals.preprocessing import Preprocessing


class Model(Inference):
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

    def export(self, path: str | Path, *, raw: bool = False, int8: bool = False) -> None:
        """Write the encoder as ONNX: ``signals (n, channels, length)`` → one output per block.

        Its outputs are compared with torch's before the file is written, its metadata say what
        has to be done with signals before; ``<name>_stream.py`` beside it does that, and embeds a
        stream, without torch. See `triptych.model.export` for both, and what raises InputError.

        Parameters
        ----------
        path
            The file to write.
        raw
            Put the causal filter into the graph, which then takes samples as they were recorded.
        int8
            Quantise weights and products to 8 bits. What that does to the invariance of each
            block, `triptych.audit.graph_figures` measures, and ``triptych export`` prints.
        """
        with evaluating(self):
            form, any_length = self.preprocessing, self.shortest
            export_stream(
                self, form, self.schema, path, any_length, self.takes_gaps, raw=raw, int8=int8
            )

    def save(self, folder: str | Path, card: str | None = None) -> None:
        """Write ``model.json`` and ``weights.safetensors`` into `folder`, which is made.

        A model that stands there is replaced; other files beside it stay. `card` is the text of a
        ``README.md`` beside them, as `triptych.audit.card_of` writes it.

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
        if card is not None:
            hub.write_card(folder, card)

    @classmethod
    def from_pretrained(cls, model: str | Path, device: str | torch.device = "cpu") -> Model:
        """Load a model by name, from a folder or from the Hugging Face hub.

        `model` is a name of `triptych.model.hub.names()`, such as ``"ecg-1lead"`` (shipped with
        triptych: no network), a folder, or ``"hf:user/repo@revision"``; see `hub.locate`, which
        says what raises InputError beside `load`.
        """
        return cls.load(hub.locate(model), device=device)

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
