"""Objects that are sent, and what holds while they are."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dicom import archive


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pictures, a linked image for processing, and what lies about in a folder."""
    place = tmp_path_factory.mktemp("send")
    archive.write_object(place / "a.dcm", 1)
    archive.write_object(place / "b.dcm", 2)
    archive.write_object(place / "p.dcm", 3, for_processing=True)
    (place / "notes.txt").write_text("no DICOM")
    return place


@pytest.fixture
def no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RADIOGRAPHY_TOKEN", raising=False)
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL + 1)


@pytest.fixture
def threads_end() -> Iterator[None]:
    """No association outlives its command."""
    yield
    ends = time.monotonic() + 5
    while (left := _ours()) and time.monotonic() < ends:
        time.sleep(0.01)
    assert not left


def _ours() -> list[str]:
    """Threads of associations that we asked for."""
    return [each.name for each in threading.enumerate() if "Requestor" in each.name or "DUL" in each.name]
