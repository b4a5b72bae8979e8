"""Runs of equal voxels along the way of the rays: what a ray may cross in one step.

Labels of organs and air hold the same code for many voxels. There a ray goes on along the axis that it crosses most
often to the end of the run, or to where it leaves the line of voxels, whichever comes first.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit, prange

CodeArray = npt.NDArray[np.uint16]
FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
RunArray = npt.NDArray[np.uint8]

LONGEST = 255  # of a run, in one byte [voxels]
SHORTEST_MEAN = 4.0  # chosen: shorter runs cost more to look up than they save; CT numbers with noise have runs of 1


def main_axis(to_voxel: FloatArray) -> int:
    """Voxel axis that rays from a source high over the panel cross most often, and the sense.

    Parameters
    ----------
    to_voxel : (3, 4) float64
        From the world to voxels.

    Returns
    -------
    axis : int
        1, 2 or 3 for x, y or z where they go up along it, negative where they go down. Rays travel towards -z.
    """
    along = -to_voxel[:, 2]
    axis = int(np.argmax(np.abs(along)))
    return axis + 1 if along[axis] > 0 else -axis - 1


@njit(parallel=True, cache=True, error_model="numpy")
def _count(lines: CodeArray, backward: bool, runs: RunArray) -> int:
    """Write `runs` of lines (rows, voxels along the way, cols), and return how many runs there are."""
    rows, length, cols = lines.shape
    count = 0
    for row in prange(rows):
        found = 0
        for number in range(length):
            here = number if backward else length - 1 - number
            ahead = here - 1 if backward else here + 1
            for col in range(cols):
                same = number > 0 and lines[row, ahead, col] == lines[row, here, col]
                runs[row, here, col] = min(runs[row, ahead, col] + 1, LONGEST) if same else 1
                found += not same
        count += found
    return count


def voxel_runs(codes: CodeArray, first: IntArray, stop: IntArray, axis: int) -> RunArray | None:
    """How many voxels from each one on have its code.

    Parameters
    ----------
    codes : (Z, Y, X) uint16
        Of one volume.
    first, stop : (3,) int64
        Along x, y, z: the box of the voxels that are occupied.
    axis : int
        Which way to count, as `main_axis` says it.

    Returns
    -------
    runs : (Z, Y, X) uint8 or None
        Itself included, LONGEST at most; 0 outside of the box. None where runs are too short to be worth it.
    """
    runs = np.zeros(codes.shape, np.uint8)
    box = tuple(slice(int(low), int(high)) for low, high in zip(first[::-1], stop[::-1], strict=True))
    # rows, the way, columns: the axis in memory order stays last, but where it is the way itself
    order = {1: (0, 2, 1), 2: (0, 1, 2), 3: (1, 0, 2)}[abs(axis)]
    count = int(_count(codes[box].transpose(order), axis < 0, runs[box].transpose(order)))
    return runs if np.prod(stop - first) >= SHORTEST_MEAN * count > 0 else None
