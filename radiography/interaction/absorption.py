"""Absorption of X-rays in a layer: how many quanta interact, and how much energy each of them leaves behind.

Monte Carlo of the X-ray photons in a plane, homogeneous layer in vacuum: photoelectric absorption with K and L
fluorescence, Compton and Rayleigh scattering, everything followed until it is absorbed again or leaves. Computed once
for a layer over a grid of energies; a frame only needs quanta, energy and squared energy per bin.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from importlib.metadata import version
from pathlib import Path

import numpy as np
import numpy.typing as npt

from radiography.beam.attenuation import Material, linear_attenuation_per_mm, material_key
from radiography.cache import Arrays, cached_arrays
from radiography.interaction.photon_tables import EDGE_BRACKET, MIN_TRACKED_KEV, absorption_edges_keV, photon_tables
from radiography.interaction.photon_transport import (
    BACK,
    COLUMNS,
    DEPOSITING,
    ENERGY,
    FOURTH,
    FRONT,
    SQUARE,
    Slab,
    Tallies,
    trace_photons,
)

MAX_ENERGY_KEV = 500.0  # no pair production, and the air kerma table ends here
_METHOD = 2  # to be raised with every change of the physics or the random numbers below: cached results depend on it
_HISTORIES_PER_ROW = 4096  # work of one seed; small enough that threads share a single energy

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LayerResponse:
    """Absorption in one layer over photon energy. A quantum interacts here when it leaves some energy in the layer.

    Attributes
    ----------
    material : Material
        Homogeneous material of the layer, voids included in its density.
    thickness_mm, incidence_deg : float
        Thickness [mm] and angle of incidence to the normal [deg].
    energy_keV : (E,) float64
        Photon energies, rising. [keV]
    hit_fraction : (E,) float64
        Fraction of the incident quanta that interact at all, Rayleigh scattering included; exact. [1]
    interaction_fraction : (E,) float64
        Fraction of the incident quanta that leave energy in the layer. [1]
    mean_energy_keV : (E,) float64
        Mean energy left by such a quantum. [keV]
    mean_square_energy_keV2 : (E,) float64
        Mean square of that energy. [keV2]
    front_keV, back_keV : (E,) float64
        Energy per incident quantum that leaves again through the entrance face, and that leaves through the other
        face after an interaction. [keV]
    interaction_error, mean_energy_error_keV, mean_square_energy_error_keV2 : (E,) float64
        Standard errors of the three above. [1, keV, keV2]
    depth_fraction : (E, D) float64
        Fraction of the energy left in D layers of equal thickness, the first at the entrance; sums to 1. [1]
    frequency_per_mm : (F,) float64
        Spatial frequencies of the next two. [1/mm]
    signal_transfer : (E, F) float64
        Transform of the energy left, about the first interaction, over its value at 0: the X-ray part of the MTF. [1]
    noise_transfer : (E, F) float64
        Transform of the squared pattern that one quantum leaves, over its value at 0: the X-ray part of the noise
        power. It falls less than the square of ``signal_transfer``. [1]
    """

    material: Material
    thickness_mm: float
    incidence_deg: float
    energy_keV: FloatArray
    hit_fraction: FloatArray
    interaction_fraction: FloatArray
    mean_energy_keV: FloatArray
    mean_square_energy_keV2: FloatArray
    front_keV: FloatArray
    back_keV: FloatArray
    interaction_error: FloatArray
    mean_energy_error_keV: FloatArray
    mean_square_energy_error_keV2: FloatArray
    depth_fraction: FloatArray
    frequency_per_mm: FloatArray
    signal_transfer: FloatArray
    noise_transfer: FloatArray


def energy_grid_keV(material: Material, lowest_keV: float, highest_keV: float, step_keV: float = 1.0) -> FloatArray:
    """Energies to compute a `LayerResponse` at, (E,) float64: even steps, and both sides of every edge. [keV]

    Parameters
    ----------
    material : Material
        What the layer is made of.
    lowest_keV : float
        [keV]
    highest_keV : float
        [keV]
    step_keV : float
        Largest step. [keV]

    Returns
    -------
    energy_keV : (E,) float64
        Rising. [keV]

    Raises
    ------
    ValueError
        If the energies do not rise or the step is not positive.
    """
    if not (np.isfinite([lowest_keV, highest_keV]).all() and 0 < lowest_keV < highest_keV):
        raise ValueError(f"an energy grid needs 0 < lowest < highest, got {lowest_keV} and {highest_keV} keV")
    if not step_keV > 0:
        raise ValueError(f"step_keV of an energy grid must be positive, got {step_keV}")
    even = np.linspace(lowest_keV, highest_keV, int(np.ceil((highest_keV - lowest_keV) / step_keV)) + 1)
    edges = absorption_edges_keV(material)
    edges = edges[(edges * (1 - EDGE_BRACKET) > lowest_keV) & (edges * (1 + EDGE_BRACKET) < highest_keV)]
    on_an_edge = (np.abs(even[:, None] / edges - 1) < EDGE_BRACKET).any(axis=1)
    return np.unique(np.concatenate([even[~on_an_edge], edges * (1 - EDGE_BRACKET), edges * (1 + EDGE_BRACKET)]))


def hit_fraction(
    material: Material, thickness_mm: float, incidence_deg: float, energy_keV: npt.ArrayLike
) -> FloatArray:
    """Fraction of incident quanta that interact in a layer, in any way, (E,) float64, by the law of attenuation. [1]

    Parameters
    ----------
    material : Material
        What the layer is made of.
    thickness_mm : float
        [mm]
    incidence_deg : float
        Angle between the beam and the normal. [deg]
    energy_keV : (E,) float64
        Photon energies. [keV]

    Returns
    -------
    fraction : (E,) float64
        [1]
    """
    path_mm = thickness_mm / np.cos(np.deg2rad(incidence_deg))
    return np.asarray(-np.expm1(-linear_attenuation_per_mm(material, energy_keV) * path_mm), dtype=np.float64)


def _check(
    thickness_mm: float,
    energy_keV: FloatArray,
    histories: int,
    incidence_deg: float,
    depths: int,
    frequency: FloatArray,
) -> None:
    if not (np.isfinite(thickness_mm) and thickness_mm >= 0):
        raise ValueError(f"thickness_mm of a layer must be zero or a positive length, got {thickness_mm}")
    if energy_keV.ndim != 1 or energy_keV.size < 1 or not (np.diff(energy_keV) > 0).all():
        raise ValueError(f"energy_keV must be one rising row of energies, got shape {energy_keV.shape}")
    outside = energy_keV[~((energy_keV >= MIN_TRACKED_KEV) & (energy_keV <= MAX_ENERGY_KEV))]
    if outside.size:
        raise ValueError(
            f"energy_keV must be between {MIN_TRACKED_KEV:g} and {MAX_ENERGY_KEV:g} keV for a layer, got {outside[0]}"
        )
    if histories < 2:
        raise ValueError(f"layer_response needs at least 2 histories per energy, got {histories}")
    if not 0.0 <= incidence_deg <= 85.0:
        raise ValueError(f"incidence_deg must be between 0 and 85, got {incidence_deg}")
    if depths < 1:
        raise ValueError(f"depths must be 1 or more, got {depths}")
    if frequency.ndim != 1 or not (np.isfinite(frequency).all() and (frequency >= 0).all()):
        raise ValueError("frequency_per_mm must be a row of finite frequencies of 0 or more")


def layer_response(
    layer_material: Material,
    thickness_mm: float,
    energy_keV: npt.ArrayLike,
    histories: int,
    rng: np.random.Generator,
    *,
    incidence_deg: float = 0.0,
    depths: int = 20,
    frequency_per_mm: npt.ArrayLike = (),
) -> LayerResponse:
    """Interaction and absorbed energy of X-ray quanta in a plane layer, by energy.

    Photons are traced one by one, forced to meet the layer; how many do is known exactly. Electrons stop where they
    are set free, as do photons below 1 keV: their range is taken to be short against the light spread. The layer
    stands in vacuum and is homogeneous: grains and columns far smaller than the mean free path. Call it once for a
    layer and keep the result; a frame uses weights made from it.

    Parameters
    ----------
    layer_material : Material
        Material with its mean density.
    thickness_mm : float
        Thickness; 0 absorbs nothing. [mm]
    energy_keV : (E,) float64
        Rising energies from 1 to 500, best from `energy_grid_keV`. [keV]
    histories : int
        Interacting photons traced per energy. [1]
    rng : numpy.random.Generator
        Same state, same result, for any number of threads.
    incidence_deg : float
        Angle between the beam and the normal, 0 to 85. [deg]
    depths : int
        Number of layers of equal thickness for ``depth_fraction``. [1]
    frequency_per_mm : (F,) float64
        Spatial frequencies for the X-ray transfer; none by default. [1/mm]

    Returns
    -------
    response : LayerResponse
        See there.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    Cross sections, form factors, incoherent scattering functions and fluorescence are those of xraylib 4 [1]_. Left
    out: Doppler broadening, polarisation, electron range and bremsstrahlung, fluorescence after Auger decay. Shells
    are chosen by jump ratio. The transfer of a pattern is the mean of J0(2 pi f r) over the energy left at distances
    r, without binning; its noise counterpart uses the distances between the places that share one quantum [2]_.

    References
    ----------
    .. [1] Schoonjans et al., "The xraylib library for X-ray-matter interactions. Recent developments",
       Spectrochim. Acta B 66, 776 (2011). doi:10.1016/j.sab.2011.09.011
    .. [2] Metz, Vyborny, "Wiener spectral effects of spatial correlation between the sites of characteristic x-ray
       emission and reabsorption in radiographic screen-film systems", Phys. Med. Biol. 28, 547 (1983).
    """
    energies = np.array(energy_keV, dtype=np.float64, ndmin=1)
    frequency = np.array(frequency_per_mm, dtype=np.float64, ndmin=1)
    _check(thickness_mm, energies, histories, incidence_deg, depths, frequency)
    count = energies.size
    hit = hit_fraction(layer_material, thickness_mm, incidence_deg, energies)
    rows = -(-histories // _HISTORIES_PER_ROW)
    row_histories = np.tile(np.diff(np.arange(rows + 1) * histories // rows), count)
    seeds = rng.integers(0, 2**64, size=count * rows, dtype=np.uint64)
    tallies = Tallies(*(np.zeros((count * rows, cols)) for cols in (COLUMNS, depths, frequency.size, frequency.size)))
    if hit.any():
        angle = np.deg2rad(incidence_deg)
        trace_photons(
            photon_tables(layer_material, float(energies[-1])),
            Slab(float(thickness_mm), float(np.sin(angle)), float(np.cos(angle))),
            np.repeat(energies, rows),
            row_histories,
            seeds,
            frequency,
            tallies,
        )
    sums, depth_keV, signal, power = (tally.reshape(count, rows, -1).sum(axis=1) for tally in tallies)
    depositing = np.maximum(sums[:, DEPOSITING], 1.0)  # no quantum, no energy: the sums are 0 there
    mean, square, fourth = (sums[:, column] / depositing for column in (ENERGY, SQUARE, FOURTH))
    chance = sums[:, DEPOSITING] / histories
    energy_sum, square_sum = (np.where(total > 0, total, 1.0)[:, None] for total in (sums[:, ENERGY], sums[:, SQUARE]))
    return LayerResponse(
        material=layer_material,
        thickness_mm=thickness_mm,
        incidence_deg=incidence_deg,
        energy_keV=energies,
        hit_fraction=hit,
        interaction_fraction=hit * chance,
        mean_energy_keV=mean,
        mean_square_energy_keV2=square,
        front_keV=hit * sums[:, FRONT] / histories,
        back_keV=hit * sums[:, BACK] / histories,
        interaction_error=hit * np.sqrt(chance * (1 - chance) / histories),
        mean_energy_error_keV=np.sqrt(np.maximum(square - mean**2, 0.0) / depositing),
        mean_square_energy_error_keV2=np.sqrt(np.maximum(fourth - square**2, 0.0) / depositing),
        depth_fraction=depth_keV / energy_sum,
        frequency_per_mm=frequency,
        signal_transfer=signal / energy_sum,
        noise_transfer=power / square_sum,
    )


def cached_layer_response(
    layer_material: Material,
    thickness_mm: float,
    energy_keV: npt.ArrayLike,
    histories: int = 50_000,
    *,
    seed: int = 0,
    incidence_deg: float = 0.0,
    depths: int = 20,
    frequency_per_mm: npt.ArrayLike = (),
    cache_folder: Path | None = None,
) -> LayerResponse:
    """`layer_response` of a fixed seed, from the cache of computed results where it is there already.

    Parameters
    ----------
    layer_material, thickness_mm, energy_keV, histories, incidence_deg, depths, frequency_per_mm
        As for `layer_response`.
    seed : int
        Seed of the generator that the histories are drawn from.
    cache_folder : Path, optional
        Folder of the cache; by default the user's cache folder of the platform.

    Returns
    -------
    response : LayerResponse
        Bit for bit the same, found or computed.

    Raises
    ------
    ValueError
        If an argument is out of range.
    """
    energies = np.array(energy_keV, dtype=np.float64, ndmin=1)
    frequency = np.array(frequency_per_mm, dtype=np.float64, ndmin=1)
    key = {
        "what": "response of a plane layer to single photons",
        "holds": list(_ARRAY_FIELDS),
        "method": _METHOD,
        "xraylib": version("xraylib"),
        **material_key(layer_material),
        "thickness_mm": float(thickness_mm),
        "incidence_deg": float(incidence_deg),
        "energy_keV": energies,
        "frequency_per_mm": frequency,
        "depths": depths,
        "histories": histories,
        "seed": seed,
    }

    def compute() -> Arrays:
        response = layer_response(
            layer_material,
            thickness_mm,
            energies,
            histories,
            np.random.default_rng(seed),
            incidence_deg=incidence_deg,
            depths=depths,
            frequency_per_mm=frequency,
        )
        return {name: getattr(response, name) for name in _ARRAY_FIELDS}

    return LayerResponse(layer_material, thickness_mm, incidence_deg, **cached_arrays(key, compute, cache_folder))


_ARRAY_FIELDS = tuple(field.name for field in fields(LayerResponse) if field.type == "FloatArray")
