"""Formats of panels and volumes: every pixel back from files of an independent writer, and what is refused."""

from __future__ import annotations

import gzip
import re
import struct
import sys
import zipfile
import zlib
from pathlib import Path

import h5py
import imagecodecs
import numpy as np
import pytest
from fabio.cbfimage import CbfImage
from fabio.edfimage import EdfImage

from radiography.files.frames import RawLayout, iterate_frames, open_frames, write_preview_png

ROWS, COLS = 48, 64
FRAMES = np.random.default_rng(8).normal(3000, 60, (3, ROWS, COLS)).astype(np.uint16)
FRAMES.setflags(write=False)
TYPES = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"]


def frames_of(path: Path | str, layout: RawLayout | None = None) -> np.ndarray:
    return np.stack(list(iterate_frames(open_frames(path, layout))))


def refused(path: Path | str, message: str, layout: RawLayout | None = None) -> None:
    with pytest.raises((ValueError, TypeError), match=message) as caught:
        frames_of(path, layout)
    assert "\n" not in str(caught.value)


# ----------------------------------------------------------------------------------------------------- headerless raw


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("byte_order", ["little", "big"])
def test_a_header_before_each_frame_is_left_out(tmp_path: Path, dtype: str, byte_order: str) -> None:
    wanted = (FRAMES.astype(np.int64) - 3000).astype(dtype)
    stored = wanted.astype(np.dtype(dtype).newbyteorder("<" if byte_order == "little" else ">"))
    path = tmp_path / "x.raw"
    path.write_bytes(b"file" + b"".join(b"header" + frame.tobytes() for frame in stored))
    layout = RawLayout(ROWS, COLS, dtype, byte_order, 4, 6)
    assert np.array_equal(frames_of(path, layout), wanted)
    assert np.array_equal(next(iterate_frames(open_frames(path, layout), range(2, 3))), wanted[2])
    refused(path, "with 5 before each need a whole multiple of", RawLayout(ROWS, COLS, dtype, byte_order, 4, 5))


def test_a_negative_gap_is_refused() -> None:
    with pytest.raises(ValueError, match="frame_gap_bytes must be 0 or more, got -1"):
        RawLayout(ROWS, COLS, frame_gap_bytes=-1)


# ------------------------------------------------------------------------------------------------ NRRD and MetaImage

NRRD_TYPE = dict(zip(TYPES, ["uchar", "signed char", "ushort", "short", "uint", "int", "float", "double"], strict=True))
META_TYPE = dict(zip(TYPES, ["UCHAR", "CHAR", "USHORT", "SHORT", "UINT", "INT", "FLOAT", "DOUBLE"], strict=True))


def nrrd_head(frames: np.ndarray, *lines: str, encoding: str = "raw") -> bytes:
    """A header as ITK writes it; `lines` stand at its end."""
    sizes = " ".join(str(n) for n in reversed(frames.shape))
    own = ["NRRD0004", "# Complete NRRD file format specification at:", f"type: {NRRD_TYPE[frames.dtype.name]}"]
    own += [f"dimension: {frames.ndim}", f"sizes: {sizes}", f"encoding: {encoding}", *lines]
    return ("\n".join(own) + "\n\n").encode()


