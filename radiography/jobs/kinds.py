"""Kinds of measurement by name: what each asks for, and its numbers as JSON and as a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from radiography.jobs.kind_types import OPTIONS, Asked, Given, Table

if TYPE_CHECKING:
    from radiography.analysis.detector_qc.snr import RegionNoise

FloatArray = NDArray[np.float64]
Numbers = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """One kind: the function behind it, what it needs, which options it takes, and the numbers a trend follows."""

    measure: Callable[[Given, Asked], tuple[Numbers, Table]]
    options: tuple[str, ...]
    needs_pitch: bool
    needs_offset: bool
    followed: Mapping[str, str]  # name of a number -> name of its standard error


def check_asked(kind: str, asked: Asked) -> None:
    """Complain about options that are for another kind.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    asked : Asked
        What was asked for.

    Raises
    ------
    ValueError
        If the kind has no such option.
    """
    for each in fields(asked):
        if getattr(asked, each.name) is not None and each.name not in KINDS[kind].options:
            others = [name for name, about in KINDS.items() if each.name in about.options]
            raise ValueError(f"{OPTIONS[each.name]} is for {' and '.join(others)}, not for {kind}")
    if kind == "cnr" and (asked.roi is None or asked.background is None):
        raise ValueError("cnr needs the region of the detail with --roi and one beside it with --background")


def _snr(given: Given, asked: Asked) -> tuple[Numbers, Table]:
    from radiography.analysis.detector_qc.snr import region_noise, signal_to_noise

    region = region_noise(given.frames[0])
    ratio = signal_to_noise(region)
    numbers = {
        "definition": "mean signal above the offset over the standard deviation of a pixel",
        "unit": "1",
        "snr": ratio.value,
        "value": ratio.value,
        "standard_error": ratio.error,
        **_region_json(region),
        "warnings": _odd_noise(region),
    }
    rows = [("SNR per pixel", ratio.value, ratio.error), *_region_rows("", region)]
    return numbers, Table(("quantity", "value", "standard_error"), tuple(rows), (f"noise from {region.noise_from}",))


def _cnr(given: Given, asked: Asked) -> tuple[Numbers, Table]:
    from radiography.analysis.detector_qc.snr import contrast_to_noise, region_noise

    detail, background = (region_noise(frames) for frames in given.frames)
    ratio = contrast_to_noise(detail, background)
    contrast = detail.signal / background.signal - 1.0 if background.signal else float("nan")
    contrast_error = (
        abs(detail.signal / background.signal)
        * np.hypot(detail.signal_error / detail.signal, background.signal_error / background.signal)
        if background.signal and detail.signal
        else float("nan")
    )
    numbers = {
        "definition": "difference of the mean signals, positive, over the standard deviation of a background pixel",
        "unit": "1",
        "cnr": ratio.value,
        "value": ratio.value,
        "standard_error": ratio.error,
        "noise_from": f"{background.noise_from}, in the background",
        "contrast": contrast,
        "contrast_standard_error": float(contrast_error),
        "background_roi": list(asked.background or ()),
        "detail": _region_json(detail),
        "background": _region_json(background),
        "warnings": [*_odd_noise(detail), *_odd_noise(background)],
    }
    rows = [
        ("CNR per pixel", ratio.value, ratio.error),
        ("contrast", contrast, float(contrast_error)),
        *_region_rows("detail: ", detail),
        *_region_rows("background: ", background),
    ]
    lines = (f"noise from {background.noise_from}, in the background",)
    return numbers, Table(("quantity", "value", "standard_error"), tuple(rows), lines)


def _uniformity(given: Given, asked: Asked) -> tuple[Numbers, Table]:
    from radiography.analysis.detector_qc.uniformity import BLOCK_MM, DEFINITION, measure_uniformity

    block_mm = BLOCK_MM if asked.block_mm is None else asked.block_mm
    found = measure_uniformity(given.frames[0], given.pitch_mm or 1.0, block_mm)
    spreads = {"": found.of_signal, "noise_": found.of_noise, "snr_": found.of_ratio}
    numbers: Numbers = {"definition": DEFINITION, "unit": "%", "block_mm": block_mm, "block_px": found.block_px}
    rows: list[tuple[float | str, ...]] = []
    for prefix, spread in spreads.items():
        names = ("global_percent", "local_percent")
        if prefix:
            names = (f"{prefix}nonuniformity_percent", f"{prefix}local_nonuniformity_percent")
        values = (
            (spread.global_percent, spread.global_error, spread.global_of_noise),
            (spread.local_percent, spread.local_error, spread.local_of_noise),
        )
        for name, (value, error, alone) in zip(names, values, strict=True):
            stem = name.removesuffix("_percent")
            numbers[name], numbers[f"{stem}_standard_error_percent"] = value, error
            numbers[f"{stem}_of_noise_percent"] = alone
            rows.append((stem.replace("_", " "), value, error, alone))
    numbers |= {
        "map": found.signal,
        "snr_map": np.divide(found.signal, found.noise, out=np.full_like(found.noise, np.nan), where=found.noise > 0),
        "first_block": [found.first_row, found.first_col],
        "bad_pixels": found.bad_pixels,
        "warnings": [],
    }
    if found.of_signal.global_percent < 2.0 * found.of_signal.global_of_noise:
        numbers["warnings"].append(
            f"noise alone would give a global non-uniformity of {found.of_signal.global_of_noise:.2g} %: average more "
            f"frames to see a smaller one"
        )
    shape = " x ".join(str(length) for length in found.signal.shape)
    lines = (f"{shape} squares of {block_mm:g} mm ({found.block_px} pixels)",)
    return numbers, Table(
        ("non-uniformity", "percent", "standard_error_percent", "noise_alone_percent"), tuple(rows), lines
    )


def _lag(given: Given, asked: Asked) -> tuple[Numbers, Table]:
    from radiography.analysis.detector_qc.lag import DEFINITION, measure_lag

    found = measure_lag(given.levels, given.level_noise, given.dark_levels)
    interval = given.conditions.frame_interval_s
    components = [
        {
            "amplitude": each.amplitude,
            "amplitude_standard_error": each.amplitude_error,
            "time_frames": each.time_frames,
            "time_standard_error_frames": each.time_error_frames,
            **({"time_s": each.time_frames * interval} if interval else {}),
        }
        for each in found.components
    ]
    numbers = {
        "definition": f"{DEFINITION}; components: exponentials, amplitude in frame 1",
        "unit": "1",
        "frame": found.frame,
        "residual": found.residual,
        "standard_error": found.standard_error,
        "first_frame_percent": 100.0 * float(found.residual[0]),
        "first_frame_standard_error_percent": 100.0 * float(found.standard_error[0]),
        "components": components,
        "last_exposed_frame": found.last_exposed,
        "exposed_frames": found.exposed_frames,
        "exposed_signal": found.exposed_signal,
        "offset": found.offset,
        "offset_standard_error": found.offset_error,
        "offset_from": found.offset_from,
        "warnings": list(found.doubts),
    }
    rows = zip(found.frame.tolist(), found.residual.tolist(), found.standard_error.tolist(), strict=True)
    lines = [
        f"beam off after frame {found.last_exposed}, counted from 0; offset {found.offset:.5g} DN from "
        f"{found.offset_from}"
    ]
    lines += [
        f"{100 * c.amplitude:.3g} ± {100 * c.amplitude_error:.2g} % fades over {c.time_frames:.3g} ± "
        f"{c.time_error_frames:.2g} frames"
        for c in found.components
    ]
    return numbers, Table(("frame", "residual", "standard_error"), tuple(rows), tuple(lines))


def _contrast_detail(given: Given, asked: Asked) -> tuple[Numbers, Table]:
    from radiography.analysis.detector_qc.contrast_detail import (
        D_PRIME,
        DEFINITION,
        OBSERVER,
        measure_contrast_detail,
    )

    curve = None
    if asked.mtf is not None:
        from radiography.jobs.curves import read_mtf

        (frequency, value, _), _ = read_mtf(asked.mtf)
        curve = (np.concatenate([[0.0], frequency]), np.concatenate([[1.0], value]))
    d_prime = D_PRIME if asked.d_prime is None else asked.d_prime
    found = measure_contrast_detail(given.frames[0], given.pitch_mm or 1.0, asked.diameters_mm, d_prime, curve)
    numbers = {
        "definition": DEFINITION,
        "unit": "1",
        "observer": OBSERVER,
        "d_prime": found.d_prime,
        "diameter_mm": found.diameter_mm,
        "threshold_contrast": found.threshold_contrast,
        "standard_error": found.standard_error,
        "mtf": None if asked.mtf is None else asked.mtf.name,
        "mean_signal": found.signal,
        "pixel_noise": found.pixel_noise,
        "noise_from": "single frames about a field of second order",
        "blocks": found.blocks,
        "bad_pixels": found.bad_pixels,
        "warnings": [],
    }
    doubtful = found.diameter_mm[found.standard_error > 0.1 * found.threshold_contrast]
    if doubtful.size:
        numbers["warnings"] = [
            f"the noise over discs of {doubtful.min():g} mm and more is known to no better than 10 %: give more frames "
            f"or a larger region"
        ]
    rows = zip(
        found.diameter_mm.tolist(), found.threshold_contrast.tolist(), found.standard_error.tolist(), strict=True
    )
    lines = (f"{OBSERVER}, d' = {found.d_prime:g}; " + ("discs imaged sharp" if curve is None else "with the MTF"),)
    return numbers, Table(("diameter_mm", "threshold_contrast", "standard_error"), tuple(rows), lines)


def _duplex(given: Given, asked: Asked) -> tuple[Numbers, Table]:
    from radiography.analysis.detector_qc.duplex import DEFINITION, measure_duplex

    found = measure_duplex(given.frames[0].mean(axis=0, dtype=np.float64), given.pitch_mm or 1.0)
    numbers = {
        "definition": DEFINITION,
        "unit": "mm",
        "wires": [
            {
                "name": pair.name,
                "diameter_mm": pair.diameter_mm,
                "dip_percent": 100.0 * pair.dip,
                "standard_error": 100.0 * pair.dip_error,
                "position_mm": pair.position_mm,
            }
            for pair in found.pairs
        ],
        "srb_mm": found.srb_mm,
        "isrb_mm": found.isrb_mm,
        "isrb_standard_error_mm": found.isrb_error_mm,
        "isrb_parabola_mm": found.isrb_parabola_mm,
        "angle_deg": found.angle_deg,
        "separation_ratio": found.separation_ratio,
        "profile": {"position_mm": found.position_mm, "depth": found.profile},
        "warnings": list(found.doubts),
    }
    rows = tuple((p.name, p.diameter_mm, 100.0 * p.dip, 100.0 * p.dip_error) for p in found.pairs)
    lines = (
        f"SRb {found.srb_mm:g} mm, iSRb {found.isrb_mm:.4f} ± {found.isrb_error_mm:.4f} mm; wires at "
        f"{found.angle_deg:.2f} deg",
    )
    return numbers, Table(("wires", "diameter_mm", "dip_percent", "standard_error"), rows, lines)


def _step_wedge(given: Given, asked: Asked) -> tuple[Numbers, Table]:
    from radiography.analysis.detector_qc.step_wedge import DEFINITION, MOST_OF_SATURATION, measure_step_wedge

    if asked.thickness_mm is None:
        raise ValueError("step-wedge needs the thickness of each step in mm, in order, with --thickness 2,4,6,...")
    saturation = given.conditions.saturation_dn
    highest = np.inf if saturation is None else MOST_OF_SATURATION * saturation
    found = measure_step_wedge(
        given.frames[0], asked.thickness_mm, resolution_mm=asked.resolution_mm, highest_signal=highest
    )
    top, left = (asked.roi[0] or 0, asked.roi[2] or 0) if asked.roi else (0, 0)
    numbers: Numbers = {
        "definition": DEFINITION,
        "unit": "%",
        "noise_from": found.steps[0].noise.noise_from,
        "steps": [
            {
                "thickness_mm": step.thickness_mm,
                "region": [r + o for r, o in zip(step.region, (top, top, left, left), strict=True)],
                "signal": step.noise.signal,
                "signal_standard_error": step.noise.signal_error,
                "noise": step.noise.noise,
                "snr": step.snr,
                "snr_standard_error": step.snr_error,
                "attenuation_per_mm": step.attenuation_per_mm,
                "attenuation_standard_error_per_mm": step.attenuation_error,
                "contrast_sensitivity_percent": step.sensitivity_percent,
                "standard_error": step.sensitivity_error,
            }
            for step in found.steps
        ],
        "material_range": [
            {
                "snr_limit": each.snr_limit,
                "snr": "normalised to 0.0886 mm" if found.normalised else "per pixel",
                "thinnest_mm": each.thinnest_mm,
                "thickest_mm": each.thickest_mm,
                "thickest_standard_error_mm": each.thickest_error_mm,
                "thinner_not_in_wedge": each.open_thin,
                "thicker_not_in_wedge": each.open_thick,
            }
            for each in found.ranges
        ],
        "warnings": list(found.doubts),
    }
    best = min(found.steps, key=lambda step: step.sensitivity_percent)
    numbers["best_contrast_sensitivity_percent"] = best.sensitivity_percent
    numbers["best_contrast_sensitivity_standard_error_percent"] = best.sensitivity_error
    if not found.normalised:
        numbers["warnings"].append(
            "no basic spatial resolution was given with --srb: the limits of the material range hold for the SNR of a "
            "pixel, not for one normalised to 0.0886 mm"
        )
    if saturation is None:
        numbers["warnings"].append("the file does not say where it saturates: the material range has no upper signal")
    rows = tuple(
        (s.thickness_mm, s.noise.signal, s.snr, s.snr_error, s.sensitivity_percent, s.sensitivity_error)
        for s in found.steps
    )
    lines = tuple(
        f"SNR of {each.snr_limit:g} or more: nowhere in the wedge"
        if np.isnan(each.thinnest_mm)
        else f"SNR of {each.snr_limit:g} or more: {each.thinnest_mm:g} to {each.thickest_mm:.3g} mm"
        f"{' and beyond' if each.open_thick else f' ± {each.thickest_error_mm:.2g} mm'}"
        for each in found.ranges
    )
    columns = ("thickness_mm", "signal", "snr", "snr_standard_error", "sensitivity_percent", "standard_error")
    return numbers, Table(columns, rows, lines)


def _linearity(given: Given, asked: Asked) -> tuple[Numbers, Table]:
    from radiography.analysis.detector_qc.linearity import DEFINITION, measure_linearity

    kerma, signal, error = _dose_levels(given, asked)
    offset = float(np.mean(given.dark_levels)) if given.dark_levels else 0.0
    found = measure_linearity(kerma, signal - offset, error, given.dark_noise)
    warnings = list(found.doubts)
    if given.dark_noise is None:
        warnings.append("without two dark frames or more, given with --dark, the lowest dose of the range is not known")
    decades = float(np.log10(found.highest_uGy / found.lowest_uGy)) if found.lowest_uGy > 0 else float("nan")
    numbers = {
        "definition": DEFINITION,
        "unit": "1",
        "response": {
            "offset_dn": found.offset_dn + offset,
            "offset_standard_error_dn": found.offset_error,
            "dn_per_uGy": found.dn_per_uGy,
            "dn_per_uGy_standard_error": found.slope_error,
            "worst_nonlinearity": found.worst_nonlinearity,
            "worst_nonlinearity_standard_error": found.worst_error,
        },
        "kerma_uGy": found.kerma_uGy,
        "signal": found.signal_dn,
        "signal_standard_error": found.signal_error,
        "signal_fit": found.offset_dn + found.dn_per_uGy * found.kerma_uGy,
        "nonlinearity": found.nonlinearity,
        "saturated": found.saturated,
        "detective_range_uGy": [found.lowest_uGy, found.highest_uGy],
        "lowest_standard_error_uGy": found.lowest_error,
        "decades": decades,
        "warnings": warnings,
    }
    columns = (found.kerma_uGy, found.signal_dn, found.signal_error, found.nonlinearity)
    rows = tuple(zip(*(column.tolist() for column in columns), strict=True))
    low = "unknown" if np.isnan(found.lowest_uGy) else f"{found.lowest_uGy:.3g} ± {found.lowest_error:.1g}"
    lines = (
        f"{found.dn_per_uGy:.5g} ± {found.slope_error:.2g} DN/uGy; worst departure "
        f"{100 * found.worst_nonlinearity:.3g} ± {100 * found.worst_error:.2g} %; range {low} to "
        f"{found.highest_uGy:.4g} uGy",
    )
    return numbers, Table(("kerma_uGy", "signal", "standard_error", "nonlinearity"), rows, lines)


def _dose_levels(given: Given, asked: Asked) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Dose, mean signal and its standard error of each file, or of each frame of a single one."""
    files, frames = len(given.counts), given.levels.size
    doses = asked.doses_uGy
    if doses is None:
        if any(kerma is None for kerma in given.kermas):
            raise ValueError(
                f"linearity needs the dose of each of the {files} files in uGy, in their order, with --dose 1,2,5,..."
            )
        doses = tuple(float(kerma or 0.0) for kerma in given.kermas)
    if len(doses) == files:
        ends = np.cumsum(given.counts)
        groups = [given.levels[end - count : end] for end, count in zip(ends, given.counts, strict=True)]
    elif len(doses) == frames:
        groups = [given.levels[k : k + 1] for k in range(frames)]
    else:
        raise ValueError(f"--dose must give one dose for each of {files} files or {frames} frames, got {len(doses)}")
    errors = [
        max(given.level_noise, float(group.std(ddof=1)) if group.size > 1 else 0.0) / np.sqrt(group.size)
        for group in groups
    ]
    return np.array(doses), np.array([float(group.mean()) for group in groups]), np.array(errors)


