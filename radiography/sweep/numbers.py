"""Numbers of a sample: what a sweep measures on the raw frames of one scene, with the panel's own maps known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from radiography.acquire import Acquisition, Exposure
from radiography.analysis.mtf import MtfCurve, mtf50, mtf_at, slanted_edge_mtf

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SampleFrames:
    """One sample of a sweep as it was simulated.

    Attributes
    ----------
    acquisition, exposure : Acquisition, Exposure or None
        Plan and mean exposure; None in the dark.
    raw_dn : (N, H, W) uint16
        Frames. [DN]
    lit : (N,) bool
        True where the beam was on.
    curves : list of MtfCurve
        The MTF, once it was measured: several numbers are of one curve.
    """

    acquisition: Acquisition
    exposure: Exposure | None
    raw_dn: npt.NDArray[np.uint16]
    lit: npt.NDArray[np.bool_]
    curves: list[MtfCurve]


@dataclass(frozen=True)
class Number:
    """A number that can be kept of each sample.

    Attributes
    ----------
    unit, meaning : str
        "1" where there is no unit.
    measure : callable
        From the sample to its value.
    needs_frames : int
        Frames with the beam on that it takes at least. [1]
    """

    unit: str
    meaning: str
    measure: Callable[[SampleFrames], float]
    needs_frames: int = 1


def _offset_dn(frames: SampleFrames) -> FloatArray:
    """What a pixel reads in the dark, lag apart: offset and dark current. [DN]"""
    maps, acquisition = frames.acquisition.maps, frames.acquisition
    dark = maps.dark_electrons_per_s * (
        acquisition.scene.timing.integration_time_s / acquisition.panel.readout.electrons_per_dn
    )
    return (maps.offset_dn + dark).astype(np.float64)


def _usable(frames: SampleFrames) -> npt.NDArray[np.bool_]:
    maps = frames.acquisition.maps
    usable: npt.NDArray[np.bool_] = (maps.defects == 0) & (maps.response > 0)
    return usable


def _lit(frames: SampleFrames, least: int = 1) -> npt.NDArray[np.uint16]:
    """Frames with the beam on; of a scene in the dark all of them."""
    chosen = frames.raw_dn[frames.lit] if frames.lit.any() else frames.raw_dn
    if len(chosen) < least:
        raise ValueError(f"this number needs {least} frames with the beam on, the sample has {len(chosen)}")
    return chosen


def _signal_dn(frames: SampleFrames) -> float:
    return float((_lit(frames).mean(axis=0) - _offset_dn(frames))[_usable(frames)].mean())


def _noise_dn(frames: SampleFrames) -> float:
    chosen = _lit(frames, 2)
    usable = _usable(frames)
    steps = [(b.astype(np.float64) - a)[usable].var() for a, b in pairwise(chosen)]
    return float(np.sqrt(0.5 * np.mean(steps)))


def _snr(frames: SampleFrames) -> float:
    noise_dn = _noise_dn(frames)
    if not noise_dn > 0:
        raise ValueError(
            f"snr needs a noise above 0 DN, but no usable pixel of the sample changes from frame to frame; "
            f"{100 * _saturated(frames):.3g} % of them are saturated"
        )
    return _signal_dn(frames) / noise_dn


def _saturated(frames: SampleFrames) -> float:
    full = frames.raw_dn >= frames.acquisition.panel.saturation_dn
    return float(full[:, _usable(frames)].mean())


def _quanta(frames: SampleFrames) -> float:
    return 0.0 if frames.exposure is None else float(frames.exposure.quanta.mean(dtype=np.float64))


def _curve(frames: SampleFrames) -> MtfCurve:
    """MTF of the mean frame, after the panel's own offset and response were taken out; defects are left out."""
    if not frames.curves:
        usable = _usable(frames)
        response = np.where(usable, frames.acquisition.maps.response, 1.0)
        corrected = (_lit(frames).mean(axis=0) - _offset_dn(frames)) / response
        pitch_mm = frames.acquisition.panel.pixels.pitch_mm
        frames.curves.append(slanted_edge_mtf(corrected.astype(np.float32), pitch_mm, defects=~usable))
    return frames.curves[0]


_AT = "presampled MTF of the slanted edge at {} per mm, corrected with the panel's own maps"
NUMBERS = {
    "signal_dn": Number("DN", "mean signal above the dark of usable pixels, beam on", _signal_dn),
    "noise_dn": Number("DN", "noise of a usable pixel from frame to frame, beam on, rms", _noise_dn, 2),
    "snr": Number("1", "signal_dn over noise_dn", _snr, 2),
    "saturated": Number("1", "fraction of usable pixels at saturation, all frames", _saturated),
    "mean_quanta": Number("1", "mean X-ray quanta that the layer absorbs in a pixel, all pixels", _quanta),
    "mtf_1": Number("1", _AT.format(1), lambda frames: mtf_at(_curve(frames), 1.0)[0]),
    "mtf_1_error": Number("1", "standard error of mtf_1", lambda frames: mtf_at(_curve(frames), 1.0)[1]),
    "mtf_2": Number("1", _AT.format(2), lambda frames: mtf_at(_curve(frames), 2.0)[0]),
    "mtf_2_error": Number("1", "standard error of mtf_2", lambda frames: mtf_at(_curve(frames), 2.0)[1]),
    "mtf50_per_mm": Number("1/mm", "frequency where that MTF is one half", lambda frames: mtf50(_curve(frames))[0]),
    "mtf50_error_per_mm": Number("1/mm", "standard error of mtf50_per_mm", lambda f: mtf50(_curve(f))[1]),
}
DEFAULT_NUMBERS = ("signal_dn", "saturated", "mean_quanta")
