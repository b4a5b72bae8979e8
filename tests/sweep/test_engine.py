"""Tasks give the same here and on workers, whoever dies meanwhile."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from calibration.own_words import said_by_us
from radiography.config import load_panel
from radiography.sweep import engine as engine_module
from radiography.sweep.engine import NEEDED, Engine, Outcome, check_engine, has_dask, run_tasks, values_of_tasks
from tests.sweep.scenes import refuse, setting, square, square_or_die, square_or_die_once

with_dask = pytest.mark.skipif(not has_dask(), reason="Dask (extra `sweep`) is not installed")


def by_number(outcomes: Iterator[Outcome]) -> dict[int, tuple[object, str]]:
    """Values and sentences, each task once."""
    found = list(outcomes)
    assert len({one.number for one in found}) == len(found)
    return {one.number: (one.value, one.lost) for one in sorted(found, key=lambda one: one.number)}


def test_a_plain_loop_gives_each_task_once_and_in_order() -> None:
    outcomes = list(run_tasks(square, [3, 1, 2], Engine("none")))
    assert outcomes == [Outcome(0, 9, ""), Outcome(1, 1, ""), Outcome(2, 4, "")]
    with pytest.raises(ValueError, match="5 is refused"):
        list(run_tasks(refuse, [5], Engine("none")))
    assert list(run_tasks(refuse, [], Engine("none"))) == []


@pytest.mark.slow
@with_dask
def test_workers_give_what_the_loop_gives() -> None:
    items = list(range(12))
    assert by_number(run_tasks(square, items, Engine("local", 2))) == by_number(
        run_tasks(square, items, Engine("none"))
    )


@pytest.mark.slow
@with_dask
def test_local_workers_listen_to_this_machine_only_and_need_no_port_of_their_own() -> None:
    import psutil

    with socket.socket() as taken:
        with suppress(OSError):  # somebody else's has it, which is as good
            taken.bind(("127.0.0.1", 8787))
            taken.listen()
        heard = set()
        for _ in run_tasks(square, [1], Engine("local", 1)):
            own = psutil.Process()
            for process in (own, *own.children(recursive=True)):
                heard |= {
                    c.laddr.ip for c in process.net_connections() if c.status == "LISTEN" and c.laddr.port != 8787
                }
    assert heard == {"127.0.0.1"}


@pytest.mark.slow
@with_dask
def test_nothing_watches_a_worker_while_it_works() -> None:
    (watched,) = by_number(run_tasks(setting, ["distributed.worker.profile.enabled"], Engine("local", 1))).values()
    assert watched == (False, "")


@pytest.mark.slow
@with_dask
def test_the_work_of_a_killed_worker_is_done_by_another(tmp_path: Path) -> None:
    items = [(number, str(tmp_path)) for number in range(16)]
    found = by_number(run_tasks(square_or_die_once, items, Engine("local", 2)))
    assert (tmp_path / "died").exists()
    assert found == {number: (number * number, "") for number in range(16)}


@with_dask
@pytest.mark.slow
def test_the_way_to_a_worker_and_back_is_a_tenth_of_a_task_of_two_seconds_at_most() -> None:
    started, ended = time.monotonic(), []
    for _ in run_tasks(time.sleep, [0.5] * 9, Engine("local", 1)):
        ended.append(time.monotonic() - started)
    assert (ended[-1] - ended[0]) / 8 - 0.5 < 0.2  # start-up, before the first one, is once for all


@with_dask
@pytest.mark.slow
def test_a_task_that_kills_its_workers_is_given_up_and_the_rest_goes_on() -> None:
    found = by_number(run_tasks(square_or_die, list(range(6)), Engine("local", 2)))
    value, lost = found.pop(2)
    assert value is None and "4 worker processes have died over it" in lost
    assert found == {number: (number * number, "") for number in (0, 1, 3, 4, 5)}


@pytest.mark.slow
@with_dask
def test_what_a_task_raises_on_a_worker_comes_here_in_its_own_words() -> None:
    with pytest.raises(ValueError, match=r"^7 is refused$"):
        list(run_tasks(refuse, [7], Engine("local", 1)))


@pytest.mark.slow
@with_dask
def test_a_sentence_of_ours_is_still_ours_when_it_comes_from_a_worker() -> None:
    with pytest.raises(ValueError, match="no panel 'none'") as told:
        list(run_tasks(load_panel, ["none"], Engine("local", 1)))
    assert said_by_us(told.value)


def test_values_come_in_order_and_one_that_is_lost_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[float] = []
    assert values_of_tasks(square, [3, 1], ["a", "b"], Engine("none"), done.append) == [9, 1] and done == [0.5, 1.0]
    outcomes = [Outcome(1, 1, ""), Outcome(0, None, "they died")]
    monkeypatch.setattr(engine_module, "run_tasks", lambda *_: iter(outcomes))
    with pytest.raises(ChildProcessError, match=r"^a: they died$"):
        values_of_tasks(square, [3, 1], ["a", "b"], Engine("none"), done.append)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (Engine("locally"), r"--scheduler must be local, none, tcp://HOST:PORT or tls://HOST:PORT, got 'locally'"),
        (Engine("tcp://127.0.0.1"), r"--scheduler must be local"),
        (Engine("tcp://127.0.0.1:99999"), r"--scheduler must be local"),
        (Engine("http://127.0.0.1:80"), r"--scheduler must be local"),
        (Engine("local", 0), r"--workers must be 1 to 512, got 0"),
        (Engine("none", 2), r"--scheduler none has no workers"),
        (Engine("tcp://127.0.0.1:1", 2), r"--workers is of the local scheduler"),
    ],
)
def test_an_engine_that_there_is_not_is_one_sentence(asked: Engine, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_engine(asked)


def test_without_dask_the_loop_is_told_and_a_scheduler_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "has_dask", lambda: False)
    check_engine(Engine())
    with pytest.warns(UserWarning, match="one task is done after the other, with the same results"):
        check_engine(Engine("local", 4))
    with pytest.raises(ValueError, match=r"needs Dask, and Dask is not installed: pip install"):
        check_engine(Engine("tcp://127.0.0.1:8786"))
    assert by_number(run_tasks(square, [2, 3], Engine("local", 2))) == {0: (4, ""), 1: (9, "")}
    assert 'radiography[sweep]"' in NEEDED


@with_dask
def test_a_network_without_encryption_is_warned_of() -> None:
    with pytest.warns(UserWarning, match="neither encrypted nor closed"):
        check_engine(Engine("tcp://10.0.0.7:8786"))
    for here in ("tcp://127.0.0.1:8786", "tcp://localhost:8786", "tcp://[::1]:8786", "tls://10.0.0.7:8786"):
        check_engine(Engine(here))


@with_dask
def test_a_scheduler_that_does_not_answer_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "TO_ANSWER_S", 0.5)
    with pytest.raises(ConnectionError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9 within 0\.5 s"):
        list(run_tasks(square, [1], Engine("tcp://127.0.0.1:9")))
