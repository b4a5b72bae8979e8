"""Damaged and hostile DICOM files: each gives one sentence, quickly and in little memory."""

from __future__ import annotations

import struct
import sys
import threading
import tracemalloc
import zlib
from datetime import datetime
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from radiography.dicom.codestream import codestream_claim
from radiography.dicom.description import DxDescription
from radiography.dicom.read import read_dx
from radiography.dicom.write import write_dx

ROWS, COLS = 48, 64


@pytest.fixture
def whole(tmp_path: Path) -> bytes:
    """A sound file, as bytes."""
    pixels = np.arange(ROWS * COLS, dtype=np.uint16).reshape(ROWS, COLS)
    path = tmp_path / "whole.dcm"
    write_dx(path, pixels, 0.139, DxDescription(acquired=datetime(2024, 3, 1)), window=(100, 64))
    return path.read_bytes()


def changed(content: bytes, path: Path, **changes: object) -> Path:
    """The file with some attributes changed, None for left out."""
    path.write_bytes(content)
    dataset = pydicom.dcmread(path)
    for keyword, value in changes.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    dataset.save_as(path)
    return path


def packed(path: Path, syntax: str, codestreams: list[bytes], rows: int = ROWS, cols: int = COLS) -> Path:
    """A file that claims rows x cols and carries these compressed frames."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1.1", "1.2.3"
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns, dataset.NumberOfFrames = rows, cols, len(codestreams)
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 16, 15, 0
    dataset.add_new("PixelData", "OB", encapsulate(codestreams))
    dataset["PixelData"].is_undefined_length = True
    dataset.save_as(path, enforce_file_format=True)
    return path


def jpeg2000_head(rows: int, cols: int, components: int = 1) -> bytes:
    """The size segment of a JPEG 2000 code stream and nothing after it: ITU-T T.800 A.5.1."""
    sizes = struct.pack(">HHIIIIIIIIH", 38 + 3 * components, 0, cols, rows, 0, 0, cols, rows, 0, 0, components)
    return b"\xff\x4f\xff\x51" + sizes + bytes([15, 1, 1]) * components


def jpeg_head(rows: int, cols: int, marker: int, components: int = 1) -> bytes:
    """A comment, then a start of frame: ITU-T T.81 B.2.2."""
    comment = b"\xff\xfe\x00\x06spam"
    frame = struct.pack(">HBHHB", 8 + 3 * components, 16, rows, cols, components) + b"\1\x11\0" * components
    return b"\xff\xd8" + comment + b"\xff" + bytes([marker]) + frame


@pytest.mark.parametrize("kept", [0, 1, 100, 132, 140, 300, 700, 1000, 1170])
def test_a_file_cut_in_its_header_is_named(whole: bytes, tmp_path: Path, kept: int) -> None:
    path = tmp_path / "cut.dcm"
    path.write_bytes(whole[:kept])
    assert kept < len(whole) - 2 * ROWS * COLS
    with pytest.raises(ValueError, match=r"cut\.dcm is no readable DICOM file: it"):
        read_dx(path)


def test_every_cut_gives_one_sentence(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "cut.dcm"
    header = len(whole) - 2 * ROWS * COLS
    for kept in [*range(128, header + 4, 7), *range(header + 4, len(whole), 997), len(whole) - 1]:
        path.write_bytes(whole[:kept])
        with pytest.raises(ValueError, match="no readable DICOM file") as caught:
            read_dx(path)
        assert "\n" not in str(caught.value)


def test_pixels_that_end_early_are_counted(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "cut.dcm"
    path.write_bytes(whole[:-10])
    with pytest.raises(ValueError, match="it is truncated: the pixels need 6144 bytes, 6134 are there"):
        read_dx(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"Rows": 0}, "claims 1 frames of 0 x 64 pixels"),
        ({"Rows": None}, "its Rows is missing"),
        ({"Rows": 49}, "1 frames of 49 x 64 uint16 need 6272 bytes of pixels, it has 6144"),
        ({"Rows": 47}, "need 6016 bytes of pixels, it has 6144"),
        ({"Rows": 65535, "Columns": 65535}, "65535 x 65535 pixels, over the limit"),
        ({"NumberOfFrames": "1000000000"}, "1000000000 frames of 48 x 64"),
        ({"NumberOfFrames": "-1"}, "claims -1 frames"),
        ({"BitsAllocated": 12}, "allocates 12 bits"),
        ({"BitsStored": 99}, "stores 99 bits"),
        ({"HighBit": 3}, "up to bit 3"),
        ({"SamplesPerPixel": 3}, "a colour picture of 3 samples"),
        ({"PixelRepresentation": None}, "its PixelRepresentation is missing"),
        ({"PixelData": None}, "before any pixels"),
    ],
)
def test_claims_that_cannot_be_are_refused(
    whole: bytes, tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        read_dx(changed(whole, tmp_path / "claim.dcm", **changes))


def test_other_files_are_no_dicom(tmp_path: Path) -> None:
    path = tmp_path / "other.dcm"
    path.write_bytes(b"GIF89a" * 100)
    with pytest.raises(ValueError, match=r"other\.dcm is no readable DICOM file: it lacks the mark DICM"):
        read_dx(path)
    with pytest.raises(OSError, match="No such file"):
        read_dx(tmp_path / "none.dcm")
    with pytest.raises(OSError, match="directory"):
        read_dx(tmp_path)


@pytest.mark.slow
def test_a_deflated_file_is_refused_before_it_is_inflated(whole: bytes, tmp_path: Path) -> None:
    meta_end = 132 + 12 + struct.unpack_from("<I", whole, 140)[0]
    head = FileMetaDataset()
    head.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    head.MediaStorageSOPClassUID, head.MediaStorageSOPInstanceUID = "1.2", "1.2.3"
    path = tmp_path / "bomb.dcm"
    with path.open("wb") as file:
        file.write(bytes(128) + b"DICM")
        pydicom.filewriter.write_file_meta_info(file, head, enforce_standard=True)
        packer = zlib.compressobj(wbits=-15)
        file.write(packer.compress(whole[meta_end:] + bytes(200 * 2**20)) + packer.flush())
    assert path.stat().st_size < 2**20
    tracemalloc.start()
    with pytest.raises(ValueError, match="deflated as a whole"):
        read_dx(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * 2**20


def test_nested_sequences_are_refused(whole: bytes, tmp_path: Path) -> None:
    depth = 3000
    sequence = struct.pack("<HH2sHI", 0x0008, 0x1140, b"SQ", 0, 0xFFFFFFFF)
    begin = sequence + struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    end = struct.pack("<HHI", 0xFFFE, 0xE00D, 0) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    meta_end = 132 + 12 + struct.unpack_from("<I", whole, 140)[0]
    path = tmp_path / "nested.dcm"
    path.write_bytes(whole[:meta_end] + begin * depth + end * depth + whole[meta_end:])
    with pytest.raises(ValueError, match="nested too deeply"):
        read_dx(path)


@pytest.mark.parametrize("length", [0xFFFFFFFE, 0x7FFFFFFF, 0x10000000])
def test_an_element_longer_than_the_file_costs_no_memory(whole: bytes, tmp_path: Path, length: int) -> None:
    meta_end = 132 + 12 + struct.unpack_from("<I", whole, 140)[0]
    path = tmp_path / "long.dcm"
    element = struct.pack("<HH2sHI", 0x0008, 0x0001, b"OB", 0, length)
    path.write_bytes(whole[:meta_end] + element + whole[meta_end:])
    tracemalloc.start()
    with pytest.raises(ValueError, match="no readable DICOM file"):
        read_dx(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * 2**20


# Columns: transfer syntax, code stream, header's rows and columns, message.
BOMBS = [
    (JPEG2000Lossless, jpeg2000_head(4096, 4096), 48, 64, "header says 48 x 64 grey, the code stream 4096 x 4096 x 1"),
    (JPEG2000Lossless, jpeg2000_head(48, 64, 3), 48, 64, "the code stream 48 x 64 x 3"),
    (JPEG2000Lossless, jpeg2000_head(16384, 16384), 16384, 16384, "claim to unpack to 536870912"),
    (JPEGLSLossless, jpeg_head(9000, 9000, 0xF7), 48, 64, "the code stream 9000 x 9000 x 1"),
    (JPEGLosslessSV1, jpeg_head(9000, 64, 0xC3), 48, 64, "the code stream 9000 x 64 x 1"),
    (JPEGLosslessSV1, jpeg_head(48, 64, 0xC3)[:14], 48, 64, "ends before it says its size"),
    (JPEG2000Lossless, b"\0" * 100, 48, 64, "begins with 00 00 00 00"),
    (RLELossless, b"\0" * 20000, 48, 64, "20000 run-length bytes are too many for 6144"),
]


@pytest.mark.parametrize(("syntax", "codestream", "rows", "cols", "message"), BOMBS)
def test_a_code_stream_is_measured_before_it_is_decoded(
    tmp_path: Path, syntax: str, codestream: bytes, rows: int, cols: int, message: str
) -> None:
    path = packed(tmp_path / "bomb.dcm", syntax, [codestream], rows, cols)
    tracemalloc.start()
    with pytest.raises(ValueError, match=message):
        read_dx(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * 2**20


def test_a_code_stream_says_its_size() -> None:
    assert codestream_claim(jpeg2000_head(30, 40)) == (30, 40, 1, 16, False, 0)
    assert codestream_claim(jpeg_head(30, 40, 0xC3, 3)) == (30, 40, 3, 16, False, 0xC3)


def test_a_damaged_code_stream_gives_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be decoded at frame 0"):
        read_dx(packed(tmp_path / "one.dcm", JPEG2000Lossless, [jpeg2000_head(48, 64) + b"spam" * 50]))


def test_missing_and_unpacked_frames_are_named(whole: bytes, tmp_path: Path) -> None:
    path = packed(tmp_path / "one.dcm", RLELossless, [b"\0" * 100])
    dataset = pydicom.dcmread(path)
    dataset.NumberOfFrames = 5
    dataset.save_as(path)
    with pytest.raises(ValueError, match="no readable DICOM file: it holds only 1 of 5 frames"):
        read_dx(path)
    path.write_bytes(whole.replace(ExplicitVRLittleEndian.encode() + b"\0", b"1.2.840.10008.1.2.5\0"))
    with pytest.raises(ValueError, match="not packed in fragments as RLE Lossless demands"):
        read_dx(path)


def damage(content: bytes, rng: np.random.Generator) -> bytes:
    """A few bytes of the header overwritten, cut out or repeated."""
    header = len(content) - 2 * ROWS * COLS
    spoiled = bytearray(content)
    for _ in range(rng.integers(1, 6)):
        place = int(rng.integers(128, header))
        kind = rng.integers(3)
        if kind == 0:
            spoiled[place] = int(rng.integers(256))
        elif kind == 1:
            del spoiled[place : place + int(rng.integers(1, 9))]
        else:
            spoiled[place:place] = spoiled[place : place + int(rng.integers(1, 40))]
    return bytes(spoiled)


def read_damaged(content: bytes, path: Path, count: int, seed: int) -> int:
    """How many of `count` damaged files were refused; anything but ValueError and OSError escapes."""
    rng = np.random.default_rng(seed)
    refused = 0
    for _ in range(count):
        path.write_bytes(damage(content, rng))
        try:
            read_dx(path, linear=True)
        except (ValueError, OSError) as error:
            refused += 1
            assert len(str(error)) < 800 and "\n" not in str(error)
    return refused


def test_random_damage_gives_one_sentence_or_a_picture(whole: bytes, tmp_path: Path) -> None:
    assert 50 < read_damaged(whole, tmp_path / "spoiled.dcm", 300, seed=1) <= 300


@pytest.mark.long
def test_much_random_damage_gives_one_sentence_or_a_picture(whole: bytes, tmp_path: Path) -> None:
    assert read_damaged(whole, tmp_path / "spoiled.dcm", 5000, seed=2) > 1000


def test_reading_does_not_change_settings_for_others(whole: bytes, tmp_path: Path) -> None:
    limit, threads = sys.getrecursionlimit(), threading.active_count()
    path = tmp_path / "one.dcm"
    path.write_bytes(whole)
    read_dx(path)
    assert (sys.getrecursionlimit(), threading.active_count()) == (limit, threads)
