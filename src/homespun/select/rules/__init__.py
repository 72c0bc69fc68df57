"""The rules, one idea a file; registry.py lists them by the kind that a recipe names."""
