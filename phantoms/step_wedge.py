"""Step wedge: a staircase of known thicknesses, for contrast, linearity and exposure latitude."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from phantoms.solids import Box, Phantom, phantom_of, place


def step_wedge(
    step_heights_mm: Sequence[float] = (2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0, 18.0, 20.0, 22.0),
    step_length_mm: float = 10.0,
    width_mm: float = 40.0,
    material: str = "Al",
) -> Phantom:
    """Staircase of solid steps side by side along x, in the order given.

    Each step is one block from z = 0 to its height, so that the thickness under any point of a step is exactly the
    height of that step.

    Parameters
    ----------
    step_heights_mm : sequence of float
        Thickness of each step, left to right. The default is 11 steps of 2 mm to 22 mm. [mm]
    step_length_mm : float
        Length of each step along x. [mm]
    width_mm : float
        Width along y. [mm]
    material : str
        Material of all steps.

    Returns
    -------
    phantom : Phantom
        One solid per step, in the order given, centred on the origin in x and y.

    Raises
    ------
    ValueError
        If there is no step, or a height or a length is not positive.
    """
    heights = np.asarray(step_heights_mm, dtype=np.float64)
    if heights.ndim != 1 or len(heights) == 0:
        raise ValueError("step_heights_mm needs at least 1 step, got none")
    for number, height in enumerate(heights, start=1):
        if not (np.isfinite(height) and height > 0):
            raise ValueError(f"height of step {number} must be a positive length in mm, got {height}")
    for name, length in (("step_length_mm", step_length_mm), ("width_mm", width_mm)):
        if not (np.isfinite(length) and length > 0):
            raise ValueError(f"{name} of the step wedge must be a positive length in mm, got {length}")
    solids = []
    for index, height in enumerate(heights):
        x = (index - 0.5 * (len(heights) - 1)) * step_length_mm
        block = Box((step_length_mm, width_mm, float(height)))
        solids.append(place(block, material, (float(x), 0.0, 0.5 * float(height))))
    return phantom_of("step wedge", solids)
