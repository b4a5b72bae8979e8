"""The slanted-edge MTF beside a plain numpy projector, in one run.

    python benchmarks/bench_mtf.py [--repeats 7] [--output benchmarks/results/mtf.csv]

The projector is what a textbook does: centroids of the rows' differences, a straight line through them, pixels into
bins of an eighth of a pixel, differences, a Hann window, a transform, and the widths of bins and differences divided
out. It knows no bow, no field, no outliers and no uncertainty. All cases run in turn, after a first round to warm up.
One CSV row per case: processor seconds (all threads) of the median round, and the median ratio to the projector in the
same round.
"""

from __future__ import annotations

import argparse
import csv
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.special import ndtr

from radiography.analysis.mtf import slanted_edge_mtf

COLUMNS = ("case", "rows", "cols", "repeats", "median_cpu_s", "median_ratio", "machine")
BINS_PER_PIXEL = 8
PITCH_MM = 0.139


def edge(side: int, rng: np.random.Generator) -> np.ndarray:
    """A Gaussian edge at 3 degrees with 3 % noise."""
    r, c = np.arange(side)[:, None] - side / 2, np.arange(side)[None, :] - side / 2
    distance = c * np.cos(np.radians(3)) + r * np.sin(np.radians(3))
    return (1000 * ndtr(distance / 0.6) + rng.normal(0, 30, (side, side))).astype(np.float32)


def plain_projector(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies [cycles/pixel] and MTF of a nearly vertical edge, bright on the right."""
    rows, cols = image.shape
    column, row = np.arange(cols), np.arange(rows)
    slope = np.gradient(image.astype(np.float64), axis=1)
    place = np.argmax(np.apply_along_axis(np.convolve, 1, slope, np.ones(9), "same"), axis=1).astype(float)
    for _ in range(2):
        weight = slope * (np.abs(column[None, :] - place[:, None]) < 12)
        centre = (weight * column).sum(axis=1) / weight.sum(axis=1)
        line = np.polyfit(row, centre, 1)
        place = np.polyval(line, row)
    distance = (column[None, :] - place[:, None]) * np.cos(np.arctan(line[0]))
    reach = min(place.min(), cols - 1 - place.max()) - 1
    number = np.floor((distance + reach) * BINS_PER_PIXEL).astype(int)
    inside = (number >= 0) & (number < int(2 * reach * BINS_PER_PIXEL))
    count = np.bincount(number[inside])
    spread = np.bincount(number[inside], image[inside]) / np.maximum(count, 1)
    lines = np.diff(spread) * np.hanning(spread.size - 1)
    modulus = np.abs(np.fft.rfft(lines))
    frequency = np.fft.rfftfreq(lines.size, 1 / BINS_PER_PIXEL)
    return frequency, modulus / modulus[0] / np.sinc(frequency / BINS_PER_PIXEL) ** 2


def cpu_seconds(call: Callable[[], object]) -> float:
    """Processor time of one call, all threads."""
    start = time.process_time()
    call()
    return time.process_time() - start


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, and write the table where asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--output", type=Path)
    chosen = parser.parse_args(arguments)
    rng, table = np.random.default_rng(1), []
    for side in (400, 2000):
        image = edge(side, rng)
        whole = (0, side, 0, side)
        cases: dict[str, Callable[[], object]] = {
            "plain projector, numpy": lambda image=image: plain_projector(image),
            "slanted_edge_mtf, region given": lambda image=image, whole=whole: slanted_edge_mtf(image, PITCH_MM, whole),
            "slanted_edge_mtf, region found": lambda image=image: slanted_edge_mtf(image, PITCH_MM),
        }
        for call in cases.values():
            call()
        seconds = [[cpu_seconds(call) for call in cases.values()] for _ in range(chosen.repeats)]
        for k, case in enumerate(cases):
            median = statistics.median(times[k] for times in seconds)
            ratio = statistics.median(times[k] / times[0] for times in seconds)
            table.append((case, side, side, chosen.repeats, f"{median:.4f}", f"{ratio:.2f}", platform.machine()))
            print(f"{side:>5} {case:<32}{1e3 * median:>9.1f} ms {ratio:>6.2f} projectors")
    if chosen.output is not None:
        with chosen.output.open("w", newline="", encoding="utf-8") as file:
            file.write(f"# {platform.machine()}, Python {platform.python_version()}, processor seconds\n")
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows(table)


if __name__ == "__main__":
    main(sys.argv[1:])
