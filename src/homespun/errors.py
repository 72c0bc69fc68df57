"""One tree of errors.

Each error is also the stdlib kind a caller would expect, takes one message (so it pickles across
processes) and says three things: the offending value, what is allowed, and the fix. A failed *row* is
never an error, it is data on the row; these are for a failed *run*. The command line prints them
without a traceback.
"""

from __future__ import annotations


class HomespunError(Exception):
    """Root of every error that Homespun raises on purpose."""


class UsageError(HomespunError, ValueError):
    """Something the user wrote cannot be done as written (a recipe, an option, a name)."""


class RecipeError(UsageError):
    """A recipe does not say what it must; the message carries file and line."""


class DataError(HomespunError, ValueError):
    """A data file is empty, unreadable, or lacks a column or a label."""


class ModelError(HomespunError, RuntimeError):
    """A model cannot be found, loaded, or used for what was asked."""


class DegenerateError(HomespunError, RuntimeError):
    """A stage produced nothing that the next one could use (no rows, one label)."""


class BudgetError(HomespunError, RuntimeError):
    """What the recipe allows is spent before the run is complete; everything so far is kept."""


class StoreError(HomespunError, OSError):
    """The run directory cannot be written or does not hold what it should."""


class LockedError(StoreError):
    """Another process works in this run directory."""


class MissingExtraError(HomespunError, ImportError):
    """An optional dependency is needed; the message gives the install command."""
