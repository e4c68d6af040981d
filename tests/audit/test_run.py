from __future__ import annotations

import html
import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.audit import tiny

from triptych.audit.embeddings import StoredViews
from triptych.audit.factors import probe_matrix_of
from triptych.audit.result import AuditResult, check_limits
from triptych.audit.run import audit, audit_model, audit_views
from triptych.audit.sources import fit_to, random_windows_of
from triptych.audit.sweep import grid_from, grid_of, transform_for
from triptych.audit.write import plot_audit, write_audit
from triptych.datasets import Windows, random_windows, simulated
from triptych.datasets.sources import open_data
from triptych.errors import InputError
from triptych.latent import Block, BlockHeads, LatentSchema
from triptych.metrics.sweeps import distances, invariance
from triptych.transforms import (
    Chain,
    ChannelDropout,
    Gain,
    NoiseSNR,
    PhaseShift,
    Rotation,
    TimeScale,
    Transform,
    names,
)

pytestmark = pytest.mark.usefixtures("coarse_figures")

RATE = 100.0
RING = PhaseShift(0.25, RATE, mode="circular")
CROP = PhaseShift(0.2, RATE)
GRID = np.array([-0.2, -0.1, -0.05, 0.05, 0.1, 0.2])


def windows(context: int = 20, subjects: int = 8, each: int = 15) -> Windows:
    """Noise in a band of each subject's own, so that subjects differ and shifts change a lot."""
    n = subjects * each
    rng = np.random.default_rng(0)
    who = np.repeat(np.arange(subjects), each)
    t = np.arange(80 + 2 * context) / RATE
    frequency = (3 + 2 * who)[:, None] + 0.2 * rng.normal(size=(n, 1))
    x = np.sin(2 * np.pi * (frequency * t + rng.uniform(size=(n, 1))))
    names = np.array([f"p{i}" for i in who])
    start = np.tile(np.arange(each) * 10.0, subjects)
    label = np.where(who % 2 == 0, "even", "odd")
    signals = torch.as_tensor(x[:, None], dtype=torch.float32)
    return Windows(signals, RATE, context, names, names, start, label, np.full(n, np.nan))


def raw(x: torch.Tensor) -> torch.Tensor:
    return x.flatten(1)


def spectrum(x: torch.Tensor) -> torch.Tensor:
    return torch.fft.rfft(x).abs().flatten(1)


def collapsed(x: torch.Tensor) -> torch.Tensor:
    return torch.ones(len(x), 4)


def test_a_raw_embedding_is_called_brittle_with_a_half_life() -> None:
    result = audit(raw, windows(), CROP, grid=GRID)
    assert re.search(r"^At 50 ms .*no closer.* cosine .*\.$", result.verdict)
    assert 0 < result.figures["half_life"].mean < 0.05
    assert result.figures["half_life"].low <= result.figures["half_life"].high
    assert result.figures["separation"].mean < 0.7
    assert result.groups == "subjects"
    both = np.isclose(result.curve.distance, 0.05, rtol=1e-4)
    assert both.sum() == 2
    assert result.value("cosine@0.05") == pytest.approx(result.curve.mean[both].mean())


def test_an_exactly_invariant_embedding_is_called_steady() -> None:
    result = audit(spectrum, windows(context=0), RING, grid=GRID)
    assert re.search("^Up to 200 ms .* closer", result.verdict)
    assert result.figures["cosine_mean"].mean == pytest.approx(1, abs=1e-4)
    assert result.figures["separation"].mean > 0.99
    assert result.figures["record_p10"].mean > 0.9
    assert math.isnan(result.figures["half_life"].mean)
    assert result.value("half_life") == math.inf


def test_a_collapsed_embedding_is_not_praised() -> None:
    result = audit(collapsed, windows(), CROP, grid=GRID)
    assert "nearly the same" in result.verdict
    assert result.figures["separation"].mean == 0.5
    assert result.void == result.verdict
    void, under = result.below({"separation": 0.9})
    assert void.endswith(result.void)
    assert re.search(r"^separation is 0\.5,.* 0\.9$", under)
    assert re.search(r"^cosine_mean is missing,.* 0\.9$", result.below({"cosine_mean": 0.9})[1])
    assert result.below({}) == []


