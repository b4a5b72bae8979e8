"""Ways of the light in a layer: how much of it reaches the diodes, from each depth, and how far it spreads.

Monte Carlo of single photons, once for a layer; frames use what it finds. Results are given by the depth of emission,
since light from different depths differs in strength and spread; `by_depth` sums them over the depths at which X-rays
leave their energy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt

from radiography.cache import Arrays, cached_arrays
from radiography.light.column_kernels import ColumnOptics, trace_columns
from radiography.light.film_kernels import (
    ABSORBED,
    COVER,
    DETECTED,
    FATES,
    STRAYED,
    FilmOptics,
    PhotonBlocks,
    PhotonTallies,
    RadiusTables,
    count_ends,
    trace_film,
)
from radiography.light.optics import ColumnarLayer, EmissionLine, Face, Pairs, TurbidLayer

EV_NM = 1239.841984  # photon energy times wavelength, CODATA 2018 [eV nm]
FWHM_PER_SIGMA = 2.0 * np.sqrt(2.0 * np.log(2.0))
FREQUENCY_PER_MM = tuple(np.concatenate([np.arange(0.0, 4.0, 0.125), np.arange(4.0, 16.1, 0.5)]).tolist())
EMISSION_LINES = 2048  # equally likely wavelengths that stand for a line

_METHOD = 4  # to be raised with every change of the physics or the random numbers: cached results depend on it
_BLOCK = 2048  # photons of one seed
_BLOCKS_AT_ONCE = 64  # between two reports of progress
_DEPTH_STEPS = 1024  # in which the properties of columns are constant
_BESSEL_PER_UNIT, _BESSEL_END = 128.0, 25.6  # J0 table: linear interpolation errs by 4e-6
_FIRST_RADIUS_UM, _BINS_PER_OCTAVE, _OCTAVES = 0.01, 16, 24  # radius bins 4.4 % wide, to 168 mm
_QUANTILES = 257

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class LightTransport:
    """Where photons went that started, in all directions alike, in K equally thick layers.

    Attributes
    ----------
    thickness_um : float
        Thickness of the layer. [um]
    depth_um : (K,) float64
        Middle of each layer; 0 is the cover, where the X-rays enter. [um]
    started, detected, absorbed, lost_at_cover, strayed : (K,) int64
        Photons: started; absorbed in the diodes, in the layer, in the cover or beyond it; and not followed further
        than the radius limit from their origin. The last four sum to the first. [1]
    collected, collected_error : (K,) float64
        Fraction detected, and its standard error. [1]
    frequency_per_mm : (F,) float64
        Spatial frequencies of the transfer. [1/mm]
    transfer, transfer_error : (K, F) float64
        Mean J0(2 pi f r) of the detected photons, r from origin to diode, and its standard error; 0 where nothing was
        detected. [1]
    quantile_level : (Q,) float64
        Fractions at which the radius is given, denser towards 1: 1 - (1 - i / (Q - 1))^2. [1]
    radius_quantile_um : (K, Q) float64
        Radius within which that fraction of the detected photons lies. [um]
    wavelength_nm : (L,) float64
        Wavelengths that the layer emits, each equally often. [nm]
    spectrum : (K, L) float64
        Fraction of each among the detected photons. [1]
    """

    thickness_um: float
    depth_um: FloatArray
    started: IntArray
    detected: IntArray
    absorbed: IntArray
    lost_at_cover: IntArray
    strayed: IntArray
    collected: FloatArray
    collected_error: FloatArray
    frequency_per_mm: FloatArray
    transfer: FloatArray
    transfer_error: FloatArray
    quantile_level: FloatArray
    radius_quantile_um: FloatArray
    wavelength_nm: FloatArray
    spectrum: FloatArray


def trace_light(
    layer: TurbidLayer | ColumnarLayer,
    thickness_um: float,
    photons: int,
    rng: np.random.Generator,
    *,
    depths: int = 20,
    frequency_per_mm: npt.ArrayLike = FREQUENCY_PER_MM,
    radius_limit_mm: float = 20.0,
    progress: Progress | None = None,
) -> LightTransport:
    """Fates of light photons from where they are emitted to where they end, by depth of emission.

    Unpolarised geometrical optics in a layer that is the same everywhere: scattering, absorption and repeated emission
    in a film, guiding and crossing in columns, refraction and reflection at the faces. Pixels, their dead area and the
    quantum efficiency of the diodes come after this stage.

    Parameters
    ----------
    layer : TurbidLayer or ColumnarLayer
        What the light meets.
    thickness_um : float
        Thickness of the layer. [um]
    photons : int
        Photons to follow, rounded up so that every depth has the same number. [1]
    rng : numpy.random.Generator
        Same state, same result, for any number of threads.
    depths : int
        Number K of equally thick layers that photons start in. [1]
    frequency_per_mm : (F,) float64
        Spatial frequencies of the transfer. [1/mm]
    radius_limit_mm : float
        Photons further than this from their origin are given up. [mm]
    progress : callable, optional
        Called now and then with the photons done and the photons to do.

    Returns
    -------
    transport : LightTransport
        See there.

    Raises
    ------
    TypeError
        If the layer is of neither kind.
    ValueError
        If another argument is out of range.

    Notes
    -----
    The transfer is the mean of J0(2 pi f r) over photons, without binning [1]_. Faces and columns are described with
    the kernels.

    References
    ----------
    .. [1] Hankel transform of a radially symmetric spread; Gaskill, "Linear systems, Fourier transforms, and optics"
       (1978), chapter 9.
    """
    frequency = np.array(frequency_per_mm, dtype=np.float64, ndmin=1)
    _check(layer, thickness_um, photons, depths, frequency, radius_limit_mm)
    each = -(-photons // depths)
    rows = -(-each // _BLOCK)
    # neighbouring blocks start at different depths, so that threads share slow and fast ones
    depth_of = np.tile(np.arange(depths), rows)
    block_photons = np.repeat(np.diff(np.arange(rows + 1) * each // rows), depths)
    seeds = rng.integers(0, 2**64, size=rows * depths, dtype=np.uint64)
    wavelength = _emitted_wavelengths_nm(layer.emission)
    tables = _radius_tables(frequency)
    film = _film(layer, thickness_um, wavelength, radius_limit_mm) if isinstance(layer, TurbidLayer) else None
    columns = _columns(layer, thickness_um, radius_limit_mm) if isinstance(layer, ColumnarLayer) else None
    lines = wavelength.size if film is not None else 0
    totals = _no_tallies(depths, frequency.size, lines)
    for first in range(0, seeds.size, _BLOCKS_AT_ONCE):
        part = slice(first, first + _BLOCKS_AT_ONCE)
        depth = depth_of[part]
        found = _no_tallies(depth.size, frequency.size, lines)
        blocks = PhotonBlocks(
            seeds=seeds[part],
            photons=block_photons[part],
            from_um=np.asarray(depth * (thickness_um / depths), dtype=np.float64),
            to_um=np.asarray((depth + 1) * (thickness_um / depths), dtype=np.float64),
        )
        if film is not None:
            trace_film(film, tables, blocks, *found)
        else:
            ends = np.empty((depth.size, blocks.photons.max()), dtype=np.int8)
            radius_um = np.empty(ends.shape, dtype=np.float32)
            trace_columns(columns, blocks, ends, radius_um)
            count_ends(ends, radius_um, blocks.photons, tables, *found[:4])
        for total, block in zip(totals, found, strict=True):
            np.add.at(total, depth, block)
        if progress is not None:
            progress(int(block_photons[: part.stop].sum()), each * depths)
    return _summary(thickness_um, frequency, wavelength, each, totals)


def _no_tallies(rows: int, frequencies: int, lines: int) -> PhotonTallies:
    """Tallies of no photon, in so many rows."""
    return PhotonTallies(
        fates=np.zeros((rows, FATES), dtype=np.int64),
        transfer=np.zeros((rows, frequencies)),
        square=np.zeros((rows, frequencies)),
        radii=np.zeros((rows, _BINS_PER_OCTAVE * _OCTAVES + 1), dtype=np.int64),
        emerging=np.zeros((rows, lines), dtype=np.int64),
    )


def _summary(
    thickness_um: float,
    frequency: FloatArray,
    wavelength: FloatArray,
    each: int,
    totals: PhotonTallies,
) -> LightTransport:
    """Means and standard errors of what the kernels counted, by depth."""
    fates, transfer, square, radii, emerging = totals
    depths = fates.shape[0]
    detected = fates[:, DETECTED]
    some = np.maximum(detected, 1)[:, None]
    collected, mean = detected / each, transfer / some
    if emerging.shape[1] == 0:  # every colour fares alike
        spectrum = np.where(detected[:, None] > 0, 1.0 / wavelength.size, np.zeros((depths, wavelength.size)))
    else:
        spectrum = emerging / some
    level = 1.0 - (1.0 - np.linspace(0.0, 1.0, _QUANTILES)) ** 2
    return LightTransport(
        thickness_um=thickness_um,
        depth_um=(np.arange(depths) + 0.5) * (thickness_um / depths),
        started=np.full(depths, each, dtype=np.int64),
        detected=detected,
        absorbed=fates[:, ABSORBED],
        lost_at_cover=fates[:, COVER],
        strayed=fates[:, STRAYED],
        collected=collected,
        collected_error=np.sqrt(collected * (1.0 - collected) / each),
        frequency_per_mm=frequency,
        transfer=mean,
        transfer_error=np.sqrt(np.maximum(square / some - mean * mean, 0.0) / some),
        quantile_level=level,
        radius_quantile_um=np.stack([_radius_quantiles(counts, level) for counts in radii]),
        wavelength_nm=wavelength,
        spectrum=spectrum,
    )


def _radius_quantiles(counts: IntArray, level: FloatArray) -> FloatArray:
    """Radii [um] within which fractions of the photons lie, taking them as evenly spread over the ring of each bin."""
    filled = np.flatnonzero(counts)
    if filled.size == 0:
        return np.zeros(level.size)
    edges = np.append(0.0, _FIRST_RADIUS_UM * 2.0 ** (np.arange(counts.size) / _BINS_PER_OCTAVE))
    part = slice(filled[0], filled[-1] + 1)
    within = np.append(0.0, np.cumsum(counts[part])) / counts.sum()
    square = np.interp(level, within, edges[filled[0] : filled[-1] + 2] ** 2)
    return np.asarray(np.sqrt(square), dtype=np.float64)


def _radius_tables(frequency: FloatArray) -> RadiusTables:
    """What the kernels need to count a radius: angular frequencies [1/um], J0, and the radius bins."""
    from scipy.special import j0

    return RadiusTables(
        angular_per_um=2.0e-3 * np.pi * frequency,
        bessel=j0(np.arange(_BESSEL_END * _BESSEL_PER_UNIT + 2) / _BESSEL_PER_UNIT),
        bessel_per_unit=_BESSEL_PER_UNIT,
        first_radius_um=_FIRST_RADIUS_UM,
        bins_per_e=_BINS_PER_OCTAVE / np.log(2.0),
    )


def _emitted_wavelengths_nm(emission: EmissionLine) -> FloatArray:
    """Equally likely wavelengths of a Gaussian line, (L,), rising. [nm]"""
    from scipy.special import ndtri

    fraction = (np.arange(EMISSION_LINES) + 0.5) / EMISSION_LINES
    return np.asarray(emission.peak_nm + emission.fwhm_nm / FWHM_PER_SIGMA * ndtri(fraction), dtype=np.float64)


def _film(layer: TurbidLayer, thickness_um: float, wavelength: FloatArray, radius_limit_mm: float) -> FilmOptics:
    """A film as its kernel wants it: what a photon of each wavelength meets, and the two faces."""
    again = np.zeros(wavelength.size)
    quantum_yield = 0.0
    if layer.self_absorption is not None:
        own = layer.self_absorption
        below_eV = np.maximum(EV_NM / own.edge_nm - EV_NM / wavelength, 0.0)
        again, quantum_yield = own.edge_per_um * np.exp(-below_eV * 1e3 / own.urbach_meV), own.quantum_yield
    scatter = 1.0 / (layer.transport_length_um * (1.0 - layer.anisotropy))
    total = scatter + again + 1.0 / layer.absorption_length_um
    met = np.where(total > 0, total, 1.0)
    mean_um = np.where(total > 0, 1.0 / met, np.inf)

    def face(side: Face) -> list[float]:
        index = layer.refractive_index if side.refractive_index is None else side.refractive_index
        return [index, side.gap_um, side.reflectivity, side.diffuse_fraction]

    return FilmOptics(
        thickness_um=float(thickness_um),
        refractive_index=float(layer.refractive_index),
        anisotropy=float(layer.anisotropy),
        radius_limit_um=1e3 * radius_limit_mm,
        faces=np.array([face(layer.cover), face(layer.sensor)]),
        lines=np.stack([mean_um, scatter / met, (scatter + quantum_yield * again) / met], axis=1),
    )


def _columns(layer: ColumnarLayer, thickness_um: float, radius_limit_mm: float) -> ColumnOptics:
    """A columnar layer as its kernel wants it."""
    middle = (np.arange(_DEPTH_STEPS) + 0.5) / _DEPTH_STEPS

    def by_depth(pairs: Pairs, power: int = 1) -> FloatArray:
        depth, value = np.array(pairs, dtype=np.float64).T
        return np.asarray(np.interp(middle, depth, value**power))

    absorption = by_depth(layer.absorption_length_um, -1)
    roughness, crosstalk = by_depth(layer.roughness), by_depth(layer.crosstalk)
    return ColumnOptics(
        thickness_um=float(thickness_um),
        column_radius_um=float(layer.column_radius_um),
        refractive_index=float(layer.refractive_index),
        gap_index=float(layer.gap_index),
        gap_um=float(layer.gap_um),
        top_reflectivity=float(layer.top_reflectivity),
        sensor_reflectivity=float(layer.sensor_reflectivity),
        radius_limit_um=1e3 * radius_limit_mm,
        walls=np.stack([crosstalk, roughness, roughness / np.sqrt(1.0 - roughness**2)], axis=1).astype(np.float32),
        absorption_per_um=absorption,
        absorbed_to=np.append(0.0, np.cumsum(absorption)) * (thickness_um / _DEPTH_STEPS),
        steps_per_um=_DEPTH_STEPS / thickness_um,
        even_absorption=bool(np.ptp(absorption) == 0.0),
        even_walls=bool(np.ptp(roughness) == 0.0 and np.ptp(crosstalk) == 0.0),
    )


def _check(
    layer: object, thickness_um: float, photons: int, depths: int, frequency: FloatArray, radius_limit_mm: float
) -> None:
    if not isinstance(layer, TurbidLayer | ColumnarLayer):
        raise TypeError(f"trace_light follows light in a TurbidLayer or ColumnarLayer, got {type(layer).__name__}")
    for name, value in (("thickness_um", thickness_um), ("radius_limit_mm", radius_limit_mm)):
        if not (np.isfinite(value) and value > 0):
            raise ValueError(f"{name} of trace_light must be a positive length, got {value}")
    if not 1 <= depths <= photons:
        raise ValueError(f"trace_light needs at least one photon for each depth, got {photons} for {depths} depths")
    if frequency.ndim != 1 or not (np.isfinite(frequency).all() and (frequency >= 0).all()):
        raise ValueError("frequency_per_mm of trace_light must be a row of finite frequencies of 0 or more")


def cached_light_transport(
    layer: TurbidLayer | ColumnarLayer,
    thickness_um: float,
    photons: int = 400_000,
    *,
    seed: int = 0,
    depths: int = 20,
    frequency_per_mm: npt.ArrayLike = FREQUENCY_PER_MM,
    radius_limit_mm: float = 20.0,
    progress: Progress | None = None,
    cache_folder: Path | None = None,
) -> LightTransport:
    """`trace_light` with a fixed seed, from the cache of computed results where it is there already.

    Parameters
    ----------
    layer, thickness_um, photons
        As for `trace_light`.
    seed : int
        Seed of the generator that the photons are drawn from.
    depths, frequency_per_mm, radius_limit_mm, progress
        As for `trace_light`.
    cache_folder : Path, optional
        Folder of the cache; by default the user's cache folder of the platform.

    Returns
    -------
    transport : LightTransport
        Bit for bit the same, found or computed.

    Raises
    ------
    TypeError, ValueError
        As for `trace_light`.
    """
    frequency = np.array(frequency_per_mm, dtype=np.float64, ndmin=1)
    _check(layer, thickness_um, photons, depths, frequency, radius_limit_mm)
    key = {
        "what": "light of a layer traced to the diodes",
        "holds": list(_ARRAY_FIELDS),
        "method": _METHOD,
        "layer": asdict(layer),
        "thickness_um": float(thickness_um),
        "photons": photons,
        "seed": seed,
        "depths": depths,
        "frequency_per_mm": frequency,
        "radius_limit_mm": float(radius_limit_mm),
    }

    def compute() -> Arrays:
        transport = trace_light(
            layer,
            thickness_um,
            photons,
            np.random.default_rng(seed),
            depths=depths,
            frequency_per_mm=frequency,
            radius_limit_mm=radius_limit_mm,
            progress=progress,
        )
        return {name: getattr(transport, name) for name in _ARRAY_FIELDS}

    return LightTransport(float(thickness_um), **cached_arrays(key, compute, cache_folder))


_ARRAY_FIELDS = tuple(field.name for field in fields(LightTransport) if field.name != "thickness_um")
