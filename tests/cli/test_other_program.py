"""A plate that another program knows, simulated, exported as DICOM and read by it: pylinac's QC-kV analysis.

pylinac is not among the libraries of the tests; it runs in a process of its own, as its warnings are not ours.
"""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from radiography.analysis.detector_qc.snr import region_noise
from radiography.cli import run
from radiography.config import DATA_FOLDER
from radiography.files.frames import read_image

PITCH = 0.139
SIDE = 1152  # pixels: the plate on its corner is 1,022 wide
FRAMES = 4
READ = """
import json, sys, warnings
warnings.simplefilter("ignore")
import matplotlib
matplotlib.use("Agg")
from pylinac.planar_imaging import StandardImagingQCkV
found = []
for name in sys.argv[2:]:
    plate = StandardImagingQCkV(name, normalize=False, image_kwargs={"dpi": 25.4 / float(sys.argv[1]), "sid": 1000})
    plate.analyze(ssd=1000)
    place = lambda disc: [float(disc.center.y), float(disc.center.x), float(disc.radius)]
    found.append({
        "contrast": [float(disc.contrast) for disc in plate.low_contrast_rois],
        "noise": [float(disc.std / disc.pixel_value) for disc in plate.low_contrast_rois],
        "plain": [place(disc) for disc in plate.low_contrast_rois],
        "bare": place(plate.low_contrast_background_rois[0]),
        "mtf": [[float(f), float(m)] for f, m in plate.mtf.norm_mtfs.items()],
        "bars": [place(disc) for disc in plate.high_contrast_rois],
    })
print(json.dumps(found))
"""


def scene(folder: Path, name: str, phantom: str = "") -> str:
    """A shipped scene with a CsI panel of fewer pixels and 40 uGy."""
    text = (DATA_FOLDER / "scenes" / f"{name}.toml").read_text(encoding="utf-8")
    for old, new in (("fully_coated", "panel.toml"), ("CsPbBr3_75um", "CsI_Tl_500um"), ("= 15.0 ", "= 40.0 ")):
        text = text.replace(old, new)
    path = folder / f"{phantom or name}.toml"
    path.write_text(text + (f'\n[phantom]\nname = "{phantom}"\nposition_mm = [0, 0, 2]\n' if phantom else ""))
    return str(path)


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[dict[str, Any]], NDArray[np.float64], list[Path]]:
    """What pylinac finds in each frame, the noiseless light, and the DICOM files."""
    if importlib.util.find_spec("pylinac") is None:
        pytest.skip("pylinac, the program that reads the plate, is not installed")
    folder = tmp_path_factory.mktemp("plate")
    (folder / "panel.toml").write_text(
        'based_on = "fully_coated"\nname = "small"\ndescription = "for a plate of 142 mm"\n'
        f"[pixels]\nrows = {SIDE}\ncols = {SIDE}\n"
    )
    dark, flat, images, truth = (str(folder / name) for name in ("d.tif", "f.tif", "p.tif", "truth.npz"))
    for line in (
        ["simulate", scene(folder, "dark"), "--out", dark, "--frames", "4"],
        ["simulate", scene(folder, "flat"), "--out", flat, "--frames", "12"],
        ["simulate", scene(folder, "flat", "line_pairs"), "--out", images, "--frames", str(FRAMES), "--truth", truth],
        ["calibrate", "--dark", dark, "--flat", flat, "--out", str(folder / "panel.cal")],
        ["reconstruct", images, "--calibration", str(folder / "panel.cal"), "--out", str(folder / "out")],
    ):
        assert run([*line, "--quiet"]) == 0, line
    paths = [folder / f"frame{k}.dcm" for k in range(FRAMES)]
    for k, path in enumerate(paths):
        line = ["export", str(folder / "out" / "p.tif"), "--frame", str(k), "--out", str(path), "--for-processing"]
        assert run([*line, "--quiet"]) == 0
    read = subprocess.run(
        [sys.executable, "-c", READ, str(PITCH), *map(str, paths)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert read.returncode == 0, read.stderr
    found = json.loads(re.findall(r"^\[.*\]$", read.stdout, flags=re.MULTILINE)[-1])
    return found, np.load(truth)["light_spread"].astype(np.float64), paths


def inside(disc: list[float]) -> NDArray[np.bool_]:
    row, col, radius = disc
    y, x = np.mgrid[:SIDE, :SIDE]
    return np.asarray((y - row) ** 2 + (x - col) ** 2 < radius**2)


def square(disc: list[float]) -> tuple[slice, slice]:
    """The square within a disc."""
    half = disc[2] / np.sqrt(2.0)
    return slice(int(disc[0] - half), int(disc[0] + half)), slice(int(disc[1] - half), int(disc[1] + half))


@pytest.mark.slow
def test_its_contrasts_are_those_of_the_light(plate: Any) -> None:
    found, light, _ = plate
    each = np.array([frame["contrast"] for frame in found])
    bare = light[inside(found[0]["bare"])].mean()
    levels = np.array([light[inside(disc)].mean() for disc in found[0]["plain"]])
    truth = (bare - levels) / (bare + levels)
    spread = each.std(axis=0, ddof=1)
    assert (np.abs(each.mean(axis=0) - truth) < 3.0 * spread.max()).all()


@pytest.mark.slow
def test_its_noise_is_ours(plate: Any) -> None:
    found, _, paths = plate
    its = np.array([frame["noise"] for frame in found])
    ours = np.empty_like(its)
    for k, path in enumerate(paths):
        pixels = read_image(path).pixels
        for number, disc in enumerate(found[0]["plain"]):
            region = region_noise(pixels[square(disc)][None])
            ours[k, number] = region.noise / region.signal
    assert (np.abs(its.mean(axis=0) - ours.mean(axis=0)) < 3.0 * its.std(axis=0, ddof=1).max()).all()


@pytest.mark.slow
def test_its_relative_mtf_is_that_of_the_bars_in_the_light(plate: Any) -> None:
    found, light, _ = plate
    rng = np.random.default_rng(1)
    relative = float(np.mean([frame["noise"] for frame in found]))  # its extremes are those of noisy pixels
    bars = [light[inside(disc)] for disc in found[0]["bars"]]
    drawn = []
    for _ in range(8):
        noisy = [values * (1.0 + relative * rng.standard_normal(values.size)) for values in bars]
        modulation = np.array([np.ptp(values) / (values.max() + values.min()) for values in noisy])
        drawn.append(modulation / modulation[0])
    truth = np.mean(drawn, axis=0)
    each = np.array([[value for _, value in frame["mtf"]] for frame in found])
    its = each.mean(axis=0)
    assert (np.diff(its) < 0).all() and its[0] == 1.0
    assert np.abs(its - truth).max() < 3.0 * each.std(axis=0, ddof=1).max()
