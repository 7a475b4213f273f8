"""Pictures: pure functions from arrays to RGB images, and a visualizer that writes them."""

from ranfer.visualization.attention import draw_attention
from ranfer.visualization.conditions import draw_conditions
from ranfer.visualization.confusion import draw_confusion
from ranfer.visualization.curves import draw_learning_curves
from ranfer.visualization.figure import write_picture
from ranfer.visualization.region_weights import draw_region_weights, mean_region_weights
from ranfer.visualization.reliability import draw_reliability
from ranfer.visualization.scalars import read_scalars
from ranfer.visualization.visualizer import RANVisualizer

__all__ = [
    'RANVisualizer',
    'draw_attention',
    'draw_conditions',
    'draw_confusion',
    'draw_learning_curves',
    'draw_region_weights',
    'draw_reliability',
    'mean_region_weights',
    'read_scalars',
    'write_picture',
]
