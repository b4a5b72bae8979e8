"""Small sound files of every kind that the package reads; `damage.py` makes hostile ones of them."""

from __future__ import annotations

import gzip
import json
import struct
import tempfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import tifffile
from pydicom.encaps import encapsulate
from pydicom.pixels import get_encoder
from pydicom.uid import (
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from calibration.calibration_set import load_calibration_set, save_calibration_set
from calibration.conditions import Conditions, conditions_to_json
from calibration.defects.clusters import find_groups
from calibration.defects.criteria import PRESETS
from calibration.defects.files import write_defect_table
from calibration.learn import FrameStack, learn_panel
from radiography.config import DATA_FOLDER
from radiography.dicom.description import DxDescription
from radiography.dicom.write import write_dx
from radiography.files.frames import write_tiff
from radiography.jobs.qc import LIMITS_FOLDER
from tests.calibration.lag_truth import true_model

ROWS, COLS = 24, 30
SAID = Conditions(serial="A-1", panel="p", integration_time_s=0.5, frame_interval_s=1.0, temperature_C=25.0, kvp=70.0,
                  air_kerma_uGy=15.0, saturation_dn=6e4, pitch_mm=0.139, date="2026-01-01T00:00:00Z",
                  source_to_detector_mm=1000.0, shielded_cols=((0, 3),))  # fmt: skip
BPM = """<?xml version="1.0" encoding="utf-8"?>
<BadPixelMap xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" SizeX="30" SizeY="24">
  <BadPixels><BadPixel X="20" Y="0" Mask="54" NoisyPixel="false" /></BadPixels>
  <UserDefinedBadPixels><BadPixel X="7" Y="8" /></UserDefinedBadPixels>
  <BadRows><BadRow Y="3" /></BadRows>
  <BadColumns><BadColumn X="4" /></BadColumns>
</BadPixelMap>"""
ABOUT = '["*.tif"]\nintegration_time_s = 0.1\ntemperature_C = 24.0\ndate = "2026-01-01"\nshielded_cols = [[0, 3]]\n'
PIPELINE = '[offset]\nscale = "auto"\n[gain]\nflatten = "same"\n[lag]\non = false\nframe_interval_s = 0.5\n'


def _frames(count: int = 1) -> np.ndarray[Any, np.dtype[np.uint16]]:
    rng = np.random.default_rng(count)
    return rng.normal(9000.0, 90.0, (count, ROWS, COLS)).astype(np.uint16)


def _tiffs() -> dict[str, bytes]:
    said = json.dumps(conditions_to_json(SAID))
    grey: dict[str, Any] = {"photometric": "minisblack", "metadata": None, "description": said}
    resolution: dict[str, Any] = {"resolution": (71.9, 71.9), "resolutionunit": "CENTIMETER"}
    ways: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        "plain": ({}, resolution),
        "big endian": ({"byteorder": ">"}, {}),
        "BigTIFF": ({"bigtiff": True}, resolution),
        "deflate": ({}, {"compression": "zlib"}),
        "deflate in strips": ({}, {"compression": "zlib", "rowsperstrip": 5}),
        "tiles": ({}, {"tile": (16, 16)}),
        "float32": ({}, {"dtype": np.float32}),
        "bytes": ({}, {"dtype": np.uint8}),
        "pages": ({}, {"pages": 3}),
    }
    made = {}
    for name, (writer, page) in ways.items():
        buffer, options = BytesIO(), {**grey, **page}
        pixels = _frames(options.pop("pages", 1)).astype(options.pop("dtype", np.uint16))
        with tifffile.TiffWriter(buffer, **writer) as tiff:
            for frame in pixels:
                tiff.write(frame, contiguous=False, **options)
        made[f"TIFF, {name}"] = buffer.getvalue()
    buffer = BytesIO()
    tifffile.imwrite(buffer, _frames(2), imagej=True, resolution=(7.19, 7.19), metadata={"unit": "mm"})
    return {**made, "TIFF, ImageJ": buffer.getvalue()}


def _arrays() -> dict[str, bytes]:
    made = {}
    for name, array, version in (
        ("frame", _frames()[0], (1, 0)),
        ("stack", _frames(3), (1, 0)),
        ("float", _frames()[0].astype(np.float64), (2, 0)),
        ("big endian", _frames()[0].astype(">u2"), (1, 0)),
        ("columns first", np.asfortranarray(_frames()[0]), (3, 0)),
    ):
        buffer = BytesIO()
        np.lib.format.write_array(buffer, array, version)
        made[f"npy, {name}"] = buffer.getvalue()
    return made


