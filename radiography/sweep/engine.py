"""Tasks that do not need each other: one after the other here, or on workers of Dask, of this machine or of others.

The result of a task does not depend on where it runs. Dask is of the extra `sweep`; without it the plain loop gives the
same. A worker that dies has its task begun again by another; a task over which `ALLOWED_FAILURES` + 1 workers have died
is given up, and the others go on.

References
----------
.. [1] https://distributed.dask.org/en/stable/resilience.html
"""

from __future__ import annotations

import importlib.util
import ipaddress
import logging
import os
import re
import signal
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

LOCAL, LOOP = "local", "none"
NEEDED = 'Dask is not installed: pip install "radiography[sweep]" installs it'
ALLOWED_FAILURES = 3  # chosen: Dask's own default
MOST_WORKERS = 512  # chosen: processes of one machine
TO_ANSWER_S, TO_COME_S = 10.0, 30.0  # chosen: for a scheduler, and for its first worker
MEMORY_SHARE = 0.8  # chosen: of the free memory, that local workers may take together
_ADDRESS = re.compile(r"(tcp|tls)://(\[[0-9a-fA-F:]+\]|[\w.-]+):(\d{1,5})")
_ONE_AT_A_TIME = threading.Lock()  # of the threads of a worker: kernels use all that they may, and not all at once


@dataclass(frozen=True)
class Engine:
    """Where tasks run.

    Attributes
    ----------
    scheduler : str or None
        "local": processes of this machine; "none": one after the other in this one; tcp:// or tls://HOST:PORT: workers
        of a scheduler that runs already; None: "local" where Dask is installed, else "none".
    workers : int or None
        Local processes; None for as many as processors and memory allow. [1]
    """

    scheduler: str | None = None
    workers: int | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of a task: its place among all, its value, and why there is none where all its workers have died."""

    number: int
    value: Any
    lost: str


IN_A_LOOP = Engine(LOOP)


def has_dask() -> bool:
    """Whether Dask's workers can be used."""
    return importlib.util.find_spec("distributed") is not None


def check_engine(engine: Engine) -> None:
    """Complain before the work starts about an engine that there is not; warn of one that is not safe.

    Parameters
    ----------
    engine : Engine
        As asked for.

    Raises
    ------
    ValueError
        In one sentence.
    """
    scheduler = engine.scheduler
    if engine.workers is not None and not 1 <= engine.workers <= MOST_WORKERS:
        raise ValueError(f"--workers must be 1 to {MOST_WORKERS}, got {engine.workers}")
    if scheduler in (None, LOCAL, LOOP):
        if engine.workers is not None and scheduler == LOOP:
            raise ValueError("--workers is of the local scheduler; --scheduler none has no workers")
        if scheduler == LOCAL and not has_dask():
            warnings.warn(f"{NEEDED}; until then one task is done after the other, with the same results", stacklevel=2)
        return
    match = _ADDRESS.fullmatch(str(scheduler))
    if match is None or not 0 < int(match[3]) < 65536:
        raise ValueError(f"--scheduler must be local, none, tcp://HOST:PORT or tls://HOST:PORT, got '{scheduler}'")
    if engine.workers is not None:
        raise ValueError(f"--workers is of the local scheduler; that of {scheduler} has workers of its own")
    if not has_dask():
        raise ValueError(f"--scheduler {scheduler} needs Dask, and {NEEDED}")
    if match[1] == "tcp" and not _is_this_machine(match[2]):
        warnings.warn(
            f"{scheduler} is neither encrypted nor closed to anyone who can reach it, and runs what it is sent: "
            "use tls:// on a network (docs/sweeps.md)",
            stacklevel=2,
        )


def run_tasks(
    task: Callable[[Any], Any], items: Sequence[Any], engine: Engine, memory_bytes: float = 0.0
) -> Iterator[Outcome]:
    """What a task makes of each item, as it comes.

    Parameters
    ----------
    task : callable
        Of a module, or a partial of one; it and what it takes and gives can be pickled.
    items : sequence
        One for each task.
    engine : Engine
        Found good by `check_engine`.
    memory_bytes : float
        That a task takes, where it is known. [byte]

    Yields
    ------
    outcome : Outcome
        In the order in which they end.

    Raises
    ------
    ConnectionError
        If the scheduler does not answer, has no workers, or goes away.
    ValueError
        If its workers have another version of this package.
    Exception
        What a task raises.
    """
    if not items:
        return
    if engine.scheduler == LOOP or not has_dask():
        for number, item in enumerate(items):
            yield Outcome(number, task(item), "")
        return
    with _client(engine, len(items), memory_bytes) as client:
        yield from _outcomes(client, task, items)


