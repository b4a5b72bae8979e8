"""Bad pixels by class: each found from its own evidence, good pixels left alone, coated in part or shaded."""

from __future__ import annotations

import numpy as np
import pytest

from calibration import flags as bits
from calibration.defects import E2597, find_defects
from calibration.gain import estimate_gain
from calibration.local_median import _area_median, _block_median, _local_median, local_median
from calibration.offset import estimate_offset

SATURATION_DN = 60000.0
SIGNAL_DN = 20000.0


def defects_of(panel, darks: int = 5, flats: int = 5, seed: int = 4, check_dn=None):  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(seed)
    offset = estimate_offset(panel.frames(0.0, darks, rng))
    gain = estimate_gain(panel.frames(SIGNAL_DN, flats, rng), offset, saturation_dn=SATURATION_DN)
    return find_defects(offset, gain, saturation_dn=SATURATION_DN, check_dn=check_dn)


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_a_good_panel_has_no_defects(panel, frames: int) -> None:  # type: ignore[no-untyped-def]
    defects = defects_of(panel, frames, frames)
    assert not defects.flags.any() and defects.counts == {}
    assert len(defects.skipped) == (1 if frames == 5 else 3)


@pytest.mark.parametrize(
    ("response", "offset_dn", "expected"),
    [
        (0.0, None, bits.DEAD | bits.UNDER),
        (0.45, None, bits.UNDER),
        (0.75, None, 0),
        (1.2, None, 0),
        (1.6, None, bits.OVER),
        (9.0, None, bits.OVER),  # saturated in the flats
        (None, 40000.0, bits.HOT),
        (None, 70000.0, bits.HOT | bits.DEAD | bits.UNDER),  # saturated in the darks
    ],
)
def test_each_class_is_found_and_only_there(panel, altered, response, offset_dn, expected: int) -> None:  # type: ignore[no-untyped-def]
    defects = defects_of(altered((20, 30), response=response, offset_dn=offset_dn))
    assert defects.flags[20, 30] == expected
    assert np.count_nonzero(defects.flags) == (1 if expected else 0)


@pytest.mark.parametrize("corner", [(0, 0), (0, 63), (47, 0), (47, 63), (0, 20), (30, 63)])
def test_a_dead_pixel_at_the_border_is_found(panel, altered, corner: tuple[int, int]) -> None:  # type: ignore[no-untyped-def]
    defects = defects_of(altered(corner, response=0.0))
    assert np.argwhere(defects.flags & bits.UNUSABLE).tolist() == [list(corner)]


@pytest.mark.parametrize("where", [np.s_[:, 17], np.s_[31, :], np.s_[:, 40:44], np.s_[20:25, 30:35], np.s_[:, 60:]])
def test_lines_and_clusters_are_found_whole(panel, altered, where: object) -> None:  # type: ignore[no-untyped-def]
    wanted = np.zeros((48, 64), bool)
    wanted[where] = True  # type: ignore[index]
    for response in (0.0, 0.3, 2.0):
        defects = defects_of(altered(where, response=response))
        assert np.array_equal((defects.flags & bits.UNUSABLE) != 0, wanted)


@pytest.mark.parametrize("kind", ["dark", "flat"])
def test_a_noisy_pixel_is_found(panel, kind: str) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(4)
    frames = {
        name: [f.astype(np.float64) for f in panel.frames(dn, 5, rng)] for name, dn in (("dark", 0), ("flat", 20000))
    }
    sigma = {"dark": 4.0, "flat": np.sqrt(4 * 20000)}[kind]
    for k, frame in enumerate(frames[kind]):
        frame[7, 11] += 20 * sigma * (-1) ** k
    offset = estimate_offset(frames["dark"])
    gain = estimate_gain(frames["flat"], offset, saturation_dn=SATURATION_DN)
    flags = find_defects(offset, gain, saturation_dn=SATURATION_DN).flags
    assert flags[7, 11] == bits.NOISY and np.count_nonzero(flags) == 1


def test_a_radiation_spot_in_the_only_frame_is_found(panel) -> None:  # type: ignore[no-untyped-def]
    dark, flat = panel.frame(0.0, None).copy(), panel.frame(SIGNAL_DN, None).copy()
    dark[12, 40] += 3000
    flat[30, 8] += 20000
    flat[30, 9] += 60000 - flat[30, 9]
    offset = estimate_offset([dark])
    gain = estimate_gain([flat], offset, saturation_dn=SATURATION_DN + 1)
    flags = find_defects(offset, gain, saturation_dn=SATURATION_DN + 1).flags
    assert np.argwhere(flags & bits.HOT).tolist() == [[12, 40]]
    assert np.argwhere(flags & bits.NON_UNIFORM).tolist() == [[30, 8], [30, 9]]


def test_a_pixel_off_by_two_per_cent_needs_a_quiet_check_frame(panel) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(3)
    quiet = 10000 + rng.normal(0, 15, (48, 64))  # 0.15 % of the signal
    quiet[25, 33] *= 1.02
    found = defects_of(panel, check_dn=quiet)
    assert np.argwhere(found.flags & bits.NON_UNIFORM).tolist() == [[25, 33]] and not found.skipped
    noisy = 10000 + rng.normal(0, 50, (48, 64))  # one flat: 34 000 ppm of good pixels would be off by more than 1 %
    noisy[25, 33] = 10200
    noisy[10, 10] = 12000
    found = defects_of(panel, check_dn=noisy)
    assert np.argwhere(found.flags & bits.NON_UNIFORM).tolist() == [[10, 10]]
    assert "not 1 %: the check frame has 0.5" in found.skipped[0]


