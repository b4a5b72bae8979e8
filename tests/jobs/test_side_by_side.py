"""Work in two processes: the same results, reports, sentences, warnings and errors as in one."""

from __future__ import annotations

import multiprocessing
import os
import time
import warnings
from collections.abc import Iterator
from typing import Any

import numba
import numpy as np
import pytest

from radiography.jobs.side_by_side import side_by_side


def work(name: str, what: str, report: Any, tell: Any) -> dict[str, Any]:
    """Something of each kind that work may do."""
    second = multiprocessing.parent_process() is not None
    report(f"{what} {name}", 0.5)
    if name == "refused":
        raise ValueError("frames must be 2 or more, got 1")
    if name == "killed" and second:
        os._exit(7)
    if name == "endless" and second:
        time.sleep(600.0)
    for _ in range(3000 if name == "patient" else 0):
        report(what, 0.7)
        time.sleep(0.1)
    if name == "warns":
        warnings.warn("two pixels are hot", stacklevel=1)
    tell(f"{name} is done")
    return {"name": name, "second": second, "threads": numba.get_num_threads(), "numbers": np.arange(3)}


@pytest.fixture
def two_threads() -> Iterator[None]:
    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("numba was given one thread")
    before = numba.get_num_threads()
    numba.set_num_threads(2)
    yield
    numba.set_num_threads(before)


@pytest.mark.slow
@pytest.mark.usefixtures("two_threads")
def test_every_other_name_is_worked_on_in_a_second_process() -> None:
    said: list[str] = []
    reports: list[tuple[str, float]] = []
    names = ("first", "warns", "third")
    with pytest.warns(UserWarning, match="two pixels are hot"):
        made = side_by_side(work, names, ("on",), lambda *what: reports.append(what), said.append)
    assert list(made) == list(names)
    assert [made[name]["second"] for name in names] == [False, True, False]
    assert all(made[name]["threads"] == 1 and made[name]["numbers"].tolist() == [0, 1, 2] for name in names)
    assert sorted(said) == ["first is done", "third is done", "warns is done"]
    assert reports[:2] == [("on first", 0.5), ("on third", 0.5)]  # the second process is heard once this one is done
    assert numba.get_num_threads() == 2


@pytest.mark.slow
@pytest.mark.usefixtures("two_threads")
def test_an_error_of_the_second_process_is_one_of_the_first() -> None:
    with pytest.raises(ValueError, match="frames must be 2 or more, got 1") as caught:
        side_by_side(work, ("first", "refused"), ("on",), lambda *what: None, lambda sentence: None)
    assert "in work" in caught.value.__notes__[0]  # where it arose
    assert not multiprocessing.active_children()


@pytest.mark.slow
@pytest.mark.usefixtures("two_threads")
def test_a_second_process_that_is_killed_is_said() -> None:
    with pytest.raises(ChildProcessError, match=r"ended without a result \(exit code 7\)"):
        side_by_side(work, ("first", "killed"), ("on",), lambda *what: None, lambda sentence: None)


@pytest.mark.slow
@pytest.mark.usefixtures("two_threads")
def test_the_first_process_ends_its_work_when_the_second_has_failed() -> None:
    started = time.monotonic()
    with pytest.raises(ChildProcessError, match="exit code 7"):
        side_by_side(work, ("patient", "killed"), ("on",), lambda *what: None, lambda sentence: None)
    assert time.monotonic() - started < 200.0  # of 300


@pytest.mark.usefixtures("two_threads")
def test_an_error_of_the_first_process_ends_the_second() -> None:
    started = time.monotonic()
    with pytest.raises(ValueError, match="frames must be 2"):
        side_by_side(work, ("refused", "endless"), ("on",), lambda *what: None, lambda sentence: None)
    assert not multiprocessing.active_children()
    assert time.monotonic() - started < 60.0
    assert numba.get_num_threads() == 2


def test_one_thread_or_no_processes_are_done_with(monkeypatch: pytest.MonkeyPatch) -> None:
    class Sandbox:
        def Lock(self) -> None:
            raise OSError(38, "Function not implemented")

    for threads in (1, 2):
        monkeypatch.setattr(numba, "get_num_threads", lambda threads=threads: threads)
        monkeypatch.setattr(multiprocessing, "get_context", lambda method: Sandbox())
        made = side_by_side(work, ("first", "second"), ("on",), lambda *what: None, lambda sentence: None)
        assert [one["second"] for one in made.values()] == [False, False]
