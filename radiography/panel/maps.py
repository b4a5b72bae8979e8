"""Maps of one panel: offset, response, dark current, noise and defects, drawn once per panel."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from radiography.noise import standard_normal
from radiography.panel.panel import LAGGING_FACTOR, LARGEST_TRAPPED, NONLINEARITY_SPREADS, Panel, shielded_columns

DEAD = 1  # no response
HOT = 2  # dark current far above its neighbours'
NOISY = 4  # read noise far above its neighbours'
UNDER = 8  # less than half the response
LINE = 16  # part of a dead row or column
NON_LINEAR = 32  # departs far more from a straight response than its neighbours
LAGGING = 64  # traps far more charge than its neighbours

HOT_ELECTRONS_PER_S = 2.0e6  # assumed: fills a tenth of the full well in about a second
NOISY_FACTOR = 12.0  # assumed: twice the E2597 limit of six times the median noise
UNDER_RESPONSE = 0.35  # assumed: below the E2597 limit of 0.6
DEFECT_NONLINEARITY = 0.35  # assumed: a third of the charge is missing at the full well; rises up to it all the same
CLUSTERED_FRACTION = 0.1  # assumed: fraction of the defects that are clusters of 2 x 2

Array = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class PanelMaps:
    """Truth about one panel.

    Attributes
    ----------
    offset_dn : (H, W) float32
        Offset without dark current. [DN]
    response : (H, W) float32
        Sensitivity, amplifier gain included; 0 where dead or shielded. [1]
    dark_electrons_per_s : (H, W) float32
        Dark current. [electrons/s]
    noise_factor : (H, W) float32
        Read noise relative to the panel's. [1]
    defects : (H, W) uint8
        Sum of DEAD, HOT, NOISY, UNDER, LINE, NON_LINEAR and LAGGING. [1]
    nonlinearity : (H, W) float32, or None
        n of a charge q that is held as q (1 - n q / full well); None where all pixels are linear. [1]
    lag_factor : (H, W) float32, or None
        Trapped fractions relative to the panel's; None where all are the panel's. [1]
    """

    offset_dn: Array
    response: Array
    dark_electrons_per_s: Array
    noise_factor: Array
    defects: npt.NDArray[np.uint8]
    nonlinearity: Array | None = None
    lag_factor: Array | None = None


@lru_cache(maxsize=1)  # scenes that follow each other have the same panel
def draw_panel_maps(panel: Panel) -> PanelMaps:
    """The maps of one panel: the same for the same description, always. They are shared: nobody writes to them.

    Offset has a pixel part and one per readout amplifier; response has a pixel part, one per amplifier and a smooth
    one across the panel (coating thickness). Defects are dead, hot, noisy or under-responding, a quarter each; one
    defect in ten is a cluster of 2 x 2. Dead lines run from one side to a random place. Pixels that only lag or are
    only non-linear are drawn among those without another defect; each of these effects has a generator of its own, so
    that switching one on changes no other map.

    Returns
    -------
    maps : PanelMaps
    """
    rng = np.random.default_rng(panel.map_seed)
    rows, cols = panel.pixels.rows, panel.pixels.cols
    per_amplifier = panel.readout.columns_per_amplifier
    amplifier = np.arange(cols) // per_amplifier
    groups = int(amplifier[-1]) + 1

    amplifier_offset = rng.normal(0.0, panel.readout.offset_spread_dn, groups)[amplifier]
    offset_dn = standard_normal(rows, cols, rng) * np.float32(panel.readout.offset_spread_dn)
    offset_dn += (panel.readout.offset_dn + amplifier_offset).astype(np.float32)
    np.maximum(offset_dn, 0.0, out=offset_dn)

    uniformity = panel.uniformity
    amplifier_gain = 1.0 + rng.normal(0.0, uniformity.amplifier_spread, groups)[amplifier]
    response = 1.0 + standard_normal(rows, cols, rng) * np.float32(uniformity.response_spread)
    down = np.linspace(-1.0, 1.0, rows, dtype=np.float32)[:, None]
    across = np.linspace(-1.0, 1.0, cols, dtype=np.float32)[None, :]
    tilt = (rng.normal(0.0, 0.5 * uniformity.response_spread, 3)).astype(np.float32)
    response += tilt[0] * down + tilt[1] * across + tilt[2] * (down * down + across * across - 2.0 / 3.0)
    response *= amplifier_gain.astype(np.float32)
    np.maximum(response, np.float32(0.05), out=response)

    dark = np.full((rows, cols), panel.photodiode.dark_electrons_per_s, dtype=np.float32)
    dark *= np.exp(np.float32(0.2) * standard_normal(rows, cols, rng))
    noise_factor = np.ones((rows, cols), dtype=np.float32)
    defects = np.zeros((rows, cols), dtype=np.uint8)

    pixels_per_defect = 1.0 + 3.0 * CLUSTERED_FRACTION
    count = round(uniformity.defective_fraction * rows * cols / pixels_per_defect)
    for place, kind, clustered in zip(
        rng.integers(0, rows * cols, count),
        rng.integers(0, 4, count),
        rng.random(count) < CLUSTERED_FRACTION,
        strict=True,
    ):
        row, col = divmod(int(place), cols)
        side = 2 if clustered else 1
        defects[row : row + side, col : col + side] = (DEAD, HOT, NOISY, UNDER)[kind]
    for _ in range(uniformity.defective_rows):
        row, start = int(rng.integers(0, rows)), int(rng.integers(0, cols // 2))
        defects[row, start:] = DEAD | LINE
    for _ in range(uniformity.defective_cols):
        col, stop = int(rng.integers(0, cols)), int(rng.integers(rows // 2, rows))
        defects[:stop, col] = DEAD | LINE
    response[(defects & DEAD) > 0] = 0.0
    response[(defects & UNDER) > 0] *= np.float32(UNDER_RESPONSE)
    dark[(defects & HOT) > 0] += np.float32(HOT_ELECTRONS_PER_S)
    noise_factor[(defects & NOISY) > 0] = np.float32(NOISY_FACTOR)
    for first, last in shielded_columns(panel):
        response[:, first:last] = 0.0
    nonlinearity = _draw_nonlinearity(panel, defects)
    lag_factor = _draw_lag_factor(panel, defects)
    return PanelMaps(
        offset_dn=offset_dn,
        response=response,
        dark_electrons_per_s=dark,
        noise_factor=noise_factor,
        defects=defects,
        nonlinearity=nonlinearity,
        lag_factor=lag_factor,
    )


def _draw_nonlinearity(panel: Panel, defects: npt.NDArray[np.uint8]) -> Array | None:
    """n of every pixel, its own and that of non-linear defects, which are entered in ``defects``; None without any."""
    uniformity = panel.uniformity
    rows, cols = defects.shape
    rng = np.random.default_rng([panel.map_seed, NON_LINEAR])
    if uniformity.nonlinearity == 0 and uniformity.nonlinearity_spread == 0 and uniformity.nonlinear_fraction == 0:
        return None
    departure = np.clip(standard_normal(rows, cols, rng), -NONLINEARITY_SPREADS, NONLINEARITY_SPREADS)
    nonlinearity = np.float32(uniformity.nonlinearity) + np.float32(uniformity.nonlinearity_spread) * departure
    nonlinearity[_draw_defects(defects, NON_LINEAR, uniformity.nonlinear_fraction, rng)] = DEFECT_NONLINEARITY
    return np.asarray(nonlinearity, dtype=np.float32)


def _draw_lag_factor(panel: Panel, defects: npt.NDArray[np.uint8]) -> Array | None:
    """Trapped fractions relative to the panel's; lagging defects are entered in ``defects``; None without any."""
    fraction = panel.uniformity.lagging_fraction
    trapped = sum(term.fraction for term in panel.lag)
    if fraction == 0 or trapped == 0:
        return None
    if panel.lag_exposure is not None:
        trapped *= max(panel.lag_exposure.factor)
    rng = np.random.default_rng([panel.map_seed, LAGGING])
    lag_factor = np.ones(defects.shape, dtype=np.float32)
    factor = max(min(LAGGING_FACTOR, LARGEST_TRAPPED / trapped), 1.0)
    lag_factor[_draw_defects(defects, LAGGING, fraction, rng)] = factor
    return lag_factor


def _draw_defects(
    defects: npt.NDArray[np.uint8], kind: int, fraction: float, rng: np.random.Generator
) -> npt.NDArray[np.bool_]:
    """Enter single defects of one kind where there is none yet, and say where they are."""
    places = rng.integers(0, defects.size, round(fraction * defects.size))
    chosen = np.zeros(defects.shape, dtype=np.bool_)
    chosen.flat[places] = True
    chosen &= defects == 0
    defects[chosen] = kind
    return chosen
