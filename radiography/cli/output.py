"""A command's words: results to standard output, warnings and progress to stderr, as loud as asked for."""

from __future__ import annotations

import contextlib
import functools
import inspect
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TextIO, TypeVar

import typer

from radiography.cli.parameters import RAW_OPTIONS

STANDARD_OUTPUT = Path("-")
_PATHS = (str, Path)
LINE_EVERY_S = 10.0  # chosen: how often a pipe hears how far a job is
LEAST_DONE = 0.02  # chosen: of less than this fraction, the time that is left is a guess and is not said

Command = TypeVar("Command", bound=Callable[..., Any])
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress and no ordinary lines; warnings and errors stay.")]
Verbose = Annotated[bool, typer.Option("--verbose", help="Also what was read, the steps and their seconds, on stderr.")]


@dataclass
class Output:
    """How one command line speaks, and what it has warned of.

    Attributes
    ----------
    quiet, verbose : bool
        As asked for.
    results : TextIO or None
        Standard output as it was when the command began; None stands for what it is now.
    warnings : list of str
        What went to stderr as a warning so far.
    noted : set of str
        What the library noted so far.
    """

    quiet: bool = False
    verbose: bool = False
    results: TextIO | None = None
    warnings: list[str] = field(default_factory=list)
    noted: set[str] = field(default_factory=set)


_output = Output()


def begin() -> None:
    """Forget how the command line before spoke."""
    global _output
    _output = Output()
    log = logging.getLogger("radiography")
    log.setLevel(logging.NOTSET)
    log.handlers = []
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:  # a console that has no letter for a sign, such as ±, shows another
            reconfigure(errors="replace")


def speak(quiet: bool, verbose: bool) -> None:
    """Be quiet or verbose from here on, and stay so where an option before the command said it already."""
    _output.quiet |= quiet
    _output.verbose |= verbose
    if _output.quiet and _output.verbose:
        raise ValueError("--quiet and --verbose contradict each other: give one of them")
    if verbose:
        log = logging.getLogger("radiography")
        log.setLevel(logging.DEBUG)
        log.handlers = [_ToStderr()]


def warn(message: str) -> None:
    """One warning, as one line on stderr, each text once."""
    line = " ".join(message.split())
    if line not in _output.warnings:
        _output.warnings.append(line)
        print(f"radiography: warning: {line}", file=sys.stderr)


def print_result(text: str) -> None:
    """Print to standard output what the command was asked for, under --quiet as well."""
    print(text, file=_output.results or sys.stdout, flush=True)  # whoever waits for it may read a pipe


def file_of(json_file: Path | None) -> Path | None:
    """The file that a job shall write its JSON to; None where it goes to standard output or nowhere."""
    return None if json_file == STANDARD_OUTPUT else json_file


def give_json(
    json_file: Path | None, result: Mapping[str, Any] | Sequence[Mapping[str, Any]], *, written: bool = False
) -> None:
    """Write a result as JSON to a file or to standard output.

    Parameters
    ----------
    json_file : Path or None
        File, - for standard output, None where no JSON is wanted.
    result : mapping, or sequence of mappings
        What was found; the command's own warnings are put with the "warnings" of a single one.
    written : bool
        Whether the job has written the file itself, together with its other files.
    """
    if json_file is None or (written and json_file != STANDARD_OUTPUT):
        return
    from calibration.whole_file import whole_file
    from radiography.jobs.json_text import json_text, write_json

    whole = result
    if isinstance(result, Mapping):
        whole = {**result, "warnings": list(dict.fromkeys([*result.get("warnings", ()), *_output.warnings]))}
    if json_file == STANDARD_OUTPUT:
        print_result(json_text(whole).rstrip("\n"))
        return
    with whole_file(json_file) as temporary:
        write_json(temporary, whole)
    print(f"{json_file}: the numbers, as JSON")


class Commands(typer.Typer):
    """The commands; each takes --quiet and --verbose, before its name or after it, and has its paths looked at.

    A ``layout`` among its parameters stands for the options of headerless raw files.
    """

    def command(self, *names: Any, **settings: Any) -> Callable[[Command], Command]:
        """Register a function as a command."""
        register = super().command(*names, **settings)

        def registered(command: Command) -> Command:
            register(_as_loud_as_asked(command))
            return command

        return registered


def _as_loud_as_asked(command: Callable[..., Any]) -> Callable[..., Any]:
    """A command that keeps standard output for what was asked for."""
    own = inspect.signature(command, eval_str=True)
    asked = [
        each.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for parameter in own.parameters.values()
        for each in (RAW_OPTIONS if parameter.name == "layout" else (parameter,))
    ]
    names = {parameter.name: _name_in_help(parameter.name, parameter.annotation) for parameter in asked}
    loudness = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=annotation)
        for name, annotation in (("quiet", Quiet), ("verbose", Verbose))
    ]

    @functools.wraps(command)
    def spoken(*, quiet: bool, verbose: bool, **given: Any) -> Any:
        speak(quiet, verbose)
        _look_at_paths({names[key]: value for key, value in given.items()})
        started = time.monotonic()
        with contextlib.ExitStack() as stack:
            if _output.quiet or given.get("json_file") == STANDARD_OUTPUT:
                _output.results = sys.stdout
                silence = stack.enter_context(Path(os.devnull).open("w", encoding="utf-8"))
                stack.enter_context(redirect_stdout(silence))
            if "layout" in own.parameters:
                from radiography.cli.options import raw_layout

                given["layout"] = raw_layout(*(given.pop(option.name) for option in RAW_OPTIONS))
            result = command(**given)
        _detail(f"done in {time.monotonic() - started:.1f} s")
        return result

    spoken.__signature__ = own.replace(parameters=[*asked, *loudness])  # type: ignore[attr-defined]
    spoken.__annotations__ = {name: each.annotation for name, each in spoken.__signature__.parameters.items()}  # type: ignore[attr-defined]
    return spoken


