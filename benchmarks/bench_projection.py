"""Speed and memory of the projection on a full panel, beside gVirtualXray on the same scene.

Every measured program runs in a process of its own, one after the other: warm up, then the median of the repeats.
gVirtualXray is optional (README.md says how to install it) and may live in an interpreter of its own, named by
--gvxr-python. Its panel is computed in 4 tiles: Mesa's software renderer allows textures of 2048 pixels at most.
"""

from __future__ import annotations

import argparse
import csv
import json
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

SOURCE_TO_DETECTOR_MM = 1000.0
PITCH_MM = 0.139
PIXELS = 3072
TILES = 2  # per axis, for gVirtualXray
STRIDE = 16  # of the thumbnails that are compared
# name, material, formula for gVirtualXray, centre [mm], turn about x, y, z [deg]
SCENE = (
    ("cube", "PMMA", "C5H8O2", (0.0, 0.0, 80.0), (0.0, 0.0, 0.0)),
    ("ball", "Fe", "Fe", (0.0, 0.0, 150.0), (0.0, 0.0, 0.0)),
    ("wedge", "Al", "Al", (-110.0, 110.0, 50.0), (90.0, 0.0, 0.0)),
    ("torus", "Al", "Al", (120.0, 100.0, 50.0), (20.0, 30.0, 0.0)),
)
WEDGE_MM = ((-50.0, -1.0), (50.0, -1.0), (50.0, 19.0), (-50.0, 1.0))  # 2 to 20 mm thick along 100 mm
FIELDS = (
    "program",
    "version",
    "bins",
    "pixels",
    "threads",
    "median_s",
    "lowest_s",
    "highest_s",
    "cpu_s",
    "peak_rss_gb",
)


def paper_beam(bins: int) -> tuple[np.ndarray, np.ndarray]:
    """70 kV, tungsten, 2.5 mm Al, 1 m of air: energies [keV] and photons in equal bins from 10 to 70 keV."""
    import spekpy

    tube = spekpy.Spek(kvp=70, th=12, dk=0.25)
    tube.multi_filter([("Al", 2.5), ("Air", 1000.0)])
    energy_keV, fluence = tube.get_spectrum()
    edges_keV = np.linspace(10.0, 70.0, bins + 1)
    return 0.5 * (edges_keV[1:] + edges_keV[:-1]), np.histogram(energy_keV, edges_keV, weights=fluence)[0]


def timed(work: Callable[[], Any], repeats: int) -> tuple[dict[str, list[float]], Any]:
    """Wall and processor seconds (all threads) of each repeat after a warm-up, and the last result."""
    result = work()
    wall, cpu = [], []
    for _ in range(repeats):
        start, start_cpu = time.perf_counter(), time.process_time()
        result = work()
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - start_cpu)
    return {"wall_s": wall, "cpu_s": cpu}, result


def peak_rss_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def write_scene(folder: Path, bins: int) -> Any:
    """Our phantom; its solids as STL in world coordinates, materials and beam for gVirtualXray in `folder`."""
    import trimesh

    from phantoms.solids import Box, Mesh, Prism, Sphere, phantom_of, place
    from radiography.beam.attenuation import material

    torus = trimesh.creation.torus(25.0, 8.0, major_sections=250, minor_sections=100)
    # gVirtualXray interpolates paths over a triangle and needs small ones on walls that are seen edge on.
    fine_cube = trimesh.creation.box(extents=(100.0, 100.0, 100.0))
    for _ in range(5):
        fine_cube = fine_cube.subdivide()
    corners = [(x, y, z) for z in (-30.0, 30.0) for x, y in WEDGE_MM]
    surfaces = {
        "cube": fine_cube,
        "ball": trimesh.creation.icosphere(subdivisions=5, radius=10.0),
        "wedge": trimesh.convex.convex_hull(np.array(corners)),
        "torus": torus,
    }
    shapes = {
        "cube": Box((100.0, 100.0, 100.0)),
        "ball": Sphere(10.0),
        "wedge": Prism(WEDGE_MM, 60.0),
        "torus": Mesh(np.array(torus.vertices), np.array(torus.faces, dtype=np.int64)),
    }
    solids, densities = [], {}
    for name, substance, _, centre_mm, turn_deg in SCENE:
        solid = place(shapes[name], substance, centre_mm, turn_deg)
        surface = surfaces[name]
        surface.vertices = surface.vertices @ solid.rotation.T + np.array(centre_mm)
        surface.export(folder / f"{name}.stl")
        solids.append(solid)
        densities[name] = material(substance).density_g_per_cm3
    energy_keV, fluence = paper_beam(bins)
    np.savez(folder / "beam.npz", energy_keV=energy_keV, fluence=fluence)
    (folder / "densities.json").write_text(json.dumps(densities), encoding="utf-8", newline="\n")
    return phantom_of("scene", solids)


