from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from tests.training import toys

from triptych.errors import InputError
from triptych.objectives import Plain, Separation, SimCLR, StructuredContrastive
from triptych.training import Recipe, untrained
from triptych.transforms import PhaseShift

RECIPES = sorted((Path(__file__).resolve().parents[2] / "recipes").glob("*.yaml"))


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    made = toys.recipe(classes=["slow", "fast"])
    made.write(tmp_path / "recipe.yaml")
    assert Recipe.read(tmp_path / "recipe.yaml") == made


def test_an_untrained_model_follows_from_the_recipe_and_its_seed() -> None:
    made = toys.recipe(classes=["slow", "fast"])
    x = toys.windows(context=0).signals
    z = untrained(made, ["ECG"]).embed(x).all
    state = torch.get_rng_state()
    assert torch.equal(untrained(made, 1).embed(x).all, z)
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(untrained(toys.recipe(training__seed=7), 1).embed(x).all, z)
    model = untrained(made, ["ECG"])
    assert (model.preprocessing.channels, dict(model.heads)) == (("ECG",), {})


def test_recipes_of_earlier_versions_are_read() -> None:
    assert Recipe.of({**toys.CONTENT, "schedule": "joint"}) == toys.recipe()


def test_there_are_recipes() -> None:
    assert {path.name for path in RECIPES} >= {"ecg.yaml", "imu.yaml", "own-folder.yaml"}


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.name)
def test_every_recipe_of_the_repository_can_be_built(path: Path) -> None:
    made = Recipe.read(path)
    from triptych.training.build import build

    channels = 3 if any(each.name == "rotation" for each in made.transforms) else 1
    parts = build(made, channels, made.length)
    latents = parts.encoder(parts.front_end(torch.randn(2, channels, made.length)))
    assert latents.shape == (2, made.schema_of_latent.size)


def test_a_number_without_a_dot_is_a_number(tmp_path: Path) -> None:
    toys.recipe().write(tmp_path / "recipe.yaml")
    text = (tmp_path / "recipe.yaml").read_text(encoding="utf-8")
    text = text.replace("name: scl", "name: scl\n  temperature: 2e-1")
    (tmp_path / "recipe.yaml").write_text(text, encoding="utf-8")
    assert Recipe.read(tmp_path / "recipe.yaml").objective.settings["temperature"] == 0.2


def test_transforms_get_the_rate_of_the_data() -> None:
    made = toys.recipe()
    assert made.make_transforms() == (PhaseShift(0.2, 100.0),)
    assert made.context_s == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("name", "kind"), [("plain", Plain), ("simclr", SimCLR), ("scl", StructuredContrastive)]
)
def test_objectives_are_made_by_name(name: str, kind: type) -> None:
    assert isinstance(toys.recipe(objective__name=name).make_objective(), kind)


@pytest.mark.parametrize(
    "changes",
    [
        {"objective__name": "supcon"},
        {"objective__supervised": True},
        {"weights__consistency": 1.0},
    ],
)
def test_what_learns_from_labels_needs_classes(changes: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="name classes"):
        toys.recipe(**changes)
    toys.recipe(**changes, classes=["slow", "fast"])


def test_what_augments_samples_needs_no_context() -> None:
    circular = {"name": "phase_shift", "mode": "circular", "max_shift": 0.1}
    made = toys.recipe(augment=[circular])
    assert Recipe.of(made.to_dict()) == made
    assert made.context_s == toys.recipe().context_s
    with pytest.raises(InputError, match="augment: phase_shift needs"):
        toys.recipe(augment=[{"name": "phase_shift", "max_shift": 0.1}])


def test_a_teacher_has_the_same_classes_and_windows() -> None:
    classes = ["slow", "fast"]
    teacher = toys.recipe(classes=classes, objective__name="plain").to_dict()
    made = toys.recipe(classes=classes, teacher=teacher, weights__teacher=1.0)
    assert made.teacher == toys.recipe(classes=classes, objective__name="plain")
    with pytest.raises(InputError, match="need each other"):
        toys.recipe(classes=classes, weights__teacher=1.0)
    with pytest.raises(InputError, match="need each other"):
        toys.recipe(classes=classes, teacher=teacher)
    for change in ({"classes": ["fast", "slow"]}, {"classes": None}):
        with pytest.raises(InputError, match="same classes"):
            toys.recipe(classes=classes, teacher=teacher | change, weights__teacher=1.0)
    with pytest.raises(InputError, match=r"unknown field 'teacher\.clases'.*mean 'classes'"):
        toys.recipe(classes=classes, teacher=teacher | {"clases": 1}, weights__teacher=1.0)


def test_the_full_head_can_have_a_teacher_of_its_own() -> None:
    classes = ["slow", "fast"]
    teacher = toys.recipe(classes=classes, objective__name="plain")
    taught = {"full_teacher": teacher.to_dict(), "weights__full_teacher": 1.0}
    alone = toys.recipe(classes=classes, **taught)
    assert alone.teachers == {"full_teacher": teacher}
    both = toys.recipe(classes=classes, teacher=teacher.to_dict(), weights__teacher=1.0, **taught)
    assert list(both.teachers) == ["teacher", "full_teacher"]
    assert toys.recipe(classes=classes).teachers == {}
    with pytest.raises(InputError, match=r"weights\.full_teacher above 0"):
        toys.recipe(classes=classes, weights__full_teacher=1.0)
    with pytest.raises(InputError, match="same classes"):
        toys.recipe(classes=["fast", "slow"], **taught)


