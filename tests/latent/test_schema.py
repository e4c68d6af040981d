"""The schema: blocks in order, relations, cutting and joining, plain data."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from triptych.errors import InputError
from triptych.latent import Block, LatentSchema

TRANSFORMS = ("phase_shift", "rotation", "gain")
TAKEN = ("type", "train", "values", "training", "forward")
RELATIONS = ("invariant", "variant", "equivariant")


@st.composite
def schemas(draw: st.DrawFn) -> LatentSchema:
    word = st.from_regex(r"[a-z]{1,6}", fullmatch=True)
    free = word.filter(lambda name: not hasattr(torch.nn.ModuleDict(), name))
    names = draw(st.lists(free, unique=True, min_size=1, max_size=5))
    blocks = []
    for name in names:
        relations: dict[str, list[str]] = {}
        for transform in TRANSFORMS:
            relation = draw(st.sampled_from((*RELATIONS, None)))
            if relation:
                relations.setdefault(f"{relation}_to", []).append(transform)
        role = draw(st.sampled_from((None, "common", "salient")))
        blocks.append(Block(name, draw(st.integers(1, 9)), **relations, role=role))
    return LatentSchema(*blocks)


@given(schema=schemas(), leading=st.lists(st.integers(0, 3), max_size=2))
def test_split_cuts_the_whole_vector_into_its_blocks(
    schema: LatentSchema, leading: list[int]
) -> None:
    z = torch.arange(schema.size).expand(*leading, schema.size)
    parts = schema.split(z)
    assert tuple(parts) == schema.names
    assert [part.shape[-1] for part in parts.values()] == [block.size for block in schema.blocks]
    assert torch.equal(torch.cat(list(parts.values()), dim=-1), z)


@given(schema=schemas())
def test_slices_are_contiguous_and_cover_every_dimension_once(schema: LatentSchema) -> None:
    covered = [i for part in schema.slices.values() for i in range(part.start, part.stop)]
    assert covered == list(range(schema.size))


@given(schema=schemas(), data=st.data())
def test_select_joins_blocks_in_the_order_asked_for(
    schema: LatentSchema, data: st.DataObject
) -> None:
    names = tuple(data.draw(st.lists(st.sampled_from(schema.names), min_size=1, max_size=4)))
    z = torch.randn(2, schema.size)
    expected = [z[:, schema.slices[name]] for name in names]
    assert torch.equal(schema.select(z, names), torch.cat(expected, dim=1))


@given(schema=schemas())
def test_plain_data_rebuild_the_schema(schema: LatentSchema) -> None:
    again = LatentSchema.from_dict(json.loads(json.dumps(schema.to_dict())))
    assert again == schema
    assert hash(again) == hash(schema)
    assert str(again) == str(schema)


@given(schema=schemas())
def test_every_block_is_found_by_each_of_its_relations(schema: LatentSchema) -> None:
    for transform in TRANSFORMS:
        found = [block for name in RELATIONS for block in schema.related(name, transform)]
        assert sorted(block.name for block in found) == sorted(
            block.name for block in schema.blocks if transform in block.relations
        )
    assert set(schema.transforms) == {name for b in schema.blocks for name in b.relations}
    for block in schema.blocks:
        assert block.free is not bool(block.relations or block.role)
        assert (block in schema.common, block in schema.salient) == (
            block.role == "common",
            block.role == "salient",
        )


@pytest.fixture
def triptych_schema() -> LatentSchema:
    return LatentSchema(
        Block("activity", 4, invariant_to=("rotation", "phase_shift")),
        Block("orientation", 3, invariant_to="phase_shift", equivariant_to="rotation"),
        Block("detail", 2),
    )


def test_relations_are_per_transform(triptych_schema: LatentSchema) -> None:
    def names(blocks: tuple[Block, ...]) -> list[str]:
        return [block.name for block in blocks]

    assert names(triptych_schema.invariant("phase_shift")) == ["activity", "orientation"]
    assert names(triptych_schema.invariant("rotation")) == ["activity"]
    assert names(triptych_schema.equivariant("rotation")) == ["orientation"]
    assert names(triptych_schema.variant("rotation")) == []
    assert triptych_schema.transforms == ("rotation", "phase_shift")
    assert triptych_schema["detail"].free


def test_the_schema_reads_aloud(triptych_schema: LatentSchema) -> None:
    expected = (
        "^activity: 4 .*, invariant to rotation, invariant to phase_shift$",
        "^orientation: 3 .*, invariant to phase_shift, equivariant to rotation$",
        "^detail: 2 .*, free$",
    )
    for line, words in zip(str(triptych_schema).splitlines(), expected, strict=True):
        assert re.search(words, line)


def test_roles_read_aloud() -> None:
    schema = LatentSchema(
        Block("anatomy", 32, role="common"),
        Block("disease", 16, role="salient", invariant_to="phase_shift"),
    )
    first, second = str(schema).splitlines()
    assert re.search("^anatomy: 32 .*, common$", first)
    assert re.search("^disease: 16 .*, salient, invariant to phase_shift$", second)
    assert "role" not in Block("detail", 2).to_dict()


def test_blocks_of_split_are_views_that_carry_gradients(triptych_schema: LatentSchema) -> None:
    z = torch.randn(5, 9, requires_grad=True)
    triptych_schema.split(z)["orientation"].sum().backward()
    assert z.grad is not None
    assert z.grad.sum(dim=0).tolist() == [0] * 4 + [5] * 3 + [0] * 2


@pytest.mark.parametrize("shape", [(5, 8), (9, 5), ()])
def test_latents_of_another_size_are_refused(
    triptych_schema: LatentSchema, shape: tuple[int, ...]
) -> None:
    with pytest.raises(InputError, match=r"9 .*activity 4 \+ orientation 3 \+ detail 2"):
        triptych_schema.split(torch.zeros(shape))


def test_an_unknown_block_is_named(triptych_schema: LatentSchema) -> None:
    for ask in (
        lambda: triptych_schema["mood"],
        lambda: triptych_schema.select(torch.zeros(1, 9), ("mood",)),
    ):
        with pytest.raises(InputError, match="no block 'mood'"):
            ask()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Block("two words", 3), "not an identifier"),
        (lambda: Block("../weights", 3), "not an identifier"),
        (lambda: Block("a", 0), "at least 1"),
        (lambda: Block("a", 8.5), "size 8.5, expected"),  # type: ignore[arg-type]
        (lambda: Block(False, 3), "name False"),  # type: ignore[arg-type]
        *((lambda name=name: Block(name, 3), "a word of PyTorch") for name in TAKEN),
        (lambda: Block("a", 3, role="shared"), "'common' or 'salient'"),  # type: ignore[arg-type]
        (lambda: Block("a", 3, invariant_to="gain", variant_to="gain"), "more than"),
        (lambda: Block("a", 3, invariant_to=("gain", "gain")), "more than"),
        (lambda: LatentSchema(), "least one block"),
        (lambda: LatentSchema(Block("a", 1), Block("a", 2)), "named 'a'"),
        (lambda: LatentSchema.from_dict({}), "list 'blocks'"),
        (lambda: LatentSchema.from_dict({"blocks": {}}), "list 'blocks'"),
        (lambda: LatentSchema.from_dict({"blocks": []}), "least one block"),
        (lambda: LatentSchema.from_dict({"blocks": ["a"]}), "'a' is"),
        (lambda: LatentSchema.from_dict({"blocks": [{"name": "a"}]}), "not a block"),
        (
            lambda: LatentSchema.from_dict({"blocks": [{"name": "a", "size": 1, "for": "x"}]}),
            "name, size",
        ),
        (
            lambda: LatentSchema.from_dict({"blocks": [{"name": "a", "size": "x"}]}),
            "whole number",
        ),
    ],
)
def test_what_is_no_schema_is_one_sentence(make: object, message: str) -> None:
    assert callable(make)
    with pytest.raises(InputError, match=message):
        make()


def test_a_size_of_numpy_is_a_size() -> None:
    schema = LatentSchema(Block("a", np.int64(8)))  # type: ignore[arg-type]
    assert json.loads(json.dumps(schema.to_dict())) == {"blocks": [{"name": "a", "size": 8}]}


def test_a_relation_that_a_recipe_leaves_empty_is_none() -> None:
    entry = {"name": "a", "size": 1, "invariant_to": None, "variant_to": "gain"}
    assert LatentSchema.from_dict({"blocks": [entry]}) == LatentSchema(
        Block("a", 1, variant_to="gain")
    )
