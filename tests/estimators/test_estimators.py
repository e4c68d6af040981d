"""The transformers: fitted on arrays, saved and pickled, in pipelines, searches and validations."""

from __future__ import annotations

import doctest
import importlib
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_validate
from sklearn.pipeline import make_pipeline
from tests.estimators.tiny import TINY, rhythms

from triptych import Block, BlockEncoder, Chain, Gain, InputError, LatentSchema, Model, PhaseShift
from triptych.estimators import ConsistencyScorer, SeparationTransformer, invariance_score
from triptych.estimators.parts import split

BLOCKS = (
    Block("rhythm", 6, invariant_to="phase_shift"),
    Block("onset", 2, variant_to="phase_shift"),
)
X, y = rhythms()


@pytest.mark.parametrize("module", ["block_encoder", "separation", "scoring"])
def test_examples_run(module: str) -> None:
    found = importlib.import_module(f"triptych.estimators.{module}")
    assert doctest.testmod(found, extraglobs={"np": np}).failed == 0


# shapes and names


def test_latents_have_names_of_blocks() -> None:
    encoder = BlockEncoder(BLOCKS, **TINY)
    z = encoder.fit_transform(X)
    assert z.shape == (60, 8)
    assert encoder.get_feature_names_out().tolist() == [
        *(f"rhythm_{i}" for i in range(6)), "onset_0", "onset_1",
    ]  # fmt: skip
    assert (encoder.n_features_in_, encoder.shape_in_) == (40, (1, 40))
    assert len(encoder.history_) == 1
    frame = encoder.set_output(transform="pandas").transform(X)
    assert list(frame.columns) == list(encoder.get_feature_names_out())


def test_windows_of_several_channels() -> None:
    x, _ = rhythms(channels=3)
    encoder = BlockEncoder(
        [Block("activity", 6, invariant_to=("rotation", "phase_shift"))],
        ["rotation", {"name": "phase_shift", "max_shift": 4}],
        **TINY,
    ).fit(x)
    assert encoder.transform(x[:5]).shape == (5, 6)
    assert encoder.n_features_in_ == 3
    with pytest.raises(InputError, match=r"3 channels and 20 samples, but .* 3 and 40"):
        encoder.transform(x[:, :, :20])


def test_the_default_blocks_are_those_of_the_nuisance() -> None:
    both = Chain(Gain(), PhaseShift(8, rate=1, mode="circular"))
    schema = BlockEncoder(nuisance=both, **TINY).fit(X).model_.schema
    assert schema == LatentSchema(
        Block("invariant", 16, invariant_to=("gain", "phase_shift")),
        Block("variant", 8, variant_to=("gain", "phase_shift")),
    )


def test_a_crop_takes_the_ends_of_the_windows_for_their_neighbours() -> None:
    encoder = BlockEncoder(BLOCKS, PhaseShift(5, rate=1), **TINY).fit(X)
    assert encoder.model_.preprocessing.length == 30
    z = encoder.model_.embed(X[:, None, 5:35]).all.numpy()
    np.testing.assert_allclose(encoder.transform(X), z, atol=1e-5)
    assert 0 <= invariance_score(encoder, X) <= 1
    with pytest.raises(InputError, match="nuisance needs 20"):
        BlockEncoder(BLOCKS, PhaseShift(20, rate=1), **TINY).fit(X)


# labels


def test_labels_train_heads_if_they_are_classes() -> None:
    names = np.array(["slow", "middle", "fast"])[y]
    encoder = BlockEncoder(BLOCKS, **TINY).fit(X, names)
    assert encoder.classes_.tolist() == ["fast", "middle", "slow"]
    assert set(encoder.model_.heads) == {"invariant", "full"}
    assert not hasattr(encoder.fit(X), "classes_")
    assert not BlockEncoder(BLOCKS, **TINY).fit(X).model_.heads
    assert not BlockEncoder(BLOCKS, supervised=False, **TINY).fit(X, y).model_.heads
    with pytest.raises(InputError, match="supervised=True needs"):
        BlockEncoder(BLOCKS, supervised=True, **TINY).fit(X)


