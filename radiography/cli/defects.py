"""`radiography defects`: the bad pixels of a panel by class and group, and what changed since earlier maps."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from calibration.calibration_set import CalibrationSet, load_calibration_set
from calibration.defects.ageing import Ageing, DatedMap, compare_maps, growth_table, merge_maps
from calibration.defects.clusters import DefectGroups, count_groups, find_groups, group_name, worst_groups
from calibration.defects.files import day_of, read_defect_map, write_defect_table
from calibration.flags import SHIELDED, UNCOATED, UNUSABLE, count_flags
from calibration.whole_file import staged
from radiography.files.frames import read_image, sha256_of, write_tiff
from radiography.jobs.inputs import check_writable, input_files

LISTED = 5  # largest groups that are printed


def run_defects(
    map_file: Path,
    earlier: Sequence[str],
    in_runs: float | None,
    image: Path | None,
    table: Path | None,
    overlay: Path | None,
    over: Path | None,
) -> None:
    """Print classes, groups and ageing of a defect map; write it as image, table and picture where asked for."""
    if image is not None:
        check_writable(image, (".tif", ".tiff"))
    if table is not None:
        check_writable(table, (".csv", ".json"))
    if overlay is not None:
        check_writable(overlay, (".png",))
    outputs = [path.resolve() for path in (image, table, overlay) if path is not None]
    if over is not None and overlay is None:
        raise ValueError("--over needs --overlay, the picture to write")
    if in_runs is not None and not earlier:
        raise ValueError("--in-runs needs --earlier maps of the same panel")
    own_path, taken = _path_and_day(str(map_file))
    newest, calibration = _dated_map(own_path, taken)
    older = [_dated_map(path, day)[0] for path, day in _earlier_files(earlier)]
    for source in (own_path, *(path for path, _ in _earlier_files(earlier)), *([over] if over else [])):
        if source.resolve() in outputs:
            raise ValueError(f"{source} would be overwritten by a result: give that another name")
    ageing = growth_table([*older, newest])
    if len(older) > 1:
        ageing = (*ageing, compare_maps(_first(older), newest))
    flags = newest.flags
    if in_runs is not None:
        flags = merge_maps([dated.flags for dated in [*older, newest]], in_runs)
    groups = find_groups(flags)
    about = {
        "kind": "defect map",
        "software": f"radiography {version('radiography')}",
        "source": {"name": own_path.name, "sha256": sha256_of(own_path)},
        "date": newest.taken.isoformat() if newest.taken else None,
        "earlier": [dated.name for dated in older],
        "in_runs": in_runs,
        "criteria": calibration.provenance.get("criteria") if calibration else None,
        "serial": calibration.conditions.serial if calibration else None,
    }
    picture = _picture(over, calibration, flags.shape) if overlay is not None else None
    _write(flags, groups, about, calibration, picture, image, table, overlay)
    _print_classes(own_path, newest, flags, len(older), in_runs)
    _print_groups(groups)
    for sentence in calibration.provenance.get("defects_skipped", ()) if calibration else ():
        print(f"not judged: {sentence}")
    for step in ageing:
        _print_ageing(step)
    for path, what in ((image, "defect map, uint16 flags"), (table, "table"), (overlay, "picture")):
        if path is not None:
            print(f"{path}: {what}")


def _path_and_day(text: str) -> tuple[Path, date | None]:
    """FILE or FILE@YYYY-MM-DD, for files that do not know their date."""
    match = re.fullmatch(r"(.+)@(\d{4}-\d{2}-\d{2})", text)
    if match is None or Path(text).exists():
        return Path(text), None
    try:
        return Path(match[1]), date.fromisoformat(match[2])
    except ValueError as error:
        raise ValueError(f"{match[2]} after '{match[1]}@' is no date: {error}") from error


def _earlier_files(names: Sequence[str]) -> list[tuple[Path, date | None]]:
    named = [_path_and_day(name) for name in names]
    return [(path, day) for name, day in named for path in input_files([str(name)], "defect map")]


def _first(older: Sequence[DatedMap]) -> DatedMap:
    """The earliest by date, or the one that was named first."""
    days = [dated.taken for dated in older]
    known = [day for day in days if day is not None]
    return older[days.index(min(known))] if len(known) == len(days) else older[0]


def _dated_map(path: Path, taken: date | None) -> tuple[DatedMap, CalibrationSet | None]:
    """A map, and the whole calibration set where it comes from one, which is a zip file."""
    if path.is_file():
        with path.open("rb") as file:
            is_set = file.read(2) == b"PK"
        if is_set:
            calibration = load_calibration_set(path)
            taken = taken or day_of(calibration.conditions.date, path)
            return DatedMap(calibration.defects, taken, path.name), calibration
    return read_defect_map(path, taken), None


def _picture(over: Path | None, calibration: CalibrationSet | None, shape: tuple[int, ...]) -> npt.NDArray[Any] | None:
    """What lies under the defects: the image asked for, or the response of the calibration."""
    if over is None:
        return None if calibration is None else 1.0 / calibration.gain
    pixels = read_image(over).pixels
    if pixels.shape != shape:
        raise ValueError(f"{over} is {pixels.shape[0]} x {pixels.shape[1]} but the map is {shape[0]} x {shape[1]}")
    return pixels


def _write(
    flags: npt.NDArray[np.uint16],
    groups: DefectGroups,
    about: Mapping[str, Any],
    calibration: CalibrationSet | None,
    picture: npt.NDArray[Any] | None,
    image: Path | None,
    table: Path | None,
    overlay: Path | None,
) -> None:
    """All files or none."""
    wanted = [path for path in (image, table, overlay) if path is not None]
    with ExitStack() as together:
        folders = {folder: together.enter_context(staged(folder)) for folder in {path.parent for path in wanted}}
        if image is not None:
            pitch = calibration.conditions.pitch_mm if calibration else None
            write_tiff(folders[image.parent] / image.name, flags, pitch, dict(about))
        if table is not None:
            write_defect_table(folders[table.parent] / table.name, flags, groups, about)
        if overlay is not None:
            from radiography.figures.defect_overlay import defect_overlay

            title = str(about["source"]["name"]) + (f", {about['date']}" if about["date"] else "")
            figure = defect_overlay(picture, flags, groups, title)
            figure.savefig(folders[overlay.parent] / overlay.name, dpi=130)


def _print_classes(
    path: Path, newest: DatedMap, flags: npt.NDArray[np.uint16], older: int, in_runs: float | None
) -> None:
    bad = int(np.count_nonzero(flags & UNUSABLE))
    day = f", {newest.taken.isoformat()}" if newest.taken else ""
    merged = f", bad in {100 * in_runs:g} % of {older + 1} maps" if in_runs is not None else ""
    size = f"{flags.shape[0]} x {flags.shape[1]} pixels"
    print(f"{path}: {size}{day}{merged}: {bad:,} bad ({1e6 * bad / flags.size:.0f} ppm)")
    print(f"{'class':<20}{'pixels':>10}{'ppm':>10}")
    notes = {"uncoated": "works, without scintillator", "shielded": "sees no X-rays, is no defect"}
    for name, count in count_flags(flags & np.uint16(UNUSABLE | UNCOATED | SHIELDED)).items():
        print(f"{name:<20}{count:>10,}{1e6 * count / flags.size:>10.0f}  {notes.get(name, '')}".rstrip())


def _print_groups(groups: DefectGroups) -> None:
    counts = count_groups(groups).items()
    print(
        "groups: " + ", ".join(f"{count:,} {name}{'s' * (name != 'single' and count != 1)}" for name, count in counts)
    )
    worst = worst_groups(groups, LISTED)
    if worst:
        print("largest:")
    for number in worst:
        top, bottom, left, right = groups.box[number]
        name = group_name(groups, number)
        print(f"  {name:<32}rows {top}:{bottom}, columns {left}:{right}")


def _print_ageing(step: Ageing) -> None:
    time = f", {step.days} days" if step.days is not None else ""
    print(f"from {step.earlier} to {step.later}{time}:")
    print(f"{'class':<20}{'before':>10}{'after':>10}{'new':>10}{'healed':>10}{'stayed':>10}")
    for name, change in [("any", step.any_class), *step.by_class.items()]:
        numbers = (change.before, change.after, change.new, change.healed, change.persistent)
        print(f"{name:<20}" + "".join(f"{number:>10,}" for number in numbers))
    more = step.any_class.after - step.any_class.before
    fraction = f" ({100 * more / step.any_class.before:+.0f} %)" if step.any_class.before else ""
    rate = f", {step.growth_per_1000_days:+,.0f} per 1,000 days" if step.growth_per_1000_days is not None else ""
    print(f"growth: {more:+,} bad pixels{fraction}{rate}")
