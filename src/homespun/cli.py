"""The command line as a process: signals, errors in one line, exit codes. The commands stand in commands.py.

Exit codes: 0 complete, 1 user error (usage too), 2 partial, 130 interrupted.
"""

from __future__ import annotations

import shlex
import signal
import sys

from typer.exceptions import TyperException

from homespun.commands import PARTIAL, app

INTERRUPTED = 130


def _interrupt(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


def main() -> None:
    """Run the command line and leave with its exit code."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        code = app(standalone_mode=False)
    except TyperException as error:
        _complain(error.format_message() if hasattr(error, "format_message") else str(error))
        code = 1
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:
        code = 1
    except (ValueError, RuntimeError, OSError, ImportError) as error:
        from homespun.errors import BudgetError, HomespunError

        if not isinstance(error, HomespunError | OSError):
            raise
        _complain(str(error))
        code = PARTIAL if isinstance(error, BudgetError) else 1
    if code == INTERRUPTED:  # typer turns an interrupt inside a command into this code
        sys.stderr.write("\nstopped; finished work is kept. To go on, run the same command again:\n")
        sys.stderr.write(f"  {_command()}\n")
    sys.exit(code)


def _command() -> str:
    return shlex.join(["homespun", *sys.argv[1:]])


def _complain(text: str) -> None:
    sys.stderr.write(f"error: {text}\n")


if __name__ == "__main__":
    main()
