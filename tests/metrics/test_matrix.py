from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from triptych.audit import plots
from triptych.audit.factors import knowledge
from triptych.audit.sentences import broken, words_of
from triptych.errors import InputError
from triptych.latent import Block, LatentSchema
from triptych.metrics.matrix import Factor, factor_matrix
from triptych.metrics.permutation import least_shown
from triptych.metrics.regressors import Pairs, Predictor, ridge
from triptych.metrics.similarity import between_groups, cosine, separation

SUBJECTS, EACH = 8, 60
SCHEMA = LatentSchema(
    Block("morphology", 10, invariant_to="phase_shift"),
    Block("timing", 2, variant_to="phase_shift"),
    Block("detail", 2),
)


@pytest.fixture(scope="module")
def factors() -> dict[str, Factor]:
    """Morphology knows class and subject, timing the phase, detail nothing."""
    rng = np.random.default_rng(0)
    n = SUBJECTS * EACH
    subject = np.repeat(np.arange(SUBJECTS), EACH)
    label, theta, phase = rng.integers(0, 2, n), rng.uniform(-0.25, 0.25, n), rng.uniform(0, 6, n)

    def latents(at: np.ndarray) -> dict[str, np.ndarray]:
        known = np.c_[3 * np.eye(SUBJECTS)[subject], 3 * np.eye(2)[label]]
        noise = rng.normal(size=(n, 2))
        timing = np.c_[at, at] + 0.001 * rng.normal(size=(n, 2))
        return {
            "morphology": known + 0.3 * rng.normal(size=known.shape),
            "timing": timing,
            "detail": noise,
        }

    still, moved = latents(phase), latents(phase + theta)
    start = np.tile(np.arange(EACH) * 2.0, SUBJECTS)
    return {
        "phase": Factor("phase", theta, subject, still, moved, "phase_shift"),
        "permuted": Factor(
            "permuted", rng.permutation(theta), subject, still, moved, "phase_shift"
        ),
        "class": Factor("class", label, subject, still, block="morphology"),
        "shuffled": Factor("shuffled", rng.permutation(label), subject, still),
        "identity": Factor("identity", subject, subject, still, block="morphology", start=start),
    }


def test_labels_and_people_are_found_where_they_are(factors: dict[str, Factor]) -> None:
    box = factor_matrix([factors["class"], factors["shuffled"], factors["identity"]], SCHEMA)
    blocks, names, scores = box.table()
    assert blocks == SCHEMA.names
    assert names == ("class", "shuffled", "identity")
    assert scores[0] == pytest.approx([1, 0, 1], abs=0.15)
    assert np.abs(scores[1:]).max() < 0.25
    assert box.purity["class"] > 0.8
    assert box.purity["identity"] > 0.7
    assert set(box.free) == {"class", "shuffled", "identity"}
    assert box.leakage == {}
    p = {(row["block"], row["factor"]): row["p"] for row in box.rows()}
    assert p["morphology", "class"] == 2 / 400  # the smaller of two halves' p counts twice
    assert p["morphology", "identity"] == 1 / 400
    assert p["morphology", "shuffled"] > 0.01


def test_theta_is_read_from_both_views_and_permuted_theta_from_none(
    factors: dict[str, Factor], monkeypatch: pytest.MonkeyPatch
) -> None:
    def quick(pairs: Pairs, y: np.ndarray, groups: object, seed: int) -> Predictor:
        read = ridge(pairs, y, (0.1,))
        return lambda unseen: read(unseen)[:, 0]

    monkeypatch.setattr("triptych.metrics.probes.best_regressor", quick)  # no MLP: 36 fits of it
    box = factor_matrix([factors["phase"], factors["permuted"]], SCHEMA, permutations=19)
    assert box.meant == {"phase": "timing", "permuted": "timing"}
    assert box.purity["phase"] > 0.95
    assert box.leakage["phase"] < 0.05
    assert max(box.table()[2][:, 1]) <= 0.02
    assert [row["relation"] for row in box.rows()[:3]] == ["invariant", "variant", ""]


def test_a_direction_of_several_columns_is_one_continuous_factor() -> None:
    rng = np.random.default_rng(1)
    direction = rng.normal(size=(200, 2))
    schema = LatentSchema(Block("orientation", 3, equivariant_to="rotation"))
    latents = {"orientation": np.c_[direction, rng.normal(size=200)]}
    subject = np.repeat(np.arange(4), 50)
    factor = Factor("gravity", direction, subject, latents, transform="rotation")
    box = factor_matrix([factor], schema, permutations=19)
    assert box.purity["gravity"] > 0.98
    assert box.cells[0].kind == "R²"


