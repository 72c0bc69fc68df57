"""Evaluations: one result per item, and the comparison between arms."""
