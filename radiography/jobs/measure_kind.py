"""Judgement of images by kind: lag, uniformity, noise, contrast, wires, steps and linearity, with trend, JSON and CSV.

Files are read once, offsets subtracted where dark frames are given, and what an image says about itself is heeded;
`radiography/jobs/kinds.py` knows what each kind asks for and gives.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiography.files.frames import FrameSource, RawLayout, iterate_frames
from radiography.files.source import GIVE_PITCH, split_dataset
from radiography.jobs.flag_planes import left_out_pixels
from radiography.jobs.inputs import (
    PICTURES,
    Files,
    Report,
    all_or_none,
    check_writable,
    input_files,
    keep_apart,
    named,
    no_report,
    open_all,
    optional_path,
    region_within,
)
from radiography.jobs.json_text import write_json
from radiography.jobs.judgement import needed_pitch_mm, pitch_contradicted, refuse_not_linear, refuse_processed
from radiography.jobs.kind_trend import earlier_results, trend_over
from radiography.jobs.kind_types import Asked, Given, Table
from radiography.jobs.kinds import KINDS, check_asked

CLIPPED = 1e-3  # of the pixels at the highest value, from which they are called clipped   # chosen
LARGEST_STACK_PIXELS = 2**28  # of all frames together, float32 1 GiB   # chosen


ClosedRegion = tuple[int, int, int, int]


@dataclass(frozen=True, eq=False)
class KindMeasurement:
    """What a kind of measurement found.

    Attributes
    ----------
    kind : str
    result : dict
        As it is written to JSON, warnings included.
    table : Table
        The same as lines of a table: columns, rows, and sentences about them.
    json_file, csv_file, plot : Path or None
        Files that were written, where they were asked for.
    """

    kind: str
    result: dict[str, Any]
    table: Table
    json_file: Path | None
    csv_file: Path | None
    plot: Path | None


def measure_kind(
    kind: str,
    files: Files,
    asked: Asked | None = None,
    *,
    dark: Files = (),
    pitch_mm: float | None = None,
    earlier: Files = (),
    flags: str | Path | None = None,
    json_file: str | Path | None = None,
    csv_file: str | Path | None = None,
    plot: str | Path | None = None,
    layout: RawLayout | None = None,
    report: Report = no_report,
) -> KindMeasurement:
    """Judge images of one kind of exposure.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    files : str, Path or sequence of them
        Images of linear signal, all frames of them; patterns and folders as well.
    asked : Asked, optional
        Region and numbers that the kind needs.
    dark : str, Path or sequence of them
        Dark frames, whose mean is subtracted; without them the images count as corrected.
    pitch_mm : float, optional
        Pixel pitch, where files do not say it. [mm]
    earlier : str, Path or sequence of them
        JSON files of the same kind, for the trend.
    flags : str or Path, optional
        Plane of flags or mask of the images, whose pixels are left out.
    json_file, csv_file, plot : str or Path, optional
        Where the numbers are written as JSON, as a table, and drawn (.png, .pdf or .svg).
    layout : RawLayout, optional
        Of headerless raw files.
    report : callable
        Called with what is being done and the fraction of it that is done, 0 to 1.

    Returns
    -------
    found : KindMeasurement

    Raises
    ------
    ValueError, TypeError, OSError
        In one sentence, if the images do not hold what is looked for; no file is left behind then.
    """
    asked = asked or Asked()
    if kind not in KINDS:
        raise ValueError(f"no measurement is called '{kind}'; known: {', '.join(KINDS)}")
    check_asked(kind, asked)
    written, table_file, drawn = optional_path(json_file), optional_path(csv_file), optional_path(plot)
    check_writable(written)
    check_writable(table_file, (".csv",))
    check_writable(drawn, PICTURES)
    dark_files = input_files(dark, "dark") if named(dark) else []
    earlier_files = input_files(earlier, "earlier") if named(earlier) else []
    sources = open_all(files, kind, layout)
    keep_apart(
        [written, table_file, drawn], [*(s.path for s in sources), *dark_files, *earlier_files, asked.mtf, flags]
    )
    before = earlier_results(earlier_files, kind)
    shape = (sources[0].rows, sources[0].cols)
    roi, background = (region_within(region, shape) for region in (asked.roi, asked.background))
    asked = replace(asked, roi=roi, background=background)
    wanted = [region for region in (roi, background) if region is not None]
    alike = [(s.path, s.conditions) for s in sources if (s.rows, s.cols) == shape]
    flagged = left_out_pixels(optional_path(flags), alike, shape, "the images are", wanted)
    reading = _Reading(dark_files, None if flagged is None else flagged.left_out, pitch_mm, layout, report)
    given, said = _read(kind, sources, asked, reading)
    said += flagged.doubts if flagged else ()
    numbers, table = KINDS[kind].measure(given, asked)
    doubts = [*said, *numbers.pop("warnings")]
    result: dict[str, Any] = {
        "measure": kind,
        **{key: numbers.pop(key) for key in ("definition", "unit") if key in numbers},
        "files": [split_dataset(source.path)[0].name for source in sources],
        "date": given.conditions.date,
        "frames": sum(source.count for source in sources),
        "dark_frames": given.dark_frames,
        "roi": list(roi or (0, shape[0], 0, shape[1])),
        "pitch_mm": given.pitch_mm,
        **numbers,
    }
    if before:
        result["trend"], trend_doubts = trend_over(before, result, KINDS[kind].followed)
        doubts += trend_doubts
    result["warnings"] = list(dict.fromkeys(doubts))
    with all_or_none(written, table_file, drawn) as places:
        if written is not None:
            write_json(places[written], result)
        if table_file is not None:
            places[table_file].write_text(table.as_csv(), encoding="utf-8", newline="\n")
        if drawn is not None:
            from radiography.figures.kind_plot import kind_figure

            kind_figure(result).savefig(places[drawn], dpi=150)
    return KindMeasurement(kind, result, table, written, table_file, drawn)


@dataclass(frozen=True, eq=False)
class _Reading:
    """What goes with the images: darks, pixels to leave out (H, W) bool, pitch [mm], layout, progress."""

    dark_files: Sequence[Path]
    left_out: NDArray[np.bool_] | None
    pitch_mm: float | None
    layout: RawLayout | None
    report: Report


def _read(kind: str, sources: Sequence[FrameSource], asked: Asked, reading: _Reading) -> tuple[Given, list[str]]:
    """Frames of the regions above the offset, or only their means, and what to doubt about them."""
    pitch_mm, left_out = reading.pitch_mm, reading.left_out
    first = sources[0]
    for source in sources:
        refuse_not_linear(source.path, source.stage, f"{kind} of an image")
    doubts = [d for s in sources for d in s.warnings if not d.endswith(GIVE_PITCH)]
    if KINDS[kind].needs_pitch:
        pitch: float | None = needed_pitch_mm(first.path, first.pitch_mm, first.warnings, pitch_mm, f": {GIVE_PITCH}")
        doubts += pitch_contradicted([(s.path, s.pitch_mm) for s in sources], pitch_mm)
    else:
        pitch = pitch_mm if pitch_mm is not None else first.pitch_mm
    shape = (first.rows, first.cols)
    closed = [region_within(region, shape) for region in (asked.roi, asked.background)]
    regions = [region for region in closed if region is not None]
    for region in regions:
        _check_region(region, first)
    whole = (0, first.rows, 0, first.cols)
    roi = closed[0] or whole
    darks, dark_levels, dark_noise = _dark_mean(reading.dark_files, sources, kind, roi, reading)
    if darks is None and kind != "lag":
        raw = [s for s in sources if s.stage == "raw"]
        unknown = [s for s in sources if s.stage is None]
        if raw and KINDS[kind].needs_offset:
            doubts.append(
                f"{raw[0].path} is raw, as it says itself, and no dark frames were given: its offset counts as signal"
            )
        elif unknown and KINDS[kind].needs_offset:
            doubts.append(
                f"{unknown[0].path} does not say whether its offset is subtracted: it is taken to be, give --dark "
                f"otherwise"
            )
    count = sum(source.count for source in sources)
    keep = kind not in ("lag", "linearity")
    held = sum((r[1] - r[0]) * (r[3] - r[2]) for r in regions or [whole])
    if keep and held * count > LARGEST_STACK_PIXELS:
        raise ValueError(
            f"{count} frames of {held} pixels are more than {LARGEST_STACK_PIXELS} together: give a smaller --roi or "
            f"fewer frames"
        )
    used = (regions or [whole]) if keep else []
    frames = [np.empty((count, r[1] - r[0], r[3] - r[2]), np.float32) for r in used]
    levels: list[float] = []
    level_noise, clipped, done = 0.0, 0, 0
    previous: NDArray[np.float64] | None = None
    counts: list[int] = []
    for source in sources:
        counts.append(source.count)
        for frame in iterate_frames(source, finite=False):
            clipped += _is_clipped(frame[roi[0] : roi[1], roi[2] : roi[3]], source)
            for stack, (r0, r1, c0, c1) in zip(frames, used, strict=True):
                part = frame[r0:r1, c0:c1].astype(np.float32)
                stack[done] = part if darks is None else part - darks[r0:r1, c0:c1]
                if left_out is not None:
                    stack[done][left_out[r0:r1, c0:c1]] = np.nan
            if not keep:
                part64 = frame[roi[0] : roi[1], roi[2] : roi[3]].astype(np.float64)
                if left_out is not None:
                    part64[left_out[roi[0] : roi[1], roi[2] : roi[3]]] = np.nan
                levels.append(float(np.nanmean(part64)))
                if previous is not None:
                    change = part64 - previous
                    scatter = float(np.nanstd(change)) / np.sqrt(2.0 * np.isfinite(change).sum())
                    level_noise = scatter if level_noise == 0.0 else min(level_noise, scatter)
                previous = part64
            done += 1
            reading.report("reading", done / count)
    if clipped:
        doubts.append(
            f"{clipped} of {count} frames have more than {100 * CLIPPED:g} % of their pixels at one highest value: "
            f"they may be saturated or clipped, and such numbers are not to be believed"
        )
    given = Given(
        frames=frames,
        levels=np.array(levels),
        level_noise=level_noise,
        counts=counts,
        dark_levels=dark_levels,
        dark_noise=dark_noise,
        dark_frames=len(dark_levels),
        pitch_mm=pitch,
        conditions=first.conditions,
        kermas=[source.conditions.air_kerma_uGy for source in sources],
    )
    return given, doubts


def _check_region(region: ClosedRegion, source: FrameSource) -> None:
    r0, r1, c0, c1 = region
    if not (0 <= r0 < r1 <= source.rows and 0 <= c0 < c1 <= source.cols):
        raise ValueError(
            f"the region {r0}:{r1},{c0}:{c1} must lie within the {source.rows} x {source.cols} pixels of {source.path}"
        )


def _dark_mean(
    paths: Sequence[Path], sources: Sequence[FrameSource], kind: str, roi: ClosedRegion, reading: _Reading
) -> tuple[NDArray[np.float32] | None, list[float], tuple[float, float] | None]:
    """Mean of the dark frames, the mean of each over the region, and the noise of a pixel in them."""
    if not paths:
        return None, [], None
    darks = open_all([str(path) for path in paths], "dark", reading.layout)
    refuse_processed(darks, "dark")
    for source in sources:
        if source.stage == "corrected":
            raise ValueError(
                f"{source.path} is a corrected image, as it says itself, whose offset is subtracted already: leave out "
                f"--dark"
            )
        if (source.rows, source.cols) != (darks[0].rows, darks[0].cols):
            raise ValueError(
                f"{darks[0].path} is {darks[0].rows} x {darks[0].cols} but {source.path} is "
                f"{source.rows} x {source.cols}"
            )
    total, levels, number = np.zeros((darks[0].rows, darks[0].cols)), [], 0
    kept: list[NDArray[np.float32]] = []
    r0, r1, c0, c1 = roi
    for frame in _frames_of(darks):
        total += frame
        level = frame.astype(np.float64)
        if reading.left_out is not None:
            level[reading.left_out] = np.nan
        levels.append(float(np.nanmean(level[r0:r1, c0:c1])))
        number += 1
        if len(kept) < 2 and kind == "linearity":
            kept.append(frame[r0:r1, c0:c1].astype(np.float32))
    noise = None
    if len(kept) == 2:
        from radiography.analysis.detector_qc.snr import region_noise

        found = region_noise(np.stack(kept))
        noise = (found.noise, found.noise_error)
    return (total / number).astype(np.float32), levels, noise


def _frames_of(sources: Sequence[FrameSource]) -> Iterator[NDArray[Any]]:
    for source in sources:
        yield from iterate_frames(source)


def _is_clipped(frame: NDArray[Any], source: FrameSource) -> bool:
    """Whether many pixels have the highest value of the frame, or one that the file calls saturated."""
    top = frame.max() if frame.dtype.kind != "f" else np.nanmax(frame)
    limit = source.conditions.saturation_dn
    if limit is not None and source.stage == "raw":
        return bool((frame >= limit).mean() > CLIPPED)
    at_top = float((frame == top).mean())
    # of quantised values the highest is rare, unless what was above it has been cut off
    return bool(at_top > CLIPPED and at_top > 3.0 * float((frame == top - 1).mean()))
