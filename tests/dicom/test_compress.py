"""Lossless compression: every reader gets back the pixels that were written, and the syntax is what the file says."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import parse_basic_offsets, parse_fragments
from pydicom.pixels import get_decoder
from pydicom.uid import UID

from radiography.cli import run
from radiography.dicom.compress import SYNTAXES, _pixel_header, compress_pixels
from radiography.dicom.encapsulated import decode_frame
from radiography.dicom.fragments import frame_fragments, joined
from radiography.dicom.read import open_dicom
from radiography.dicom.write import export_dx, write_dx
from radiography.files.frames import iterate_frames, open_frames, write_tiff
from tests.dicom.test_write import PITCH_MM, complaints, description, exposure

UIDS = {
    "jpeg-lossless": "1.2.840.10008.1.2.4.70", "jpeg-ls": "1.2.840.10008.1.2.4.80",
    "jpeg2000": "1.2.840.10008.1.2.4.90", "htj2k": "1.2.840.10008.1.2.4.201", "rle": "1.2.840.10008.1.2.5",
}  # fmt: skip
DCMTK = {"jpeg-lossless": "dcmdjpeg", "jpeg-ls": "dcmdjpls", "rle": "dcmdrle"}  # it decodes no JPEG 2000
GDCM = ("jpeg-lossless", "jpeg-ls", "jpeg2000", "rle")  # it decodes no HTJ2K


def noise(shape: tuple[int, int], bits: int, signed: bool) -> np.ndarray:
    """Every value of so many bits is as likely."""
    low = -(2 ** (bits - 1)) if signed else 0
    drawn = np.random.default_rng(bits).integers(low, low + 2**bits, shape)
    drawn.flat[:2] = (low, low + 2**bits - 1)[: drawn.size]
    return drawn.astype(np.int16 if signed else np.uint16)


@pytest.mark.parametrize("compression", SYNTAXES)
@pytest.mark.parametrize(("bits", "signed"), [(12, False), (14, False), (16, False), (12, True), (16, True)])
@pytest.mark.parametrize("shape", [(1, 2), (5, 7), (37, 51)])
def test_every_bit_comes_back(compression: str, bits: int, signed: bool, shape: tuple[int, int]) -> None:
    pixels = noise(shape, bits, signed)
    packed = compress_pixels(pixels, bits, compression)
    assert (
        len(packed) % 2 == 0 and parse_basic_offsets(packed) == [0] and parse_fragments(packed)[0] == 2
    )  # the table and one
    header = _pixel_header(pixels, bits, SYNTAXES[compression])
    (fragments,) = frame_fragments(packed, 0, 1, Dataset())
    codestream = joined(packed, fragments)
    assert np.array_equal(decode_frame(codestream, header), pixels)
    other, _ = get_decoder(SYNTAXES[compression]).as_array(
        packed, index=0, raw=True, rows=shape[0], columns=shape[1], samples_per_pixel=1, number_of_frames=1,
        bits_allocated=16, bits_stored=bits, photometric_interpretation="MONOCHROME2",
        pixel_representation=int(signed), pixel_keyword="PixelData",
    )  # fmt: skip
    assert np.array_equal(other, pixels)


@pytest.mark.slow
@pytest.mark.parametrize("compression", SYNTAXES)
@pytest.mark.parametrize("for_processing", [False, True])
def test_a_compressed_file_is_the_plain_one(tmp_path: Path, compression: str, for_processing: bool) -> None:
    plain, packed = tmp_path / "plain.dcm", tmp_path / "packed.dcm"
    export_dx(exposure(47, 61), PITCH_MM, plain, description(), for_processing)
    export_dx(exposure(47, 61), PITCH_MM, packed, description(), for_processing, compression=compression)
    first, second = pydicom.dcmread(plain), pydicom.dcmread(packed)
    assert second.file_meta.TransferSyntaxUID == UIDS[compression]
    assert b"SPIFF" not in second.PixelData
    if compression == "jpeg-lossless":  # the first predictor, which is what SV1 says: ITU-T T.81 B.2.3, table H.1
        scan = second.PixelData.index(b"\xff\xda")
        assert second.PixelData[scan + 7] == 1
    assert second.LossyImageCompression == "00" and "LossyImageCompressionMethod" not in second
    assert second.SOPInstanceUID == first.SOPInstanceUID  # nothing of the image is changed
    assert np.array_equal(second.pixel_array, first.pixel_array)
    assert complaints(packed) == []
    source = open_dicom(packed)
    assert source.conditions == open_dicom(plain).conditions
    if for_processing:
        read, wanted = (next(iterate_frames(open_frames(path))) for path in (packed, plain))
        assert np.array_equal(read, wanted)


@pytest.mark.parametrize("compression", GDCM)
def test_gdcm_reads_it(tmp_path: Path, compression: str) -> None:
    pixels = noise((37, 51), 16, False)
    write_dx(tmp_path / "x.dcm", pixels, PITCH_MM, description(), for_processing=True, compression=compression)
    script = ("import gdcm, sys\nr = gdcm.ImageReader(); r.SetFileName(sys.argv[1]); assert r.Read()\n"
              "b = r.GetImage().GetBuffer()\n"
              "sys.stdout.buffer.write(b.encode('utf-8', 'surrogateescape') if isinstance(b, str) else b)")  # fmt: skip
    run = subprocess.run([sys.executable, "-c", script, str(tmp_path / "x.dcm")], capture_output=True, check=True)
    assert run.stdout == pixels.tobytes()


@pytest.mark.parametrize("compression", DCMTK)
def test_dcmtk_reads_it(tmp_path: Path, compression: str) -> None:
    program = shutil.which(DCMTK[compression])
    if program is None:
        pytest.skip("dcmtk is not installed")
    pixels = noise((37, 51), 16, False)
    write_dx(tmp_path / "x.dcm", pixels, PITCH_MM, description(), for_processing=True, compression=compression)
    export_dx(exposure(47, 61), PITCH_MM, tmp_path / "p.dcm", description(), compression=compression)  # of 14 bits
    subprocess.run([program, str(tmp_path / "p.dcm"), str(tmp_path / "q.dcm")], check=True, capture_output=True)
    picture, back = pydicom.dcmread(tmp_path / "p.dcm"), pydicom.dcmread(tmp_path / "q.dcm")
    assert np.array_equal(back.pixel_array, picture.pixel_array)
    subprocess.run([program, str(tmp_path / "x.dcm"), str(tmp_path / "y.dcm")], check=True, capture_output=True)
    back = pydicom.dcmread(tmp_path / "y.dcm")
    assert not UID(back.file_meta.TransferSyntaxUID).is_compressed and np.array_equal(back.pixel_array, pixels)


@pytest.mark.parametrize("compression", SYNTAXES)
def test_simpleitk_reads_it(tmp_path: Path, compression: str) -> None:
    itk = pytest.importorskip("SimpleITK")
    pixels = noise((37, 51), 16, False)
    write_dx(tmp_path / "x.dcm", pixels, PITCH_MM, description(), for_processing=True, compression=compression)
    assert np.array_equal(itk.GetArrayFromImage(itk.ReadImage(str(tmp_path / "x.dcm")))[0], pixels)


def test_the_command_compresses_and_names_what_it_knows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tiff(tmp_path / "x.tif", exposure(), 0.1, {"kind": "corrected"})
    out = tmp_path / "x.dcm"
    assert run(["export", str(tmp_path / "x.tif"), "--out", str(out), "--compress", "rle"]) == 0
    assert "compressed without loss (rle)" in capsys.readouterr().out
    assert run(["export", str(tmp_path / "x.tif"), "--out", str(tmp_path / "y.dcm"), "--compress", "zip"]) == 2
    assert (
        "--compress must be one of jpeg-lossless, jpeg-ls, jpeg2000, htj2k, rle, got 'zip'" in capsys.readouterr().err
    )
    monkeypatch.setitem(sys.modules["radiography.dicom.compress"].__dict__["_ENCODERS"], "rle",
                        lambda pixels, bits: compress_wrong(pixels))  # fmt: skip
    before = out.read_bytes()
    with pytest.raises(ValueError, match="does not give the same pixels back"):
        export_dx(exposure(), PITCH_MM, out, description(), compression="rle")
    assert out.read_bytes() == before


def compress_wrong(pixels: np.ndarray) -> bytes:
    """A code stream of other pixels."""
    from radiography.dicom.compress import _rle

    return _rle(np.zeros_like(pixels), 16)
