"""Windows: their cutting, their labels, and the two samplers."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from triptych.datasets import (
    Dataset,
    Events,
    Recording,
    Windows,
    cut,
    event_windows,
    random_windows,
)
from triptych.datasets.windows import long_enough
from triptych.errors import InputError

RATE = 100.0


def recording(name: str = "a", n: int = 3000, seed: int = 0, label: str | None = None) -> Recording:
    rng = np.random.default_rng(seed)
    sample = np.sort(rng.choice(n, size=n // 60, replace=False))
    events = Events(sample, rng.choice(["N", "N", "V", "S"], size=len(sample)))
    # The signal is its own clock: a window's values say where it was cut.
    signal = np.stack([np.arange(n), -np.arange(n)]).astype(np.float32)
    return Recording(name, f"subject {name}", signal, RATE, ("x", "y"), events=events, label=label)


def dataset(*recordings: Recording) -> Dataset:
    return Dataset("toy", "a toy", recordings, "sha256:0")


def fields(windows: Windows) -> list[np.ndarray]:
    return [
        windows.signals.numpy(),
        windows.record,
        windows.subject,
        windows.start,
        windows.label,
        windows.event_offset,
    ]


def same(one: Windows, other: Windows) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(fields(one), fields(other), strict=True))


def test_windows_say_where_they_come_from() -> None:
    windows = cut([recording("a"), recording("b", seed=1)], 1.0, 0.2, starts=2.5)
    assert windows.signals.shape[1:] == (2, 140)
    assert windows.signals.dtype == torch.float32
    assert windows.centred.shape[1:] == (2, 100)
    np.testing.assert_allclose(windows.centred[:, 0, 0].numpy() / RATE, windows.start)
    np.testing.assert_allclose(windows.signals[:, 0, 0].numpy() / RATE, windows.start - 0.2)
    assert set(windows.record) == {"a", "b"}
    assert set(windows.subject) == {"subject a", "subject b"}
    np.testing.assert_allclose(np.diff(windows.start[windows.record == "a"]), 2.5)


def test_without_starts_windows_lie_side_by_side() -> None:
    windows = cut([recording(n=350)], 1.0)
    np.testing.assert_allclose(windows.start, [0.0, 1.0, 2.0])
    assert windows.centred.shape == windows.signals.shape


@given(seed=st.integers(0, 50), length=st.sampled_from([0.99, 1.0]))
def test_label_is_the_event_nearest_the_centre(seed: int, length: float) -> None:
    one = recording(seed=seed)
    windows = random_windows(dataset(one), 40, length, 0.1, seed)
    assert one.events is not None
    centres = windows.start + round(length * RATE) / RATE / 2
    for centre, label, offset in zip(centres, windows.label, windows.event_offset, strict=True):
        distances = one.events.sample / RATE - centre
        nearest = np.abs(distances).min()
        assert abs(offset) == pytest.approx(nearest)
        candidates = np.isclose(np.abs(distances), nearest)
        assert label in one.events.label[candidates]
        assert np.isclose(distances[candidates], offset).any()


def test_recordings_with_one_event_or_none() -> None:
    one = replace(recording(label="walking"), events=None)
    windows = cut([one], 1.0)
    assert set(windows.label) == {"walking"}
    assert np.isnan(windows.event_offset).all()
    empty = replace(one, label=None, events=Events(np.empty(0, np.int64), np.empty(0, "<U1")))
    assert set(cut([empty], 1.0).label) == {""}
    single = replace(one, events=Events(np.array([1234]), np.array(["V"])))
    windows = cut([single], 1.0)
    assert set(windows.label) == {"V"}
    np.testing.assert_allclose(windows.event_offset, 12.34 - (windows.start + 0.5))


def test_random_windows_repeat_by_seed_and_do_not_depend_on_company() -> None:
    a, b = recording("a"), recording("b", seed=1)
    both = random_windows(dataset(a, b), 20, 1.0, 0.25, seed=4)
    assert same(both, random_windows(dataset(a, b), 20, 1.0, 0.25, seed=4))
    assert not same(both, random_windows(dataset(a, b), 20, 1.0, 0.25, seed=5))
    alone = random_windows(dataset(b), 20, 1.0, 0.25, seed=4)
    assert same(both.take(both.record == "b"), alone)
    assert not np.array_equal(both.start[both.record == "a"], alone.start)


@given(seed=st.integers(0, 40), reach=st.sampled_from([0.0, 0.05, 0.25]))
def test_event_windows_hold_the_class_they_were_asked_for(seed: int, reach: float) -> None:
    one = recording(seed=seed)
    windows = event_windows(dataset(one), ["S", "V"], 7, reach, 1.0, 0.25, seed)
    assert one.events is not None
    assert np.abs(windows.event_offset).max(initial=0) <= reach + 1e-9
    # A request in this order, so windows come in this order: the label is what was asked for.
    wanted = [sum(windows.label == each) for each in ("S", "V")]
    assert list(windows.label) == ["S"] * wanted[0] + ["V"] * wanted[1]
    for each, n in zip(("S", "V"), wanted, strict=True):
        assert n <= min(7, int((one.events.label == each).sum()))
    centres = windows.start + 0.5 + windows.event_offset
    assert len(np.unique(np.rint(centres * RATE))) == len(windows)  # without repetition
    assert same(windows, event_windows(dataset(one), ["S", "V"], 7, reach, 1.0, 0.25, seed))


def test_event_offsets_fill_their_range() -> None:
    sample = np.arange(200, 39_800, 100)
    signal = np.zeros((1, 40_000), np.float32)
    events = Events(sample, np.full(len(sample), "N"))
    one = Recording("a", "a", signal, RATE, ("x",), events=events)
    offsets = event_windows(dataset(one), ["N"], 1000, 0.25, 1.0, 0.25).event_offset
    assert len(offsets) == len(sample)
    assert (offsets.min(), offsets.max()) == (-0.25, 0.25)
    assert abs(offsets.mean()) < 0.03


def test_event_windows_stay_inside_and_may_be_none() -> None:
    events = Events(np.array([10, 300, 590]), np.array(["V", "V", "V"]))
    one = replace(recording(n=600), events=events)
    windows = event_windows(dataset(one), ["V", "F"], 5, 0.25, 1.0, 0.25)
    assert list(windows.label) == ["V"]
    none = event_windows(dataset(one), ["F"], 5, 0.25, 1.0, 0.25)
    assert none.signals.shape == (0, 2, 150)
    unlabelled = replace(one, events=None)
    assert len(event_windows(dataset(unlabelled), ["V"], 5, 0.25, 1.0)) == 0


def test_take_and_concat_are_inverse() -> None:
    windows = random_windows(dataset(recording("a"), recording("b")), 10, 1.0, 0.25, 0)
    first, second = windows.take(slice(0, 7)), windows.take(np.arange(7, 20))
    assert same(Windows.concat([first, second]), windows)
    assert same(windows.take(torch.arange(3)), windows.take([0, 1, 2]))
    mask = windows.record == "b"
    assert len(windows.take(mask)) == 10
    assert len(windows.take([])) == 0
    told = replace(first, attributes={"side": np.full(7, "left")})
    assert told.take([0, 2]).attributes["side"].tolist() == ["left", "left"]
    joined = Windows.concat([told, second])
    assert joined.attributes["side"].tolist() == ["left"] * 7 + [""] * 13


def test_context_is_cut_off_on_either_side() -> None:
    windows = cut([recording()], 1.0, 0.2)
    fewer = windows.with_context(5)
    assert (fewer.context, len(fewer)) == (5, len(windows))
    assert torch.equal(fewer.signals, windows.signals[..., 15:-15])
    assert torch.equal(fewer.centred, windows.centred)
    assert torch.equal(windows.with_context(20).signals, windows.signals)
    with pytest.raises(InputError, match=r"20 samples .* 21 .*context_s="):
        windows.with_context(21)


def test_context_is_rounded_up_as_crops_do() -> None:
    one = Recording("a", "a", np.zeros((1, 500), np.float32), 50.0, ("x",))
    assert cut([one], 1.0, 0.25).context == 13
    assert cut([replace(one, rate=20.0)], 1.0, 0.25).context == 5


def test_what_does_not_fit_is_refused() -> None:
    one = recording("short", n=120)
    with pytest.raises(InputError, match="120 samples"):
        random_windows(dataset(one), 1, 1.0, 0.25)
    with pytest.raises(InputError, match="covers samples -5"):
        cut([one], 1.0, 0.05, [np.array([0])])
    with pytest.raises(InputError, match="windows differ in"):
        cut([one, replace(one, rate=50.0)], 1.0)
    with pytest.raises(InputError, match="put together"):
        cut([], 1.0)
    with pytest.raises(InputError, match="hold no samples"):
        cut([one], 0.0)


def test_what_is_too_short_for_a_window_is_left_out_and_counted() -> None:
    long, short, edge = recording("long"), recording("short", 139), recording("edge", 140)
    source = dataset(long, short, edge)
    kept = long_enough(source, 1.0, 0.2)
    assert kept.names == ("long", "edge")
    (note,) = kept.notes
    assert re.search(r"^1 of 3 recordings .* 1 s .* 0\.2 s .*\(short\)$", note)
    assert len(random_windows(kept, 3, 1.0, 0.2)) == 6
    assert long_enough(source, 1.0) is source
    several = dataset(long, *(recording(f"s{i}", 50) for i in range(7)))
    assert "left out (s0, s1, s2" in (long_enough(several, 1.0).notes[0])
    assert long_enough(several, 1.0).notes[0].endswith("s4 and 2 more)")
    with pytest.raises(InputError, match="longest recording lasts"):
        long_enough(dataset(short, edge), 2.0)
