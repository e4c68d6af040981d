from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch

from triptych.errors import InputError
from triptych.metrics.probes import ParameterProbe, linear_probe, read_parameter
from triptych.metrics.regressors import Pairs, Predictor

RECORDS = np.repeat([f"{100 + r}" for r in range(4)], 250)
N = len(RECORDS)


def turning(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Latents whose first two dimensions turn with the phase, four others that do not; and θ."""
    rng = np.random.default_rng(seed)
    phase, theta = rng.uniform(0, 2 * np.pi, N), rng.uniform(-0.25, 0.25, N)
    still = rng.normal(size=(N, 4))
    sides = [
        np.column_stack([np.cos(a), np.sin(a), still]) + 0.02 * rng.normal(size=(N, 6))
        for a in (phase, phase + 2 * np.pi * theta)
    ]
    return sides[0], sides[1], theta


@pytest.fixture(scope="module")
def probed() -> tuple[ParameterProbe, np.ndarray]:
    z1, z2, theta = turning()
    return read_parameter(z1, z2, theta, RECORDS), theta


def test_a_phase_that_turns_is_read(probed: tuple[ParameterProbe, np.ndarray]) -> None:
    found, theta = probed
    assert found.r2 > 0.95
    assert found.within > 0.5
    error = found.predicted - theta
    assert found.r2 == pytest.approx(1 - (error**2).sum() / ((theta - theta.mean()) ** 2).sum())
    assert found.within == pytest.approx((np.abs(error) <= 0.020).mean())


def test_every_record_has_its_own_score(probed: tuple[ParameterProbe, np.ndarray]) -> None:
    found, theta = probed
    assert list(found.per_record) == sorted(set(RECORDS))
    own = RECORDS == "103"
    assert found.per_record["103"]["n"] == 250
    share = (np.abs(found.predicted - theta)[own] <= 0.020).mean()
    assert found.per_record["103"]["within"] == pytest.approx(share)
    data = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert "predicted" not in data


def test_every_record_is_scored_by_the_other_half(monkeypatch: pytest.MonkeyPatch) -> None:
    fitted: list[np.ndarray] = []

    def told(pairs: Pairs, y: np.ndarray, groups: np.ndarray, seed: int) -> Predictor:
        fitted.append(np.unique(groups))
        return lambda unseen: np.full(len(unseen.z1), float(fitted[-1][0]))

    monkeypatch.setattr("triptych.metrics.probes.best_regressor", told)
    z1, z2, theta = turning()
    found = read_parameter(z1, z2, theta, RECORDS)
    assert sorted(np.concatenate(fitted)) == [0, 1, 2, 3]
    for record, read in enumerate(found.predicted.reshape(4, 250)):
        assert set(read) == {float(half[0]) for half in fitted if record not in half}


def test_a_permuted_theta_cannot_be_read() -> None:
    z1, z2, theta = turning()
    found = read_parameter(z1, z2, np.random.default_rng(1).permutation(theta), RECORDS)
    assert -0.2 < found.r2 <= 0.02


def test_latents_without_phase_have_an_r2_that_is_not_clipped() -> None:
    noise = np.random.default_rng(3).normal(size=(2, N, 3))
    found = read_parameter(*noise, torch.tensor(turning()[2])[:, None], RECORDS)
    assert -0.2 < found.r2 <= 0.02
    assert min(score["r2"] for score in found.per_record.values()) < 0


def test_nothing_is_read_from_collapsed_latents() -> None:
    constant = torch.ones(N, 3)
    found = read_parameter(constant, constant, torch.tensor(turning()[2])[:, None], RECORDS)
    assert found.to_dict()["r2"] is None
    assert np.isnan(found.predicted).all()
    assert all(np.isnan(each["within"]) for each in found.per_record.values())


def test_phase_probe_refuses() -> None:
    z1, z2, theta = turning()
    cases: list[tuple[tuple[Any, ...], str]] = [
        ((z1, z2[:-1], theta, RECORDS), "same rows"),
        ((z1, z2, theta[:-1], RECORDS), "one number a pair"),
        ((z1, z2, np.zeros(N), RECORDS), "not all equal"),
        ((z1, z2, theta, np.arange(N) % 3), "at least four"),
        ((z1, z2, theta, RECORDS[:-1]), "records has the shape"),
        ((z1 * np.nan, z2, theta, RECORDS), "z1 holds NaN"),
    ]
    for arguments, word in cases:
        with pytest.raises(InputError, match=word):
            read_parameter(*arguments)


def classes(n: int = 900, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.choice(["N", "S", "V"], n, p=[0.7, 0.2, 0.1])
    centres = np.array([[0, 0, 0], [2, 0, 0], [0, 2, 1]])
    return centres[np.searchsorted(["N", "S", "V"], y)] + rng.normal(size=(n, 3)), y


def test_linear_probe_agrees_with_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    linear = pytest.importorskip("sklearn.linear_model")
    (z, y), (unseen, truth) = classes(), classes(seed=1)
    found = linear_probe(z, y, torch.from_numpy(unseen), truth)
    scale = (z - z.mean(0)) / z.std(0), (unseen - z.mean(0)) / z.std(0)
    model = linear.LogisticRegression(
        class_weight="balanced", solver="newton-cholesky", tol=1e-10
    ).fit(scale[0], y)
    guess, chance = model.predict(scale[1]), model.predict_proba(scale[1])
    np.testing.assert_array_equal(found.predicted, guess)
    assert list(found.f1) == ["N", "S", "V"]
    assert list(found.f1.values()) == pytest.approx(metrics.f1_score(truth, guess, average=None))
    auroc = metrics.roc_auc_score(truth, chance, multi_class="ovr")
    assert found.macro_auroc == pytest.approx(auroc)
    assert found.balanced_accuracy == pytest.approx(metrics.balanced_accuracy_score(truth, guess))
    assert set(json.loads(json.dumps(found.to_dict(), allow_nan=False))["f1"]) == {"N", "S", "V"}


def test_the_macro_mean_is_over_the_named_classes() -> None:
    (z, y), (unseen, truth) = classes(), classes(seed=1)
    found = linear_probe(z, y, unseen, truth, classes=["N", "V"])
    assert found.macro_auroc == pytest.approx((found.auroc["N"] + found.auroc["V"]) / 2)
    assert set(found.f1) == {"N", "S", "V"}
    keep = truth != "V"
    absent = linear_probe(z, y, unseen[keep], truth[keep], classes=["N", "V"])
    assert np.isnan(absent.f1["V"])
    assert absent.macro_auroc == pytest.approx(absent.auroc["N"])
    unknown = linear_probe(z[y != "V"], y[y != "V"], unseen, truth)
    assert unknown.f1["V"] == 0
    assert unknown.auroc["V"] == 0.5


def test_balanced_weights_find_the_rare_class() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    linear = pytest.importorskip("sklearn.linear_model")
    (z, y), (unseen, truth) = classes(), classes(seed=1)
    rare = np.flatnonzero(np.isin(y, ["N"]) | (np.arange(900) % 4 == 0))
    even = linear_probe(z[rare], y[rare], unseen, truth)
    plain = linear.LogisticRegression().fit(z[rare], y[rare]).predict(unseen)
    assert even.balanced_accuracy > metrics.balanced_accuracy_score(truth, plain)
    assert (even.predicted == truth).mean() < (plain == truth).mean()


def test_shuffled_labels_give_chance_and_constant_latents_nothing() -> None:
    (z, y), (unseen, truth) = classes(3000), classes(3000, seed=1)
    shuffled = linear_probe(z, np.random.default_rng(2).permutation(y), unseen, truth)
    assert shuffled.macro_auroc == pytest.approx(0.5, abs=0.06)
    assert shuffled.balanced_accuracy == pytest.approx(1 / 3, abs=0.06)
    constant = linear_probe(np.full_like(z, 0.1), y, np.full_like(unseen, 0.1), truth)
    assert np.isnan([constant.macro_auroc, constant.balanced_accuracy]).all()
    assert len(set(constant.predicted)) == 1


def test_linear_probe_refuses() -> None:
    z, y = classes(30)
    with pytest.raises(InputError, match="two classes"):
        linear_probe(z, ["N"] * 30, z, y)
    with pytest.raises(InputError, match="equal columns"):
        linear_probe(z, y, z[:, :2], y)
    with pytest.raises(InputError, match="y_train"):
        linear_probe(z, y[:-1], z, y)
    with pytest.raises(InputError, match="no test row"):
        linear_probe(z, y, z, y, classes=["Q"])
