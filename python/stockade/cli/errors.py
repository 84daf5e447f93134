"""The one place that turns errors into messages and exit codes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Final

import typer

from stockade.app.errors import ConfigProblemsError, StockadeError
from stockade.cli.output import visible

GOOD: Final = 0
"""Nothing to report."""
FOUND: Final = 1
"""The command worked and found something."""
WRONG_USE: Final = 2
"""Arguments or config are wrong; nothing was started or changed."""
UNDECIDED: Final = 3
"""It could not be found out: something does not answer, or cannot be read."""

INTERRUPTED: Final = 130
"""Ended by Ctrl-C, as shells say it."""

UNDECIDED_CODES: Final = ("gateway.", "admin.", "spool.", "events.no_data", "explain.")
"""Beginnings of error codes that end with `UNDECIDED`."""


def run_guarded(command: Callable[[], object], *, wants_json: bool) -> int:
    """Run a command and answer for whatever it raises.

    Args:
        command: returns its exit code; None means good.
        wants_json: whether errors are written as JSON.

    Returns:
        The exit code.
    """
    try:
        outcome = command()
    except typer.TyperException as error:
        context = getattr(error, "ctx", None)
        where = context.command_path if context else "stockade"
        return _report("usage", _lowered(error.format_message()), f"see `{where} --help`", wants_json, WRONG_USE)
    except (typer.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away, as `| head` does. Nothing may be flushed to it at exit.
        sys.stdout = None
        return GOOD
    except ConfigProblemsError as error:
        return _report_problems(error, wants_json)
    except StockadeError as error:
        code = UNDECIDED if error.code.startswith(UNDECIDED_CODES) else WRONG_USE
        return _report(error.code, error.message, error.hint, wants_json, code)
    except OSError as error:
        named = f" `{error.filename}`" if error.filename else ""
        return _report("os", f"{_lowered(error.strerror or str(error))}{named}", None, wants_json, UNDECIDED)
    return outcome if isinstance(outcome, int) else GOOD


def _report(code: str, message: str, hint: str | None, wants_json: bool, exit_code: int) -> int:
    if wants_json:
        sys.stdout.write(json.dumps({"error": {"code": code, "message": message, "hint": hint}}) + "\n")
        return exit_code
    # A message may quote what a file, a server or a caller sent.
    sys.stderr.write(f"error: {visible(message)}\n")
    if hint:
        sys.stderr.write(f"hint: {visible(hint)}\n")
    return exit_code


def _report_problems(error: ConfigProblemsError, wants_json: bool) -> int:
    if wants_json:
        problems = [problem.to_json() for problem in error.problems]
        sys.stdout.write(json.dumps({"problems": problems}) + "\n")
        return WRONG_USE
    for problem in error.problems:
        sys.stderr.write(f"{visible(str(problem))}\n")
    return WRONG_USE


def _lowered(message: str) -> str:
    message = message.strip().rstrip(".")
    return message[:1].lower() + message[1:]
