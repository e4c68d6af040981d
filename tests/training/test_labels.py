"""Labels of a training: classes, attributes of targets, groups."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.training import toys

from triptych.datasets import Windows
from triptych.errors import InputError
from triptych.latent import OneLabel
from triptych.objectives.base import Kind
from triptych.training.heads import IGNORED
from triptych.training.labels import labels_with_attributes, targets_of, with_groups


def test_targets_are_class_indices() -> None:
    windows = toys.windows()
    windows.label[3] = "unknown"
    targets = targets_of(windows, OneLabel(("slow", "fast")))
    assert ((targets == 1).numpy() == (windows.label == "fast")).all()
    assert set(targets.tolist()) == {0, 1, IGNORED}
    with pytest.raises(InputError, match="labelled 'fsat'"):
        targets_of(windows, OneLabel(("slow", "fsat")))


def test_labels_with_attributes_are_indices_and_shares_of_the_training_range() -> None:
    def side(*rows: tuple[str, str, str]) -> tuple[Windows, torch.Tensor]:
        label, kind, size = (np.array(each) for each in zip(*rows, strict=True))
        made = replace(
            toys.windows(len(rows)), label=label, attributes={"kind": kind, "size": size}
        )
        return made, torch.as_tensor((label == "ill").astype(int))

    train = side(("ill", "b", "2"), ("ill", "a", "6"), ("ill", "", "4"), ("well", "c", "100"))
    other = side(("ill", "c", "8"), ("ill", "b", ""), ("well", "", "2"))
    sides, targets = zip(train, other, strict=True)
    kinds: dict[str, Kind] = {"kind": "discrete", "size": "continuous"}
    first, second = labels_with_attributes(sides, targets, kinds)
    nan = float("nan")
    for found, expected in (
        (first, [[1, 1, 0], [1, 0, 1], [1, nan, 0.5], [0, nan, 24.5]]),
        (second, [[1, nan, 1.5], [1, 1, nan], [0, nan, 0]]),
    ):
        torch.testing.assert_close(found, torch.tensor(expected), equal_nan=True)


def test_groups_are_numbered_in_a_last_column() -> None:
    labels = torch.tensor([1, 0, 1])
    found = with_groups(labels, np.array(["p2", "p1", "p2"]))
    assert found.tolist() == [[1, 1], [0, 0], [1, 1]]
    assert with_groups(found, np.array(["a", "a", "b"])).tolist() == [
        [1, 1, 0],
        [0, 0, 0],
        [1, 1, 1],
    ]