def run_radiography(folder: Path, bins: int, repeats: int) -> dict[str, Any]:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    import numba

    from radiography.projection.geometry import Geometry
    from radiography.projection.project import project

    phantom = write_scene(folder, bins)
    panel = Geometry(SOURCE_TO_DETECTOR_MM, PIXELS, PIXELS, PITCH_MM, medium="vacuum")  # as gVirtualXray has it
    beam = np.load(folder / "beam.npz")
    weights = (beam["fluence"] * beam["energy_keV"])[None, :]
    seconds, image = timed(lambda: project(phantom, panel, beam["energy_keV"], weights), repeats)
    # gVirtualXray knows no inverse square and no obliquity within the panel.
    flat = project(None, panel, beam["energy_keV"], weights)
    np.save(folder / "radiography.npy", (image / flat)[0, ::STRIDE, ::STRIDE])
    return {**seconds, "version": "here", "threads": numba.get_num_threads(), "peak_rss_gb": peak_rss_gb()}


def run_gvxr(folder: Path, bins: int, repeats: int) -> dict[str, Any]:
    from gvxrPython3 import gvxr

    gvxr.createOpenGLContext()
    gvxr.disableArtefactFiltering()  # its default doubles the time and changes nothing on closed meshes
    gvxr.autoAlignDetector(False)  # its default tilts a panel that is off the axis
    gvxr.setSourcePosition(0.0, 0.0, SOURCE_TO_DETECTOR_MM, "mm")
    gvxr.usePointSource()
    gvxr.setDetectorUpVector(0.0, -1.0, 0.0)
    gvxr.setDetectorRightVector(-1.0, 0.0, 0.0)  # the other sense leaves the panel blank without a word
    side = PIXELS // TILES
    gvxr.setDetectorNumberOfPixels(side, side)
    gvxr.setDetectorPixelSize(PITCH_MM, PITCH_MM, "mm")
    densities = json.loads((folder / "densities.json").read_text(encoding="utf-8"))
    for name, _, formula, _, _ in SCENE:
        gvxr.loadMeshFile(name, str(folder / f"{name}.stl"), "mm", True)
        gvxr.setCompound(name, formula)
        gvxr.setDensity(name, densities[name], "g/cm3")
    beam = np.load(folder / "beam.npz")
    for energy_keV, fluence in zip(beam["energy_keV"], beam["fluence"], strict=True):
        gvxr.addEnergyBinToSpectrumPerPixelAtSDD(float(energy_keV), "keV", float(fluence))

    def frame() -> np.ndarray:
        image = np.empty((PIXELS, PIXELS), dtype=np.float32)
        for row in range(TILES):
            for col in range(TILES):
                centre_mm = [(tile - 0.5 * (TILES - 1)) * side * PITCH_MM for tile in (col, row)]
                gvxr.setDetectorPosition(*centre_mm, 0.0, "mm")
                # With this pair of vectors, rows run upwards and columns to the left.
                tile_image = np.asarray(gvxr.computeXRayImage(), dtype=np.float32)[::-1, ::-1]
                image[row * side : (row + 1) * side, col * side : (col + 1) * side] = tile_image
        return image

    seconds, image = timed(frame, repeats)
    np.save(folder / "gvxr.npy", (image / image.max())[::STRIDE, ::STRIDE])
    version = f"{gvxr.getMajorVersionOfCoreGVXR()}.{gvxr.getMinorVersionOfCoreGVXR()}"
    return {**seconds, "version": version, "threads": "all", "peak_rss_gb": peak_rss_gb()}


