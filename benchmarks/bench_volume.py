"""Speed of the paths through a voxel volume: every ray, fewer rays, and Joseph's method in plain numpy for one sum.

A body of an ellipsoid with lungs and spine in 512^3 voxels of 0.7 mm; the panel has 3072 x 3072 pixels. Seconds are
those of the processor, of all threads; the three are measured in turn in one process.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np

from phantoms.volume import Volume, place_volume
from radiography.projection.volume_paths import areal_masses, interpolated_masses

SOURCE_MM = np.array([0.0, 0.0, 1500.0])
PITCH_MM = 0.139
EXTENT_MM = 358.4  # 512 voxels of 0.7 mm


def body(voxels: int) -> Volume:
    """Soft tissue 330 x 330 x 181 mm with two lungs and a spine, its middle 200 mm before the panel."""
    spacing = EXTENT_MM / voxels
    place = (np.arange(voxels, dtype=np.float32) + 0.5) * np.float32(spacing) - np.float32(EXTENT_MM / 2)
    z, y, x = place[:, None, None], place[:, None], place
    codes = np.zeros((voxels,) * 3, np.uint16)
    codes[(x / 165) ** 2 + (y / 165) ** 2 + (z / 90.5) ** 2 < 1] = 1
    for side in (-70.0, 70.0):
        codes[((x - side) / 50) ** 2 + (y / 110) ** 2 + (z / 65) ** 2 < 1] = 2
    codes[(x**2 + (z - 60) ** 2 < 225) & (abs(y) < 140)] = 3
    table = np.array([[0.0, 0.0, 0.0], [1.06, 0.0, 0.0], [0.0, 0.26, 0.0], [0.3, 0.0, 1.0]])
    return place_volume(codes, table, ("soft_tissue", "lung", "cortical_bone"), (spacing,) * 3, (0.0, 0.0, 200.0))


def joseph_numpy(volume: Volume, places_mm: np.ndarray) -> np.ndarray:
    """Total areal mass by bilinear look-ups in every slice [g/cm2]; for volumes that are not turned."""
    density = volume.partial_g_per_cm3.sum(axis=1).astype(np.float32)
    dx, dy, dz = volume.spacing_mm
    count_z, count_y, count_x = volume.codes.shape
    total = np.zeros((len(places_mm), len(places_mm)), np.float32)
    for plane in range(count_z):
        image = density[volume.codes[plane]]
        if not image.any():
            continue
        z_mm = volume.position_mm[2] + (plane + 0.5 - count_z / 2) * dz
        shrink = 1.0 - z_mm / SOURCE_MM[2]
        x = np.clip((places_mm * shrink - volume.position_mm[0]) / dx + 0.5 * (count_x - 1), 0, count_x - 1.001)
        y = np.clip((places_mm * shrink - volume.position_mm[1]) / dy + 0.5 * (count_y - 1), 0, count_y - 1.001)
        left, above = x.astype(np.int64), y.astype(np.int64)
        across, down = (x - left).astype(np.float32), (y - above).astype(np.float32)[:, None]
        rows = image[above] * (1 - down) + image[above + 1] * down
        total += rows[:, left] * (1 - across) + rows[:, left + 1] * across
    slant = np.sqrt(places_mm[:, None] ** 2 + places_mm**2 + SOURCE_MM[2] ** 2) / SOURCE_MM[2]
    return np.asarray(total * slant * (0.1 * dz))


def main() -> None:
    """Print processor seconds, ratios and the error of the reduced grid."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--voxels", type=int, default=512)
    parser.add_argument("--pixels", type=int, default=3072)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    volume = body(arguments.voxels)
    places_mm = (np.arange(arguments.pixels) - 0.5 * (arguments.pixels - 1)) * (PITCH_MM * 3072 / arguments.pixels)
    few = places_mm[:: max(1, len(places_mm) // 16)].copy()
    programs = {
        "every ray": lambda places: areal_masses(volume, SOURCE_MM, places, places),
        "fewer rays": lambda places: interpolated_masses(volume, SOURCE_MM, places, places),
        "joseph, numpy, one sum": lambda places: joseph_numpy(volume, places),
    }
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    results: dict[str, np.ndarray] = {}
    for run in programs.values():
        run(few)  # compiles
    interpolated_masses(volume, SOURCE_MM, np.linspace(-1, 1, 50), np.linspace(-1, 1, 50))
    for _ in range(arguments.repeats):
        for name, run in programs.items():
            begin = time.process_time()
            results[name] = run(places_mm)
            seconds[name].append(time.process_time() - begin)
    slowest = statistics.median(seconds["joseph, numpy, one sum"])
    for name, times in seconds.items():
        print(f"{name:24s} {statistics.median(times):7.2f} CPU s, {statistics.median(times) / slowest:.2f} of joseph")
    total = results["every ray"].sum(axis=0)
    inside = total > 1.0
    for name in ("fewer rays", "joseph, numpy, one sum"):
        other = results[name].sum(axis=0) if results[name].ndim == 3 else results[name]
        error = (other[inside] - total[inside]) / total[inside].mean()
        print(f"{name:24s} rms {100 * np.sqrt(np.mean(error**2)):.3f} %, bias {100 * error.mean():+.4f} % of the mean")


if __name__ == "__main__":
    main()
