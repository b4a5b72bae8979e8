"""Compiling ahead: each part runs by itself and is found afterwards; nothing is started where nothing is missing."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import time
from pathlib import Path

import numba
import pytest
from numba.core.caching import IndexDataCacheFile

from radiography.jobs import compile_ahead
from radiography.jobs.compile_ahead import PARTS, compiling_ahead


@pytest.mark.parametrize("part", [pytest.param(part, marks=pytest.mark.slow) for part in PARTS])
def test_a_part_runs_by_itself_and_is_kept(part: str, tmp_path: Path) -> None:
    run, *kernel = PARTS[part]
    run(tmp_path)  # in the second process an error would stay unseen
    assert compile_ahead._is_kept(*kernel)


def test_a_source_that_is_newer_than_what_is_kept_is_compiled_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, name = PARTS["frames"][1:]
    kernel = getattr(importlib.import_module(module), name)
    source = Path(kernel.py_func.__code__.co_filename)
    index = tmp_path / f"{source.stem}.{name}-1.py311.nbi"

    class Kernel:
        py_func = kernel.py_func
        stats = type("Stats", (), {"cache_path": str(tmp_path)})

    monkeypatch.setattr(importlib.import_module(module), name, Kernel)
    assert not compile_ahead._is_kept(module, name)
    index.write_bytes(b"")
    assert compile_ahead._is_kept(module, name)
    os.utime(index, (0.0, source.stat().st_mtime - 1.0))
    assert not compile_ahead._is_kept(module, name)


def test_nothing_is_started_where_all_is_kept_or_one_thread_works(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(method: str) -> None:
        raise AssertionError(f"a process was asked for by {method}")

    monkeypatch.setattr(multiprocessing, "get_context", refuse)
    monkeypatch.setattr(compile_ahead, "_is_kept", lambda *kernel: True)
    with compiling_ahead(tuple(PARTS)):
        pass
    monkeypatch.setattr(compile_ahead, "_is_kept", lambda *kernel: False)
    monkeypatch.setattr(numba, "get_num_threads", lambda: 1)
    with compiling_ahead(tuple(PARTS)):
        pass


def test_a_system_without_processes_or_locks_is_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    class Sandbox:
        def Lock(self) -> None:
            raise OSError(38, "Function not implemented")

    monkeypatch.setattr(compile_ahead, "_is_kept", lambda *kernel: False)
    monkeypatch.setattr(numba, "get_num_threads", lambda: 2)
    monkeypatch.setattr(multiprocessing, "get_context", lambda method: Sandbox())
    with compiling_ahead(tuple(PARTS)):
        pass
    with pytest.raises(ValueError, match="of the run"), compiling_ahead(tuple(PARTS)):
        raise ValueError("of the run")


def test_the_second_process_ends_with_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compile_ahead, "_is_kept", lambda *kernel: False)
    monkeypatch.setattr(numba, "get_num_threads", lambda: 2)
    started = time.monotonic()
    with pytest.raises(ValueError, match="of the run"), compiling_ahead(("columns",)):
        (beside,) = multiprocessing.active_children()
        assert beside.daemon
        raise ValueError("of the run")
    assert not multiprocessing.active_children()
    assert time.monotonic() - started < 30.0  # it is stopped, not waited for


def test_the_cache_is_read_and_written_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    class Lock:
        held = False

        def acquire(self, timeout: float) -> bool:
            assert not self.held
            self.held = True
            return True

        def release(self) -> None:
            self.held = False

    lock, seen = Lock(), []
    monkeypatch.setattr(IndexDataCacheFile, "save", lambda *arguments: seen.append(("save", lock.held, arguments[1:])))
    monkeypatch.setattr(IndexDataCacheFile, "load", lambda *arguments: seen.append(("load", lock.held, arguments[1:])))
    cache = object.__new__(IndexDataCacheFile)
    with compile_ahead.in_turn(lock):
        cache.save("key", "data")
        cache.load("key")
    assert not lock.held
    cache.load("later")
    assert seen == [("save", True, ("key", "data")), ("load", True, ("key",)), ("load", False, ("later",))]
