"""Maps of a panel: reproducible, as many defects as described, and spreads as described."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from radiography.config import load_panel
from radiography.panel.maps import (
    DEAD,
    DEFECT_NONLINEARITY,
    HOT,
    HOT_ELECTRONS_PER_S,
    LAGGING,
    LINE,
    NOISY,
    NOISY_FACTOR,
    NON_LINEAR,
    UNDER,
    UNDER_RESPONSE,
    draw_panel_maps,
)
from radiography.panel.panel import LAGGING_FACTOR, LARGEST_TRAPPED, LagExposure
from tests import reference

ROWS, COLS = 360, 480


def _panel(small_panel, **uniformity):
    """A larger panel with 8 amplifiers, for statistics."""
    return replace(
        small_panel,
        pixels=replace(small_panel.pixels, rows=ROWS, cols=COLS),
        readout=replace(small_panel.readout, columns_per_amplifier=60),
        uniformity=replace(small_panel.uniformity, **uniformity),
    )


@pytest.fixture(scope="module")
def perfect(small_panel):
    return _panel(small_panel, defective_fraction=0.0, defective_rows=0, defective_cols=0)


@pytest.fixture(scope="module")
def sound(perfect):
    return draw_panel_maps(perfect)


@pytest.fixture(scope="module")
def faulty(small_panel):
    return draw_panel_maps(_panel(small_panel, defective_fraction=0.01))


def _arrays(maps):
    """The maps that there are, by name."""
    found = {field.name: getattr(maps, field.name) for field in fields(maps)}
    return {name: plane for name, plane in found.items() if plane is not None}


def test_the_same_description_gives_the_same_maps(small_panel):
    one, two = _arrays(draw_panel_maps(small_panel)), _arrays(draw_panel_maps(small_panel))
    for name in one:
        assert one[name].tobytes() == two[name].tobytes()


def test_another_seed_gives_other_maps(small_panel):
    one, two = _arrays(draw_panel_maps(small_panel)), _arrays(draw_panel_maps(replace(small_panel, map_seed=1)))
    for name in one:
        assert one[name].tobytes() != two[name].tobytes()


def test_one_thread_and_two_give_the_same_maps(small_panel):
    def response():
        return draw_panel_maps(small_panel).response

    assert reference.on_threads(1, response).tobytes() == reference.on_threads(2, response).tobytes()


def test_maps_have_the_shape_of_the_panel_and_their_kinds(small_panel):
    maps = draw_panel_maps(small_panel)
    assert {plane.shape for plane in _arrays(maps).values()} == {(48, 64)}
    assert maps.defects.dtype == np.uint8
    assert {getattr(maps, name).dtype for name in ("offset_dn", "response", "dark_electrons_per_s")} == {
        np.dtype(np.float32)
    }


def test_a_perfect_panel_has_no_defects_and_equal_pixels(perfect):
    uniform = replace(perfect.uniformity, response_spread=0.0, amplifier_spread=0.0)
    readout = replace(perfect.readout, offset_spread_dn=0.0)
    maps = draw_panel_maps(replace(perfect, uniformity=uniform, readout=readout))
    assert not maps.defects.any()
    assert (maps.response == 1).all()
    assert (maps.offset_dn == perfect.readout.offset_dn).all()
    assert (maps.noise_factor == 1).all()


def test_the_fraction_of_defective_pixels_is_the_described_one(faulty):
    single = (faulty.defects > 0) & ((faulty.defects & LINE) == 0)
    off_lines = (faulty.defects & LINE) == 0
    # 1 % of 172,800 in 1,329 defects of 1 or 4 pixels (one in ten): their number spreads by 3 %, of which overlaps
    # take 1 %.
    assert abs(single.sum() / off_lines.sum() / 0.01 - 1.0) < 4 * 0.03


@pytest.mark.parametrize("kind", [DEAD, HOT, NOISY, UNDER])
def test_a_quarter_of_the_defects_is_of_each_kind(faulty, kind):
    single = (faulty.defects > 0) & ((faulty.defects & LINE) == 0)
    fraction = np.mean((faulty.defects[single] & kind) > 0)
    # 1,329 defects: sqrt(0.25 x 0.75 / 1329) = 0.012, more by the clusters' weight, 0.016.
    assert abs(fraction - 0.25) < 4 * 0.016


def test_some_defects_are_clusters(faulty):
    single = (faulty.defects > 0) & ((faulty.defects & LINE) == 0)
    square = single[:-1, :-1] & single[1:, :-1] & single[:-1, 1:] & single[1:, 1:]
    # One in ten of 1,329: 133 with a spread of 11; by chance alone there would be none.
    assert abs(square.sum() - 133) < 4 * 11 + 15  # larger clumps count more than once


@pytest.mark.parametrize(("lines", "axis"), [("defective_rows", 1), ("defective_cols", 0)])
def test_dead_lines_are_as_many_as_described_and_reach_one_side(perfect, lines, axis):
    uniformity = replace(perfect.uniformity, **{lines: 3})
    defects = draw_panel_maps(replace(perfect, uniformity=uniformity)).defects
    dead_in_line = (defects > 0).sum(axis=axis)
    length = (COLS, ROWS)[1 - axis]
    assert (dead_in_line > 0).sum() == 3
    assert (dead_in_line[dead_in_line > 0] >= length // 2).all()
    assert set(np.unique(defects)) == {0, DEAD | LINE}
    side = defects[:, -1] if lines == "defective_rows" else defects[0]
    assert (side > 0).sum() == 3


def test_dead_pixels_and_lines_do_not_respond(faulty):
    dead = (faulty.defects & DEAD) > 0
    assert (faulty.response[dead] == 0).all()
    assert (faulty.response[~dead] > 0).all()
    assert ((faulty.defects & LINE) > 0)[dead].any()


@pytest.mark.parametrize("kind", [HOT, NOISY, UNDER])
def test_each_kind_of_defect_changes_its_own_map(small_panel, faulty, kind):
    maps = draw_panel_maps(_panel(small_panel, defective_fraction=0.0, defective_rows=0, defective_cols=0))
    there = (faulty.defects & kind) > 0
    changed = {
        HOT: (faulty.dark_electrons_per_s - maps.dark_electrons_per_s, HOT_ELECTRONS_PER_S),
        NOISY: (faulty.noise_factor, NOISY_FACTOR),
        UNDER: (faulty.response / maps.response, UNDER_RESPONSE),
    }[kind]
    np.testing.assert_allclose(changed[0][there], changed[1], rtol=1e-3)  # float32 beside the other dark current
    others = (faulty.defects & (kind | DEAD)) == 0
    assert not np.isclose(changed[0][others], changed[1], rtol=1e-3).any()


def test_offsets_spread_by_pixel_and_by_amplifier(perfect, sound):
    blocks = sound.offset_dn.astype(np.float64).reshape(ROWS, 8, 60)
    within = blocks - blocks.mean(axis=(0, 2), keepdims=True)
    assert abs(within.std() / 60.0 - 1.0) < 4 / np.sqrt(2 * within.size)
    between = blocks.mean(axis=(0, 2)) - perfect.readout.offset_dn
    # Eight draws of 60 DN: their root mean square is known to a quarter.
    assert abs(np.sqrt(np.mean(between**2)) / 60.0 - 1.0) < 4 / np.sqrt(16)
    assert np.abs(np.diff(between)).min() > 1.0  # amplifiers differ, by far more than means of 21,600 pixels


def test_responses_spread_by_pixel_as_described(perfect, sound):
    # Differences of neighbours in a row remove amplifier and slope.
    pairs = (sound.response[:, 1:60] - sound.response[:, :59]).astype(np.float64) / sound.response[:, :60].mean()
    spread = pairs[:, ::2].std() / np.sqrt(2)
    # Independent pairs: 360 x 30.
    assert abs(spread / perfect.uniformity.response_spread - 1.0) < 4 / np.sqrt(2 * 10800)
    assert abs(sound.response.mean() - 1.0) < 4 * (0.015 / np.sqrt(8) + 0.0125)  # amplifiers, and the slope's middle


def test_responses_differ_by_amplifier_as_described(perfect):
    uniformity = replace(perfect.uniformity, response_spread=0.0)
    blocks = draw_panel_maps(replace(perfect, uniformity=uniformity)).response.reshape(ROWS, 8, 60)
    gains = blocks[0, :, 0].astype(np.float64)
    assert (blocks == blocks[:1, :, :1]).all()
    # Eight draws of 1.5 %: their root mean square is known to a quarter.
    assert abs(np.sqrt(np.mean((gains - 1.0) ** 2)) / 0.015 - 1.0) < 4 / np.sqrt(16)


def test_twice_the_spread_is_twice_the_spread_of_response(perfect):
    doubled = replace(perfect.uniformity, response_spread=0.05, amplifier_spread=0.0)
    single = replace(perfect.uniformity, amplifier_spread=0.0)
    wide = draw_panel_maps(replace(perfect, uniformity=doubled)).response
    narrow = draw_panel_maps(replace(perfect, uniformity=single)).response
    np.testing.assert_allclose(wide - 1, 2 * (narrow - 1), atol=1e-6)  # float32 beside 1


def test_dark_current_scatters_about_that_of_the_panel(perfect, sound):
    logarithm = np.log(sound.dark_electrons_per_s / perfect.photodiode.dark_electrons_per_s).astype(np.float64)
    assert abs(np.median(logarithm)) < 4 * 1.2533 * 0.2 / np.sqrt(logarithm.size)
    assert abs(logarithm.std() / 0.2 - 1.0) < 4 / np.sqrt(2 * logarithm.size)


def test_a_panel_without_these_effects_carries_no_maps_of_them(small_panel):
    maps = draw_panel_maps(small_panel)
    assert maps.nonlinearity is None
    assert maps.lag_factor is None
    assert not (maps.defects & (NON_LINEAR | LAGGING)).any()


EFFECTS = {
    "nonlinearity": {"nonlinearity": 0.03, "nonlinearity_spread": 0.01},
    "non-linear": {"nonlinear_fraction": 0.01},
    "lagging": {"lagging_fraction": 0.01},
}


@pytest.mark.parametrize("effect", EFFECTS)
def test_an_effect_changes_no_other_map(small_panel, effect):
    plain = _arrays(draw_panel_maps(small_panel))
    maps = draw_panel_maps(replace(small_panel, uniformity=replace(small_panel.uniformity, **EFFECTS[effect])))
    for name in ("offset_dn", "response", "dark_electrons_per_s", "noise_factor"):
        assert getattr(maps, name).tobytes() == plain[name].tobytes()
    known = maps.defects & ~np.uint8(NON_LINEAR | LAGGING)
    assert known.tobytes() == plain["defects"].tobytes()


def test_nonlinearity_spreads_from_pixel_to_pixel_as_described(perfect):
    uniformity = replace(perfect.uniformity, nonlinearity=0.03, nonlinearity_spread=0.01)
    values = draw_panel_maps(replace(perfect, uniformity=uniformity)).nonlinearity.astype(np.float64)
    assert abs(values.mean() - 0.03) < 4 * 0.01 / np.sqrt(values.size)
    assert abs(values.std() / 0.01 - 1.0) < 4 / np.sqrt(2 * values.size)
    assert values.max() <= 0.08 + 1e-7  # five spreads and no more


@pytest.mark.parametrize(
    ("field", "kind", "plane", "expected"),
    [
        ("nonlinear_fraction", NON_LINEAR, "nonlinearity", DEFECT_NONLINEARITY),
        ("lagging_fraction", LAGGING, "lag_factor", LAGGING_FACTOR),
    ],
)
def test_single_effect_defects_are_as_many_as_described_and_told(perfect, field, kind, plane, expected):
    maps = draw_panel_maps(replace(perfect, uniformity=replace(perfect.uniformity, **{field: 0.01})))
    there = maps.defects == kind
    # 1,728 places of 172,800 drawn with repetition: half a per cent of them twice
    assert abs(there.sum() / 1728 - 1.0) < 0.02
    assert (there == (maps.defects > 0)).all()
    values = getattr(maps, plane)
    np.testing.assert_allclose(values[there], expected, rtol=1e-6)
    assert (values[~there] == (1.0 if kind == LAGGING else 0.0)).all()


def test_a_pixel_with_a_defect_gets_no_second_one(small_panel):
    uniformity = replace(small_panel.uniformity, nonlinear_fraction=0.2, lagging_fraction=0.2)
    defects = draw_panel_maps(replace(small_panel, uniformity=uniformity)).defects
    lines = defects & ~np.uint8(LINE)
    assert (lines & (lines - 1) == 0).all()  # one bit at most
    assert set(np.unique(defects)) >= {NON_LINEAR, LAGGING}


def test_lagging_pixels_trap_no_more_than_the_limit_at_any_charge(small_panel):
    table = LagExposure((1e4, 1e6), (4.0, 1.0))
    uniformity = replace(small_panel.uniformity, lagging_fraction=0.01)
    maps = draw_panel_maps(replace(small_panel, uniformity=uniformity, lag_exposure=table))
    assert maps.lag_factor.max() == pytest.approx(LARGEST_TRAPPED / (4.0 * 0.0809), rel=1e-6)


def test_shielded_columns_do_not_respond_and_keep_all_else(small_panel):
    pixels = replace(small_panel.pixels, shielded_cols_left=5, shielded_cols_right=3)
    plain, maps = draw_panel_maps(small_panel), draw_panel_maps(replace(small_panel, pixels=pixels))
    assert not maps.response[:, :5].any() and not maps.response[:, 61:].any()
    assert maps.response[:, 5:61].tobytes() == plain.response[:, 5:61].tobytes()
    for name in ("offset_dn", "dark_electrons_per_s", "noise_factor", "defects"):
        assert getattr(maps, name).tobytes() == getattr(plain, name).tobytes()


def test_the_worn_panels_truth_has_every_map(small_panel):
    worn = load_panel("worn")
    maps = draw_panel_maps(replace(worn, pixels=replace(worn.pixels, rows=ROWS, cols=COLS)))
    assert maps.nonlinearity.dtype == maps.lag_factor.dtype == np.float32
    for kind in (DEAD, HOT, NOISY, UNDER, LINE, NON_LINEAR, LAGGING):
        assert (maps.defects & kind).any()