def _region_json(region: RegionNoise) -> Numbers:
    """Signal and noise of a region."""
    return {
        "noise_from": region.noise_from,
        "mean_signal": region.signal,
        "signal_standard_error": region.signal_error,
        "noise": region.noise,
        "noise_standard_error": region.noise_error,
        "total_noise": region.total_noise,
        "fixed_noise": region.fixed_noise,
        "pixels": region.pixels,
        "bad_pixels": region.bad_pixels,
    }


def _region_rows(title: str, region: RegionNoise) -> list[tuple[float | str, ...]]:
    return [
        (f"{title}mean signal", region.signal, region.signal_error),
        (f"{title}noise", region.noise, region.noise_error),
    ]


def _odd_noise(region: RegionNoise) -> list[str]:
    """What to doubt about the noise of a region."""
    said = []
    if region.fixed_noise > 0.5 * region.noise:
        said.append(
            f"a pattern of {region.fixed_noise:.3g} DN stays in all frames beside {region.noise:.3g} DN of noise: "
            f"it is not counted in the ratio"
        )
    if region.bad_pixels > 0.01 * region.pixels:
        said.append(f"{region.bad_pixels} of {region.pixels} pixels stand out or have no number and were left out")
    if not region.signal > 0:
        said.append(f"the mean signal above the offset is {region.signal:.4g} DN: see the offset")
    return said


