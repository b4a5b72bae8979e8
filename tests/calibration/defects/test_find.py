"""Bad pixels by class: each found from its own evidence, good pixels left alone, coated in part or shaded."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from calibration import flags as bits
from calibration.dark.offset import estimate_offset
from calibration.defects.criteria import PRESETS
from calibration.defects.find import (
    E2597,
    DefectCriteria,
    find_defects,
    gain_of_undecided,
    load_criteria,
    shipped_criteria,
)
from calibration.response.single_dose import estimate_gain

SATURATION_DN = 60000.0
SIGNAL_DN = 20000.0


def defects_of(panel, darks: int = 5, flats: int = 5, seed: int = 4, **more):  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(seed)
    offset = estimate_offset(panel.frames(0.0, darks, rng))
    gain = estimate_gain(panel.frames(SIGNAL_DN, flats, rng), offset, saturation_dn=SATURATION_DN)
    return find_defects(offset, gain, saturation_dn=SATURATION_DN, **more)


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


@pytest.mark.parametrize("where", [np.s_[:, 17], np.s_[31, :], np.s_[:, 40:44], np.s_[20:25, 30:35], np.s_[:, 62:]])
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
    assert np.argwhere(found.flags & bits.NON_UNIFORM).tolist() == [[25, 33]]
    assert found.skipped == ("lagging pixels were not looked for: that needs the first frame after the beam is off",)
    noisy = 10000 + rng.normal(0, 50, (48, 64))  # one flat: 34 000 ppm of good pixels would be off by more than 1 %
    noisy[25, 33] = 10200
    noisy[10, 10] = 12000
    found = defects_of(panel, check_dn=noisy)
    assert np.argwhere(found.flags & bits.NON_UNIFORM).tolist() == [[10, 10]]
    assert "not 1 %: the check frame has 0.5" in found.skipped[0]
    assert found.skipped[0].endswith("about 7 frames instead of 1")  # (0.5 / 0.2)^2 = 6.3


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


def test_nothing_missing_means_nothing_skipped(panel) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(3)
    check = 10000 + rng.normal(0, 10, (48, 64))
    first = 500 * panel.response + rng.normal(0, 4, (48, 64))
    found = defects_of(panel, check_dn=check, lag_first_frame_dn=first)
    assert found.counts == {} and found.skipped == ()


class TestLag:
    """First frame after the beam is off: 500 DN of lag, 4.4 DN noise."""

    def found(self, panel, pixel_dn=None, level: float = 500.0, **more):  # type: ignore[no-untyped-def]
        first = level * panel.response + np.random.default_rng(5).normal(0, 4, (48, 64))
        if pixel_dn is not None:
            first[20, 30] = pixel_dn * panel.response[20, 30]
        return defects_of(panel, lag_first_frame_dn=first, **more)

    @pytest.mark.parametrize(
        ("pixel_dn", "lags"), [(500, 0), (950, 0), (1060, 1), (265, 0), (235, 1), (0, 1), (-300, 1), (9000, 1)]
    )
    def test_a_pixel_beyond_a_factor_of_two_lags(self, panel, pixel_dn: float, lags: int) -> None:  # type: ignore[no-untyped-def]
        flags = self.found(panel, pixel_dn).flags
        assert np.argwhere(flags & bits.LAGGING).tolist() == [[20, 30]] * lags
        assert np.count_nonzero(flags) == lags

    def test_a_pixel_of_half_the_response_does_not_lag_less(self, altered) -> None:  # type: ignore[no-untyped-def]
        flags = self.found(altered((20, 30), response=0.48)).flags
        assert flags[20, 30] == bits.UNDER and np.count_nonzero(flags) == 1

    def test_a_dead_pixel_has_no_lag_to_judge(self, altered) -> None:  # type: ignore[no-untyped-def]
        assert self.found(altered((20, 30), response=0.0)).flags[20, 30] == bits.DEAD | bits.UNDER

    @pytest.mark.parametrize(("pixel_dn", "lags"), [(20.0, 0), (45.0, 1), (-28.0, 1)])
    def test_little_lag_is_judged_by_noise(self, panel, pixel_dn: float, lags: int) -> None:  # type: ignore[no-untyped-def]
        found = self.found(panel, pixel_dn, level=5.0)  # twice or half of 5 DN is within the noise of 4.4 DN
        assert np.argwhere(found.flags & bits.LAGGING).tolist() == [[20, 30]] * lags
        assert "lagging pixels were judged at 3" in " ".join(found.skipped)

    def test_noise_handed_in_is_used(self, panel) -> None:  # type: ignore[no-untyped-def]
        noise = np.full((48, 64), 4.4)
        noise[20, 30] = 200.0
        assert not self.found(panel, 1500, lag_noise_dn=noise).flags.any()
        assert self.found(panel, 1500, lag_noise_dn=100.0).flags[20, 30] == bits.LAGGING
        assert not self.found(panel, 1500, lag_noise_dn=200.0).flags.any()

    def test_a_class_that_is_switched_off_is_neither_found_nor_missed(self, panel) -> None:  # type: ignore[no-untyped-def]
        criteria = replace(E2597, lag_factor=None, non_uniform_fraction=None)
        found = self.found(panel, 9000, criteria=criteria)
        assert not found.flags.any() and found.skipped == ()


class TestShielded:
    """Columns without X-rays on both sides and in the middle."""

    RANGES = ((0, 4), (31, 33), (60, 64))

    @pytest.fixture
    def shielded(self, panel):  # type: ignore[no-untyped-def]
        response = panel.response.copy()
        for first, end in self.RANGES:
            response[:, first:end] = 0.0
        return type(panel)(panel.offset_dn, response)

    @pytest.mark.parametrize("frames", [1, 5])
    def test_they_are_no_defects_and_their_neighbours_are_not_touched(self, shielded, frames: int) -> None:  # type: ignore[no-untyped-def]
        rng = np.random.default_rng(3)
        more = {
            "check_dn": np.where(shielded.response > 0, 10000.0, 0.0) + rng.normal(0, 10, (48, 64)),
            "lag_first_frame_dn": 500 * shielded.response + rng.normal(0, 4, (48, 64)),
            "lag_noise_dn": np.full((48, 64), 5.0),
        }
        found = defects_of(shielded, frames, frames, shielded_cols=self.RANGES, **more)
        assert found.counts == {"shielded": 48 * 10}
        wanted = np.zeros((48, 64), np.uint16)
        for first, end in self.RANGES:
            wanted[:, first:end] = bits.SHIELDED
        assert np.array_equal(found.flags, wanted)

    def test_without_the_ranges_the_borders_count_as_covered(self, shielded) -> None:  # type: ignore[no-untyped-def]
        found = defects_of(shielded)
        assert (found.counts["dead"], found.counts["uncoated"]) == (48 * 2, 48 * 8)
        assert sum("taken as covered" in sentence for sentence in found.skipped) == 2

    @pytest.mark.parametrize("spot", [(20, 4), (20, 30), (20, 33), (0, 59), (47, 20)])
    def test_a_bad_pixel_beside_them_is_found(self, shielded, spot: tuple[int, int]) -> None:  # type: ignore[no-untyped-def]
        response = shielded.response.copy()
        response[spot] *= 0.3
        response[10, 2] = 5.0  # a leak of the shield is not judged
        flags = defects_of(type(shielded)(shielded.offset_dn, response), shielded_cols=self.RANGES).flags
        assert np.argwhere(flags & bits.UNUSABLE).tolist() == [list(spot)]
        assert flags[10, 2] == bits.SHIELDED

    def test_shielded_neighbours_are_no_help(self, shielded) -> None:  # type: ignore[no-untyped-def]
        response = shielded.response.copy()
        response[19:22, 4:6] = 0.0
        response[20, 4] = 1.0
        flags = defects_of(type(shielded)(shielded.offset_dn, response), shielded_cols=self.RANGES).flags
        assert flags[20, 4] == bits.BAD_NEIGHBOURHOOD

    def test_classes_from_elsewhere_do_not_reach_them(self, shielded) -> None:  # type: ignore[no-untyped-def]
        extra = np.zeros((48, 64), np.uint16)
        extra[5, 2] = extra[6, 20] = bits.NON_LINEAR
        flags = defects_of(shielded, shielded_cols=self.RANGES, extra_flags=extra).flags
        assert np.argwhere(flags & bits.NON_LINEAR).tolist() == [[6, 20]]

    @pytest.mark.parametrize(
        ("ranges", "message"),
        [
            (((60, 65),), "shielded columns 60:65 are no part of the 64 columns"),
            (((5, 5),), "shielded columns 5:5"),
            (((0, 64),), "all 64 columns of the panel are shielded"),
        ],
    )
    def test_impossible_columns_name_themselves(self, panel, ranges: object, message: str) -> None:  # type: ignore[no-untyped-def]
        with pytest.raises(ValueError, match=message):
            defects_of(panel, shielded_cols=ranges)


def test_classes_from_elsewhere_join_the_map(panel) -> None:  # type: ignore[no-untyped-def]
    extra = np.zeros((48, 64), np.uint16)
    extra[10, 10] = bits.NON_LINEAR
    extra[19:22, 29:32] = bits.NON_LINEAR
    extra[20, 30] = 0
    flags = defects_of(panel, extra_flags=extra).flags
    assert flags[10, 10] == bits.NON_LINEAR and flags[20, 30] == bits.BAD_NEIGHBOURHOOD
    extra[0, 0] = bits.SUSPECT
    with pytest.raises(ValueError, match="extra flags must be classes of bad pixels, but some are 'suspect'"):
        defects_of(panel, extra_flags=extra)
    with pytest.raises(TypeError, match="extra flags must be uint16, got int64"):
        defects_of(panel, extra_flags=extra.astype(np.int64))


def test_a_stuck_pixel_is_dead(panel) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(4)
    frames = {dn: [f.copy() for f in panel.frames(dn, 5, rng)] for dn in (0.0, SIGNAL_DN)}
    for stack in frames.values():
        for frame in stack:
            frame[12, 40], frame[13, 50] = 777, 30000  # whatever the dose
    offset = estimate_offset(frames[0.0])
    gain = estimate_gain(frames[SIGNAL_DN], offset, saturation_dn=SATURATION_DN)
    flags = find_defects(offset, gain, saturation_dn=SATURATION_DN).flags
    assert np.argwhere(flags & bits.DEAD).tolist() == [[12, 40], [13, 50]]


def test_a_line_is_bad_whole_where_the_criteria_say_so(panel, altered) -> None:  # type: ignore[no-untyped-def]
    worn = altered(np.s_[:30, 17], response=0.0)  # 30 of 48 pixels
    vendor = load_criteria("vendor")
    flags = defects_of(worn, criteria=vendor).flags
    assert ((flags[:, 17] & bits.UNUSABLE) != 0).all()
    assert (flags[30:, 17] == bits.BAD_NEIGHBOURHOOD).all() and not flags[:, :17].any() and not flags[:, 18:].any()
    assert not defects_of(worn).flags[30:, 17].any()


class TestFewQuanta:
    """Bare photodiodes that catch five X-rays of 5 DN each in a flat; coated ones have 320 DN. 1 % is 3.2 DN."""

    ROWS, COLS = 150, 190
    COATED = np.s_[40:100, 50:130]

    def maps(self, flats: int, dead: object = None):  # type: ignore[no-untyped-def]
        rng = np.random.default_rng(17)
        shape = (self.ROWS, self.COLS)
        live = np.ones(shape)
        if dead is not None:
            live[dead] = 0.0
        mean_tracks = np.full(shape, 4.7)
        coating = np.zeros(shape)
        coating[self.COATED] = 300.0

        def flat() -> NDArray[np.float64]:
            tracks = rng.poisson(mean_tracks)
            signal = (
                5.0 / 3.0 * rng.gamma(np.maximum(3.0 * tracks, 1e-9))
                + coating
                + rng.normal(0, 12, shape) * (coating > 0)
            )
            return 2000 + live * signal + rng.normal(0, 6, shape)

        offset = estimate_offset(2000 + rng.normal(0, 6, shape) for _ in range(16))
        return offset, estimate_gain((flat() for _ in range(flats)), offset, saturation_dn=65535.0)

    @pytest.mark.parametrize("flats", [1, 2, 4, 16])
    def test_a_bare_pixel_is_dead_only_beyond_its_own_noise(self, flats: int) -> None:
        offset, gain = self.maps(flats)
        silent = np.count_nonzero(gain.flags & bits.DEAD)
        found = find_defects(offset, gain, saturation_dn=65535.0)
        assert silent > (100 if flats < 4 else -1)
        # five X-rays are no normal distribution: at 1 flat one spot of 23,820 lies above six sigma
        assert np.count_nonzero(found.flags & bits.UNUSABLE) <= (flats == 1)
        said = [sentence for sentence in found.skipped if "which their noise" in sentence]
        assert len(said) == (silent > 0)

    def test_a_dead_bare_pixel_is_found_with_enough_flats(self) -> None:
        offset, gain = self.maps(36, dead=(20, 20))
        found = find_defects(offset, gain, saturation_dn=65535.0)
        assert np.argwhere(found.flags & bits.UNUSABLE).tolist() == [[20, 20]]

    def test_a_dead_line_of_bare_pixels_shows_together(self) -> None:
        offset, gain = self.maps(4, dead=np.s_[:, 20])
        dead = (find_defects(offset, gain, saturation_dn=65535.0).flags & bits.DEAD) != 0
        assert dead[:, 20].mean() > 0.75  # noise of 3 DN lifts 14 % of its pixels above 1 %
        assert np.count_nonzero(dead) == np.count_nonzero(dead[:, 20])

    def test_a_doubted_pixel_takes_the_gain_of_its_surroundings(self) -> None:
        offset, gain = self.maps(2, dead=(70, 90))
        found = find_defects(offset, gain, saturation_dn=65535.0)
        replaced = gain_of_undecided(gain, found)
        doubted = ((gain.flags & bits.DEAD) != 0) & ((found.flags & bits.UNUSABLE) == 0)
        assert doubted.sum() > 100 and (gain.gain[doubted] == 1.0).all()
        # 320 / 23.5 DN; medians of skewed numbers lie lower, and 49 of them scatter by 5 %
        assert replaced[doubted] == pytest.approx(320 / 23.5, rel=0.35)
        assert np.array_equal(replaced[~doubted], gain.gain[~doubted])
        assert found.flags[70, 90] & bits.UNUSABLE and replaced[70, 90] == gain.gain[70, 90]
        assert gain_of_undecided(replace(gain, flags=np.zeros_like(gain.flags)), found) is gain.gain


class TestCriteria:
    def test_the_shipped_files_are_complete(self) -> None:
        assert shipped_criteria() == ("e2597", "pki", "vendor")
        assert load_criteria("e2597") == E2597
        pki = load_criteria("pki")
        assert (pki.over_factor, pki.under_factor, pki.global_fraction, pki.lag_factor) == (1.5, 0.45, 0.02, None)
        vendor = load_criteria("vendor")
        assert (vendor.under_factor, vendor.line_fraction, vendor.noise_factor) == (0.7, 0.5, None)
        for name in shipped_criteria():
            text = (PRESETS / f"{name}.toml").read_text(encoding="utf-8")
            assert text.startswith("#") and "icence" in text.split("name =")[0]

    def test_a_file_of_ones_own_keeps_the_rest(self, tmp_path: Path) -> None:
        own = tmp_path / "own.toml"
        own.write_text("over_factor = 1.2\nlag_factor = false\n")
        criteria = load_criteria(own)
        assert criteria == replace(E2597, name="own", source="file own.toml", over_factor=1.2, lag_factor=None)

    @pytest.mark.parametrize(
        ("text", "error", "message"),
        [
            ("over_facto = 1.2", ValueError, "unknown key 'over_facto'; known: name, source, over_factor"),
            ("over_factor = 0.9", ValueError, "over_factor must be above 1, got 0.9"),
            ("under_factor = 1.2", ValueError, "under_factor must be between 0 and 1, got 1.2"),
            ("over_factor = true", TypeError, "over_factor must be a number or false, got True"),
            ("hot_fraction = false", TypeError, "hot_fraction must be a number, got False"),
            ("over_factor = nan", ValueError, "over_factor must be above 1, got nan"),
            ("over_factor = '1.3'", TypeError, "over_factor must be a number or false, got '1.3'"),
            ("least_frames_for_noise = 1", ValueError, "must be 2 or more, got 1"),
            ("least_frames_for_noise = 2.5", TypeError, "must be a whole number, got 2.5"),
            ("name = 3", TypeError, "name must be text, got 3"),
            ("over_factor =", ValueError, "is no TOML file"),
            ("\x00\xff", ValueError, "is no TOML file"),
            ("#" * 200_000, ValueError, "has 200000 bytes; a criteria file has at most"),
        ],
    )
    def test_what_is_wrong_with_a_file_is_said(self, tmp_path: Path, text: str, error: type, message: str) -> None:
        path = tmp_path / "mine.toml"
        path.write_text(text, encoding="latin-1")
        with pytest.raises(error, match=message) as raised:
            load_criteria(path)
        assert "mine.toml" in str(raised.value)

    def test_an_unknown_name_lists_the_known_ones(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="no criteria are called 'e2598'; known: e2597, pki, vendor"):
            load_criteria("e2598")
        with pytest.raises(FileNotFoundError, match=r"gone\.toml does not exist"):
            load_criteria(tmp_path / "gone.toml")

    def test_pki_judges_against_the_whole_panel_as_well(self, panel) -> None:  # type: ignore[no-untyped-def]
        check = 10000 + np.random.default_rng(3).normal(0, 10, (48, 64))
        check[:, 40:] *= 1.03  # a step: locally uniform but for the pixels beside it, 3 % off the panel
        e2597 = defects_of(panel, check_dn=check).flags & bits.NON_UNIFORM
        pki = defects_of(panel, check_dn=check, criteria=load_criteria("pki")).flags & bits.NON_UNIFORM
        assert not e2597[:, 45:].any() and (pki[:, 40:] != 0).all() and not pki[:, :36].any()
        assert "non_uniform_fraction" in asdict(DefectCriteria())