def _name_in_help(key: str, annotation: Any) -> str:
    """What the help calls a parameter: --option, or ARGUMENT."""
    for about in getattr(annotation, "__metadata__", ()):
        said = [
            text for text in (getattr(about, "default", None), *(getattr(about, "param_decls", None) or ())) if text
        ]
        option = next((text for text in said if isinstance(text, str) and text.startswith("--")), None)
        if option is not None:
            return option
        if getattr(about, "metavar", None):
            return str(about.metavar)
    return key.upper()


def _look_at_paths(given: Mapping[str, Any]) -> None:
    """Refuse a file that is meant as standard output, and a JSON file that is another file of the command as well."""
    json_file = given.get("--json")
    named = {
        name: [Path(one) for one in (value if isinstance(value, list | tuple) else [value]) if isinstance(one, _PATHS)]
        for name, value in given.items()
        if name != "--json"
    }
    for name, paths in named.items():
        if STANDARD_OUTPUT in paths:
            raise ValueError(f"{name} needs the name of a file, got '-'; only --json - is standard output")
    if json_file is None or json_file == STANDARD_OUTPUT:
        return
    from radiography.jobs.inputs import check_writable, keep_apart

    check_writable(json_file)
    for path in (path for paths in named.values() for path in paths):
        keep_apart([json_file], [path]) if path.is_file() else keep_apart([json_file, path], [])


class _ToStderr(logging.Handler):
    """What the library notes, as lines on stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if message not in _output.noted:
            _output.noted.add(message)
            _detail(message)


def _detail(text: str) -> None:
    if _output.verbose:
        print(f"radiography: {text}", file=sys.stderr)


class _Steps:
    """What a job does and how far it is, for the lines of a pipe and of --verbose."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._what = ""
        self._done = 0.0
        self._started = time.monotonic()

    def report(self, what: str, done: float) -> None:
        """What is being done, and the fraction of it that is done, 0 to 1."""
        with self._lock:
            ended = self._ended() if what != self._what else ""
            if what != self._what:
                self._what, self._started = what, time.monotonic()
            self._done = min(max(done, 0.0), 1.0)
        if ended:
            _detail(ended)

    def close(self) -> None:
        """Say of the last step that it has ended."""
        ended = self._ended()
        if ended:
            _detail(ended)

    def _ended(self) -> str:
        return f"{self._what}: {time.monotonic() - self._started:.1f} s" if self._what else ""

    def line(self) -> str:
        """How far the job is, in one line."""
        with self._lock:
            what, done, seconds = self._what, self._done, time.monotonic() - self._started
        if not what or done in (0.0, 1.0):  # after 1, what comes next has not spoken yet
            step = f"{what} is done, going on" if done == 1.0 else what or "working"
            return f"{step}, {seconds:.0f} s so far"
        left = f", about {seconds * (1.0 - done) / done:.0f} s left" if done >= LEAST_DONE else ""
        return f"{what}: {100 * done:.0f} % in {seconds:.0f} s{left}"


@contextmanager
def progress() -> Iterator[Callable[[str, float], None]]:
    """Report of a job: a bar on a terminal, in a pipe a line to stderr each 10 s, nothing under --quiet."""
    steps = _Steps()
    with contextlib.ExitStack() as stack:
        report: Callable[[str, float], None] = steps.report
        if not _output.quiet:
            report = stack.enter_context(_bars(steps) if sys.stderr.isatty() else _lines(steps))
        yield report
    steps.close()


@contextmanager
def _bars(steps: _Steps) -> Iterator[Callable[[str, float], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    percent = TextColumn("{task.percentage:>3.0f} %")
    columns = (TextColumn("{task.description}"), BarColumn(), percent, TimeElapsedColumn(), TimeRemainingColumn())
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:

        def report(what: str, done: float) -> None:
            steps.report(what, done)
            if what not in tasks:
                for task in tasks.values():
                    bars.remove_task(task)
                tasks.clear()
                tasks[what] = bars.add_task(what, total=1.0)
            bars.update(tasks[what], completed=min(done, 1.0))

        yield report


@contextmanager
def _lines(steps: _Steps) -> Iterator[Callable[[str, float], None]]:
    """A second thread speaks, so that a long step that reports nothing is heard of as well."""
    ended = threading.Event()

    def tell() -> None:
        while not ended.wait(LINE_EVERY_S):
            with contextlib.suppress(OSError, ValueError):  # nobody reads stderr any more
                print(f"radiography: {steps.line()}", file=sys.stderr, flush=True)

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield steps.report
    finally:
        ended.set()
        teller.join()
