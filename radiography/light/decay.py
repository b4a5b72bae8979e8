"""Light in time: what a layer emits within a frame's integration, and what glows on into later frames.

The prompt decay (tens to thousands of ns) ends within any frame of milliseconds, unless the exposure lasts to the end
of the integration and frames are short: what is then left of it goes to the next frame. What is usually seen in later
frames is the afterglow. Lag of the panel is another effect (`radiography.panel.trapping`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from radiography.light.scintillator import Scintillator

# Prompt light of which less than this fraction is left at the next frame is forgotten.   # chosen: far below one photon
NEGLIGIBLE_FRACTION = 1e-9

Array = npt.NDArray[np.float32]


def fraction_to_come(time_s: float, decay_s: float, exposure_time_s: float | None = None) -> float:
    """Fraction of the light of an exposure that is still to come some time after the exposure's start.

    Parameters
    ----------
    time_s : float
        Since the start of the exposure; not before its end. [s]
    decay_s : float
        Time constant of one exponential. [s]
    exposure_time_s : float, or None
        Duration of a constant exposure; None for a short one at the start. [s]

    Returns
    -------
    fraction : float
        [1]

    Notes
    -----
    (1/T) times the integral of exp(-(t - u) / tau) over u from 0 to T, which is (tau / T) (exp(-(t - T) / tau) -
    exp(-t / tau)); for T to 0 it is exp(-t / tau).
    """
    if exposure_time_s is None:
        return math.exp(-time_s / decay_s)
    grown = -math.expm1(-exposure_time_s / decay_s) * decay_s / exposure_time_s
    return math.exp(-(time_s - exposure_time_s) / decay_s) * grown


def prompt_fraction_emitted(
    scintillator: Scintillator, integration_time_s: float, exposure_time_s: float | None = None
) -> float:
    """Fraction of the prompt light of an exposure that is emitted within the integration time.

    Parameters
    ----------
    scintillator : Scintillator
        Components of the prompt decay.
    integration_time_s : float
        From the start of the exposure on. [s]
    exposure_time_s : float, or None
        Duration of a constant exposure; None for a short one at the start. [s]

    Returns
    -------
    fraction : float
        [1]
    """
    weights = [term.amplitude_fraction * term.time_ns for term in scintillator.decay]
    if exposure_time_s is None:
        emitted = sum(
            weight * -math.expm1(-integration_time_s / (term.time_ns * 1e-9))
            for weight, term in zip(weights, scintillator.decay, strict=True)
        )
    else:
        emitted = sum(
            weight * (1.0 - fraction_to_come(integration_time_s, term.time_ns * 1e-9, exposure_time_s))
            for weight, term in zip(weights, scintillator.decay, strict=True)
        )
    return emitted / sum(weights)


def lasting_prompt_light(
    scintillator: Scintillator, frame_interval_s: float, exposure_time_s: float | None = None
) -> tuple[tuple[float, float], ...]:
    """Prompt components of which more than `NEGLIGIBLE_FRACTION` of all light is left at the start of the next frame.

    Parameters
    ----------
    scintillator : Scintillator
        Components of the prompt decay.
    frame_interval_s : float
        Time from the start of the exposure to the next frame. [s]
    exposure_time_s : float, or None
        Duration of a constant exposure; None for a short one at the start. [s]

    Returns
    -------
    components : tuple of (float, float)
        Fraction of all light [1] and time constant [s] of each.
    """
    weights = [term.amplitude_fraction * term.time_ns for term in scintillator.decay]
    prompt = 1.0 - sum(component.fraction for component in scintillator.afterglow)
    found = [
        (prompt * weight / sum(weights), term.time_ns * 1e-9)
        for weight, term in zip(weights, scintillator.decay, strict=True)
    ]
    return tuple(
        (fraction, decay_s)
        for fraction, decay_s in found
        if fraction * fraction_to_come(frame_interval_s, decay_s, exposure_time_s) > NEGLIGIBLE_FRACTION
    )


def emit_light(
    light: Array,
    afterglow: Sequence[Array] | None,
    scintillator: Scintillator,
    integration_time_s: float,
    frame_interval_s: float,
    exposure_time_s: float | None = None,
) -> tuple[Array, tuple[Array, ...]]:
    """Light emitted while the frame integrates, and the light still to come.

    The exposure starts with the integration; it is short or lasts for a given time. Each afterglow component, and each
    prompt one that outlasts the frame, holds a store that the exposure fills with its fraction of the light and that
    empties exponentially.

    Parameters
    ----------
    light : (H, W) float32
        All light of this frame's exposure, whenever it comes. [1]
    afterglow : sequence of (H, W) float32, or None
        Light still to come from earlier frames, one store per afterglow component and then one per lasting prompt
        component; None for a rested layer. [1]
    scintillator : Scintillator
        Prompt decay and afterglow components.
    integration_time_s, frame_interval_s : float
        Time that the photodiodes integrate, and time from this frame's start to the next one's. [s]
    exposure_time_s : float, or None
        Duration of the exposure, constant from the start of the integration; None for a short one. [s]

    Returns
    -------
    emitted : (H, W) float32
        Light within this integration. [1]
    afterglow : tuple of (H, W) float32
        Stores at the start of the next frame; what is emitted between the integrations is lost to the panel. [1]

    Raises
    ------
    ValueError
        If the number of stores is not the number of components, the interval is shorter than the integration, or the
        exposure is longer.
    """
    components = scintillator.afterglow
    if frame_interval_s < integration_time_s:
        raise ValueError(f"frame_interval_s must be at least integration_time_s, got {frame_interval_s}")
    if exposure_time_s is not None and not 0 < exposure_time_s <= integration_time_s:
        raise ValueError(
            f"exposure_time_s must be above 0 and at most integration_time_s ({integration_time_s:g}), "
            f"got {exposure_time_s:g}"
        )
    lasting = lasting_prompt_light(scintillator, frame_interval_s, exposure_time_s)
    if afterglow is not None and len(afterglow) != len(components) + len(lasting):
        prompt = f" and {len(lasting)} lasting prompt ones" if lasting else ""
        raise ValueError(f"{len(afterglow)} afterglow stores do not fit {len(components)} afterglow components{prompt}")
    late = sum(component.fraction for component in components)
    prompt_fraction = (1.0 - late) * prompt_fraction_emitted(scintillator, integration_time_s, exposure_time_s)
    emitted = light * np.float32(prompt_fraction)
    slow = tuple((component.fraction, component.time_s) for component in components)
    stores = []
    for number, (fraction, decay_s) in enumerate(slow + lasting):
        before = None if afterglow is None else afterglow[number]
        seen = np.float32(-math.expm1(-integration_time_s / decay_s))  # of what earlier frames left
        retained = np.float32(math.exp(-frame_interval_s / decay_s))
        if number < len(slow) and exposure_time_s is None:  # new light decays as the old does
            store = np.empty_like(light)
            _decay(light, light if before is None else before, before is not None,
                   (np.float32(fraction), seen, retained), emitted, store)  # fmt: skip
            stores.append(store)
            continue
        if number < len(slow):  # what the integration sees of lasting prompt light is in the prompt fraction
            emitted += light * np.float32(
                fraction * (1.0 - fraction_to_come(integration_time_s, decay_s, exposure_time_s))
            )
        store = light * np.float32(fraction * fraction_to_come(frame_interval_s, decay_s, exposure_time_s))
        if before is not None:
            emitted += before * seen
            store += before * retained
        stores.append(store)
    return emitted, tuple(stores)


@njit(parallel=True, cache=True)
def _decay(
    light: Array,
    before: Array,
    with_before: bool,
    factors: tuple[np.float32, np.float32, np.float32],
    emitted: Array,
    store: Array,
) -> None:
    """One store (H, W) after a short exposure; what is seen of it is added to ``emitted``.

    ``factors`` are the fraction of the light that fills the store, and the parts of it that the frame sees and that it
    leaves to the next.
    """
    filling, seen, retained = factors
    for row in prange(light.shape[0]):
        for col in range(light.shape[1]):
            filled = light[row, col] * filling
            if with_before:
                filled += before[row, col]
            emitted[row, col] += filled * seen
            store[row, col] = filled * retained
