"""Volumes in files: values, spacing and axes come out right, and each trap is one sentence."""

import sys
import warnings

import numpy as np
import pytest
import tifffile

from phantoms.volume_axes import turned_voxels, view_axes
from phantoms.volume_file import LARGEST_VOXELS, RawVolume, load_voxels
from tests.phantoms.volume_writers import write_dicom, write_mha, write_nifti, write_nrrd

try:
    import SimpleITK
except ImportError:
    SimpleITK = None
needs_itk = pytest.mark.skipif(SimpleITK is None, reason="needs the extra volumes: SimpleITK")

SPACING = (0.5, 0.75, 2.0)


@pytest.fixture
def hu():
    """A mark nearest the first corner of (Z, Y, X), another at the end of x."""
    values = np.full((4, 5, 6), -1000, np.int16)
    values[0, 0, 0], values[0, 0, 5] = 700, 300
    return values


def _patient_marks(stored):
    """Places of the marks 700 and 300 in left, posterior, superior from the middle of the volume. [mm]"""
    found = []
    for mark in (700, 300):
        ((z, y, x),) = np.argwhere(stored.values == mark)
        middle = (np.array(stored.values.shape[::-1]) - 1) / 2
        found.append(stored.axes_lps @ ((np.array([x, y, z]) - middle) * stored.spacing_mm))
    return np.round(found, 6).tolist()


IN_LPS = [[-1.25, -1.5, -3.0], [1.25, -1.5, -3.0]]  # x, y, z from their lower ends: right, front, below
IN_RAS = [[1.25, 1.5, -3.0], [-1.25, 1.5, -3.0]]  # right, anterior, superior rise: left, back, below


@needs_itk
@pytest.mark.parametrize(
    ("name", "write", "expected"),
    [
        ("a.mha", write_mha, IN_LPS),
        ("a.nrrd", write_nrrd, IN_RAS),
        ("b.nrrd", lambda path, values: write_nrrd(path, values, "left-posterior-superior"), IN_LPS),
        ("a.nii", write_nifti, IN_RAS),
    ],
)
def test_each_format_puts_the_marks_on_their_side_of_the_patient(tmp_path, hu, name, write, expected) -> None:
    write(tmp_path / name, hu)
    stored = load_voxels(tmp_path / name)
    assert stored.spacing_mm == pytest.approx(SPACING)
    assert _patient_marks(stored) == expected
    assert np.array_equal(stored.values, hu)


def test_dicom_slices_are_put_in_the_order_of_their_places(tmp_path, hu) -> None:
    def upside_down(head, number):
        head.ImagePositionPatient = ["-10", "-20", str(100.0 - 2.0 * number)]

    write_dicom(tmp_path / "up", hu)
    write_dicom(tmp_path / "down", hu, change=upside_down)
    up, down = load_voxels(tmp_path / "up"), load_voxels(tmp_path / "down")
    assert up.spacing_mm == pytest.approx(SPACING) and up.modality == "CT"
    assert _patient_marks(up) == IN_LPS
    assert np.array_equal(up.values, hu) and np.array_equal(down.values, hu[::-1])


def test_each_slice_has_its_own_slope_and_padding_is_air(tmp_path, hu) -> None:
    def own_slope(head, number):
        head.RescaleSlope, head.RescaleIntercept = str(1.0 + 0.5 * number), "-1024"
        head.PixelPaddingValue = 24

    write_dicom(tmp_path / "ct", hu, change=own_slope)
    values = load_voxels(tmp_path / "ct").values
    assert values[0, 0, 0] == 700 and values[0, 0, 5] == 300
    assert (values[1:] == -1024).all()  # 24 is what the file says lies outside of the circle

    write_dicom(
        tmp_path / "two", hu, change=lambda head, number: setattr(head, "RescaleSlope", str(1.0 + 0.5 * number))
    )
    assert load_voxels(tmp_path / "two").values[3, 0, 0] == pytest.approx(24 * 2.5 - 1024)


