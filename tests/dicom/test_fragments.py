"""Compressed sequences: any frame by itself, and every lie about where frames lie is one sentence."""

from __future__ import annotations

import struct
import tracemalloc
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, encapsulate_extended
from pydicom.uid import JPEG2000Lossless, JPEGLosslessSV1, JPEGLSLossless, RLELossless

from radiography.dicom.compress import compress_pixels
from radiography.dicom.fragments import MOST_FRAGMENTS, frame_fragments, joined
from radiography.dicom.read import iterate_dicom, open_dicom
from tests.dicom.dicom_frames import FRAMES
from tests.dicom.test_hostile import COLS, ROWS, jpeg2000_head, jpeg_head, packed

SYNTAXES = {
    "jpeg-lossless": JPEGLosslessSV1,
    "jpeg-ls": JPEGLSLossless,
    "jpeg2000": JPEG2000Lossless,
    "rle": RLELossless,
}


def codestreams(compression: str = "jpeg-ls") -> list[bytes]:
    """One of each frame, without the items around them."""
    one = [compress_pixels(frame, 16, compression) for frame in FRAMES]
    return [joined(each, frame_fragments(each, 0, 1, Dataset())[0]) for each in one]


def items(table: list[int], fragments: list[bytes]) -> bytes:
    """A table of offsets and fragments as they lie in a file."""
    made = struct.pack(f"<HHI{len(table)}I", 0xFFFE, 0xE000, 4 * len(table), *table)
    for each in fragments:
        even = each + b"\0" * (len(each) % 2)
        made += struct.pack("<HHI", 0xFFFE, 0xE000, len(even)) + even
    return made + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)


def with_items(path: Path, value: bytes, **changes: object) -> Path:
    """A JPEG-LS sequence of 3 frames whose pixel data are these items."""
    packed(path, JPEGLSLossless, codestreams())
    dataset = pydicom.dcmread(path)
    for keyword, changed in changes.items():
        setattr(dataset, keyword, changed)
    dataset.PixelData = value.removesuffix(struct.pack("<HHI", 0xFFFE, 0xE0DD, 0))
    dataset["PixelData"].is_undefined_length = True
    dataset.save_as(path, enforce_file_format=True)
    return path


@pytest.mark.parametrize("compression", SYNTAXES)
def test_any_frame_of_a_compressed_sequence_is_read_by_itself(tmp_path: Path, compression: str) -> None:
    path = packed(tmp_path / "run.dcm", SYNTAXES[compression], codestreams(compression))
    source = open_dicom(path)
    assert source.count == len(FRAMES)
    for number in (2, 0, 1):
        np.testing.assert_array_equal(next(iterate_dicom(source, range(number, number + 1))), FRAMES[number])
    np.testing.assert_array_equal(np.stack(list(iterate_dicom(source))), FRAMES)


@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize("table", ["none", "basic", "extended"])
def test_frames_are_found_with_and_without_tables(tmp_path: Path, parts: int, table: str) -> None:
    streams = codestreams()
    cut = [
        each[part * 600 : (part + 1) * 600 if part < parts - 1 else None] for each in streams for part in range(parts)
    ]
    if table == "extended":
        value, offsets, lengths = encapsulate_extended(streams)
        path = with_items(tmp_path / "run.dcm", value, ExtendedOffsetTable=offsets, ExtendedOffsetTableLengths=lengths)
    elif table == "basic":
        path = with_items(tmp_path / "run.dcm", encapsulate(streams, fragments_per_frame=parts))
    else:
        path = with_items(tmp_path / "run.dcm", items([], cut))
    np.testing.assert_array_equal(np.stack(list(iterate_dicom(open_dicom(path)))), FRAMES)


@pytest.mark.parametrize(
    ("table", "claimed", "message"),
    [
        ([0, 8, 16], 3, "its table of 3 offsets does not lead to the beginnings of 3 frames"),
        ([0, 2**32 - 1, 4], 3, "its table of 3 offsets does not lead"),
        ([0, 0, 0], 3, "its table of 3 offsets does not lead"),
        ([0], 3, "its table of 1 offsets does not lead to the beginnings of 3 frames"),
        ([], 1_000_000_000, "it holds only 3 of 1000000000 frames"),
        ([], 2, "its 3 fragments end 3 frames of 2, without a table"),
    ],
)
def test_tables_and_counts_that_lie_are_refused(tmp_path: Path, table: list[int], claimed: int, message: str) -> None:
    path = with_items(tmp_path / "run.dcm", items(table, codestreams()), NumberOfFrames=claimed)
    tracemalloc.start()
    with pytest.raises(ValueError, match=f"no readable DICOM file: {message}") as caught:
        open_dicom(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * 2**20 and "\n" not in str(caught.value)


@pytest.mark.parametrize("offsets", [[0, 8, 16], [2**63, 0, 0], [0, 2**64 - 1, 8]])
def test_extended_tables_that_lie_are_refused(tmp_path: Path, offsets: list[int]) -> None:
    value, _, lengths = encapsulate_extended(codestreams())
    table = struct.pack("<3Q", *offsets)
    path = with_items(tmp_path / "run.dcm", value, ExtendedOffsetTable=table, ExtendedOffsetTableLengths=lengths)
    with pytest.raises(ValueError, match="its table of 3 offsets does not lead to the beginnings of 3 frames"):
        open_dicom(path)


def test_fragments_that_end_early_or_are_damaged_are_refused() -> None:
    whole = items([], codestreams())
    header = Dataset()
    with pytest.raises(ValueError, match="it is truncated: a fragment needs"):
        frame_fragments(whole[:-100], 0, 3, header)
    with pytest.raises(ValueError, match="its fragments are damaged at byte 8"):
        frame_fragments(whole[:8] + b"spam" + whole[12:], 0, 3, header)
    with pytest.raises(ValueError, match="it has no fragments at byte 0"):
        frame_fragments(b"", 0, 3, header)
    with pytest.raises(ValueError, match="no multiple of 4"):
        frame_fragments(struct.pack("<HHI", 0xFFFE, 0xE000, 3) + b"abc", 0, 1, header)
    many = struct.pack("<HHI", 0xFFFE, 0xE000, 0) * (MOST_FRAGMENTS + 1)
    with pytest.raises(ValueError, match="more than 1048576 fragments"):
        frame_fragments(many, 0, 3, header)


@pytest.mark.parametrize("frame", [1, 2])
@pytest.mark.parametrize(
    ("syntax", "head"),
    [(JPEG2000Lossless, jpeg2000_head(16384, 16384)), (JPEGLSLossless, jpeg_head(9000, 9000, 0xF7))],
)
def test_each_frame_is_held_to_the_header_before_it_is_decoded(
    tmp_path: Path, syntax: str, head: bytes, frame: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = {JPEG2000Lossless: "jpeg2000", JPEGLSLossless: "jpeg-ls"}[syntax]
    streams = codestreams(sound)
    streams[frame] = head
    source = open_dicom(packed(tmp_path / "run.dcm", syntax, streams))
    frames = iterate_dicom(source)
    for number in range(frame):
        np.testing.assert_array_equal(next(frames), FRAMES[number])
    for decoder in ("jpeg2k_decode", "jpegls_decode"):
        monkeypatch.setattr(imagecodecs, decoder, None)  # nothing is decoded
    with pytest.raises(ValueError, match=f"at frame {frame}: the header says {ROWS} x {COLS} grey, the code stream"):
        next(frames)
