"""Maps of known truth: found again, with the error that they state, in the same bytes for any number of threads."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from radiography.scatter.map_fit import fit_map, map_at, share_at

EVEN = (np.arange(96) + 0.5) / 96
Y, X = np.meshgrid((np.arange(480) + 0.5) / 480 - 0.5, (np.arange(480) + 0.5) / 480 - 0.5, indexing="ij")
SLAB = (1 - 2.2 * X**2 + 1.6 * X**4) * (1 - 2.2 * Y**2 + 1.6 * Y**4)
CHEST = SLAB * (1 + 0.35 * sum(np.exp(-((X - side) ** 2 / 0.012 + Y**2 / 0.05)) for side in (-0.2, 0.2)))
BALL = 0.05 + np.exp(-((X - 0.1) ** 2 + (Y + 0.1) ** 2) / 0.01)  # 30 mm rms on a panel of 430 mm


def _means(fine: np.ndarray, cells: int) -> np.ndarray:
    size = 480 // cells
    return fine.reshape(cells, size, cells, size).mean(axis=(1, 3)) / fine.mean()


def test_what_splines_can_be_is_found_exactly() -> None:
    """A product of parabolas over 24 x 48 cells: rows are rows."""
    rows, cols = (np.arange(24) + 0.5) / 24, (np.arange(48) + 0.5) / 48
    means = np.outer(1 + rows - rows**2, 2 - cols)  # of cells, but for the part that a parabola has within a cell
    found = fit_map((1e6 * means)[..., None], 1e6 * means, 2e-6, 10)
    assert map_at(found, rows, cols) == pytest.approx(2 * means, rel=2e-3)
    assert found.noise < 3e-3 and found.histories == 10


@pytest.mark.slow
@pytest.mark.parametrize(("name", "fine"), [("slab", SLAB), ("chest", CHEST), ("ball", BALL)])
def test_a_map_states_its_error(name: str, fine: np.ndarray) -> None:
    """Six draws of 100 photons a cell: 25 to 400 coefficients each, so that their rms error is known within 5 %; what
    is stated is a tenth more than the least that was measured, and never a fifth less than what is true.
    """
    means, truth, rng = _means(fine, 48), _means(fine, 96), np.random.default_rng(1)
    stated, true = [], []
    for _ in range(6):
        drawn = rng.poisson(100 * means).astype(float)
        found = fit_map(drawn[..., None], drawn, 0.01, 1)
        stated.append(found.noise**2)
        true.append(np.mean((map_at(found, EVEN, EVEN) - truth) ** 2))
    assert 0.75 < np.sqrt(np.mean(true) / np.mean(stated)) < 1.1, name


def test_shares_keep_portions_together() -> None:
    rng = np.random.default_rng(2)
    drawn = rng.poisson(100 * _means(SLAB, 48)).astype(float)
    found = fit_map(np.stack([drawn, 3 * drawn, 0 * drawn], axis=2), drawn, 1.0, 1)
    assert share_at(found, 1, EVEN, EVEN) == pytest.approx(np.full((96, 96), 3.0), rel=0.06)
    assert not share_at(found, 2, EVEN, EVEN).any()


def test_no_photon_makes_no_scatter() -> None:
    found = fit_map(np.zeros((48, 48, 2)), np.zeros((48, 48)), 1.0, 5)
    assert found.noise == 0.0 and not map_at(found, EVEN, EVEN).any()


@pytest.mark.slow
def test_bytes_do_not_change_with_the_threads_of_linear_algebra() -> None:
    code = (
        "import hashlib, numpy as np\n"
        "from radiography.scatter.map_fit import fit_map, map_at\n"
        "drawn = np.random.default_rng(3).poisson(np.full((48, 48), 50.0)).astype(float)\n"
        "found = fit_map(drawn[..., None], drawn, 1.0, 1)\n"
        "even = (np.arange(300) + 0.5) / 300\n"
        "print(hashlib.sha256(found.coefficients.tobytes() + map_at(found, even, even).tobytes()).hexdigest())"
    )
    found = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for threads in ("1", "2")
    ]
    assert found[0] == found[1]
