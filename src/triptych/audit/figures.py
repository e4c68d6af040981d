"""The figures of an audit by name: what each means, and which may be held to a limit."""

from __future__ import annotations

from collections.abc import Iterable

from triptych.errors import InputError

DEFINITIONS = {
    "cosine_mean": "cosine of the latents of a window and of the same window transformed, mean "
    "over windows and the swept θ; windows whose latents are all zeros have none",
    "cosine_lowest": "the same at the distance where it is lowest",
    "cosine_random": "mean cosine between windows of different {groups}: the between-sample level",
    "agreement_mean": "1 − how far the number moves under the transform / how far apart it is "
    "between windows of different {groups}, mean over windows and the swept θ",
    "agreement_lowest": "the same at the distance where it is lowest",
    "agreement_random": "the same between windows of different {groups}: 0, unless the number is "
    "the same for everyone",
    "separation": "AUROC of {what}: (window, the same window transformed by a random θ) against "
    "pairs from different {groups}; 0.5 is chance",
    "record_p10": "transformed query (random θ) against the untransformed windows: share of its "
    "own among the 10 nearest, itself and windows within 5 s left out; queries that can find none "
    "of their own are left out",
    "accuracy_transformed": "share of labelled windows whose highest class is their label under "
    "the transform, mean over the swept θ",
    "macro_f1_transformed": "F1 of each label under the transform, mean over labels and swept θ",
    "sensitivity_transformed": "share of the windows of a label that are called so under the "
    "transform, mean over the swept θ",
    "accuracy_lowest": "accuracy at the distance where macro F1 is lowest",
    "macro_f1_lowest": "macro F1 at the distance where it is lowest",
    "sensitivity_lowest": "sensitivity at the distance where macro F1 is lowest",
    "accuracy": "accuracy without the transform",
    "macro_f1": "macro F1 without the transform",
    "sensitivity": "sensitivity without the transform",
    "consistency_balanced": "share of windows whose highest class is the same after the "
    "transform: of each answered class by itself, mean over these classes and the swept θ",
    "consistency_balanced_lowest": "the same at the distance where it is lowest",
    "consistency_chance": "what the balanced consistency is for an answer that is constant, or "
    "independent of the window: one over the number of answered classes",
    "consistency_corrected": "(balanced consistency − that level) / (1 − that level): 0 chance",
    "consistency": "share of windows whose highest class is the same after the transform, mean "
    "over the swept θ; it freezes at the share of the commonest class",
    "consistency_lowest": "that share at the distance where it is lowest",
    "consistency_independent": "what the plain consistency is for an independent answer with the "
    "same shares of classes",
    "consistency_random": "share of pairs of windows of different {groups} with the same class",
    "half_life": "distance at which the {what} has fallen halfway to {level}",
}
LEVELS = ("_random", "_chance", "_independent")
"""Ends of the names of what figures are held against."""

AT = ("cosine@", "agreement@", "consistency@", "consistency_balanced@")
PER_CLASS = ("sensitivity:", "sensitivity_transformed:", "sensitivity_lowest:")


def check_limits(limits: Iterable[str]) -> None:
    """Raise InputError unless every name is a figure that is better when it is higher."""
    for name in limits:
        if name.endswith(LEVELS):
            raise InputError(
                f"{name} is what another figure is held against, and better when lower, so it "
                "cannot fail under a limit"
            )
        if name not in DEFINITIONS and not name.startswith((*AT, *PER_CLASS)):
            known = ", ".join(each for each in DEFINITIONS if not each.endswith(LEVELS))
            raise InputError(f"an audit has no figure {name!r}; choose {known} or cosine@DISTANCE")