def meta_head(frames: np.ndarray, *lines: str, data: str = "LOCAL") -> bytes:
    sizes = " ".join(str(n) for n in reversed(frames.shape))
    own = ["ObjectType = Image", f"NDims = {frames.ndim}", f"DimSize = {sizes}", *lines]
    own += [f"ElementType = MET_{META_TYPE[frames.dtype.name]}", f"ElementDataFile = {data}"]
    return ("\n".join(own) + "\n").encode()


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("big", [False, True])
def test_nrrd_gives_every_pixel_back(tmp_path: Path, dtype: str, packed: bool, big: bool) -> None:
    wanted = FRAMES.astype(dtype)
    content = wanted.astype(wanted.dtype.newbyteorder(">" if big else "<")).tobytes()
    spacing = "space directions: (0.139,0,0) (0,-0.139,0) none" if packed else "spacings: 0.139 0.139 nan"
    lines = [spacing, f"endian: {'big' if big else 'little'}"]
    head = nrrd_head(wanted, *lines, encoding="gzip" if packed else "raw")
    path = tmp_path / "x"
    path.write_bytes(head + (gzip.compress(content) if packed else content))
    source = open_frames(path)
    assert (source.format, source.count, source.dtype, source.pitch_mm) == ("nrrd", 3, dtype, 0.139)
    assert np.array_equal(frames_of(path), wanted)
    assert np.array_equal(next(iterate_frames(source, range(2, 3))), wanted[2])


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("packed", [False, True])
def test_metaimage_gives_every_pixel_back(tmp_path: Path, dtype: str, packed: bool) -> None:
    wanted = FRAMES.astype(dtype)
    lines = ["ElementSpacing = 0.139 0.139 1", f"CompressedData = {packed}", "BinaryDataByteOrderMSB = False"]
    path = tmp_path / "x"
    path.write_bytes(meta_head(wanted, *lines) + (zlib.compress(wanted.tobytes()) if packed else wanted.tobytes()))
    source = open_frames(path)
    assert (source.format, source.count, source.dtype, source.pitch_mm) == ("metaimage", 3, dtype, 0.139)
    assert source.pitch_source == "spacing in the header"
    assert np.array_equal(frames_of(path), wanted)


def test_detached_pixels_come_from_the_same_folder_only(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "x.raw").write_bytes(b"skip" + FRAMES.tobytes())
    (tmp_path / "out.raw").write_bytes(FRAMES.tobytes())
    (inside / "x.mhd").write_bytes(meta_head(FRAMES, "HeaderSize = 4", data="x.raw"))
    (inside / "x.nhdr").write_bytes(nrrd_head(FRAMES, "byte skip: -1", "data file: x.raw"))
    for name in ("x.mhd", "x.nhdr"):
        assert np.array_equal(frames_of(inside / name), FRAMES)
    (inside / "link.raw").symlink_to(tmp_path / "out.raw")
    for name in ("../out.raw", str(tmp_path / "out.raw"), "..\\out.raw", "link.raw", "none.raw"):
        (inside / "x.mhd").write_bytes(meta_head(FRAMES, data=name))
        refused(inside / "x.mhd", "in its own folder is read|is no file in its folder")
        (inside / "x.nhdr").write_bytes(nrrd_head(FRAMES, f"data file: {name}"))
        refused(inside / "x.nhdr", "in its own folder is read|is no file in its folder")
    (inside / "x.mhd").write_bytes(meta_head(FRAMES, data="LIST"))
    refused(inside / "x.mhd", "spreads its pixels over several files")