def measured(program: str, interpreter: str, folder: Path, bins: int, repeats: int) -> dict[str, Any] | None:
    """One program in a process of its own; None where it cannot be imported."""
    command = [interpreter, str(Path(__file__).resolve()), "--program", program, "--bins", str(bins)]
    command += ["--repeats", str(repeats), "--folder", str(folder)]
    if program == "gvxr":
        probe = subprocess.run([interpreter, "-c", "import gvxrPython3"], capture_output=True, text=True, check=False)
        if probe.returncode:
            print(f"gvxr left out: {probe.stderr.strip().splitlines()[-1]}")
            return None
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    answer = folder / f"{program}.json"
    if run.returncode or not answer.is_file():
        print(f"{program} failed at {bins} bins: {(run.stderr or run.stdout).strip()[-500:]}")
        return None
    result: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
    return result


def compare(folder: Path) -> str:
    """Median relative difference where an object stands, over the thumbnails of both images."""
    ours, theirs = np.load(folder / "radiography.npy"), np.load(folder / "gvxr.npy")
    seen = (ours < 0.98) & (ours > 1e-3)
    difference = theirs[seen] / ours[seen] - 1.0
    return (
        f"images: gvxr / radiography - 1 has median {np.median(difference):+.2e} and median size "
        f"{np.median(np.abs(difference)):.1e} over {seen.sum()} pixels behind objects"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bins", type=int, nargs="+", default=[20, 60])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--gvxr-python", default=sys.executable, help="interpreter that can import gvxr")
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results" / "projection.csv")
    parser.add_argument("--program", choices=("radiography", "gvxr"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.program:
        run = {"radiography": run_radiography, "gvxr": run_gvxr}[options.program]
        result = run(options.folder, options.bins[0], options.repeats)
        (options.folder / f"{options.program}.json").write_text(json.dumps(result), encoding="utf-8", newline="\n")
        return
    rows = []
    for bins in options.bins:
        medians = {}
        with tempfile.TemporaryDirectory() as name:
            for program, interpreter in (("radiography", sys.executable), ("gvxr", options.gvxr_python)):
                result = measured(program, interpreter, Path(name), bins, options.repeats)
                if result is None:
                    continue
                wall, cpu = result["wall_s"], statistics.median(result["cpu_s"])
                medians[program] = statistics.median(wall), cpu
                values = (
                    program, result["version"], bins, PIXELS, result["threads"], f"{statistics.median(wall):.3f}",
                    f"{min(wall):.3f}", f"{max(wall):.3f}", f"{cpu:.3f}", f"{result['peak_rss_gb']:.2f}",
                )  # fmt: skip
                rows.append(dict(zip(FIELDS, values, strict=True)))
                print(", ".join(f"{field} {value}" for field, value in rows[-1].items()))
            if len(medians) == 2:
                wall, cpu = (
                    theirs / ours for theirs, ours in zip(medians["gvxr"], medians["radiography"], strict=True)
                )
                print(f"{bins} bins: gvxr takes {wall:.0f} times the wall time and {cpu:.0f} times the processor time")
                print(compare(Path(name)))
    options.results.parent.mkdir(parents=True, exist_ok=True)
    with options.results.open("w", newline="", encoding="utf-8") as file:
        file.write(f"# wall time [s] and peak resident memory [GB]; {platform.machine()}, {platform.system()}, ")
        file.write(f"Python {platform.python_version()}, median of {options.repeats} after a warm-up\n")
        writer = csv.DictWriter(file, FIELDS)
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
