"""A run from recipe to results: the loop, its stages, and what reads a run directory."""