def test_a_spacing_of_one_is_no_pitch(tmp_path: Path) -> None:
    path = tmp_path / "x.mha"
    path.write_bytes(meta_head(FRAMES[0], "ElementSpacing = 1 1") + FRAMES[0].tobytes())
    source = open_frames(path)
    assert source.pitch_mm is None and source.pitch_source is None
    assert source.warnings == ("its spacing of 1 is what programs write that know none: give --pitch in mm",)


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (nrrd_head(FRAMES, encoding="hex"), "has the encoding 'hex'; raw and gzip are read"),
        (nrrd_head(FRAMES, "kinds: vector domain domain"), "colours or vectors"),
        (nrrd_head(FRAMES).replace(b"ushort", b"block"), "holds block pixels"),
        (nrrd_head(FRAMES).replace(b"sizes: 64", b"sizes: x"), "says sizes 'x 48 3'"),
        (nrrd_head(FRAMES).replace(b"sizes: 64", b"sizes: 99999 64"), "has the size"),
        (nrrd_head(FRAMES).replace(b"64 48", b"99999 99999"), "claims 99999 x 99999 pixels, over the limit"),
        (nrrd_head(FRAMES).replace(b"48 3", b"48 4"), "needs 24576 bytes of pixels, but"),
        (nrrd_head(FRAMES, encoding="gzip").replace(b"48 3", b"48 9999"), "claims to unpack 18432 bytes to 61433856"),
        (nrrd_head(FRAMES, encoding="gzip"), "is damaged inside frame 0 of 3"),
        (meta_head(FRAMES, "ElementNumberOfChannels = 3"), "holds 3 channels"),
        (meta_head(FRAMES, "BinaryData = False"), "holds pixels as text"),
        (meta_head(FRAMES).replace(b"MET_USHORT", b"MET_LONG"), "holds MET_LONG pixels"),
        (meta_head(FRAMES).replace(b"ElementDataFile", b"Element"), "does not name its ElementDataFile"),
        (meta_head(FRAMES, "CompressedData = True"), "is damaged inside frame 0 of 3"),
    ],
)
def test_a_volume_that_cannot_be_read_says_why(tmp_path: Path, head: bytes, message: str) -> None:
    path = tmp_path / "x"
    path.write_bytes(head + FRAMES.tobytes())
    refused(path, message)


@pytest.mark.slow
def test_a_deflated_volume_that_ends_early_or_late(tmp_path: Path) -> None:
    head, content = meta_head(FRAMES, "CompressedData = True"), zlib.compress(FRAMES.tobytes())
    path = tmp_path / "x.mha"
    path.write_bytes(head + content[:-2000])
    refused(path, "ends inside frame 2 of 3")
    path.write_bytes(head + zlib.compress(FRAMES.tobytes() + bytes(2**27)))  # never unpacked further than asked for
    assert np.array_equal(frames_of(path), FRAMES)


# --------------------------------------------------------------------------------------------------------- HIS, VIVA


def his_head(count: int = 3, kind: int = 4, correction: int = 0, rows: int = ROWS) -> bytes:
    """The 68 bytes of a file header, and 32 of the hardware: see radiography/files/maker.py."""
    fields = (0x7000, 68, 100, 0, 32, 1, 1, COLS, rows, count, correction)
    return struct.pack("<3HI7H", *fields) + struct.pack("<dH", 66_500.0, kind) + bytes(34 + 32)


def viva_head(count: int = 3, flags: int = 0, gain: int = 0) -> bytes:
    head = bytearray(2048)
    struct.pack_into("<I12s4I", head, 0, 2048, "RevK04".encode("utf-16-le"), COLS, ROWS, 2, count)
    struct.pack_into("<2I", head, 1212, 0, gain)
    struct.pack_into("<I", head, 1836, flags)
    return bytes(head)


def test_his_and_viva_are_read(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(his_head() + FRAMES.tobytes())
    source = open_frames(path)
    assert (source.format, source.stage, source.conditions.integration_time_s) == ("his", "raw", pytest.approx(0.0665))
    assert np.array_equal(frames_of(path), FRAMES)
    path.write_bytes(his_head(correction=3) + FRAMES.tobytes())
    assert open_frames(path).stage == "corrected" and "offset, gain" in open_frames(path).warnings[0]
    path.write_bytes(viva_head() + FRAMES.tobytes())
    assert open_frames(path).format == "viva" and not open_frames(path).warnings
    assert np.array_equal(frames_of(path), FRAMES)
    path.write_bytes(viva_head(gain=1) + FRAMES.tobytes())
    assert "its header marks gain" in open_frames(path).warnings[0]


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (his_head(kind=32), "pixel type 32; 4, unsigned 16 bits, is read"),
        (his_head(count=4), "need 24676"),
        (his_head(count=0), "claims 0 frames"),
        (his_head(rows=0), "rows 1 to 0"),
        (his_head()[:50], "no 68-byte header|has .* bytes, but"),
        (viva_head(flags=514), "companded pixels"),
        (viva_head(count=2), "has 20480 bytes, but 2 frames"),
        (viva_head(count=0), "0 frames"),
    ],
)
def test_files_of_makers_that_cannot_be_are_refused(tmp_path: Path, head: bytes, message: str) -> None:
    path = tmp_path / "x"
    path.write_bytes(head + FRAMES.tobytes())
    refused(path, message)


