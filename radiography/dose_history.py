"""Gain that earlier exposures have changed: bright burn of the layer and ghosting of the photodiodes.

Lag and afterglow add to later frames; this multiplies them. Irradiated CsI:Tl gives more light for hours, since filled
traps no longer compete for the charge that makes it [1]_; filled traps of the a-Si diodes make them more sensitive for
minutes [2]_. Each term of either holds a relative gain B, which an exposure of dose d raises towards a largest one and
which then decays:

    B <- B + (B_largest - B) (1 - exp(-b d / B_largest)),   B <- B exp(-t / tau)

For small doses that is b for each unit of dose. The dose is that of the mean exposure, where its light arrives: noise
of a frame, dark current and X-rays in the diodes themselves change nothing here. Both are off unless a layer or a panel
has terms of them.

References
----------
.. [1] Nagarkar et al., "Suppression of afterglow in microcolumnar CsI:Tl by codoping with Sm", IEEE Trans. Nucl. Sci.
       56, 565 (2009): hysteresis of the yield after 120 R.
.. [2] Siewerdsen & Jaffray, "A ghost story: spatio-temporal response characteristics of an indirect-detection
       flat-panel imager", Med. Phys. 26, 1624 (1999): ghosts of 30 min and more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from radiography.light.scintillator import BrightBurn, Scintillator
from radiography.panel.panel import Ghosting, Panel

Array = npt.NDArray[np.float32]


class DoseScale(NamedTuple):
    """Light of a pixel for 1 uGy of the beam [1/uGy], and electrons for a light photon. [1]"""

    light_per_uGy: float
    electrons_per_photon: float


def remembers(scintillator: Scintillator, panel: Panel) -> bool:
    """Whether the gain of a layer on a panel depends on earlier exposures.

    Parameters
    ----------
    scintillator, panel : Scintillator, Panel
        With their terms of bright burn and of ghosting, if any.

    Returns
    -------
    remembers : bool
    """
    return bool(scintillator.bright_burn or panel.ghosting)


def dose_terms(scintillator: Scintillator, panel: Panel) -> dict[str, list[dict[str, float]]]:
    """Terms of both effects with their numbers, for records.

    Parameters
    ----------
    scintillator, panel : Scintillator, Panel
        With their terms.

    Returns
    -------
    terms : dict
        Of "bright_burn" and "ghosting"; empty lists where there is none.
    """
    return {
        "bright_burn": [asdict(term) for term in scintillator.bright_burn],
        "ghosting": [asdict(term) for term in panel.ghosting],
    }


def layer_gain(scintillator: Scintillator, change: Array) -> Array:
    """Light of the layer relative to a rested one.

    Parameters
    ----------
    scintillator : Scintillator
        With its terms of bright burn.
    change : (G, H, W) float32
        Stores of `age_gain`. [1]

    Returns
    -------
    gain : (H, W) float32
        [1]
    """
    return np.asarray(1.0 + change[: len(scintillator.bright_burn)].sum(axis=0), dtype=np.float32)


def diode_gain(scintillator: Scintillator, change: Array) -> Array:
    """Sensitivity of the diodes relative to rested ones.

    Parameters
    ----------
    scintillator : Scintillator
        Its terms of bright burn come first.
    change : (G, H, W) float32
        Stores of `age_gain`. [1]

    Returns
    -------
    gain : (H, W) float32
        [1]
    """
    return np.asarray(1.0 + change[len(scintillator.bright_burn) :].sum(axis=0), dtype=np.float32)


def age_gain(
    scintillator: Scintillator,
    panel: Panel,
    change: Array | None,
    light: Array | None,
    scale: DoseScale,
    interval_s: float,
) -> Array:
    """Gain stores at the start of the next frame.

    Parameters
    ----------
    scintillator, panel : Scintillator, Panel
        With their terms of bright burn, which come first, and of ghosting.
    change : (G, H, W) float32, or None
        Stores at the start of this frame; None for a rested layer and panel. [1]
    light : (H, W) float32, or None
        Mean light of this frame's exposure where it arrives; None in the dark. [1]
    scale : DoseScale
        What light means as a dose and as charge.
    interval_s : float
        To the next frame. [s]

    Returns
    -------
    change : (G, H, W) float32
        [1]

    Raises
    ------
    ValueError
        If the stores do not fit the terms.
    """
    per_light = [term.gain_per_Gy * 1e-6 / scale.light_per_uGy for term in scintillator.bright_burn]
    per_light += [
        term.gain_per_full_well * scale.electrons_per_photon / panel.photodiode.full_well_electrons
        for term in panel.ghosting
    ]
    both: list[BrightBurn | Ghosting] = [*scintillator.bright_burn, *panel.ghosting]
    if change is not None and len(change) != len(both):
        raise ValueError(f"{len(change)} gain stores do not fit {len(both)} terms of bright burn and ghosting")
    shape = (panel.pixels.rows, panel.pixels.cols)
    after = np.zeros((len(both), *shape), dtype=np.float32) if change is None else change.copy()
    for store, each, term in zip(after, per_light, both, strict=True):
        if light is not None:
            store += (np.float32(term.largest_gain) - store) * -np.expm1(light * np.float32(-each / term.largest_gain))
        store *= np.float32(np.exp(-interval_s / term.time_s))
    return after


def gains_of_sequence(
    scintillator: Scintillator,
    panel: Panel,
    light: Array | None,
    scale: DoseScale,
    interval_s: float,
    pattern: Sequence[float],
) -> tuple[Array, npt.NDArray[np.float64]]:
    """Gain of the last frame of a sequence, and the mean gain of every frame: the truth behind its frames.

    Parameters
    ----------
    scintillator, panel, scale, interval_s
        As for `age_gain`.
    light : (H, W) float32, or None
        Mean light of one exposure of strength 1; None in the dark. [1]
    pattern : sequence of float
        Exposure of each of the F frames relative to that. [1]

    Returns
    -------
    gain : (H, W) float32
        Light times sensitivity, relative to a rested layer and panel. [1]
    mean : (F,) float64
        [1]
    """
    change = age_gain(scintillator, panel, None, None, scale, interval_s)
    gain, means = np.ones(change.shape[1:], dtype=np.float32), []
    for strength in pattern:
        gain = layer_gain(scintillator, change) * diode_gain(scintillator, change)
        means.append(float(gain.mean(dtype=np.float64)))
        exposed = None if light is None or strength == 0 else light * np.float32(strength)
        change = age_gain(scintillator, panel, change, exposed, scale, interval_s)
    return gain, np.array(means)
