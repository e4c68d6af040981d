"""Contrastive learning of one latent vector: SimCLR without labels, SupCon with them."""

from __future__ import annotations

from typing import Any

from triptych_studies.methods import Change, Method

TEMPERATURE = {"ecg": 0.05, "imu": 0.1, "benchmark": 0.2}
VARIED_TEMPERATURE = 0.5  # where views differ in much: chosen on validation subjects of watch-18

LABEL_FREE: Change = {"classes": None, "decoder": False}  # on every task of the benchmark


def simclr(task: Any) -> Change:
    """Two views of a window attract each other; every other window repels."""
    if task.kind == "dimensions":  # plain training there
        return {}
    if task.kind == "populations":  # one vector stands for both spaces
        return {"objective": {"name": "simclr"}, "latent": task.undivided}
    change: Change = {"objective": {"name": "simclr", "temperature": TEMPERATURE[task.kind]}}
    if task.kind == "benchmark":
        if task.varied:
            change["objective"] |= {"temperature": VARIED_TEMPERATURE}
        return change | LABEL_FREE | {"transforms": task.contrasted}
    return change | ({"decoder": False} if task.kind == "ecg" else {"classes": None})


def supcon(task: Any) -> Change:
    """Windows of one class attract each other (Khosla et al. 2020); no other loss."""
    if task.kind == "populations":
        return {"objective": {"name": "supcon"}, "latent": task.undivided}
    objective = {"name": "supcon", "temperature": TEMPERATURE[task.kind]}
    return {"objective": objective, "weights": {"task": 0.0}}


METHODS = {"simclr": Method(simclr, frozen=True), "supcon": Method(supcon, frozen=True)}