def test_an_embedding_of_null_vectors_is_not_praised_either(tmp_path: Path) -> None:
    result = audit(lambda x: torch.zeros(len(x), 4), windows(), CROP, grid=GRID)
    assert "zeros for 100%" in result.verdict
    assert "collapsed: " in result.notes[-1]
    assert "record_p10" not in result.figures
    assert math.isnan(result.figures["cosine_mean"].mean)
    assert "half_life: collapsed" in result.summary()
    assert result.below({"cosine_mean": 0.0}) != []
    write_audit(result, tmp_path)
    kept = json.loads((tmp_path / "audit.json").read_text(encoding="utf-8"))
    assert kept["figures"]["cosine_mean"]["mean"] is None
    assert kept["half_lives"]["embedding"]["outcome"] == "collapsed"
    assert "nan" not in (tmp_path / "table.md").read_text(encoding="utf-8")


def test_a_half_life_that_is_not_reached_says_so() -> None:
    result = audit(spectrum, windows(context=0), RING, grid=GRID)
    assert "half_life: not reached" in result.summary()
    assert result.half_lives["embedding"].to_dict()["outcome"] == "not reached"


def test_a_collapsed_block_beside_others_is_drawn_and_told(tmp_path: Path) -> None:
    model = tiny.model()
    head = next(each for each in model.encoder.modules() if isinstance(each, BlockHeads))
    with torch.no_grad():
        for parameter in head.heads["timing"].parameters():
            parameter.zero_()
    cohort = simulated.load(people=4, seconds=12, rate=100)
    cut = random_windows(cohort, 12, 0.8, 0.2)
    result = audit_model(model, cut, PhaseShift(0.1, 100.0), grid=[-0.1, 0.1])
    assert result.curves["timing"].collapsed
    write_audit(result, tmp_path)
    table = (tmp_path / "table.md").read_text(encoding="utf-8")
    assert re.search(r"\| timing \|.*\| – \| 1\.000 \| – \| collapsed", table)


def test_curves_are_those_of_response_curve() -> None:
    own = windows()
    ours = audit(raw, own, CROP, grid=GRID).curve
    theirs = invariance(raw, own.signals, CROP, GRID, own.subject)
    for name in ("theta", "distance", "mean", "low", "high", "auroc", "group_means"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-9)
    assert ours.between == pytest.approx(theirs.between)


def test_every_view_is_embedded_once() -> None:
    seen = 0

    def counted(x: torch.Tensor) -> dict[str, torch.Tensor]:
        nonlocal seen
        seen += len(x)
        return {"a": raw(x), "b": spectrum(x)}

    own, told = windows(), []
    result = audit(
        counted, own, CROP, grid=GRID, batch=17, progress=lambda done, of: told.append((done, of))
    )
    premise = 17 * 4 + 12  # a batch asked four times, and windows one by one
    assert seen == len(own) * (len(GRID) + 2) + premise
    assert list(result.curves) == ["a", "b"]
    assert result.headline == "a"
    assert told[-1] == (len(GRID) + 2, len(GRID) + 2)


def test_signals_of_any_kind_with_groups() -> None:
    own = windows()
    result = audit(raw, own.signals, CROP, grid=GRID, groups=own.subject)
    assert result.groups == "groups"
    assert result.example is None
    assert "record_p10" in result.figures
    with pytest.raises(InputError, match="need groups"):
        audit(raw, own.signals, CROP)


def test_surplus_context_changes_nothing() -> None:
    wide = audit(raw, windows(context=30), CROP, grid=GRID)
    rows = windows(context=30).signals[..., 10:-10]
    tight = audit(raw, rows, CROP, grid=GRID, groups=windows().subject)
    np.testing.assert_allclose(wide.curve.mean, tight.curve.mean)