_NOISE = ("roi",)
KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "lag": Kind(_lag, ("roi",), False, False, {"first_frame_percent": "first_frame_standard_error_percent"}),
        "uniformity": Kind(
            _uniformity,
            ("roi", "block_mm"),
            True,
            True,
            {
                "global_percent": "global_standard_error_percent",
                "local_percent": "local_standard_error_percent",
                "snr_nonuniformity_percent": "snr_nonuniformity_standard_error_percent",
            },
        ),
        "snr": Kind(_snr, _NOISE, False, True, {"snr": "standard_error", "mean_signal": "signal_standard_error"}),
        "cnr": Kind(
            _cnr, ("roi", "background"), False, True, {"cnr": "standard_error", "contrast": "contrast_standard_error"}
        ),
        "contrast-detail": Kind(
            _contrast_detail,
            ("roi", "diameters_mm", "d_prime", "mtf"),
            True,
            True,
            {"threshold_contrast": "standard_error"},
        ),
        "duplex": Kind(_duplex, ("roi",), True, True, {"isrb_mm": "isrb_standard_error_mm"}),
        "step-wedge": Kind(
            _step_wedge,
            ("roi", "thickness_mm", "resolution_mm"),
            False,
            True,
            {"best_contrast_sensitivity_percent": "best_contrast_sensitivity_standard_error_percent"},
        ),
        "linearity": Kind(
            _linearity,
            ("roi", "doses_uGy"),
            False,
            False,
            {
                "response.dn_per_uGy": "response.dn_per_uGy_standard_error",
                "response.worst_nonlinearity": "response.worst_nonlinearity_standard_error",
            },
        ),
    }
)
