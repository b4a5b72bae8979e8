"""The commands: the only room that prints, and the only one that turns an error into an exit code."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit: 0 when it did what was asked, 2 with one sentence when its input was wrong."""
    sys.exit(run(list(sys.argv[1:] if arguments is None else arguments)))


def run(arguments: list[str]) -> int:
    """Exit code of one command line; every error of the user's becomes one line on stderr."""
    import typer

    from radiography.cli.app import app, spell_out_file_lists

    warnings.showwarning = _show_warning
    try:
        result = app(spell_out_file_lists(arguments), standalone_mode=False)
        return result if isinstance(result, int) else 0
    except typer.Exit as leaving:
        return int(leaving.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        print("radiography: interrupted, nothing was left half-written", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output went away, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except MemoryError:
        return _complain("not enough memory for this; fewer frames or a smaller panel need less")
    except OSError as error:
        if error.filename is not None and error.strerror:
            return _complain(f"{error.filename}: {error.strerror}")
        return _complain(str(error))
    except (ValueError, TypeError) as error:
        return _complain(str(error))
    except Exception as error:
        format_message = getattr(error, "format_message", None)  # a mistake in the command line itself
        if format_message is None:
            raise
        return _complain(format_message())


def _complain(message: str) -> int:
    print(f"radiography: {' '.join(message.split())}", file=sys.stderr)
    return 2


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    print(f"radiography: warning: {' '.join(str(message).split())}", file=sys.stderr)
