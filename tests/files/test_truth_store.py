"""Files of the truth behind frames: what is written comes back, and nothing is left of what could not be written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from radiography.files.truth_store import CHUNK, create_truth, load_truth

FULL_DISK = """
import resource, sys
import numpy as np
from calibration.whole_file import whole_file
from radiography.files.truth_store import create_truth
plane = np.random.default_rng(1).normal(size=(600, 2600)).astype(np.float32)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
for _ in range(5):
    try:
        with whole_file(sys.argv[1]) as place, create_truth(place) as store:
            store.create("offset_dn", plane.shape, plane.dtype, {})[...] = plane
    except OSError as error:
        print(error)
"""


@pytest.mark.parametrize("end", [".npz", ".zarr"])
def test_planes_come_back_from_any_rows(tmp_path: Path, end: str) -> None:
    if end == ".zarr":
        pytest.importorskip("zarr", reason="zarr is not installed")
    rng, rows = np.random.default_rng(1), CHUNK + 90
    plane = rng.normal(size=(rows, CHUNK + 7)).astype(np.float32)
    gain, mask = rng.normal(size=3), plane > 0.5
    with create_truth(tmp_path / f"t{end}") as store:
        whole = (2, *plane.shape) if store.frames_axis else plane.shape
        store.create("offset_dn", plane.shape, np.float32, {"unit": "DN"})[...] = plane
        store.create("mask/x", plane.shape, np.bool_, {})[...] = mask
        store.create("mean_gain", gain.shape, np.float64, {})[...] = gain
        frames = store.create("noise_dn", whole, np.float32, {})
        for top in range(0, rows, CHUNK):
            part = slice(top, top + CHUNK)
            frames[(1, part) if store.frames_axis else part] = plane[part]
        names = ("offset_dn", "mask/x", "mean_gain", "noise_dn")
        store.close({"layers": {name: {} for name in names}}, "text")
    layers = load_truth(tmp_path / f"t{end}").layers
    np.testing.assert_array_equal(layers["offset_dn"][...], plane)
    np.testing.assert_array_equal(layers["mask/x"][...], mask)
    np.testing.assert_array_equal(layers["mean_gain"][...], gain)
    noise = layers["noise_dn"]
    np.testing.assert_array_equal(noise[1] if end == ".zarr" else noise[...], plane)
    if end == ".zarr":
        assert not noise[0].any()
    assert [path.name for path in tmp_path.iterdir()] == [f"t{end}"]


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of files are set otherwise")
@pytest.mark.parametrize("end", [".npz", ".zarr"])
def test_nothing_is_left_where_the_disk_is_full(tmp_path: Path, end: str) -> None:
    if end == ".zarr":
        pytest.importorskip("zarr", reason="zarr is not installed")
    line = [sys.executable, "-c", FULL_DISK, str(tmp_path / f"t{end}")]
    said = subprocess.run(line, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(said) == 5 and all(f"t{end}" in sentence for sentence in said)
    assert list(tmp_path.iterdir()) == []
