from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from triptych.errors import InputError
from triptych.training.batches import Batches


def batches(n: int, size: int, *, seed: int = 0, training: bool = True, **rank: int) -> Batches:
    numbers = torch.arange(n, dtype=torch.float32)
    return Batches(numbers.view(n, 1, 1), numbers.long(), size, seed, training=training, **rank)


def seen(loader: Batches) -> list[int]:
    return [int(row) for _, targets in loader for row in targets]


@given(n=st.integers(4, 60), size=st.integers(2, 20), world=st.integers(1, 2))
def test_validation_sees_every_window_once(n: int, size: int, world: int) -> None:
    size *= world
    parts = [batches(n, size, training=False, rank=rank, world=world) for rank in range(world)]
    rows = sorted(row for part in parts for row in seen(part))
    assert len(rows) == len(set(rows)) == n - n % world
    sizes = [len(x) for x, _ in parts[0]]
    assert max(sizes) - min(sizes) <= 1
    assert len(sizes) == len(parts[0])


@given(n=st.integers(4, 60), size=st.integers(2, 20), epoch=st.integers(0, 5))
def test_training_batches_are_full_and_without_repetition(n: int, size: int, epoch: int) -> None:
    loader = batches(n, size)
    loader.set_epoch(epoch)
    rows = seen(loader)
    assert len(set(rows)) == len(rows) == len(loader) * min(n, size)
    assert {len(x) for x, _ in loader} == {min(n, size)}


def test_the_order_depends_on_seed_and_epoch_only() -> None:
    loader = batches(40, 8)
    first = seen(loader)
    assert seen(loader) == first
    loader.set_epoch(1)
    assert seen(loader) != first
    loader.set_epoch(0)
    assert seen(loader) == first
    assert seen(batches(40, 8, seed=1)) != first


def test_validation_has_one_order() -> None:
    loader = batches(40, 8, training=False)
    first = seen(loader)
    loader.set_epoch(3)
    assert seen(loader) == first


def test_two_processes_share_the_single_process_batches() -> None:
    single = [set(targets.tolist()) for _, targets in batches(40, 8)]
    parts = [batches(40, 8, rank=rank, world=2) for rank in (0, 1)]
    shared = [
        (set(a.tolist()), set(b.tolist()))
        for (_, a), (_, b) in zip(parts[0], parts[1], strict=True)
    ]
    assert [a | b for a, b in shared] == single
    assert all(len(a) == len(b) == 4 for a, b in shared)


def test_fewer_windows_that_are_drawn_anew_are_shared_evenly() -> None:
    parts = [batches(40, 8, rank=rank, world=2) for rank in (0, 1)]
    for each in parts:
        each.redraw = lambda _: (torch.zeros(35, 1, 1), torch.arange(35))
        each.set_epoch(1)
    sizes = [[len(targets) for _, targets in each] for each in parts]
    assert sizes[0] == sizes[1]
    assert len(sizes[0]) == 5
    rows = [*seen(parts[0]), *seen(parts[1])]
    assert len(set(rows)) == len(rows) == 34


@pytest.mark.parametrize(("n", "size", "world"), [(1, 8, 1), (3, 8, 2), (40, 7, 2), (40, 2, 2)])
def test_batches_that_cannot_be_shared(n: int, size: int, world: int) -> None:
    with pytest.raises(InputError, match=f"{n} windows .* of {size} "):
        batches(n, size, world=world)
