"""The same work for several things at once: in this process, and in a second one beside it.

What one thread does alone (reading, writing, compiling, sorting) leaves all other processors idle. Two processes that
each have half of them do not wait for themselves. Results do not depend on it: random numbers come from seeds, and
kernels give the same bytes on any number of threads.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import numba

from radiography.jobs.compile_ahead import compile_parts, in_turn, missing_parts
from radiography.jobs.freed_memory import keep_freed_memory
from radiography.jobs.inputs import Report

Tell = Callable[[str], None]
_LOOK_EVERY_S = 0.2  # whether the second process is done, so that an interrupt is not kept waiting   # chosen


def side_by_side(
    work: Callable[..., Any],
    names: Sequence[str],
    arguments: tuple[Any, ...],
    report: Report,
    tell: Tell,
    parts: Sequence[str] = (),
) -> dict[str, Any]:
    """What `work(name, *arguments, report, tell)` returns, for each name.

    Every other name is worked on in a second process, where numba may use two threads or more and the system has a
    process to give; else all are done one after the other.

    Parameters
    ----------
    work : callable
        Of a module, so that the second process finds it; what it takes and returns can be pickled.
    names : sequence of str
        What to work on.
    arguments : tuple
        The same for all names.
    report : callable
        Called with what is being done and the fraction of it that is done, 0 to 1: by this process first, by the second
        while this one waits for it.
    tell : callable
        Called with sentences of either process.
    parts : sequence of str
        Keys of `compile_ahead.PARTS` that the second process compiles first, if this is a first run.

    Returns
    -------
    results : dict
        In the order of the names.

    Raises
    ------
    ChildProcessError
        If the second process ends without a result.
    Exception
        What the work raises in either process.
    """
    threads = numba.get_num_threads()
    beside = _Beside.start(work, names[1::2], arguments, parts, threads // 2) if threads > 1 and names[1:] else None
    if beside is None:
        return {name: work(name, *arguments, report, tell) for name in names}
    beside.tell = tell
    try:
        numba.set_num_threads(threads - threads // 2)
        with in_turn(beside.lock) if beside.compiles else nullcontext():
            made = {name: work(name, *arguments, beside.watched(report), tell) for name in names[::2]}
            numba.set_num_threads(threads)
            made |= beside.results(report)
    finally:
        numba.set_num_threads(threads)
        beside.end()
    return {name: made[name] for name in names}


class _Beside:
    """The second process, and a thread of this one that listens to it."""

    def __init__(self, process: Any, pipe: Any, lock: Any, compiles: bool) -> None:
        self.lock = lock
        self.compiles = compiles
        self.tell: Tell = lambda sentence: None
        self._process = process
        self._pipe = pipe
        self._report: Report | None = None  # while nobody waits
        self._made: dict[str, Any] | None = None
        self._failed: Exception | None = None
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    @classmethod
    def start(
        cls,
        work: Callable[..., Any],
        names: Sequence[str],
        arguments: tuple[Any, ...],
        parts: Sequence[str],
        threads: int,
    ) -> _Beside | None:
        """A second process at work; None where the system has none to give."""
        context = multiprocessing.get_context("spawn")
        missing = missing_parts(parts)
        try:
            lock = context.Lock()
            here, there = context.Pipe(duplex=False)
            target = (work, tuple(names), arguments, missing, lock, threads, there)
            process = context.Process(target=_work_beside, args=target, daemon=True)
            process.start()
        except (ImportError, OSError):  # a sandbox without semaphores, or a limit of processes
            return None
        there.close()  # so that the end of the process is the end of the pipe
        return cls(process, here, lock, bool(missing))

    def watched(self, report: Report) -> Report:
        """A report of this process that ends its work where the second one has failed: its own would be in vain."""

        def report_and_look(what: str, done: float) -> None:
            report(what, done)
            if not self._listener.is_alive():
                self._refuse_failure()

        return report_and_look

    def results(self, report: Report) -> dict[str, Any]:
        """What it made, once it is done."""
        self._report = report
        while self._listener.is_alive():
            self._listener.join(_LOOK_EVERY_S)
        self._refuse_failure()
        assert self._made is not None
        return self._made

    def _refuse_failure(self) -> None:
        """Raise what it raised, or that it is gone, where it ended without a result."""
        if self._failed is not None:
            raise self._failed
        if self._made is None:
            self._process.join()
            raise ChildProcessError(
                f"the second process ended without a result (exit code {self._process.exitcode}); where "
                "memory ran out, NUMBA_NUM_THREADS=1 does the same work in one process"
            )

    def end(self) -> None:
        """Stop it where it is still at work, unless it is about to write to numba's cache."""
        if self._process.is_alive():
            held = self.lock.acquire(timeout=1.0)
            self._process.terminate()
            if held:
                self.lock.release()
        self._process.join()
        self._listener.join()
        self._pipe.close()

    def _listen(self) -> None:
        with suppress(EOFError, OSError):
            while True:
                kind, *said = self._pipe.recv()
                if kind == "report":
                    if self._report is not None:
                        self._report(*said)
                elif kind == "tell":
                    self.tell(*said)
                elif kind == "warning":
                    warnings.warn(said[0], stacklevel=2)
                elif kind == "failed":
                    self._failed = said[0]
                else:
                    self._made = said[0]


def _work_beside(
    work: Callable[..., Any],
    names: Sequence[str],
    arguments: tuple[Any, ...],
    parts: Sequence[str],
    lock: Any,
    threads: int,
    pipe: Any,
) -> None:
    """What the second process does; whatever it has to say goes through the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process ends it
    sys.stdout = sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 (open until the process ends)
    warnings.showwarning = lambda message, *place: pipe.send(("warning", str(message)))
    numba.set_num_threads(threads)
    keep_freed_memory()
    try:
        with in_turn(lock) if parts else nullcontext():
            compile_parts(parts)
            made = {}
            for name in names:
                made[name] = work(
                    name,
                    *arguments,
                    lambda what, done: pipe.send(("report", what, done)),
                    lambda sentence: pipe.send(("tell", sentence)),
                )
        pipe.send(("made", made))
    except BrokenPipeError:  # the first process is gone
        sys.exit(1)
    except Exception as error:
        error.add_note("".join(traceback.format_exception(error)))
        pipe.send(("failed", error))
