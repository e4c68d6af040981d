"""The encoders in the package: three lines give blocks, a stream is the batch, cards parse."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from triptych.files import read_json
from triptych.metrics import cosine
from triptych.model import Model, fingerprint_of, hub
from triptych.model.stream import Stream
from triptych.transforms import Rotation

NAMES = hub.names()
MOST = 2_000_000  # bytes of weights
LINES = """
import numpy as np
from triptych.model import Model

model = Model.from_pretrained({name!r})
windows = model.prepare(np.random.default_rng(0).normal(size=({channels}, 3000)), rate=120.0)
latents = model.embed(windows)
print(sorted(latents), len(latents.all))
"""


def recording(model: Model, seconds: float = 21.0) -> np.ndarray:
    rng, form = np.random.default_rng(0), model.preprocessing
    time = np.arange(round(seconds * form.rate)) / form.rate
    waves = [np.sin(2 * np.pi * (1 + k) * time) for k in range(len(form.channels))]
    return (np.stack(waves) + rng.normal(scale=0.1, size=(len(waves), len(time)))).astype("float32")


def test_those_that_the_docs_promise_are_there() -> None:
    assert {"ecg-1lead", "imu-wrist", "imu-phone", "imu-any", "imu-any-learned"} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_files_are_data_of_the_package_and_whole(name: str) -> None:
    place = resources.files("triptych.model") / "weights" / name
    files = {each.name: each.read_bytes() for each in place.iterdir()}
    assert files.keys() == {"model.json", "weights.safetensors", "README.md"}
    weights = files["weights.safetensors"]
    told = read_json(Path(str(place)) / "model.json")["weights_sha256"]
    assert hashlib.sha256(weights).hexdigest() == told
    assert len(weights) <= MOST
    model = Model.from_pretrained(name)
    assert sum(p.numel() for p in model.parameters()) <= 1_000_000


@pytest.mark.parametrize("name", NAMES[:1])
def test_three_lines_in_a_fresh_process_give_blocks(name: str, tmp_path: Path) -> None:
    schema, form = Model.from_pretrained(name).schema, Model.from_pretrained(name).preprocessing
    code = LINES.format(name=name, channels=len(form.channels))
    source = Path(hub.__file__).parents[2]
    around = {**os.environ, "PYTHONPATH": str(source), "HF_HUB_OFFLINE": "1"}
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=around, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    windows = int(3000 / 120 * form.rate) // form.length
    assert told.stdout.strip() == f"{sorted(schema.names)} {windows}"


@pytest.mark.parametrize("name", NAMES)
def test_a_stream_gives_the_batch_with_samples_lost_and_repeated(name: str) -> None:
    model = Model.from_pretrained(name)
    x, rate, step = recording(model), model.preprocessing.rate, 1.0
    lost, again = x.shape[1] // 2, 7
    stream = Stream(model, step)
    parts = [
        stream.push(x[:, : lost - 50]),
        stream.push(x[:, lost - 50 - again : lost], at=lost - 50 - again),  # some once more
        stream.push(x[:, lost + 3 :], at=lost + 3),  # and three never
    ]
    found = torch.cat([each.latents.all for each in parts])
    stretches = (x[:, :lost], x[:, lost + 3 :])
    expected = [model.embed(model.prepare(each, rate, step)).all for each in stretches]
    torch.testing.assert_close(found, torch.cat(expected), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", sorted({*NAMES} & {"imu-any", "imu-phone", "imu-wrist"}))
def test_motion_is_the_same_however_the_sensor_is_turned(name: str) -> None:
    model, rng = Model.from_pretrained(name), torch.Generator().manual_seed(0)
    x = torch.randn(40, 3, model.preprocessing.length, generator=rng) * 0.3
    x[:, 2] += 1.0  # gravity
    turned = Rotation().apply(x, Rotation().sample(40, rng))
    still, moved = model.embed(x)["activity"], model.embed(turned)["activity"]
    assert cosine(still.numpy(), moved.numpy()).min() > 0.9999
    first = {k: each.labels for k, each in model.predict(x).items()}
    again = {k: each.labels for k, each in model.predict(turned).items()}
    assert (first["invariant"] == again["invariant"]).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_card_has_front_matter_and_the_figures_of_every_block(name: str) -> None:
    text = (hub.SHIPPED / name / "README.md").read_text(encoding="utf-8")
    _, front, body = text.split("---\n", 2)
    said = yaml.safe_load(front)
    assert said["library_name"] == "triptych"
    assert {"license", "tags", "datasets", "metrics"} <= said.keys()
    schema = Model.from_pretrained(name).schema
    for block in schema.blocks:
        for transform in schema.transforms:
            assert f"| {block.name} | {transform.replace('_', ' ')} |" in body
    assert f'from_pretrained("{name}")' in body
    assert f"triptych_studies.pretrained {name}" in body


def test_latents_keep_their_fingerprint_whatever_heads_read_them() -> None:
    model = Model.from_pretrained("imu-wrist")
    before = fingerprint_of(model)
    assert fingerprint_of(model.reset_heads(("sit", "stand"))) == before
    next(model.encoder.parameters()).data.view(-1)[0] += 1
    assert fingerprint_of(model) != before
