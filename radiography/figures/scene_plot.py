"""Figure of a scene before it runs: source, rays, panel, solids and volumes from three sides, to scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from phantoms.solids import Phantom
from phantoms.volume import box_corners_mm
from radiography.projection.geometry import Geometry
from radiography.projection.surfaces import solid_surfaces
from radiography.projection.volume_plan import volume_plan

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FloatArray = npt.NDArray[np.float64]

MOST_NAMED = 8  # materials in the key
# Title, axis to the right, axis upwards (rows fall in the picture, so y is turned round), and whether that is so.
_VIEWS = (
    ("as the panel sees it", 0, 1, True),
    ("from the right (rows along)", 1, 2, False),
    ("from below (columns along)", 0, 2, False),
)
_NAMES = ("x, columns [mm]", "y, rows [mm]", "z, above the panel [mm]")


def scene_figure(description: str, phantom: Phantom | None, geometry: Geometry) -> Figure:
    """A scene from three sides.

    Parameters
    ----------
    description : str
        Its title.
    phantom : Phantom or None
        What stands in the beam. [mm]
    geometry : Geometry
        Source and panel. [mm]

    Returns
    -------
    figure : matplotlib.figure.Figure
        Solids as the hulls of their shadows in each view, one colour a material; of volumes the whole grid dashed and
        the box of what it holds filled; the central ray dashed, the rays to the panel's borders thin.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11.0, 7.0), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(description if len(description) <= 100 else f"{description[:97]}...", fontsize=11)
    bodies = [] if phantom is None else _bodies(phantom, geometry)
    names = list(dict.fromkeys(name for name, _ in bodies))
    colour = {name: f"C{number % 10}" for number, name in enumerate(names)}
    for axes, (title, across, up, seen) in zip(
        np.atleast_1d(figure.subplots(1, 3, width_ratios=(1.4, 1.0, 1.0))), _VIEWS, strict=True
    ):
        _draw(axes, phantom, geometry, (across, up))
        _fill(axes, [(colour[name], points[:, (across, up)]) for name, points in bodies])
        axes.set_title(title, fontsize=10)
        axes.set_xlabel(_NAMES[across])
        axes.set_ylabel(_NAMES[up])
        axes.set_aspect("equal", adjustable="datalim")
        axes.autoscale_view()
        if seen:
            axes.invert_yaxis()
    if names:
        from matplotlib.patches import Patch

        shown = [Patch(color=colour[name], alpha=0.6, label=name) for name in names[:MOST_NAMED]]
        if len(names) > MOST_NAMED:
            shown.append(Patch(alpha=0.0, label=f"and {len(names) - MOST_NAMED} more"))
        figure.legend(handles=shown, loc="outside lower center", ncols=5, fontsize=9, frameon=False)
    return figure


def _bodies(phantom: Phantom, geometry: Geometry) -> list[tuple[str, FloatArray]]:
    """Material and corner points (N, 3) of each solid and of the occupied box of each volume. [mm]"""
    surfaces = solid_surfaces(phantom, geometry.source_to_detector_mm)
    of_corner = np.repeat(surfaces.face_solid, np.diff(surfaces.face_start))
    order = np.argsort(of_corner, kind="stable")
    ends = np.searchsorted(of_corner[order], np.arange(len(phantom.solids) + 1))
    quadric = {int(solid): number for number, solid in enumerate(surfaces.quadric_solid)}
    plan = volume_plan(phantom, geometry.source_to_detector_mm, geometry.medium)
    bodies = [(f"volume[{number}]", points) for number, points in enumerate(plan.corners_mm)]
    for number, solid in enumerate(phantom.solids):
        if number in quadric:
            bodies.append((solid.material, surfaces.quadric_hull_mm[quadric[number]]))
        else:
            bodies.append((solid.material, surfaces.corner_mm[order[ends[number] : ends[number + 1]]]))
    return bodies


def _fill(axes: Axes, outlines: list[tuple[str, FloatArray]]) -> None:
    """Hulls of points (N, 2), the later above the earlier."""
    from matplotlib.collections import PolyCollection
    from scipy.spatial import ConvexHull, QhullError

    hulls = []
    for _, points in outlines:
        try:
            hulls.append(points[ConvexHull(points).vertices])
        except QhullError:  # all on a line
            hulls.append(points)
    colours = [colour for colour, _ in outlines]
    axes.add_collection(PolyCollection(hulls, facecolors=colours, edgecolors=colours, alpha=0.22, linewidths=0.7))


def _draw(axes: Axes, phantom: Phantom | None, geometry: Geometry, view: tuple[int, int]) -> None:
    """Panel, source, rays and grids of volumes."""
    half_mm = 0.5 * geometry.pitch_mm * np.array([geometry.cols, geometry.rows])
    middle_mm = np.array(geometry.panel_shift_mm[::-1])
    signs = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]])
    panel = np.column_stack([middle_mm + signs * half_mm, np.zeros(5)])[:, view]
    source = np.array([0.0, 0.0, geometry.source_to_detector_mm])[list(view)]
    for corner in panel[:4]:
        axes.plot(*np.stack([source, corner], axis=1), color="0.75", linewidth=0.6, zorder=0)
    axes.plot(*np.stack([source, np.zeros(2)], axis=1), color="0.5", linewidth=0.8, linestyle="--", zorder=0)
    axes.plot(*panel.T, color="black", linewidth=1.8, zorder=3)
    axes.plot(*source, marker="*", color="black", markersize=9, zorder=4)
    for volume in () if phantom is None else phantom.volumes:
        corners = box_corners_mm(volume)[:, view]
        for one in range(8):
            for bit in (1, 2, 4):
                if not one & bit:
                    axes.plot(*np.stack([corners[one], corners[one | bit]], axis=1), color="C0", linestyle=":", lw=0.9)