def test_columns_of_0_and_1_are_labels_of_their_own() -> None:
    both = pd.DataFrame({"slow": y < 2, "odd": y == 1}).astype(int)
    encoder = BlockEncoder(BLOCKS, validation_fraction=0.3, **TINY).fit(X, both)
    assert encoder.classes_.tolist() == ["slow", "odd"]
    found = encoder.model_.predict(X[:, None])["full"]
    assert found.probabilities.shape == (60, 2)
    assert set(found.labels) <= {";", "slow", "odd", "slow;odd"}
    assert BlockEncoder(BLOCKS, **TINY).fit(X, both.to_numpy()).classes_.tolist() == ["0", "1"]


def test_numbers_are_a_regression() -> None:
    encoder = BlockEncoder(BLOCKS, validation_fraction=0.3, **TINY).fit(X, 60 + 2.5 * y)
    assert not hasattr(encoder, "classes_")
    values = encoder.model_.predict(X[:, None])["full"].values
    assert values.shape == (60,)
    assert 50 < values.mean() < 75  # in the unit of y


def test_a_free_block_is_trained_by_labels_or_by_a_decoder() -> None:
    blocks = [*BLOCKS, Block("detail", 4)]
    assert BlockEncoder(blocks, **TINY).fit(X).model_.decoder is not None
    assert BlockEncoder(blocks, **TINY).fit(X, y).model_.decoder is None


# parameters


def test_the_same_seed_gives_the_same_latents() -> None:
    first, again = (BlockEncoder(BLOCKS, **TINY).fit_transform(X) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    other = BlockEncoder(BLOCKS, **{**TINY, "random_state": 1}).fit_transform(X)
    assert not np.allclose(first, other)


def test_every_entry_of_the_recipe_can_be_changed() -> None:
    encoder = BlockEncoder(BLOCKS, changes={"objective.temperature": 0.3}, **TINY).fit(X)
    assert encoder.model_.info["recipe"]["objective"]["temperature"] == 0.3


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"epochs": 0}, "training.epochs"),
        ({"rate": -1.0}, "rate=-1"),
        ({"rate": 0.0}, "rate=0"),
        ({"nuisance": []}, "transform or several"),
        ({"encoder": "convolution"}, "no encoder 'convolution'"),
        ({"nuisance": "shift"}, "no transform 'shift'"),
        ({"nuisance": 3}, "nuisance is 3"),
        ({"supervised": "yes"}, "supervised is 'yes'"),
        ({"changes": {"training.paces": 3}}, "paces"),
        ({"device": "tpu"}, "device 'tpu'"),
    ],
)
def test_wrong_parameters_are_refused_at_fit(given: dict[str, Any], sentence: str) -> None:
    encoder = BlockEncoder(**{**TINY, "blocks": BLOCKS, **given})
    with pytest.raises(InputError, match=sentence):
        encoder.fit(X, y)


@pytest.mark.parametrize("x", [np.zeros((4, 2, 3, 5)), np.full((4, 30), np.nan), np.zeros((1, 9))])
def test_wrong_windows_are_refused(x: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"shape|NaN|minimum of 2"):
        BlockEncoder(**TINY).fit(x)


# saved, pickled, cloned


@pytest.mark.parametrize("kind", ["block", "separation"])
def test_saving_and_loading_keeps_latents_and_parameters(kind: str, tmp_path: Path) -> None:
    frame = pd.DataFrame(X, columns=[f"t{i}" for i in range(40)])
    if kind == "block":
        fitted: Any = BlockEncoder(
            LatentSchema(*BLOCKS), PhaseShift(8, rate=1, mode="circular"), **TINY
        )
    else:
        fitted = SeparationTransformer(frame, **TINY)
    fitted.fit(frame, y)
    fitted.save(tmp_path / "model")
    loaded = type(fitted).load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.transform(frame), fitted.transform(frame))
    assert loaded.feature_names_in_.tolist() == list(frame.columns)
    assert loaded.history_ == fitted.history_
    assert loaded.get_params()["epochs"] == 1
    assert clone(loaded).fit(X, y == 0).transform(X).shape == fitted.transform(frame).shape
    z = Model.load(tmp_path / "model").embed(X[:, None]).all.numpy()
    np.testing.assert_array_equal(z, fitted.transform(frame).astype(np.float32))