def test_records_are_strangers_where_there_is_one_person() -> None:
    own = windows(subjects=2)
    one = Windows(**{**vars(own), "subject": np.full(len(own), "me")})
    result = audit(raw, one, CROP, grid=GRID)
    assert result.groups == "records"
    assert "2 records" in result.notes[0]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"signals": windows(context=5)}, "5 samples .*20"),
        ({"signals": windows(subjects=1)}, "at least two"),
        ({"grid": np.zeros((2, 3))}, r"\(2, 3\).*phase_shift.*\(m, 1\)"),
        ({"grid": np.array([0.3])}, "max_shift"),
        ({"grid": np.array([0.0])}, "every θ"),
        ({"transform": Chain(CROP, Gain())}, r"chain .*\(m, 2\)"),
        ({"classifier": True, "embed": lambda x: x[:, 0, :1]}, "classes or more"),
        ({"classifier": True, "embed": lambda x: {"a": x[:, 0]}}, "class scores"),
        ({"headline": "other"}, "'other', expected"),
        ({"embed": lambda x: torch.full((len(x), 3), torch.nan)}, "NaN"),
    ],
)
def test_what_does_not_fit_is_refused(arguments: dict[str, Any], said: str) -> None:
    usual = {"embed": raw, "signals": windows(), "transform": CROP, "grid": GRID}
    with pytest.raises(InputError, match=said):
        audit(**{**usual, **arguments})


@pytest.fixture(scope="session")
def of_model(tmp_path_factory: pytest.TempPathFactory) -> AuditResult:
    model = tiny.model()
    source = open_data(str(tiny.recordings(tmp_path_factory.mktemp("own"))))
    source = fit_to(source, model.preprocessing)
    cut = random_windows_of(source, model.preprocessing, CROP, 12)
    return audit_model(
        model, cut, CROP, grid=GRID, subject="<tiny>", data="simulated <ECG>", notes=["a note"]
    )


def test_a_model_is_judged_by_its_invariant_block(of_model: AuditResult) -> None:
    assert of_model.headline == "morphology"
    assert "(morphology)" in of_model.verdict
    assert list(of_model.curves) == ["morphology", "timing", "detail"]
    assert of_model.relations == {"morphology": "invariant", "timing": "variant", "detail": "free"}
    assert of_model.example is not None
    assert len(of_model.example["matches"]) == 5


def test_without_an_invariant_block_all_are_judged() -> None:
    gains = audit_model(tiny.model(), windows(context=0), Gain(), grid=np.array([-3.0, 3.0]))
    assert gains.headline == "all blocks"
    assert gains.relations == {"morphology": "none", "timing": "none", "detail": "free"}
    assert gains.figures["cosine_mean"].mean == pytest.approx(1, abs=1e-5)  # by construction
    two = LatentSchema(
        Block("a", 4, invariant_to="phase_shift"),
        Block("b", 4, invariant_to="phase_shift"),
        Block("c", 4),
    )
    both = audit_model(tiny.model(two), windows(), CROP, grid=GRID)
    assert both.headline == "invariant blocks"


def test_results_are_saved_whole(of_model: AuditResult, tmp_path: Path) -> None:
    report = write_audit(of_model, tmp_path / "out", "triptych audit tiny data")
    folder = tmp_path / "out"
    assert sorted(path.name for path in folder.iterdir()) == [
        "audit.json", "figures", "report.html", "table.md",
    ]  # fmt: skip
    assert sorted(path.name for path in (folder / "figures").iterdir()) == [
        "blocks.png", "gallery.png", "similarity.png",
    ]  # fmt: skip
    content = json.loads((folder / "audit.json").read_text())
    assert content["verdict"] == of_model.verdict
    assert content["curves"]["timing"]["mean"]
    assert content["figures"].keys() == content["definitions"].keys()
    page = report.read_text()
    assert of_model.verdict in html.unescape(page)
    assert "&lt;tiny&gt;" in page
    assert "<tiny>" not in page
    assert "simulated" in page.partition("</h1>")[0]
    assert "triptych audit tiny" in page
    assert not re.search(r"(src|href)=\"(?!data:|#)", page)  # nothing is fetched
    table = (folder / "table.md").read_text()
    assert "| cosine_mean |" in table
    assert "| timing | variant |" in table
    assert plot_audit(of_model, tmp_path / "figures")[0].exists()


