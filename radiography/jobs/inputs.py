"""Files and names that a job is given: found, opened, and judged before the work starts."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from calibration.whole_file import staged
from radiography.config import load_scintillator
from radiography.files.frames import FrameSource, RawLayout, open_frames
from radiography.light.scintillator import Scintillator

Files = str | Path | Sequence[str | Path]
Report = Callable[[str, float], None]  # called with what is being done and the fraction of it that is done, 0 to 1
PICTURES = (".png", ".pdf", ".svg")  # what plots may end in


def no_report(what: str, done: float) -> None:
    """Nothing; stands in where nobody wants to know how far a job is.

    Parameters
    ----------
    what : str
        What is being done.
    done : float
        Fraction of it that is done. [1]
    """


def named(files: Files) -> list[str]:
    """One name or several as a list of text."""
    return [str(files)] if isinstance(files, str | Path) else [str(name) for name in files]


def input_files(files: Files, what: str) -> list[Path]:
    """Files named one by one, by pattern or by folder.

    Parameters
    ----------
    files : str, Path or sequence of them
        Names, patterns or folders.
    what : str
        What messages call them.

    Returns
    -------
    paths : list of Path
        In the order given; those of a pattern or folder sorted.

    Raises
    ------
    FileNotFoundError
        If a pattern or folder holds none.
    """
    found: list[Path] = []
    for name in named(files):
        if Path(name).is_dir():
            inside = sorted(path for path in Path(name).iterdir() if path.is_file() and not path.name.startswith("."))
        elif Path(name).exists() or not glob.has_magic(name):
            inside = [Path(name)]
        else:
            inside = [Path(path) for path in sorted(glob.glob(name))]  # noqa: PTH207 - patterns may be absolute
        if not inside:
            raise FileNotFoundError(f"no {what} file matches '{name}'")
        found += inside
    return found


def open_all(files: Files, what: str, layout: RawLayout | None) -> list[FrameSource]:
    """Sources of frames, checked to have one shape.

    Parameters
    ----------
    files : str, Path or sequence of them
        Names, patterns or folders.
    what : str
        What messages call them.
    layout : RawLayout or None
        Of headerless raw files.

    Returns
    -------
    sources : list of FrameSource

    Raises
    ------
    ValueError, OSError
        If a file cannot be read, or two differ in shape.
    """
    sources = [open_frames(path, layout) for path in input_files(files, what)]
    first = sources[0]
    for source in sources[1:]:
        if (source.rows, source.cols) != (first.rows, first.cols):
            raise ValueError(
                f"{source.path} is {source.rows} x {source.cols} but {first.path} is {first.rows} x {first.cols}"
            )
    return sources


def load_layers(names: Files, what: str) -> list[Scintillator]:
    """Scintillators, each of another name.

    Parameters
    ----------
    names : str, Path or sequence of them
        Shipped names or .toml files.
    what : str
        What each is made into, under its name.

    Returns
    -------
    layers : list of Scintillator

    Raises
    ------
    ValueError, TypeError, OSError
        In one sentence, if a description is wrong, or two have one name.
    """
    layers = [load_scintillator(name) for name in named(names)]
    known = [layer.name for layer in layers]
    twice = sorted({name for name in known if known.count(name) > 1})
    if twice:
        raise ValueError(f"scintillator '{twice[0]}' is named twice; each {what} needs its own name")
    return layers


def check_writable(path: Path | None, suffixes: tuple[str, ...] = ()) -> None:
    """Complain before the work starts about a result that could not be written.

    Parameters
    ----------
    path : Path or None
        File to be written; None is not wanted.
    suffixes : tuple of str
        Endings that it may have; any without.

    Raises
    ------
    ValueError, OSError
        If the ending is another, the path is a folder, or its folder does not exist.
    """
    if path is None:
        return
    if suffixes and path.suffix.lower() not in suffixes:
        raise ValueError(f"{path} must end in {' or '.join(suffixes)}")
    if path.is_dir():
        raise IsADirectoryError(f"cannot write {path}: it is a folder")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"cannot write {path}: the folder {path.parent} does not exist")


def check_folder(folder: Path) -> None:
    """Complain before the work starts about a folder that results could not be written into.

    Raises
    ------
    OSError
        If it is a file, or it does not exist and neither does the folder that it would be in.
    """
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"cannot write into {folder}: it is not a folder")
    if not folder.parent.is_dir():
        raise FileNotFoundError(f"cannot write {folder}: the folder {folder.parent} does not exist")


def optional_path(path: str | Path | None) -> Path | None:
    """A path where a name is given."""
    return None if path is None else Path(path)


@contextmanager
def all_or_none(*results: Path | None) -> Iterator[dict[Path, Path]]:
    """Where each result is written for now; all move to their names when all are written, or none appears.

    Parameters
    ----------
    *results : Path or None
        Files to be written; None is not wanted.

    Yields
    ------
    places : dict of Path to Path
        Path to write to, by result.
    """
    wanted = [path for path in results if path is not None]
    with ExitStack() as stages:
        stage = {folder: stages.enter_context(staged(folder)) for folder in {path.parent for path in wanted}}
        yield {path: stage[path.parent] / path.name for path in wanted}


def check_at_least(name: str, value: int, least: int) -> None:
    """Complain about a count that is too small.

    Parameters
    ----------
    name : str
        What the message calls it.
    value, least : int
        The count, and the smallest that is allowed. [1]

    Raises
    ------
    ValueError
        If the count is below.
    """
    if value < least:
        raise ValueError(f"{name} must be {least} or more, got {value}")
