"""Homespun: fine-tune a model on data it writes for itself, and prove which rows were worth keeping."""

__version__ = "0.1.0"
