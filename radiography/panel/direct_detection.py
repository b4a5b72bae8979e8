"""Energy that X-rays leave in the photodiodes themselves, electrons followed, and how it goes with the layer's light.

A photoelectron set free in the layer, or in the contacts of the diode, may end in the diode; it frees a thousand
electrons there, unblurred. The same quantum gives light, so that both are known together: their products too. A panel
that says what lies between layer and glass (``stack``) is computed so; of one that does not, the diode is taken to be
silicon in silicon.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from radiography.beam.attenuation import Material, linear_attenuation_per_mm, material
from radiography.interaction.absorption import cached_layer_response, energy_grid_keV
from radiography.interaction.beam_absorption import frame_weights
from radiography.interaction.electrons import Slab
from radiography.interaction.stack import cached_stack_response, parts_of
from radiography.noise import draw_portions
from radiography.panel.panel import Panel, Photodiode, cover_transmission

STACK_HISTORIES = 60_000  # X-rays per energy: about 1 % standard error for a beam; the physics is good to 20 %
STACK_STEP_KEV = 3.0  # between their energies, and both sides of every edge of the layer
PORTIONS = 4  # tracks, energy, squared energy, light times energy

Array = npt.NDArray[np.float32]
FloatArray = npt.NDArray[np.float64]


class LitLayer(NamedTuple):
    """A layer above the diodes: its material, its thickness [um], and its light at the diodes.

    ``light_per_keV`` (K,): photons at the diodes for 1 keV left in each of K layers of equal thickness. [1/keV]
    """

    material: Material
    thickness_um: float
    light_per_keV: FloatArray


def diode_portions(
    panel: Panel,
    layer: LitLayer | None,
    energy_keV: FloatArray,
    *,
    histories: int = STACK_HISTORIES,
    progress: Callable[[int, int], None] | None = None,
) -> FloatArray:
    """Energy that one X-ray photon on the cover of a pixel leaves in its diode, and how it goes with the light.

    Parameters
    ----------
    panel : Panel
        Cover, stack and photodiode.
    layer : LitLayer or None
        What lies on the diodes; None where they are bare.
    energy_keV : (E,) float64
        Photon energies. [keV]
    histories : int
        X-rays per energy of the Monte Carlo. [1]
    progress : callable, optional
        Called with photons traced and to trace, where they are not in the cache yet.

    Returns
    -------
    portions : (4, E) float64
        Fraction of the photons that leave energy [1], mean energy [keV], mean squared energy [keV2], and mean product
        of the energy and the light at the diodes. [keV] The fill factor is counted.

    Raises
    ------
    ValueError
        If an energy is out of range or a material unknown.

    Notes
    -----
    Without a stack the electrons that enter the diode are taken to be as many as leave it, so the mean energy is that
    of electrons that stop on the spot; it comes in portions of ``energy_per_track_keV``, independently of the light.
    """
    if not panel.stack:
        return _silicon_in_silicon(panel, layer, energy_keV, histories)
    slabs, in_layer, in_diode = stack_slabs(panel, layer)
    medium = material(panel.stack[-1].material) if layer is None else layer.material
    grid_keV = energy_grid_keV(medium, float(energy_keV[0]), float(energy_keV[-1]) + 1e-6, STACK_STEP_KEV)
    response = cached_stack_response(slabs, grid_keV, histories, progress=progress)
    product = response.product_keV2[:, in_diode, :]
    light = np.zeros_like(grid_keV) if layer is None else product[:, in_layer] @ layer.light_per_keV
    known = (
        response.depositing[:, in_diode],
        response.mean_keV[:, in_diode] / grid_keV,
        product[:, in_diode] / grid_keV**2,
        light / grid_keV**2,
    )
    power = (0, 1, 2, 2)
    found = [np.interp(energy_keV, grid_keV, each) * energy_keV**n for each, n in zip(known, power, strict=True)]
    return np.asarray(panel.photodiode.fill_factor * np.stack(found))


def stack_slabs(panel: Panel, layer: LitLayer | None) -> tuple[tuple[Slab, ...], slice, int]:
    """All slabs of a panel from its cover to its glass, and which of their parts are the layer and the diode.

    Parameters
    ----------
    panel : Panel
        With a stack.
    layer : LitLayer or None
        In as many parts as its light is known at; None where the diodes are bare.

    Returns
    -------
    slabs : tuple of Slab
    in_layer : slice
        Parts of the layer, empty where there is none.
    in_diode : int
        The part that collects.

    Raises
    ------
    ValueError
        If a material is unknown.
    """
    cover = [Slab(material(one.material), one.thickness_um) for one in panel.cover]
    above = [] if layer is None else [Slab(layer.material, layer.thickness_um, parts=layer.light_per_keV.size)]
    slabs = (*cover, *above, *(Slab(material(one.material), one.thickness_um) for one in panel.stack))
    collecting = len(cover) + len(above) + [one.collects for one in panel.stack].index(True)
    in_layer = parts_of(slabs, len(cover)) if above else slice(0, 0)
    return slabs, in_layer, parts_of(slabs, collecting).start


def _silicon_in_silicon(panel: Panel, layer: LitLayer | None, energy_keV: FloatArray, histories: int) -> FloatArray:
    """Portions (4, E) of a diode whose surroundings nobody described."""
    passed = cover_transmission(panel, energy_keV)
    if layer is not None:
        passed = passed * np.exp(-linear_attenuation_per_mm(layer.material, energy_keV) * layer.thickness_um * 1e-3)
    tracks, energy, square = _portions_in_silicon(panel.photodiode, energy_keV, histories)
    return np.asarray(panel.photodiode.fill_factor * passed * np.stack([tracks, energy, square, np.zeros_like(energy)]))


def _portions_in_silicon(
    photodiode: Photodiode, energy_keV: FloatArray, histories: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Tracks, energy and sum of their squares that a photon leaves in a diode within silicon, (E,) each."""
    assert photodiode.layer_um is not None and photodiode.energy_per_track_keV is not None  # `Panel` has checked it
    silicon = material("Si")
    grid_keV = energy_grid_keV(silicon, float(energy_keV[0]), float(energy_keV[-1]) + 1e-6)
    response = cached_layer_response(silicon, photodiode.layer_um * 1e-3, grid_keV, histories)
    quanta, left_keV, _ = frame_weights(response, energy_keV)
    portion_keV = np.minimum(photodiode.energy_per_track_keV, left_keV / np.maximum(quanta, 1e-300))
    tracks = np.divide(left_keV, portion_keV, out=np.zeros_like(left_keV), where=portion_keV > 0)
    return tracks, left_keV, left_keV * portion_keV