def _slice_moved(number, x_mm=0.0, z_mm=0.0):
    def change(head, at):
        if at == number:
            x, y, z = (float(v) for v in head.ImagePositionPatient)
            head.ImagePositionPatient = [str(x + x_mm), str(y), str(z + z_mm)]

    return change


def _tilted(head, number):
    head.ImagePositionPatient = ["-10", str(-20 + 0.7 * number), str(100.0 + 2.0 * number)]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_slice_moved(3, z_mm=2.0), "has a gap: 1.2.3_002.dcm and 1.2.3_003.dcm are 4 mm apart, the others 2 mm"),
        (_slice_moved(3, z_mm=-2.0), "two slices at one place"),
        (_tilted, "gantry tilted by 19.3 degrees"),
        (lambda head, n: head.__delattr__("ImagePositionPatient"), "has no ImagePositionPatient"),
        (lambda head, n: setattr(head, "NumberOfFrames", "3"), "file of several frames"),
        (
            lambda head, n: (
                setattr(head, "ImageOrientationPatient", ["0", "1", "0", "0", "0", "-1"]) if n == 2 else None
            ),
            "turned against each other, such as 1.2.3_002.dcm",
        ),
        (lambda head, n: setattr(head, "Rows", 2) if n == 2 else None, r"slices of \(5, 6\) and, in 1.2.3_002.dcm, of"),
        (lambda head, n: setattr(head, "PixelData", b"\0\0") if n == 2 else None, "cannot be read, 1.2.3_002.dcm"),
    ],
)
def test_a_series_that_is_no_grid_says_why(tmp_path, hu, change, words) -> None:
    write_dicom(tmp_path / "ct", hu, change=change)
    with pytest.raises(ValueError, match=words):
        load_voxels(tmp_path / "ct")


def test_two_series_in_a_folder_are_told_apart_by_name(tmp_path, hu) -> None:
    write_dicom(tmp_path / "ct", hu)
    write_dicom(tmp_path / "ct", hu + 1, series="1.2.4")
    (tmp_path / "ct" / "README.txt").write_text("no slice", encoding="utf-8")
    with pytest.raises(ValueError, match=r"holds 2 series; name one as series: 1.2.3 \(4 slices\), 1.2.4 \(4 slices\)"):
        load_voxels(tmp_path / "ct")
    assert load_voxels(tmp_path / "ct", series="1.2.4").values[0, 0, 0] == 701
    with pytest.raises(ValueError, match=r"holds no series '9'; it holds 1.2.3"):
        load_voxels(tmp_path / "ct", series="9")


@needs_itk
@pytest.mark.parametrize(
    ("write", "words"),
    [
        (
            lambda p, v: write_mha(p / "v.mha", v, DimSize="50000 1000 1000"),
            r"claims 1000 x 1000 x 50000 voxels, 100 GB",
        ),
        (
            lambda p, v: write_mha(p / "v.mha", v, DimSize="600 500 40"),
            "claims 24000000 bytes of voxels, but v.mha holds",
        ),
        (lambda p, v: write_mha(p / "v.mha", v, data="../v.raw"), "keeps its voxels in '../v.raw'; only a file in its"),
        (lambda p, v: write_mha(p / "v.mha", v, data="/etc/passwd"), "only a file in its own folder"),
        (lambda p, v: write_mha(p / "v.mha", v, data="gone.raw"), "'gone.raw', which is no file in its folder"),
        (lambda p, v: write_mha(p / "v.mha", v, data="LIST"), "several files"),
        (lambda p, v: write_mha(p / "v.mha", v, ElementNumberOfChannels="3"), "3 numbers a voxel"),
        (lambda p, v: write_mha(p / "v.mha", v, ElementType="MET_WHAT"), "cannot be read"),
        (lambda p, v: write_mha(p / "v.mha", v, ElementType=None), "is no whole MetaImage: it says no ElementType"),
        (lambda p, v: (p / "v.mha").write_text("text"), "names no ElementDataFile"),
        (lambda p, v: write_nrrd(p / "v.nrrd", v, data="../v.raw"), "only a file in its own folder"),
        (lambda p, v: (p / "v.nrrd").write_text("text"), "is no NRRD file"),
        (lambda p, v: write_nifti(p / "v.nii", v, sform_scale=-1.0), "qform and sform differ by 2 in direction"),
        (lambda p, v: write_nifti(p / "v.nii", v, sform_scale=2.0), "and 50 % in spacing"),
        (lambda p, v: write_nifti(p / "v.nii", v, q_code=0, s_code=0), "qform_code and sform_code are both 0"),
        (lambda p, v: (p / "v.nii").write_bytes(b"short"), "header has 5 of 348 bytes"),
        (lambda p, v: (p / "v.nii.gz").write_bytes(b"no gzip"), "gzip stream does not unpack"),
    ],
)
def test_a_header_that_lies_is_refused(tmp_path, hu, write, words) -> None:
    write(tmp_path, hu)
    (file,) = tmp_path.iterdir()
    with pytest.raises(ValueError, match=words) as caught:
        load_voxels(file)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("seed", range(4))
