"""A model in words and numbers: its blocks, its networks, its data and how it was trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from torch import nn

from triptych.audit.moves import Move
from triptych.audit.sentences import moved_words, words_of
from triptych.counts import counted
from triptych.latent import Block, BlockHeads, LinearHead
from triptych.metrics.matrix import FactorMatrix
from triptych.metrics.result import Result
from triptych.model import Model, Preprocessing

RELATION_WORDS = {
    "invariant": "declared invariant to {} (to stay the same)",
    "variant": "declared variant to {} (to carry it)",
    "equivariant": "declared equivariant to {} (to change with it by a known rule)",
}
ROLE_WORDS = {
    "common": "declared common (for what background and target samples share)",
    "salient": "declared salient (for what only target samples have)",
}
UNTRAINED = ("plain", "augmentation")
"""Objectives that have no term for what a block declares."""


@dataclass(frozen=True)
class Explanation(Result):
    """What a model is.

    Attributes
    ----------
    sentence
        The whole in one sentence.
    blocks
        Name, dimensions and declared relations in words of every block, in order.
    facts
        Word → what is so called; in reading order.
    figures
        Figures that were stored with the model.
    known
        Block → how it moves, what it knows and what leaks into it, where that was measured.
    """

    sentence: str
    blocks: tuple[tuple[str, int, str], ...]
    facts: Mapping[str, str]
    figures: Mapping[str, float] = field(default_factory=dict[str, float])
    known: Mapping[str, str] = field(default_factory=dict[str, str])


def explain(
    model: Model, box: FactorMatrix | None = None, moves: Sequence[Move] = ()
) -> Explanation:
    """Explain a model from what it holds; entries of its `info` that are missing are left out.

    What a block declares is said as that. With the `box` that `factors.probe_matrix_of` measured,
    what each block knows is said too, and with `moves` of `moves.moves_of` how it moves.
    """
    schema, info = model.schema, model.info
    recipe, data = _mapping(info, "recipe"), _mapping(info, "data")
    measured = box is not None or bool(moves)
    objective = str(_mapping(recipe, "objective").get("name"))
    blocks = tuple(
        (block.name, block.size, in_words(block) + _beyond(block, objective, measured))
        for block in schema.blocks
    )
    name = recipe.get("name")
    sentence = (
        f"{f'The model {name!r}' if name else 'This model'} turns "
        f"{_windows(model.preprocessing, model.shortest)} into {schema.size} numbers in "
        f"{counted(len(blocks), 'block')}."
    )
    facts = {
        "encoder": f"{_network(nn.Sequential(model.front_end, model.encoder))}, "
        f"{_weights(model.encoder)}",
        "decoder": model.decoder and f"{_network(model.decoder)}, {_weights(model.decoder)}",
        "heads": "; ".join(
            _head(each, cast(LinearHead, head)) for each, head in model.heads.items()
        ),
        "band": _band(model.preprocessing),
        "trained on": _origin(data),
        "fingerprint of the data": data.get("fingerprint"),
        "subjects": _sides(data),
        "transforms": _named(recipe.get("transforms")),
        "objective": _named([recipe["objective"]]) if "objective" in recipe else None,
        "weights of the loss": _settings(_mapping(recipe, "weights")),
        "distilled from": _teacher(_mapping(recipe, "teacher")),
        "full head distilled from": _teacher(_mapping(recipe, "full_teacher")),
        "training": _training(_mapping(info, "training"), _mapping(recipe, "training")),
        "trials": _trials(recipe),
        "made with": _settings(_mapping(info, "versions")),
        "notes": "; ".join(map(str, cast("list[Any]", data.get("notes") or []))),
    }
    said = {key: str(text) for key, text in facts.items() if text}
    parts = {
        name: [moved_words(moves, name), *([words_of(box, name)] if box is not None else [])]
        for name in schema.names
    }
    known = {name: "; ".join(filter(None, each)) for name, each in parts.items() if measured}
    return Explanation(sentence, blocks, said, _figures(info), known)


def in_words(block: Block) -> str:
    """What a block declares, in words."""
    said = [ROLE_WORDS[block.role]] if block.role else []
    said += [
        RELATION_WORDS[relation].format(name.replace("_", " "))
        for name, relation in block.relations.items()
    ]
    said = said or ["declares nothing: left to the task (free)"]
    if block.gate:
        said.append("is non-negative and opened in part by each window (gated)")
    if block.null_radius:
        said.append(f"is exactly null for windows within {block.null_radius:g} of the null vector")
    return ", ".join(said)


def _beyond(block: Block, objective: str, measured: bool) -> str:
    """What a declaration is worth: whether it was trained, and whether it is measured here."""
    if not (block.relations or block.role):
        return ""
    idle = f"; the objective {objective!r} has no term for it" if objective in UNTRAINED else ""
    return idle + "; not measured here" * (not measured)


def _windows(preprocessing: Preprocessing, shortest: int | None) -> str:
    names = ", ".join(preprocessing.channels)
    seconds = preprocessing.length / preprocessing.rate
    return (
        f"windows of {seconds:g} s ({preprocessing.length} samples at {preprocessing.rate:g} Hz) "
        f"of {names}"
        + (f", or windows of any length from {shortest} samples on," if shortest else "")
    )


def _band(preprocessing: Preprocessing) -> str:
    low, high = preprocessing.low, preprocessing.high
    phase = "zero-phase" if preprocessing.phase == "zero" else "causal"
    if low is None and high is None:
        said = "not filtered"
    else:
        ends = " to ".join([f"{low:g}" if low else "0", f"{high:g}" if high else "the highest"])
        said = f"{ends} Hz, {phase}, over the whole recording"
    return said if preprocessing.gravity else f"{said}; gravity is taken out before ({phase})"


def _network(module: nn.Module) -> str:
    if isinstance(module, nn.Sequential):
        return ", then ".join(filter(None, map(_network, module)))
    if isinstance(module, BlockHeads):
        return f"{_network(module.trunk)} with one last layer a block"
    return type(module).__name__


def _weights(module: nn.Module) -> str:
    return f"{sum(each.numel() for each in module.parameters()):,} weights"


def _head(name: str, head: LinearHead) -> str:
    return f"{name} reads {head.target.said} from {', '.join(head.blocks)}"


def _origin(data: Mapping[str, Any]) -> str | None:
    return cast("str | None", data.get("title") or data.get("name"))


def _sides(data: Mapping[str, Any]) -> str:
    sides = {"training": _mapping(data, "train"), "validation": _mapping(data, "validation")}
    return ", ".join(
        f"{counts.get('subjects', counts.get('people'))} for {side} "
        f"({counts.get('windows')} windows)"
        for side, counts in sides.items()
        if counts
    )


def _training(training: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    if not training:
        return ""
    epochs, most = training.get("epochs"), settings.get("epochs")
    of = f" of at most {most}" if most and most != epochs else ""
    ran = counted(epochs, "epoch") if isinstance(epochs, int) else f"{epochs} epochs"
    return f"{ran}{of}, the weights of epoch {training.get('best_epoch')} were kept"


def _teacher(recipe: Mapping[str, Any]) -> str:
    """The recipe whose predictions were learned, which the model does not need any more."""
    if not recipe:
        return ""
    objective, encoder = _mapping(recipe, "objective"), _mapping(recipe, "encoder")
    chosen = encoder.get("front_end")
    told = _named([chosen if isinstance(chosen, Mapping) else {"name": chosen}]) if chosen else ""
    what = f"{objective.get('name')}{told and f', front-end {told}'}"
    return f"{recipe.get('name')!r} ({what}), trained first"


def _trials(recipe: Mapping[str, Any]) -> str:
    if not recipe:
        return ""
    count = recipe.get("trials")
    return (
        f"{count} recipes tried on validation subjects, this one chosen" if count else "none told"
    )


def _figures(info: Mapping[str, Any]) -> dict[str, float]:
    """Stored figures: those of the kept epoch, and whatever a study or an audit added."""
    found = {**_mapping(_mapping(info, "training"), "figures"), **_mapping(info, "figures")}
    return {
        name: float(value)
        for name, value in found.items()
        if isinstance(value, (int, float)) and name not in ("epoch", "seconds", "learning_rate")
    }


def _named(entries: Any) -> str:
    """Transforms or an objective: name and settings of each."""
    said: list[str] = []
    for entry in cast("list[Any]", entries if isinstance(entries, (list, tuple)) else []):
        if isinstance(entry, Mapping):
            settings = dict(cast("Mapping[str, Any]", entry))
            name = str(settings.pop("name", "?"))
            said.append(f"{name} ({_settings(settings)})" if settings else name)
    return "; ".join(said)


def _settings(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_plain(value)}" for name, value in settings.items())


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"({_settings(cast('Mapping[str, Any]', value))})"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _mapping(content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An entry that should be a mapping; empty where it is missing or was written by others."""
    value = content.get(name)
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}