def _other_formats(folder: Path) -> dict[str, bytes]:
    """Volumes, pictures and makers' files; EDF, CBF and HDF5 where their libraries are installed."""
    wanted = _frames(2)
    nrrd = f"NRRD0004\ntype: ushort\ndimension: 3\nsizes: {COLS} {ROWS} 2\nspacings: 0.139 0.139 nan\nendian: little\n"
    meta = f"ObjectType = Image\nNDims = 3\nDimSize = {COLS} {ROWS} 2\nElementSpacing = 0.139 0.139 1\n"
    fields = (0x7000, 68, 100, 0, 32, 1, 1, COLS, ROWS, 2, 0)
    his = struct.pack("<3HI7H", *fields) + struct.pack("<dH", 66_500.0, 4) + bytes(34 + 32)
    viva = struct.pack("<I12s4I", 2048, "RevK04".encode("utf-16-le"), COLS, ROWS, 2, 2)
    data = "ElementType = MET_USHORT\nElementDataFile = LOCAL\n"
    made = {
        "NRRD, plain": f"{nrrd}encoding: raw\n\n".encode() + wanted.tobytes(),
        "NRRD, gzip": f"{nrrd}encoding: gzip\n\n".encode() + gzip.compress(wanted.tobytes()),
        "MetaImage, plain": f"{meta}{data}".encode() + wanted.tobytes(),
        "MetaImage, deflated": f"{meta}CompressedData = True\n{data}".encode() + zlib.compress(wanted.tobytes()),
        "PNG, grey": imagecodecs.png_encode(wanted[0]),
        "PNG, bytes": imagecodecs.png_encode(wanted[0].astype(np.uint8)),
        "maker, HIS": his + wanted.tobytes(),
        "maker, VIVA": viva.ljust(2048, b"\0") + wanted.tobytes(),
    }
    path = folder / "f.h5"
    with suppress(ImportError):
        import h5py

        for name, options in (("plain", {}), ("deflated", {"chunks": (1, 8, 10), "compression": "gzip"})):
            with h5py.File(path, "w") as file:
                file.create_dataset("entry/data", data=wanted, **options)
            made[f"HDF5, {name}"] = path.read_bytes()
    with suppress(ImportError):
        from fabio.cbfimage import CbfImage
        from fabio.edfimage import EdfImage

        EdfImage(data=wanted[0], header={"PSize_1": "0.000139", "PSize_2": "0.000139"}).write(str(folder / "f.edf"))
        CbfImage(data=wanted[0].astype(np.int32)).write(str(folder / "f.cbf"))
        made |= {"EDF, plain": (folder / "f.edf").read_bytes(), "CBF, plain": (folder / "f.cbf").read_bytes()}
    return made


def _codecs(folder: Path) -> dict[str, bytes]:
    """TIFF and DICOM in the codes of other programs."""
    made = {}
    for codec in ("lzw", "packbits", "zstd"):
        buffer = BytesIO()
        tifffile.imwrite(buffer, _frames()[0], compression=codec, rowsperstrip=7)
        made[f"TIFF, {codec}"] = buffer.getvalue()
    buffer = BytesIO()
    tifffile.imwrite(buffer, _frames()[0], compression="zlib", predictor=True)
    made["TIFF, predictor"] = buffer.getvalue()
    frame = _frames()[0]
    for name, syntax, codestream in (
        ("JPEG Lossless", JPEGLosslessSV1, imagecodecs.ljpeg_encode(frame)),
        ("JPEG-LS", JPEGLSLossless, imagecodecs.jpegls_encode(frame)),
        ("JPEG 2000", JPEG2000Lossless, imagecodecs.jpeg2k_encode(frame, level=0, codecformat="j2k")),
    ):
        dataset = pydicom.dcmread(folder / "f.dcm")
        dataset.file_meta.TransferSyntaxUID = syntax
        dataset.PixelData = encapsulate([codestream])
        dataset["PixelData"].is_undefined_length = True
        made[f"DICOM, {name}"] = _saved(dataset)
    return made


def _saved(dataset: pydicom.Dataset, **how: Any) -> bytes:
    buffer = BytesIO()
    list(dataset.iterall())  # every value is read before it is written in another order
    pydicom.dcmwrite(buffer, dataset, **how)
    return buffer.getvalue()


