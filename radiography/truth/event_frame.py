"""The slow truth: every X-ray quantum and every light photon of a small region, one by one.

Each quantum meets the layer, leaves its energy in one or several places, and each place sends its light to the pixels
with the strength and spread of its own depth. Nothing is averaged, so this is what the fast mode of `acquire` is held
against: depth by depth spread, fluorescence reabsorbed elsewhere, the number of light photons.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from radiography.interaction.absorption import MAX_ENERGY_KEV, hit_fraction
from radiography.interaction.photon_tables import MIN_TRACKED_KEV, PhotonTables, photon_tables
from radiography.interaction.photon_transport import DepositLists, Slab, trace_deposits
from radiography.interaction.stack import StackTracer, stack_hit_fraction, stack_tracer
from radiography.interaction.stack_deposits import draw_stack_deposits
from radiography.light.scintillator import Scintillator, layer_material, yield_variance
from radiography.light.transport import LightTransport
from radiography.panel.direct_detection import LitLayer, stack_slabs
from radiography.panel.panel import Panel, Pixels
from radiography.truth.event_kernels import BETWEEN, FATES, IN_APERTURE, OUTSIDE, LightSources, PixelOptics, count_light

_QUANTA_PER_SEED = 256  # X-rays traced with one seed
_DEPOSITS_PER_SEED = 512  # places whose light is drawn with one seed

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Passage = Callable[[FloatArray, FloatArray], npt.NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Deposits:
    """Places where quanta left energy, in the order of the quanta.

    Attributes
    ----------
    quantum : (D,) int64
        Number of the quantum, from 0; one that left nothing is not listed.
    x_mm, y_mm : (D,) float64
        Place, to the right and downwards from the centre of the region. [mm]
    depth_mm : (D,) float64
        Below the entrance face. [mm]
    energy_keV : (D,) float64
        Energy left. [keV]
    light : (D,) int64
        Photons that it sends to the plane of the diodes. [1]
    """

    quantum: IntArray
    x_mm: FloatArray
    y_mm: FloatArray
    depth_mm: FloatArray
    energy_keV: FloatArray
    light: IntArray


@dataclass(frozen=True, eq=False)
class EventFrame:
    """One exposure of a region, counted.

    Attributes
    ----------
    photons : (H, W) int32
        Light photons in each pixel's aperture. [1]
    quanta : int
        Quanta that interacted in region and margin. [1]
    between, outside : int
        Light photons between the apertures, and outside the region; with the sum of ``photons`` all that reached the
        plane of the diodes. [1]
    deposits : Deposits or None
        What every quantum left in the layer, where that was asked for.
    diode_keV : (H, W) float64 or None
        Energy that the same quanta, by their electrons and fluorescence, left in the diodes, where a panel's stack was
        given. [keV]
    """

    photons: npt.NDArray[np.int32]
    quanta: int
    between: int
    outside: int
    deposits: Deposits | None
    diode_keV: FloatArray | None = None


def tilted_edge(angle_deg: float, offset_mm: float = 0.0, transmission: float = 0.0) -> Passage:
    """A straight edge through a region, to be handed to `acquire_events`.

    Parameters
    ----------
    angle_deg : float
        Angle between the edge and the columns; positive turns its lower end to the left. [deg]
    offset_mm : float
        Distance of the edge from the centre of the region; the open side is that of smaller column numbers. [mm]
    transmission : float
        Fraction of the quanta that pass on the other side. [1]

    Returns
    -------
    passage : callable
        Places (Q,), x to the right and y downwards [mm], to the fraction of quanta that pass there (Q,). [1]

    Raises
    ------
    ValueError
        If the transmission is not a fraction.
    """
    if not 0.0 <= transmission <= 1.0:
        raise ValueError(f"transmission of an edge must be between 0 and 1, got {transmission}")
    across, along = np.cos(np.deg2rad(angle_deg)), np.sin(np.deg2rad(angle_deg))
    return lambda x_mm, y_mm: np.where(across * x_mm + along * y_mm < offset_mm, 1.0, transmission)


def draw_deposits(
    tables: PhotonTables,
    thickness_mm: float,
    energy_keV: float,
    quanta: int,
    rng: np.random.Generator,
    incidence_deg: float = 0.0,
) -> tuple[IntArray, FloatArray]:
    """What single quanta that interact leave in a layer, each with all its fluorescence and scattering.

    Parameters
    ----------
    tables : PhotonTables
        Of the layer's material, up to the energy or beyond.
    thickness_mm : float
        [mm]
    energy_keV : float
        Of the quanta. [keV]
    quanta : int
        How many of them interact. [1]
    rng : numpy.random.Generator
        Same state, same histories, for any number of threads.
    incidence_deg : float
        Angle to the normal; the quanta move to the right. [deg]

    Returns
    -------
    count : (quanta,) int64
        Deposits of each; 0 where it was only scattered out of the layer. [1]
    deposits : (D, 4) float64
        x, y from where the quantum entered, depth [mm], and energy [keV], quantum after quantum.
    """
    blocks = -(-quanta // _QUANTA_PER_SEED)
    bounds = np.minimum(np.arange(blocks + 1) * _QUANTA_PER_SEED, quanta)
    seeds = rng.integers(0, 2**64, size=blocks, dtype=np.uint64)
    angle = np.deg2rad(incidence_deg)
    slab = Slab(float(thickness_mm), float(np.sin(angle)), float(np.cos(angle)))
    beam = (tables, slab, float(energy_keV), bounds, seeds)
    count, nowhere = np.zeros(quanta, dtype=np.int64), np.zeros(quanta, dtype=np.int64)
    trace_deposits(*beam, DepositLists(count, nowhere, np.empty((0, 4))))
    deposits = np.empty((int(count.sum()), 4))
    if deposits.size:
        trace_deposits(*beam, DepositLists(count, np.cumsum(count) - count, deposits))
    return count, deposits


def acquire_events(
    scintillator: Scintillator,
    pixels: Pixels,
    transport: LightTransport,
    energy_keV: npt.ArrayLike,
    fluence_per_mm2: npt.ArrayLike,
    rng: np.random.Generator,
    *,
    passage: Passage | None = None,
    margin_mm: float | None = None,
    incidence_deg: float = 0.0,
    list_deposits: bool = False,
    panel: Panel | None = None,
) -> EventFrame:
    """Light photons that reach the pixels of a small region, quantum by quantum and photon by photon.

    The number of quanta that interact is Poisson, their places uniform in each cell of the exposure; each history has
    its own fluorescence and scattering, and a light yield drawn for it from a gamma distribution with the spread of the
    scintillator; each place of absorption sends a Poisson number of photons to the diodes, each at a distance drawn
    from the spread of its depth. Left out: efficiency and fill factor of the diodes, decay, and X-rays that the diodes
    absorb, unless a panel with a stack is given. The time is that of the light: for a region of a few hundred pixels at
    low dose.

    Parameters
    ----------
    scintillator : Scintillator
        Layer, light yield and glare.
    pixels : Pixels
        Size of the region, pitch and aperture.
    transport : LightTransport
        Optical Monte Carlo of this layer.
    energy_keV : (E,) float64
        Energies of the quanta. [keV]
    fluence_per_mm2 : (E,) or (E, R, C) float64
        Mean number of quanta that meet the layer; R x C equal cells tile the region, and are mirrored at its border.
        [1/mm2]
    rng : numpy.random.Generator
        Same state, same picture, for any number of threads.
    passage : callable, optional
        Fraction of quanta that pass at places (Q,), x to the right and y downwards from the centre of the region [mm],
        such as `tilted_edge`; it applies in the margin too. [1]
    margin_mm : float, optional
        Width around the region that is exposed as well; by default what holds 0.999 of every depth's light, 1 mm more
        for fluorescence, and 7 lengths of the glare. [mm]
    incidence_deg : float
        Angle of the beam to the normal; it moves to the right. [deg]
    list_deposits : bool
        Whether to return what every quantum left.
    panel : Panel, optional
        One with a stack: quanta meet its cover, electrons are followed, and the energy in the diodes is returned too,
        of a quantum's with the chance of the fill factor.

    Returns
    -------
    frame : EventFrame
        With (a / p)^2 of the light for an aperture a and a pitch p; the fast mode leaves that to the fill factor.

    Raises
    ------
    ValueError
        If the transport is not of this layer's thickness, the panel has no stack, or an argument is out of range.

    Notes
    -----
    The radius of a photon has the quantiles of `LightTransport`, with even rings between them. Within one of its K
    depths strength and spread are constant; 80 depths instead of 20 change the noise of film and CsI by 0.6 and
    0.02 %.

    Departures of the fast mode from this one, for the film and CsI at 70 kV. It gives all places of one quantum one
    depth, and energy and depth are independent there: mean light within 0.1 %, squared light of a quantum +1.2 and
    -0.1 %, shape of the noise power up to 3 /mm within 0.5 %, signal transfer at 2 and 3 /mm +0.0004 and +0.0008,
    +0.006 and +0.007. It has one shape of the noise for the whole beam: behind 20 mm Al the power at 2 /mm is wrong
    by 0.1 and 3 %. It drops noise from beyond its samples' own limit, samples / (2 pitch): with 2 samples per pixel
    of 0.139 mm, 2.7 and 0.2 % of the power at 2 /mm, 8 and 1.5 % at 3.5 /mm; with 4, 2.8 and 0.4 % at 3.5 /mm.
    Oblique beams: at 15.8 degrees the transfer of CsI along x at 2 /mm falls by a factor of 0.895 here and 0.894 there,
    at 30 degrees 0.641 and 0.643; its phase is that of a shift, equal within 0.002 mm.
    """
    energy = np.array(energy_keV, dtype=np.float64, ndmin=1)
    fluence = np.asarray(fluence_per_mm2, dtype=np.float64)
    fluence = fluence[:, None, None] if fluence.ndim == 1 else fluence
    _check(scintillator, transport, energy, fluence, margin_mm, incidence_deg)
    material, thickness_mm = layer_material(scintillator), scintillator.thickness_um * 1e-3
    margin_mm = _margin_mm(scintillator, transport) if margin_mm is None else margin_mm
    size_mm = np.array([pixels.rows, pixels.cols]) * pixels.pitch_mm
    rows, cols = (_cells(length, count, margin_mm) for length, count in zip(size_mm, fluence.shape[1:], strict=True))
    hit = hit_fraction(material, thickness_mm, incidence_deg, energy)
    tables = photon_tables(material, float(energy.max()))
    stack = None
    if panel is not None:
        stack = _panel_tracer(panel, scintillator, transport, float(energy.max()), incidence_deg)
        hit = stack_hit_fraction(stack.tracer, energy)
        diode_keV = np.zeros((pixels.rows, pixels.cols))
    optics = _pixel_optics(scintillator, pixels, transport)
    counts = np.zeros((numba.get_num_threads(), pixels.rows, pixels.cols), dtype=np.int32)
    fates = np.zeros((counts.shape[0], FATES), dtype=np.int64)
    quanta, found = 0, []
    for bin_keV, bin_fluence, bin_hit in zip(energy.tolist(), fluence, hit.tolist(), strict=True):
        # quanta that only pass are left out: those that interact are Poisson again
        x_mm, y_mm = _places(bin_fluence, bin_hit, rows, cols, passage, rng)
        if x_mm.size == 0:
            continue
        if stack is None:
            number, deposits = draw_deposits(tables, thickness_mm, bin_keV, x_mm.size, rng, incidence_deg)
            quantum = np.repeat(np.arange(x_mm.size), number)
            deposits[:, 0] += x_mm[quantum]
            deposits[:, 1] += y_mm[quantum]
        else:
            quantum, deposits = _draw_in_panel(stack, bin_keV, x_mm, y_mm, pixels, diode_keV, rng)
        depths = transport.depth_um.size
        depth_index = np.minimum((deposits[:, 2] / thickness_mm * depths).astype(np.int64), depths - 1)
        mean_light = scintillator.light.yield_per_keV * deposits[:, 3] * transport.collected[depth_index]
        spread_square = float(yield_variance(scintillator.light, np.array([bin_keV]))[0])
        if spread_square > 0.0:  # a quantum is bright or dim as a whole
            mean_light *= rng.gamma(1.0 / spread_square, spread_square, x_mm.size)[quantum]
        light = rng.poisson(mean_light)
        blocks = -(-light.size // _DEPOSITS_PER_SEED)
        sources = LightSources(
            place=(deposits[:, 1::-1] + 0.5 * size_mm) / pixels.pitch_mm,
            depth_index=depth_index,
            light=light,
            block_first=np.minimum(np.arange(blocks + 1) * _DEPOSITS_PER_SEED, light.size),
            seeds=rng.integers(0, 2**64, size=blocks, dtype=np.uint64),
        )
        count_light(sources, optics, counts, fates)
        if list_deposits:
            found.append((quantum + quanta, *deposits.T, light))
        quanta += x_mm.size
    listed = None
    if list_deposits:
        nothing = [(np.zeros(0, dtype=np.int64), *np.zeros((4, 0)), np.zeros(0, dtype=np.int64))]
        listed = Deposits(*(np.concatenate(column) for column in zip(*(found or nothing), strict=True)))
    ended = fates.sum(axis=0)
    assert ended[IN_APERTURE] == counts.sum(dtype=np.int64)
    photons = counts.sum(axis=0, dtype=np.int32)
    in_diodes = None if stack is None else diode_keV
    return EventFrame(photons, quanta, int(ended[BETWEEN]), int(ended[OUTSIDE]), listed, in_diodes)


@dataclass(frozen=True, eq=False)
class _PanelTracer:
    """A panel with its layer, made ready for single quanta; which of its parts are the layer and the diode."""

    tracer: StackTracer
    in_layer: slice
    in_diode: int
    thickness_mm: float  # of the layer
    fill_factor: float


def _panel_tracer(
    panel: Panel, scintillator: Scintillator, transport: LightTransport, highest_keV: float, incidence_deg: float
) -> _PanelTracer:
    if not panel.stack:
        raise ValueError(f"energy in the diodes needs a panel with a stack, but '{panel.name}' has none")
    layer = LitLayer(layer_material(scintillator), scintillator.thickness_um, transport.collected)
    slabs, in_layer, in_diode = stack_slabs(panel, layer)
    tracer = stack_tracer(slabs, highest_keV, incidence_deg)
    return _PanelTracer(tracer, in_layer, in_diode, scintillator.thickness_um * 1e-3, panel.photodiode.fill_factor)


def _draw_in_panel(
    stack: _PanelTracer,
    energy_keV: float,
    x_mm: FloatArray,
    y_mm: FloatArray,
    pixels: Pixels,
    diode_keV: FloatArray,
    rng: np.random.Generator,
) -> tuple[IntArray, FloatArray]:
    """What quanta of one energy that meet the cover at places (Q,) leave in the layer, as `draw_deposits` lists it.

    Adds to ``diode_keV`` (H, W) what they leave in the diodes; depths are those of the middle of a part.
    """
    found = draw_stack_deposits(stack.tracer, energy_keV, x_mm.size, rng)
    x, y = x_mm[found.quantum] + found.x_mm, y_mm[found.quantum] + found.y_mm
    counted = rng.uniform(size=x_mm.size) < stack.fill_factor
    own = (found.part == stack.in_diode) & counted[found.quantum]
    col = np.floor(x[own] / pixels.pitch_mm + 0.5 * pixels.cols).astype(np.int64)
    row = np.floor(y[own] / pixels.pitch_mm + 0.5 * pixels.rows).astype(np.int64)
    inside = (row >= 0) & (row < pixels.rows) & (col >= 0) & (col < pixels.cols)
    np.add.at(diode_keV, (row[inside], col[inside]), found.energy_keV[own][inside])
    first, last = stack.in_layer.start, stack.in_layer.stop
    lit = (found.part >= first) & (found.part < last)
    depth_mm = (found.part[lit] - first + 0.5) * stack.thickness_mm / (last - first)
    return found.quantum[lit], np.stack([x[lit], y[lit], depth_mm, found.energy_keV[lit]], axis=1)


def _places(
    fluence_per_mm2: FloatArray,
    hit: float,
    rows: tuple[FloatArray, IntArray],
    cols: tuple[FloatArray, IntArray],
    passage: Passage | None,
    rng: np.random.Generator,
) -> tuple[FloatArray, FloatArray]:
    """Where the quanta of one energy enter the layer: x and y from the centre of the region, (Q,) each. [mm]

    ``hit`` is the fraction that interacts; ``rows`` and ``cols`` are the borders of cells, and the cell of the region
    that each of them mirrors.
    """
    (edges_y, from_row), (edges_x, from_col) = rows, cols
    mean = fluence_per_mm2[np.ix_(from_row, from_col)] * np.outer(np.diff(edges_y), np.diff(edges_x)) * hit
    row, col = np.divmod(np.repeat(np.arange(mean.size), rng.poisson(mean).ravel()), mean.shape[1])
    y_mm = rng.uniform(edges_y[row], edges_y[row + 1])
    x_mm = rng.uniform(edges_x[col], edges_x[col + 1])
    if passage is None:
        return x_mm, y_mm
    passed = rng.uniform(size=x_mm.size) < passage(x_mm, y_mm)
    return x_mm[passed], y_mm[passed]


def _pixel_optics(scintillator: Scintillator, pixels: Pixels, transport: LightTransport) -> PixelOptics:
    """Spread of the light and the apertures that catch it, in pixels."""
    layer = scintillator.glare
    return PixelOptics(
        radius_square=_radius_square(transport, pixels.pitch_mm),
        aperture=pixels.aperture_mm / pixels.pitch_mm,
        glare_fraction=layer.fraction if layer is not None else 0.0,
        glare_length=layer.length_mm / pixels.pitch_mm if layer is not None else 0.0,
    )


def _check(
    scintillator: Scintillator,
    transport: LightTransport,
    energy: FloatArray,
    fluence: FloatArray,
    margin_mm: float | None,
    incidence_deg: float,
) -> None:
    if abs(transport.thickness_um - scintillator.thickness_um) > 1e-6:
        raise ValueError(
            f"the light transport is of a layer of {transport.thickness_um:g} um, but scintillator "
            f"'{scintillator.name}' is {scintillator.thickness_um:g} um thick"
        )
    outside = energy[~((energy >= MIN_TRACKED_KEV) & (energy <= MAX_ENERGY_KEV))]
    if outside.size:
        raise ValueError(
            f"energy_keV must be between {MIN_TRACKED_KEV:g} and {MAX_ENERGY_KEV:g} keV for a layer, got {outside[0]}"
        )
    if fluence.ndim != 3 or fluence.shape[0] != energy.size or fluence.size == 0:
        raise ValueError(
            f"fluence_per_mm2 must have one value or one map of cells for each of {energy.size} energies, got shape "
            f"{fluence.shape}"
        )
    if not (np.isfinite(fluence).all() and fluence.min() >= 0):
        raise ValueError(f"fluence_per_mm2 must be zero or positive everywhere, got {fluence.min()}")
    if margin_mm is not None and not 0.0 <= margin_mm <= 1e4:
        raise ValueError(f"margin_mm must be between 0 and 10000, got {margin_mm}")
    if not 0.0 <= incidence_deg <= 85.0:
        raise ValueError(f"incidence_deg must be between 0 and 85, got {incidence_deg}")


def _margin_mm(scintillator: Scintillator, transport: LightTransport) -> float:
    """Width beyond which hardly any light comes from: 0.999 of that of every depth, and the ways of fluorescence."""
    far = [np.interp(0.999, transport.quantile_level, radii) for radii in transport.radius_quantile_um]
    glare_mm = scintillator.glare.length_mm if scintillator.glare is not None else 0.0
    return float(1e-3 * max(far) + 1.0 + 7.0 * glare_mm)


def _cells(length_mm: float, count: int, margin_mm: float) -> tuple[FloatArray, IntArray]:
    """Borders along one axis of the cells of region and margin [mm], and the cell of the region that each mirrors."""
    cell_mm = length_mm / count
    beyond = int(np.ceil(margin_mm / cell_mm - 1e-9))
    borders = np.clip(
        (np.arange(-beyond, count + beyond + 1) - 0.5 * count) * cell_mm,
        -0.5 * length_mm - margin_mm,
        0.5 * length_mm + margin_mm,
    )
    folded = np.mod(np.arange(-beyond, count + beyond), 2 * count)
    return borders, np.where(folded < count, folded, 2 * count - 1 - folded).astype(np.int64)


def _radius_square(transport: LightTransport, pitch_mm: float) -> FloatArray:
    """Straight lines of the squared radius over the fraction s of photons further out, between quantiles; (K, Q, 2).

    The quantiles of `LightTransport` are at levels 1 - s even in the root of s; [pixels squared].
    """
    square = (transport.radius_quantile_um * (1e-3 / pitch_mm)) ** 2
    further = 1.0 - transport.quantile_level
    slope = np.diff(square, axis=1) / (further[:-1] - further[1:])
    return np.ascontiguousarray(np.stack([square[:, :-1] + slope * further[:-1], slope], axis=2))
