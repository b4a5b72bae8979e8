"""Frames in and out of files, good ones and hostile ones."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile

from radiography.files.frames import (
    RawLayout,
    iterate_frames,
    open_frames,
    read_image,
    sha256_of,
    write_preview_png,
    write_tiff,
)
from radiography.files.source import LARGEST_FRAME_PIXELS

ROWS, COLS = 48, 64


@pytest.fixture
def stack() -> np.ndarray:
    frames = np.random.default_rng(5).integers(0, 65536, (3, ROWS, COLS)).astype(np.uint16)
    frames.setflags(write=False)
    return frames


def frames_of(path: Path, layout: RawLayout | None = None) -> np.ndarray:
    return np.stack(list(iterate_frames(open_frames(path, layout))))


# ------------------------------------------------------------------------------------------------------- round trips


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_a_tiff_comes_back_with_its_pixels_pitch_and_metadata(tmp_path: Path, stack: np.ndarray, dtype: str) -> None:
    path = tmp_path / "stack.dat"  # the name must not matter
    count = write_tiff(path, iter(stack.astype(dtype)), 0.139, {"seed": np.int64(3), "unit": "DN"})
    source = open_frames(path)
    assert (count, source.format, source.count, source.rows, source.cols, source.dtype) == (3, "tiff", 3, 48, 64, dtype)
    assert source.pitch_mm == 0.139
    assert source.metadata == {"seed": 3, "unit": "DN", "pitch_mm": 0.139}
    assert np.array_equal(frames_of(path), stack)


@pytest.mark.parametrize("pages", [1, 3])
@pytest.mark.parametrize(
    "said",
    [
        {"scene": {"solids": [{"shape": "box", "size_mm": [1.0, 2.0, 3.0]}]}},
        {"shape": [2, 2], "axes": "YX"},
        {"note": 'a "shape": in a text, and {"shape": [1]}', "shape": "box"},
    ],
)
@pytest.mark.parametrize("old", [False, True])
def test_a_shape_in_the_metadata_is_not_taken_for_that_of_the_frames(
    tmp_path: Path, stack: np.ndarray, monkeypatch: pytest.MonkeyPatch, said: dict[str, object], pages: int, old: bool
) -> None:
    path = tmp_path / "frames.tif"
    if old:  # as this package wrote them before it kept out of the way of tifffile's own metadata
        monkeypatch.setattr("radiography.files.frames._json", lambda _, metadata: json.dumps(metadata))
    write_tiff(path, iter(stack[:pages]), 0.139, said)
    assert open_frames(path).metadata == {**said, "pitch_mm": 0.139}
    assert np.array_equal(frames_of(path), stack[:pages])
    options = {"is_shaped": False} if old else {}
    assert np.array_equal(tifffile.imread(path, **options), stack[0] if pages == 1 else stack[:pages])


def test_the_resolution_tags_alone_give_the_pitch(tmp_path: Path, stack: np.ndarray) -> None:
    path = tmp_path / "one.tif"
    write_tiff(path, stack[0], 0.139, {})
    with tifffile.TiffFile(path) as tiff:
        numerator, denominator = tiff.pages[0].tags["XResolution"].value
        assert tiff.pages[0].tags["ResolutionUnit"].value == 3  # centimetre
    assert 10 * denominator / numerator == pytest.approx(0.139, rel=1e-6)
    tifffile.imwrite(path, stack[0], resolution=(10 / 0.1, 10 / 0.1), resolutionunit="CENTIMETER")
    assert open_frames(path).pitch_mm == pytest.approx(0.1)


def test_the_resolution_of_a_screen_is_no_pitch(tmp_path: Path, stack: np.ndarray) -> None:
    tifffile.imwrite(tmp_path / "screen.tif", stack[0], resolution=(1, 1), resolutionunit="INCH")
    assert open_frames(tmp_path / "screen.tif").pitch_mm is None


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_tiff_of_either_byte_order_and_size_is_read(
    tmp_path: Path, stack: np.ndarray, byteorder: str, big: bool
) -> None:
    path = tmp_path / "any.tif"
    tifffile.imwrite(path, stack, byteorder=byteorder, bigtiff=big, photometric="minisblack")
    assert np.array_equal(frames_of(path), stack)
    assert next(iterate_frames(open_frames(path))).dtype == np.uint16


def test_deflated_and_tiled_tiff_is_read(tmp_path: Path, stack: np.ndarray) -> None:
    path = tmp_path / "deflated.tif"
    tifffile.imwrite(path, stack[0], compression="zlib", tile=(16, 32))
    assert np.array_equal(read_image(path).pixels, stack[0])


def test_a_thumbnail_page_is_no_frame(tmp_path: Path, stack: np.ndarray) -> None:
    path = tmp_path / "thumbnail.tif"
    with tifffile.TiffWriter(path) as tiff:
        tiff.write(stack[0], metadata=None)
        tiff.write(stack[0, ::8, ::8], subfiletype=1, metadata=None)
    assert np.array_equal(frames_of(path), stack[:1])


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint32", "int32", "float32", "float64"])
@pytest.mark.parametrize("byte_order", ["little", "big"])
def test_headerless_raw_is_read_exactly(tmp_path: Path, stack: np.ndarray, dtype: str, byte_order: str) -> None:
    path = tmp_path / "frames.raw"
    wanted = (stack.astype(np.int64) - 100).astype(dtype)
    stored = wanted.astype(np.dtype(dtype).newbyteorder("<" if byte_order == "little" else ">"))
    path.write_bytes(b"header" + stored.tobytes())
    layout = RawLayout(ROWS, COLS, dtype, byte_order, 6)
    assert np.array_equal(frames_of(path, layout), wanted)
    assert np.array_equal(read_image(path, layout, frame=2).pixels, wanted[2])


def test_masks_and_whole_numbers_of_numpy_are_read(tmp_path: Path, stack: np.ndarray) -> None:
    for kind in (np.int64, np.uint64, np.bool_):
        np.save(tmp_path / "frames.npy", stack.astype(kind))
        assert np.array_equal(frames_of(tmp_path / "frames.npy"), stack.astype(kind))
    np.save(tmp_path / "frames.npy", np.full((8, 8), 2**40))
    with pytest.raises(
        ValueError, match="holds numbers from 1099511627776 to 1099511627776; 32 bits hold -2147483648 to"
    ):
        frames_of(tmp_path / "frames.npy")


@pytest.mark.parametrize("wanted", [np.s_[0], np.s_[:]])
def test_npy_is_read_as_one_frame_or_as_a_stack(tmp_path: Path, stack: np.ndarray, wanted: object) -> None:
    np.save(tmp_path / "frames.npy", np.asfortranarray(stack[wanted]))  # type: ignore[call-overload]
    assert np.array_equal(frames_of(tmp_path / "frames.npy"), np.atleast_3d(stack)[: 1 if wanted == 0 else 3])


def test_frames_handed_out_can_be_written_to_without_changing_the_file(tmp_path: Path, stack: np.ndarray) -> None:
    np.save(tmp_path / "frames.npy", stack)
    before = sha256_of(tmp_path / "frames.npy")
    for frame in iterate_frames(open_frames(tmp_path / "frames.npy")):
        frame[:] = 0
    assert sha256_of(tmp_path / "frames.npy") == before


def test_chosen_frames_only(tmp_path: Path, stack: np.ndarray) -> None:
    write_tiff(tmp_path / "s.tif", stack, None, {})
    source = open_frames(tmp_path / "s.tif")
    assert np.array_equal(np.stack(list(iterate_frames(source, range(1, 3)))), stack[1:])
    with pytest.raises(ValueError, match=r"frame 3 is not in .*s\.tif, which has 3 frames \(0 to 2\)"):
        next(iterate_frames(source, range(2, 4)))
    with pytest.raises(ValueError, match=r"frame 7 is not in .*one\.tif, which has 1 frame, number 0"):
        write_tiff(tmp_path / "one.tif", stack[0], None, {})
        read_image(tmp_path / "one.tif", frame=7)


def test_an_image_of_several_frames_asks_which(tmp_path: Path, stack: np.ndarray) -> None:
    write_tiff(tmp_path / "s.tif", stack, None, {})
    with pytest.raises(ValueError, match="holds 3 frames; say which"):
        read_image(tmp_path / "s.tif")


# ------------------------------------------------------------------------------------------------------ hostile files


def bomb(path: Path, side: int) -> None:
    """A valid TIFF of a few kB that claims side x side deflated pixels."""
    tags = [(256, 4, 1, side), (257, 4, 1, side), (258, 3, 1, 16), (259, 3, 1, 8), (262, 3, 1, 1)]
    body = zlib.compress(bytes(1000))
    tags += [(273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, side), (279, 4, 1, len(body))]
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4)
    path.write_bytes(struct.pack("<2sHI", b"II", 42, 8 + len(body)) + body + directory)


def write_bad(path: Path, case: str) -> None:
    rng = np.random.default_rng(2)
    frame = rng.integers(0, 4000, (ROWS, COLS)).astype(np.uint16)
    match case:
        case "empty":
            path.touch()
        case "text":
            path.write_text("rows,cols\n48,64\n" * 20)
        case "colour":
            tifffile.imwrite(path, np.zeros((ROWS, COLS, 3), np.uint8), photometric="rgb")
        case "complex":
            tifffile.imwrite(path, frame.astype(np.complex64))
        case "complex":
            np.save(path.with_suffix(".npy"), frame.astype(np.complex64))
            path.with_suffix(".npy").rename(path)
        case "objects":
            with path.open("wb") as file:
                np.save(file, np.array([None, {}], object))
        case "line":
            with path.open("wb") as file:
                np.save(file, frame[0])
        case "mixed pages":
            with tifffile.TiffWriter(path) as tiff:
                tiff.write(frame, metadata=None)
                tiff.write(frame.T, metadata=None)
        case "bomb":
            bomb(path, 30000)
        case "inflating strip":
            tifffile.imwrite(path, frame, compression="zlib")
            with tifffile.TiffFile(path) as tiff:
                begin, size = tiff.pages[0].dataoffsets[0], tiff.pages[0].databytecounts[0]
            big = zlib.compress(bytes(20 * frame.nbytes))
            content = bytearray(path.read_bytes())
            content[begin : begin + size] = (big + bytes(size))[:size]
            path.write_bytes(content)
        case "ring":
            tifffile.imwrite(path, frame, metadata=None)
            with tifffile.TiffFile(path) as tiff:
                first, tags = tiff.pages[0].offset, len(tiff.pages[0].tags)
            content = bytearray(path.read_bytes())
            content[first + 2 + 12 * tags : first + 6 + 12 * tags] = struct.pack("<I", first)
            path.write_bytes(content)
        case "no page":
            path.write_bytes(b"II*\0" + bytes(8))
        case "long npy":
            with path.open("wb") as file:
                np.save(file, frame)
                file.write(b"more")
        case "not a number":
            floats = frame.astype(np.float32)
            floats[3, 4] = np.nan
            write_tiff(path, floats, None, {})


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("empty", "is empty"),
        ("text", "is in none of the formats that are read .* as headerless raw"),
        ("colour", "is a colour picture"),
        ("complex", "holds complex64 pixels; a frame is one of uint8"),
        ("complex", "holds complex64 pixels"),
        ("objects", "no readable .npy file"),
        ("line", r"has shape \(64,\); a frame is"),
        ("mixed pages", r"mixes pages: page 0 is \(48, 64\) uint16, page 1 is \(64, 48\)"),
        ("bomb", "claims 30000 x 30000 pixels, over the limit"),
        ("inflating strip", "inflates beyond 6144 bytes"),
        ("ring", "pages form a ring"),
        ("no page", "without any page"),
        ("long npy", "has 6276 bytes, but its header asks for 6272"),
        ("not a number", "frame 0 holds 1 pixels that are NaN"),
    ],
)
def test_a_bad_file_is_refused_in_one_sentence(tmp_path: Path, case: str, message: str) -> None:
    path = tmp_path / "bad"
    write_bad(path, case)
    with pytest.raises((ValueError, TypeError), match=message) as caught:
        frames_of(path)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


def test_missing_files_and_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="does not exist"):
        open_frames(tmp_path / "nothing")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        open_frames(tmp_path)


@pytest.mark.parametrize("kind", ["tiff", "stack", "bigtiff", "deflated", "npy"])
def test_a_file_cut_anywhere_is_refused(tmp_path: Path, stack: np.ndarray, kind: str) -> None:
    path, cut = tmp_path / "whole", tmp_path / "cut"
    if kind == "npy":
        with path.open("wb") as file:
            np.save(file, stack)
    else:
        options = {"bigtiff": kind == "bigtiff", "compression": "zlib" if kind == "deflated" else None}
        tifffile.imwrite(path, stack[0] if kind == "tiff" else stack, photometric="minisblack", **options)
    content = path.read_bytes()
    for length in [1, 3, 8, 20, 100, len(content) // 3, len(content) // 2, len(content) - 1]:
        cut.write_bytes(content[:length])
        try:
            survived = frames_of(cut)
        except ValueError as error:
            assert str(cut) in str(error) and "\n" not in str(error)
        else:  # the last byte may be the end of a text beside the pixels
            assert length == len(content) - 1 and np.array_equal(survived, stack)


def test_flipped_bytes_of_a_tiff_never_surprise(tmp_path: Path, stack: np.ndarray) -> None:
    path = tmp_path / "flipped.tif"
    tifffile.imwrite(path, stack, compression="zlib", photometric="minisblack")
    content = path.read_bytes()
    rng = np.random.default_rng(11)
    with tifffile.TiffFile(path) as tiff:
        heads = [page.offset for page in tiff.pages]
    for n in range(150):
        position = heads[n % 3] + int(rng.integers(0, 180)) if n % 2 else int(rng.integers(0, len(content)))
        damaged = bytearray(content)
        damaged[min(position, len(content) - 1)] ^= int(rng.integers(1, 256))
        path.write_bytes(damaged)
        try:
            frames_of(path)  # may still be a picture
        except (ValueError, TypeError) as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize(("extra", "found"), [(-1, 18431), (7, 18439)])
def test_a_raw_file_that_does_not_fit_its_layout_names_both_numbers(
    tmp_path: Path, stack: np.ndarray, extra: int, found: int
) -> None:
    path = tmp_path / "frames.raw"
    path.write_bytes((stack.tobytes() + bytes(16))[: stack.nbytes + extra])
    with pytest.raises(ValueError, match=f"holds {found} bytes .* 48 x 64 uint16 need a whole multiple of 6144"):
        open_frames(path, RawLayout(ROWS, COLS))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": 0}, "at least 1 x 1 pixel, got 0 x 64"),
        ({"rows": LARGEST_FRAME_PIXELS}, "over the limit"),
        ({"dtype": "complex64"}, "must be one of uint8"),
        ({"byte_order": "middle"}, "'little' or 'big', got 'middle'"),
        ({"header_bytes": -1}, "header_bytes must be 0 or more, got -1"),
    ],
)
def test_an_impossible_layout_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RawLayout(**({"rows": ROWS, "cols": COLS} | change))  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------------------------ writing


def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, stack: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "stack.tif"
    path.write_text("old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("calibration.whole_file.os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_tiff(path, stack, None, {})
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_frame_that_does_not_fit_the_others_leaves_no_file(tmp_path: Path, stack: np.ndarray) -> None:
    path = tmp_path / "stack.tif"
    with pytest.raises(ValueError, match=r"frame 1 of .* is \(64, 48\) uint16, the first is \(48, 64\)"):
        write_tiff(path, iter([stack[0], stack[0].T]), None, {})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("pixels", "pitch_mm", "metadata", "message"),
    [
        (np.zeros((4, 6)), None, {}, "must be float32 or uint16, got float64"),
        (np.zeros((4, 6), np.uint16), 0.0, {}, "pitch_mm must be a positive length, got 0.0"),
        (np.zeros((4, 6), np.uint16), None, {"rng": object()}, "cannot be written as JSON"),
        (np.zeros((4, 6), np.uint16), None, {"x": float("nan")}, "cannot be written as JSON"),
        ([], None, {}, "there is no frame to write"),
    ],
)
def test_what_cannot_be_written_is_named(
    tmp_path: Path, pixels: object, pitch_mm: float | None, metadata: dict[str, object], message: str
) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        write_tiff(tmp_path / "x.tif", pixels, pitch_mm, metadata)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"the folder .*nowhere does not exist"):
        write_preview_png(tmp_path / "nowhere" / "x.png", np.zeros((4, 6)))


def test_the_same_frame_gives_the_same_bytes(tmp_path: Path, stack: np.ndarray) -> None:
    for name in ("a.tif", "b.tif"):
        write_tiff(tmp_path / name, stack, 0.139, {"seed": 1})
    assert sha256_of(tmp_path / "a.tif") == sha256_of(tmp_path / "b.tif")


def read_png(path: Path) -> np.ndarray:
    from matplotlib.image import imread

    return np.round(imread(path) * 255).astype(int)


def test_a_preview_is_linear_between_its_percentiles(tmp_path: Path) -> None:
    ramp = np.tile(np.arange(256, dtype=np.float32), (3, 1)) * 100 - 5000
    write_preview_png(tmp_path / "p.png", ramp, percentiles=(0, 100))
    assert np.array_equal(read_png(tmp_path / "p.png"), np.tile(np.arange(256), (3, 1)))
    write_preview_png(tmp_path / "p.png", ramp, percentiles=(0, 100), inverted=True)
    assert np.array_equal(read_png(tmp_path / "p.png"), np.tile(255 - np.arange(256), (3, 1)))


def test_a_large_preview_is_averaged_over_blocks(tmp_path: Path) -> None:
    picture = np.kron(np.array([[0, 10, 20], [30, 40, 51]]), np.array([[0, 2], [2, 0]]).repeat(2, 0).repeat(2, 1))
    write_preview_png(tmp_path / "p.png", picture, longest_side=3, percentiles=(0, 100))
    assert np.array_equal(read_png(tmp_path / "p.png"), [[0, 50, 100], [150, 200, 255]])


def test_pixels_without_a_number_are_black_in_a_preview(tmp_path: Path) -> None:
    picture = np.array([[0.0, 1.0, np.nan], [np.inf, 2.0, 4.0]])
    write_preview_png(tmp_path / "p.png", picture, percentiles=(0, 100))
    assert np.array_equal(read_png(tmp_path / "p.png"), [[0, 64, 0], [0, 128, 255]])


def test_a_stack_that_was_written_as_colours_says_how_to_write_it(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "stack.tif", np.ones((4, 30, 40), np.uint16), photometric="rgb", planarconfig="separate"
    )
    with pytest.raises(ValueError, match=r"4 samples per pixel.*write one page each"):
        open_frames(tmp_path / "stack.tif")
    tifffile.imwrite(tmp_path / "colour.tif", np.ones((30, 40, 3), np.uint8), photometric="rgb")
    with pytest.raises(ValueError, match=r"a frame is grey$"):
        open_frames(tmp_path / "colour.tif")
