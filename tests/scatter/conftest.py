"""Experiments that the tests of scatter share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from phantoms.solids import Phantom
from radiography.beam.attenuation import Material
from radiography.projection.geometry import Geometry
from radiography.scatter.grid import grid_shape
from radiography.scatter.kernels import Detector
from radiography.scatter.transport import Experiment, panel_field_mm, panel_source
from radiography.scatter.world import world_of
from radiography.scene import GridChoice

MakeExperiment = Callable[..., Experiment]


@pytest.fixture(scope="session")
def experiment_of() -> MakeExperiment:
    """An experiment whose detector takes in all energy, at any angle."""

    def make(
        phantom: Phantom | None,
        geometry: Geometry,
        energy_keV: np.ndarray,
        fluence: np.ndarray,
        *,
        materials: dict[str, Material] | None = None,
        grid: GridChoice | None = None,
        cells: tuple[int, int] = (48, 48),
    ) -> Experiment:
        highest = float(np.max(energy_keV))
        world, tables = world_of(phantom, geometry.medium, geometry.source_to_detector_mm, highest, materials)
        source, photons = panel_source(geometry, np.asarray(energy_keV), np.asarray(fluence))
        low_mm, high_mm = panel_field_mm(geometry)
        energies = 0.5 * np.arange(tables.total_per_mm.shape[1])
        portions = np.ascontiguousarray(np.broadcast_to(energies[:, None, None], (energies.size, 3, 1)))
        detector = Detector(low_mm, (high_mm - low_mm) / np.array(cells[::-1]), portions, -1, 0.0)
        return Experiment(world, tables, source, detector, grid_shape(grid, highest, materials), photons)

    return make
