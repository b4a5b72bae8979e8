"""X-rays that the rest of a dual-layer panel scatters to a layer, and what they add to its light.

Photons that interact in the front layer, its glass or the filter leave them again as scatter and fluorescence; of what
a back layer absorbs behind 1 mm of copper they are a seventh. They join the primary X-rays energy by energy.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from radiography.beam.attenuation import material
from radiography.interaction.electrons import Slab
from radiography.interaction.leaving import LeavingPhotons, cached_leaving_photons, stack_transmission
from radiography.light.layer_light import LayerLight
from radiography.light.scintillator import Scintillator, layer_material, layer_transmission
from radiography.panel.direct_detection import PORTIONS
from radiography.panel.panel import Cover, Panel
from radiography.parts import SceneParts
from radiography.scatter.response import COSINES, panel_portions
from radiography.scatter.tables import ENERGY_STEP_KEV

HISTORIES = 5_000  # per energy: 0.1 % of the light of a beam   # chosen
LEAST_PASSED = 1e-6  # of the primary; where less passes, all that it scatters is left out   # chosen

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Neighbours:
    """What lies before and behind a layer of a dual-layer panel, and scatters X-rays to it.

    Attributes
    ----------
    before, behind : tuple of Slab
        In the order of the beam. What passes ``before`` unharmed is the primary of the layer.
    gap_mm : float
        Air between ``before`` and the layer. [mm]
    others : int
        How many of the covers of the layer's panel belong to the other layer, with the filter. [1]
    """

    before: tuple[Slab, ...]
    behind: tuple[Slab, ...]
    gap_mm: float
    others: int


@dataclass(frozen=True, eq=False)
class Scattered:
    """What scattered X-rays give a layer, over what the primary of the same energy gives it.

    Attributes
    ----------
    quanta, light, light_square, absorbed : (E,) float64
        Absorbed quanta, their light, the sum of its squares, and their energy, over those of the primary. [1]
    transfer : (E, F) float64
        Of the places where they meet the layer about the primary, times ``light``. [1]
    """

    quanta: FloatArray
    light: FloatArray
    light_square: FloatArray
    absorbed: FloatArray
    transfer: FloatArray


def front_neighbours(parts: SceneParts) -> Neighbours | None:
    """What scatters X-rays back to the front layer of a dual-layer panel.

    Parameters
    ----------
    parts : SceneParts
        Of a scene.

    Returns
    -------
    neighbours : Neighbours or None
        None for a panel with one layer, or where its description leaves this out.
    """
    back = parts.panel.back
    if back is None or parts.back_scintillator is None or not back.backscatter:
        return None
    behind = (*_stack(parts.panel), *_covers((*back.filter, *back.cover)), _layer(parts.back_scintillator))
    return Neighbours((), (*behind, *_stack(parts.panel)), 0.0, 0)


def back_neighbours(parts: SceneParts) -> Neighbours:
    """What scatters X-rays to the back layer of a dual-layer panel.

    Parameters
    ----------
    parts : SceneParts
        Of the scene, not of that layer.

    Returns
    -------
    neighbours : Neighbours

    Raises
    ------
    ValueError
        If the panel has one layer.
    """
    panel, back = parts.panel, parts.panel.back
    if back is None:
        raise ValueError(f"panel '{panel.name}' has no [back] layer")
    before = (*_covers(panel.cover), _layer(parts.scintillator), *_stack(panel), *_covers((*back.filter, *back.cover)))
    others = len(panel.cover) + len(parts.scintillator.parts) + len(panel.stack) + len(back.filter)
    return Neighbours(before, _stack(panel), back.gap_mm, others)


def scattered_between(
    neighbours: Neighbours,
    panel: Panel,
    scintillator: Scintillator,
    lights: tuple[LayerLight, LayerLight],
    histories: int = HISTORIES,
) -> Scattered:
    """X-rays that what lies before and behind a layer scatters to it.

    Parameters
    ----------
    neighbours : Neighbours
        What lies before and behind.
    panel, scintillator : Panel, Scintillator
        The layer and its panel.
    lights : (LayerLight, LayerLight)
        Light of the layer alone at normal incidence and at `slant.SLANTED_DEG`.
    histories : int
        X-rays per energy of the Monte Carlo. [1]

    Returns
    -------
    scattered : Scattered

    Notes
    -----
    Each neighbour scatters once, with all that happens inside it; what the layer itself scatters to a neighbour and
    gets back is left out. X-rays from behind give light as if they came from before: by the energy that they leave.
    """
    normal = lights[0]
    energies = int(np.ceil(normal.energy_keV[-1] / ENERGY_STEP_KEV)) + 2
    bare = replace(panel, cover=())
    no_diode = np.zeros((PORTIONS, normal.energy_keV.size))
    by_energy = tuple(replace(each, light=each.absorbed_keV) for each in lights)
    portions = panel_portions(bare, scintillator, lights, no_diode, None, energies)[..., :3]
    absorbed = panel_portions(bare, scintillator, (by_energy[0], by_energy[1]), no_diode, None, energies)[..., :1]
    table = np.concatenate([portions, absorbed], axis=2)
    primary = np.stack([normal.light, normal.quanta, normal.light_square, normal.absorbed_keV])
    ratio = np.zeros_like(primary)
    transfer = np.zeros_like(normal.signal_transfer)
    half_mm = 0.5e-3 * scintillator.thickness_um
    for slabs, back, away_mm in ((neighbours.before, True, neighbours.gap_mm), (neighbours.behind, False, 0.0)):
        if not slabs:
            continue
        photons = cached_leaving_photons(slabs, normal.energy_keV, histories, back=back)
        given, pattern = _given(photons, table, normal.frequency_per_mm, away_mm + half_mm)
        if back:  # over the primary that passes these slabs
            passed = stack_transmission(slabs, normal.energy_keV)
            reaching = np.divide(1.0, passed, out=np.zeros_like(passed), where=passed > LEAST_PASSED)
        else:
            reaching = layer_transmission(scintillator, normal.energy_keV)
        more = np.divide(given * reaching, primary, out=np.zeros_like(primary), where=primary > 0)
        ratio += more
        transfer += more[0][:, None] * pattern
    light, quanta, light_square, energy = ratio
    return Scattered(quanta, light, light_square, energy, transfer)


def with_scattered(light: LayerLight, scattered: Scattered) -> LayerLight:
    """Light of a layer with the X-rays that are scattered to it counted in, for one photon of the primary.

    Parameters
    ----------
    light : LayerLight
        Of the primary.
    scattered : Scattered
        From `scattered_between`.

    Returns
    -------
    light : LayerLight
        The signal transfer falls by what arrives beside the primary. The noise keeps its transfer: a scattered quantum
        spreads its light as any, wherever it arrives.
    """
    spread = (1.0 + scattered.transfer) / (1.0 + scattered.light[:, None])
    return replace(
        light,
        quanta=light.quanta * (1.0 + scattered.quanta),
        absorbed_keV=light.absorbed_keV * (1.0 + scattered.absorbed),
        absorbed_square_keV2=light.absorbed_square_keV2 * (1.0 + scattered.light_square),
        light=light.light * (1.0 + scattered.light),
        light_square=light.light_square * (1.0 + scattered.light_square),
        signal_transfer=light.signal_transfer * spread,
        xray_transfer=light.xray_transfer * spread,
    )


def _covers(covers: tuple[Cover, ...]) -> tuple[Slab, ...]:
    return tuple(Slab(material(cover.material), cover.thickness_um) for cover in covers)


def _stack(panel: Panel) -> tuple[Slab, ...]:
    return tuple(Slab(material(slab.material), slab.thickness_um) for slab in panel.stack)


def _layer(scintillator: Scintillator) -> Slab:
    return Slab(layer_material(scintillator), scintillator.thickness_um)


def _given(
    photons: LeavingPhotons, table: FloatArray, frequency_per_mm: FloatArray, away_mm: float
) -> tuple[FloatArray, FloatArray]:
    """What the photons give the layer for one incident photon of each energy, (Q, E), and the transfer (E, F) of it."""
    from scipy.special import j0

    step = photons.energy_keV / ENERGY_STEP_KEV
    low = np.minimum(step.astype(np.int64), table.shape[0] - 2)
    part = (step - low)[:, None]
    column = np.rint(photons.cosine * COSINES).astype(np.int64)
    each = table[low, column] * (1.0 - part) + table[low + 1, column] * part
    count = photons.interacting.size
    given = np.stack([np.bincount(photons.number, weights=one, minlength=count) for one in each.T])
    radius_mm = np.hypot(*(photons.off_mm + photons.tangent * away_mm).T)
    pattern = np.empty((count, frequency_per_mm.size))
    for place, frequency in enumerate(frequency_per_mm):
        wave = each[:, 0] * j0(2.0 * np.pi * frequency * radius_mm)
        pattern[:, place] = np.bincount(photons.number, weights=wave, minlength=count)
    pattern /= np.where(given[0] > 0, given[0], 1.0)[:, None]
    return given * (photons.interacting / photons.histories), pattern
