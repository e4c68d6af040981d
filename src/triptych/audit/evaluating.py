"""How right a model's head is on labelled windows, and whether it keeps its predictions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray

from triptych.audit.evaluation import Evaluation, Scored
from triptych.audit.judge import Answered, Judge, Judged
from triptych.audit.judge_classes import ClassJudge
from triptych.audit.judge_sets import SetJudge
from triptych.audit.judge_values import ValueJudge
from triptych.audit.scoring import Mask
from triptych.audit.sources import Progress
from triptych.audit.sweep import transform_for
from triptych.datasets import Windows
from triptych.errors import InputError
from triptych.latent import LinearHead, Quantity, Target
from triptych.model import Model
from triptych.transforms import Transform, context_of

FEW = 6  # subjects, under which an interval over them is rough


JUDGES: dict[str, type[Judge]] = {
    "single": ClassJudge,
    "multi": SetJudge,
    "regression": ValueJudge,
}


def head_of(model: Model, name: str | None = None) -> str:
    """The head of this name; without one the full head, or the first.

    Raises
    ------
    InputError
        If the model has no head, or none of that name.
    """
    if not model.heads:
        raise InputError(
            "the model has no heads, so it predicts no classes; train one with classes in its "
            "recipe"
        )
    if name is None:
        return "full" if "full" in model.heads else next(iter(model.heads))
    if name not in model.heads:
        raise InputError(f"the model has no head {name!r}; it has {', '.join(model.heads)}")
    return name


def evaluate(
    model: Model,
    windows: Windows,
    around: Windows | None = None,
    *,
    head: str | None = None,
    transforms: Sequence[Transform] | None = None,
    by: str | None = None,
    draws: int = 5,
    seed: int = 0,
    data: str = "",
    notes: Sequence[str] = (),
    progress: Progress | None = None,
) -> Evaluation:
    """Compare a head's predictions with the labels, and with its predictions under nuisances.

    Parameters
    ----------
    windows
        Prepared for the model, with labels; those whose label the head cannot say are counted and
        left out.
    around
        Windows with the context of every transform, for the consistency; left out, `windows`.
    head
        Left out, the full head, or the first.
    transforms
        Nuisances; left out, those that the model's blocks name.
    by
        Attribute of the windows, for each value of which figures are given as well.
    draws
        Random θ per window.
    data, notes
        What it was evaluated on, and what a reader should know.

    Raises
    ------
    InputError
        If the model has no such head, no window has a label that it knows, the windows have no
        such attribute, or `around` lacks context.
    """
    chosen = head_of(model, head)
    target = cast(LinearHead, model.heads[chosen]).target
    judge = JUDGES[target.kind](target)
    if transforms is None:
        transforms = [transform_for(model, name) for name in model.schema.transforms]
    done, whole = 0, 1 + len(transforms) * (1 + draws)

    def answered(signals: torch.Tensor) -> Answered:
        nonlocal done
        found = judge.answer(model.predict(signals)[chosen].decoded)
        done += 1
        if progress is not None:
            progress(done, whole)
        return found

    if by is not None and by not in windows.attributes:
        known = ", ".join(sorted(windows.attributes)) or "none"
        raise InputError(f"the windows have no attribute {by!r}; they have {known}")
    held, targets, left_out = _known(windows, target)
    if not len(held):
        labels = ", ".join(f"{name!r}" for name in left_out if name) or "none"
        raise InputError(
            f"no window has a label that the model knows ({target.said}); the labels there are "
            f"{labels}"
        )
    said = answered(held.centred)
    plain = Judged(held.subject, judge.truth(targets), said, said[None][:0])
    moved: dict[str, Judged] = {}
    near, own, _ = _known(windows if around is None else around, target)
    for transform in transforms if len(near) else ():
        x = near.with_context(context_of(transform)).signals
        generator = torch.Generator().manual_seed(seed)
        after = [
            answered(transform.apply(x, transform.sample(len(x), generator))) for _ in range(draws)
        ]
        before = answered(transform.apply(x, transform.identity(len(x))))
        moved[transform.name] = Judged(near.subject, judge.truth(own), before, np.stack(after))

    def scored(of: Callable[[Windows], Mask]) -> Scored:
        some = plain.of(of(held))
        figures = judge.figures(some)
        for name, each in moved.items():
            figures |= judge.kept(name, each.of(of(near)))
        return Scored(len(some.subject), len(np.unique(some.subject)), figures)

    def values(name: str) -> dict[str, Scored]:
        return {
            str(value): scored(lambda each, v=value: _column(each, name) == v)
            for value in np.unique(_column(held, name))
            if value
        }

    own_notes = _notes(left_out, target.absent(targets), len(np.unique(held.subject)))
    if transforms and not moved:
        own_notes.append("no window has the context that a nuisance needs: no consistency")
    return Evaluation(
        data=data,
        head=chosen,
        kind=target.kind,
        unit=target.unit if isinstance(target, Quantity) else "",
        headline=judge.headline,
        classes=target.names,
        overall=scored(lambda each: np.ones(len(each), dtype=np.bool_)),
        chance=judge.chance(plain, moved),
        per_subject=values("subject"),
        per_label=judge.per_label(plain, moved),
        by=by,
        per_value=values(by) if by else {},
        confusion=judge.confusion(plain),
        left_out=left_out,
        notes=(*notes, *own_notes),
    )


def _column(windows: Windows, name: str) -> NDArray[np.str_]:
    return windows.subject if name == "subject" else windows.attributes[name]


def _known(windows: Windows, target: Target) -> tuple[Windows, torch.Tensor, dict[str, int]]:
    """Windows with a label that the head can say, it encoded, and label → how many others."""
    words = target.column(windows.label, windows.attributes)
    targets = target.encode(words)
    known = target.known(targets).numpy()
    strange = Counter(str(each) for each in words[~known])
    return windows.take(known), targets[known], dict(strange)


def _notes(left_out: Mapping[str, int], missing: Sequence[str], subjects: int) -> list[str]:
    told = ", ".join(f"{name} ({n:,})" for name, n in left_out.items() if name)
    said = {
        f"windows with labels that the model does not know are left out: {told}": told,
        f"{left_out.get('', 0):,} windows without a label are left out": "" in left_out,
        f"no window has the label {', '.join(missing)}: in no mean over classes": missing,
        f"only {subjects} subjects: intervals are rough": 1 < subjects < FEW,
        "only one subject: there are no intervals": subjects == 1,
    }
    return [text for text, true in said.items() if true]
