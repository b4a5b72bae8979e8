"""Stages of a long job that are kept in its folder: what was finished with the same inputs is not made again."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from calibration.whole_file import staged
from radiography.files.frames import sha256_of
from radiography.jobs.json_text import json_text, write_json

RECORD = "stage.json"
PACKAGES = ("radiography", "calibration", "phantoms")
NOT_OF_NUMBERS = ("radiography/cli", "radiography/figures", "radiography/data", "radiography/dicom")
_log = logging.getLogger("radiography")


def software_digest() -> str:
    """SHA-256 over the source that numbers come from; a stage made by other source is made again."""
    root = Path(__file__).resolve().parents[2]
    whole = hashlib.sha256()
    for path in sorted(path for package in PACKAGES for path in (root / package).rglob("*.py")):
        name = path.relative_to(root).as_posix()
        if not name.startswith(NOT_OF_NUMBERS):
            whole.update(name.encode() + b"\0" + path.read_bytes().replace(b"\r\n", b"\n"))
    return whole.hexdigest()


def keep_stage(folder: Path, inputs: Mapping[str, Any], make: Callable[[Path], None]) -> str:
    """A stage's folder, made unless it holds what the same inputs gave; the digest of the inputs comes back.

    Parameters
    ----------
    folder : Path
        Folder of the stage; it appears with all of its files, or keeps what it held.
    inputs : mapping
        JSON values that decide what the files hold.
    make : callable
        Called with a folder to write the files into.

    Returns
    -------
    digest : str
        SHA-256 of the inputs, an input of stages that follow.

    Raises
    ------
    OSError
        If the folder cannot be written to.
    """
    digest = hashlib.sha256(json_text(inputs).encode()).hexdigest()
    earlier = _record(folder)
    if earlier.get("inputs_sha256") == digest and _is_whole(folder, earlier["files"]):
        _log.debug("%s is kept from an earlier run", folder)
        return digest
    folder.mkdir(parents=True, exist_ok=True)
    with staged(folder) as place:
        make(place)
        files = {path.name: sha256_of(path) for path in sorted(place.iterdir())}
        write_json(place / RECORD, {"inputs_sha256": digest, "files": files})
    for name in earlier.get("files", {}).keys() - files.keys():  # of an earlier run with other inputs
        (folder / name).unlink(missing_ok=True)
    return digest


def _record(folder: Path) -> dict[str, Any]:
    """What the folder says of itself; nothing where there is no record or it is no longer readable."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    known = isinstance(record, dict) and isinstance(record.get("files"), dict)
    return record if known and all(Path(name).name == name for name in record["files"]) else {}


def _is_whole(folder: Path, files: Mapping[str, str]) -> bool:
    return all((folder / name).is_file() and sha256_of(folder / name) == digest for name, digest in files.items())
