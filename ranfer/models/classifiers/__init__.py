"""Classifiers: backbone, neck and head tied together."""

from ranfer.models.classifiers.ran_classifier import RANClassifier

__all__ = ['RANClassifier']
