"""Kinds of labels: encoded, learned, decoded, weighed and written down."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from triptych.errors import InputError
from triptych.latent import Block, LabelSet, LatentSchema, LinearHead, OneLabel, Quantity, Target
from triptych.latent.label_set import joined, set_of
from triptych.latent.targets import target_of

NAMES = ("AF", "PVC", "LBBB")
TARGETS: tuple[Target, ...] = (
    OneLabel(NAMES), LabelSet(NAMES, ","), Quantity("hr (bpm)", "bpm", 70.0, 12.0)
)  # fmt: skip
nan = float("nan")


def test_sets_are_rows_of_0_and_1() -> None:
    labels = np.array(["AF;PVC", "PVC , AF", "other", ";", "", "LBBB"])
    target = LabelSet(NAMES, ",")
    found = target.encode(labels)
    expected = [[1, 1, 0], [1, 1, 0], [0, 0, 0], [0, 0, 0], [nan] * 3, [0, 0, 1]]
    torch.testing.assert_close(found, torch.tensor(expected), equal_nan=True)
    assert target.known(found).tolist() == [True] * 4 + [False, True]
    assert target.absent(found[2:5]) == NAMES
    assert target.balance(found).tolist() == pytest.approx([3 / 2, 3 / 2, 4])
    assert target.words(torch.tensor([[0.9, 0.5, 0.1], [0.1, 0.2, 0.3]])).tolist() == [
        "AF;PVC",
        ";",
    ]


@given(st.sets(st.sampled_from(NAMES)))
def test_sets_come_back_from_their_text(names: set[str]) -> None:
    text = joined(sorted(names))
    assert set_of(text) == names
    assert OneLabel(NAMES).words(torch.eye(3)).tolist() == list(NAMES)
    (row,) = LabelSet(NAMES).encode(np.array([text]))
    assert {name for name, held in zip(NAMES, row, strict=True) if held} == names


def test_numbers_are_standardised_by_what_outliers_do_not_move() -> None:
    values = torch.cat([torch.linspace(60, 80, 101), torch.tensor([1e6, nan])])
    target = Quantity("hr").fitted(values)
    assert target.centre == pytest.approx(70, abs=0.2)
    assert target.scale == pytest.approx(10 / 1.349, rel=0.02)
    assert target.encode(np.array(["71.5", "", "60"])).nan_to_num(-1).tolist() == [71.5, -1, 60]
    outputs = (torch.tensor([[71.0]]) - target.centre) / target.scale
    assert target.decode(outputs).item() == pytest.approx(71.0)
    assert target.words(torch.tensor([71.25])).tolist() == ["71.25"]
    label = np.array(["x"])
    assert target.column(label, {"hr": np.array(["70"])}).tolist() == ["70"]
    assert target.column(label, {}).tolist() == ["x"]


def test_losses_are_those_of_torch() -> None:
    generator = torch.Generator().manual_seed(0)
    outputs = torch.randn(6, 3, generator=generator, dtype=torch.float64)
    single = torch.tensor([0, 2, 1, -1, 0, 2])
    weights = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)
    target: Target = OneLabel(NAMES)
    known = target.known(single)
    expected = functional.cross_entropy(outputs[known], single[known], weights, reduction="sum")
    assert target.loss(outputs, single, weights)[known].sum().item() == pytest.approx(
        expected.item()
    )
    sets = (torch.rand(6, 3, generator=generator) > 0.5).float()
    expected = functional.binary_cross_entropy_with_logits(
        outputs, sets.double(), pos_weight=weights
    )
    found = LabelSet(NAMES).loss(outputs, sets, weights).mean()
    assert found.item() == pytest.approx(expected.item())
    values = torch.tensor([70.0, 50.0, 300.0, nan, 71.0, 69.0])
    found = Quantity("hr", "", 70.0, 10.0).loss(outputs[:, :1], values)
    wanted = (values[:3].double() - 70) / 10
    torch.testing.assert_close(
        found[:3], functional.huber_loss(outputs[:3, 0], wanted, reduction="none")
    )
    assert found.isfinite().all()


def test_balanced_weights_are_those_of_scikit_learn() -> None:
    from sklearn.utils.class_weight import compute_class_weight

    y = np.array([0] * 7 + [1] * 2 + [2])
    known: Any = compute_class_weight("balanced", classes=np.arange(3), y=y)
    found = OneLabel(NAMES).balance(torch.as_tensor([*y, -1]))
    np.testing.assert_allclose(found.numpy(), known, rtol=1e-6)
    with pytest.raises(InputError, match="regression has none"):
        Quantity("hr").balance(torch.zeros(3))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_numbers_survive_half_precision(dtype: torch.dtype) -> None:
    target = Quantity("hr", centre=1000.0, scale=4.0)
    outputs = torch.tensor([[0.25], [0.5]], dtype=dtype)
    assert target.decode(outputs).tolist() == [1001.0, 1002.0]
    targets = torch.tensor([torch.inf, 1002.0])
    assert target.known(targets).tolist() == [False, True]
    assert target.loss(outputs, targets).isfinite().all()


@pytest.mark.parametrize("target", TARGETS)
def test_heads_come_back_from_plain_data(target: Target) -> None:
    assert target_of(target.to_dict()) == target
    schema = LatentSchema(Block("a", 4), Block("b", 2))
    head = LinearHead(schema, ["a"], target)
    again = LinearHead(schema, **head.settings)
    assert (again.target.names, again.settings) == (target.names, head.settings)
    assert head(torch.zeros(2, 6)).shape == (2, len(target.names))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: target_of({"kind": "ordinal"}), "single, multi, regression"),
        (lambda: target_of({"kind": "regression", "breadth": 3}), "breadth"),
        (lambda: LabelSet(("AF",)), "two or more"),
        (lambda: Quantity("hr").encode(np.array(["fast"])), "'fast' in"),
        (lambda: Quantity("hr").fitted(torch.tensor([60.0, 60.0])), "always 60"),
    ],
)
def test_what_is_no_target_is_refused(make: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        make()
