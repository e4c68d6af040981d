"""A training step of BayesNCL against NCL's: what the gate costs.

Both sides take the views, encoder, loss and optimiser of the ECG phase study, without decoder and
on one block; BayesNCL adds its gate network and the KL.
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import ECG
from benchmarks.scl_step import training_step
from benchmarks.timing import Effort, Row, compared, in_turns
from triptych.training import Recipe

BOUND = 1.15


def run(effort: Effort) -> Iterator[Row]:
    """One row for each batch size and kind of gate."""
    content = Recipe.read(ECG).to_dict()
    block = {"name": "latent", "size": 128}
    content |= {"decoder": False, "latent": [block], "objective": {"name": "ncl", "projection": 0}}
    recipe = Recipe.of(content)
    simclr = {"name": "simclr", "projection": 0}
    gates = {
        mode: Recipe.of(content | {"latent": [block | {"gate": gate}], "objective": simclr})
        for mode in ("ste", "gumbel")
        for gate in [{"mode": mode}]
    }
    for batch in (8,) if effort.smallest else (128, 256):
        steps = {name: training_step(each, batch) for name, each in gates.items()}
        found = in_turns({**steps, "ncl": training_step(recipe, batch)}, effort)
        for mode in gates:
            case = f"{mode}, batch {batch}"
            yield compared("gate_step", case, mode, "ncl", found, at_most=BOUND)