# ---------------------------------------------------------------------------------------------------------------- PNG


@pytest.mark.parametrize("bits", [8, 16])
def test_grey_png_is_read(tmp_path: Path, bits: int) -> None:
    wanted = FRAMES[0].astype(f"uint{bits}")
    path = tmp_path / "x"
    path.write_bytes(imagecodecs.png_encode(wanted))
    assert np.array_equal(frames_of(path)[0], wanted)
    assert bool(open_frames(path).warnings) == (bits == 8)


def test_png_that_is_no_frame_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(imagecodecs.png_encode(np.zeros((ROWS, COLS, 3), np.uint8)))
    refused(path, "is a colour PNG picture")
    write_preview_png(path, FRAMES[0])
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    refused(path, "is a damaged PNG file")
    path.write_bytes(whole[:16] + struct.pack(">II", 16384, 16384) + whole[24:])
    refused(path, "claims to unpack|is a damaged PNG file")
    path.write_bytes(whole[:16] + struct.pack(">II", 99999, 99999) + whole[24:])
    refused(path, "over the limit")


# ----------------------------------------------------------------------------------------------------------- EDF, CBF


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "uint32", "int32", "float32", "float64"])
@pytest.mark.parametrize("count", [1, 3])
def test_edf_is_read(tmp_path: Path, dtype: str, count: int) -> None:
    wanted, path = FRAMES[:count].astype(dtype), tmp_path / "x.edf"
    image = EdfImage(data=wanted[0], header={"PSize_1": "0.000139", "PSize_2": "0.000139"})
    for frame in wanted[1:]:
        image.append_frame(data=frame)
    image.write(str(path))
    source = open_frames(path)
    assert (source.format, source.count, source.dtype) == ("edf", count, dtype)
    assert source.pitch_mm == pytest.approx(0.139) and source.pitch_source == "PSize_1 and PSize_2 of the header"
    assert np.array_equal(frames_of(path), wanted)


def test_an_edf_of_one_frame_is_no_other_file_of_its_series(tmp_path: Path) -> None:
    for number in range(3):
        EdfImage(data=FRAMES[number]).write(str(tmp_path / f"scan000{number}.edf"))
    EdfImage(data=FRAMES[2]).write(str(tmp_path / "alone.edf"))
    for name, frame in (("scan0000", 0), ("scan0001", 1), ("scan0002", 2), ("alone", 2)):
        assert np.array_equal(frames_of(tmp_path / f"{name}.edf"), FRAMES[frame : frame + 1])


def test_cbf_is_read(tmp_path: Path) -> None:
    wanted, path = FRAMES[0].astype(np.int32) * 100 - 5, tmp_path / "x"
    told = "# Detector: PILATUS\r\n# Pixel_size 172e-6 m x 172e-6 m"
    CbfImage(data=wanted, header={"_array_data.header_contents": told}).write(str(path))
    source = open_frames(path)
    assert (source.format, source.dtype, source.pitch_mm) == ("cbf", "int32", pytest.approx(0.172))
    assert np.array_equal(frames_of(path)[0], wanted)


