"""Measurements of a model on signals: brittleness, retrieval, probes, statistics, report."""

from triptych.audit.audit_result import AuditResult
from triptych.audit.run import audit

__all__ = ["AuditResult", "audit"]
