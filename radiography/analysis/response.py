"""Conversion function: signal over air kerma, fitted to flats of several doses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

OUTLYING = 12.0  # medians of the moduli off the median: beyond noise and field of a flat   # chosen
IEC_NONLINEARITY = 0.02  # of the signal, IEC 62220-1-1:2015 allows a linear conversion function


@dataclass(frozen=True)
class DoseResponse:
    """Signal = offset + slope times air kerma.

    ``offset_dn`` [DN], ``dn_per_uGy`` [DN/uGy]. ``worst_nonlinearity``: largest departure of a dose from the line,
    over the line's signal above its offset [1], None where two doses leave none. ``doses``: how many were fitted.
    """

    offset_dn: float
    dn_per_uGy: float
    worst_nonlinearity: float | None
    doses: int


def fit_response(air_kerma_uGy: Sequence[float], signal_dn: Sequence[float]) -> DoseResponse:
    """Straight line through the mean signals of flats, each dose counting for its relative departure.

    Parameters
    ----------
    air_kerma_uGy : sequence of float
        Of each flat, 0 for a dark frame. [uGy]
    signal_dn : sequence of float
        Mean of each flat. [DN]

    Returns
    -------
    response : DoseResponse

    Raises
    ------
    ValueError
        If there are not two different doses, a kerma is negative, or the signal does not rise.
    """
    kerma, signal = (np.asarray(each, dtype=np.float64) for each in (air_kerma_uGy, signal_dn))
    if kerma.shape != signal.shape or kerma.ndim != 1:
        raise ValueError(f"a response needs one signal for each dose, got {signal.size} and {kerma.size}")
    if not (np.isfinite(kerma).all() and (kerma >= 0).all()):
        raise ValueError(f"air kermas must be zero or positive, got {kerma.tolist()}")
    different = np.unique(kerma).size
    if different < 2:
        raise ValueError(f"a response needs flats of at least two doses, got {different}")
    weight = 1 / np.maximum(kerma, kerma[kerma > 0].min())
    design = np.stack([np.ones_like(kerma), kerma], axis=1)
    offset, slope = np.linalg.lstsq(design * weight[:, None], signal * weight, rcond=None)[0]
    if not slope > 0:
        raise ValueError(f"the signal does not rise with dose: {slope:.4g} DN per uGy")
    exposed = kerma > 0
    departure = np.abs(signal - offset - slope * kerma)[exposed] / (slope * kerma[exposed])
    worst = float(departure.max()) if different > 2 else None
    return DoseResponse(float(offset), float(slope), worst, different)


def mean_of_flat(frame: np.ndarray, defects: npt.NDArray[np.bool_] | None = None) -> float:
    """Mean of a flat without defects and outliers. [DN]

    Parameters
    ----------
    frame : (H, W) array
        [DN]
    defects : (H, W) bool, optional
        True where a pixel is unusable.

    Returns
    -------
    mean : float
        [DN]

    Raises
    ------
    ValueError
        If no pixel is usable.
    """
    values = np.asarray(frame)
    good = np.isfinite(values) if defects is None else np.isfinite(values) & ~defects
    values = values[good].astype(np.float32)
    if values.size == 0:
        raise ValueError("a flat has no usable pixel")
    middle = np.median(values)
    spread = np.median(np.abs(values - middle))
    near = np.abs(values - middle) <= max(OUTLYING * spread, np.float32(1))
    return float(values[near].mean(dtype=np.float64))
