"""Tungsten edge for the modulation transfer function, as IEC 62220-1-1 lays it on the detector.

A plate of 1.0 mm tungsten, 100 mm by 75 mm, covers half of the field up to one straight edge 100 mm long, which is
turned a few degrees against the pixel rows or columns. Dimensions: IEC 62220-1-1:2015, edge test device.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from phantoms.solids import Box, Phantom, PlacedSolid, move_phantom, phantom_of, place

EDGE_LENGTH_MM = 100.0  # IEC 62220-1-1:2015, edge test device: tungsten plate 100 mm x 75 mm
PLATE_WIDTH_MM = 75.0  # the same
PLATE_THICKNESS_MM = 1.0  # the same
SURROUND_THICKNESS_MM = 3.0  # the same: lead around the plate
LARGEST_TILT_DEG = 20.0  # beyond it the edge is no slanted edge of rows or columns; the standard asks for 1.5 to 3

# quarter turns from "plate at x < 0" to the covered side, for y pointing down
_QUARTER_TURNS = {"left": 0, "top": 1, "right": 2, "bottom": 3}

CoveredSide = Literal["left", "right", "top", "bottom"]


def tungsten_edge(
    tilt_deg: float = 2.5,
    covered_side: CoveredSide = "left",
    length_mm: float = EDGE_LENGTH_MM,
    width_mm: float = PLATE_WIDTH_MM,
    thickness_mm: float = PLATE_THICKNESS_MM,
    surround_mm: float = 0.0,
    material: str = "W",
) -> Phantom:
    """Absorbing plate whose one measured edge runs through the phantom's origin.

    The origin is the middle of the measured edge, not of the plate: placed at the centre of the panel, the edge runs
    through the panel's centre with the plate on one side and open field on the other. The edge's face contains the z
    axis, so a source above the origin looks along it and the edge casts no partly covered strip.

    Parameters
    ----------
    tilt_deg : float
        Turn of the plate about z; positive turns x towards y (clockwise in a picture with y downwards). The edge makes
        this angle with the columns (covered side left or right) or the rows (top or bottom). [deg]
    covered_side : {"left", "right", "top", "bottom"}
        Side of the edge on which the plate lies. Left and right give a nearly vertical edge, top and bottom a nearly
        horizontal one.
    length_mm, width_mm, thickness_mm : float
        Plate along the edge, across it, and along z. [mm]
    surround_mm : float
        Width of a frame of 3 mm lead around the plate and an equally large open field; 0 leaves it out. [mm]
    material : str
        Material of the plate.

    Returns
    -------
    phantom : Phantom
        The plate at z from 0 to ``thickness_mm``; with a surround, the lead comes second.

    Raises
    ------
    ValueError
        If the tilt is beyond 20 degrees, a length is not positive, the surround is negative or the side is unknown.

    Notes
    -----
    The standard draws a lead surround that keeps radiation from passing beside the plate. It is off by default
    because a simulated beam can be made as small as the measurement needs, and the frame would cover part of the flat
    field that the same image is used for. The standard's tilt is 1.5 to 3 degrees.

    References
    ----------
    .. [1] IEC 62220-1-1:2015, Determination of the detective quantum efficiency, edge test device.
    """
    if not (np.isfinite(tilt_deg) and abs(tilt_deg) <= LARGEST_TILT_DEG):
        raise ValueError(
            f"tilt_deg must be between {-LARGEST_TILT_DEG:g} and {LARGEST_TILT_DEG:g} degrees, got {tilt_deg}"
        )
    if covered_side not in _QUARTER_TURNS:
        raise ValueError(f"covered_side must be one of {', '.join(_QUARTER_TURNS)}, got '{covered_side}'")
    if not (np.isfinite(surround_mm) and surround_mm >= 0):
        raise ValueError(f"surround_mm must be zero or a positive width in mm, got {surround_mm}")
    for name, length in (("length_mm", length_mm), ("width_mm", width_mm), ("thickness_mm", thickness_mm)):
        if not (np.isfinite(length) and length > 0):
            raise ValueError(f"{name} of the edge plate must be a positive length in mm, got {length}")
    plate = Box((width_mm, length_mm, thickness_mm))
    solids = [place(plate, material, (-0.5 * width_mm, 0.0, 0.5 * thickness_mm))]
    if surround_mm > 0:
        solids.extend(_lead_frame(width_mm, 0.5 * length_mm, surround_mm))
    upright = phantom_of("tungsten edge", solids)
    return move_phantom(upright, rotation_deg=(0.0, 0.0, 90.0 * _QUARTER_TURNS[covered_side] + tilt_deg))


def edge_angle_deg(phantom: Phantom) -> float:
    """Angle of the measured edge of ``tungsten_edge`` against the y axis, from its geometry, in (-90, 90]. [deg]

    Positive turns x towards y. A nearly horizontal edge comes out near 90 or -90 degrees.
    """
    along = phantom.solids[0].rotation[:, 1]
    angle = float(np.degrees(np.arctan2(-along[0], along[1])))
    if angle <= -90.0:
        return angle + 180.0
    return angle - 180.0 if angle > 90.0 else angle


def _lead_frame(half_width_mm: float, half_height_mm: float, border_mm: float) -> list[PlacedSolid]:
    """Four lead bars around an opening of twice the half extents; the bars along x take the corners."""
    z = 0.5 * SURROUND_THICKNESS_MM
    along_x = Box((2 * (half_width_mm + border_mm), border_mm, SURROUND_THICKNESS_MM))
    along_y = Box((border_mm, 2 * half_height_mm, SURROUND_THICKNESS_MM))
    x, y = half_width_mm + 0.5 * border_mm, half_height_mm + 0.5 * border_mm
    places = [(along_x, (0.0, -y, z)), (along_x, (0.0, y, z)), (along_y, (-x, 0.0, z)), (along_y, (x, 0.0, z))]
    return [place(bar, "Pb", position) for bar, position in places]
