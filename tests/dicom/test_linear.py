"""Stage, scale and spacing of DICOM frames: what is linear, what is turned into linear, what the pitch is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from radiography.dicom.read import open_dicom, read_dx
from radiography.files.frames import iterate_frames, open_frames
from tests.dicom.dicom_frames import FRAMES, write_frames

XRF = "1.2.840.10008.5.1.4.1.1.12.2"
DX = "1.2.840.10008.5.1.4.1.1.1.1.1"
DX_PRESENTATION = "1.2.840.10008.5.1.4.1.1.1.1"
CR = "1.2.840.10008.5.1.4.1.1.1"
CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


def table(kind: str = "US") -> list[Dataset]:
    """A modality table of four numbers, from 10 on."""
    item = Dataset()
    item.LUTDescriptor = [4, 10, 16]
    item.ModalityLUTType = kind
    item.add_new("LUTData", "US", [7, 70, 700, 7000])
    return [item]


def own_scale(label: str = "CORRECTED_DN", slope: float = 0.5, intercept: float = -100.0) -> list[Dataset]:
    """The scale of a linear image as our files say it."""
    item = Dataset()
    item.LUTLabel, item.RealWorldValueSlope, item.RealWorldValueIntercept = label, slope, intercept
    return [item]


def test_rescale_is_applied_to_linear_frames(tmp_path: Path) -> None:
    path = write_frames(tmp_path / "run.dcm", FRAMES, RescaleSlope="0.5", RescaleIntercept="-100", RescaleType="US")
    assert np.array_equal(read_dx(path).pixels, FRAMES)
    values = read_dx(path, linear=True)
    assert values.pixels.dtype == np.float32
    assert np.array_equal(values.pixels, FRAMES * np.float32(0.5) - 100)
    source = open_frames(path)
    assert source.dtype == "float32"
    assert np.array_equal(list(iterate_frames(source)), values.pixels)
    assert source.conditions.saturation_dn == 65535 * 0.5 - 100
    assert source.conditions.saturation_source == "BitsStored 16 after the modality table"


def test_a_scale_of_one_leaves_the_stored_numbers(tmp_path: Path) -> None:
    path = write_frames(tmp_path / "run.dcm", FRAMES, RescaleSlope="1", RescaleIntercept="0", RescaleType="US")
    source = open_frames(path)
    assert source.dtype == "uint16" and np.array_equal(list(iterate_frames(source)), FRAMES)


def test_a_modality_table_is_applied_to_linear_frames(tmp_path: Path) -> None:
    frames = np.array([[[0, 10, 11], [12, 13, 9999]]], np.uint16)
    path = write_frames(tmp_path / "run.dcm", frames, ModalityLUTSequence=table())
    assert np.array_equal(read_dx(path).pixels, frames)
    assert next(iterate_frames(open_frames(path))).tolist() == [[7, 7, 70], [700, 7000, 7000]]


def test_a_damaged_rescale_is_named(tmp_path: Path) -> None:
    path = write_frames(tmp_path / "run.dcm", FRAMES, RescaleSlope="1e308", RescaleIntercept="0", RescaleType="US")
    with pytest.raises(ValueError, match=r"run\.dcm .*infinite"):
        read_dx(path, linear=True)


def test_an_inverted_linear_scale_is_turned_round(tmp_path: Path) -> None:
    falling = 2**14 - 1 - FRAMES
    path = write_frames(
        tmp_path / "run.dcm", falling, PixelIntensityRelationship="LIN", PixelIntensityRelationshipSign=-1,
        BitsStored=14, HighBit=13,
    )  # fmt: skip
    assert np.array_equal(read_dx(path, linear=True).pixels, FRAMES)
    assert open_dicom(path).conditions.saturation_dn is None


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("slope", [1, -1, 2, -0.5])
def test_the_sign_is_that_of_the_stored_numbers_before_the_table(tmp_path: Path, sign: int, slope: float) -> None:
    stored = FRAMES if sign == 1 else 2**14 - 1 - FRAMES
    path = write_frames(
        tmp_path / "run.dcm", stored, PixelIntensityRelationship="LIN", PixelIntensityRelationshipSign=sign,
        RescaleSlope=str(slope), RescaleIntercept="20000", RescaleType="US", BitsStored=14, HighBit=13,
    )  # fmt: skip
    linear = read_dx(path, linear=True).pixels
    added = linear[0, 0, 0] - abs(slope) * FRAMES[0, 0, 0]  # what no exposure gives: one number for all pixels
    assert np.array_equal(linear, FRAMES * np.float32(abs(slope)) + added)
    expected = 16383 * slope + 20000 if sign == 1 and slope > 0 else None
    assert open_dicom(path).conditions.saturation_dn == expected
    assert open_dicom(path).warnings == ()


def test_a_table_that_turns_numbers_round_without_a_sign_is_doubted(tmp_path: Path) -> None:
    path = write_frames(tmp_path / "run.dcm", FRAMES, RescaleSlope="-1", RescaleIntercept="70000", RescaleType="US")
    (doubt,) = open_frames(path).warnings
    assert "its modality table turns the numbers round" in doubt
    assert open_frames(path).conditions.saturation_dn is None
    assert np.array_equal(read_dx(path, linear=True).pixels, 70000 - FRAMES.astype(np.float32))


def test_our_own_scale_is_undone(tmp_path: Path) -> None:
    path = write_frames(tmp_path / "run.dcm", FRAMES, RealWorldValueMappingSequence=own_scale())
    assert open_dicom(path).stage == "corrected"
    assert np.array_equal(read_dx(path, linear=True).pixels, FRAMES * np.float32(0.5) - 100)
    other = write_frames(tmp_path / "other.dcm", FRAMES, RealWorldValueMappingSequence=own_scale("DOSE"))
    assert open_dicom(other).stage is None
    assert np.array_equal(read_dx(other, linear=True).pixels, FRAMES)


@pytest.mark.parametrize(
    ("said", "stage"),
    [
        ({}, None),
        ({"PresentationIntentType": "FOR PROCESSING", "PixelIntensityRelationship": "LIN"}, None),
        ({"PresentationIntentType": "FOR PRESENTATION"}, "for presentation"),
        ({"SOPClassUID": DX_PRESENTATION}, "for presentation"),
        ({"PixelIntensityRelationship": "DISP"}, "for presentation"),
        ({"SOPClassUID": DX, "PixelIntensityRelationship": "LOG"}, "logarithmic"),
        ({"SOPClassUID": DX, "PixelIntensityRelationship": "LOG", "ModalityLUTSequence": table()}, "logarithmic"),
        ({"SOPClassUID": XRF, "PixelIntensityRelationship": "LOG"}, "logarithmic"),
        ({"SOPClassUID": XRF, "PixelIntensityRelationship": "LOG", "ModalityLUTSequence": table()}, None),
        ({"ModalityLUTSequence": table("OD")}, "logarithmic"),
        ({"RescaleSlope": "0.001", "RescaleIntercept": "0", "RescaleType": "OD"}, "logarithmic"),
        ({"RealWorldValueMappingSequence": own_scale("RAW_DN")}, "raw"),
        ({"DerivationDescription": "gain and offset corrected"}, "corrected"),
        ({"DerivationDescription": "offset uncorrected"}, None),
        ({"DerivationDescription": "Scaled image"}, None),
        ({"AcquisitionDeviceProcessingDescription": "Flat field correction, defects"}, "corrected"),
    ],
)
def test_a_header_tells_the_stage(tmp_path: Path, said: dict[str, object], stage: str | None) -> None:
    assert open_dicom(write_frames(tmp_path / "run.dcm", FRAMES, **said)).stage == stage
    assert open_frames(tmp_path / "run.dcm").stage == stage


@pytest.mark.parametrize(("kind", "words"), [(CR, "CR objects"), (CAPTURE, "secondary captures")])
def test_an_object_seldom_linear_that_says_nothing_is_doubted(tmp_path: Path, kind: str, words: str) -> None:
    path = write_frames(tmp_path / "run.dcm", FRAMES, SOPClassUID=kind)
    (doubt,) = open_frames(path).warnings
    assert doubt.startswith(f"{path}: it does not say whether its pixels are linear") and words in doubt
    assert open_frames(write_frames(path, FRAMES, SOPClassUID=kind, PixelIntensityRelationship="LIN")).warnings == ()


def test_the_stored_bits_tell_the_saturation(tmp_path: Path) -> None:
    path = write_frames(tmp_path / "run.dcm", FRAMES, BitsStored=14, HighBit=13)
    assert open_frames(path).conditions.saturation_dn == 16383
    assert open_frames(path).conditions.saturation_source == "BitsStored 14"
    picture = write_frames(path, FRAMES, BitsStored=14, HighBit=13, PresentationIntentType="FOR PRESENTATION")
    assert open_frames(picture).conditions.saturation_dn is None
    signed = write_frames(path, FRAMES.astype(np.int16), BitsStored=15, HighBit=14)
    assert open_frames(signed).conditions.saturation_dn == 16383


OBJECT = {"PixelSpacing": [0.1, 0.1], "PixelSpacingCalibrationType": "GEOMETRY"}
NONE = {"ImagerPixelSpacing": None}


@pytest.mark.parametrize(
    ("changes", "pitch_mm", "source"),
    [
        ({}, 0.139, "ImagerPixelSpacing"),
        ({**OBJECT}, 0.139, "ImagerPixelSpacing, at the detector; PixelSpacing 0.1 mm is that of the object"),
        ({"PixelSpacing": [0.0, 0.0]}, 0.139, "ImagerPixelSpacing"),
        ({**NONE, "PixelSpacing": [0.2, 0.2]}, 0.2, "PixelSpacing, not calibrated to any object"),
        ({**NONE, **OBJECT}, None, None),
        (
            {**NONE, **OBJECT, "EstimatedRadiographicMagnificationFactor": "1.5"},
            0.15,
            "PixelSpacing 0.1 mm in the object, times its magnification of 1.5",
        ),
        ({**NONE, "PixelSpacing": [200.9, 200.9]}, None, None),
        ({**NONE, "PixelSpacing": [0.0, 0.0]}, None, None),
        ({"ImagerPixelSpacing": [-0.1, -0.1]}, None, None),
        ({**NONE}, None, None),
        ({**NONE, "DetectorElementSpacing": [0.1, 0.1]}, 0.1, "DetectorElementSpacing"),
        (
            {**NONE, "DetectorElementSpacing": [0.1, 0.1], "DetectorBinning": [2, 2]},
            0.2,
            "DetectorElementSpacing 0.1 mm of 2 x 2 binned pixels",
        ),
        (
            {**NONE, "ImagePlanePixelSpacing": [0.392, 0.392], "RTImageSID": "1500"},
            0.392,
            "ImagePlanePixelSpacing, at the image plane of an RT image",
        ),
    ],
)
def test_the_pitch_is_that_of_the_detector(
    tmp_path: Path, changes: dict[str, object], pitch_mm: float | None, source: str | None
) -> None:
    found = open_frames(write_frames(tmp_path / "run.dcm", FRAMES, **changes))
    assert found.pitch_mm == pytest.approx(pitch_mm)
    assert found.pitch_source == source
    wrong = "PixelSpacing" in changes or changes.get("ImagerPixelSpacing")
    assert bool(found.warnings) == (pitch_mm is None and bool(wrong))


def test_an_rt_image_says_the_distance_of_its_plane(tmp_path: Path) -> None:
    path = write_frames(tmp_path / "run.dcm", FRAMES, RTImageSID="1500", ImagePlanePixelSpacing=[0.392, 0.392])
    assert open_frames(path).conditions.source_to_detector_mm == 1500.0


@pytest.mark.parametrize("spacing", [[0.139, 0.2], [0.139]])
def test_a_pitch_that_cannot_be_is_refused(tmp_path: Path, spacing: list[float]) -> None:
    with pytest.raises(ValueError, match=r"square pixels|two positive lengths"):
        read_dx(write_frames(tmp_path / "run.dcm", FRAMES, ImagerPixelSpacing=spacing))


def test_a_sequence_of_nothing_is_no_table(tmp_path: Path) -> None:
    path = write_frames(tmp_path / "run.dcm", FRAMES, ModalityLUTSequence=Sequence([]))
    assert np.array_equal(next(iterate_frames(open_frames(path))), FRAMES[0])
