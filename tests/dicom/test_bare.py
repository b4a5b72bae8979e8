"""DICOM files that begin with their first element, and raw pixels that must not be taken for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from radiography.dicom.bare import BIG, EXPLICIT, IMPLICIT, bare_syntax
from radiography.dicom.read import read_dx
from radiography.files.frames import iterate_frames, open_frames
from tests.dicom.dicom_frames import FRAMES, write_frames

SYNTAXES = {EXPLICIT: ExplicitVRLittleEndian, IMPLICIT: ImplicitVRLittleEndian, BIG: ExplicitVRBigEndian}


def bare_file(path: Path, syntax: str) -> Path:
    """The frames without preamble and without a word on their encoding."""
    dataset = pydicom.dcmread(write_frames(path, FRAMES, syntax, SpecificCharacterSet="ISO_IR 100"))
    out = DicomBytesIO()
    out.is_little_endian, out.is_implicit_VR = syntax != ExplicitVRBigEndian, syntax == ImplicitVRLittleEndian
    write_dataset(out, dataset)
    path.write_bytes(out.getvalue())
    return path


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_file_without_preamble_is_read(tmp_path: Path, syntax: str) -> None:
    path = bare_file(tmp_path / "bare", SYNTAXES[syntax])
    assert bare_syntax(path.read_bytes()) == syntax
    source = open_frames(path)
    assert (source.format, source.count, source.pitch_mm) == ("dicom", len(FRAMES), 0.139)
    assert np.array_equal(list(iterate_frames(source)), FRAMES)


def test_a_file_that_only_lacks_its_preamble_is_read(tmp_path: Path) -> None:
    whole = write_frames(tmp_path / "whole.dcm", FRAMES).read_bytes()
    (tmp_path / "cut").write_bytes(whole[132:])
    assert np.array_equal(read_dx(tmp_path / "cut").pixels, FRAMES)
    assert open_frames(tmp_path / "cut").format == "dicom"


@pytest.mark.parametrize("kept", [12, 40, 100, 200, 300])
def test_a_bare_file_that_was_cut_is_named(tmp_path: Path, kept: int) -> None:
    path = bare_file(tmp_path / "bare", ExplicitVRLittleEndian)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ValueError, match=r"bare (is|holds) ") as caught:
        open_frames(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("dtype", ["uint8", "<u2", ">u2", "<i4", "<f4"])
def test_raw_pixels_are_no_dicom(dtype: str) -> None:
    rng = np.random.default_rng(7)
    for level in (0, 3, 8, 50, 100):
        for _ in range(400):
            head = rng.integers(0, level + 9, 1024).astype(dtype).tobytes()[:1024]
            assert bare_syntax(head) is None
            assert bare_syntax(b"\x08\x00" + head) is None
            assert bare_syntax(b"\x08\x00\x05\x00" + head) is None