def test_damage_is_one_sentence_that_names_the_file(tmp_path, hu, seed) -> None:
    rng, kinds = np.random.default_rng(seed), ["v.npy", "v.tif", "ct"]
    np.save(tmp_path / "v.npy", hu)
    tifffile.imwrite(tmp_path / "v.tif", hu, photometric="minisblack")
    write_dicom(tmp_path / "ct", hu)
    if SimpleITK is not None:
        write_nifti(tmp_path / "v.nii", hu)
        write_nrrd(tmp_path / "v.nrrd", hu)
        kinds += ["v.nii", "v.nrrd"]
    refused = 0
    for kind in kinds:
        file = tmp_path / kind if kind != "ct" else tmp_path / "ct" / "1.2.3_001.dcm"
        whole = file.read_bytes()
        for _ in range(12):
            content = bytearray(whole)
            for place in rng.integers(0, min(len(whole), 700), 3):
                content[place : place + int(rng.integers(0, 6))] = rng.bytes(int(rng.integers(0, 6)))
            file.write_bytes(bytes(content))
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # pydicom's, of values that it mends
                    load_voxels(tmp_path / kind)
            except ValueError as error:
                refused += 1
                assert str(error).startswith(f"volume {tmp_path / kind} ") and "\n" not in str(error)
        file.write_bytes(whole)
    assert refused > 10


@needs_itk
def test_a_header_that_says_no_spacing_or_axes_has_none(tmp_path, hu) -> None:
    write_mha(tmp_path / "v.mha", hu, ElementSpacing=None, TransformMatrix=None)
    stored = load_voxels(tmp_path / "v.mha")
    assert stored.spacing_mm is None and stored.axes_lps is None


def test_without_the_extra_the_command_that_installs_it_is_told(tmp_path, hu, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "SimpleITK", None)
    write_mha(tmp_path / "v.mha", hu)
    with pytest.raises(ValueError, match=r'pip install "radiography\[volumes\]"'):
        load_voxels(tmp_path / "v.mha")


