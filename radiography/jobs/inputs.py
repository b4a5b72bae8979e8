"""Files and names that a job is given: found, opened, and judged before the work starts."""

from __future__ import annotations

import glob
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from calibration.whole_file import check_place, whole_files
from radiography.config import load_scintillator
from radiography.files.frames import FrameSource, RawLayout, open_frames
from radiography.files.source import INSIDE, split_dataset
from radiography.light.scintillator import Scintillator
from radiography.panel.panel import Panel

Files = str | Path | Sequence[str | Path]
Report = Callable[[str, float], None]  # called with what is being done and the fraction of it that is done, 0 to 1
PICTURES = (".png", ".pdf", ".svg")  # what plots may end in

Region = tuple[int | None, int | None, int | None, int | None]  # rows and columns, half-open; None is the border [1]


def region_within(region: Region | None, shape: tuple[int, ...]) -> tuple[int, int, int, int] | None:
    """A region with the image's borders where it names none; None stays None.

    Parameters
    ----------
    region : Region or None
        First and end row, first and end column. [1]
    shape : (int, int)
        Rows and columns of the image. [1]

    Returns
    -------
    region : (int, int, int, int) or None
        The same, without a check that it lies in the image. [1]
    """
    if region is None:
        return None
    borders = (0, shape[0], 0, shape[1])
    r0, r1, c0, c1 = (border if n is None else n for n, border in zip(region, borders, strict=True))
    return r0, r1, c0, c1


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
        Names, patterns or folders; of an HDF5 file or pattern also with `::` and a dataset inside it.
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
        elif Path(name).exists() or not glob.has_magic(name.partition(INSIDE)[0]):
            inside = [Path(name)]
        else:
            pattern, *dataset = name.partition(INSIDE)
            inside = [Path(path + "".join(dataset)) for path in sorted(glob.glob(pattern))]  # noqa: PTH207 - may be absolute
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
        If the ending is another, the path is no ordinary file, or its folder does not exist or cannot be written to.
    """
    if path is None:
        return
    if suffixes and path.suffix.lower() not in suffixes:
        raise ValueError(f"{path} must end in {' or '.join(suffixes)}")
    check_place(path)


def keep_apart(results: Iterable[Path | None], inputs: Iterable[str | Path | None]) -> None:
    """Complain before the work starts about a result that would overwrite an input, or another result.

    Parameters
    ----------
    results : iterable of Path or None
        Files to be written; None is not wanted.
    inputs : iterable of str, Path or None
        Files that are read; a name that is no file, such as that of a shipped scene, is none.

    Raises
    ------
    ValueError
        If two of them are one file, under whatever names.
    """
    files = [split_dataset(name)[0] for name in inputs if name is not None]
    taken = {
        _identity(path): f"{path} would be overwritten by a result: give that another name"
        for path in files
        if path.is_file()
    }
    for path in results:
        if path is None:
            continue
        same = _identity(path)
        if same in taken:
            raise ValueError(taken[same])
        taken[same] = f"two results would be written to {path}: give one of them another name"


def tell_front_only(panel: Panel) -> None:
    """Warn of a dual-layer panel where only its front layer counts."""
    if panel.back is not None:
        warnings.warn(
            f"panel '{panel.name}' has a back layer, which is left out here: everything is of the front layer",
            stacklevel=3,
        )


def _identity(path: Path) -> object:
    """The same for all names of one file."""
    try:
        found = path.stat()
    except OSError:
        return os.path.normcase(path.resolve())
    return (found.st_dev, found.st_ino)


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
    if not os.access(folder if folder.exists() else folder.parent, os.W_OK):
        raise PermissionError(f"cannot write into {folder}: it cannot be written to")


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
    with whole_files(*(path for path in results if path is not None)) as places:
        yield places


def check_at_least(name: str, value: int, least: int, most: int | None = None) -> None:
    """Complain about a count that is too small, or so large that nothing could hold it.

    Parameters
    ----------
    name : str
        What the message calls it.
    value, least : int
        The count, and the smallest that is allowed. [1]
    most : int, optional
        The largest that is allowed. [1]

    Raises
    ------
    ValueError
        If the count lies outside.
    """
    if value < least:
        raise ValueError(f"{name} must be {least} or more, got {value}")
    if most is not None and value > most:
        raise ValueError(f"{name} must be {most} or fewer, got {value}")