def _dicoms(folder: Path) -> dict[str, bytes]:
    path = folder / "f.dcm"
    write_dx(path, _frames()[0], 0.139, DxDescription(conditions=SAID), window=(9000, 1000))
    made = {"DICOM, plain": path.read_bytes()}
    for name, syntax, order in (("implicit", ImplicitVRLittleEndian, (True, True)),
                                ("big endian", ExplicitVRBigEndian, (False, False))):  # fmt: skip
        dataset = pydicom.dcmread(path)
        if not order[1]:
            dataset.PixelData = _frames()[0].astype(">u2").tobytes()
        dataset.file_meta.TransferSyntaxUID = syntax
        made[f"DICOM, {name}"] = _saved(dataset, implicit_vr=order[0], little_endian=order[1], force_encoding=True)
    dataset = pydicom.dcmread(path)
    dataset.NumberOfFrames, dataset.PixelData = 3, _frames(3).tobytes()
    made["DICOM, frames"] = _saved(dataset)
    for name, count in (("run-length", 1), ("run-length frames", 2)):
        dataset = pydicom.dcmread(path)
        dataset.file_meta.TransferSyntaxUID = RLELossless
        described = {
            "rows": ROWS, "columns": COLS, "samples_per_pixel": 1, "number_of_frames": 1, "bits_allocated": 16,
            "bits_stored": 16, "pixel_representation": 0, "photometric_interpretation": "MONOCHROME2",
        }  # fmt: skip
        packed = [get_encoder(RLELossless).encode(frame, index=None, **described) for frame in _frames(count)]
        dataset.NumberOfFrames = count
        dataset.PixelData = encapsulate(packed)
        dataset["PixelData"].is_undefined_length = True
        made[f"DICOM, {name}"] = _saved(dataset)
    return made


def _sets(folder: Path) -> dict[str, bytes]:
    """Calibration sets with and without lag and two doses, and the maps of their defects."""
    path = folder / "f.cal"
    darks, flats = [_frames(k)[0] // 90 for k in range(1, 4)], [_frames(k)[0] for k in range(1, 4)]
    stacks = [FrameStack(flats, "flat", SAID)]
    plain = learn_panel([FrameStack(darks, "dark", SAID)], stacks, saturation_dn=6e4, conditions=SAID, provenance={})
    made = {}
    for name, calibration in (("plain", plain), ("with lag", replace(plain, lag=true_model()))):
        save_calibration_set(calibration, path)
        assert load_calibration_set(path).defects.shape == (ROWS, COLS)
        made[f"calibration set, {name}"] = path.read_bytes()
    for suffix in (".csv", ".json"):
        table = folder / f"map{suffix}"
        write_defect_table(table, plain.defects, find_groups(plain.defects), {"date": "2026-01-01", "serial": "A-1"})
        made[f"defect map, {suffix[1:]}"] = table.read_bytes()
    write_tiff(folder / "map.tif", plain.defects, 0.139, {"kind": "defect map", "date": "2026-01-01"})
    return {**made, "defect map, xml": BPM.encode(), "defect map, tif": (folder / "map.tif").read_bytes()}


def _curves() -> dict[str, bytes]:
    frequency = np.arange(0.0, 4.0, 0.1)
    columns = {"frequency_per_mm": frequency, "value": np.exp(-frequency), "standard_error": 0.01 + 0 * frequency}
    text = json.dumps({key: value.tolist() for key, value in columns.items()} | {"pitch_mm": 0.139})
    table = "f,value,error\n" + "".join(f"{f:.2f},{np.exp(-f):.4f},0.01\n" for f in frequency[1:20])
    return {"curve, json": text.encode(), "curve, csv": table.encode()}


def _descriptions() -> dict[str, bytes]:
    made = {}
    for kind in ("panel", "scintillator", "beam", "scene"):
        for path in sorted((DATA_FOLDER / f"{kind}s").glob("*.toml")):
            made[f"{kind}, {path.stem}"] = path.read_bytes()
    made |= {f"criteria, {path.stem}": path.read_bytes() for path in sorted(PRESETS.glob("*.toml"))}
    made |= {f"limits, {path.stem}": path.read_bytes() for path in sorted(LIMITS_FOLDER.glob("*.toml"))}
    made["published, shipped"] = b"\n".join((DATA_FOLDER / "validation.toml").read_bytes().splitlines()[:60])
    return {**made, "about, one": ABOUT.encode(), "pipeline, one": PIPELINE.encode()}


def _meshes() -> dict[str, bytes]:
    import trimesh

    box = trimesh.creation.box((2.0, 3.0, 4.0))
    kinds = {"stl": "stl", "text": "stl_ascii", "ply": "ply", "obj": "obj"}
    made = {f"mesh, {name}": box.export(file_type=kind) for name, kind in kinds.items()}
    return {name: content.encode() if isinstance(content, str) else content for name, content in made.items()}


def whole_files() -> dict[str, bytes]:
    """Bytes of a sound file by its kind and a word about it."""
    with tempfile.TemporaryDirectory() as folder:
        makers: tuple[Callable[[], dict[str, bytes]], ...] = (_tiffs, _arrays, _curves, _descriptions, _meshes)
        made = {name: content for maker in makers for name, content in maker().items()}
        made |= {**_dicoms(Path(folder)), **_sets(Path(folder)), "raw, little endian": _frames(2).tobytes()}
        return {**made, **_codecs(Path(folder)), **_other_formats(Path(folder))}
