"""SepCLR's blended views and groups, which its paper does not have."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.objectives.test_separation import SCHEMA, SHIFT, TARGET, batch
from tests.training import toys

from triptych.errors import InputError
from triptych.objectives import separation_terms as sep
from triptych.training import fit
from triptych.transforms import PhaseShift
from triptych_studies.methods.blended_separation import (
    BlendedSeparation,
    clusters_of,
    partners,
    spread_within,
)


def test_spread_within_groups_is_the_formula() -> None:
    z = torch.randn(9, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    groups = torch.tensor([5, 5, 5, 2, 2, 2, 5, 2, 5])
    found: list[float] = []
    for i in range(9):
        own = [j for j in range(9) if groups[j] == groups[i]]
        kernels = [math.exp(-float((z[i] - z[j]).square().sum())) for j in own]
        found.append(math.log(sum(kernels) / len(own)))
    expected = sum(found) / len(found)
    assert float(spread_within(z, groups, 0.5)) == pytest.approx(expected)
    # telling the groups apart gains nothing
    moved = z + 100.0 * groups[:, None]
    assert float(spread_within(moved, groups, 0.5)) == pytest.approx(expected)
    assert spread_within(z[:0], groups[:0], 0.5) == 0


def test_partners_are_background_of_the_same_group() -> None:
    target = torch.tensor([True, False, True, False, True, False, True])
    groups = torch.tensor([7, 7, 7, 7, 7, 1, 3])
    # rows of group 7 take its background rows 1 and 3 in turn, these each other;
    # a single background row is its own, and a target without background keeps its own
    assert partners(target, groups).tolist() == [1, 3, 3, 1, 1, 5, 6]


def test_no_cluster_reaches_over_processes() -> None:
    target = torch.tensor([True, True, False, True, True, True, True, False])
    found = clusters_of(target, 3, processes=2)
    assert len(set(found[:4][target[:4]].tolist())) == 1
    assert not set(found[:4].tolist()) & set(found[4:].tolist())
    alone = [clusters_of(each, 3) for each in target.chunk(2)]
    for own, part in zip(alone, found.chunk(2), strict=True):
        assert torch.equal(own[:, None] == own, part[:, None] == part)


def test_salient_latents_are_aligned_with_targets_blended_with_background() -> None:
    still = PhaseShift(rate=100.0, max_shift=0.0, mode="circular")
    objective = BlendedSeparation(SCHEMA, [still], mix=0.5)
    x = torch.zeros(8, 2, 50)
    x[~TARGET] = 1.0
    views = objective.views(x, torch.Generator().manual_seed(0), TARGET.long())
    first, second, blended = views.signals.chunk(3)
    for each in (first, second):
        assert torch.allclose(each, x, atol=1e-5)
    assert torch.allclose(blended[~TARGET], x[~TARGET], atol=1e-5)
    share = blended[TARGET].mean(dim=(1, 2))
    assert (share > 0.25).all()
    assert (share < 0.5).all()
    z = torch.randn(24, 14)
    found = objective(z, views).terms
    alignment, _ = sep.salient_term(z[:8, 4:7], z[16:, 4:7], TARGET, 0.5)
    assert float(found["salient/alignment"]) == pytest.approx(float(alignment))
    whole = torch.cat([z[:, :4], z[:, 7:9]], dim=1)
    common, _ = sep.common_term(whole[:8], whole[8:16], 0.5, slice(0, 4))
    assert float(found["common/alignment"]) == pytest.approx(float(common))
    alone = objective.views(x[TARGET], labels=torch.ones(4))
    assert torch.allclose(alone.signals, torch.zeros(12, 2, 50), atol=1e-5)
    with pytest.raises(InputError, match="blends targets"):
        objective.views(x)
    with pytest.raises(InputError, match="mix is 1"):
        BlendedSeparation(SCHEMA, [still], mix=1.0)


def test_targets_that_share_a_background_are_spread_among_themselves() -> None:
    still = PhaseShift(rate=100.0, max_shift=0.0, mode="circular")
    objective = BlendedSeparation(SCHEMA, [still], mix=0.5, sharing=3, null_pairs=False)
    n, target = 16, torch.arange(16) % 2 == 0
    x = torch.where(target, 0.0, torch.arange(n))[:, None, None].expand(n, 2, 50)
    views = objective.views(x, torch.Generator().manual_seed(0), target.long())
    first, second, *blends = views.signals.chunk(4)
    clusters = clusters_of(target, 3)
    assert [len(set(clusters[target][k : k + 3].tolist())) for k in (0, 3, 6)] == [1, 1, 1]
    assert len(set(clusters[target].tolist())) == 3
    for each in (first, second, *blends):
        assert torch.allclose(each[~target], x[~target], atol=1e-4)
    shares = [each[target].mean(dim=(1, 2)) for each in blends]
    for each in shares:
        assert torch.allclose(each[:3], each[0].expand(3), atol=1e-4)
        assert not torch.isclose(each[2], each[3])
    assert not torch.isclose(shares[0][0], shares[1][0])
    z = torch.randn(4 * n, 14)
    found = objective(z, views).terms
    own = z[:, 4:7].chunk(4)
    alignment, _ = sep.salient_term(*own[2:], target, 0.5)
    assert float(found["salient/alignment"]) == pytest.approx(float(alignment))
    even = [float(spread_within(each[target], clusters[target], 0.5)) for each in own[2:]]
    assert float(found["salient/uniformity"]) == pytest.approx(sum(even) / 2)
    background = sep.background_term(own[0], own[3], target, 0.5)
    assert float(found["background"]) == pytest.approx(float(background))
    for options in ({"sharing": 3}, {"mix": 0.5, "sharing": -1}, {"mix": 0.5, "sharing": 2.5}):
        with pytest.raises(InputError, match="sharing is"):
            BlendedSeparation(SCHEMA, [still], **options)


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 3)), min_size=1, max_size=40),
    st.integers(1, 9),
)
def test_clusters_are_of_one_group_and_no_larger_than_asked(
    rows: list[tuple[bool, int]], size: int
) -> None:
    target = torch.tensor([row[0] for row in rows])
    groups = torch.tensor([row[1] for row in rows])
    clusters = clusters_of(target, size, groups)
    assert (clusters >= 0).all()
    assert (clusters < len(rows)).all()
    for group in range(4):
        own = clusters[target & (groups == group)]
        counts = own.unique_consecutive(return_counts=True)[1]
        assert len(counts) == len(own.unique())  # consecutive
        assert (counts[:-1] == size).all()
        assert (counts[-1:] <= size).all()
        assert not set(own.tolist()) & set(clusters[target & (groups != group)].tolist())


def test_targets_of_a_group_share_a_background() -> None:
    still = PhaseShift(rate=100.0, max_shift=0.0, mode="circular")
    objective = BlendedSeparation(SCHEMA, [still], mix=0.5, sharing=8, grouped=True)
    n, target = 16, torch.arange(16) % 2 == 0
    groups = torch.arange(n) // 2 % 2
    x = torch.where(target, 0.0, torch.arange(n))[:, None, None].expand(n, 2, 50)
    views = objective.views(x, labels=torch.stack([target, groups], dim=1).float())
    blend = views.signals.chunk(4)[-1][target].mean(dim=(1, 2))
    for group in (0, 1):
        own = blend[groups[target] == group]
        assert torch.allclose(own, own[0].expand(4), atol=1e-4)
    z = torch.randn(64, 14)
    found = objective(z, views).terms
    clusters = clusters_of(target, 8, groups)  # one a group
    sides = z[:, 4:7].chunk(4)[2:]
    even = [float(spread_within(each[target], clusters[target], 0.5)) for each in sides]
    assert float(found["salient/uniformity"]) == pytest.approx(sum(even) / 2)


def test_groups_are_the_labels_last_column() -> None:
    objective = BlendedSeparation(SCHEMA, [SHIFT], grouped=True, null_pairs=False)
    (x, z), groups = batch(), torch.arange(8) // 4
    labels = torch.stack([TARGET.float(), groups.float()], dim=1)
    views = objective.views(x, labels=labels)
    found = objective(z, views)
    ungrouped = BlendedSeparation(SCHEMA, [SHIFT], null_pairs=False)
    alone = ungrouped(z, replace(views, labels=TARGET))
    for name in ("common/alignment", "salient/uniformity"):
        assert found.terms[name].item() != pytest.approx(alone.terms[name].item())
    for name in ("common/uniformity", "salient/alignment", "independence"):
        assert found.terms[name].item() == pytest.approx(alone.terms[name].item())
    with pytest.raises(InputError, match="population, group"):
        objective(z, replace(views, labels=TARGET))


def test_a_recipe_takes_the_subjects_as_groups() -> None:
    recipe = toys.recipe(
        latent=toys.POPULATIONS,
        objective={
            "name": "blended_separation",
            "background": ["slow"],
            "mix": 0.5,
            "grouped": True,
            "independence": "hsic",
        },
        decoder=False,
        training__epochs=1,
    )
    assert recipe.make_objective().grouped
    row = fit(recipe, toys.windows(), None, device="cpu", progress=False).history[0]
    assert {"train/salient/alignment", "train/independence"} <= set(row)
    with pytest.raises(InputError, match="cannot be made"):
        recipe.replace({"objective.mixx": 0.5})
