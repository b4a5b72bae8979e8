"""Result files that are there whole or not at all: one file, or several that belong together."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_STAGING = re.compile(r"\.radiography-(?P<state>work|done)-(?P<process>\d+)-[0-9a-f]{8}")


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """A temporary path in the same folder that takes the final name only when everything was written.

    The bytes are forced to disk before the name changes; on any failure, an interrupt included, the temporary file is
    removed and what stood under `path` stays as it was.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.
    IsADirectoryError
        If `path` is a folder.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"cannot write {path}: the folder {path.parent} does not exist")
    if path.is_dir():
        raise IsADirectoryError(f"cannot write {path}: it is a folder")
    temporary = path.with_name(f".{path.name[:200]}.{secrets.token_hex(4)}.part")
    try:
        temporary.touch(exist_ok=False)
        yield temporary
        _to_disk(temporary)
        os.replace(temporary, path)  # noqa: PTH105 - the one call that is atomic by name, and that tests replace
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def folder_for(folder: Path) -> Iterator[None]:
    """A folder that is made if it is not there, and goes again if its results do not come about."""
    made = not folder.exists()
    if made:
        folder.mkdir()
    try:
        yield
    except BaseException:
        if made:
            folder.rmdir()
        raise


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """A temporary folder inside `folder` whose files move into it, over older ones, when all went well.

    On any failure, an interrupt included, the temporary folder is removed and nothing else has changed. A process that
    is killed leaves either unfinished work, which the next call for this folder removes, or finished work of which
    some files may have moved already: the next call moves the rest. Each single file is always whole, old or new.

    Raises
    ------
    OSError
        If the folder cannot be written to.
    """
    _tidy_up(folder)
    name = f"{os.getpid()}-{secrets.token_hex(4)}"
    temporary = folder / f".radiography-work-{name}"
    temporary.mkdir()
    finished = folder / f".radiography-done-{name}"
    try:
        yield temporary
        for path in temporary.rglob("*"):
            final = folder / path.relative_to(temporary)
            if path.is_file() and final.is_dir():
                raise IsADirectoryError(f"cannot write {final}: it is a folder")
            if path.is_file():
                _to_disk(path)
        temporary.rename(finished)  # from here on the results exist
        _move_out(finished, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _to_disk(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _move_out(finished: Path, folder: Path) -> None:
    """Give the files of a finished folder their own names, and remove it."""
    for path in sorted(path for path in finished.rglob("*") if path.is_file()):
        final = folder / path.relative_to(finished)
        final.parent.mkdir(parents=True, exist_ok=True)
        os.replace(path, final)  # noqa: PTH105 - atomic by name
    shutil.rmtree(finished, ignore_errors=True)


def _tidy_up(folder: Path) -> None:
    """End what processes that are no longer there have left: finished work moves out, unfinished work goes."""
    for path in folder.iterdir():
        match = _STAGING.fullmatch(path.name)
        if match is None or not path.is_dir() or _is_running(int(match["process"])):
            continue
        if match["state"] == "done":
            with suppress(OSError):
                _move_out(path, folder)
        else:
            shutil.rmtree(path, ignore_errors=True)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
