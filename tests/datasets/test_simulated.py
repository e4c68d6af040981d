"""Virtual people: the same for ever, unlike each other, and labelled as promised."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triptych import datasets
from triptych.datasets import Dataset, Recording, simulated
from triptych.datasets.ecg_model import synthesise
from triptych.datasets.ecg_person import draw_person
from triptych.datasets.ecg_rhythm import Beats, draw_beats
from triptych.errors import InputError


@cache
def ecg() -> Dataset:
    return simulated.load(people=16, seconds=120)


@cache
def imu() -> Dataset:
    return simulated.load("imu", people=10, seconds=60)


def test_the_cohort_says_what_it_is() -> None:
    cohort = ecg()
    assert "simulated" in cohort.title
    assert len(cohort) == len(cohort.subjects) == 16
    first = cohort.recordings[0]
    assert (first.channels, first.units, first.rate) == (("MLII",), ("mV",), 360.0)
    assert first.signal.shape == (1, 120 * 360)
    assert first.signal.dtype == np.float32
    assert datasets.load("simulated", people=1, seconds=10).recordings[0].duration_s == 10
    labels = {label for each in cohort.recordings if each.events for label in each.events.label}
    assert labels == {"N", "S", "V", "F"}


@pytest.mark.parametrize("kind", ["ecg", "imu"])
def test_a_person_does_not_depend_on_how_many_there_are(kind: str) -> None:
    few, many = simulated.load(kind, 2, 12), simulated.load(kind, 4, 12)  # type: ignore[arg-type]
    for one, other in zip(few.recordings, many.recordings, strict=False):
        assert one.name == other.name
        np.testing.assert_array_equal(one.signal, other.signal)
    assert few.fingerprint != many.fingerprint


def test_the_seed_decides_everything() -> None:
    one, same, other = (simulated.load(people=2, seconds=12, seed=seed) for seed in (3, 3, 4))
    assert one.fingerprint == same.fingerprint != other.fingerprint
    np.testing.assert_array_equal(one.recordings[1].signal, same.recordings[1].signal)
    assert not np.array_equal(one.recordings[1].signal, other.recordings[1].signal)


def beats_of(recording: Recording, label: str, half: int = 90) -> np.ndarray:
    assert recording.events is not None
    sample = recording.events.sample[recording.events.label == label]
    sample = sample[(sample >= half) & (sample < recording.signal.shape[1] - half)]
    cut = np.stack([recording.signal[0, each - half : each + half] for each in sample])
    return cut - np.median(cut, axis=1, keepdims=True)


def test_events_are_the_largest_deflections() -> None:
    for each in ecg().recordings:
        assert each.events is not None
        assert (np.diff(each.events.sample) > 0.2 * each.rate).all()
        mean = beats_of(each, "N").mean(axis=0)
        assert abs(int(np.abs(mean[60:120]).argmax()) - 30) <= 3  # noise may move it a little


def test_people_are_distinguishable_by_their_beats() -> None:
    halves = [np.array_split(beats_of(each, "N"), 2) for each in ecg().recordings]
    means = np.stack([half.mean(axis=0) for pair in halves for half in pair])
    means -= means.mean(axis=1, keepdims=True)
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    similarity = means[0::2] @ means[1::2].T
    assert (similarity.argmax(axis=1) == np.arange(len(similarity))).mean() >= 0.9
    assert np.median(similarity) < 0.9


def test_heart_rates_and_ectopy_are_of_this_world() -> None:
    for each in ecg().recordings:
        assert each.events is not None
        interval = np.diff(each.events.sample) / each.rate
        assert 45 <= 60 / np.mean(interval) <= 110
        assert 0.005 < np.std(interval) / np.mean(interval) < 0.4
        assert np.mean(each.events.label != "N") <= 0.3
    pure = [each for each in ecg().recordings if each.events and (each.events.label == "N").all()]
    assert 2 <= len(pure) <= 10


@cache
def rhythm(place: float, fibrillation: bool = False) -> tuple[Beats, float]:
    """Rhythm of a person drawn until fibrillation is as wanted; and the coupling of V."""
    for seed in range(100):
        person = draw_person(np.random.default_rng(seed), place)
        if person.fibrillation == fibrillation:
            return draw_beats(person, 900, np.random.default_rng(1)), person.coupling_ventricular
    raise AssertionError


def test_premature_beats_keep_their_rules() -> None:
    beats, coupling = rhythm(0.3)  # both kinds
    interval = np.diff(beats.time_s)
    label = "".join(beats.label)
    ordinary = np.median(interval)
    ventricular = [i for i in range(1, len(label) - 1) if label[i - 1 : i + 2] == "NVN"]
    before, after = (np.array([interval[i + k] for i in ventricular]) for k in (-1, 0))
    assert np.median(before) < 0.9 * ordinary
    assert np.median(before + after) == pytest.approx(2 * ordinary, rel=0.08)  # compensatory pause
    assert np.median(before) / ordinary == pytest.approx(coupling, rel=0.1)
    early = [i for i in range(1, len(label) - 1) if label[i - 1 : i + 2] == "NSN"]
    before, after = (np.array([interval[i + k] for i in early]) for k in (-1, 0))
    assert np.median(before) < 0.9 * ordinary
    assert np.median(before + after) < 1.97 * ordinary  # the sinus node is reset
    assert (beats.ventricular[beats.label == "V"] == 1).all()
    assert (beats.ventricular[np.isin(beats.label, ["N", "S"])] == 0).all()


def test_fibrillation_is_irregular() -> None:
    regular, irregular = rhythm(0.9)[0], rhythm(0.9, fibrillation=True)[0]
    spread = [
        np.std(np.diff(each.time_s)) / np.mean(np.diff(each.time_s))
        for each in (regular, irregular)
    ]
    assert spread[0] < 0.1 < spread[1]


def test_ventricular_beats_are_wide_and_supraventricular_ones_are_not() -> None:
    def width(recording: Recording, label: str) -> float:
        shape = np.abs(beats_of(recording, label).mean(axis=0))
        return float((shape[45:135] > 0.5 * shape.max()).sum() / recording.rate)

    wider, narrow = [], []
    for each in ecg().recordings:
        assert each.events is not None
        if (each.events.label == "V").sum() >= 3:
            wider.append(width(each, "V") / width(each, "N"))
        if (each.events.label == "S").sum() >= 3:
            narrow.append(width(each, "S") / width(each, "N"))
    assert np.median(wider) > 1.4
    assert 0.8 < np.median(narrow) < 1.25


@settings(max_examples=15)
@given(
    seed=st.integers(0, 10**6),
    place=st.floats(0, 1, exclude_max=True),
    rate=st.sampled_from([100.0, 250.0, 360.0, 500.0]),
)
def test_any_person_gives_a_sound_recording(seed: int, place: float, rate: float) -> None:
    person = draw_person(np.random.default_rng(seed), place)
    signal, sample, label = synthesise(person, 15, rate, np.random.default_rng(seed))
    assert signal.shape == (15 * rate,)
    assert np.isfinite(signal).all()
    assert 0.3 < np.ptp(signal) < 15
    assert len(sample) == len(label) >= 8
    assert (np.diff(sample) > 0).all()
    assert sample[0] >= 0
    assert sample[-1] < len(signal)


def test_qt_follows_the_rate_and_the_qrs_does_not() -> None:
    calm = {"rr_low_frequency": 0.0, "rr_respiration": 0.0, "rr_slow": 0.0, "wander_mv": 0.0}
    steady = {**calm, "snr_db": 80.0, "beat_variation": 0.0, "respiration_gain": 0.0}
    person = replace(draw_person(np.random.default_rng(0), 0.9), fibrillation=False, **steady)
    bump = np.array([0.0, 0.0])
    one_wave = {"left": bump + 0.012, "right": bump + 0.012, "amplitude": bump + 1}
    waves = replace(person.ventricles, position=np.array([0.0, 0.3]), **one_wave)
    waves = replace(waves, stretch=person.ventricles.stretch[[1, 5]])  # R and T
    silent = replace(person.atria, amplitude=0 * person.atria.amplitude)
    distance = {}
    for rr in (0.6, 1.2):
        model = replace(person, ventricles=waves, atria=silent, rr_s=rr)
        signal, sample, _ = synthesise(model, 10, 1000.0, np.random.default_rng(0))
        after = signal[sample[2] + 100 : sample[2] + 450]
        distance[rr] = (int(after.argmax()) + 100) / 1000
        assert np.ptp(np.diff(sample)) <= 2
    for rr, seconds in distance.items():
        assert seconds == pytest.approx(0.3 * np.sqrt(rr), abs=0.003)  # Bazett


def test_imu_is_gravity_at_rest_and_movement_in_gait() -> None:
    cohort = imu()
    assert "simulated" in cohort.title
    assert len(cohort) == 50
    assert len(cohort.subjects) == 10
    assert cohort.recordings[0].channels == ("acc x", "acc y", "acc z")
    deviation: dict[str, list[float]] = {}
    for each in cohort.recordings:
        assert each.label is not None
        assert each.signal.shape == (3, 1200)
        assert np.abs(each.signal).max() <= 2.001
        deviation.setdefault(each.label, []).append(float(each.signal.std(axis=1).max()))
        if each.label in ("sitting", "standing"):
            norm = np.linalg.norm(each.signal, axis=0)
            assert np.median(norm) == pytest.approx(1, abs=0.08)
    median = {label: np.median(values) for label, values in deviation.items()}
    assert median["jogging"] > 1.5 * median["walking"] > 2 * median["sitting"]


def test_every_phone_is_mounted_in_its_own_way() -> None:
    standing = [each.signal.mean(axis=1) for each in imu().recordings if each.label == "standing"]
    directions = np.stack(standing) / np.linalg.norm(standing, axis=1, keepdims=True)
    assert np.abs(directions @ directions.T - np.eye(10)).min() < 0.5
    assert np.linalg.norm(directions.mean(axis=0)) < 0.8


@pytest.mark.parametrize("cohort", [ecg, imu])
def test_split_is_by_person_and_complete(cohort: object) -> None:
    whole: Dataset = cohort()  # type: ignore[operator]
    parts = simulated.split(whole)
    sets = [set(part.subjects) for part in parts]
    assert set.union(*sets) == set(whole.subjects)
    assert sum(map(len, sets)) == len(whole.subjects)
    assert len(sets[2]) == len(whole.subjects) // 2
    assert sum(map(len, parts)) == len(whole)
    again, other = simulated.split(whole), simulated.split(whole, seed=1)
    assert [part.subjects for part in again] == [part.subjects for part in parts]
    assert other[2].subjects != parts[2].subjects


def test_split_gives_every_side_its_share_of_rare_beats() -> None:
    for part in (simulated.split(ecg())[0], simulated.split(ecg())[2]):
        labels = np.concatenate([each.events.label for each in part.recordings if each.events])
        assert {"N", "S", "V"} <= set(labels.tolist())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"kind": "eeg"}, "unknown; expected 'ecg'"),
        ({"people": 0}, "0, expected"),
        ({"seconds": 2}, "2, expected"),
        ({"seconds": float("nan")}, "seconds is nan"),
        ({"rate": 50}, "50.0 Hz, expected"),
        ({"kind": "imu", "rate": 5}, "least 10 Hz"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_settings_out_of_range_are_refused(arguments: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        simulated.load(**arguments)  # type: ignore[arg-type]


def test_split_refuses_what_it_cannot_divide() -> None:
    with pytest.raises(InputError, match="2 people, expected"):
        simulated.split(simulated.load(people=2, seconds=10))
    with pytest.raises(InputError, match=r"validation_fraction is 1\.0"):
        simulated.split(ecg(), validation_fraction=1.0)
    with pytest.raises(InputError, match="place must"):
        draw_person(np.random.default_rng(0), 1.0)
