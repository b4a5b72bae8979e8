"""X-rays over the panel: how slant and heel effect change from place to place what each energy gives.

Everything here is relative to the foot of the central ray, where the weights of an `Acquisition` are given, and is
computed at the nodes of the projection. Flux is not part of it: the projection knows that.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from radiography.beam.heel import HeelEffect, heel_gain
from radiography.beam.spectrum import Spectrum, air_energy_absorption_cm2_per_g
from radiography.light.layer_light import LayerLight
from radiography.light.magnify import magnify
from radiography.light.scintillator import Scintillator, layer_transmission
from radiography.light.slant import slant_gain
from radiography.light.spread import LightSpread, spread_light
from radiography.panel.panel import Panel, cover_transmission
from radiography.projection.geometry import Geometry, axis_sample, field_nodes_mm

UNSEEN_BLUR = 1e-3  # chosen: fraction of the transfer at the pixels' Nyquist frequency whose loss is left out

FloatArray = npt.NDArray[np.float64]
Picture = npt.NDArray[np.float32]


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


def beam_at(
    spectrum: Spectrum, heel: HeelEffect | None, geometry: Geometry, y_mm: float, x_mm: float
) -> tuple[Spectrum, float]:
    """X-rays that fall on a place of the panel, object absent: what the event mode wants for it.

    Parameters
    ----------
    spectrum : Spectrum
        At the foot of the central ray.
    heel : HeelEffect or None
        Of the beam; None where it is the same in all directions.
    geometry : Geometry
        Distance of the source. [mm]
    y_mm, x_mm : float
        Place from the foot of the central ray. [mm]

    Returns
    -------
    spectrum : Spectrum
        Photons per area of the panel's plane, before the cover. Per area across the ray, for air kerma, there are
        1 / cos of that.
    incidence_deg : float
        Angle to the normal, away from the foot of the central ray; the event mode counts it to the right. [deg]
    """
    ratio = float(path_ratio(geometry, y_mm, x_mm))
    tangents = (y_mm / geometry.source_to_detector_mm, x_mm / geometry.source_to_detector_mm)
    gain = 1.0 if heel is None else heel_gain(heel, *tangents)
    there = Spectrum(spectrum.energy_keV, spectrum.fluence_per_mm2 * gain * ratio**-3)
    return there, float(np.rad2deg(np.arccos(1.0 / ratio)))


def kerma_range(spectrum: Spectrum, heel: HeelEffect | None, geometry: Geometry) -> tuple[float, float]:
    """Lowest and highest air kerma over the panel, object absent, over that at the foot of the central ray.

    Parameters
    ----------
    spectrum : Spectrum
        At the foot of the central ray.
    heel : HeelEffect or None
        Of the beam; None where it is the same in all directions.
    geometry : Geometry
        Source and panel. [mm]

    Returns
    -------
    lowest, highest : float
        By inverse square and heel effect. [1]
    """
    y_mm, x_mm = (places[:, None] if axis == 0 else places for axis, places in enumerate(field_nodes_mm(geometry)))
    distance_mm = geometry.source_to_detector_mm
    weight = spectrum.fluence_per_mm2 * spectrum.energy_keV * air_energy_absorption_cm2_per_g(spectrum.energy_keV)
    kerma = path_ratio(geometry, y_mm, x_mm) ** -2
    if heel is not None:
        kerma = kerma * (heel_gain(heel, y_mm / distance_mm, x_mm / distance_mm) @ weight / weight.sum())
    return float(kerma.min()), float(kerma.max())


def field_gains(
    panel: Panel,
    scintillator: Scintillator,
    geometry: Geometry,
    normal: LayerLight,
    slanted: LayerLight,
    heel: HeelEffect | None = None,
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
    heel : HeelEffect or None
        None for a beam that is the same in all directions.

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
    if heel is not None:
        distance_mm = geometry.source_to_detector_mm
        arriving = arriving * heel_gain(heel, y_mm[:, None] / distance_mm, x_mm / distance_mm)[..., None, :]
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


def add_from_depths(
    light: Picture,
    geometry: Geometry,
    samples_per_pixel: int,
    depths_mm: tuple[float, tuple[float, ...]],
    plans: tuple[LightSpread, ...],
    arriving: Picture,
) -> None:
    """Light that reaches the pixels from a few depths; from a deeper one it starts farther from the axis.

    Parameters
    ----------
    light : (H * S, W * S) float32
        By sample, as it is projected to the mean depth; may be written over. [1]
    geometry : Geometry
        Source and panel. [mm]
    samples_per_pixel : int
        S. [1]
    depths_mm : (float, tuple of float)
        Mean depth below the entrance, and the offset of each plan's depth from there. [mm]
    plans : tuple of LightSpread
        Spread of the light from each depth.
    arriving : (H, W) float32
        What is added to. [1]
    """
    mean_mm, offsets_mm = depths_mm
    centre = axis_sample(geometry, samples_per_pixel)
    for number, (offset_mm, plan) in enumerate(zip(offsets_mm, plans, strict=True), 1):
        magnification = 1.0 + offset_mm / (geometry.source_to_detector_mm + mean_mm)
        there = light if offset_mm == 0.0 else magnify(light, centre, magnification)
        arriving += spread_light(there, plan, overwrite=there is not light or number == len(plans))
        del there  # else it would stand beside that of the next depth
