"""Frames from DICOM files: our own, real ones, and those built here in every native form."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.pixels import get_decoder
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

from calibration.conditions import Conditions
from radiography.dicom.description import DxDescription
from radiography.dicom.read import iterate_dicom, open_dicom, read_dx
from radiography.dicom.write import export_dx
from tests.dicom.dicom_frames import COLS, FRAMES, ROWS, write_frames

NAMES = {ImplicitVRLittleEndian: "implicit", ExplicitVRLittleEndian: "explicit", ExplicitVRBigEndian: "big endian"}

KNOWN = Conditions(
    serial="panel 3", panel="small", scintillator="film", binning=2, exposure_time_s=0.01, air_kerma_uGy=2.5, kvp=70.0,
    anode="W", tube_current_mA=250.0, exposure_mAs=2.5, source_to_detector_mm=1500.0, focal_spot_mm=0.6, pitch_mm=0.139,
)  # fmt: skip


@pytest.mark.parametrize("syntax", NAMES, ids=NAMES.values())
@pytest.mark.parametrize("dtype", ["uint16", "int16", "uint32"])
def test_native_frames_come_back_as_they_were(tmp_path: Path, syntax: str, dtype: str) -> None:
    frames = FRAMES.astype(dtype)
    if dtype == "int16":
        frames -= 8000
    image = read_dx(write_frames(tmp_path / "run.dcm", frames, syntax))
    assert image.pixels.dtype == dtype and image.pixels.shape == (3, ROWS, COLS)
    assert np.array_equal(image.pixels, frames)
    assert image.conditions.pitch_mm == 0.139


def test_an_odd_number_of_bytes_is_padded(tmp_path: Path) -> None:
    frames = FRAMES[:1, :5, :7].astype(np.uint8)
    assert np.array_equal(read_dx(write_frames(tmp_path / "run.dcm", frames)).pixels, frames)


def test_frames_can_be_read_one_by_one(tmp_path: Path) -> None:
    source = open_dicom(write_frames(tmp_path / "run.dcm", FRAMES))
    assert (source.count, source.rows, source.cols, source.dtype) == (3, ROWS, COLS, "uint16")
    assert np.array_equal(list(iterate_dicom(source, range(1, 3))), FRAMES[1:])
    with pytest.raises(ValueError, match=r"frame 4 is not in .*run\.dcm, which has 3 frames \(0 to 2\)"):
        list(iterate_dicom(source, range(2, 5)))


def test_compressed_frames_can_be_read_one_by_one(tmp_path: Path) -> None:
    path = write_frames(tmp_path / "run.dcm", FRAMES)
    packed = pydicom.dcmread(path)
    packed.compress(RLELossless, encoding_plugin="pydicom")
    packed.save_as(path)
    assert np.array_equal(read_dx(path).pixels, FRAMES)
    assert np.array_equal(list(iterate_dicom(open_dicom(path), range(1, 2))), FRAMES[1:2])
    assert list(iterate_dicom(open_dicom(path), range(0))) == []


def test_monochrome1_is_not_inverted(tmp_path: Path) -> None:
    image = read_dx(write_frames(tmp_path / "run.dcm", FRAMES, PhotometricInterpretation="MONOCHROME1"))
    assert np.array_equal(image.pixels, FRAMES)
    assert image.metadata["PhotometricInterpretation"] == "MONOCHROME1"


def test_bits_outside_the_stored_ones_are_removed(tmp_path: Path) -> None:
    overlay = FRAMES | np.uint16(0x8000)
    image = read_dx(write_frames(tmp_path / "run.dcm", overlay, BitsStored=14, HighBit=13))
    assert np.array_equal(image.pixels, FRAMES)
    shifted = read_dx(write_frames(tmp_path / "run.dcm", FRAMES << 2, BitsStored=14, HighBit=15))
    assert np.array_equal(shifted.pixels, FRAMES)
    signed = (FRAMES.astype(np.int16) - 8192) & 0x3FFF
    image = read_dx(write_frames(tmp_path / "run.dcm", signed, BitsStored=14, HighBit=13))
    assert np.array_equal(image.pixels, FRAMES.astype(np.int16) - 8192)


def test_metadata_name_no_person(tmp_path: Path) -> None:
    image = read_dx(write_frames(tmp_path / "run.dcm", FRAMES))
    assert "Secret" not in repr(image.metadata) and "Secret" not in repr(open_dicom(tmp_path / "run.dcm"))


def test_what_was_exported_comes_back(tmp_path: Path) -> None:
    corrected_dn = FRAMES[0].astype(np.float32)
    about = DxDescription(acquired=datetime(2024, 3, 1), conditions=KNOWN, manufacturer="Maker")
    export_dx(corrected_dn, 0.139, tmp_path / "one.dcm", about, for_processing=True, counts_per_dn=2.0, pedestal=50)
    image = read_dx(tmp_path / "one.dcm")
    assert np.array_equal((image.pixels[0] - 50) / 2, corrected_dn)
    assert np.array_equal(read_dx(tmp_path / "one.dcm", linear=True).pixels[0], corrected_dn)
    assert image.conditions.pitch_mm == 0.139
    assert image.metadata["ImageComments"].startswith("corrected DN = (stored - 50) / 2,")
    assert (image.metadata["KVP"], image.metadata["DetectorID"]) == ("70.0", "panel 3")
    known = replace(KNOWN, manufacturer="Maker", date="2024-03-01T00:00:00")
    assert image.conditions == replace(known, scintillator=None, air_kerma_uGy=None)


@pytest.mark.parametrize(
    ("said", "name", "known"),
    [
        ({"KVP": "0"}, "kvp", None),  # a dark frame, or an old file that does not know
        ({"DistanceSourceToDetector": "1100"}, "source_to_detector_mm", 1100.0),
        ({"ExposureTime": "20"}, "exposure_time_s", 0.02),
        ({"XRayTubeCurrent": "250"}, "tube_current_mA", 250.0),
        ({"ExposureInuAs": "1500", "Exposure": "1"}, "exposure_mAs", 1.5),
        ({"FocalSpots": ["0.6", "1.2"]}, "focal_spot_mm", 0.6),
        ({"DetectorBinning": ["2", "2"]}, "binning", 2),
        ({"DetectorBinning": ["1", "2"]}, "binning", None),
        ({"AnodeTargetMaterial": "TUNGSTEN"}, "anode", "W"),
        ({"DeviceSerialNumber": "17"}, "serial", "17"),
        ({"DeviceSerialNumber": "17", "DetectorID": "A"}, "serial", "A"),
        ({"DeviceSerialNumber": "17", "DetectorID": "A"}, "device_serial", "17"),
        ({"Manufacturer": "Maker"}, "manufacturer", "Maker"),
        ({"AcquisitionDate": "20240301", "AcquisitionTime": "120005.5"}, "date", "2024-03-01T12:00:05"),
        ({"AcquisitionDate": "20240301"}, "date", "2024-03-01T00:00:00"),
        ({"AcquisitionDateTime": "20240301120005.000"}, "date", "2024-03-01T12:00:05"),
        (
            {"AcquisitionDateTime": "20240301120005", "TimezoneOffsetFromUTC": "-0400"},
            "date",
            "2024-03-01T12:00:05-04:00",
        ),
        ({"StudyDate": "20240301", "ContentDate": "20240301"}, "date", None),
    ],
)
def test_a_header_tells_how_its_frames_were_taken(
    tmp_path: Path, said: dict[str, object], name: str, known: object
) -> None:
    assert getattr(read_dx(write_frames(tmp_path / "run.dcm", FRAMES, **said)).conditions, name) == known


# Columns: file, shape, largest stored number, pitch.
REAL = [
    ("dicom_samples/XA1_UNC.dcm", (1, 1024, 1024), 504, None),
    ("openrem_dx_headers/DX-Im-Carestream_DR7500-1.dcm", (1, 2, 2), 1814, 0.143),
    ("openrem_dx_headers/DX-Im-GE_XR220-1.dcm", (1, 2, 2), 118, 0.1988),  # MONOCHROME1, 8 bits
    ("openrem_dx_headers/DX-Im-GE_XR220-3.dcm", (1, 2, 2), 658, 0.1988),
]


@pytest.mark.parametrize(("name", "shape", "largest", "pitch_mm"), REAL)
def test_real_files_are_read(
    shared_data: Path, name: str, shape: tuple[int, ...], largest: int, pitch_mm: float | None
) -> None:
    image = read_dx(shared_data / name)
    assert image.pixels.shape == shape and image.pixels.max() == largest
    assert image.conditions.pitch_mm == pitch_mm


def test_a_real_header_without_pixels_is_named(shared_data: Path) -> None:
    with pytest.raises(ValueError, match=r"DRX\.dcm .* it ends, or its header is damaged, before any pixels"):
        read_dx(shared_data / "openrem_dx_headers/DX-Im-Carestream_DRX.dcm")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "rows"), [("RG2_J2KR.dcm", 2140), ("RG2_JPLL.dcm", 2140), ("CR-ModalitySequenceLUT.dcm", 1576)]
)
def test_real_compressed_files_are_read(shared_data: Path, name: str, rows: int) -> None:
    source = open_dicom(shared_data / "dicom_samples" / name)
    (frame,) = iterate_dicom(source)
    assert frame.shape == (rows, source.cols) and 0 < frame.max() < 2**source.header.BitsStored
    other, _ = get_decoder(source.header.file_meta.TransferSyntaxUID).as_array(
        pydicom.dcmread(source.path), index=0, raw=True, decoding_plugin="gdcm"
    )
    assert np.array_equal(frame, other)
