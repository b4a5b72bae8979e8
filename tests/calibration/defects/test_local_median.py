"""Local medians against numpy, with gaps, few values and borders."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.defects.local_median import _area_median, _block_median, _local_median, local_median


@pytest.mark.parametrize("side", [3, 5, 9])
@pytest.mark.parametrize("kind", ["noise", "few values", "gaps", "slope"])
def test_a_local_median_is_that_of_numpy(side: int, kind: str) -> None:
    rng = np.random.default_rng(6)
    image = rng.normal(0, 1, (23, 27)).astype(np.float32)
    if kind == "few values":
        image = np.round(image).astype(np.float32)
    if kind == "slope":
        image = np.add.outer(np.arange(23.0), 40 * np.arange(27.0)).astype(np.float32)
    if kind == "gaps":
        image[rng.random(image.shape) < 0.3] = np.nan
        image[:12, 5:20] = np.nan  # windows without any value
    padded = np.pad(image.astype(float), side // 2, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side)).reshape(23, 27, -1)
    some = np.isfinite(windows).any(axis=2)
    found = local_median(image, side)
    assert np.isnan(found[~some]).all() and (kind == "gaps") == (not some.all())
    # the mean of two middle values is rounded to float32
    assert found[some] == pytest.approx(np.nanmedian(windows[some], axis=1), rel=1e-6, abs=1e-7)
    out = np.empty_like(image)
    with np.errstate(invalid="ignore"):
        _local_median.py_func(image, side // 2, out)
    assert np.array_equal(out, found, equal_nan=True)


def test_the_medians_of_blocks_are_those_of_numpy() -> None:
    image = np.random.default_rng(6).random((13, 17)).astype(np.float32)
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
