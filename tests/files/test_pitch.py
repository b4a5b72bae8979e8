"""Pixel pitch and stage of TIFFs that others wrote: resolution tags, ImageJ, OME."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from radiography.files.frames import open_frames, write_tiff
from radiography.files.source import GIVE_PITCH

PIXELS = np.zeros((48, 64), np.uint16)
OME = (
    '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0">'
    '<Pixels DimensionOrder="XYZCT" {} SizeX="64" SizeY="48" Type="uint16"></Pixels></Image></OME>'
)


@pytest.mark.parametrize("per_inch", [72.0, 96.0, 150.0, 300.0, 600.0])
@pytest.mark.parametrize(("unit", "of_an_inch"), [("INCH", 1.0), ("CENTIMETER", 2.54)])
def test_a_default_of_programs_is_no_pitch(tmp_path: Path, per_inch: float, unit: str, of_an_inch: float) -> None:
    path = tmp_path / "default.tif"
    tifffile.imwrite(path, PIXELS, resolution=(per_inch / of_an_inch,) * 2, resolutionunit=unit)
    found = open_frames(path)
    assert (found.pitch_mm, found.pitch_source) == (None, None)
    assert found.warnings == (
        f"{path}: its resolution of {per_inch:g} dots per inch is a default of programs, no pitch: {GIVE_PITCH}",
    )


@pytest.mark.parametrize(
    ("resolution", "unit", "pitch_mm"),
    [((100.0, 100.0), "CENTIMETER", 0.1), ((182.7, 182.7), "INCH", 0.13903), ((71.0, 71.0), "INCH", 0.35775)],
)
def test_other_resolution_tags_are_the_pitch(
    tmp_path: Path, resolution: tuple[float, float], unit: str, pitch_mm: float
) -> None:
    tifffile.imwrite(tmp_path / "own.tif", PIXELS, resolution=resolution, resolutionunit=unit)
    found = open_frames(tmp_path / "own.tif")
    assert found.pitch_mm == pytest.approx(pitch_mm, rel=1e-4)
    assert (found.pitch_source, found.warnings) == ("resolution tags", ())


@pytest.mark.parametrize(
    ("resolution", "message"),
    [((1.0, 1.0), "25.4 mm, which is no detector's pitch"), ((100.0, 200.0), "say 0.127 x 0.254 mm, no square pixels")],
)
def test_resolution_tags_that_cannot_be_are_told_of(
    tmp_path: Path, resolution: tuple[float, float], message: str
) -> None:
    tifffile.imwrite(tmp_path / "odd.tif", PIXELS, resolution=resolution, resolutionunit="INCH")
    found = open_frames(tmp_path / "odd.tif")
    assert found.pitch_mm is None
    (warning,) = found.warnings
    assert message in warning


def test_imagej_says_its_unit(tmp_path: Path) -> None:
    path = tmp_path / "imagej.tif"
    tifffile.imwrite(path, PIXELS, imagej=True, resolution=(1 / 139.0,) * 2, metadata={"unit": "um"})
    found = open_frames(path)
    assert found.pitch_mm == pytest.approx(0.139, rel=1e-6)
    assert found.pitch_source == "ImageJ's unit and resolution tags"
    tifffile.imwrite(
        path, PIXELS, imagej=True, resolution=(72.0, 72.0), resolutionunit="INCH", metadata={"unit": "inch"}
    )
    assert open_frames(path).pitch_mm is None  # ImageJ hands on what it read


@pytest.mark.parametrize(
    ("sizes", "pitch_mm"),
    [
        ('PhysicalSizeX="139.0" PhysicalSizeY="139.0"', 0.139),  # um where no unit is said
        ('PhysicalSizeX="0.1" PhysicalSizeXUnit="mm" PhysicalSizeY="100" PhysicalSizeYUnit="\u00b5m"', 0.1),
        ('PhysicalSizeX="139" PhysicalSizeY="139" PhysicalSizeXUnit="pixel" PhysicalSizeYUnit="pixel"', None),
        ('PhysicalSizeX="139"', None),
        ('PhysicalSizeX="a" PhysicalSizeY="b"', None),
        ('PhysicalSizeX="139" PhysicalSizeY="200"', None),
        ("", None),
    ],
)
def test_ome_says_its_physical_size(tmp_path: Path, sizes: str, pitch_mm: float | None) -> None:
    path = tmp_path / "ome.tif"
    tifffile.imwrite(path, PIXELS, description=OME.format(sizes).encode(), metadata=None)
    found = open_frames(path)
    assert found.pitch_mm == pytest.approx(pitch_mm)
    assert found.pitch_source == (None if pitch_mm is None else "OME PhysicalSizeX and PhysicalSizeY")


def test_an_ome_file_of_tifffile_is_read(tmp_path: Path) -> None:
    path = tmp_path / "own.ome.tif"
    size = {"PhysicalSizeX": 0.139, "PhysicalSizeY": 0.139, "PhysicalSizeXUnit": "mm", "PhysicalSizeYUnit": "mm"}
    tifffile.imwrite(path, PIXELS, metadata={"axes": "YX", **size}, resolution=(72.0, 72.0), resolutionunit="INCH")
    assert open_frames(path).pitch_mm == pytest.approx(0.139)


@pytest.mark.parametrize(
    ("kind", "stage"),
    [("raw", "raw"), ("corrected", "corrected"), ("flags", "plane"), ("variance_random", "plane"), ("mine", None)],
)
def test_our_own_metadata_tell_stage_and_pitch(tmp_path: Path, kind: str, stage: str | None) -> None:
    write_tiff(tmp_path / "own.tif", PIXELS, 0.139, {"kind": kind})
    found = open_frames(tmp_path / "own.tif")
    assert (found.stage, found.pitch_source) == (stage, "pitch_mm of its metadata")
