"""Coordinate systems of foreign scenes: axes u, v, w about a centre, their deviations, and the way to the panel's own.

Whatever a panel's place and tilt, a point source and a plane are our scene: the foot of the perpendicular from the
source is where the central ray meets the panel, the panel is shifted in its plane, and the object is turned with it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Frame:
    """A coordinate system in its reference.

    Attributes
    ----------
    centre_mm : (3,) float64
        Its origin. [mm]
    axes : (3, 3) float64
        Its unit vectors u, v, w (or r, s, t), one a row. [1]
    """

    centre_mm: FloatArray
    axes: FloatArray

    def outwards(self, points_mm: FloatArray) -> FloatArray:
        """Points (N, 3) of this frame in its reference. [mm]"""
        return points_mm @ self.axes + self.centre_mm

    def turned(self, axis: FloatArray, angle_deg: float, pivot_mm: FloatArray) -> Frame:
        """The frame after a turn about an axis through a pivot, both in the reference. [deg, mm]"""
        turn = rotation(axis, angle_deg)
        return Frame(turn @ (self.centre_mm - pivot_mm) + pivot_mm, self.axes @ turn.T)

    def moved(self, axis: FloatArray, distance_mm: float) -> Frame:
        """The frame after a shift along an axis of the reference. [mm]"""
        return Frame(self.centre_mm + distance_mm * _unit(axis), self.axes)


def frame_of(centre_mm: FloatArray, first: FloatArray, last: FloatArray) -> Frame:
    """Frame from its centre and its first and last axis, which need not be of unit length.

    Parameters
    ----------
    centre_mm : (3,) float64
        [mm]
    first, last : (3,) float64
        u and w, or r and t. [1]

    Returns
    -------
    frame : Frame
        Right-handed: v = w x u.

    Raises
    ------
    ValueError
        If the axes are no vectors, or not perpendicular.
    """
    u, w = _unit(first), _unit(last)
    if abs(u @ w) > 1e-3:
        raise ValueError(f"first and last axis must be perpendicular, got {np.degrees(np.arccos(u @ w)):.3f} degrees")
    v = np.cross(w, u)
    v /= np.linalg.norm(v)
    return Frame(np.asarray(centre_mm, np.float64), np.array([np.cross(v, w), v, w]))


def _unit(axis: FloatArray) -> FloatArray:
    """The axis with length 1."""
    length = np.linalg.norm(axis)
    if not length > 0:
        raise ValueError("an axis has no length")
    return np.asarray(axis / length)


def rotation(axis: FloatArray, angle_deg: float) -> FloatArray:
    """Matrix of a right-handed turn about an axis.

    Parameters
    ----------
    axis : (3,) float64
        Of any length. [1]
    angle_deg : float
        [deg]

    Returns
    -------
    matrix : (3, 3) float64

    Raises
    ------
    ValueError
        If the axis has no length.
    """
    x, y, z = _unit(axis)
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    angle = np.deg2rad(angle_deg)
    return np.asarray(np.eye(3) + np.sin(angle) * cross + (1.0 - np.cos(angle)) * cross @ cross)


@dataclass(frozen=True, eq=False)
class PanelView:
    """The panel as our scenes have it.

    Attributes
    ----------
    source_to_detector_mm : float
        Distance of the source from the plane of the panel. [mm]
    panel_shift_mm : (float, float)
        Of the panel's centre from the foot of the source, along rows and columns. [mm]
    foot_mm : (3,) float64
        Where the perpendicular from the source meets the plane, in the world. [mm]
    axes : (3, 3) float64
        x, y, z of our scenes in the world, one a row. They are left-handed: rows run down and z runs to the source. [1]
    """

    source_to_detector_mm: float
    panel_shift_mm: tuple[float, float]
    foot_mm: FloatArray
    axes: FloatArray

    def places_mm(self, world_mm: FloatArray) -> FloatArray:
        """Points (N, 3) of the world as places of our scene. [mm]"""
        return (world_mm - self.foot_mm) @ self.axes.T


def panel_view(source_mm: FloatArray, detector: Frame) -> PanelView:
    """How our scenes see a source and a panel of any place and tilt.

    Parameters
    ----------
    source_mm : (3,) float64
        Focal spot. [mm]
    detector : Frame
        Its axes u along columns, v along rows, w away from the source. [mm]

    Returns
    -------
    view : PanelView

    Raises
    ------
    ValueError
        If the source lies in the plane of the panel.
    """
    u, v, w = detector.axes
    distance_mm = float((detector.centre_mm - source_mm) @ w)
    if abs(distance_mm) < 1e-6:
        raise ValueError("the source lies in the plane of the detector, which sees no beam")
    foot_mm = source_mm + distance_mm * w
    towards = -np.sign(distance_mm) * w
    shift = detector.centre_mm - foot_mm
    return PanelView(abs(distance_mm), (float(shift @ v), float(shift @ u)), foot_mm, np.array([u, v, towards]))