def test_separation_needs_a_background_and_nothing_else() -> None:
    apart = {"latent": toys.POPULATIONS, "objective__name": "separation"}
    with pytest.raises(InputError, match=r"needs objective\.background"):
        toys.recipe(**apart)
    made = toys.recipe(**apart, objective__background=["slow"])
    assert isinstance(made.make_objective(), Separation)
    with pytest.raises(InputError, match="leave classes"):
        toys.recipe(**apart, objective__background=["slow"], classes=["slow", "fast"])


def test_reading_leaves_the_random_state_alone() -> None:
    state = torch.get_rng_state()
    toys.recipe()
    assert torch.equal(torch.get_rng_state(), state)


def test_a_recipe_is_frozen() -> None:
    with pytest.raises(Exception, match="frozen"):
        toys.recipe().name = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"training.epoch": 3}, "'training.epoch' .value 3."),
        ({"colour": "red"}, "'colour' .value 'red'."),
        ({"training.epochs": 0}, "'training.epochs' is 0"),
        ({"training.epochs": "x"}, "'training.epochs' is 'x'"),
        ({"training.learning_rate": float("nan")}, "learning_rate' is"),
        ({"training.epochs": "x", "name": ""}, "1 more fault"),
        ({"data": {}}, "field 'data.name'"),
        ({"data.low": 60.0}, "high 40 Hz"),
        ({"data.rate.x": 1}, "'data.rate.x' is"),
        ({"objective.name": "sl"}, "no objective 'sl'; choose"),
        (
            {"objective.temprature": 1},
            r"'scl' has no setting 'temprature'.*mean 'temperature'",
        ),
        ({"objective.temperature": "hot"}, "objective 'scl' cannot"),
        ({"objective.weights": {"align": 1}}, "weights names 'align'"),
        ({"latent": [{"name": "a", "size": 3}]}, "blocks name"),
        ({"latent": 3}, "'latent' is 3"),
        ({"transforms": [{"name": "phase"}]}, "no transform 'phase'"),
        ({"transforms": [{"name": "phase_shift", "rate": 50}]}, "transform's rate"),
        (
            {"transforms": [{"name": "gain"}, {"name": "gain", "max_gain": 3.0}]},
            "named 'gain'",
        ),
        ({"classes": ["a", "a"]}, "classes names"),
        ({"objective.name": "plain", "decoder": False}, "nothing to train"),
        ({"schedule": "alternate"}, "'alternate' is retired: .*schedule"),
        ({"objective.stop_gradient": []}, "no setting 'stop_gradient'"),
        ({"objective.name": "separation"}, "block with role='common'"),
        ({"objective.background": ["slow"]}, "no other objective"),
        (
            {"encoder.two": True, "latent": [{"name": "z", "size": 8}], "objective.name": "simclr"},
            "encoder.two needs blocks",
        ),
        ({"encoder.two": True, "encoder.name": "guaranteed"}, "encoder.two .*'guaranteed'"),
    ],
)
def test_a_fault_is_one_sentence(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        toys.recipe().replace(changes)
    assert "\n" not in str(caught.value)
    assert "pydantic" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: [", "line 2"),
        ("", "holds nothing, expected"),
        ("- a", "holds list, expected"),
        ("name: x", "field 'data'"),
        ("!!python/object/apply:os.getcwd []", "not valid YAML"),
    ],
)
def test_a_file_that_is_no_recipe(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(text + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=words) as caught:
        Recipe.read(path)
    assert str(path) in str(caught.value)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read .*absent\.yaml"):
        Recipe.read(tmp_path / "absent.yaml")


def test_recipes_do_not_load_lightning() -> None:
    code = "import sys; from triptych.training import Recipe, prepare; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "lightning" not in run.stdout.split()


def test_unknown_name_is_an_attribute_error() -> None:
    import triptych.training

    with pytest.raises(AttributeError, match="no attribute 'Fit'"):
        _ = triptych.training.Fit


def test_changes_are_read_as_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(toys.CONTENT))
    changes = ["training.learning_rate=1e-3", "classes=[no, yes]", "decoder=no", "data.low=null"]
    changed = Recipe.read(path, changes)
    assert changed.training.learning_rate == 1e-3
    assert changed.classes == ("no", "yes")
    assert (changed.decoder, changed.data.low) == (False, None)
    assert Recipe.read(path, ["name=no"]).name == "no"
    changed.write(path)
    assert Recipe.read(path) == changed


def test_settings_of_objectives_may_say_yes_and_no(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump({**toys.CONTENT, "classes": ["a", "b"]}))
    changed = Recipe.read(path, ["objective.supervised=yes", "objective.one_sided=off"])
    assert changed.objective.settings == {"supervised": True, "one_sided": False}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (["a"], "expected KEY=VALUE"),
        ([".a=3"], "expected KEY=VALUE"),
        (["name=a", "name=b"], "given twice"),
        (["name=[a"], r"'\[a', .*YAML"),
    ],
)
def test_changes_that_cannot_be(changes: list[str], said: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(toys.CONTENT))
    with pytest.raises(InputError, match=said):
        Recipe.read(path, changes)


def test_a_key_that_stands_twice_is_named(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("name: a\ntraining:\n  epochs: 3\n  epochs: 4\n")
    with pytest.raises(InputError, match="'epochs' stands twice"):
        Recipe.read(path)
