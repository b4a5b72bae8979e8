"""Command-line text to values, with one sentence for what is wrong."""

from __future__ import annotations

import glob
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from radiography.files.frames import FrameSource, RawLayout, open_frames


def raw_layout(shape: str | None, dtype: str, byte_order: str, header_bytes: int) -> RawLayout | None:
    """Layout of headerless raw files; None when no shape is given."""
    if shape is None:
        return None
    match = re.fullmatch(r"(\d+)[x,](\d+)", shape)
    if match is None:
        raise ValueError(f"--shape must be ROWSxCOLS such as 3072x3072, got '{shape}'")
    return RawLayout(int(match[1]), int(match[2]), dtype, byte_order, header_bytes)


def region(text: str | None) -> tuple[int, int, int, int] | None:
    """R0:R1,C0:C1 as (r0, r1, c0, c1); None stays None."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d+):(\d+),(\d+):(\d+)", text.replace(" ", ""))
    if match is None:
        raise ValueError(f"--roi must be R0:R1,C0:C1 such as 100:500,200:600, got '{text}'")
    r0, r1, c0, c1 = (int(number) for number in match.groups())
    return r0, r1, c0, c1


def column_ranges(option: str, text: str) -> tuple[tuple[int, int], ...]:
    """C0:C1,C2:C3 as half-open ranges."""
    ranges = []
    for part in text.replace(" ", "").split(","):
        match = re.fullmatch(r"(\d+):(\d+)", part)
        if match is None or int(match[1]) >= int(match[2]):
            raise ValueError(f"{option} must be ranges of columns such as 0:16,3056:3072, got '{text}'")
        ranges.append((int(match[1]), int(match[2])))
    return tuple(ranges)


def input_files(names: Sequence[str], what: str) -> list[Path]:
    """Files named one by one, by pattern or by folder, in the order given; patterns and folders sorted."""
    found: list[Path] = []
    for name in names:
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


def open_all(names: Sequence[str], what: str, layout: RawLayout | None) -> list[FrameSource]:
    """Sources of frames, checked to have one shape."""
    sources = [open_frames(path, layout) for path in input_files(names, what)]
    first = sources[0]
    for source in sources[1:]:
        if (source.rows, source.cols) != (first.rows, first.cols):
            raise ValueError(
                f"{source.path} is {source.rows} x {source.cols} but {first.path} is {first.rows} x {first.cols}"
            )
    return sources


def check_writable(path: Path, suffixes: tuple[str, ...] = ()) -> None:
    """Complain before the work starts about a result that could not be written."""
    if suffixes and path.suffix.lower() not in suffixes:
        raise ValueError(f"{path} must end in {' or '.join(suffixes)}")
    if path.is_dir():
        raise IsADirectoryError(f"cannot write {path}: it is a folder")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"cannot write {path}: the folder {path.parent} does not exist")


def check_at_least(option: str, value: int, least: int) -> None:
    """Complain about a count that is too small."""
    if value < least:
        raise ValueError(f"{option} must be {least} or more, got {value}")


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[float], None]]:
    """A bar on a terminal, silence in a pipe; the caller hands in the fraction done, 0 to 1."""
    if not sys.stderr.isatty():
        yield lambda fraction: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=1.0)
        yield lambda fraction: bar.update(task, completed=min(fraction, 1.0))
