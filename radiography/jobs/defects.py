"""Report on the defect map of a panel: classes, groups, and what changed since earlier maps."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from calibration.calibration_set import CalibrationSet, load_calibration_set
from calibration.defects.ageing import Ageing, DatedMap, compare_maps, growth_table, merge_maps
from calibration.defects.clusters import DefectGroups, find_groups
from calibration.defects.files import day_of, read_defect_map, write_defect_table
from radiography.files.frames import read_image, sha256_of, write_tiff
from radiography.jobs.annotated import DICOM, MeasuredImage, defect_marks, write_result
from radiography.jobs.inputs import (
    Files,
    Report,
    all_or_none,
    check_writable,
    input_files,
    keep_apart,
    named,
    no_report,
    optional_path,
)
from radiography.jobs.judgement import needed_pitch_mm, refuse_not_linear


@dataclass(frozen=True, eq=False)
class DefectReport:
    """The defect map of a panel, and the files that were written of it.

    Attributes
    ----------
    source : Path
        File of the map.
    taken : date or None
        Day of the map, where it is known.
    flags : (H, W) uint16
        Bits of `calibration.flags`; those of most maps, where several were put together.
    groups : DefectGroups
        Bad pixels that touch each other.
    maps : int
        Maps that were read, the earlier ones included. [1]
    in_runs : float or None
        Fraction of the maps in which a pixel must be bad; None where only the newest map counts. [1]
    ageing : tuple of Ageing
        What changed from each map to the next, and from the first to the last of more than two.
    not_judged : tuple of str
        Classes of defects that the calibration could not look for, a sentence each.
    image, table, overlay, dicom : Path or None
        Files of the map, where they were asked for.
    warnings : tuple of str
        About the DICOM picture.
    """

    source: Path
    taken: date | None
    flags: npt.NDArray[np.uint16]
    groups: DefectGroups
    maps: int
    in_runs: float | None
    ageing: tuple[Ageing, ...]
    not_judged: tuple[str, ...]
    image: Path | None
    table: Path | None
    overlay: Path | None
    dicom: Path | None = None
    warnings: tuple[str, ...] = ()


def report_defects(
    defect_map: str | Path,
    *,
    earlier: Files = (),
    in_runs: float | None = None,
    image: str | Path | None = None,
    table: str | Path | None = None,
    overlay: str | Path | None = None,
    over: str | Path | None = None,
    dicom: str | Path | None = None,
    pitch_mm: float | None = None,
    report: Report = no_report,
) -> DefectReport:
    """Bad pixels of a panel by class and group, and what changed since earlier maps.

    Parameters
    ----------
    defect_map : str or Path
        Calibration set, defect table or .bpm.xml; FILE@2026-01-31 dates a map that does not know its date.
    earlier : str, Path or sequence of them
        Earlier maps of the same panel, named like the first.
    in_runs : float, optional
        Keep what is bad in this fraction of all maps; without it the newest map counts alone. [1]
    image, table, overlay : str or Path, optional
        Where the map is written as uint16 TIFF, as .csv or .json of the pixels, and as a picture (.png).
    over : str or Path, optional
        Image under the defects of the picture; the response of the calibration without it.
    dicom : str or Path, optional
        Where that image, which has to be given, is written as a DICOM picture with the defects burnt in (.dcm).
    pitch_mm : float, optional
        Pixel pitch, which the DICOM picture needs, where neither image nor calibration say it. [mm]
    report : callable
        Called with what is being done and the fraction of it that is done, 0 to 1.

    Returns
    -------
    found : DefectReport

    Raises
    ------
    ValueError, OSError
        In one sentence, if maps are of two panels, cannot be read or would be overwritten; no file is left behind then.
    """
    image, table, overlay, over, dicom = (optional_path(path) for path in (image, table, overlay, over, dicom))
    check_writable(image, (".tif", ".tiff"))
    check_writable(table, (".csv", ".json"))
    check_writable(overlay, (".png",))
    check_writable(dicom, DICOM)
    earlier = named(earlier)
    if over is not None and overlay is None and dicom is None:
        raise ValueError("--over needs --overlay or --dicom, the picture to write")
    if dicom is not None and over is None:
        raise ValueError("--dicom needs --over, the image that the defects are laid over")
    if pitch_mm is not None and dicom is None:
        raise ValueError("--pitch is for the DICOM picture: give --dicom as well")
    if in_runs is not None and not earlier:
        raise ValueError("--in-runs needs --earlier maps of the same panel")
    own_path, taken = _path_and_day(str(defect_map))
    earlier_files = _earlier_files(earlier)
    newest, calibration = _dated_map(own_path, taken)
    older = []
    for number, (path, day) in enumerate(earlier_files, 1):
        older.append(_dated_map(path, day)[0])
        report("reading maps", number / len(earlier_files))
    sources = [own_path, *(path for path, _ in earlier_files), *([over] if over else [])]
    keep_apart([image, table, overlay, dicom], sources)
    ageing = growth_table([*older, newest])
    if len(older) > 1:
        ageing = (*ageing, compare_maps(_first(older), newest))
    flags = newest.flags
    if in_runs is not None:
        flags = merge_maps([dated.flags for dated in [*older, newest]], in_runs)
    report("grouping bad pixels", 0.0)
    found = DefectReport(
        source=own_path,
        taken=newest.taken,
        flags=flags,
        groups=find_groups(flags),
        maps=len(older) + 1,
        in_runs=in_runs,
        ageing=tuple(ageing),
        not_judged=tuple(calibration.provenance.get("defects_skipped", ())) if calibration else (),
        image=image,
        table=table,
        overlay=overlay,
        dicom=dicom,
    )
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
    shown = None if over is None else _image(over, calibration, flags.shape, pitch_mm, dicom is not None)
    report("writing", 0.0)
    return _written(found, about, calibration, shown)


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


def _image(
    over: Path, calibration: CalibrationSet | None, shape: tuple[int, ...], pitch_mm: float | None, in_dicom: bool
) -> MeasuredImage:
    """The image that lies under the defects."""
    image = read_image(over, finite=not in_dicom)
    if image.pixels.shape != shape:
        rows, cols = image.pixels.shape
        raise ValueError(f"{over} is {rows} x {cols} but the map is {shape[0]} x {shape[1]}")
    pitch = 0.0
    if in_dicom:
        refuse_not_linear(over, image.stage, "the DICOM picture")
        said = image.pitch_mm or (None if calibration is None else calibration.conditions.pitch_mm)
        why = ", which DICOM needs: give --pitch in mm"
        pitch = needed_pitch_mm(over, said, image.warnings, pitch_mm, why)
    return MeasuredImage(over, image.pixels, pitch, image.conditions, image.metadata)


def _written(
    report: DefectReport,
    about: Mapping[str, Any],
    calibration: CalibrationSet | None,
    shown: MeasuredImage | None,
) -> DefectReport:
    """All files that are wanted, or none; the report with what the DICOM picture lets doubt."""
    with all_or_none(report.image, report.table, report.overlay, report.dicom) as places:
        if report.dicom is not None and shown is not None:
            told = write_result(places[report.dicom], shown, defect_marks(report.flags, report.groups), "defects")
            report = replace(report, warnings=told)
        if report.image is not None:
            pitch = calibration.conditions.pitch_mm if calibration else None
            write_tiff(places[report.image], report.flags, pitch, dict(about))
        if report.table is not None:
            write_defect_table(places[report.table], report.flags, report.groups, about)
        if report.overlay is not None:
            from radiography.figures.defect_overlay import defect_overlay

            title = str(about["source"]["name"]) + (f", {about['date']}" if about["date"] else "")
            response = None if calibration is None else 1.0 / calibration.gain
            picture = response if shown is None else shown.pixels
            figure = defect_overlay(picture, report.flags, report.groups, title)
            figure.savefig(places[report.overlay], dpi=130)
    return report
