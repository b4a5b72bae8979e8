"""A scheduler and a worker that were started by hand, as docs/sweeps.md says, with and without TLS."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from radiography.cli import run
from radiography.sweep.engine import has_dask
from tests.sweep.scenes import sweep_file

REPOSITORY = Path(__file__).resolve().parents[2]
DOCS = (REPOSITORY / "docs" / "sweeps.md").read_text(encoding="utf-8")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not has_dask(), reason="Dask (extra `sweep`) is not installed"),
]
ENOUGH_S = 240.0  # chosen: of a machine that others use as well


def lines_of(heading: str) -> list[str]:
    """Commands of the first code block behind a heading of the page."""
    block = re.search(r"^```sh\n(.*?)^```", DOCS.partition(heading)[2], flags=re.MULTILINE | re.DOTALL)
    assert block is not None
    return block[1].replace("\\\n", " ").splitlines()


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def running(lines: list[str], folder: Path, environment: dict[str, str]) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes of shell lines, which end with the test."""
    path = os.pathsep.join([str(REPOSITORY), *sys.path])
    program = f'dask() {{ exec "{sys.executable}" -m dask "$@"; }}; '
    started = [
        subprocess.Popen(
            ["bash", "-c", program + line], cwd=folder, env=os.environ | {"PYTHONPATH": path} | environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        for line in lines
    ]  # fmt: skip
    try:
        yield started
    finally:
        for process in reversed(started):
            process.send_signal(signal.SIGTERM)
        for process in started:
            try:
                process.wait(20.0)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def swept(folder: Path, name: str, *more: str) -> dict[str, bytes]:
    """What a sweep of six samples writes."""
    out = folder / f"{name}.zarr"
    assert run(["sweep", str(sweep_file(folder, pictures="true")), "--out", str(out), *more]) == 0
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}


def wait_for(port: int) -> None:
    """Until something listens there."""
    until = time.monotonic() + ENOUGH_S
    while time.monotonic() < until:
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    pytest.fail("the scheduler does not listen")


@pytest.fixture
def settings() -> Iterator[None]:
    """Settings of Dask from the environment, as they are again once the test's own variables are gone."""
    import dask

    yield
    dask.config.refresh()


@pytest.mark.usefixtures("settings", "monkeypatch")  # in this order, so that the variables go first
@pytest.mark.parametrize("protocol", ["tcp", "tls"])
def test_two_processes_started_by_hand_give_the_same_bytes(
    protocol: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    heading = "## Other machines" if protocol == "tcp" else "## With TLS"
    *prepare, scheduler, worker, command = [line for line in lines_of(heading) if line.strip()]
    environment = {}
    for line in prepare:
        if line.startswith("export "):
            key, _, value = line.removeprefix("export ").partition("=")
            environment[key] = value
            monkeypatch.setenv(key, str(tmp_path / value) if "." in value else value)
        else:
            if shutil.which("openssl") is None:
                pytest.skip("openssl, which makes the certificate, is not installed")
            subprocess.run(["bash", "-c", line], cwd=tmp_path, check=True, capture_output=True)
    if protocol == "tls":
        import dask

        dask.config.refresh()
    port = free_port()
    scheduler, worker = (line.replace("8786", str(port)) for line in (scheduler, worker))
    address = f"{protocol}://127.0.0.1:{port}"
    assert command == f"radiography sweep sweep.toml --out sweep.zarr --scheduler {protocol}://127.0.0.1:8786"
    with running([scheduler, worker], tmp_path, environment):
        wait_for(port)
        if protocol == "tls":
            out = str(tmp_path / "open.zarr")
            assert (
                run(["sweep", str(sweep_file(tmp_path)), "--out", out, "--scheduler", f"tcp://127.0.0.1:{port}"]) == 2
            )
            assert "is not encrypted, as Dask's configuration here demands" in capsys.readouterr().err
        by_hand = swept(tmp_path, "hand", "--scheduler", address)
    assert by_hand == swept(tmp_path, "loop", "--scheduler", "none")


def test_a_scheduler_that_goes_away_is_one_sentence_and_what_is_done_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import radiography.jobs.sweep as job
    from tests.sweep.scenes import slow_sample

    port = free_port()
    scheduler, worker, _ = (line.replace("8786", str(port)) for line in lines_of("## Other machines"))
    monkeypatch.setattr(job, "do_sample", slow_sample)
    with running([scheduler, worker], tmp_path, {}) as (first, _):
        wait_for(port)
        real = job.run_tasks

        def then_kill(*given: object) -> Iterator[object]:
            for outcome in real(*given):  # type: ignore[arg-type]
                yield outcome
                first.kill()

        monkeypatch.setattr(job, "run_tasks", then_kill)
        out = tmp_path / "x.zarr"
        address = f"tcp://127.0.0.1:{port}"
        assert run(["sweep", str(sweep_file(tmp_path)), "--out", str(out), "--scheduler", address]) == 2
    said = [line for line in capsys.readouterr().err.splitlines() if "radiography: samples" not in line]
    assert said == [f"radiography: the scheduler {address} has gone away; what is done is kept"]
    assert list((out / "done").rglob("*")) and not out.with_suffix(".csv").exists()
