"""Methods: how a row of a study trains, whatever the task.

A file per family of methods, with a dictionary ``METHODS``; one line per row in the table below.
The values that run stand in these files and nowhere else.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from triptych import InputError
from triptych_studies.methods.trials import TRIALS
from triptych_studies.recipes import merged

Change = dict[str, Any]  # entries of a recipe that differ from plain training


@dataclass(frozen=True)
class Method:
    """How one row trains.

    Attributes
    ----------
    change
        Task → what differs from its recipe of plain training.
    trained
        False leaves the weights as they are drawn.
    frozen
        Whether heads are fitted on its frozen latents, since it trains none.
    teachers
        Entry of the weights → the row whose predictions are distilled with that weight.
    encoder
        Task and recipe → the encoder, where a formula gives it and nothing is trained.
    after
        What is made of the trained model, post hoc, from its task and the windows of its cell.
    callback
        Makes lightning's callback that changes its training, if it has one.
    settings
        Plain data that decide what `after` or `callback` does.
    """

    change: Callable[[Any], Change]
    trained: bool = True
    frozen: bool = False
    teachers: Mapping[str, str] = field(default_factory=dict[str, str])
    encoder: Callable[[Any, dict[str, Any]], nn.Module] | None = None
    after: Callable[[Any, Any, Any], Any] | None = None
    callback: Callable[[], Any] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])


# Row → the file of this folder that has it.
TABLE = {
    "random": "baselines",
    "plain": "baselines",
    "plain+augment": "baselines",
    "augmentation": "baselines",
    "fade": "fade",
    "rr": "practitioner",
    "spectrum": "practitioner",
    "envelope": "practitioner",
    "har": "practitioner",
    "exact-har": "practitioner",
    "peak": "practitioner",
    "exact": "exact",
    "exact+augment": "exact",
    "canonical": "exact",
    "guided": "exact",
    "cross-spectrum": "exact",
    "blur": "exact",
    "aligned": "exact",
    "vqf": "sensor_fusion",
    "plain-half": "half_encoder",
    "enn": "half_encoder",
    "simclr": "contrastive",
    "supcon": "contrastive",
    "topk-sae": "topk_sae",
    "vicreg": "label_free",
    "barlow": "label_free",
    "moco": "label_free",
    "frame-projections": "label_free",
    "t-loss": "sub_series",
    "ts2vec": "sub_series",
    "ts2vec-dilated": "sub_series",
    "scl-repel": "scl",
    "scl-predict": "scl",
    "scl-equivariant": "scl",
    "scl": "scl",
    "scl-vicreg": "scl_bases",
    "pseudo-negatives": "scl_bases",
    "plita": "tempo",
    "topographic-vae": "topographic",
    "looc": "split_spaces",
    "sie": "split_spaces",
    "scl+augment": "scl_distilled",
    "exact+scl": "scl_distilled",
    "scl+gate": "ncl",
    "ncl": "ncl",
    "ncl-topk": "ncl",
    "bayesncl-ste": "ncl",
    "bayesncl-gumbel": "ncl",
    **dict.fromkeys(("soft", "attached", "depth-1", "depth-3", "temperature-0.5"), "ncl"),
    **dict.fromkeys(("start-0.5", "prior-0.5", "prior-0.2", "weight-0", "weight-1e-3"), "ncl"),
    "prior-0.05-weight-1e-3": "ncl",
    "contrastive-pca": "contrastive_pca",
    "cvae": "contrastive_vae",
    "mm-cvae": "contrastive_vae",
    "mm-cvae-published": "contrastive_vae",
    "sepvae": "contrastive_vae",
    "sepvae-published": "contrastive_vae",
    "sepclr": "sepclr",
    "sepclr-published": "sepclr",
    "sepclr-kjem": "sepclr",
    "sepclr-hsic": "sepclr",
    "sepclr-crosscov": "sepclr",
}


def find(row: str) -> Method:
    """Method of a row; of an ablation (``scl/temperature=0.2``) the one that is changed."""
    name = row.partition("/")[0]
    if name not in TABLE:
        raise InputError(f"there is no method {name!r}; choose one of {', '.join(TABLE)}")
    return importlib.import_module(f"{__name__}.{TABLE[name]}").METHODS[name]


def recipe_of(
    task: Any,
    row: str,
    seed: int,
    ablations: Mapping[str, Mapping[str, Any]] | None = None,
    trial: int | None = None,
) -> dict[str, Any]:
    """Recipe of a row on a task as plain data; `trial` is one of the settings that were tried.

    Of another objective than the task's, the settings are the method's alone; None takes a setting
    of the encoder out.
    """
    method, (name, _, ablation) = find(row), row.partition("/")
    change = method.change(task)
    recipe = task.recipe(seed) | {"name": f"{task.title} {row}"}
    if "name" in change.get("objective", {}):
        recipe.pop("objective")
    recipe = merged(recipe, change)
    if "encoder" in recipe:
        recipe["encoder"] = {k: v for k, v in recipe["encoder"].items() if v is not None}
    if trial is not None:
        recipe = merged(recipe, TRIALS[task.kind][name][trial])
    if ablation:
        recipe = merged(recipe, (ablations or {})[ablation])
    for weight, teacher in method.teachers.items():
        if recipe.get("weights", {}).get(weight):
            recipe[weight] = recipe_of(task, teacher, seed)
    return task.finished(recipe)
