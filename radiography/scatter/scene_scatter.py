"""Scatter of a scene: its experiment, histories until its map is good enough, and what the map adds to pixels."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt

from phantoms.solids import Phantom
from radiography.beam.attenuation import Material
from radiography.beam.heel import HeelEffect, heel_gain
from radiography.beam.spectrum import Spectrum
from radiography.panel.direct_detection import PORTIONS
from radiography.projection.geometry import Geometry
from radiography.scatter.kernels import Detector, GridShape
from radiography.scatter.map_fit import ScatterMap, fit_map, map_at, share_at
from radiography.scatter.response import BARE, COATED, LIGHT
from radiography.scatter.transport import (
    CHUNKS_PER_BATCH,
    HISTORIES_PER_CHUNK,
    Experiment,
    Sums,
    batches,
    panel_field_mm,
    panel_source,
)
from radiography.scatter.world import world_of

CELLS = 48  # along each axis of the panel   # chosen
SEED = 195  # of every map: a scene has one
FIRST_BATCHES = 4  # before a map is fitted   # chosen
MOST_BATCHES = 1500  # 600 M histories, minutes   # chosen: a map that is still not good enough is taken as it is
HEEL_NODES = 9  # along each axis of the field

FloatArray = npt.NDArray[np.float64]
Picture = npt.NDArray[np.float32]


def scatter_experiment(
    phantom: Phantom | None,
    geometry: Geometry,
    spectrum: Spectrum,
    heel: HeelEffect | None,
    portions: FloatArray,
    grid: GridShape,
    materials: Mapping[str, Material] | None = None,
) -> Experiment:
    """Histories to be followed for a scene: its source lights the panel and nothing beside it.

    Parameters
    ----------
    phantom : Phantom or None
        What stands in the beam.
    geometry : Geometry
        Source, panel and the medium between them. The source is a point.
    spectrum : Spectrum
        Where the central ray meets the panel, object absent.
    heel : HeelEffect or None
        How the beam changes over the field.
    portions : (E, A + 1, Q) float64
        What a photon at the panel gives, from `response.panel_portions`, or as a user wants to score it.
    grid : GridShape
        From `grid.grid_shape`.
    materials : mapping of str to Material, optional
        Materials beside the built-in ones.

    Returns
    -------
    experiment : Experiment
    """
    lit = spectrum.fluence_per_mm2 > 0
    energy_keV, fluence = spectrum.energy_keV[lit], spectrum.fluence_per_mm2[lit]
    low_mm, high_mm = panel_field_mm(geometry)
    gain = None
    if heel is not None:
        x, y = (np.linspace(low, high, HEEL_NODES) for low, high in zip(low_mm, high_mm, strict=True))
        distance_mm = geometry.source_to_detector_mm
        gain = heel_gain(heel, y[:, None] / distance_mm, x / distance_mm)[..., lit]
    source, photons = panel_source(geometry, energy_keV, fluence, gain)
    world, tables = world_of(phantom, geometry.medium, geometry.source_to_detector_mm, float(energy_keV[-1]), materials)
    detector = Detector(low_mm, (high_mm - low_mm) / CELLS, portions, -1, 0.0)
    return Experiment(world, tables, source, detector, grid, photons)


def map_of(experiment: Experiment, sums: Sums) -> ScatterMap:
    """The map that the histories so far give.

    Parameters
    ----------
    experiment : Experiment
        What was followed.
    sums : Sums
        Of its histories.

    Returns
    -------
    found : ScatterMap
    """
    per_area = experiment.photons / sums.histories / float(np.prod(experiment.detector.cell_mm))
    return fit_map(sums.portions, sums.square, per_area, sums.histories)


def scatter_map(
    experiment: Experiment,
    noise: float,
    rng: np.random.Generator | None = None,
    progress: Callable[[float], None] | None = None,
) -> ScatterMap:
    """Map of the scatter whose own standard error is at most as wanted.

    Parameters
    ----------
    experiment : Experiment
        From `scatter_experiment`.
    noise : float
        Standard error wanted, over the map's mean. [1]
    rng : numpy.random.Generator, optional
        Same state, same map, for any number of threads; without one the map of all is that of one seed.
    progress : callable, optional
        Called with the fraction done, 0 to 1.

    Returns
    -------
    found : ScatterMap
        With the error that it has: larger than wanted, which is warned of, where `MOST_BATCHES` did not suffice.
    """
    rng = np.random.default_rng(SEED) if rng is None else rng
    next_fit = FIRST_BATCHES
    for number, sums in enumerate(batches(experiment, rng), 1):
        if progress is not None:
            progress(min(1.0, number / next_fit))
        if number < next_fit:
            continue
        found = map_of(experiment, sums)
        if found.noise <= noise:
            return found
        if number >= MOST_BATCHES:
            warnings.warn(
                f"the map of scatter has a standard error of {found.noise:.2g} of its mean where {noise:g} was wanted, "
                "and followed as many photons as it may: ask for a larger noise in [scatter]",
                stacklevel=2,
            )
            return found
        wanted = int(np.ceil(number * min(16.0, (found.noise / noise) ** 2)))
        next_fit = min(MOST_BATCHES, max(number + 1, wanted))
    raise AssertionError("histories have no end")


@dataclass(frozen=True)
class ScatterForecast:
    """What a map will take.

    Attributes
    ----------
    histories : int
        To be followed. [1]
    seconds : float
        At the speed of those that were tried. [s]
    noise : float
        Standard error of the map then, over its mean. [1]
    tried : ScatterMap
        Map of the histories that were tried.
    """

    histories: int
    seconds: float
    noise: float
    tried: ScatterMap


def forecast(experiment: Experiment, noise: float, clock: Callable[[], float]) -> ScatterForecast:
    """Histories and time that a map of a given error takes, from a few of them.

    Parameters
    ----------
    experiment : Experiment
        From `scatter_experiment`.
    noise : float
        Standard error wanted. [1]
    clock : callable
        Gives the time. [s]

    Returns
    -------
    found : ScatterForecast
    """
    first: Iterator[Sums] = batches(experiment, np.random.default_rng(SEED))
    next(first)  # with it the kernels are compiled
    start = clock()
    sums = next(islice(first, FIRST_BATCHES - 2, None))
    each_s = (clock() - start) / (FIRST_BATCHES - 1)
    tried = map_of(experiment, sums)
    wanted = max(FIRST_BATCHES, int(np.ceil(FIRST_BATCHES * (tried.noise / noise) ** 2)))
    number = min(wanted, MOST_BATCHES)
    expected = min(noise, tried.noise) if number == wanted else tried.noise * np.sqrt(FIRST_BATCHES / number)
    histories = number * CHUNKS_PER_BATCH * HISTORIES_PER_CHUNK
    return ScatterForecast(histories, number * each_s, float(expected), tried)


def scatter_planes(found: ScatterMap, geometry: Geometry, bare: npt.NDArray[np.bool_]) -> Picture:
    """What scatter gives the pixels of a panel.

    Parameters
    ----------
    found : ScatterMap
        Of the portions of `response.panel_portions`.
    geometry : Geometry
        Of the panel.
    bare : (H, W) bool
        Pixels without a layer.

    Returns
    -------
    planes : (3 + 4, H, W) float32
        Light, quanta, squared light, and the four of the diodes. [1, 1, 1, and those of `DiodeMeans`]
    """
    rows, cols = ((np.arange(count) + 0.5) / count for count in (geometry.rows, geometry.cols))
    first = map_at(found, rows, cols) * geometry.pitch_mm**2
    planes = np.empty((BARE, geometry.rows, geometry.cols), dtype=np.float32)
    some = bool(bare.any())
    for quantity, plane in enumerate(planes):
        plane[:] = first if quantity == LIGHT else first * share_at(found, quantity, rows, cols)
        if some and quantity < COATED:
            plane[bare] = 0.0
        elif some:
            plane[bare] = (first * share_at(found, quantity + PORTIONS, rows, cols))[bare]
    return planes
