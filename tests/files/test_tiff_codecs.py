"""Compressed and packed TIFF pages, byte for byte, and what hostile ones may cost."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile

from radiography.files.frames import iterate_frames, open_frames, read_image

ROWS, COLS = 49, 67  # strips and tiles end at neither border


@pytest.fixture
def frame() -> np.ndarray:
    return np.random.default_rng(3).normal(3000, 60, (ROWS, COLS)).astype(np.uint16)


def directory(tags: list[tuple[int, int, int, int]], content: bytes) -> bytes:
    """A little-endian TIFF whose one strip of `content` begins at byte 8; values of tags stand in the directory."""
    entries = b"".join(struct.pack("<HHII", *tag) for tag in sorted(tags))
    return (
        struct.pack("<2sHI", b"II", 42, 8 + len(content)) + content + struct.pack("<H", len(tags)) + entries + bytes(4)
    )


def one_strip(codec: int, content: bytes, bits: int = 16, **more: int) -> bytes:
    """A page of ROWS x COLS whose strip is `content` under a number of the tag Compression."""
    tags = [(256, 4, 1, COLS), (257, 4, 1, ROWS), (258, 3, 1, bits), (259, 3, 1, codec), (262, 3, 1, 1)]
    tags += [(273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, ROWS), (279, 4, 1, len(content))]
    return directory(tags + [(int(name[1:]), 3, 1, value) for name, value in more.items()], content)


@pytest.mark.parametrize("codec", ["lzw", "packbits", "zlib", "deflate", "zstd"])
@pytest.mark.parametrize("predictor", [False, True])
@pytest.mark.parametrize("shape", [{"rowsperstrip": 10}, {"tile": (16, 32)}])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_byte_codecs_give_every_pixel_back(
    tmp_path: Path, frame: np.ndarray, codec: str, predictor: bool, shape: dict[str, Any], byteorder: str
) -> None:
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, frame, compression=codec, predictor=predictor, byteorder=byteorder, **shape)
    read = read_image(path).pixels
    assert read.dtype == np.uint16 and np.array_equal(read, frame)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("predictor", [1, 3])
def test_floats_with_either_predictor_come_back(
    tmp_path: Path, frame: np.ndarray, dtype: str, byteorder: str, predictor: int
) -> None:
    path, wanted = tmp_path / "x.tif", (frame / 7).astype(dtype)
    options: dict[str, Any] = {"compression": "lzw", "predictor": predictor, "byteorder": byteorder}
    tifffile.imwrite(path, wanted, rowsperstrip=8, **options)
    assert np.array_equal(read_image(path).pixels, wanted)


def test_floats_with_the_predictor_of_whole_numbers_come_back(tmp_path: Path, frame: np.ndarray) -> None:
    path, wanted = tmp_path / "x.tif", (frame / 7).astype(np.float32)
    differences = np.diff(wanted.view(np.uint32), axis=1, prepend=np.uint32(0))
    path.write_bytes(one_strip(8, zlib.compress(differences.tobytes()), 32, t317=2, t339=3))
    assert np.array_equal(read_image(path).pixels, wanted)


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_packed_pixels_are_unpacked(tmp_path: Path, frame: np.ndarray, bits: int) -> None:
    path, wanted = tmp_path / "x.tif", frame % 2**bits
    rows = [np.unpackbits(row.astype(">u2").view(np.uint8)).reshape(COLS, 16)[:, 16 - bits :] for row in wanted]
    path.write_bytes(one_strip(1, b"".join(np.packbits(row).tobytes() for row in rows), bits))
    read = read_image(path).pixels
    assert read.dtype == np.uint16 and np.array_equal(read, wanted)


@pytest.mark.parametrize(
    ("codec", "encode"),
    [
        (7, lambda frame: imagecodecs.ljpeg_encode(frame, bitspersample=16)),
        (7, imagecodecs.jpegls_encode),
        (34712, lambda frame: imagecodecs.jpeg2k_encode(frame, level=0, reversible=True, codecformat="j2k")),
        (34712, lambda frame: imagecodecs.jpeg2k_encode(frame, level=0, reversible=True, codecformat="jp2")),
    ],
    ids=["JPEG lossless", "JPEG-LS", "JPEG 2000", "JP2"],
)
def test_lossless_pictures_in_a_strip_come_back(tmp_path: Path, frame: np.ndarray, codec: int, encode: Any) -> None:
    path = tmp_path / "x.tif"
    path.write_bytes(one_strip(codec, bytes(encode(frame))))
    assert np.array_equal(read_image(path).pixels, frame)


def test_the_other_order_of_bits_is_turned(tmp_path: Path, frame: np.ndarray) -> None:
    path = tmp_path / "x.tif"
    path.write_bytes(one_strip(32773, imagecodecs.bitorder_decode(imagecodecs.packbits_encode(frame)), t266=2))
    assert np.array_equal(read_image(path).pixels, frame)


@pytest.mark.parametrize("codec", [5, 8, 32773, 50000, 7, 34712])
def test_a_strip_that_unpacks_to_less_or_more_is_damaged(tmp_path: Path, frame: np.ndarray, codec: int) -> None:
    encode = {5: "lzw", 8: "zlib", 32773: "packbits", 50000: "zstd", 7: "ljpeg", 34712: "jpeg2k"}[codec]
    for other in (frame[:-1], np.vstack([frame, frame])):
        content = getattr(imagecodecs, f"{encode}_encode")(np.ascontiguousarray(other))
        path = tmp_path / "x.tif"
        path.write_bytes(one_strip(codec, bytes(content)))
        if codec == 5 and len(other) > ROWS:  # LZW needs no end: what follows the page is left alone
            continue
        with pytest.raises(ValueError, match=r"damaged TIFF file: strip or tile 0: it"):
            read_image(path)


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ({"codec": 34925}, "scheme 34925 .LZMA.; none, LZW"),
        ({"codec": 60000}, "scheme 60000 .unknown."),
        ({"codec": 5, "t317": 3}, "floating-point predictor on uint16"),
        ({"codec": 5, "t317": 9}, "uses predictor 9"),
    ],
)
def test_what_cannot_be_unpacked_is_named(tmp_path: Path, tags: dict[str, int], message: str) -> None:
    path = tmp_path / "x.tif"
    path.write_bytes(one_strip(content=bytes(ROWS * COLS * 2), **tags))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=message):
        open_frames(path)


def test_many_pages_and_many_strips_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    content = bytearray(struct.pack("<2sHI", b"II", 42, 8))
    for _ in range(30_000):  # empty directories, one after the other
        content += struct.pack("<HI", 0, len(content) + 6)
    path.write_bytes(content)
    with pytest.raises(ValueError, match="holds more than 20000 pages"):
        open_frames(path)
    tags = [(256, 4, 1, 1), (257, 4, 1, 70_000), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (277, 3, 1, 1)]
    places = np.full(70_000, 8, "<u4").tobytes() + np.ones(70_000, "<u4").tobytes()
    tags += [(273, 4, 70_000, 8), (278, 4, 1, 1), (279, 4, 70_000, 8 + 280_000)]
    path.write_bytes(directory(tags, places))
    with pytest.raises(ValueError, match="is cut into 70000 strips or tiles, over the limit of 65536"):
        open_frames(path)


def test_a_damaged_page_says_nothing_but_one_sentence(
    tmp_path: Path, frame: np.ndarray, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, frame, tile=(16, 32), bigtiff=True, metadata=None, compression="zlib")
    whole, rng = path.read_bytes(), np.random.default_rng(6)
    for _ in range(200):
        content = bytearray(whole)
        for place in rng.integers(0, 400, 2):
            content[place] = rng.integers(0, 256)
        path.write_bytes(content)
        try:
            list(iterate_frames(open_frames(path)))
        except (ValueError, TypeError) as error:
            assert str(path) in str(error) and "\n" not in str(error)
    assert capfd.readouterr().err == ""


@pytest.mark.slow
def test_a_small_file_cannot_claim_a_large_page(tmp_path: Path) -> None:
    packer = zlib.compressobj()
    content = b"".join(packer.compress(bytes(2**20)) for _ in range(512)) + packer.flush()
    side = 2**14
    tags = [(256, 4, 1, side), (257, 4, 1, side), (258, 3, 1, 16), (259, 3, 1, 8), (262, 3, 1, 1), (273, 4, 1, 8)]
    path = tmp_path / "bomb.tif"
    path.write_bytes(directory([*tags, (277, 3, 1, 1), (278, 4, 1, side), (279, 4, 1, len(content))], content))
    assert path.stat().st_size < 2**20
    with pytest.raises(ValueError, match=r"claims to unpack 52[0-9]+ bytes to 536870912, more than 200 to 1"):
        open_frames(path)


@pytest.mark.slow
@pytest.mark.parametrize("codec", [5, 8, 32773, 50000, 7, 34712])
def test_damaged_strips_give_one_sentence_or_a_picture(tmp_path: Path, frame: np.ndarray, codec: int) -> None:
    encode = {5: "lzw", 8: "zlib", 32773: "packbits", 50000: "zstd", 7: "ljpeg", 34712: "jpeg2k"}[codec]
    whole = bytes(getattr(imagecodecs, f"{encode}_encode")(frame))
    rng, path = np.random.default_rng(codec), tmp_path / "x.tif"
    for _ in range(60):
        content = bytearray(whole)
        for place in rng.integers(0, len(content), 3):
            content[place] = rng.integers(0, 256)
        path.write_bytes(one_strip(codec, bytes(content[: rng.integers(len(content) // 2, len(content) + 1)])))
        try:
            (read,) = iterate_frames(open_frames(path))
            assert read.shape == frame.shape
        except ValueError as error:
            assert "\n" not in str(error) and str(path) in str(error)


@pytest.mark.parametrize(
    ("compression", "more", "lossy"),
    [
        ("jpeg", {"level": 90}, True),
        ("jpeg2000", {"level": 40, "reversible": False}, True),
        ("jpeg2000", {"level": 0, "reversible": True}, False),
    ],
)
def test_loss_in_a_page_is_said(
    tmp_path: Path, frame: np.ndarray, compression: str, more: dict[str, Any], lossy: bool
) -> None:
    pixels = (frame >> 5).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", pixels, compression=compression, compressionargs=more)
    assert [("with loss" in warning) for warning in open_frames(tmp_path / "a.tif").warnings] == [True] * lossy