def test_another_folder_is_no_estimator(tmp_path: Path) -> None:
    encoder = BlockEncoder(**TINY).fit(X)
    encoder.save(tmp_path / "a")
    with pytest.raises(InputError, match="holds BlockEncoder, expected"):
        SeparationTransformer.load(tmp_path / "a")
    encoder.model_.save(tmp_path / "b")
    with pytest.raises(InputError, match="model without"):
        BlockEncoder.load(tmp_path / "b")


def test_pickles_hold_the_files_of_a_model_and_no_module() -> None:
    encoder = BlockEncoder(BLOCKS, **TINY).fit(X)
    content = pickle.dumps(encoder)
    assert b"torch" not in content
    assert b"safetensors" in content
    np.testing.assert_array_equal(pickle.loads(content).transform(X), encoder.transform(X))


def test_clones_are_unfitted_and_equal() -> None:
    encoder = BlockEncoder(BLOCKS, **TINY).fit(X)
    copy = clone(encoder)
    assert not hasattr(copy, "model_")
    assert copy.get_params() == encoder.get_params()
    np.testing.assert_array_equal(copy.fit_transform(X), encoder.transform(X))


def test_threads_are_given_back() -> None:
    import torch

    before = torch.get_num_threads()
    BlockEncoder(BLOCKS, **{**TINY, "n_jobs": -1}).fit_transform(X)
    assert torch.get_num_threads() == before


# groups


def test_groups_are_not_on_both_sides_of_the_validation() -> None:
    groups = np.repeat(np.arange(12), 5)
    labels = [str(each) for each in y]
    rows, held = split(60, 0.25, groups, labels, 0)
    assert held is not None
    assert not set(groups[rows]) & set(groups[held])
    assert set(np.asarray(labels)[held]) == {"0", "1", "2"}
    encoder = BlockEncoder(BLOCKS, validation_fraction=0.25, **TINY).fit(X, y, groups=groups)
    assert "validation/total" in encoder.history_[0]
    assert "validation/total" not in BlockEncoder(BLOCKS, **TINY).fit(X).history_[0]


@pytest.mark.parametrize("groups", [np.zeros(60), y])
def test_a_validation_that_cannot_be_held_back_is_refused(groups: np.ndarray) -> None:
    with pytest.raises(InputError, match="validation_fraction"):
        BlockEncoder(BLOCKS, validation_fraction=0.25, **TINY).fit(X, y, groups=groups)


def test_groups_are_routed_through_searches_and_validations() -> None:
    groups = np.repeat(np.arange(12), 5)
    with sklearn.config_context(enable_metadata_routing=True):
        encoder = BlockEncoder(BLOCKS, validation_fraction=0.3, **TINY)
        encoder.set_fit_request(groups=True)
        search = GridSearchCV(
            encoder, {"learning_rate": [1e-3, 1e-2]}, scoring=invariance_score, cv=GroupKFold(2)
        )
        search.fit(X, groups=groups)
        assert "validation/total" in search.best_estimator_.history_[0]
        assert 0 <= search.best_score_ <= 1
        found = cross_validate(
            make_pipeline(encoder, LogisticRegression()),
            X,
            y,
            cv=GroupKFold(3),
            params={"groups": groups},
            scoring={"accuracy": "accuracy", "kept": ConsistencyScorer("gain", measure="raw")},
            error_score="raise",
        )
    assert len(found["test_accuracy"]) == 3
    np.testing.assert_array_equal(found["test_kept"], 1), "gain is invariant by construction"


# scores


