"""A picture For Presentation of a 3,072 x 3,072 frame beside one Gaussian filter of it, in turns within one run.

    python benchmarks/bench_presentation.py [--repeats 7] [--side 3072] [--output benchmarks/results/presentation.csv]

The filter is `scipy.ndimage.gaussian_filter` with a sigma of 2 pixels in float32, of one thread. One CSV row
per preset, and one for the frame behind collimators: median wall and processor seconds, and their median ratios to the
filter of the same round.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from in_turns import rows_in_turns, write_table
from scipy.ndimage import gaussian_filter

from radiography.presentation.chain import present

PRESETS = ("default", "board", "chest", "extremity", "wire", "identity")


def frame(side: int) -> np.ndarray:
    """A noisy field with plates of many thicknesses and sizes. [DN]"""
    rng = np.random.default_rng(1)
    attenuation = np.zeros((side, side), np.float32)
    for size in (side // 2, side // 4, side // 8, side // 16, side // 32):
        for _ in range(12):
            row, col = rng.integers(side // 8, 7 * side // 8 - size // 2, 2)
            attenuation[row : row + size // 2, col : col + size // 2] += rng.uniform(0.05, 0.4)
    mean = 4000.0 * np.exp(-attenuation)
    return np.asarray(mean + np.sqrt(mean) * rng.standard_normal(mean.shape), np.float32)


def collimated(image: np.ndarray) -> np.ndarray:
    """The same behind four blades that let half a per cent through. [DN]"""
    edge = len(image) // 15
    behind = image * np.float32(0.005)
    behind[edge:-edge, edge:-edge] = image[edge:-edge, edge:-edge]
    return behind


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, and write the table where asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--side", type=int, default=3072)
    parser.add_argument("--output", type=Path)
    chosen = parser.parse_args(arguments)
    image = frame(chosen.side)
    cases: dict[str, Callable[[], object]] = {"gaussian_filter, sigma 2": lambda: gaussian_filter(image, 2.0)}
    cases |= {name: partial(present, image, name) for name in PRESETS}
    cases["default, collimated"] = partial(present, collimated(image))
    table = rows_in_turns(cases, chosen.side, chosen.repeats)
    if chosen.output is not None:
        write_table(chosen.output, table)


if __name__ == "__main__":
    main(sys.argv[1:])
