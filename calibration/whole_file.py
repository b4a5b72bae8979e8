"""Result files that are there whole or not at all: one file, or several that belong together.

Results are written into a staging folder beside their names, forced to disk, and given their names by renaming. The
result exists from the moment when the empty file `done` appears in the staging folder. What stood under several names
is set aside before the first of the new files takes its name, so that old never stands beside new: a process that is
killed leaves all old, all new or, within a few renames, some names absent. The next call for that folder gives these
their files, and removes what was not finished. A staging folder is anybody else's business while the process that made
it holds its lock, or if it belongs to another user.

A store of arrays, which is a folder with a name that ends in `.zarr`, is one result like a file; it takes a new name
only.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import stat
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

_STAGING = re.compile(r"\.radiography-[0-9a-f]{16}")
_KINDS = (
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
)
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
_TO_TAKE_A_LOCK_S = 60.0  # a stage without a lock is older than that only if its maker was killed   # assumed
_STORE = ".zarr"  # ending of a folder that is one result
_SHORT_WRITE = re.compile(r"\d+ requested and \d+ written")  # numpy's words for a full disk


def check_place(path: str | Path) -> None:
    """Complain unless a result can take this name: that of nothing, or of an ordinary file; a store, of nothing.

    A device, pipe or socket would be replaced by a file; of a symbolic link nobody knows whether it or what it names
    is meant. A folder may be reached by a link.

    Parameters
    ----------
    path : str or Path
        File to be written.

    Raises
    ------
    OSError
        If something else has the name, or the folder does not exist or cannot be written to.
    """
    path = Path(path)
    if path.suffix.lower() == _STORE and path.exists():
        raise FileExistsError(f"cannot write {path}: it exists and is left as it is; give a new name")
    if path.is_dir():
        raise IsADirectoryError(f"cannot write {path}: it is a folder")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"cannot write {path}: the folder {path.parent} does not exist")
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        mode = stat.S_IFREG
    except OSError as error:
        raise type(error)(f"cannot write {path}: {error.strerror}") from error
    if not stat.S_ISREG(mode):
        kind = next((name for is_kind, name in _KINDS if is_kind(mode)), "no ordinary file")
        raise FileExistsError(f"cannot write {path}: it is {kind}; give the name of an ordinary file, or a new one")
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(f"cannot write {path}: the folder {path.parent} cannot be written to")


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """A temporary path for one file, as `whole_files` gives them for several."""
    with whole_files(path) as places:
        yield places[Path(path)]


@contextmanager
def whole_files(*paths: str | Path) -> Iterator[dict[Path, Path]]:
    """Temporary paths that take their final names together, when everything was written.

    On any failure, an interrupt included, nothing has changed.

    Parameters
    ----------
    *paths : str or Path
        Files to be written, in one folder or in several.

    Yields
    ------
    places : dict of Path to Path
        Path to write to, by final name; all end like their final names.

    Raises
    ------
    OSError
        Naming the file, if something that is no ordinary file has its name or it cannot be written.
    """
    wanted = [Path(path) for path in paths]
    for path in wanted:
        check_place(path)
    folders = list(dict.fromkeys(path.parent for path in wanted))
    with _staging(folders, wanted) as stages:
        stage = dict(zip(folders, stages, strict=True))
        yield {path: stage[path.parent] / path.name for path in wanted}


@contextmanager
def staged(folder: str | Path) -> Iterator[Path]:
    """A temporary folder whose files move into `folder` together, over older ones, when everything was written.

    On any failure, an interrupt included, nothing has changed.

    Parameters
    ----------
    folder : str or Path
        Folder that exists.

    Yields
    ------
    temporary : Path
        Folder to write into.

    Raises
    ------
    OSError
        Naming the file, if something that is no ordinary file has its name or it cannot be written.
    """
    with _staging([Path(folder)], [Path(folder)]) as stages:
        yield stages[0]


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
            with suppress(OSError):  # somebody else's file in it
                folder.rmdir()
        raise


@contextmanager
def _staging(folders: Sequence[Path], results: Sequence[Path]) -> Iterator[list[Path]]:
    """Folders to write into, one in each of `folders`; the first stage holds the marker that decides for all."""
    stages: list[Path] = []
    locks = ExitStack()
    try:
        for folder in folders:
            _tidy_up(folder)
            stages.append(folder.resolve() / f".radiography-{secrets.token_hex(8)}")
            stages[-1].mkdir(mode=0o700)
            _is_free(stages[-1], locks)
            (stages[-1] / "new").mkdir()
        if stages[1:]:
            (stages[0] / "others").write_text(
                "\0".join(str(stage) for stage in stages[1:]), encoding="utf-8", newline="\n"
            )
        for stage in stages[1:]:
            (stage / "first").write_text(str(stages[0]), encoding="utf-8", newline="\n")
        yield [stage / "new" for stage in stages]
        for _, path, final in _moves(stages):
            final.parent.mkdir(parents=True, exist_ok=True)
            check_place(final)
            for file in path.rglob("*") if path.is_dir() else (path,):
                if file.is_file():
                    _to_disk(file)
        if stages:
            (stages[0] / "done").touch(exist_ok=False)  # from here on the results exist
            _finish(stages, give_up=True)
    except OSError as error:
        raise _naming_the_result(error, stages, results) from error
    finally:
        _leave(stages, locks)


def _leave(stages: Sequence[Path], locks: ExitStack) -> None:
    """Finish what an interrupt came between, and remove the stages unless some file still waits for its name."""
    done = bool(stages) and (stages[0] / "done").exists()
    if done:
        with suppress(OSError):
            _finish(stages)
    locks.close()
    if not (done and _moves(stages)):
        for stage in reversed(stages):
            shutil.rmtree(stage, ignore_errors=True)


def _moves(stages: Sequence[Path]) -> list[tuple[Path, Path, Path]]:
    """Stage, path and final name of the files and stores that were written and wait for it."""
    return [
        (stage, path, stage.parent / path.relative_to(stage / "new"))
        for stage in stages
        for path in sorted((stage / "new").rglob("*"))
        if (path.is_file() or path.suffix.lower() == _STORE)
        and all(folder.suffix.lower() != _STORE for folder in path.relative_to(stage / "new").parents)
    ]


def _finish(stages: Sequence[Path], *, give_up: bool = False) -> None:
    """Give the files of finished stages their names and remove the stages, the first one last.

    With `give_up` all is as it was before where the old files cannot be set aside or the first new one cannot be moved.
    """
    moves = _moves(stages)
    aside: list[tuple[Path, Path]] = []
    try:
        for number, (stage, _, final) in enumerate(moves if len(moves) > 1 else ()):
            if final.exists():
                os.replace(final, stage / f"old-{number}")  # noqa: PTH105 - atomic by name, and what tests replace
                aside.append((stage / f"old-{number}", final))
        for _, path, final in moves[:1]:
            os.replace(path, final)  # noqa: PTH105
    except OSError:
        if give_up:
            for old, final in aside:
                os.replace(old, final)  # noqa: PTH105
            (stages[0] / "done").unlink()
        raise
    for _, path, final in moves[1:]:
        os.replace(path, final)  # noqa: PTH105
    for stage in reversed(stages):
        shutil.rmtree(stage, ignore_errors=True)


def _to_disk(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _tidy_up(folder: Path) -> None:
    """End what processes that are no longer there have left: finished work takes its names, unfinished work goes."""
    for stage in folder.resolve().iterdir():
        if _STAGING.fullmatch(stage.name) is None or not _is_ours(stage):
            continue
        with suppress(OSError, UnicodeDecodeError), ExitStack() as locks:
            stages = _together(stage)
            if all(_is_left_behind(each, locks) for each in stages if each.exists()):
                if (stages[0] / "done").exists():
                    _finish(stages)
                else:
                    shutil.rmtree(stage, ignore_errors=True)


def _together(stage: Path) -> list[Path]:
    """All stages of one result, the first one first; other folders' as far as they are there."""
    if (stage / "first").exists():
        first = Path((stage / "first").read_text(encoding="utf-8"))
        return [first, *_others(first)] if (first / "others").exists() and _is_ours(first) else [stage]
    return [stage, *_others(stage)]


