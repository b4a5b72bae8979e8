"""Frames of two real detectors, through the same door and the same chain as simulated ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from calibration import flags as bits
from calibration.calibration_set import CalibrationSet, calibration_set
from calibration.correct import correct_frame, plan_correction
from calibration.dark.offset import estimate_offset
from calibration.defects.find import find_defects
from calibration.response.single_dose import estimate_gain
from radiography.files.frames import iterate_frames, open_frames, read_image


def calibrate(dark: Path, flat: Path) -> CalibrationSet:
    offset = estimate_offset(iterate_frames(open_frames(dark)))
    gain = estimate_gain(iterate_frames(open_frames(flat)), offset, saturation_dn=65535.0)
    defects = find_defects(offset, gain, saturation_dn=65535.0)
    return calibration_set(offset, gain, defects, saturation_dn=65535.0, provenance={})


def tile_spread(picture: NDArray[np.float32]) -> float:
    """Standard deviation of the medians of 8 x 8 tiles over their mean: non-uniformity without pixel noise. [1]"""
    rows, cols = (side // 8 * 8 for side in picture.shape)
    tiles = np.median(picture[:rows, :cols].reshape(rows // 8, 8, cols // 8, 8), axis=(1, 3))
    return float(tiles.std() / tiles.mean())


@pytest.fixture(scope="module")
def edges(shared_data: Path) -> CalibrationSet:
    return calibrate(shared_data / "psi_edges" / "dc.tif", shared_data / "psi_edges" / "ob.tif")


@pytest.mark.parametrize("number", [0, 3, 7])
def test_the_open_field_of_an_edge_picture_becomes_uniform(
    shared_data: Path, edges: CalibrationSet, number: int
) -> None:
    raw = read_image(shared_data / "psi_edges" / f"edge20mm_000{number}.tif").pixels
    frame = correct_frame(raw, edges)
    field = np.s_[2:48, 2:480]  # above the absorber
    before, after = tile_spread(raw[field] - edges.offset_dn[field]), tile_spread(frame.corrected_dn[field])
    # measured 1.33 to 1.40 % before, 0.53 to 0.60 % after; medians of 64 pixels of 1.1 % noise alone give 0.17 %
    assert before > 0.012 and after < 0.0065
    rows_before, rows_after = (
        np.median(p[field], axis=1).std() / np.median(p[field]) for p in (raw - edges.offset_dn, frame.corrected_dn)
    )
    assert rows_before > 0.005 and rows_after < 0.002  # horizontal streaks, 0.55 % before, 0.15 % after
    assert np.isfinite(frame.corrected_dn).all()


def test_an_open_beam_corrected_with_itself_is_flat(shared_data: Path, edges: CalibrationSet) -> None:
    frame = correct_frame(read_image(shared_data / "psi_edges" / "ob.tif").pixels, edges)
    good = (frame.flags & bits.INTERPOLATED) == 0
    assert frame.corrected_dn[good] == pytest.approx(edges.level_dn, rel=1e-6)


def test_radiation_spots_of_single_frames_are_flagged_and_the_rest_is_not(edges: CalibrationSet) -> None:
    spots = np.mean((edges.defects & bits.UNUSABLE) != 0)
    assert 0.03 < spots < 0.08  # 7.1 % measured; the frames have spots on 3 to 5 % each
    assert len(edges.provenance["defects_skipped"]) == 4


def test_readout_blocks_vanish_from_a_weak_picture(shared_data: Path) -> None:
    folder = shared_data / "detectorcal"
    calibration = calibrate(folder / "dark.tif", folder / "flat.tif")
    plan = plan_correction(calibration)
    source = open_frames(folder / "CT.tif")
    assert source.count == 10 and (source.rows, source.cols) == (300, 300)
    raw, corrected = np.zeros((300, 300)), np.zeros((300, 300))
    for frame in iterate_frames(source):
        raw += frame / source.count
        corrected += correct_frame(frame, plan).corrected_dn / source.count

    def step(picture: NDArray[np.float64], col: int) -> float:
        columns = np.median(picture[80:], axis=0)
        return float(abs(np.median(columns[col : col + 8]) - np.median(columns[col - 8 : col])))

    for col, at_least in ((28, 40.0), (157, 12.0)):  # about 64 DN of signal
        assert step(raw, col) > at_least
        assert step(corrected, col) < 1.5  # 0.9 and 0.3 measured
    assert np.count_nonzero(calibration.defects) < 20
