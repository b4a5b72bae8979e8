"""What the shipped scenes give on small panels, as SHA-256 of the pixels: frames, calibration sets, corrected images.

`python -m tests.pinned_bytes` writes the hashes anew. That is done when a change of the bytes is wanted, alone in its
commit and with a line in the CHANGELOG, never to make a test pass.
"""

from __future__ import annotations

import hashlib
import json
import platform
import re
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import tifffile

from radiography.cli import run

PINS = Path(__file__).with_name("pinned_bytes.json")
SCENES = Path(__file__).resolve().parents[1] / "radiography" / "data" / "scenes"
LAYERS = ("CsPbBr3_75um", "CsI_Tl_500um")
PANELS = ("fully_coated", "worn")
FRAMES = {"dark": 4, "short_dark": 4, "flat": 4, "edge": 1, "card": 1, "fluoroscopy": None}
SHORT_S = "0.060"  # integration time of the shipped fluoroscopy, which its darks need too

SMALL = """
based_on = "{panel}"
name = "small"
description = "48 x 80 pixels of {panel}"
serial = "PIN"
map_seed = 5
[pixels]
rows = 48
cols = 80
{shielded}
[readout]
columns_per_amplifier = 16
[uniformity]
defective_fraction = 0.004
defective_rows = 0
defective_cols = 0
"""


def measure(folder: Path, panel: str, layer: str) -> dict[str, str]:
    """Hashes by name of everything that the command line makes of one panel and one layer."""
    shielded = "shielded_cols_left = 8\nshielded_cols_right = 8" if panel == "worn" else ""
    (folder / "small.toml").write_text(SMALL.format(panel=panel, shielded=shielded), encoding="utf-8")
    found = {}
    for scene, frames in FRAMES.items():
        text = (SCENES / f"{scene.removeprefix('short_')}.toml").read_text(encoding="utf-8")
        if scene == "short_dark":
            text = re.sub(r"^integration_time_s = [0-9.]+", f"integration_time_s = {SHORT_S}", text, flags=re.MULTILINE)
        text = re.sub(r'^panel = "\w+"', 'panel = "small.toml"', text, flags=re.MULTILINE)
        text = re.sub(r'^scintillator = "\w+"', f'scintillator = "{layer}"', text, flags=re.MULTILINE)
        text = text.replace("air_kerma_uGy = 0.5 ", "air_kerma_uGy = 10.0 ")  # fluoroscopy: enough to learn lag from
        (folder / f"{scene}.toml").write_text(text, encoding="utf-8")
        raw = folder / f"{scene}.tif"
        count = [] if frames is None else ["--frames", str(frames)]
        _must(["simulate", str(folder / f"{scene}.toml"), "--out", str(raw), "--seed", "3", *count])
        found[f"raw/{scene}"] = _of_tiff(raw)
    calibration = folder / "small.cal"
    lag = ["--lag", str(folder / "fluoroscopy.tif")]
    darks = [str(folder / "dark.tif"), str(folder / "short_dark.tif")]
    sources = ["--dark", *darks, "--flat", str(folder / "flat.tif"), *lag]
    _must(["calibrate", *sources, "--out", str(calibration)])
    found |= {f"calibration/{name}": value for name, value in _of_zip(calibration).items()}
    for scene in ("edge", "card"):
        out = folder / f"{scene}_corrected.tif"
        wanted = ["--flags", "--variance"]
        _must(
            ["reconstruct", str(folder / f"{scene}.tif"), "--calibration", str(calibration), "--out", str(out), *wanted]
        )
        for path in sorted(folder.glob(f"{scene}_corrected*.tif")):
            found[f"corrected/{path.stem}"] = _of_tiff(path)
    return found


def machine() -> str:
    """What besides the code decides the last bits of a floating-point result: processor family and C library."""
    simd = np.show_config(mode="dicts")["SIMD Extensions"]  # type: ignore[index,call-overload,unused-ignore]
    return f"{platform.machine()} {platform.libc_ver()[0]} {','.join(simd.get('found', ()))} numpy {np.__version__}"


def _must(arguments: list[str]) -> None:
    code = run(arguments)
    if code != 0:
        raise RuntimeError(f"radiography {' '.join(arguments)} ended with {code}")


def _of_arrays(*arrays: np.ndarray) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.shape}{array.dtype.str}".encode() + np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _of_tiff(path: Path) -> str:
    return _of_arrays(tifffile.imread(path))


def _of_zip(path: Path) -> dict[str, str]:
    """Hash of each array of a calibration set, a zip of .npy files."""
    found = {}
    with zipfile.ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            if name.endswith(".npy"):
                with archive.open(name) as file:
                    array = np.lib.format.read_array(file, allow_pickle=False)
                if name != "description.npy":  # it holds the date
                    found[name.removesuffix(".npy")] = _of_arrays(array)
    return found


if __name__ == "__main__":
    pins = {}
    for panel in PANELS:
        for layer in LAYERS:
            with tempfile.TemporaryDirectory() as name:
                pins[f"{panel}/{layer}"] = measure(Path(name), panel, layer)
    PINS.write_text(json.dumps({"machine": machine(), "pins": pins}, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(f"{PINS.name}: {sum(map(len, pins.values()))} hashes\n")
