"""The commands: the only room that prints, and the only one that turns an error into an exit code."""

from __future__ import annotations

import _thread
import errno
import logging
import os
import re
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

LONGEST_LINE = 1000  # characters of a sentence about an error or a warning   # chosen

INTERRUPTED = 130  # as shells have it: 128 + SIGINT
AGAIN_AFTER_S = 0.01  # for a destructor to end   # chosen


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit: 0 when it did what was asked, 2 with one sentence when its input was wrong."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not where a shell has it ignored
        signal.signal(signal.SIGINT, _interrupt_once)
    sys.exit(run(list(sys.argv[1:] if arguments is None else arguments)))


def _interrupt_once(*_: object) -> None:
    """Interrupt; whoever presses the keys again does not interrupt the tidying up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.unraisablehook = _after_an_interrupt
    raise KeyboardInterrupt


def _after_an_interrupt(lost: Any) -> None:
    """Say nothing of what an interrupt leaves half-built; one that a destructor has swallowed comes again."""
    if issubclass(lost.exc_type, KeyboardInterrupt):
        signal.signal(signal.SIGINT, _interrupt_once)
        threading.Timer(AGAIN_AFTER_S, _interrupt_main_thread).start()


def _interrupt_main_thread() -> None:
    """Send the interrupt again, so that a wait of the main thread ends as well where the system can do that."""
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    else:
        _thread.interrupt_main()


def run(arguments: list[str]) -> int:
    """Exit code of one command line; every error of the user's becomes one line on stderr."""
    from calibration.own_words import said_by_us

    try:
        code = _exit_code(arguments)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        print("radiography: interrupted, nothing was left half-written", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output went away, as `| head` does
        return _reader_is_gone()
    except MemoryError:
        return _complain("not enough memory for this; fewer frames or a smaller panel need less")
    except OSError as error:
        if sys.platform == "win32" and error.errno == errno.EINVAL and error.filename is None:
            return _reader_is_gone()  # what Windows makes of it
        if error.filename is not None and error.strerror:
            return _complain(f"{error.filename}: {error.strerror}")
        return _complain(str(error))
    except Exception as error:
        format_message = getattr(error, "format_message", None)  # a mistake in the command line itself
        if format_message is not None:
            return _complain(_in_our_words(_with_a_guess(format_message()), error.__cause__))
        if isinstance(error, ValueError | TypeError) and said_by_us(error):
            return _complain(str(error))
        if "--verbose" in arguments:
            raise
        place = traceback.extract_tb(error.__traceback__)[-1]
        return _complain(
            f"this input cannot be worked with, and the program should have said why "
            f"({type(error).__name__} in {Path(place.filename).name}, line {place.lineno}): please report it"
        )


def _exit_code(arguments: list[str]) -> int:
    """Exit code of a command line that ends as commands end."""
    import typer

    from radiography.cli.app import app
    from radiography.cli.output import begin
    from radiography.cli.words import spell_out_file_lists

    warnings.showwarning = _show_warning
    logging.lastResort = logging.NullHandler()  # what libraries note down is for programmers
    begin()
    try:
        result = app(spell_out_file_lists(arguments), standalone_mode=False)
        code = result if isinstance(result, int) else 0
    except typer.Exit as leaving:
        code = int(leaving.exit_code)
    except typer.Abort:
        code = INTERRUPTED
    except SystemExit as leaving:
        if isinstance(leaving.__context__, BrokenPipeError):  # click ends with 1 there
            raise leaving.__context__ from None
        raise
    if code == INTERRUPTED:  # typer has caught the interrupt
        raise KeyboardInterrupt
    return code


def _reader_is_gone() -> int:
    """Exit code for output that nobody reads; what is left of it goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 141  # as shells have it: 128 + SIGPIPE


def _with_a_guess(message: str) -> str:
    """What is wrong with a command line, with the likely names as unknown commands have them."""
    found = re.fullmatch(r"(.*?) \(Possible options?: (.*)\)", message.strip())
    if found is None:
        return message
    return f"{found[1].rstrip('.')}. Did you mean {' or '.join(found[2].split(', '))}?"


def _in_our_words(message: str, cause: BaseException | None) -> str:
    """What is wrong with a value, without the words of the library that looked at it, and with the value."""
    findings = getattr(cause, "errors", None)  # of pydantic, where typer asked it
    if findings is None:
        return message
    finding = findings()[0]
    words = str(finding["msg"])
    ours = words.partition(", unable to parse")[0].removeprefix("Value error, ").replace("Input should be", "must be")
    found = repr(finding["input"])
    return message.replace(words, ours if found in ours else f"{ours}, got {found}")


def _complain(message: str) -> int:
    print(f"radiography: {_one_line(message)}", file=sys.stderr)
    return 2


def _show_warning(message: Warning | str, category: type[Warning] = UserWarning, *_: object, **__: object) -> None:
    """Our warnings as they are; that numbers went out of range is said in our words; other libraries' are dropped."""
    from radiography.cli.output import warn

    if issubclass(category, RuntimeWarning):
        message = "numbers went out of their range on the way: look at the result before you believe it"
    elif category is not UserWarning:
        return
    warn(_one_line(str(message)))


def _one_line(text: str) -> str:
    """Without line breaks, and short enough to be read: a file may hold a name of a million letters."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_LINE else f"{line[: LONGEST_LINE // 2]} ... {line[-LONGEST_LINE // 2 :]}"