def test_what_was_read_before_is_not_read_again() -> None:
    theta, subject = np.arange(80.0), np.repeat(np.arange(4), 20)
    z = {"block": np.random.default_rng(0).normal(size=(80, 1))}
    factor = Factor("phase", theta, subject, z, z, read={"block": theta + 1})
    known = factor_matrix([factor], LatentSchema(Block("block", 1)), permutations=19).cells[0]
    assert known.score == pytest.approx(1 - 1 / theta.var())
    unread = Factor("phase", theta, subject, z, z, read={"block": theta * np.nan})
    with pytest.raises(InputError, match="phase as read"):
        factor_matrix([unread], LatentSchema(Block("block", 1)))


def test_what_is_constant_in_a_person_is_shuffled_among_people() -> None:
    # windows of a subject are alike: four subjects with two labels cannot give a small p
    subject = np.repeat(np.arange(4), 30)
    z = np.eye(4)[subject] @ np.array([[0.0], [0.1], [1.0], [1.1]])
    factor = Factor("sex", subject // 2, subject, {"block": z})
    known = factor_matrix([factor], LatentSchema(Block("block", 1))).cells[0]
    assert known.p > 0.1


def test_what_does_not_fit_is_refused(factors: dict[str, Factor]) -> None:
    subject = np.repeat(np.arange(3), 5)
    z = {"block": np.arange(15.0)[:, None]}
    schema = LatentSchema(Block("block", 1))
    with pytest.raises(InputError, match="block timing"):
        factor_matrix([Factor("class", subject, subject, {"morphology": z["block"]})], SCHEMA)
    with pytest.raises(InputError, match="3 subjects; expected"):
        factor_matrix([Factor("class", subject % 2, subject, z)], schema)
    with pytest.raises(InputError, match="longer than"):
        factor_matrix(
            [Factor("identity", subject, subject, z, start=np.tile(np.arange(5), 3))], schema
        )


def test_a_constant_encoder_is_alike_everywhere_and_knows_nothing() -> None:
    z, subject = np.ones((80, 3)), np.repeat(np.arange(4), 20)
    others = between_groups(z, subject)
    assert cosine(z, z).mean() == 1.0
    assert separation(cosine(z, z), others) == 0.5
    factor = Factor("class", np.tile([0, 1], 40), subject, {"block": z})
    box = factor_matrix([factor], LatentSchema(Block("block", 3)))
    assert (box.cells, box.collapsed) == ((), ("block",))


def test_no_factor_is_pure_beside_a_collapsed_block() -> None:
    subject = np.repeat(np.arange(4), 20)
    label = np.tile([0, 1], 40)
    z = np.random.default_rng(0).normal(size=(80, 2)) + label[:, None]
    schema = LatentSchema(
        Block("still", 2, invariant_to="phase_shift"), Block("moved", 2, variant_to="phase_shift")
    )
    whole, half = (
        factor_matrix(
            [Factor("class", label, subject, {"still": z, "moved": other}, block="still")], schema
        )
        for other in (z[::-1], np.zeros((80, 2)))
    )
    assert "class" in whole.purity
    assert (half.purity, half.meant) == ({}, {"class": "still"})
    assert [cell.block for cell in half.cells] == ["still"]
    assert words_of(half, "moved").startswith("is the same")
    assert "collapsed" in broken(half)[0]
    (table,) = knowledge(half)
    assert [row[0].text for row in table.rows] == ["still"]


def test_the_map_shows_every_cell(tmp_path: Path) -> None:
    cells = [
        {"block": block, "factor": factor, "score": score, "p": 0.01, "relation": relation}
        for block, factor, score, relation in (
            ("timing", "phase", 0.9, "variant"),
            ("morphology", "phase", -0.01, "invariant"),
        )
    ]
    path = tmp_path / "map.png"
    plots.block_factor_map(cells, path, meant={"phase": "timing"}, title="What each block knows")
    with Image.open(path) as image:
        assert image.size[0] > 400


def test_the_least_score_that_could_be_shown_is_the_least_with_a_small_p() -> None:
    rng = np.random.default_rng(0)
    shuffled = rng.normal(size=199)
    least = least_shown(shuffled.tolist())
    for score, sure in ((least + 1e-9, True), (least - 1e-9, False)):
        assert ((1 + (shuffled >= score).sum()) / 200 < 0.05) == sure
    assert least_shown(shuffled.tolist(), idle=9) == np.inf  # 9 of 199 change nothing: p 0.05
    assert np.isfinite(least_shown(shuffled.tolist(), idle=8))
    assert least_shown([0.1] * 5) == np.inf  # too few to show anything