def test_stacks_and_raw_files_have_values_but_no_spacing(tmp_path, hu) -> None:
    np.save(tmp_path / "v.npy", hu)
    (tmp_path / "v.raw").write_bytes(b"head" + hu.astype(">i2").tobytes())
    tifffile.imwrite(tmp_path / "v.tif", hu, photometric="minisblack")
    (tmp_path / "slices").mkdir()
    for number in (10, 9, 2, 1):  # by number, not by letter
        tifffile.imwrite(tmp_path / "slices" / f"s{number}.tif", hu[{1: 0, 2: 1, 9: 2, 10: 3}[number]])
    raw = RawVolume((4, 5, 6), "int16", "big", 4)
    for name, layout in (("v.npy", None), ("v.raw", raw), ("v.tif", None), ("slices", None)):
        stored = load_voxels(tmp_path / name, layout)
        assert np.array_equal(stored.values, hu), name
        assert stored.spacing_mm is None and stored.axes_lps is None


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (RawVolume((4, 5, 7), "int16"), "has 240 bytes, but header_bytes, shape and dtype need 280"),
        (RawVolume((4, 5, 6), "complex64"), "cannot hold voxels of 'complex64'"),
        (RawVolume((2**11, 2**11, 2**11), "int16"), f"at most {LARGEST_VOXELS} voxels are read"),
        (RawVolume((4, 0, 6), "int16"), "1 or more each"),
        (None, "is none of .nii"),
    ],
)
def test_a_raw_file_must_be_as_long_as_its_layout(tmp_path, hu, raw, words) -> None:
    (tmp_path / "v.raw").write_bytes(hu.tobytes())
    with pytest.raises(ValueError, match=words):
        load_voxels(tmp_path / "v.raw", raw)


def test_other_wrong_files_name_themselves(tmp_path, hu) -> None:
    np.save(tmp_path / "flat.npy", hu[0])
    (tmp_path / "bad.npy").write_bytes(b"text")
    (tmp_path / "bad.tif").write_bytes(b"text")
    tifffile.imwrite(tmp_path / "colour.tif", np.zeros((4, 4, 3), np.uint8), photometric="rgb")
    (tmp_path / "mixed").mkdir()
    tifffile.imwrite(tmp_path / "mixed" / "a.tif", hu[0])
    tifffile.imwrite(tmp_path / "mixed" / "b.tif", hu[0, :3])
    (tmp_path / "empty").mkdir()
    for name, words in [
        ("flat.npy", r"is \(5, 6\) int16"),
        ("bad.npy", "damaged or no .npy"),
        ("bad.tif", "bad.tif is damaged or no TIFF"),
        ("colour.tif", "grey pages are needed"),
        ("mixed", "slices of a stack have one size and type"),
        ("empty", "holds no DICOM or TIFF slices"),
    ]:
        with pytest.raises(ValueError, match=words):
            load_voxels(tmp_path / name)
    with pytest.raises(FileNotFoundError, match=r"gone.npy does not exist"):
        load_voxels(tmp_path / "gone.npy")
    with pytest.raises(ValueError, match="says itself how it is laid out"):
        load_voxels(tmp_path / "flat.npy", RawVolume((1, 5, 6), "int16"))


@pytest.mark.parametrize(
    ("view", "column", "row", "plane"),
    [("PA", 5, 3, 4), ("AP", 0, 3, 0), ("LIP", 5, 3, 4), ("right lateral", 0, 3, 5), ("left lateral", 4, 3, 0)],
)
def test_a_view_puts_left_back_and_head_where_it_says(view, column, row, plane) -> None:
    values = np.zeros((4, 5, 6))  # S, P, L rise
    values[0, 4, 5] = 1.0  # left, back, feet
    turned, spacing, rotation = turned_voxels(values, (0.5, 0.75, 2.0), np.eye(3), view_axes(view))
    ((z, y, x),) = np.argwhere(turned)
    assert (x, y, z) == (column, row, plane)
    assert np.array_equal(rotation, np.eye(3)) and spacing[1] == 2.0


def test_oblique_slices_leave_a_small_turn_without_a_mirror() -> None:
    turn = np.radians(10.0)
    oblique = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, -1.0]])
    _, _, rotation = turned_voxels(np.zeros((4, 5, 6)), (1.0, 1.0, 1.0), oblique, view_axes("PA"))
    assert np.linalg.det(rotation) == pytest.approx(1.0)
    assert np.arccos((np.trace(rotation) - 1) / 2) == pytest.approx(turn)


@pytest.mark.parametrize(
    ("view", "words"), [("RIP", "would mirror the patient"), ("LLP", "three letters"), ("side", "three letters")]
)
def test_a_view_that_cannot_be_says_so(view, words) -> None:
    with pytest.raises(ValueError, match=words):
        view_axes(view)
