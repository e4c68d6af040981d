"""Measurements of a model on signals: `audit` makes an `AuditResult`, `write_audit` files of it.

`evaluate` compares the predictions of a model's head with labels.
"""

from triptych.audit.card import About, BlockFigures, block_figures, card_of, write_card
from triptych.audit.evaluating import evaluate
from triptych.audit.evaluation import Evaluation
from triptych.audit.graph import GraphFigures, compare_graphs, graph_table
from triptych.audit.result import AuditResult
from triptych.audit.run import audit
from triptych.audit.write import plot_audit, write_audit

__all__ = [
    "About",
    "AuditResult",
    "BlockFigures",
    "Evaluation",
    "GraphFigures",
    "audit",
    "block_figures",
    "card_of",
    "compare_graphs",
    "evaluate",
    "graph_table",
    "plot_audit",
    "write_audit",
    "write_card",
]
