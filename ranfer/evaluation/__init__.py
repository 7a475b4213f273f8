"""Evaluation: accuracy overall, by class and by condition."""

from ranfer.evaluation.ensemble import fuse
from ranfer.evaluation.fer_metric import FERMetric
from ranfer.evaluation.predictions import DumpPredictions, Predictions
from ranfer.evaluation.report import FERReport, make_report

__all__ = ['DumpPredictions', 'FERMetric', 'FERReport', 'Predictions', 'fuse', 'make_report']
