"""Duplex wire gauge: pairs of wires of falling diameter in a strip of plastic, for the basic spatial resolution.

Wires and gaps as makers' tables of gauges to ISO 19232-5 (EN 462-5, ASTM E2002) give them: 1D to 3D of tungsten, the
others of platinum, the gap as wide as a wire. How far the pairs lie apart is assumed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from phantoms.solids import Box, Cylinder, Phantom, move_phantom, phantom_of, place

WIRE_DIAMETERS_MM = (0.80, 0.63, 0.50, 0.40, 0.32, 0.25, 0.20, 0.16, 0.13, 0.10, 0.08, 0.063, 0.05)  # 1D to 13D
TUNGSTEN_DOWN_TO_MM = 0.50  # 3D; thinner wires are of platinum
PAIR_SPACING_MM = 4.5  # assumed: middle to middle
WIRE_LENGTH_MM = 15.0  # assumed
BODY_THICKNESS_MM = 2.0  # assumed: plastic that holds the wires
RIM_MM = 4.0  # assumed: plastic round the wires


def duplex_wire(
    diameters_mm: Sequence[float] = WIRE_DIAMETERS_MM,
    spacing_mm: float = PAIR_SPACING_MM,
    length_mm: float = WIRE_LENGTH_MM,
    body_thickness_mm: float = BODY_THICKNESS_MM,
    body_material: str = "PMMA",
    tilt_deg: float = 3.0,
) -> Phantom:
    """Duplex wire gauge, thickest pair at the left, wires along y.

    Parameters
    ----------
    diameters_mm : sequence of float
        Of the wires of each pair, and of the gap between them. [mm]
    spacing_mm : float
        From the middle of one pair to that of the next. [mm]
    length_mm : float
        Of the wires. [mm]
    body_thickness_mm : float
        Thickness of the plastic; 0 leaves it out. [mm]
    body_material : str
        Of the plastic.
    tilt_deg : float
        Turn of the gauge about z; positive turns x towards y. [deg]

    Returns
    -------
    phantom : Phantom
        The plastic (if any), then the wires pair by pair.

    Raises
    ------
    ValueError
        If there is no pair, a length is not positive, or pairs touch.
    """
    if len(diameters_mm) == 0:
        raise ValueError("diameters_mm needs at least 1 pair of wires, got none")
    for name, length in (("spacing_mm", spacing_mm), ("length_mm", length_mm)):
        if not (np.isfinite(length) and length > 0):
            raise ValueError(f"{name} must be a positive length in mm, got {length}")
    for diameter in diameters_mm:
        if not (np.isfinite(diameter) and 0 < 3 * diameter < spacing_mm):
            raise ValueError(
                f"a pair of wires is 3 diameters wide and must fit into the spacing of {spacing_mm:g} mm, got a "
                f"diameter of {diameter} mm"
            )
    if not (np.isfinite(body_thickness_mm) and (body_thickness_mm == 0 or body_thickness_mm > max(diameters_mm))):
        raise ValueError(
            f"body_thickness_mm must be 0 or more than the thickest wire, {max(diameters_mm):g} mm, got "
            f"{body_thickness_mm}"
        )
    z = 0.5 * max(body_thickness_mm, max(diameters_mm))
    solids = []
    if body_thickness_mm > 0:
        size = (len(diameters_mm) * spacing_mm + RIM_MM, length_mm + 2 * RIM_MM, body_thickness_mm)
        solids.append(place(Box(size), body_material, (0.0, 0.0, z)))
    for number, diameter in enumerate(diameters_mm):
        middle = (number - 0.5 * (len(diameters_mm) - 1)) * spacing_mm
        wire = Cylinder(0.5 * diameter, length_mm)
        material = "W" if diameter >= TUNGSTEN_DOWN_TO_MM else "Pt"
        for side in (-1.0, 1.0):  # a gap of a diameter is two diameters from middle to middle
            solids.append(place(wire, material, (middle + side * diameter, 0.0, z), (90.0, 0.0, 0.0)))
    return move_phantom(phantom_of("duplex wire", solids), rotation_deg=(0.0, 0.0, tilt_deg))
