"""Calibration of a panel from files of dark frames, flats and beam-on/beam-off sequences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from calibration.calibration_set import CalibrationSet, load_calibration_set, save_calibration_set
from calibration.conditions import Conditions, conditions_from, conditions_to_json, of_one_panel
from calibration.dark.scale import differs
from calibration.defects.find import load_criteria
from calibration.flags import FLAG_NAMES, SHIELDED, UNUSABLE
from calibration.frame_sums import NO_SATURATION_DN
from calibration.learn import FrameStack, learn_panel
from radiography.files.frames import FrameSource, RawLayout, iterate_frames, sha256_of
from radiography.jobs.about import load_about, told, unmatched
from radiography.jobs.inputs import Files, Report, check_writable, input_files, keep_apart, named, no_report, open_all
from radiography.jobs.judgement import check_pitch, doubts_about, pitch_contradicted, refuse_processed
from radiography.jobs.saturation import SaturationLevel, saturation_of_calibration

_OF_ONE_STACK = ("integration_time_s", "frame_interval_s", "temperature_C", "air_kerma_uGy")  # what a stack shares

_ASIDE = {"uncoated": "uncoated or behind a collimator"}  # flats cannot tell the two apart


@dataclass(frozen=True, eq=False)
class CalibrationRecord:
    """A calibration set that was written.

    Attributes
    ----------
    out : Path
        Its file.
    calibration : CalibrationSet
        What it holds; its provenance says under "notes" what could not be learned.
    warnings : tuple of str
        What files and about-file say but is not believed, or not used.
    """

    out: Path
    calibration: CalibrationSet
    warnings: tuple[str, ...] = ()


def calibrate_panel(
    dark: Files,
    flat: Files,
    out: str | Path,
    *,
    lag: Files = (),
    check: Files = (),
    earlier: Files = (),
    criteria: str = "e2597",
    order: int | None = None,
    shielded_cols: Sequence[tuple[int, int]] | None = None,
    saturation_dn: float | None = None,
    about: str | Path | None = None,
    pitch_mm: float | None = None,
    layout: RawLayout | None = None,
    report: Report = no_report,
) -> CalibrationRecord:
    """A calibration set learned from files of frames.

    Parameters
    ----------
    dark, flat : str, Path or sequence of them
        Files, patterns or folders of dark frames and of flats, each of one or several kinds.
    out : str or Path
        The calibration set, one file.
    lag, check : str, Path or sequence of them
        Beam-on/beam-off sequences, one a file; other flats, to find non-uniform pixels with.
    earlier : str, Path or sequence of them
        Earlier calibration sets of the same panel, the newest last.
    criteria : str
        Defect criteria: e2597, pki, vendor or a .toml file.
    order : int, optional
        Order of the dose response, 1 to 3; as the flats need without it. [1]
    shielded_cols : sequence of (int, int), optional
        Columns that see no X-rays, half-open ranges; what the files say without it. [1]
    saturation_dn : float, optional
        Raw value from which a pixel is saturated; without it what the files say, else where pixels of the flats pile
        up, else the end of their range. [DN]
    about : str or Path, optional
        TOML file of what the frames do not say about themselves.
    pitch_mm : float, optional
        Pixel pitch, where the files do not say it. [mm]
    layout : RawLayout, optional
        Of headerless raw files.
    report : callable
        Called with what is being done and the fraction of it that is done, 0 to 1.

    Returns
    -------
    record : CalibrationRecord

    Raises
    ------
    ValueError, TypeError, OSError
        In one sentence, if frames are missing, contradict each other or cannot serve.
    """
    out = Path(out)
    check_writable(out)
    check_pitch(pitch_mm)
    limits = load_criteria(criteria)
    kinds, warnings = panel_sources(
        {"dark": dark, "flat": flat, "lag": lag, "check": check}, about=about, pitch_mm=pitch_mm, layout=layout
    )
    everything = [source for sources in kinds.values() for source in sources]
    earlier_paths = input_files(earlier, "calibration")
    keep_apart([out], [*(source.path for source in everything), *earlier_paths, about, criteria])
    earlier_sets = [load_calibration_set(path) for path in earlier_paths]
    saturation = saturation_of_calibration(kinds["flat"], kinds["dark"][0], saturation_dn, report)
    provenance = {
        **{f"{kind}_files": [_origin(source.path) for source in sources] for kind, sources in kinds.items() if sources},
        "earlier_files": [_origin(path) for path in earlier_paths],
        "criteria": criteria,
        "saturation_source": saturation.source,
        "software": f"radiography {version('radiography')}",
    }
    counter = FrameCounter(report, sum(source.count for source in everything))
    calibration = learn_panel(
        frame_stacks(kinds["dark"], counter),
        frame_stacks(kinds["flat"], counter),
        saturation_dn=saturation.value_dn,
        lag=frame_stacks(kinds["lag"], counter),
        check=frame_stacks(kinds["check"], counter),
        earlier=earlier_sets,
        criteria=limits,
        order=order,
        conditions=conditions_of(everything, kinds["flat"], shielded_cols, pitch_mm),
        provenance=provenance,
    )
    save_calibration_set(calibration, out)
    return CalibrationRecord(out, calibration, warnings)


def panel_sources(
    names: Mapping[str, Files],
    *,
    about: str | Path | None = None,
    pitch_mm: float | None = None,
    layout: RawLayout | None = None,
) -> tuple[dict[str, list[FrameSource]], tuple[str, ...]]:
    """Files of one panel's frames by kind, opened and found to fit each other.

    Parameters
    ----------
    names : mapping of str to str, Path or sequence of them
        Files, patterns or folders by kind; "dark" and "flat" are needed.
    about : str or Path, optional
        TOML file of what the frames do not say about themselves.
    pitch_mm : float, optional
        As told. [mm]
    layout : RawLayout, optional
        Of headerless raw files.

    Returns
    -------
    kinds, warnings : dict of str to list of FrameSource, tuple of str
        Sources, and what files and about-file say but is not believed, or not used.

    Raises
    ------
    ValueError, OSError
        In one sentence, if files are missing, contradict each other or cannot serve.
    """
    told_about = load_about(None if about is None else Path(about))
    kinds = {
        kind: told(open_all(given, kind, layout), told_about) if named(given) else [] for kind, given in names.items()
    }
    for kind in ("dark", "flat"):
        if not kinds[kind]:
            raise ValueError(f"a calibration needs at least 1 file of {kind} frames, got none")
    for kind, sources in kinds.items():
        refuse_processed(sources, kind)
    everything = [source for sources in kinds.values() for source in sources]
    warnings = (
        *doubts_about(everything, pitch_mm),
        *pitch_contradicted([(source.path, source.pitch_mm) for source in everything], pitch_mm),
        *unmatched(everything, told_about, about),
    )
    _refuse_mixed_shapes(kinds)
    _refuse_missing_darks(kinds)
    return kinds, warnings


def describe(calibration: CalibrationSet) -> str:
    """One line about a calibration set."""
    counts = {name: count for name, count in calibration.provenance["defects"].items() if count}
    bad = {name: count for name, count in counts.items() if FLAG_NAMES.get(name, UNUSABLE) & UNUSABLE}
    aside = "".join(f"; {count} pixels {_ASIDE.get(name, name)}" for name, count in counts.items() if name not in bad)
    rejected = len(calibration.provenance["darks_rejected"])
    left_out = f" ({rejected} rejected)" if rejected else ""
    noise = "dark noise not known"
    if calibration.knows_dark_noise:
        noise = f"dark noise {calibration.typical_dark_noise_dn:.3g} DN"
    doses = f" at {len(calibration.levels_dn)} doses" if calibration.levels_dn else ""
    return (
        f"{calibration.darks_used} dark{left_out} and {calibration.flats_used} flat frames{doses}, "
        f"{_digits(calibration.level_dn, 0)} DN, {noise}, "
        f"defects: {', '.join(f'{count} {name}' for name, count in bad.items()) or 'none'}{aside}"
    )


def summary_of(calibration: CalibrationSet) -> dict[str, Any]:
    """The numbers of a calibration set as JSON values.

    Parameters
    ----------
    calibration : CalibrationSet

    Returns
    -------
    summary : dict
        "level_dn", "offset_dn" (median of the good pixels), "noise_dn" (of one pixel in one dark frame; null where one
        dark could not tell), "saturation_dn" (null for float frames that show none) [DN], "saturation_source",
        "defects" (pixels by class [1]) and "warnings" (sentences).
    """
    good = (calibration.defects & (UNUSABLE | SHIELDED)) == 0
    saturation = saturation_of(calibration)
    known = saturation.value_dn < NO_SATURATION_DN
    return {
        "level_dn": calibration.level_dn,
        "offset_dn": float(np.median(calibration.offset_dn[good])) if good.any() else None,
        "noise_dn": calibration.typical_dark_noise_dn if calibration.knows_dark_noise else None,
        "defects": {name: int(count) for name, count in calibration.provenance["defects"].items()},
        "saturation_dn": saturation.value_dn if known else None,
        "saturation_source": saturation.source,
        "warnings": list(calibration.provenance["notes"]),
    }


def _digits(value: float, decimals: int) -> str:
    """A number with so many decimals, or four digits where it is below ten."""
    return f"{value:.{decimals}f}" if abs(value) >= 10 else f"{value:.4g}"


def saturation_of(calibration: CalibrationSet) -> SaturationLevel:
    """Saturation level of a calibration set, and where it was taken from.

    Parameters
    ----------
    calibration : CalibrationSet

    Returns
    -------
    level : SaturationLevel
    """
    return SaturationLevel(calibration.saturation_dn, str(calibration.provenance.get("saturation_source", "not said")))


class FrameCounter:
    """Frames read so far, for the progress bar; flats that are read twice do not move it past its end."""

    def __init__(self, report: Report, total: int) -> None:
        self._report = report
        self._total = total
        self._seen: set[tuple[Path, int]] = set()

    def saw(self, path: Path, number: int) -> None:
        """Count a frame of a file, by its number from 0."""
        self._seen.add((path, number))
        self._report("calibrating", len(self._seen) / self._total)


@dataclass(frozen=True, eq=False)
class _Frames:
    """The frames of some files as a stream that can be taken again."""

    sources: Sequence[FrameSource]
    counter: FrameCounter

    def __iter__(self) -> Iterator[npt.NDArray[Any]]:
        for source in self.sources:
            for number, frame in enumerate(iterate_frames(source, finite=False)):
                self.counter.saw(source.path, number)
                yield frame


def frame_stacks(sources: Sequence[FrameSource], counter: FrameCounter) -> list[FrameStack]:
    """Files that follow each other and say the same about themselves are one stack; a sequence is a file of its own.

    Parameters
    ----------
    sources : sequence of FrameSource
        In the order given.
    counter : FrameCounter
        Told of every frame that is read.

    Returns
    -------
    stacks : list of FrameStack
        Streams that can be taken again.
    """

    def said(source: FrameSource) -> Conditions:
        return Conditions(**{key: getattr(source.conditions, key) for key in _OF_ONE_STACK})

    found = []
    for (conditions, _), group in groupby(sources, key=lambda source: (said(source), source.count > 1 and source.path)):
        together = list(group)
        found.append(FrameStack(_Frames(together, counter), together[0].path.name, conditions))
    return found


def _origin(path: Path) -> dict[str, str]:
    return {"name": path.name, "sha256": sha256_of(path)}


def _refuse_mixed_shapes(kinds: dict[str, list[FrameSource]]) -> None:
    dark = kinds["dark"][0]
    for kind, sources in kinds.items():
        if sources and (sources[0].rows, sources[0].cols) != (dark.rows, dark.cols):
            other = sources[0]
            raise ValueError(
                f"dark frames are {dark.rows} x {dark.cols} ({dark.path}) but {kind} frames are "
                f"{other.rows} x {other.cols} ({other.path})"
            )


def _refuse_missing_darks(kinds: dict[str, list[FrameSource]]) -> None:
    """Say before the work starts which darks are missing: of one integration time, others cannot be corrected."""
    times = [source.conditions.integration_time_s for source in kinds["dark"]]
    first = times[0]
    if first is None or any(time is None or differs(time, first) for time in times):
        return
    for kind in (kind for kind in kinds if kind != "dark"):
        for source in kinds[kind]:
            time = source.conditions.integration_time_s
            if time is not None and differs(time, first):
                raise ValueError(
                    f"{source.path} ({kind}) was integrated for {time:g} s but all dark frames for {first:g} s: "
                    f"give dark frames of {time:g} s as well"
                )


def conditions_of(
    sources: Sequence[FrameSource],
    flats: Sequence[FrameSource],
    shielded_cols: Sequence[tuple[int, int]] | None,
    pitch_mm: float | None,
) -> Conditions:
    """Panel and mode that all files agree on; beam and date of the flats; pitch and shielded columns, given or said.

    The day of the frames is the age of a calibration, not the day it was computed, if all flats say theirs.

    Parameters
    ----------
    sources, flats : sequence of FrameSource
        All frames, and the flats among them.
    shielded_cols : sequence of (int, int) or None
        As told. [1]
    pitch_mm : float or None
        As told. [mm]

    Returns
    -------
    conditions : Conditions

    Raises
    ------
    ValueError
        If flats were taken at several source distances, or files are of several panels.
    """
    said = [source.conditions for source in sources]
    of_flats = [source.conditions for source in flats]
    distances_mm = {each.source_to_detector_mm for each in of_flats if each.source_to_detector_mm is not None}
    if len(distances_mm) > 1:
        raise ValueError(
            f"flats were taken at source distances of {sorted(distances_mm)} mm: one calibration needs one"
        )
    voltages = {each.kvp for each in of_flats if each.kvp is not None}
    beams = {each.beam_quality for each in of_flats}
    dates = [each.date for each in of_flats if each.date is not None]
    if shielded_cols is None:
        shielded_cols = next((each.shielded_cols for each in said if each.shielded_cols), None)
    known = {
        **conditions_to_json(of_one_panel((str(source.path), source.conditions) for source in sources)),
        "source_to_detector_mm": next(iter(distances_mm), None),
        "kvp": next(iter(voltages)) if len(voltages) == 1 else None,
        "beam_quality": next(iter(beams)) if len(beams) == 1 else None,
        "pitch_mm": pitch_mm or next((each.pitch_mm for each in said if each.pitch_mm is not None), None),
        "date": max(dates) if len(dates) == len(flats) else datetime.now(UTC).isoformat(timespec="seconds"),
        "shielded_cols": shielded_cols,
    }
    return conditions_from(known, "the calibration")
