"""Measurements of a model on signals: `audit` makes an `AuditResult`, `write_audit` files of it."""

from triptych.audit.result import AuditResult
from triptych.audit.run import audit
from triptych.audit.write import plot_audit, write_audit

__all__ = ["AuditResult", "audit", "plot_audit", "write_audit"]
