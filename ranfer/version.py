"""Version of ranfer."""

__version__ = '0.1.0'
