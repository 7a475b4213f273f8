"""Evaluation: accuracy overall, by class and by condition."""

from ranfer.evaluation.fer_metric import FERMetric
from ranfer.evaluation.report import FERReport, make_report

__all__ = ['FERMetric', 'FERReport', 'make_report']
