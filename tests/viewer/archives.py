"""Archives that others wrote, each alone in a network of its own: what runs in it reaches nothing but itself."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
DICOMWEB = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
PATIENCE_S = 120

# Runs inside the network, as root of it: loopback up, the archive, then the words that follow.
_INSIDE = """
import json, os, subprocess, sys, time, urllib.request
ready, server, words = json.loads(sys.argv[1])
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
process = subprocess.Popen(server, stdout=open("server.log", "wb"), stderr=subprocess.STDOUT)
try:
    import socket
    ends = time.monotonic() + 20
    for port in ready:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert process.poll() is None and time.monotonic() < ends, open("server.log").read()[-2000:]
                time.sleep(0.05)
    code = subprocess.run(words).returncode
finally:
    process.kill()
    process.wait()
sys.exit(code)
"""


def network_of_its_own() -> list[str] | None:
    """The words that run a program in a network with nothing but loopback; None where that is not allowed."""
    for words in (["unshare", "--net"], ["unshare", "--map-root-user", "--net"]):
        if shutil.which("unshare") and shutil.which("ip"):
            tried = subprocess.run([*words, "ip", "link", "set", "lo", "up"], capture_output=True, check=False)
            if tried.returncode == 0:
                return words
    return None


def find_orthanc() -> str | None:
    """Orthanc with its plugin of DICOMweb."""
    return shutil.which("Orthanc", path=f"{os.environ.get('PATH', '')}:/usr/sbin") if DICOMWEB.is_file() else None


def orthanc(folder: Path, **settings: Any) -> list[str]:
    """A command that starts an empty Orthanc: C-STORE on 4242, HTTP on 8042."""
    about = {
        "Name": "test",
        "StorageDirectory": str(folder / "store"),
        "IndexDirectory": str(folder / "store"),
        "Plugins": [str(DICOMWEB)],
        "HttpPort": 8042,
        "DicomPort": 4242,
        "DicomAet": "ORTHANC",
        "DicomAlwaysAllowFind": True,
        "HttpCompressionEnabled": False,  # ten to thirty times slower on the way to the same machine
        "AuthenticationEnabled": False,
        "RemoteAccessAllowed": False,
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        **settings,
    }
    (folder / "orthanc.json").write_text(json.dumps(about), encoding="utf-8")
    return [str(find_orthanc()), str(folder / "orthanc.json")]


def run_beside(
    server: Sequence[str], ready: Sequence[int], code: str, folder: Path, *words: str
) -> subprocess.CompletedProcess[str]:
    """Run Python code while a server runs, both in a network of their own; the server is killed afterwards."""
    inside = network_of_its_own()
    assert inside is not None
    (folder / "code.py").write_text(code, encoding="utf-8")
    asked = json.dumps([list(ready), list(server), [sys.executable, str(folder / "code.py"), *words]])
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [*inside, sys.executable, "-c", _INSIDE, asked], cwd=folder, env=environment, capture_output=True, text=True,
        timeout=PATIENCE_S, check=False,
    )  # fmt: skip