def test_damaged_edf_and_cbf_are_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x"
    CbfImage(data=FRAMES[0].astype(np.int32)).write(str(path))
    whole = path.read_bytes()
    path.write_bytes(re.sub(rb"Fastest-Dimension: 64", b"Fastest-Dimension: 9999", whole))
    refused(path, "truncated CBF file: 48 x 9999 pixels packed in")
    path.write_bytes(whole.replace(b"SECTION--", b"SECTION  "))  # fabio's reader of headers would never end
    assert np.array_equal(frames_of(path)[0], FRAMES[0])
    path.write_bytes(whole.replace(b"X-Binary-Size: ", b"X-Binary-Size: 1"))
    refused(path, "truncated CBF file")
    path.write_bytes(whole.replace(b"signed 32", b"unsigned 64"))
    refused(path, "signed 32-bit, x-CBF_BYTE_OFFSET is read")
    path.write_bytes(whole.replace(b'CBF_BYTE_OFFSET"', b"CBF_BYTE_OFFSET "))  # the next quote is lines away
    refused(path, "without the size, type or packing of its pixels")
    for cut in (200, 2500, 4000):
        path.write_bytes(whole[:-cut])
        refused(path, "truncated CBF file|without the size")
    EdfImage(data=FRAMES[0]).write(str(path))
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"Dim_1 = 64", b"Dim_1 = 99"))
    refused(path, "truncated EDF file: a frame of 48 x 99 uint16 needs 9504 bytes")
    path.write_bytes(whole[:-100])
    refused(path, "truncated EDF file: a frame of 48 x 64 uint16 needs 6144 bytes")
    path.write_bytes(whole.replace(b"Image = 0 ;", b"Compression = GZIP ;\nImage = 0 ;").replace(b" " * 21, b"", 1))
    refused(path, "is an EDF file with gzip compression")
    (tmp_path / "other").write_bytes(FRAMES[1].tobytes())
    told = {"EDF_BinaryFileName": "other", "EDF_BinaryFilePosition": "0", "EDF_BinaryFileSize": str(FRAMES[1].nbytes)}
    EdfImage(data=FRAMES[0], header=told).write(str(path))
    refused(path, "keeps its pixels in another file|damaged or truncated|truncated EDF")
    assert capfd.readouterr().err == ""


# --------------------------------------------------------------------------------------------------------------- HDF5


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("options", [{}, {"chunks": (1, 16, 32), "compression": "gzip", "shuffle": True}])
def test_a_stack_in_hdf5_is_read_by_name_or_alone(tmp_path: Path, dtype: str, options: dict[str, object]) -> None:
    wanted, path = FRAMES.astype(dtype), tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("entry/data", data=wanted.astype(wanted.dtype.newbyteorder(">")), **options)
        file["entry/x"] = np.arange(5.0)
    for name in (path, f"{path}::/entry/data", f"{path}::entry/data"):
        source = open_frames(name)
        assert (source.path, source.format, source.count, source.dtype) == (path, "hdf5", 3, dtype)
        assert source.dataset == "/entry/data"
        assert np.array_equal(frames_of(name), wanted)
    assert np.array_equal(next(iterate_frames(source, range(2, 3))), wanted[2])


def test_nexus_says_which_data_and_pitch(tmp_path: Path) -> None:
    path = tmp_path / "x.nxs"
    with h5py.File(path, "w") as file:
        entry = file.create_group("entry")
        detector = entry.create_group("instrument/detector")
        detector.attrs["NX_class"] = "NXdetector"
        detector["data"] = FRAMES
        detector["x_pixel_size"], detector["y_pixel_size"] = 139.0, 139.0
        for name in ("x_pixel_size", "y_pixel_size"):
            detector[name].attrs["units"] = "um"
        entry["other"] = FRAMES[:, ::2].copy()
        entry["data/data"] = h5py.SoftLink("/entry/instrument/detector/data")
        file.attrs["default"], entry.attrs["default"], entry["data"].attrs["signal"] = "entry", "data", "data"
    source = open_frames(path)
    assert source.pitch_mm == pytest.approx(0.139) and source.pitch_source == "x_pixel_size of NXdetector"
    assert np.array_equal(frames_of(path), FRAMES)
    with h5py.File(path, "a") as file:
        del file.attrs["default"]
    refused(path, r"name one of x\.nxs::/entry/instrument/detector/data, x\.nxs::/entry/other$")
    assert frames_of(f"{path}::/entry/other").shape == (3, 24, 64)


