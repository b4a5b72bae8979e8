"""Several defect maps: put together, and what changed from one to the next."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from calibration import flags as bits
from calibration.defects.ageing import IN_RUNS, Change, DatedMap, compare_maps, growth_table, merge_maps
from calibration.defects.files import read_defect_map


def flags_of(*pixels: tuple[int, int, int]) -> NDArray[np.uint16]:
    flags = np.zeros((48, 64), np.uint16)
    for row, col, bit in pixels:
        flags[row, col] |= np.uint16(bit)
    flags.setflags(write=False)
    return flags


def dated(taken: date | None, *pixels: tuple[int, int, int], name: str = "map") -> DatedMap:
    return DatedMap(flags_of(*pixels), taken, name)


def test_a_union_holds_every_class_that_was_ever_seen() -> None:
    merged = merge_maps([flags_of((1, 1, bits.NOISY)), flags_of((1, 1, bits.HOT), (2, 2, bits.DEAD)), flags_of()])
    assert np.array_equal(merged, flags_of((1, 1, bits.NOISY | bits.HOT), (2, 2, bits.DEAD)))


@pytest.mark.parametrize(
    ("runs", "fraction", "needed"), [(10, 0.7, 7), (3, 0.7, 3), (4, 0.75, 3), (5, 0.7, 4), (1, 0.7, 1), (10, 0.01, 1)]
)
def test_a_pixel_must_be_bad_in_its_fraction_of_the_runs(runs: int, fraction: float, needed: int) -> None:
    for times in range(runs + 1):
        maps = [flags_of((5, 6, bits.NOISY)) if k < times else flags_of() for k in range(runs)]
        assert merge_maps(maps, fraction)[5, 6] == (bits.NOISY if times >= needed else 0)
    assert IN_RUNS == 0.7


def test_one_map_is_itself() -> None:
    flags = flags_of((1, 1, bits.NOISY | bits.UNCOATED), (3, 3, bits.UNCOATED), (4, 4, bits.SHIELDED))
    assert np.array_equal(merge_maps([flags]), flags) and np.array_equal(merge_maps([flags], 1.0), flags)


def test_coating_and_shield_are_those_of_the_newest_map() -> None:
    older = flags_of((1, 1, bits.UNCOATED), (2, 2, bits.SHIELDED), (3, 3, bits.DEAD))
    newest = flags_of((5, 5, bits.UNCOATED), (3, 3, bits.SHIELDED))
    assert np.array_equal(merge_maps([older, newest]), newest)


def test_new_healed_and_persistent_pixels_add_up() -> None:
    before = dated(date(2020, 1, 1), (1, 1, bits.DEAD), (2, 2, bits.NOISY), (3, 3, bits.NOISY), name="old.cal")
    after = dated(
        date(2020, 4, 10), (1, 1, bits.DEAD), (2, 2, bits.HOT), (9, 9, bits.HOT), (8, 8, bits.HOT), name="new.cal"
    )
    ageing = compare_maps(before, after)
    assert (ageing.earlier, ageing.later, ageing.days) == ("old.cal", "new.cal", 100)  # 31 + 29 + 31 + 9
    assert ageing.any_class == Change(before=3, after=4, new=2, healed=1, persistent=2)
    assert ageing.by_class == {
        "dead": Change(1, 1, 0, 0, 1), "noisy": Change(2, 0, 0, 2, 0), "hot": Change(0, 3, 3, 0, 0),
    }  # fmt: skip
    assert ageing.growth_per_1000_days == pytest.approx(10.0)
    for change in [ageing.any_class, *ageing.by_class.values()]:
        assert change.new + change.persistent == change.after and change.healed + change.persistent == change.before


def test_a_map_against_itself_does_not_change() -> None:
    own = dated(date(2020, 1, 1), (1, 1, bits.DEAD), (2, 2, bits.UNCOATED))
    ageing = compare_maps(own, own)
    assert ageing.any_class == Change(1, 1, 0, 0, 1) and list(ageing.by_class) == ["dead"]
    assert ageing.days == 0 and ageing.growth_per_1000_days is None


def test_without_dates_there_is_no_rate() -> None:
    ageing = compare_maps(dated(None, (1, 1, bits.DEAD)), dated(date(2020, 1, 1)))
    assert ageing.days is None and ageing.growth_per_1000_days is None and ageing.any_class.healed == 1


def test_maps_with_dates_are_put_in_order_and_others_are_left_in_theirs() -> None:
    maps = [dated(date(2022, 1, 1), name="c"), dated(date(2020, 1, 1), name="a"), dated(date(2021, 1, 1), name="b")]
    assert [(step.earlier, step.later) for step in growth_table(maps)] == [("a", "b"), ("b", "c")]
    unordered = [*maps[:2], dated(None, name="?")]
    with pytest.raises(ValueError, match="c was taken 731 days after a, not before it"):
        growth_table(unordered)
    assert growth_table(maps[:1]) == ()


def test_what_does_not_fit_names_itself() -> None:
    other = np.zeros((64, 48), np.uint16)
    with pytest.raises(ValueError, match=r"defect map 1 is \(64, 48\) but the newest is \(48, 64\)"):
        merge_maps([other, flags_of()])
    with pytest.raises(ValueError, match=r"the defect map of x is \(64, 48\) but that of map is \(48, 64\)"):
        compare_maps(DatedMap(other, None, "x"), dated(None))
    with pytest.raises(ValueError, match="needs at least 1 defect map"):
        merge_maps([])
    for fraction in (0.0, 1.1, float("nan")):
        with pytest.raises(ValueError, match="fraction of runs must be above 0 and at most 1"):
            merge_maps([flags_of()], fraction)


def test_a_real_panel_at_two_dates(shared_data: Path) -> None:
    folder = shared_data / "detectorchecker_bpm"
    first, second = (read_defect_map(folder / f"PerkinElmerFull_t{n}.bpm.xml") for n in (1, 2))
    change = compare_maps(first, second).any_class
    # 9,451 and 15,879 as published with the files; the rest by set arithmetic on their lists
    assert change == Change(before=9451, after=15879, new=6784, healed=356, persistent=9095)
    assert np.count_nonzero(merge_maps([first.flags, second.flags])) == 9451 + 6784
    assert np.count_nonzero(merge_maps([first.flags, second.flags], 0.7)) == 9095