class DiodeMeans(NamedTuple):
    """Means that an exposure leaves in the diodes, each (H, W) float32, as sums over its quanta.

    Electron tracks [1], their energy [keV], the sum of its squares [keV2], and that of the products of a quantum's
    energy in the diode and its light at the diodes [keV].
    """

    tracks: Array
    energy_keV: Array
    energy_square_keV2: Array
    light_energy_keV: Array


def draw_diode_energy(means: DiodeMeans, light_square: Array, light_noise: Array, rng: np.random.Generator) -> Array:
    """Energy in the diodes of one exposure, with quantum noise that goes with the noise of the light.

    Parameters
    ----------
    means : DiodeMeans
        Of the exposure.
    light_square : (H, W) float32
        Sum of the squared light of its quanta. [1]
    light_noise : (H, W) float32
        Light that was drawn less its mean, before it spreads. [1]
    rng : numpy.random.Generator
        Same state, same energies, for any number of threads.

    Returns
    -------
    energy_keV : (H, W) float32
        [keV]

    Raises
    ------
    ValueError
        If the pictures do not fit each other, or a mean is negative or NaN.

    Notes
    -----
    The energy is its regression on the light of the pixel itself, and a compound Poisson sum of what that leaves
    of the variance: mean, variance and covariance with the light are right. Correlated noise is as sharp as the whole
    light's, though it comes from quanta near the diodes.
    """
    rows, cols = means.tracks.shape
    if not (light_square.shape == light_noise.shape == (rows, cols)):
        raise ValueError(
            f"light is {light_square.shape} and its noise {light_noise.shape}: both must be {rows} x {cols} pixels"
        )
    own_square, correlated = np.empty_like(means.tracks), np.empty_like(means.tracks)
    _split_by_light(means.energy_square_keV2, means.light_energy_keV, light_square, light_noise, own_square, correlated)
    energy_keV = draw_portions(means.tracks, means.energy_keV, own_square, rng)
    energy_keV += correlated
    return energy_keV


@njit(parallel=True, cache=True)
def _split_by_light(
    energy_square: Array,
    light_energy: Array,
    light_square: Array,
    light_noise: Array,
    own_square: Array,
    correlated: Array,
) -> None:
    """Write the squared energy (H, W) that the light does not explain, and the energy that its noise does."""
    rows, cols = energy_square.shape
    for row in prange(rows):
        for col in range(cols):
            square = light_square[row, col]
            slope = light_energy[row, col] / square if square > 0.0 else np.float32(0.0)
            own_square[row, col] = max(energy_square[row, col] - slope * light_energy[row, col], np.float32(0.0))
            correlated[row, col] = slope * light_noise[row, col]
