"""Oblique X-rays in a layer: a longer path, and light that starts farther from the axis the deeper the X-rays got.

An X-ray at an angle t to the normal has 1 / cos t of the thickness before it, and at depth z it is z tan t away from
where it entered. The mean of that is a magnification; its spread over the depths blurs the signal along the radius.
The noise is not blurred: the light of one quantum is shifted as a whole.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from radiography.beam.attenuation import linear_attenuation_per_mm
from radiography.light.layer_light import LayerLight, transfer_between
from radiography.light.scintillator import Scintillator, layer_material

SLANTED_DEG = 35.0  # chosen: what a quantum leaves is known at normal incidence and here, straight lines between

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class DepthSpread:
    """Spread of a beam's light as if it came from a few depths.

    Attributes
    ----------
    mean_depth_mm : float
        Where quanta first meet the layer, below the entrance, weighted with their light at the diodes. [mm]
    rms_depth_mm : float
        Spread of the depths about it. [mm]
    offset_mm : (N,) float64
        Depths of the nodes from the mean, which is the first. [mm]
    transfer_at : tuple of callable
        Frequencies (F,) [1/mm] to the part of the transfer that starts at each node (F,); their sum is the transfer of
        the whole layer. [1]
    """

    mean_depth_mm: float
    rms_depth_mm: float
    offset_mm: FloatArray
    transfer_at: tuple[Callable[[FloatArray], FloatArray], ...]


def slant_gain(
    scintillator: Scintillator, normal: LayerLight, slanted: LayerLight, path_ratio: npt.ArrayLike
) -> FloatArray:
    """What an X-ray at an angle gives the layer, over what it gives at normal incidence.

    Parameters
    ----------
    scintillator : Scintillator
        The layer.
    normal, slanted : LayerLight
        Its light at normal incidence and at `SLANTED_DEG`, at the same energies.
    path_ratio : (...) float64
        1 / cos of the angle to the normal. [1]

    Returns
    -------
    gain : (..., 3, E) float64
        Of quanta, their light, and the sum of its squares; 1 at normal incidence. [1]

    Raises
    ------
    ValueError
        If a path ratio is below 1.

    Notes
    -----
    Interacting quanta follow 1 - exp(-mu t / cos) exactly. What each of them gives, more fluorescence and light lost
    from nearer to the entrance, is a few tenths of a percent less and taken along a straight line in 1 / cos.
    """
    ratio = np.asarray(path_ratio, dtype=np.float64)[..., None, None]
    if not (ratio >= 1.0).all():
        raise ValueError(f"path_ratio must be 1 or more, got {ratio.min()}")
    thickness_mm = scintillator.thickness_um * 1e-3
    depth = linear_attenuation_per_mm(layer_material(scintillator), normal.energy_keV) * thickness_mm
    steepest = 1.0 / np.cos(np.deg2rad(SLANTED_DEG))
    hit = np.expm1(-depth * ratio) / np.expm1(-depth)
    at_steepest = np.expm1(-depth * steepest) / np.expm1(-depth)
    portions = ((light.quanta, light.light, light.light_square) for light in (slanted, normal))
    slanted_portions, normal_portions = (np.stack(each) for each in portions)
    there = np.ones_like(normal_portions)  # where nothing is absorbed the gain does not matter
    np.divide(slanted_portions, normal_portions * at_steepest, out=there, where=normal_portions > 0)
    return np.asarray(hit * (1.0 + (ratio - 1.0) / (steepest - 1.0) * (there - 1.0)))


def depth_spread(
    scintillator: Scintillator, light: LayerLight, fluence: npt.ArrayLike, path_ratio: float = 1.0, nodes: int = 3
) -> DepthSpread:
    """Spread of a beam's light by depth, in a few nodes.

    Parameters
    ----------
    scintillator : Scintillator
        The layer.
    light : LayerLight
        Its light at the energies of the beam.
    fluence : (E,) float64
        Photons of each energy, on any scale. [1]
    path_ratio : float
        1 / cos of the angle whose depths count; those of other angles differ little. [1]
    nodes : int
        How many; an odd number. [1]

    Returns
    -------
    spread : DepthSpread

    Raises
    ------
    ValueError
        If the beam makes no light, the path ratio is below 1, or the number of nodes even.

    Notes
    -----
    What counts is the depth where a quantum first meets the layer, by the law of attenuation: fluorescence and
    scattering spread to all sides of there. With the light S(z, f) of depth z at frequency f, a beam at an angle t has
    the transfer sum over z of S(z, f) exp(-2 pi i f_r z tan t), f_r the frequency along the radius. The nodes are
    the roots of a Hermite polynomial about the mean depth, for three of them sqrt(3) rms depths to each side. At every
    frequency they carry the weights that keep as many moments of S over z as there are nodes: deep light is sharper, so
    that mean and spread of the depths change with the frequency.
    """
    weight = np.asarray(fluence, dtype=np.float64) * light.light
    if not weight.sum() > 0:
        raise ValueError("the beam makes no light in the layer: all of its fluence or of the light is zero")
    if not path_ratio >= 1.0:
        raise ValueError(f"path_ratio must be 1 or more, got {path_ratio}")
    if nodes < 1 or nodes % 2 == 0:
        raise ValueError(f"nodes of depth must be an odd number, got {nodes}")
    depths = light.depth_fraction.shape[1]
    edge_mm = scintillator.thickness_um * 1e-3 * np.arange(depths + 1) / depths
    depth_mm = 0.5 * (edge_mm[1:] + edge_mm[:-1])
    mu_per_mm = linear_attenuation_per_mm(layer_material(scintillator), light.energy_keV) * path_ratio
    met = -np.diff(np.exp(-mu_per_mm[:, None] * edge_mm), axis=1)
    if light.transport is None:
        collected, transfer = np.ones(depths), np.ones((depths, light.frequency_per_mm.size))
        common = light.signal_transfer
    else:
        collected, transfer = light.transport.collected, light.transport.transfer
        common = light.xray_transfer
    by_depth = met * collected
    by_depth *= (weight / np.maximum(by_depth.sum(axis=1), 1e-300))[:, None]
    fraction = np.einsum("ek,ef,kf->kf", by_depth, common, transfer)
    fraction /= fraction.sum(axis=0)  # of the light at each frequency
    mean_mm = float(fraction[:, 0] @ depth_mm)
    rms_mm = float(np.sqrt(fraction[:, 0] @ (depth_mm - mean_mm) ** 2))
    mean_transfer = (weight / weight.sum()) @ light.signal_transfer
    root = np.polynomial.hermite_e.hermegauss(nodes)[0]
    root = root[np.argsort(np.abs(root), kind="stable")]
    away = (depth_mm - mean_mm) / max(rms_mm, 1e-9)
    others = [np.delete(root, number) for number in range(nodes)]
    node_weights = [  # of Lagrange
        np.prod((away[:, None] - other) / (own - other), axis=1) for own, other in zip(root, others, strict=True)
    ]
    return DepthSpread(
        mean_depth_mm=mean_mm,
        rms_depth_mm=rms_mm,
        offset_mm=root * rms_mm,
        transfer_at=tuple(
            transfer_between(light.frequency_per_mm, mean_transfer * (node @ fraction), light.glare)
            for node in node_weights
        ),
    )
