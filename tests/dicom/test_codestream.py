"""Compressed DICOM frames of every kind that panels write, as an independent encoder packs them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels import get_decoder
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    UID,
    HTJ2KLossless,
    JPEG2000Lossless,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from radiography.dicom.carried import header_of
from radiography.dicom.codestream import loss_of
from radiography.dicom.read import iterate_dicom, open_dicom
from tests.dicom.dicom_frames import write_frames

ROWS, COLS = 49, 67
Encode = Callable[[np.ndarray, int], bytes]


def jpeg2000(frame: np.ndarray, bits: int) -> bytes:
    return imagecodecs.jpeg2k_encode(frame, level=0, reversible=True, codecformat="j2k", bitspersample=bits)


def lossless_jpeg(frame: np.ndarray, bits: int) -> bytes:
    return imagecodecs.ljpeg_encode(frame, bitspersample=bits)


ENCODERS: dict[str, tuple[UID, Encode]] = {
    "JPEG Lossless SV1": (JPEGLosslessSV1, lossless_jpeg),
    "JPEG Lossless": (JPEGLossless, lossless_jpeg),
    "JPEG-LS": (JPEGLSLossless, lambda frame, bits: imagecodecs.jpegls_encode(frame)),
    "JPEG 2000": (JPEG2000Lossless, jpeg2000),
    "HTJ2K": (HTJ2KLossless, lambda frame, bits: imagecodecs.htj2k_encode(frame, reversible=True)),
}


def packed(path: Path, syntax: UID, codestreams: list[bytes], bits: int, *, signed: bool = False) -> Path:
    """A file of such frames, of ROWS x COLS."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1.1", "1.2.3"
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns, dataset.NumberOfFrames = ROWS, COLS, len(codestreams)
    dataset.BitsAllocated = 8 if bits == 8 else 16
    dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = bits, bits - 1, int(signed)
    dataset.add_new("PixelData", "OB", encapsulate(codestreams))
    dataset["PixelData"].is_undefined_length = True
    dataset.save_as(path, enforce_file_format=True)
    return path


def drawn(bits: int) -> np.ndarray:
    """Two frames that use every bit."""
    type_of = np.uint8 if bits == 8 else np.uint16
    return np.random.default_rng(bits).integers(0, 2**bits, (2, ROWS, COLS)).astype(type_of)


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("kind", ENCODERS)
def test_every_pixel_comes_back(tmp_path: Path, kind: str, bits: int) -> None:
    syntax, encode = ENCODERS[kind]
    frames = drawn(bits)
    path = packed(tmp_path / "x.dcm", syntax, [bytes(encode(frame, bits)) for frame in frames], bits)
    read = np.stack(list(iterate_dicom(open_dicom(path))))
    assert read.dtype == frames.dtype and np.array_equal(read, frames)


@pytest.mark.parametrize("kind", ["JPEG Lossless SV1", "JPEG-LS", "JPEG 2000"])
def test_numbers_with_a_sign_come_back(tmp_path: Path, kind: str) -> None:
    syntax, encode = ENCODERS[kind]
    wanted = drawn(12)[0].astype(np.int16) - 2048
    unsigned = wanted.view(np.uint16) & 0x0FFF  # JPEG knows no sign; JPEG-LS claims 16 bits here
    path = packed(tmp_path / "x.dcm", syntax, [bytes(encode(unsigned, 12))], 12, signed=True)
    (read,) = iterate_dicom(open_dicom(path))
    assert read.dtype == np.int16 and np.array_equal(read, wanted)


def test_jpeg_2000_that_knows_its_sign_comes_back(tmp_path: Path) -> None:
    wanted = drawn(12)[0].astype(np.int16) - 2048
    path = packed(tmp_path / "x.dcm", JPEG2000Lossless, [jpeg2000(wanted, 16)], 16, signed=True)
    (read,) = iterate_dicom(open_dicom(path))
    assert read.dtype == np.int16 and np.array_equal(read, wanted)


def test_runs_come_back(tmp_path: Path) -> None:
    frames = drawn(16) // 4096
    path = packed(tmp_path / "x.dcm", JPEGLSLossless, [imagecodecs.jpegls_encode(frame) for frame in frames], 16)
    dataset = pydicom.dcmread(path)
    dataset.compress(RLELossless, frames, generate_instance_uid=False)
    dataset.save_as(path)
    assert np.array_equal(np.stack(list(iterate_dicom(open_dicom(path)))), frames)


