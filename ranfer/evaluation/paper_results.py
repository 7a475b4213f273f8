"""What the paper reports for RAN with ResNet-18, to print beside one's own figures."""

from __future__ import annotations

from ranfer.evaluation.report import FERReport

PAPER_RESULTS: dict[str, dict[str, float]] = {
    'FERPlus': {'overall': 88.55, 'occlusion': 83.63, 'pose30': 82.23, 'pose45': 80.40},
    'RAF-DB': {'overall': 86.90, 'occlusion': 82.72, 'pose30': 86.74, 'pose45': 85.20},
    'AffectNet': {'overall': 59.50, 'occlusion': 58.50, 'pose30': 53.90, 'pose45': 53.19},
    'SFEW': {'overall': 54.19},
}
"""Accuracy in percent by data set and row (Wang et al., IEEE TIP 2020; face-pretrained).

AffectNet: 8 classes; overall with over-sampling of rare ones, 52.97 without.
"""

PAPER_NOTE = "paper: RAN-ResNet-18 with a face-pretrained backbone, on the owners' test split."


def report_text(report: FERReport, dataset: str | None) -> str:
    """Return the tables of an evaluation and its calibration, the paper's figures beside them.

    Args:
        report: The figures.
        dataset: Name of the data set, to find the paper's figures; None for none.
    """
    paper = PAPER_RESULTS.get(dataset or '')
    if dataset == 'AffectNet' and len(report.classes) != 8:
        paper = None
    parts = [report.summary_table(paper), report.class_table(), report.calibration_line()]
    return '\n\n'.join(parts + [PAPER_NOTE] * (paper is not None)) + '\n'
