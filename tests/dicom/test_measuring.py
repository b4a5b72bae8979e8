"""Spacing for lengths: the table of cases in which viewers agree, and those in which they do not."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset

from radiography.dicom.measuring import measuring_spacing

PITCH_MM = 0.139


@pytest.mark.parametrize(
    ("said", "spacing_mm", "words"),
    [
        ({"ImagerPixelSpacing": [PITCH_MM] * 2}, PITCH_MM, "at the detector: ImagerPixelSpacing"),
        (
            {"ImagerPixelSpacing": [PITCH_MM] * 2, "EstimatedRadiographicMagnificationFactor": 1.2},
            PITCH_MM / 1.2,
            "in the object: ImagerPixelSpacing over the header's magnification of 1.2",
        ),
        (  # distances alone rescale nothing: where in the object is the length?
            {
                "ImagerPixelSpacing": [PITCH_MM] * 2,
                "DistanceSourceToDetector": 1800,
                "DistanceSourceToPatient": 1500,
            },
            PITCH_MM,
            "at the detector",
        ),
        (
            {
                "ImagerPixelSpacing": [PITCH_MM] * 2,
                "PixelSpacing": [0.1158] * 2,
                "PixelSpacingCalibrationType": "GEOMETRY",
                "PixelSpacingCalibrationDescription": "magnification 1.2",
                "EstimatedRadiographicMagnificationFactor": 1.2,
            },
            0.1158,
            "calibrated by geometry (magnification 1.2)",
        ),
        (
            {"PixelSpacing": [0.1158] * 2, "PixelSpacingCalibrationType": "FIDUCIAL"},
            0.1158,
            "calibrated by fiducial",
        ),
        ({"ImagerPixelSpacing": [PITCH_MM] * 2, "PixelSpacing": [0.12] * 2}, 0.12, "other than at the detector"),
        (
            {
                "ImagerPixelSpacing": [PITCH_MM] * 2,
                "PixelSpacing": [PITCH_MM] * 2,
                "EstimatedRadiographicMagnificationFactor": 1.2,
            },
            PITCH_MM,
            "magnification of 1.2 is not applied",
        ),
        ({"PixelSpacing": [PITCH_MM] * 2}, PITCH_MM, "at the detector"),
        ({}, None, "lengths are pixels"),
    ],
)
def test_lengths_are_those_of_the_plane_that_the_header_knows(
    said: dict[str, object], spacing_mm: float | None, words: str
) -> None:
    header = Dataset()
    for keyword, value in said.items():
        setattr(header, keyword, value)
    found = measuring_spacing(header)
    assert found.spacing_mm == (None if spacing_mm is None else pytest.approx(spacing_mm, rel=1e-9))
    assert words in found.words