def test_a_full_disk_is_one_sentence_and_leaves_what_was_there(
    of_model: AuditResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_audit(of_model, tmp_path)
    before = (tmp_path / "audit.json").read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(InputError, match="No space left"):
        write_audit(of_model, tmp_path, "another command")
    assert (tmp_path / "audit.json").read_bytes() == before
    assert not list(tmp_path.glob(".*"))


def test_a_frame_has_one_row_a_block_and_theta(of_model: AuditResult) -> None:
    frame = of_model.to_frame()
    assert len(frame) == 3 * len(GRID)
    assert set(frame["block"]) == {"morphology", "timing", "detail"}
    own = frame[frame["block"] == "timing"]
    np.testing.assert_allclose(own["cosine"], of_model.curves["timing"].mean)
    assert of_model.summary().startswith(of_model.verdict)


def test_limits_are_held_against_figures(of_model: AuditResult) -> None:
    assert of_model.below({"cosine_mean": -1.0, "half_life": 0.0}) == []
    assert of_model.below({"cosine@0.1": 1.5})[0].startswith("cosine@0.1 is ")
    for name, said in (
        ("nothing", "no figure 'nothing'"),
        ("cosine_random", "better when lower"),
    ):
        with pytest.raises(InputError, match=said):
            check_limits([name])
    for name in ("cosine@0.07", "cosine@far"):
        with pytest.raises(InputError, match=r"distances 0\.05, 0\.1, 0\.2"):
            of_model.below({name: 0.5})


def views_of(own: Windows, embed: Any = raw, **changes: Any) -> StoredViews:
    theta = torch.as_tensor(GRID, dtype=torch.float32)[:, None]
    held = [embed(CROP.apply(own.signals, step[None])).numpy() for step in theta]
    fields = {
        "original": embed(own.centred).numpy(), "transformed": np.stack(held), "theta": theta,
        "groups": own.subject, "of": "subjects", "record": own.record, "start": own.start,
    }  # fmt: skip
    return StoredViews(**{**fields, **changes})


def test_embeddings_of_others_give_the_same_curve() -> None:
    own = windows()
    live, kept = audit(raw, own, CROP, grid=GRID), audit_views(views_of(own), CROP)
    np.testing.assert_allclose(kept.curve.mean, live.curve.mean, rtol=1e-6)
    assert kept.verdict == live.verdict
    assert kept.figures.keys() == live.figures.keys()


def test_embeddings_without_people_say_so() -> None:
    own = windows()
    alone = views_of(own, groups=np.arange(len(own)), of="rows", record=None, start=None)
    result = audit_views(alone, CROP)
    assert "every other" in result.notes[0]
    assert "record_p10" not in result.figures


def test_embeddings_need_a_transform_that_moves() -> None:
    still = views_of(windows(), theta=torch.zeros(len(GRID), 1))
    with pytest.raises(InputError, match="every θ"):
        audit_views(still, CROP)
    with pytest.raises(InputError, match=r"rotation .*\(m, 4\)"):
        audit_views(views_of(windows()), Rotation())


@pytest.mark.parametrize(
    ("transform", "most"),
    [
        (PhaseShift(0.25, 400.0), 0.25),
        (PhaseShift(0.25, 400.0, mode="circular"), 0.25),
        (Gain(6.0), 6.0),
        (TimeScale(1.5), math.log(1.5)),
        (NoiseSNR(0.0, 20.0), 1.0),
        (Rotation("so3"), 180.0),
        (Rotation("tilt", 30.0), 30.0),
        (Rotation("yaw", 90.0), 90.0),
        (Rotation("cube24"), 180.0),
        (ChannelDropout(), math.inf),
    ],
)
def test_a_grid_reaches_the_limit_and_leaves_the_identity_out(
    transform: Transform, most: float
) -> None:
    grid = grid_of(transform, 10)
    size = distances(transform, grid)
    assert grid.shape[1] == transform.identity(1).shape[1]
    assert float(size.min()) > 0
    assert float(size.max()) <= most * (1 + 1e-3)
    if math.isfinite(most) and getattr(transform, "kind", "") != "cube24":
        assert float(size.max()) == pytest.approx(most, rel=1e-3)
    assert torch.equal(grid, grid_of(transform, 10))


def test_a_chain_is_swept_by_its_first_part_that_moves() -> None:
    chain = Chain(CROP, Gain(), NoiseSNR())
    grown = audit(raw, windows(), chain, grid=grid_of(chain, 4))
    assert grown.unit == "s"
    assert sorted(grown.curve.distance) == pytest.approx([0.05, 0.1, 0.15, 0.2])
    assert grown.settings["name"] == "phase_shift and gain and noise_snr"
    assert [part["name"] for part in grown.settings["parts"]] == [p.name for p in chain.parts]
    grid = grid_from(Chain(CROP, Gain()), [(0.1,), (-6.0, 3.0)])
    assert grid.tolist() == [[pytest.approx(0.1), -6.0], [pytest.approx(0.1), 3.0]]
    held = audit(raw, windows(), Chain(CROP, Gain()), grid=grid)
    assert held.unit == "dB"
    assert held.curve.distance.tolist() == [6.0, 3.0]


def test_a_chain_of_one_is_the_transform_itself() -> None:
    alone, chain = (audit(raw, windows(), t, grid=GRID) for t in (CROP, Chain(CROP)))
    np.testing.assert_array_equal(alone.curve.mean, chain.curve.mean)
    assert alone.verdict == chain.verdict


@pytest.mark.parametrize(
    ("transform", "values", "size"),
    [
        (CROP, [-0.1, 0.104], [0.1, 0.1]),
        (Gain(), [3.0], [3.0]),
        (NoiseSNR(), [20.0], [0.1]),
        (TimeScale(), [1.1], [math.log(1.1)]),
        (Rotation("yaw"), [30.0, -30.0], [30, 30]),
        (Rotation(), [30.0, 60.0], [30, 30, 30, 60, 60, 60]),
        (Rotation("cube24"), [90.0], [90] * 6),
        (Rotation("tilt"), [20.0], [20, 20]),
    ],
)
def test_a_grid_is_given_in_physical_units(
    transform: Transform, values: list[float], size: list[float]
) -> None:
    found = distances(transform, grid_from(transform, [values]))
    np.testing.assert_allclose(found.numpy(), size, rtol=1e-4)


def test_a_theta_that_is_none_of_the_transform_is_said_so() -> None:
    with pytest.raises(InputError, match="finite ratios above 0"):
        audit(lambda x: x.flatten(1), windows(), TimeScale(), grid=np.array([-1.0]))


def test_grids_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="give one --grid"):
        grid_from(Chain(CROP, Gain()), [(0.1,)])
    with pytest.raises(InputError, match="give one --grid"):
        grid_from(Chain(CROP, Gain()), [(0.1, 0.2), (1.0, 2.0, 3.0)])
    with pytest.raises(InputError, match="0, 90, 120"):
        grid_from(Rotation("cube24"), [(45.0,)])