def _others(first: Path) -> list[Path]:
    if not (first / "others").exists():
        return []
    named = [Path(name) for name in (first / "others").read_text(encoding="utf-8").split("\0")]
    return [stage for stage in named if _is_ours(stage)]


def _is_ours(stage: Path) -> bool:
    """Whether a folder of this name was made by this user; files of nobody else are moved or removed."""
    try:
        found = stage.lstat()
    except OSError:
        return False
    if sys.platform == "win32":
        return stat.S_ISDIR(found.st_mode)
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()


def _is_left_behind(stage: Path, locks: ExitStack) -> bool:
    """Whether the process that made a stage is gone; if so, its lock is taken."""
    if (stage / "lock").exists():
        return _is_free(stage, locks)
    return time.time() - stage.stat().st_mtime > _TO_TAKE_A_LOCK_S


def _is_free(stage: Path, locks: ExitStack) -> bool:
    """Whether no process holds the lock of a stage; if so, it is held by us until `locks` are closed."""
    lock = os.open(stage / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(lock, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # taken, or a file system without locks, where nothing is ever called left behind
        os.close(lock)
        return False
    locks.callback(os.close, lock)
    return True


def _naming_the_result(error: OSError, stages: Sequence[Path], results: Sequence[Path]) -> OSError:
    """An error about a staging folder, or a write to no named file, as one about the result; others as they are."""
    name = results[0] if results else Path()
    if error.filename is None:
        if error.errno not in _NO_ROOM and not _SHORT_WRITE.search(str(error)):
            return error
    else:
        found = Path(os.fsdecode(error.filename))
        stage = next((stage for stage in stages if stage == found or stage in found.parents), None)
        if stage is None:
            return error
        if stage / "new" in found.parents:
            inside = stage.parent / found.relative_to(stage / "new")
            name = next((path for path in results if path.resolve() in (inside, *inside.parents)), inside)
    return type(error)(f"cannot write {name}: {error.strerror or 'the disk is full, or the file may not grow'}")
