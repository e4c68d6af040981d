"""Events, recordings, data sets and their preprocessing."""

from __future__ import annotations

import numpy as np
import pytest

from triptych.datasets import Dataset, Events, Recording, preprocess
from triptych.errors import InputError


def recording(name: str, subject: str = "p", n: int = 720, rate: float = 360.0) -> Recording:
    signal = np.random.default_rng(0).standard_normal((1, n)).astype(np.float32)
    events = Events(np.arange(0, n, 100), np.array(["N"] * len(range(0, n, 100))))
    return Recording(name, subject, signal, rate, ("MLII",), ("mV",), events)


def dataset() -> Dataset:
    subjects = {"a": "x", "b": "y", "c": "x"}
    recordings = tuple(recording(name, subject) for name, subject in subjects.items())
    return Dataset("toy", "a toy", recordings, "sha256:0", ("a note",))


def test_select_by_name_and_person_keeps_order_and_origin() -> None:
    toy = dataset()
    assert toy.select(["c", "a"]).names == ("a", "c")
    assert toy.select(subjects=["x"]).names == ("a", "c")
    assert toy.select(["c", "b"], ["x"]).names == ("c",)
    assert toy.select("b").names == ("b",)
    assert toy.select([]).names == ()
    part = toy.select(["b"])
    assert (part.fingerprint, part.notes, part.title) == ("sha256:0", ("a note",), "a toy")
    assert toy.subjects == ("x", "y")
    assert {who: len(own) for who, own in toy.by_subject().items()} == {"x": 2, "y": 1}


def test_select_names_what_is_not_there() -> None:
    with pytest.raises(InputError, match="no name z"):
        dataset().select(["a", "z"])
    with pytest.raises(InputError, match="no subject q"):
        dataset().select(subjects=["q"])


def test_preprocess_rescales_events_and_leaves_the_original() -> None:
    original = recording("a", n=3600)
    signal = np.zeros((1, 3600), np.float32)
    assert original.events is not None
    signal[0, original.events.sample] = 1.0
    original = Recording("a", "p", signal, 360.0, ("MLII",), events=original.events)
    result = preprocess(original, 400.0, 0.5, 40.0)
    assert (result.rate, result.signal.shape, result.signal.dtype) == (400.0, (1, 4000), np.float32)
    assert result.events is not None
    # Every spike of the signal is still where its event is.
    for sample in result.events.sample[1:-1]:
        near = result.signal[0, sample - 20 : sample + 20]
        assert abs(int(near.argmax()) - 20) <= 1
    assert original.rate == 360.0
    assert original.signal.max() == 1.0


def test_preprocess_keeps_the_last_event_inside() -> None:
    events = Events(np.array([719]), np.array(["N"]))
    original = Recording("a", "p", np.zeros((1, 720), np.float32), 360.0, ("I",), events=events)
    result = preprocess(original, 100.0, None, None)
    assert result.events is not None
    assert result.events.sample[0] == result.signal.shape[1] - 1


def test_map_applies_to_every_recording() -> None:
    mapped = dataset().map(lambda each: preprocess(each, 180.0, None, None))
    assert [each.rate for each in mapped.recordings] == [180.0] * 3
    assert mapped.recordings[0].duration_s == 2.0


def test_parts_that_do_not_fit_are_refused() -> None:
    signal = np.zeros((2, 9), np.float32)
    with pytest.raises(InputError, match="1 channel names"):
        Recording("a", "p", signal, 1.0, ("x",))
    with pytest.raises(InputError, match="rate 0"):
        Recording("a", "p", signal, 0.0, ("x", "y"))
    with pytest.raises(InputError, match="order of time"):
        Events(np.array([5, 3]), np.array(["N", "N"]))
    with pytest.raises(InputError, match="equally long"):
        Events(np.array([5]), np.array(["N", "N"]))
