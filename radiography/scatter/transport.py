"""Histories of photons through an object, in chunks: sums that are the same for any number of threads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from radiography.beam.attenuation import linear_attenuation_per_mm, material
from radiography.projection.geometry import Geometry
from radiography.scatter.kernels import (
    FIRST,
    SQUARE,
    TOTALS,
    Detector,
    GridShape,
    Source,
    Tallies,
    trace_chunks,
)
from radiography.scatter.tables import ScatterTables
from radiography.scatter.world import World

HISTORIES_PER_CHUNK = 25_000  # chosen: work of one seed
CHUNKS_PER_BATCH = 16  # chosen: sums that are held at the same time

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Experiment:
    """Everything that histories need.

    Attributes
    ----------
    world, tables : World, ScatterTables
        From `world.world_of`.
    source, detector, grid : Source, Detector, GridShape
        Where photons start, what is scored at the panel, and what stands before it.
    photons : float
        That the source sends into its field in one exposure. [1]
    """

    world: World
    tables: ScatterTables
    source: Source
    detector: Detector
    grid: GridShape
    photons: float


@dataclass(frozen=True, eq=False)
class Sums:
    """Sums over histories.

    Attributes
    ----------
    histories : int
        [1]
    cells : (R, C, 2 + Q) float64
        Scattered photons that meet each cell, the squares of their first portion, and their portions.
    totals : (4,) float64
        Energy of photons that meet the panel's plane unscattered [keV], backscattered energy times mass energy
        absorption of air [keV cm2/g], number of scattered photons at the plane [1], their energy [keV].
    deposits_keV : (S + 1 + V M,) float64
        Energy left in each solid, the V volumes before all, and in the medium; those of volumes are 0, and what is left
        in each of the M materials of a volume comes after the medium. [keV]
    """

    histories: int
    cells: FloatArray
    totals: FloatArray
    deposits_keV: FloatArray

    @property
    def portions(self) -> FloatArray:
        """Sums of the portions, (R, C, Q)."""
        return self.cells[..., FIRST:]

    @property
    def square(self) -> FloatArray:
        """Sums of the squares of the first portion, (R, C): the variance of its sums."""
        return self.cells[..., SQUARE]


def batches(experiment: Experiment, rng: np.random.Generator) -> Iterator[Sums]:
    """Sums over more and more histories, without an end.

    Parameters
    ----------
    experiment : Experiment
        What is followed.
    rng : numpy.random.Generator
        Same state, same bytes, for any number of threads.

    Yields
    ------
    sums : Sums
        Of all histories so far; `HISTORIES_PER_CHUNK` times `CHUNKS_PER_BATCH` more each time.
    """
    rows, cols = cell_counts(experiment.detector, experiment.source)
    quantities, world = experiment.detector.portions.shape[2], experiment.world
    histories = 0
    cells, totals = np.zeros((rows, cols, FIRST + quantities)), np.zeros(TOTALS)
    deposits_keV = np.zeros(len(world.kind) + 1 + len(world.voxel_start) * len(experiment.tables.total_per_mm))
    source = experiment.source._replace(histories=HISTORIES_PER_CHUNK)
    while True:
        seeds = rng.integers(0, 2**64, size=CHUNKS_PER_BATCH, dtype=np.uint64)
        tallies = Tallies(*(np.zeros((CHUNKS_PER_BATCH, *each.shape)) for each in (cells, totals, deposits_keV)))
        where = (experiment.world, experiment.tables, source)
        trace_chunks(*where, experiment.detector, experiment.grid, seeds, tallies)
        histories += CHUNKS_PER_BATCH * HISTORIES_PER_CHUNK
        cells = cells + tallies.cells.sum(axis=0)
        totals = totals + tallies.totals.sum(axis=0)
        deposits_keV = deposits_keV + tallies.deposits_keV.sum(axis=0)
        yield Sums(histories, cells, totals, deposits_keV)


def cell_counts(detector: Detector, source: Source) -> tuple[int, int]:
    """Rows and columns of the cells that cover the field of the source.

    Parameters
    ----------
    detector, source : Detector, Source
        Of an experiment.

    Returns
    -------
    rows, cols : int
        [1]
    """
    rows, cols = np.rint((source.high_mm - source.low_mm)[::-1] / detector.cell_mm[::-1]).astype(int).tolist()
    return rows, cols


def panel_field_mm(geometry: Geometry) -> tuple[FloatArray, FloatArray]:
    """Lowest and highest x, y of a panel from the foot of the central ray, (2,) each. [mm]"""
    half_mm = 0.5 * geometry.pitch_mm * np.array([geometry.cols, geometry.rows])
    centre_mm = np.array(geometry.panel_shift_mm[::-1])
    return centre_mm - half_mm, centre_mm + half_mm


def panel_source(
    geometry: Geometry, energy_keV: FloatArray, fluence_per_mm2: FloatArray, gain: FloatArray | None = None
) -> tuple[Source, float]:
    """A source that lights a panel and nothing beside it.

    Parameters
    ----------
    geometry : Geometry
        Source, panel, and the medium that the beam has passed. [mm]
    energy_keV : (E,) float64
        Rising. [keV]
    fluence_per_mm2 : (E,) float64
        Where the central ray meets the panel, object absent. [1/mm2]
    gain : (R, C, E) float64, optional
        Photons in other directions over those along the central ray, at even nodes of the panel, rows along y. [1]

    Returns
    -------
    source : Source
    photons : float
        That start towards the panel: more than arrive, as the medium takes some. [1]
    """
    low_mm, high_mm = panel_field_mm(geometry)
    distance_mm = geometry.source_to_detector_mm
    x, y = (low + (high - low) * (np.arange(400) + 0.5) / 400 for low, high in zip(low_mm, high_mm, strict=True))
    cosine = distance_mm / np.sqrt(x**2 + y[:, None] ** 2 + distance_mm**2)
    lit_mm2 = float((cosine**3).mean() * np.prod(high_mm - low_mm))
    before = linear_attenuation_per_mm(material(geometry.medium), energy_keV) * distance_mm
    started = fluence_per_mm2 * np.exp(before)
    cumulative = np.cumsum(started)
    weight = np.ones((2, 2, energy_keV.size)) if gain is None else gain
    cumulative_share = np.ascontiguousarray(cumulative / cumulative[-1])
    energies = np.ascontiguousarray(energy_keV, dtype=np.float64)
    source = Source(distance_mm, low_mm, high_mm, energies, cumulative_share, np.ascontiguousarray(weight), 0)
    return source, float(cumulative[-1] * lit_mm2)