def test_eight_bad_neighbours_make_a_bad_pixel(panel, altered) -> None:  # type: ignore[no-untyped-def]
    ring = np.zeros((48, 64), bool)
    ring[20:23, 30:33] = True
    ring[21, 31] = False
    ring[0, 1] = ring[1, 0] = ring[1, 1] = True  # the corner has three neighbours only
    flags = defects_of(altered(ring, response=0.0)).flags
    assert np.argwhere(flags & bits.BAD_NEIGHBOURHOOD).tolist() == [[0, 0], [21, 31]]


class TestPartlyCoated:
    """A coating on a part of the panel; bare photodiodes see 4 % of its signal."""

    @pytest.fixture
    def coated(self, panel):  # type: ignore[no-untyped-def]
        """(150 x 190): a coating of 60 x 80 pixels, its edge blurred over a few pixels, 5 % gain spread."""
        from scipy.ndimage import gaussian_filter

        rng = np.random.default_rng(2)
        coating = np.full((150, 190), 0.04)
        coating[40:100, 50:130] = 1.0
        response = gaussian_filter(coating, 1.5) * rng.normal(1, 0.05, coating.shape)
        return type(panel)(1500 + rng.normal(0, 30, coating.shape), response)

    @pytest.mark.parametrize("frames", [1, 5])
    def test_neither_side_nor_the_edge_is_defective(self, coated, frames: int) -> None:  # type: ignore[no-untyped-def]
        defects = defects_of(coated, frames, frames)
        assert set(defects.counts) == {"uncoated"}
        uncoated = (defects.flags & bits.UNCOATED) != 0
        assert not uncoated[44:96, 54:126].any()
        assert uncoated[:36].all() and uncoated[104:].all() and uncoated[:, :46].all() and uncoated[:, 134:].all()

    @pytest.mark.parametrize("spot", [(70, 90), (41, 90), (40, 50), (20, 20), (70, 135)])
    @pytest.mark.parametrize("factor", [0.0, 2.0])
    def test_a_bad_pixel_is_found_on_either_side(self, coated, spot: tuple[int, int], factor: float) -> None:  # type: ignore[no-untyped-def]
        response = coated.response.copy()
        response[spot] *= factor
        flags = defects_of(type(coated)(coated.offset_dn, response)).flags
        # beside the blurred edge a factor of two can be the edge itself: there only dead pixels must be found
        if factor == 0.0 or spot in [(70, 90), (20, 20)]:
            assert np.argwhere(flags & bits.UNUSABLE).tolist() == [list(spot)]
        else:
            assert np.count_nonzero(flags & bits.UNUSABLE) <= 1

    def test_a_dead_line_across_both_is_found_whole(self, coated) -> None:  # type: ignore[no-untyped-def]
        response = coated.response.copy()
        response[:, 77] = 0.0
        flags = defects_of(type(coated)(coated.offset_dn, response)).flags
        assert np.array_equal(np.argwhere(flags & bits.UNUSABLE), [[row, 77] for row in range(150)])


def test_the_medians_are_those_of_numpy() -> None:
    image = np.random.default_rng(6).random((13, 17)).astype(np.float32)
    padded = np.pad(image.astype(float), 4, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (9, 9))
    wanted = np.nanmedian(windows.reshape(13, 17, 81), axis=2)
    assert local_median(image, 9) == pytest.approx(wanted, rel=1e-6)
    out = np.empty_like(image)
    _local_median.py_func(image, 4, out)
    assert np.array_equal(out, local_median(image, 9))
    blocks, plain = np.empty((5, 6), np.float32), np.empty((5, 6), np.float32)
    _block_median(image, blocks)
    _block_median.py_func(image, plain)
    assert np.array_equal(blocks, plain) and blocks[4, 5] == np.median(image[12:, 15:])
    classes = np.arange(30).reshape(5, 6) % 4 == 0
    area, plain = np.empty_like(blocks), np.empty_like(blocks)
    _area_median(blocks, classes, area)
    _area_median.py_func(blocks, classes, plain)
    assert np.array_equal(area, plain)
    assert area[0, 0] == pytest.approx(np.median(blocks[classes]))


def test_a_panel_without_a_good_pixel_is_refused(panel) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(1)
    offset = estimate_offset([panel.frame(0.0, rng)] * 3)
    gain = estimate_gain([panel.frame(SIGNAL_DN, rng)] * 3, offset, saturation_dn=SATURATION_DN)
    with pytest.raises(ValueError, match="no good pixel is left among the 3072 of this panel"):
        find_defects(offset, gain, saturation_dn=1.0)


def test_a_check_frame_of_another_shape_names_itself(panel) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=r"check frame is \(64, 48\) but the offset map is \(48, 64\)"):
        defects_of(panel, check_dn=np.ones((64, 48)))
    assert E2597.over_factor == 1.3
