"""Voltages, anode angles and pixels that tubes and panels of ours can have, for readers of every foreign format."""

from __future__ import annotations

from collections.abc import Sequence

from radiography.beam.tube import MAX_KVP, MIN_KVP
from radiography.scenarios.imported import ANODE_ANGLE_DEG
from radiography.scenarios.ledger import Ledger

LOWEST_ANGLE_DEG, HIGHEST_ANGLE_DEG = 1.0, 45.0  # of an anode, as beams have it


def check_voltage(path: str, kvp: float) -> float:
    """The voltage of a tube, if one of ours has it.

    Parameters
    ----------
    path : str
        Where it stands in the file.
    kvp : float
        Voltage, or the highest energy of lines. [kV, keV]

    Returns
    -------
    kvp : float
        The same.

    Raises
    ------
    ValueError
        If no tube of ours has it.
    """
    if not MIN_KVP <= kvp <= MAX_KVP["W"]:
        raise ValueError(f"{path} must be {MIN_KVP:g} to {MAX_KVP['W']:g} kV, got {kvp:g}")
    return kvp


def anode_angle_deg(ledger: Ledger, path: str) -> float:
    """The angle of the anode at a path, the nearest that beams have.

    Parameters
    ----------
    ledger : Ledger
        Learns what became of the path.
    path : str
        Where the angle stands.

    Returns
    -------
    angle_deg : float
        [deg]
    """
    angle_deg = ledger.number(path, ANODE_ANGLE_DEG)
    assert angle_deg is not None
    nearest_deg = min(max(angle_deg, LOWEST_ANGLE_DEG), HIGHEST_ANGLE_DEG)
    if nearest_deg == angle_deg:
        ledger.take(path, "angle of the anode")
    else:
        ledger.approximate(path, f"{angle_deg:g} degrees are taken as the nearest of 1 to 45")
    return nearest_deg


def check_pixels(shape: Sequence[float], pitch_mm: Sequence[float], paths: tuple[str, str]) -> tuple[int, int, float]:
    """Pixels of a panel, if one of ours has them.

    Parameters
    ----------
    shape : (float, float)
        Rows and columns. [1]
    pitch_mm : (float, float)
        Along both axes. [mm]
    paths : (str, str)
        Where the pixels and the pitch stand in the file.

    Returns
    -------
    rows, cols, pitch_mm : int, int, float

    Raises
    ------
    ValueError
        If no panel of ours has them.
    """
    rows, cols = shape
    if not (min(shape) >= 8 and max(shape) <= 16384 and rows == int(rows) and cols == int(cols)):
        raise ValueError(f"{paths[0]}: a panel has 8 to 16384 rows and columns, got {rows:g} x {cols:g}")
    along, across = pitch_mm
    if abs(along - across) > 1e-6 * along or along <= 0:
        raise ValueError(f"{paths[1]} must be positive and the same along both axes, got {along:g}, {across:g} mm")
    return int(rows), int(cols), float(along)
