"""Flags beside images: one rule, by what the file says, for the sharpness, the noise and every kind of measurement."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from calibration import flags as bits
from calibration.conditions import Conditions
from radiography.files.frames import write_tiff
from radiography.jobs.flag_planes import left_out_pixels, read_flags
from radiography.jobs.measure import measure_mtf
from radiography.jobs.measure_kind import measure_kind
from radiography.jobs.nps import measure_noise
from tests.analysis.edge_truth import EdgeScene, csi, edge_image

SHAPE = (120, 100)
COUNTED = {bits.SUSPECT: 7, bits.EXTRAPOLATED: 8}  # measurements of their own: to leave them out would select noise
LEFT_OUT = {bits.SATURATED: 1, bits.INTERPOLATED: 2, bits.DEAD: 3, bits.SHIELDED: 4, bits.UNCOATED: 5}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A flat, an edge, and planes of the same pixels: with and without words, of 8 and of 16 bits."""
    made = tmp_path_factory.mktemp("flags")
    rng = np.random.default_rng(1)
    plane = np.zeros(SHAPE, np.uint16)
    for row, bit in enumerate({**LEFT_OUT, **COUNTED}):
        plane[40 + row, 40 : 40 + {**LEFT_OUT, **COUNTED}[bit]] = bit
    flat = 1e4 + 50.0 * rng.standard_normal((3, *SHAPE))
    edge = edge_image(EdgeScene(csi(), shape=SHAPE)) + 5.0 * rng.standard_normal(SHAPE)
    for name, picture in (("flat", flat), ("edge", edge)):
        picture[..., plane != 0] = 6e4  # leaks where it is counted
        write_tiff(made / f"{name}.tif", picture.astype(np.float32), 0.1, {})
    for kind in ("flags", "defect map", "variance_random"):
        write_tiff(made / f"{kind}.tif", plane, None, {"kind": kind})
    np.save(made / "wordless.npy", plane)
    np.save(made / "bytes.npy", (plane > 0).astype(np.uint8))
    return made


@pytest.mark.parametrize("name", ["flags.tif", "defect map.tif"])
def test_a_plane_of_flags_is_read_bit_by_bit(folder: Path, name: str) -> None:
    found = read_flags(folder / name, SHAPE, "the frames are")
    assert found.left_out.sum() == sum(LEFT_OUT.values()) and found.doubts == ()
    assert found.saturated is not None and found.saturated.sum() == 1 and not (found.saturated & found.unusable).any()


@pytest.mark.parametrize("name", ["wordless.npy", "bytes.npy"])
def test_what_does_not_say_what_it_is_is_a_mask_of_any_type(folder: Path, name: str) -> None:
    found = read_flags(folder / name, SHAPE, "the frames are")
    everything = sum(LEFT_OUT.values()) + sum(COUNTED.values())
    assert found.left_out.sum() == everything and found.saturated is None
    assert "does not say that it holds flags: every pixel other than 0, 30 of them" in found.doubts[0]


@pytest.mark.parametrize("name", ["flags.tif", "wordless.npy"])
def test_all_measurements_follow_it(folder: Path, name: str) -> None:
    wanted = read_flags(folder / name, SHAPE, "the frames are")
    flags = folder / name
    noise = measure_noise(folder / "flat.tif", flags=flags, block_px=64)
    assert wanted.left_out.sum() <= noise.noise.defect_count <= 30
    ratio = measure_kind("snr", folder / "flat.tif", flags=flags).result
    assert ratio["snr"] == pytest.approx(200.0, rel=0.03)
    edge = measure_mtf(folder / "edge.tif", flags=flags)
    for doubts in (noise.doubts, ratio["warnings"], edge.doubts):
        assert any("does not say that it holds flags" in doubt for doubt in doubts) == (name == "wordless.npy")


def test_other_planes_and_shapes_are_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match="is a plane of kind 'variance_random', as it says itself"):
        measure_kind("snr", folder / "flat.tif", flags=folder / "variance_random.tif")
    with pytest.raises(ValueError, match=r"flags\.tif are 120 x 100 but the frames are 20 x 30"):
        read_flags(folder / "flags.tif", (20, 30), "the frames are")


def test_shielded_columns_are_left_out_beside_flags() -> None:
    first, other = (Conditions(shielded_cols=ranges) for ranges in (((0, 2),), ((0, 2), (7, 8))))
    images = [(Path("a.tif"), first), (Path("b.tif"), first), (Path("c.tif"), other)]
    found = left_out_pixels(None, images, (3, 8), "they are")
    assert found is not None
    assert [doubt.split(" as ")[0] for doubt in found.doubts] == [
        "a.tif names columns 0:2", "c.tif names columns 0:2 and 7:8"
    ]  # fmt: skip
    np.testing.assert_array_equal(found.left_out, np.broadcast_to(np.isin(np.arange(8), [0, 1, 7]), (3, 8)))
    assert left_out_pixels(None, images, (3, 8), "they are", [(0, 3, 0, 2)]) is None  # they are what is wanted
    assert left_out_pixels(None, [(Path("d.tif"), Conditions())], (3, 8), "they are") is None
    narrow = left_out_pixels(None, images[2:], (3, 5), "they are")
    assert narrow is not None
    assert not narrow.left_out.any()
    assert narrow.doubts == ("c.tif names shielded columns that do not go with its 5 columns: none is left out",)