@pytest.mark.parametrize("kind", ENCODERS)
def test_pydicom_alone_decodes_them_in_this_environment(tmp_path: Path, kind: str) -> None:
    syntax, encode = ENCODERS[kind]
    assert get_decoder(syntax).is_available
    frames = drawn(12)
    path = packed(tmp_path / "x.dcm", syntax, [bytes(encode(frame, 12)) for frame in frames], 12)
    assert np.array_equal(pydicom.dcmread(path).pixel_array, frames)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ENCODERS)
def test_damaged_code_streams_give_one_sentence_or_a_picture(tmp_path: Path, kind: str) -> None:
    syntax, encode = ENCODERS[kind]
    whole = bytes(encode(drawn(12)[0], 12))
    rng = np.random.default_rng(4)
    for number in range(100):
        content = bytearray(whole)
        if number % 2:
            content = content[: rng.integers(2, len(content))]
        for place in rng.integers(0, min(len(content), 200 if number % 4 else len(content)), 3):
            content[place] = rng.integers(0, 256)
        path = packed(tmp_path / "x.dcm", syntax, [bytes(content)], 12)
        try:
            (read,) = iterate_dicom(open_dicom(path))
            assert read.shape == (ROWS, COLS)
        except ValueError as error:
            assert "\n" not in str(error) and str(path) in str(error)


def test_a_kind_that_is_no_picture_is_named(tmp_path: Path) -> None:
    path = packed(tmp_path / "x.dcm", UID("1.2.840.10008.1.2.4.100"), [bytes(100)], 12)
    with pytest.raises(ValueError, match="begins with 00 00 00 00, which is no JPEG picture"):
        list(iterate_dicom(open_dicom(path)))


LOSSY: dict[str, tuple[UID, Encode, str]] = {
    "JPEG": (JPEGExtended12Bit, lambda frame, bits: imagecodecs.jpeg8_encode(frame, bitspersample=12), "cosine"),
    "JPEG-LS": (JPEGLSNearLossless, lambda frame, bits: imagecodecs.jpegls_encode(frame, level=3), "by 3"),
    "JPEG 2000": (
        JPEG2000,
        lambda frame, bits: imagecodecs.jpeg2k_encode(frame, level=50, reversible=False, codecformat="j2k"),
        "irreversible",
    ),
    "HTJ2K": (HTJ2K, lambda frame, bits: imagecodecs.htj2k_encode(frame, reversible=False, level=0.01), "irreversible"),
}


@pytest.mark.parametrize("kind", LOSSY)
def test_loss_is_said_and_stays_said(tmp_path: Path, kind: str) -> None:
    syntax, encode, words = LOSSY[kind]
    frame = np.random.default_rng(5).normal(1000, 30, (ROWS, COLS)).astype(np.uint16)
    source = open_dicom(packed(tmp_path / "lossy.dcm", syntax, [encode(frame, 12)], 12))
    assert [words in warning and "with loss" in warning for warning in source.warnings] == [True]
    kept = header_of(source.carried, "lossy.dcm")
    assert kept.LossyImageCompression == "01"
    assert float(kept.LossyImageCompressionRatio) > 1.0
    method = {"JPEG": "10918_1", "JPEG-LS": "14495_1", "JPEG 2000": "15444_1", "HTJ2K": "15444_15"}[kind]
    assert kept.LossyImageCompressionMethod == f"ISO_{method}"


@pytest.mark.parametrize("kind", ENCODERS)
def test_what_comes_back_as_it_was_raises_no_doubt(tmp_path: Path, kind: str) -> None:
    syntax, encode = ENCODERS[kind]
    frame = np.random.default_rng(5).normal(1000, 30, (ROWS, COLS)).astype(np.uint16)
    assert open_dicom(packed(tmp_path / "lossless.dcm", syntax, [encode(frame, 16)], 16)).warnings == ()


def test_loss_before_unpacking_is_said_by_the_header(tmp_path: Path) -> None:
    write_frames(tmp_path / "once.dcm", np.ones((1, ROWS, COLS), np.uint16), LossyImageCompression="01")
    (warning,) = open_dicom(tmp_path / "once.dcm").warnings
    assert "with loss" in warning


def test_a_damaged_head_of_a_code_stream_loses_nothing() -> None:
    rng = np.random.default_rng(6)
    whole = imagecodecs.jpegls_encode(np.ones((ROWS, COLS), np.uint16), level=3)
    for _ in range(500):
        broken = bytearray(whole[: rng.integers(len(whole))])
        for place in rng.integers(max(len(broken), 1), size=2):
            broken[place : place + 1] = rng.bytes(1)
        assert loss_of(bytes(broken)) is None or "JPEG" in str(loss_of(bytes(broken)))
