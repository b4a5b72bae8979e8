"""Light in time: what a layer emits within a frame's integration, and what glows on into later frames.

The prompt decay (tens to thousands of ns) ends within any frame of milliseconds; it is kept because its numbers
belong to the layer. What is seen in later frames is the afterglow. Lag of the panel is another effect (``lag.py``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from radiography.scintillator import AfterglowComponent, Scintillator

Array = npt.NDArray[np.float32]


def prompt_fraction_emitted(scintillator: Scintillator, integration_time_s: float) -> float:
    """Share of the prompt light of a short exposure that is emitted within the integration time. [1]"""
    emitted = sum(
        term.amplitude_fraction * term.time_ns * -math.expm1(-integration_time_s / (term.time_ns * 1e-9))
        for term in scintillator.decay
    )
    return emitted / sum(term.amplitude_fraction * term.time_ns for term in scintillator.decay)


def emit_light(
    light: Array,
    afterglow: Sequence[Array] | None,
    scintillator: Scintillator,
    integration_time_s: float,
    frame_interval_s: float,
) -> tuple[Array, tuple[Array, ...]]:
    """Light emitted while the frame integrates, and the light still to come.

    The exposure counts as short and at the start of the integration. Each afterglow component holds a store that the
    exposure fills with its share of the light and that empties exponentially.

    Parameters
    ----------
    light : (H, W) float32
        All light of this frame's exposure, whenever it comes. [1]
    afterglow : sequence of (H, W) float32, or None
        Light still to come from earlier frames, one store per component; None for a rested layer. [1]
    scintillator : Scintillator
        Prompt decay and afterglow components.
    integration_time_s, frame_interval_s : float
        Time that the photodiodes integrate, and time from this frame's start to the next one's. [s]

    Returns
    -------
    emitted : (H, W) float32
        Light within this integration. [1]
    afterglow : tuple of (H, W) float32
        Stores at the start of the next frame; what is emitted between the integrations is lost to the panel. [1]

    Raises
    ------
    ValueError
        If the number of stores is not the number of components, or the interval is shorter than the integration.
    """
    components: tuple[AfterglowComponent, ...] = scintillator.afterglow
    if frame_interval_s < integration_time_s:
        raise ValueError(f"frame_interval_s must be at least integration_time_s, got {frame_interval_s}")
    if afterglow is not None and len(afterglow) != len(components):
        raise ValueError(f"{len(afterglow)} afterglow stores do not fit {len(components)} afterglow components")
    late = sum(component.fraction for component in components)
    emitted = light * np.float32((1.0 - late) * prompt_fraction_emitted(scintillator, integration_time_s))
    stores = []
    for number, component in enumerate(components):
        filled = light * np.float32(component.fraction)
        if afterglow is not None:
            filled += afterglow[number]
        emitted += filled * np.float32(-math.expm1(-integration_time_s / component.time_s))
        stores.append(filled * np.float32(math.exp(-frame_interval_s / component.time_s)))
    return emitted, tuple(stores)