def values_of_tasks(
    task: Callable[[Any], Any],
    items: Sequence[Any],
    names: Sequence[str],
    engine: Engine,
    tell: Callable[[float], None],
) -> list[Any]:
    """What a task makes of each item, where none may be missing.

    Parameters
    ----------
    task, items, engine
        As for `run_tasks`.
    names : sequence of str
        What an error calls them.
    tell : callable
        Called with the fraction done, 0 to 1.

    Returns
    -------
    values : list
        In the order of the items.

    Raises
    ------
    ChildProcessError
        If one has ended all workers that were at it.
    Exception
        As for `run_tasks`.
    """
    found: dict[int, Any] = {}
    for outcome in run_tasks(task, items, engine):
        if outcome.lost:
            raise ChildProcessError(f"{names[outcome.number]}: {outcome.lost}")
        found[outcome.number] = outcome.value
        tell(len(found) / len(items))
    return [found[number] for number in range(len(items))]


def _outcomes(client: Any, task: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Outcome]:
    from concurrent.futures import CancelledError

    from distributed import as_completed
    from distributed.scheduler import KilledWorker

    futures = client.map(_alone, [task] * len(items), items, pure=False, retries=0)
    numbers = {future.key: number for number, future in enumerate(futures)}
    waiting, address = as_completed(futures, loop=client.loop), client.scheduler.address
    del futures  # each is let go as soon as it is told of: else its result is computed again when its worker dies
    for future in waiting:
        value, lost = None, ""
        try:
            value = future.result()  # waits once more where the worker has died since, and the task is done again
        except KilledWorker:
            lost = f"{ALLOWED_FAILURES + 1} worker processes have died over it, as for lack of memory"
        except CancelledError as error:
            raise ConnectionError(f"the scheduler {address} has gone away; what is done is kept") from error
        yield Outcome(numbers[future.key], value, lost)
        future.release()


def _alone(task: Callable[[Any], Any], item: Any) -> Any:
    """Runs in a worker."""
    with _ONE_AT_A_TIME:
        return task(item)


def dask_setup(worker: Any) -> None:
    """Leave Ctrl-C to the process that started a worker; Dask calls this in workers that have this file preloaded.

    Parameters
    ----------
    worker : distributed.Worker
        Not used.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def own_version() -> str:
    """Version of this package, as a worker has it."""
    return version("radiography")


@contextmanager
def _client(engine: Engine, count: int, memory_bytes: float) -> Iterator[Any]:
    """A client of the scheduler, whose workers are found good."""
    with ExitStack() as stack:
        import dask
        from distributed import Client

        stack.enter_context(_in_silence())
        if engine.scheduler in (None, LOCAL):
            settings = {
                "distributed.scheduler.allowed-failures": ALLOWED_FAILURES,
                "logging": {"distributed": "critical"},
                # Dask looks 100 times a second where a worker is, and 50 times whether loops are awake: 5 % of a
                # processor beside tasks that only wait, for pages that nobody sees
                "distributed.worker.profile.enabled": False,
                "distributed.admin.tick.interval": "500ms",
            }
            stack.enter_context(dask.config.set(settings))
            cluster = stack.enter_context(_local_cluster(engine, count, memory_bytes))
            yield stack.enter_context(Client(cluster, set_as_default=False))
            return
        try:
            client = stack.enter_context(Client(engine.scheduler, timeout=TO_ANSWER_S, set_as_default=False))
        except RuntimeError as error:
            raise ConnectionError(
                f"{engine.scheduler} is not encrypted, as Dask's configuration here demands"
            ) from error
        except (OSError, ValueError, TypeError) as error:
            raise ConnectionError(
                f"no Dask scheduler answers at {engine.scheduler} within {TO_ANSWER_S:g} s"
            ) from error
        _check_workers(client, str(engine.scheduler))
        yield client


def _local_cluster(engine: Engine, count: int, memory_bytes: float) -> Any:
    """Worker processes of this machine that nobody outside it can reach."""
    import psutil
    from distributed import LocalCluster

    processors = _processors()
    fitting = int(MEMORY_SHARE * psutil.virtual_memory().available / memory_bytes) if memory_bytes > 0 else processors
    workers = min(engine.workers or max(1, min(processors, fitting)), count)
    return LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address=None,
        scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},  # of its state: any free port, else it warns of 8787
        memory_limit=0,
        silence_logs=logging.CRITICAL,
        preload=[__name__],
        env={"NUMBA_NUM_THREADS": str(max(1, processors // workers)), "PYTHONWARNINGS": "ignore"},
    )


def _check_workers(client: Any, scheduler: str) -> None:
    """Complain about a scheduler without workers, or whose workers have another version of this package."""
    try:
        client.wait_for_workers(1, timeout=TO_COME_S)
    except TimeoutError as error:
        raise ConnectionError(
            f"the scheduler {scheduler} has no worker, and none came within {TO_COME_S:g} s"
        ) from error
    for address, found in client.run(own_version, on_error="return").items():
        if found != own_version():
            has = f"radiography {found}" if isinstance(found, str) else "no radiography that it can load"
            raise ValueError(f"worker {address} has {has}; this machine has radiography {own_version()}")


def _processors() -> int:
    """That this process may use. [1]"""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def _in_silence() -> Iterator[None]:
    """What Dask tells its programmers is not told to users: what matters to them is in the outcomes."""
    theirs = ("distributed", "tornado", "asyncio")
    names = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] in theirs]
    loggers = [logging.getLogger(name) for name in names]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