def sign(x: torch.Tensor) -> torch.Tensor:
    """Scores of two classes: whether the middle of a window is above 0."""
    middle = x[:, 0, x.shape[-1] // 2]
    return torch.stack([middle, -middle], dim=1)


def test_a_classifier_is_held_to_its_class() -> None:
    own = windows()
    result = audit(sign, own, CROP, grid=GRID, classifier=True)
    truth = [
        float((sign(CROP.apply(own.signals, t.view(1, 1))).argmax(1) == sign(own.centred).argmax(1))
              .double().mean())
        for t in torch.as_tensor(GRID, dtype=torch.float32)
    ]  # fmt: skip
    np.testing.assert_allclose(result.curves["classes"].mean, truth, atol=1e-6)
    np.testing.assert_allclose(result.curve.mean, truth, atol=0.05)  # the classes are even
    assert result.figures["consistency"].mean == pytest.approx(np.mean(truth))
    assert result.figures["consistency_random"].mean == pytest.approx(0.5, abs=0.1)
    assert result.value("consistency@0.1") == pytest.approx(np.mean([truth[1], truth[4]]))
    assert re.match(r"Up to 200 ms the class .* [\d.]+% of windows", result.verdict)
    assert set(result.curves) == {"balanced classes", "classes", "scores"}
    assert not {"separation", "record_p10", "cosine_mean"} & set(result.figures)
    assert result.example is None
    frame = result.to_frame()
    assert "consistency" in frame
    assert len(frame) == len(GRID)
    gain = audit(sign, own, Gain(), grid=np.array([6.0]), classifier=True)
    assert gain.below({"consistency": 1.0}) == []
    same = audit(lambda x: torch.tensor([[1.0, 0]]).repeat(len(x), 1), own, CROP, grid=GRID,
                 classifier=True)  # fmt: skip
    assert "means nothing" in same.verdict
    assert "void" in same.below({"consistency": 0.1})[0]


def test_a_block_called_classes_is_no_classifier() -> None:
    result = audit(lambda x: {"classes": raw(x)}, windows(), CROP, grid=GRID)
    assert "cosine_mean" in result.figures
    assert "the class stays" not in result.verdict


def test_a_grid_needs_a_step() -> None:
    with pytest.raises(InputError, match="1 or more"):
        grid_of(CROP, 0)


def test_a_models_transform_is_its_own_at_its_rate() -> None:
    recipe = {"transforms": [{"name": "phase_shift", "max_shift": 0.1}]}
    model = tiny.model(info={"recipe": recipe})
    assert transform_for(model) == PhaseShift(0.1, 100.0)
    assert transform_for(model, None, {"max_shift": 0.05}) == PhaseShift(0.05, 100.0)
    assert transform_for(model, "gain") == Gain()
    assert transform_for(tiny.model(info={"recipe": 3})) == PhaseShift(rate=100.0)
    free = tiny.model(LatentSchema(Block("all", 4)))
    for subject in (free, None):
        with pytest.raises(InputError, match="say --transform NAME"):
            transform_for(subject)
    with pytest.raises(InputError, match="no setting 'speed'"):
        transform_for(model, None, {"speed": 3})
    assert transform_for(None, "phase_shift", rate=50.0) == PhaseShift(rate=50.0)
    chain = transform_for(model, "phase_shift,gain", {"gain.max_gain": 3})
    assert chain == Chain(PhaseShift(0.1, 100.0), Gain(3))
    with pytest.raises(InputError, match=r"write PART\.SETTING"):
        transform_for(model, "phase_shift,gain", {"max_gain": 3})


def test_a_block_that_should_move_and_does_not_is_said() -> None:
    def embed(x: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"shape": x.abs().mean(dim=-1), "timing": raw(x), "turn": x[:, :, :1].flatten(1)}

    own = windows()
    still = Gain(max_gain=6.0)  # no cosine moves under it
    relations = {"shape": "invariant", "timing": "variant", "turn": ""}
    result = audit(embed, own, still, grid=np.array([6.0]), relations=relations)
    (note,) = (each for each in result.notes if "does not move" in each)
    assert note.startswith("block timing declares to be variant to gain")
    moved = audit(embed, own, CROP, grid=GRID, relations=relations)
    assert not any("does not move" in each for each in moved.notes)


@pytest.mark.parametrize("name", names())
@settings(max_examples=20)
@given(rate=st.one_of(st.sampled_from([1.0, 150.0, 250.0, 1e4]), st.floats(1, 1e4)))
def test_the_default_grid_and_context_fit_every_rate(name: str, rate: float) -> None:
    transform = transform_for(None, name, rate=rate)
    shape = (8, 8) if name.startswith("image") else (8 + 2 * transform.context,)
    x = torch.zeros(1, {"lead_swap": 2, "channel_shift": 8}.get(name, 3), *shape)
    try:
        grid = torch.cat([grid_of(transform, 10), transform.sample(10)])
    except InputError as error:  # a crop of less than one sample
        too_coarse = name == "phase_shift" and rate * transform.max_shift < 1  # type: ignore[attr-defined]
        if not too_coarse:
            raise AssertionError from error
        return
    assert transform.apply(x.expand(len(grid), *x.shape[1:]), grid).shape[-1] == 8
    # windows are cut with the context in seconds
    assert math.ceil(transform.context / rate * rate - 1e-6) == transform.context


def test_a_chain_that_names_a_transform_twice_is_refused() -> None:
    with pytest.raises(InputError, match="transform twice"):
        transform_for(None, "gain,gain", {"gain.max_gain": 3.0})
    twice = Chain(Gain(), Gain(3.0))
    with pytest.raises(InputError, match="have one name"):
        probe_matrix_of(tiny.model(), windows(context=0), [twice])


def test_what_does_nothing_is_not_swept() -> None:
    with pytest.raises(InputError, match="nothing to sweep"):
        grid_of(Gain(0.0))