def test_hdf5_that_holds_no_frame_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        file["text"], file["line"] = "a", np.arange(5)
    refused(path, "holds no dataset of numbers with two or three axes")
    refused(f"{path}::/none", "holds no '/none'")
    refused(f"{path}::/line", r"its shape is \(5,\)")
    with h5py.File(path, "w") as file:
        file.create_dataset("huge", (1, 2**15, 2**15), "u2", chunks=(1, 64, 64), compression="gzip")
        file.create_dataset("empty", (1, 4096, 4096), "u2", chunks=(1, 64, 64), compression="gzip")
        file.create_dataset("wide", data=np.zeros((4, 4), "i8"))
    refused(f"{path}::/huge", "over the limit")
    refused(f"{path}::/empty", "nothing was ever written")
    refused(f"{path}::/wide", "holds int64 pixels")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    refused(path, "is an HDF5 file that is damaged")


def test_a_dataset_inside_another_format_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", FRAMES)
    refused(f"{tmp_path / 'x.npy'}::/data", "is a npy file; :: names a dataset inside an HDF5 file")


def test_a_name_with_colons_that_exists_is_that_file(tmp_path: Path) -> None:
    with (tmp_path / "a::b").open("wb") as file:
        np.save(file, FRAMES)
    assert np.array_equal(frames_of(tmp_path / "a::b"), FRAMES)


# ----------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("library", ["h5py", "fabio"])
def test_a_missing_library_is_one_sentence_with_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    path = tmp_path / "x"
    if library == "h5py":
        with h5py.File(path, "w") as file:
            file["data"] = FRAMES
    else:
        EdfImage(data=FRAMES[0]).write(str(path))
    for name in (library, "fabio.edfimage"):
        monkeypatch.setitem(sys.modules, name, None)
    refused(path, rf'which {library} reads: pip install "radiography\[formats\]" installs it')


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (b"\xff\xd8\xff\xe0", "is a JPEG picture: .* export the frame as TIFF"),
        (b"SIMPLE  =                    T", "is a FITS file: convert it to TIFF"),
        (b"PK\x03\x04", r"is a zip archive \(\.npz, \.zip\): unpack it first"),
        (b"%PDF-1.7", "is a PDF document"),
        (bytes(344) + b"n+1\0", "is a NIfTI volume"),
        (b"VMS.XI", "is a Varian XIM file"),
        (b"\x1cVARIAN_VA_INTERNAL_1.0", "is a Varian HND or HNC file"),
        (bytes(257) + b"ustar", "is a tar archive"),
    ],
)
def test_another_format_is_named_with_what_to_do(tmp_path: Path, head: bytes, message: str) -> None:
    path = tmp_path / "x"
    path.write_bytes(head + bytes(600))
    refused(path, message)


def test_frames_behind_a_link_to_another_file_are_named(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file["entry/frames"] = np.ones((4, 5), np.uint16)
    with h5py.File(tmp_path / "master.h5", "w") as file:
        group = file.create_group("entry")
        file.attrs["default"], group.attrs["signal"] = "entry", "data"
        group["data"] = h5py.ExternalLink("data.h5", "/entry/frames")
    for name in ("", "::/entry", "::/entry/data"):
        with pytest.raises(ValueError, match=r"links to frames in another file: name that, data.h5::/entry/frames"):
            open_frames(f"{tmp_path / 'master.h5'}{name}")


def test_a_calibration_set_is_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.cal", "w") as archive:
        archive.writestr("description.npy", bytes(600))
    refused(tmp_path / "a.cal", "is a calibration set: radiography defects, qc and lag show")
