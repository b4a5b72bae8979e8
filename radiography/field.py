"""X-rays over the panel: how their slant changes from place to place what each energy gives to layer and diodes.

Everything here is relative to the foot of the central ray, where the weights of an `Acquisition` are given, and is
computed at the nodes of the projection. Flux is not part of it: the projection knows that.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from radiography.light.layer_light import LayerLight
from radiography.light.scintillator import Scintillator, layer_transmission
from radiography.light.slant import slant_gain
from radiography.panel.panel import Panel, cover_transmission
from radiography.projection.geometry import Geometry, field_nodes_mm

UNSEEN_BLUR = 1e-3  # chosen: fraction of the transfer at the pixels' Nyquist frequency whose loss is left out

FloatArray = npt.NDArray[np.float64]


class FieldGains(NamedTuple):
    """What an X-ray of each energy gives at R x C nodes of the panel, over what it gives at the central ray. [1]

    ``layer`` (R, C, 3, E): quanta of the layer, their light, the sum of its squares; ``coated_diode`` and
    ``bare_diode`` (R, C, 1, E): the diodes below the layer, and where there is none.
    """

    layer: FloatArray
    coated_diode: FloatArray
    bare_diode: FloatArray


def path_ratio(geometry: Geometry, y_mm: npt.ArrayLike, x_mm: npt.ArrayLike) -> FloatArray:
    """Path through a plane layer over its thickness, 1 / cos of the angle of incidence.

    Parameters
    ----------
    geometry : Geometry
        Distance of the source. [mm]
    y_mm, x_mm : (...) float64
        Places on the panel from the foot of the central ray. [mm]

    Returns
    -------
    ratio : (...) float64
        [1]
    """
    off_axis_mm = np.hypot(np.asarray(y_mm, dtype=np.float64), np.asarray(x_mm, dtype=np.float64))
    return np.asarray(np.hypot(1.0, off_axis_mm / geometry.source_to_detector_mm))


def field_gains(
    panel: Panel, scintillator: Scintillator, geometry: Geometry, normal: LayerLight, slanted: LayerLight
) -> FieldGains:
    """Gains at all nodes of the panel.

    Parameters
    ----------
    panel : Panel
        With its cover.
    scintillator : Scintillator
        The layer.
    geometry : Geometry
        Source and panel. [mm]
    normal, slanted : LayerLight
        Light of the layer at normal incidence and at `slant.SLANTED_DEG`.

    Returns
    -------
    gains : FieldGains

    Notes
    -----
    Cover and layer are passed along the slant. A photodiode is thin: it absorbs as its path is long.
    """
    y_mm, x_mm = field_nodes_mm(geometry)
    ratio = path_ratio(geometry, y_mm[:, None], x_mm)
    energy_keV, more = normal.energy_keV, ratio[..., None, None] - 1.0
    arriving = cover_transmission(panel, energy_keV) ** more
    bare_diode = arriving * (1.0 + more)
    return FieldGains(
        layer=arriving * slant_gain(scintillator, normal, slanted, ratio),
        coated_diode=bare_diode * layer_transmission(scintillator, energy_keV) ** more,
        bare_diode=bare_diode,
    )


def largest_path_ratio(geometry: Geometry) -> float:
    """`path_ratio` at the corner of the panel that is farthest from the central ray. [1]"""
    y_mm, x_mm = field_nodes_mm(geometry)
    return float(path_ratio(geometry, np.abs(y_mm).max(), np.abs(x_mm).max()))


def depth_nodes(geometry: Geometry, rms_depth_mm: float) -> int:
    """How many depths of the light a frame needs so that it is blurred as by all.

    Parameters
    ----------
    geometry : Geometry
        Source and panel. [mm]
    rms_depth_mm : float
        Spread of the depths. [mm]

    Returns
    -------
    nodes : int
        1 where slanted X-rays lower the transfer of the layer nowhere on the panel by more than `UNSEEN_BLUR`; else 3,
        or 5 where they lower it by half. [1]
    """
    tangent = np.sqrt(largest_path_ratio(geometry) ** 2 - 1.0)
    phase = np.pi / geometry.pitch_mm * rms_depth_mm * tangent  # rms, at the Nyquist frequency
    if 0.5 * phase**2 <= UNSEEN_BLUR:
        return 1
    return 3 if phase < 1.0 else 5
