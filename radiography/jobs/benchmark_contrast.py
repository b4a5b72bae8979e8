"""Contrast-detail of a benchmark: thresholds on corrected flats, holes of a plate as images, and what is predicted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phantoms.contrast_detail import SHEET_MM, Detail, contrast_details
from radiography.analysis.detector_qc.contrast_detail import (
    D_PRIME,
    DEFINITION,
    DIAMETERS_MM,
    OBSERVER,
    measure_contrast_detail,
)
from radiography.jobs.benchmark_table import mean_curve
from radiography.study.layer_report import LayerReport

HOLES_MM = (8.0, 5.0, 3.2, 2.0, 1.3, 0.8, 0.5, 0.3)  # diameters, and depths: every other one of the usual plate
SQUARE_MM = 12.0  # one hole each; narrower than in the usual plate, so that 8 x 8 fit into 125 mm   # chosen
PLATE_HEIGHT_MM = 1.0  # of its lower face above the panel, as in the shipped scene
WIDE_MM = 5.0  # holes of this diameter and more have their contrast measured: blur leaves their middle alone   # chosen
INNER, RING = 0.7, (1.3, 1.9)  # what is read of a hole and around it, in its radii   # chosen
GRID, RINGS = 480, 40.0  # points along an axis of frequencies, and rings of a disc's spectrum within them   # chosen

FloatArray = NDArray[np.float64]


def plate_for(side_mm: float) -> dict[str, Any]:
    """Parameters of the plate, of as many holes as fit into a square region, the widest and deepest first.

    Parameters
    ----------
    side_mm : float
        Of the region. [mm]

    Returns
    -------
    parameters : dict
        Of `phantoms.contrast_detail.contrast_detail`.
    """
    fit = HOLES_MM[: int(np.clip(side_mm // SQUARE_MM, 1, len(HOLES_MM)))]
    return {"diameters_mm": list(fit), "depths_mm": list(fit), "square_mm": SQUARE_MM}


def measure_details(
    flats: NDArray[np.float32],
    bad: NDArray[np.bool_],
    mtf: Mapping[str, Any],
    plate: NDArray[np.float32],
    pitch_mm: float,
    source_mm: float,
) -> dict[str, Any]:
    """Threshold contrasts of discs on flats, and the depths of holes in acrylic that have these contrasts.

    Parameters
    ----------
    flats : (N, H, W) float32
        Corrected, of one dose. [DN]
    bad : (H, W) bool
        Pixels without noise of their own.
    mtf : mapping
        Measured curves, "horizontal" and "vertical".
    plate : (M, H, W) float32
        Corrected frames of the plate of `plate_for`, its middle in the middle. [DN]
    pitch_mm, source_mm : float
        Pixel pitch, and distance of the source. [mm]

    Returns
    -------
    found : dict
        JSON values and arrays.
    """
    curve = mean_curve(mtf)
    frequency, transfer = curve["frequency_per_mm"], curve["value"]
    if frequency[0] > 0:
        frequency, transfer = np.concatenate([[0.0], frequency]), np.concatenate([[1.0], transfer])
    found = measure_contrast_detail(np.where(bad, np.float32(np.nan), flats), pitch_mm, mtf=(frequency, transfer))
    holes = _holes(plate, pitch_mm, source_mm)
    depth = np.log1p(found.threshold_contrast) / holes["attenuation_per_mm"]
    relative = np.hypot(
        found.standard_error / ((1 + found.threshold_contrast) * np.log1p(found.threshold_contrast)),
        holes["standard_error_per_mm"] / holes["attenuation_per_mm"],
    )
    deeper = depth > SHEET_MM
    return {
        "observer": OBSERVER,
        "definition": DEFINITION,
        "d_prime": found.d_prime,
        "diameter_mm": found.diameter_mm,
        "threshold_contrast": found.threshold_contrast,
        "standard_error": found.standard_error,
        "threshold_depth_mm": [None if no else float(d) for d, no in zip(depth, deeper, strict=True)],
        "threshold_depth_standard_error_mm": [
            None if no else float(d * r) for d, r, no in zip(depth, relative, deeper, strict=True)
        ],
        "frames": found.frames,
        "blocks": found.blocks,
        "plate": {"material": "PMMA", "sheet_mm": SHEET_MM, "frames": len(plate), **holes},
    }


def _holes(plate: NDArray[np.float32], pitch_mm: float, source_mm: float) -> dict[str, Any]:
    """Contrasts of the wide holes of a plate, and the attenuation of its material that fits them all."""
    holes = [hole for hole in contrast_details(**plate_for(min(plate.shape[1:]) * pitch_mm)) if _is_wide(hole)]
    log_ratio = np.array([[_log_ratio(frame, hole, pitch_mm, source_mm) for hole in holes] for frame in plate])
    mean, depth = log_ratio.mean(axis=0), np.array([hole.depth_mm for hole in holes])
    diameter = np.array([hole.diameter_mm for hole in holes])
    variance = np.empty(len(holes))
    for each in np.unique(diameter):  # holes of one diameter have one noise, that of their areas
        same = diameter == each
        variance[same] = log_ratio[:, same].var(axis=0, ddof=1).mean() / len(plate)
    precision = float((depth**2 / variance).sum())
    return {
        "holes": [
            {
                "diameter_mm": hole.diameter_mm,
                "depth_mm": hole.depth_mm,
                "contrast": float(np.expm1(ratio)),
                "standard_error": float(np.exp(ratio) * np.sqrt(own)),
            }
            for hole, ratio, own in zip(holes, mean, variance, strict=True)
        ],
        "attenuation_per_mm": float((depth * mean / variance).sum()) / precision,
        "standard_error_per_mm": precision**-0.5,
    }


def _is_wide(hole: Detail) -> bool:
    return hole.diameter_mm >= WIDE_MM


def _log_ratio(frame: NDArray[np.float32], hole: Detail, pitch_mm: float, source_mm: float) -> float:
    """Logarithm of the signal in a hole over that of the sheet around it."""
    scale = source_mm / (source_mm - PLATE_HEIGHT_MM - SHEET_MM + 0.5 * hole.depth_mm)
    rows, cols = frame.shape
    x, y = (scale * at / pitch_mm for at in hole.centre_mm)
    half = int(0.5 * SQUARE_MM / pitch_mm)
    row, col = (rows - 1) / 2 + y, (cols - 1) / 2 + x
    top, left = max(0, int(row) - half), max(0, int(col) - half)
    part = frame[top : int(row) + half + 2, left : int(col) + half + 2]
    down, across = np.ogrid[: part.shape[0], : part.shape[1]]
    distance = np.hypot(down + top - row, across + left - col) * pitch_mm / (0.5 * scale * hole.diameter_mm)
    beside = min(RING[1], 0.96 * SQUARE_MM / hole.diameter_mm)
    inside, around = part[distance < INNER], part[(distance > RING[0]) & (distance < beside)]
    return float(np.log(inside.mean(dtype=np.float64) / around.mean(dtype=np.float64)))


def predict_details(report: LayerReport) -> dict[str, Any]:
    """Threshold contrasts of discs as transport says them, from MTF and noise power.

    Parameters
    ----------
    report : LayerReport
        Of the layer at the nominal dose.

    Returns
    -------
    predicted : dict
        diameter_mm and threshold_contrast, arrays.

    Notes
    -----
    The matched filter sums over the disc as it is imaged, of spectrum D T: C = d' sqrt(P) / R, where R is the integral
    of |D T|^2 over the plane of frequencies, and P that of |D T|^2 times the NNPS, which repeats itself from pixel to
    pixel. It is known along the axes; elsewhere that of the same distance from the origin stands for it. Line noise has
    its power on one line of the plane.
    """
    from scipy.special import j1

    nyquist = report.nyquist_per_mm
    noise = report.nps_quantum + report.nps_light + report.nps_direct + report.nps_electronic
    contrast = []
    for diameter in DIAMETERS_MM:
        end = min(float(report.frequency_per_mm[-1]), RINGS / diameter)
        along = (np.arange(GRID) + 0.5) * end / GRID
        f = np.hypot(along[:, None], along)
        disc, on_line = (
            (
                diameter
                * j1(np.pi * diameter * at)
                / (2.0 * at)
                * np.interp(at, report.frequency_per_mm, report.mtf, right=0.0)
            )
            ** 2
            for at in (f, along)
        )
        near = nyquist - np.abs(along % (2 * nyquist) - nyquist)
        folded = np.minimum(np.hypot(near[:, None], near), nyquist)
        area = 4.0 * (end / GRID) ** 2
        power = area * float((disc * np.interp(folded, report.frequency_per_mm, noise)).sum())
        power += 2.0 * end / GRID * report.line_power_mm * float(on_line.sum())
        contrast.append(D_PRIME * np.sqrt(power) / (area * float(disc.sum())))
    return {"diameter_mm": np.array(DIAMETERS_MM), "threshold_contrast": np.array(contrast)}