def test_invariance_is_judged_on_the_blocks_that_promise_it() -> None:
    network = {"name": "conv", "widths": [16, 16], "kernels": [7, 5], "strides": [2, 2]}
    x, kind = rhythms(240)
    settings = {**TINY, "encoder": {**network, "where": 1}, "epochs": 20}
    encoder = BlockEncoder(BLOCKS, supervised=False, **settings).fit(x)
    score = invariance_score(encoder, x, groups=kind)
    assert score > 0.95
    assert invariance_score(encoder, x) < score, "others of the same rhythm are like it"
    pipeline = make_pipeline(encoder, LogisticRegression()).fit(x, kind)
    assert pipeline.score(x, kind) > 0.95
    assert invariance_score(pipeline, x, groups=kind) > 0.95
    framed = invariance_score(encoder, pd.DataFrame(x), groups=kind)
    assert framed == pytest.approx(score, abs=1e-3)


def test_a_constant_encoder_scores_at_chance() -> None:
    class Constant:
        def transform(self, x: np.ndarray) -> np.ndarray:
            return np.ones((len(x), 3))

    assert invariance_score(Constant(), X, nuisance="gain") == 0.5
    with pytest.raises(InputError, match="no nuisance"):
        invariance_score(Constant(), X)
    variant = BlockEncoder([BLOCKS[1]], **TINY).fit(X)
    with pytest.raises(InputError, match="block is invariant"):
        invariance_score(variant, X)


def test_consistency_sees_what_a_nuisance_does_to_predictions() -> None:
    class Sign:
        def predict(self, x: np.ndarray) -> np.ndarray:
            return np.where(x[..., 0] > 0, "up", "down")

    class Always:
        def predict(self, x: np.ndarray) -> np.ndarray:
            return np.full(len(x), "up")

    assert ConsistencyScorer("gain")(Sign(), X) == 1
    assert ConsistencyScorer("phase_shift")(Sign(), X) < 0.5
    assert ConsistencyScorer("phase_shift")(Always(), X) == 0
    assert ConsistencyScorer("phase_shift", measure="raw")(Always(), X) == 1
    with pytest.raises(InputError, match="measure is 'all'"):
        ConsistencyScorer("gain", measure="all")(Sign(), X)  # pyright: ignore[reportArgumentType]
    with pytest.raises(InputError, match="draws is 0"):
        ConsistencyScorer("gain", draws=0)(Sign(), X)

    class Sets:
        def predict(self, x: np.ndarray) -> np.ndarray:
            return np.zeros((len(x), 2))

    with pytest.raises(InputError, match=r"shape \(60, 2\)"):
        ConsistencyScorer("gain")(Sets(), X)


def test_other_transformers_are_scored_in_the_same_way() -> None:
    assert invariance_score(PCA(4).fit(X), X, nuisance="gain") > 0.9


# separation


def test_separation_takes_a_background_or_a_population_for_each_window() -> None:
    target = y > 0
    apart = SeparationTransformer(X[~target], **TINY).fit(X[target])
    together = SeparationTransformer(**TINY).fit(X, target)
    for fitted in (apart, together):
        assert fitted.transform(X).shape == (60, 16)
        assert fitted.get_feature_names_out()[[0, 8]].tolist() == ["common_0", "salient_0"]
    groups = np.repeat(np.arange(8), 5)
    held = SeparationTransformer(X[~target], validation_fraction=0.3, **TINY)
    assert "validation/total" in held.fit(X[target], groups=groups).history_[0]


@pytest.mark.parametrize(
    ("background", "target", "sentence"),
    [
        (None, None, "y is None"),
        (None, np.ones(60), "60 of 60"),
        (None, np.zeros(60), "0 of 60"),
        (None, np.where(y > 0, "ill", "well"), "words or NaN"),
        (None, np.where(y > 0, np.nan, 0), "words or NaN"),
        (X[:, :20], None, r"background .*\(1, 20\)"),
    ],
)
def test_without_two_populations_there_is_no_separation(
    background: Any, target: Any, sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        SeparationTransformer(background, **TINY).fit(X, target)
