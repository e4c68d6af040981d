"""Models as files: round trips, foreign classes, and everything that must be refused."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.latent.test_heads import Recurrent
from torch import Tensor, nn

from triptych.errors import InputError
from triptych.latent import (
    BernoulliGate,
    Block,
    BlockHeads,
    LatentSchema,
    LinearHead,
    TwoEncoders,
)
from triptych.model import Model, Preprocessing
from triptych.networks import (
    AlignedPeak,
    CanonicalPhase,
    ConvDecoder,
    ConvEncoder,
    PowerSpectrum,
    ResNetEncoder,
    Standardize,
    encoder,
    front_end,
)

SCHEMA = LatentSchema(Block("shape", 5, invariant_to=("gain", "phase_shift")), Block("detail", 3))
WINDOWS = Preprocessing(rate=100.0, channels=("MLII",), length=60, high=40.0)
X = torch.randn(4, 1, 60, generator=torch.Generator().manual_seed(1))


def make(encoder: nn.Module | None = None) -> Model:
    return Model(
        WINDOWS,
        encoder or nn.Sequential(Standardize(), BlockHeads(ConvEncoder(1, 60), SCHEMA)),
        SCHEMA,
        heads={"beat": LinearHead(SCHEMA, ["shape"], ["N", "V"])},
        decoder=ConvDecoder(8, 1, 60),
        info={"data": "sha256:0", "figures": {"mse": 0.03}, "epochs": 3},
    )


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def change(folder: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads((folder / "model.json").read_text())
    edit(content)
    (folder / "model.json").write_text(json.dumps(content))


def change_weights(folder: Path, edit: Callable[[dict[str, Tensor]], object]) -> None:
    """Change the weights as somebody would who knows about the checksum."""
    import hashlib

    state = load_file(folder / "weights.safetensors")
    edit(state)
    save_file(state, folder / "weights.safetensors")
    digest = hashlib.sha256((folder / "weights.safetensors").read_bytes()).hexdigest()
    change(folder, lambda content: content.update(weights_sha256=digest))


ENCODERS = [
    lambda: nn.Sequential(Standardize(), BlockHeads(ConvEncoder(1, 60), SCHEMA)),
    lambda: nn.Sequential(
        nn.Sequential(Standardize(), CanonicalPhase(harmonics=3)), ResNetEncoder(1, 60, 8)
    ),
    lambda: BlockHeads(
        nn.Sequential(
            PowerSpectrum(100.0), ConvEncoder(1, 24, widths=(16,), kernels=(5,), strides=(2,))
        ),
        SCHEMA,
        hidden=6,
        features=2 * 16 + 8 * 12,
    ),
    lambda: nn.Sequential(AlignedPeak(100.0), ConvEncoder(1, 60, 8)),
]


@pytest.mark.parametrize("encoder", ENCODERS, ids=["blocks", "canonical", "spectrum", "aligned"])
def test_a_model_comes_back_whole(tmp_path: Path, encoder: Callable[[], nn.Module]) -> None:
    model = make(encoder())
    model.save(tmp_path / "deep" / "model")
    assert names(tmp_path / "deep") == ["model"]
    assert names(tmp_path / "deep" / "model") == ["model.json", "weights.safetensors"]
    before = torch.get_rng_state()
    again = Model.load(tmp_path / "deep" / "model")
    assert torch.equal(torch.get_rng_state(), before)
    assert not again.training
    assert (again.schema, again.preprocessing, again.info) == (SCHEMA, WINDOWS, model.info)
    assert torch.equal(again.embed(X).all, model.embed(X).all)
    assert torch.equal(
        again.predict(X)["beat"].probabilities, model.predict(X)["beat"].probabilities
    )
    assert torch.equal(again.reconstruct(X), model.reconstruct(X))
    again.save(tmp_path / "again")
    first, second = (
        (tmp_path / name / "model.json").read_bytes() for name in ("deep/model", "again")
    )
    assert first == second


def test_a_lazy_head_is_saved_with_the_width_it_found(tmp_path: Path) -> None:
    trunk = nn.Sequential(Standardize(), ConvEncoder(1, 60))
    model = make(BlockHeads(trunk, SCHEMA))
    with pytest.raises(InputError, match="batch through"):
        model.save(tmp_path / "m")
    assert not names(tmp_path)
    model.embed(X)
    model.save(tmp_path / "m")
    assert torch.equal(Model.load(tmp_path / "m").embed(X).all, model.embed(X).all)


def test_tied_weights_come_back(tmp_path: Path) -> None:
    class Tied(Recurrent):
        def __init__(self) -> None:
            super().__init__(8)
            self.again = self.lstm

    model = make(Tied())
    model.save(tmp_path / "m")
    loaded = Model.load(tmp_path / "m", encoder=Tied())
    assert torch.equal(loaded.embed(X).all, model.embed(X).all)


# --- foreign classes


@pytest.mark.parametrize("wrap", [lambda m: m, lambda m: BlockHeads(m, SCHEMA, features=8)])
def test_a_foreign_encoder_is_named_and_then_filled(
    tmp_path: Path, wrap: Callable[[nn.Module], nn.Module]
) -> None:
    model = make(wrap(Recurrent(8)))
    model.save(tmp_path / "m")
    with pytest.raises(InputError, match=r"not triptych's, .*Recurrent; .*encoder=module"):
        Model.load(tmp_path / "m")
    loaded = Model.load(tmp_path / "m", encoder=wrap(Recurrent(8)))
    assert torch.equal(loaded.embed(X).all, model.embed(X).all)


def test_a_foreign_decoder_is_named_and_then_filled(tmp_path: Path) -> None:
    model = make()
    model.decoder = nn.Sequential(nn.Linear(8, 60), nn.Unflatten(1, (1, 60)))
    model.save(tmp_path / "m")
    with pytest.raises(InputError, match="the decoder"):
        Model.load(tmp_path / "m")
    decoder = nn.Sequential(nn.Linear(8, 60), nn.Unflatten(1, (1, 60)))
    loaded = Model.load(tmp_path / "m", decoder=decoder)
    assert torch.equal(loaded.reconstruct(X), model.reconstruct(X))


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (Recurrent(9), r"'encoder\.lstm\..*' .*\(32, 1\)"),
        (nn.Linear(60, 8), r"2 weights, .*'encoder\.weight'"),
        (nn.Identity(), "network's, 4 weights"),
    ],
)
def test_a_module_that_does_not_fit_is_refused_and_left_alone(
    tmp_path: Path, other: nn.Module, message: str
) -> None:
    make(Recurrent(8)).save(tmp_path / "m")
    before = {name: value.clone() for name, value in other.state_dict().items()}
    with pytest.raises(InputError, match=message):
        Model.load(tmp_path / "m", encoder=other)
    assert all(torch.equal(value, before[name]) for name, value in other.state_dict().items())


# --- writing


def test_a_model_replaces_a_model_and_leaves_other_files(tmp_path: Path) -> None:
    make().save(tmp_path)
    (tmp_path / "log.csv").write_text("epoch,loss\n")
    model = make()
    model.info["epochs"] = 4
    model.save(tmp_path)
    assert names(tmp_path) == ["log.csv", "model.json", "weights.safetensors"]
    assert Model.load(tmp_path).info["epochs"] == 4
    assert names(tmp_path.parent).count(tmp_path.name) == 1
    assert not [name for name in names(tmp_path.parent) if name.endswith(".part")]


@pytest.mark.parametrize("file", ["notes.txt", "model.json"])
def test_what_is_no_model_is_not_overwritten(tmp_path: Path, file: str) -> None:
    (tmp_path / file).write_text('{"mine": true}')
    with pytest.raises(InputError, match="triptych model"):
        make().save(tmp_path)
    assert names(tmp_path) == [file]
    with pytest.raises(InputError, match="not overwritten"):
        make().save(tmp_path / file)


def test_a_full_disk_keeps_the_old_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    old = make()
    old.save(tmp_path / "m")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", no_space)
        for target in ("m", "new"):
            with pytest.raises(InputError, match="No space left"):
                make().save(tmp_path / target)
    assert names(tmp_path) == ["m"]
    assert torch.equal(Model.load(tmp_path / "m").embed(X).all, old.embed(X).all)


def test_bad_weights_and_info_are_not_written(tmp_path: Path) -> None:
    model = make()
    model.info["array"] = torch.zeros(2)
    with pytest.raises(InputError, match="not plain data"):
        model.save(tmp_path / "m")
    model = make()
    with torch.no_grad():
        next(model.encoder.parameters()).fill_(float("nan"))
    with pytest.raises(InputError, match="holds NaN"):
        model.save(tmp_path / "m")
    assert not names(tmp_path)


# --- reading what is damaged or hostile


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make().save(tmp_path / "m")
    return tmp_path / "m"


def refused(folder: Path, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        Model.load(folder)
    assert "\n" not in str(caught.value).strip()


def test_missing_files_are_named(folder: Path, tmp_path: Path) -> None:
    refused(tmp_path / "nowhere", r"not a triptych model: it has no model\.json")
    (folder / "weights.safetensors").unlink()
    refused(folder, r"cannot read .*weights\.safetensors")


@pytest.mark.parametrize("keep", [0, 7, 100, -1])
def test_cut_off_files_are_refused(folder: Path, keep: int) -> None:
    path = folder / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    refused(folder, "not a whole safetensors file")
    path = folder / "model.json"
    path.write_bytes(path.read_bytes()[: keep if keep >= 0 else -4])
    refused(folder, r"model\.json is not valid JSON")


@pytest.mark.parametrize(
    "content", [b"\xff" * 8 + b"{}", b"\x00" * 7 + b"\x7f" + b"{" * 50, b"\x80\x04pickle" * 9]
)
def test_oversized_headers_and_pickles_are_refused(folder: Path, content: bytes) -> None:
    (folder / "weights.safetensors").write_bytes(content)
    refused(folder, "not a whole safetensors file")


def test_one_changed_byte_is_noticed(folder: Path) -> None:
    path = folder / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    refused(folder, "sha256 differs")


@pytest.mark.parametrize("text", ["[]", "null", '"triptych-model"', '{"format": "other"}'])
def test_other_json_is_refused(folder: Path, text: str) -> None:
    (folder / "model.json").write_text(text)
    refused(folder, "not the description of a triptych model")


def test_json_of_endless_depth_is_refused(folder: Path) -> None:
    (folder / "model.json").write_text("[" * 100_000)
    refused(folder, "nested too deeply|not valid JSON")


def test_a_network_of_great_depth_is_refused(folder: Path) -> None:
    text = (folder / "model.json").read_text()
    deep = '{"sequential": [' * 400 + '{"network": "standardize", "settings": {}}' + "]}" * 400
    shallow = json.dumps(json.loads(text)["encoder"])
    (folder / "model.json").write_text(json.dumps(json.loads(text)).replace(shallow, deep))
    refused(folder, "does not describe a model|nested too deeply|beyond the network's")


def test_another_version_is_named(folder: Path) -> None:
    change(folder, lambda content: content.update(version=99))
    refused(folder, "format version 99, this triptych reads up to 2")


HUGE = 10**15
EDITS: list[tuple[str, Callable[[dict[str, Any]], object]]] = [
    ("preprocessing", lambda c: c.pop("preprocessing")),
    ("extra", lambda c: c.update(extra=1)),
    ("of another type", lambda c: c.update(heads=[])),
    ("of another type", lambda c: c.update(weights_sha256=None)),
    ("does not describe a network", lambda c: c.update(encoder=None)),
    ("does not describe a network", lambda c: c.update(encoder={"code": "import os"})),
    ("does not describe a network", lambda c: c["encoder"].update(extra=1)),
    ("there is no network 'os.system'", lambda c: c.update(encoder=ours("os.system"))),
    ("there is no network", lambda c: c.update(encoder=ours(["conv"]))),
    ("has no setting 'path'", lambda c: c.update(encoder=ours("conv", path="../x"))),
    ("channels='1', expected", lambda c: c.update(encoder=ours("conv", channels="1", length=60))),
    ("channels=-1, expected", lambda c: c.update(encoder=ours("conv", channels=-1, length=60))),
    ("lacks|needs|cannot", lambda c: c.update(encoder=ours("conv", channels=1, length=HUGE))),
    ("lacks|needs|cannot", lambda c: c["encoder"]["sequential"][1].update(features=HUGE)),
    ("not describe a model|cannot", lambda c: c["encoder"]["sequential"][1].update(hidden=-3)),
    ("rate='x'", lambda c: c["preprocessing"].update(rate="x")),
    ("not describe a model", lambda c: c["preprocessing"].update(window=3)),
    ("not describe a model", lambda c: c["preprocessing"].update(channels=7)),
    ("not describe a model", lambda c: c["heads"].update(beat=3)),
    ("not an identifier", lambda c: c["heads"].update({"../../x": c["heads"].pop("beat")})),
    ("not an identifier", lambda c: c["schema"]["blocks"][0].update(name="../x")),
    ("block name 7 is not an identifier", lambda c: c["schema"]["blocks"][0].update(name=7)),
    ("needs|has", lambda c: c["schema"]["blocks"][0].update(size=6)),
    ("needs|cannot|not describe", lambda c: c["schema"]["blocks"][0].update(size=HUGE)),
    ("beyond the network's", lambda c: c.update(decoder=None)),
]


def ours(name: object, **settings: object) -> dict[str, object]:
    return {"network": name, "settings": settings}


@pytest.mark.parametrize(("message", "edit"), EDITS, ids=range(len(EDITS)))
def test_changed_descriptions_are_refused(
    folder: Path, message: str, edit: Callable[[dict[str, Any]], object]
) -> None:
    change(folder, edit)
    refused(folder, message)


@pytest.mark.parametrize(
    ("message", "edit"),
    [
        ("lacks 1 weights", lambda s: s.pop("heads.beat.linear.bias")),
        ("network's, 1 weights", lambda s: s.update({"../x": torch.zeros(1)})),
        (
            r"shape \(1, 2\), .*needs",
            lambda s: s.update({"heads.beat.linear.bias": torch.zeros(1, 2)}),
        ),
        (
            "is torch.int64",
            lambda s: s.update({"heads.beat.linear.bias": torch.zeros(2, dtype=torch.int64)}),
        ),
        (
            "holds NaN",
            lambda s: s.update({"heads.beat.linear.bias": torch.full((2,), float("inf"))}),
        ),
    ],
)
def test_changed_weights_are_refused(
    folder: Path, message: str, edit: Callable[[dict[str, Tensor]], object]
) -> None:
    change_weights(folder, edit)
    refused(folder, message)


@pytest.mark.parametrize("hidden", [0, 6])
def test_gates_and_heads_that_read_guaranteed_features_only_are_rebuilt(
    tmp_path: Path, hidden: int
) -> None:
    schema = LatentSchema(
        Block("shape", 5, invariant_to="gain", gate=BernoulliGate(hidden=4)),
        Block("size", 3, variant_to="gain"),
    )
    trunk = encoder(
        "guaranteed", channels=3, length=60, raw=1, widths=(8, 8), kernels=(5, 3), strides=(2, 2)
    )
    windows = Preprocessing(rate=100.0, channels=("x", "y", "z"), length=60)
    model = Model(windows, BlockHeads(trunk, schema, hidden=hidden), schema)
    model.save(tmp_path / "m")
    x = torch.randn(4, 3, 60)
    assert torch.equal(Model.load(tmp_path / "m").embed(x).all, model.embed(x).all)


def test_two_encoders_are_rebuilt(tmp_path: Path) -> None:
    schema = LatentSchema(Block("shared", 5, role="common"), Block("ill", 3, role="salient"))
    small = {"channels": 1, "length": 60, "widths": (8,), "kernels": (5,), "strides": (4,)}
    trunk = TwoEncoders(encoder("conv", **small), encoder("conv", **small | {"widths": (16,)}))
    windows = Preprocessing(rate=100.0, channels=("x",), length=60)
    model = Model(windows, BlockHeads(trunk, schema), schema)
    model.save(tmp_path / "m")
    x = torch.randn(4, 1, 60)
    assert torch.equal(Model.load(tmp_path / "m").embed(x).all, model.embed(x).all)


def test_a_training_that_has_not_ended_is_told_from_what_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.ckpt").write_bytes(b"")
    refused(tmp_path, "the training in .* has not ended, .* again with --resume")


def test_a_guarantee_that_is_void_is_not_loaded(tmp_path: Path) -> None:
    before = front_end("invariants_beside")
    channels, length = before.shape(3, 60)
    schema = LatentSchema(
        Block("a", 4, invariant_to="rotation"), Block("o", 3, equivariant_to="rotation")
    )
    for raw in (54, 3):
        trunk = encoder(
            "guaranteed", channels=channels, length=length, raw=raw, widths=(8, 8), kernels=(5, 3),
            strides=(2, 2),
        )  # fmt: skip
        made = torch.nn.Sequential(before, BlockHeads(trunk, schema))
        folder = tmp_path / str(raw)
        Model(Preprocessing(20.0, ("x", "y", "z"), 60), made, schema).save(folder)
    assert Model.load(tmp_path / "54").schema == schema
    refused(tmp_path / "3", "all but 3 channels for invariant ones, but 54 are not")


@pytest.mark.parametrize("kind", ["canonical_phase", None])
def test_a_model_of_the_first_version_gets_its_front_end_back(
    tmp_path: Path, kind: str | None
) -> None:
    """Then the front-end was the encoder's first layers."""
    front = nn.Sequential(*([Standardize(), front_end(kind)] if kind else []))
    model = Model(WINDOWS, BlockHeads(ConvEncoder(1, 60), SCHEMA), SCHEMA, front_end=front)
    model.save(tmp_path)

    def to_first_version(content: dict[str, Any]) -> None:
        parts = [*content.pop("front_end")["sequential"], content["encoder"]]
        content |= {"version": 1, "encoder": {"sequential": parts}}

    def renamed(state: dict[str, Tensor]) -> None:
        for name in list(state):
            rest = name.removeprefix("encoder.")
            state[f"encoder.{len(front)}.{rest}"] = state.pop(name)

    change(tmp_path, to_first_version)
    change_weights(tmp_path, renamed)
    found = Model.load(tmp_path)
    assert [type(each) for each in found.front_end] == [type(each) for each in front]
    assert torch.equal(found.embed(X).all, model.embed(X).all)
    whole = nn.Sequential(*front, BlockHeads(ConvEncoder(1, 60), SCHEMA))
    assert torch.equal(Model.load(tmp_path, encoder=whole).embed(X).all, model.embed(X).all)
