"""Groups of bad pixels: kernels, clusters, lines and their names, against a slow search and a manufacturer's map."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from numpy.typing import NDArray

from calibration import flags as bits
from calibration.defects.clusters import (
    CLUSTER,
    KIND_NAMES,
    LINE,
    RELEVANT_CLUSTER,
    SINGLE,
    DefectGroups,
    count_groups,
    find_groups,
    group_name,
    worst_groups,
)

SHAPE = (48, 64)


def flags_of(*parts: object, bit: int = bits.DEAD) -> NDArray[np.uint16]:
    flags = np.zeros(SHAPE, np.uint16)
    for part in parts:
        flags[part] = bit  # type: ignore[index]
    return flags


def names(groups: DefectGroups) -> list[str]:
    return [group_name(groups, number) for number in range(len(groups.count))]


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([], []),
        ([(20, 30)], ["single"]),
        ([(20, 30), (20, 32)], ["single", "single"]),  # a good pixel between
        ([(20, 30), (21, 31)], ["2x2 cluster2"]),  # by a corner
        ([np.s_[20:22, 30:32]], ["2x2 cluster4"]),  # each has 3 bad and 5 good neighbours
        ([np.s_[20:22, 30:33]], ["rel2x3 cluster6-2"]),  # the middle two have 5 bad neighbours
        ([np.s_[20:23, 30:33]], ["rel3x3 cluster9-5"]),  # the corners have 5 good ones
        ([np.s_[20:30, 30]], ["10x1 cluster10"]),  # ten are no line
        ([np.s_[20:31, 30]], ["11x1 line11"]),
        ([np.s_[7, :]], ["1x64 line64"]),
        ([np.s_[7, :], (8, 20)], ["1x64 line64", "1x1 cluster1"]),  # 1 of 64 beside; it has bad neighbours
        ([np.s_[20:31, 30], (25, 31)], ["11x1 line11", "1x1 cluster1"]),  # 1 of 11 is 9 %
        ([np.s_[20:31, 30], (22, 31), (28, 31)], ["11x2 cluster13"]),  # 2 of 11 are too many
        ([np.s_[:, 10:12]], ["rel48x2 cluster96-96"]),  # a double line: 3 of 8 good, at its ends 2 of 5
    ],
)
def test_groups_are_called_as_the_standard_has_it(parts: list[object], expected: list[str]) -> None:
    assert names(find_groups(flags_of(*parts))) == expected


def test_where_lines_cross_is_a_relevant_cluster() -> None:
    groups = find_groups(flags_of(np.s_[20, :], np.s_[:, 30]))
    # the crossing has 4 bad neighbours, each pixel beside it along a line 4 as well; all of them kernels
    assert sorted(names(groups)) == ["1x64 line61", "48x1 line45", "rel3x3 cluster5-5"]
    cross = groups.pixels[groups.kernel]
    assert cross.tolist() == [[19, 30], [20, 29], [20, 30], [20, 31], [21, 30]]


@pytest.mark.parametrize(
    ("bad", "kernels"),
    [
        ([(0, 0)], 0),  # three neighbours, all good
        ([(0, 0), (0, 1)], 0),  # 2 of 3 good; 4 of 5
        ([(0, 0), (0, 1), (1, 1)], 3),  # 1 of 3 good; 3 of 5, so no kernel; 6 of 8, none
        ([(0, 20), (0, 21), (0, 22)], 0),
        ([(0, 20), (0, 21), (0, 22), (1, 21)], 1),  # the middle keeps 2 of 5
    ],
)
def test_beyond_the_border_there_is_neither_a_good_nor_a_bad_pixel(bad: list[tuple[int, int]], kernels: int) -> None:
    expected = {3: [(0, 0)], 1: [(0, 21)], 0: []}[kernels]
    groups = find_groups(flags_of(*bad))
    assert [tuple(pixel) for pixel in groups.pixels[groups.kernel].tolist()] == expected


@pytest.mark.parametrize("where", [np.s_[0, :], np.s_[47, :], np.s_[:, 0], np.s_[:, 63]])
def test_a_line_at_the_border_is_a_line(where: object) -> None:
    groups = find_groups(flags_of(where))
    assert groups.kind.tolist() == [LINE] and not groups.kernel.any()


def test_shielded_pixels_are_no_neighbours() -> None:
    flags = flags_of(np.s_[5:40, 8])
    flags[:, :8] = bits.SHIELDED
    groups = find_groups(flags)
    assert groups.kind.tolist() == [LINE]
    assert np.array_equal(groups.kernel, np.zeros(35, bool))


def test_working_pixels_with_flags_are_not_bad() -> None:
    flags = np.full(SHAPE, bits.UNCOATED, np.uint16)
    flags[3:6, 3:6] |= bits.INTERPOLATED | bits.SATURATED | bits.EXTRAPOLATED
    assert len(find_groups(flags).pixels) == 0


def test_a_group_collects_the_classes_of_its_pixels_only() -> None:
    flags = flags_of((20, 30), bit=bits.DEAD | bits.UNDER | bits.SUSPECT)
    flags[20, 31] = bits.NOISY
    flags[40, 40] = bits.HOT | bits.UNCOATED
    groups = find_groups(flags)
    assert groups.classes.tolist() == [bits.DEAD | bits.UNDER | bits.NOISY, bits.HOT]


def test_the_worst_groups_are_those_with_most_kernels() -> None:
    groups = find_groups(flags_of((1, 1), np.s_[10:13, 10:13], np.s_[20:22, 30:33], np.s_[40, :], np.s_[5:7, 50]))
    assert [group_name(groups, n) for n in worst_groups(groups, 3)] == [
        "rel3x3 cluster9-5", "rel2x3 cluster6-2", "1x64 line64",
    ]  # fmt: skip
    assert count_groups(groups) == {"single": 1, "cluster": 1, "relevant cluster": 2, "line": 1}


def slow_groups(bad: NDArray[np.bool_]) -> dict[frozenset[tuple[int, int]], tuple[int, int]]:
    """Pixels of each group to its kind and its kernels, by plain search over lists of pixels."""
    rows, cols = bad.shape
    members = {(int(r), int(c)) for r, c in np.argwhere(bad)}

    def around(pixel: tuple[int, int]) -> list[tuple[int, int]]:
        r, c = pixel
        near = [(r + dr, c + dc) for dr in (-1, 0, 1) for dc in (-1, 0, 1) if (dr, dc) != (0, 0)]
        return [(y, x) for y, x in near if 0 <= y < rows and 0 <= x < cols]

    least = {8: 5, 5: 3, 3: 2}
    kernels = {p for p in members if sum(q not in members for q in around(p)) < least[len(around(p))]}
    lines: list[list[tuple[int, int]]] = []
    for along in (0, 1):
        seen: set[tuple[int, int]] = set()
        for pixel in sorted(members):
            if pixel in seen:
                continue
            run = [pixel]
            step = (0, 1) if along == 0 else (1, 0)
            while (run[-1][0] + step[0], run[-1][1] + step[1]) in members:
                run.append((run[-1][0] + step[0], run[-1][1] + step[1]))
            seen.update(run)
            side = (step[1], step[0])
            beside = [p for p in run if {(p[0] + k * side[0], p[1] + k * side[1]) for k in (-1, 1)} & members]
            if len(run) > 10 and len(beside) <= 0.1 * len(run):
                lines.append(run)
    lines.sort(key=lambda run: run[0])
    found: dict[frozenset[tuple[int, int]], tuple[int, int]] = {}
    taken: set[tuple[int, int]] = set()
    for run in lines:
        left = frozenset(p for p in run if p not in kernels and p not in taken)
        taken |= left
        if left:
            found[left] = (LINE, 0)
    left_over = members - taken
    while left_over:
        group = [left_over.pop()]
        for pixel in group:
            near = [q for q in around(pixel) if q in left_over]
            left_over.difference_update(near)
            group += near
        count = len(kernels & set(group))
        alone = len(group) == 1 and not set(around(group[0])) & members
        found[frozenset(group)] = (RELEVANT_CLUSTER if count else SINGLE if alone else CLUSTER, count)
    return found


@pytest.mark.parametrize("fraction", [0.002, 0.02, 0.1, 0.3])
@pytest.mark.parametrize("seed", range(4))
def test_the_groups_are_those_of_a_plain_search(fraction: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    bad = rng.random(SHAPE) < fraction
    bad[rng.integers(48), rng.integers(30) :] = True
    bad[: rng.integers(20, 48), rng.integers(64)] = True
    bad[47, 5:40] = True
    flags = np.where(bad, bits.DEAD, 0).astype(np.uint16)
    groups = find_groups(flags)
    wanted = slow_groups(bad)
    found = {}
    for number in range(len(groups.count)):
        inside = groups.group == number
        pixels = groups.pixels[inside]
        found[frozenset(map(tuple, pixels.tolist()))] = (int(groups.kind[number]), int(groups.kernel[inside].sum()))
        assert groups.count[number] == len(pixels) and groups.kernel_count[number] == groups.kernel[inside].sum()
        box = [pixels[:, 0].min(), pixels[:, 0].max() + 1, pixels[:, 1].min(), pixels[:, 1].max() + 1]
        assert groups.box[number].tolist() == box
    assert found == wanted
    first_pixels = [tuple(groups.pixels[groups.group == n][0]) for n in range(len(groups.count))]
    assert first_pixels == sorted(first_pixels)


def test_good_neighbours_agree_with_the_masks_of_a_manufacturers_map(shared_data: Path) -> None:
    root = ElementTree.parse(shared_data / "detectorchecker_bpm" / "PerkinElmerFull_t1.bpm.xml").getroot()
    listed = {
        (int(p.get("Y", "")), int(p.get("X", ""))): int(p.get("Mask", "")).bit_count() for p in root.iter("BadPixel")
    }
    flags = np.zeros((2000, 2000), np.uint16)
    flags[tuple(np.array(list(listed)).T)] = bits.DEAD
    groups = find_groups(flags)
    assert count_groups(groups) == {"single": 212, "cluster": 35, "relevant cluster": 13, "line": 17}
    good = np.array([listed[tuple(pixel)] for pixel in groups.pixels.tolist()])  # the mask has a bit per good neighbour
    inner = ((groups.pixels > 0) & (groups.pixels < 1999)).all(axis=1)
    # 0.05 % of its masks contradict its own list of pixels
    assert np.mean((good < 5)[inner] == groups.kernel[inner]) > 0.999
    assert sum(groups.count) == 9451


@pytest.mark.slow
def test_a_hundred_thousand_bad_pixels_take_under_a_second() -> None:
    import time

    rng = np.random.default_rng(1)
    flags = np.zeros((3072, 3072), np.uint16)
    flags.ravel()[rng.choice(flags.size, 100_000, replace=False)] = bits.DEAD
    flags[:, 100] = bits.DEAD
    begin = time.process_time()
    groups = find_groups(flags)
    # measured 0.16 s alone; CPU time, which a busy machine stretches by its caches only
    assert time.process_time() - begin < 2.0
    assert groups.kind[groups.kind == LINE].size == 1


def test_what_is_no_map_names_itself() -> None:
    with pytest.raises(ValueError, match=r"\(rows, columns\), got shape \(3,\)"):
        find_groups(np.zeros(3, np.uint16))
    with pytest.raises(TypeError, match="must be uint16, got bool"):
        find_groups(np.zeros(SHAPE, bool))  # type: ignore[arg-type]
    assert KIND_NAMES[LINE] == "line" and len(KIND_NAMES) == 4
