"""What the blur of the focal spot costs: exposure and frame with a spot of 1 mm over those with a point.

The object is lifted until its top is magnified 1.25 times, so that the spot blurs by 0.25 mm there; a second spot of
2 mm needs several points for a ray. Exposure is the projection for layer and diodes with the spread of the light, once
for a scene; the frame is what noise, diodes and readout take besides.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numba
import numpy as np

from phantoms.solids import move_phantom
from radiography.acquire import Acquisition, acquire_frame, expose, plan_acquisition
from radiography.config import load_scene
from radiography.projection.focal_spot import spot_points
from radiography.projection.surfaces import highest_mm, solid_surfaces

MAGNIFICATION = 1.25


def planned(name: str, pixels: int) -> Acquisition:
    """A shipped scene on a panel of so many pixels."""
    with tempfile.TemporaryDirectory() as folder:
        text = f'based_on = "fully_coated"\nname = "square"\ndescription = "{pixels} pixels"\n[pixels]\n'
        (Path(folder) / "square.toml").write_text(
            text + f"rows = {pixels}\ncols = {pixels}\n", encoding="utf-8", newline="\n"
        )
        return plan_acquisition(replace(load_scene(name), panel="square.toml"), Path(folder))


def lifted(acquisition: Acquisition, focal_spot_mm: float) -> Acquisition:
    """The same scene, its object raised to the magnification, with another focal spot."""
    geometry, phantom = acquisition.geometry, acquisition.phantom
    if phantom is None:
        raise ValueError("the scene of this benchmark must hold an object")
    distance_mm = geometry.source_to_detector_mm
    top_mm = highest_mm(phantom, solid_surfaces(phantom, distance_mm))
    raised = move_phantom(phantom, (0.0, 0.0, distance_mm * (1.0 - 1.0 / MAGNIFICATION) - top_mm))
    return replace(acquisition, geometry=replace(geometry, focal_spot_mm=focal_spot_mm), phantom=raised)


def timed(work: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Medians of wall time and of the processor time of all threads. [s]"""
    wall, processor = [], []
    for _ in range(repeats):
        start = time.perf_counter(), time.process_time()
        work()
        wall.append(time.perf_counter() - start[0])
        processor.append(time.process_time() - start[1])
    return statistics.median(wall), statistics.median(processor)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--pixels", type=int, default=3072, help="of a side; the object stays where it is")
    parser.add_argument("--spots", type=float, nargs="+", default=[0.0, 1.0, 2.0])
    parser.add_argument("--scenes", nargs="+", default=["edge", "card"])
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results" / "focal_spot.csv")
    options = parser.parse_args()
    rows = []
    for name in options.scenes:
        plan = planned(name, options.pixels)
        sharp_cpu_s = 0.0
        for focal_spot_mm in options.spots:
            acquisition = lifted(plan, focal_spot_mm)
            sampling = plan.scene.sampling
            rays = sampling.samples_per_pixel * sampling.rays_per_sample
            top_mm = plan.geometry.source_to_detector_mm * (1.0 - 1.0 / MAGNIFICATION)
            start = time.perf_counter()
            points = spot_points(acquisition.geometry, rays, sampling.rays_per_sample, top_mm)
            search_s = time.perf_counter() - start
            exposure = expose(acquisition)  # warms up
            exposure_s, exposure_cpu_s = timed(partial(expose, acquisition), options.repeats)
            frame_s, frame_cpu_s = timed(
                partial(acquire_frame, acquisition, exposure, np.random.default_rng(1)), options.repeats
            )
            sharp_cpu_s = sharp_cpu_s or exposure_cpu_s
            row = {
                "scene": name,
                "pixels": acquisition.geometry.rows,
                "threads": numba.get_num_threads(),
                "focal_spot_mm": focal_spot_mm,
                "blur_mm": round((MAGNIFICATION - 1.0) * focal_spot_mm, 3),
                "points": len(points.points_mm),
                "points_per_ray": points.points_per_ray,
                "deviation": round(points.deviation, 4),
                "search_s": round(search_s, 3),
                "exposure_s": round(exposure_s, 2),
                "frame_s": round(frame_s, 2),
                "exposure_cpu_s": round(exposure_cpu_s, 2),
                "frame_cpu_s": round(frame_cpu_s, 2),
                "exposure_cpu_ratio": round(exposure_cpu_s / sharp_cpu_s, 2),
                "exposure_and_frame_cpu_ratio": round((exposure_cpu_s + frame_cpu_s) / (sharp_cpu_s + frame_cpu_s), 2),
            }
            print(", ".join(f"{key} {value}" for key, value in row.items()), flush=True)
            rows.append(row)
    options.results.parent.mkdir(exist_ok=True)
    with options.results.open("w", encoding="utf-8", newline="") as file:
        print(f"# exposure and one frame, object at M = {MAGNIFICATION}; Python {sys.version.split()[0]}", file=file)
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
