"""What tests of sending share: servers to send to, and what became of files in short."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path
from typing import Any

import pydicom
import pytest

from radiography.jobs.send import Account, Server

FAST = {"back_off_s": 0.02}
needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


def to(port: int, **settings: Any) -> Server:
    return Server(to=f"127.0.0.1:{port}", called="ARCHIVE", timeout_s=settings.pop("timeout_s", 5.0), **settings)


def web(port: int, **settings: Any) -> Server:
    return Server(stow=f"http://127.0.0.1:{port}/dicom-web", timeout_s=settings.pop("timeout_s", 5.0), **settings)


def uid(path: Path) -> str:
    return str(pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID)


def statuses(account: Account) -> list[str]:
    return [each.status for each in account.files]


def silent(taken: socket.socket) -> None:
    """Hears everything and says nothing."""
    taken.settimeout(3.0)
    while taken.recv(2**16):
        pass
