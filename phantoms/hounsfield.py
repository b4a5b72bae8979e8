"""Hounsfield units to densities of few basis materials, which are mixed between neighbours.

Density follows the pieces of [1]_. The composition does not follow its 24 bins: between two anchors the mass is shared
by two basis materials, so that path sums stay few.

References
----------
.. [1] Schneider, Bortfeld and Schlegel, "Correlation between CT numbers and tissue parameters needed for Monte Carlo
   simulations of clinical dose distributions", Phys Med Biol 45, 459-478 (2000). doi:10.1088/0031-9155/45/2/314
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

# Corners of [1]_ as GATE ships them in Schneider2000DensitiesTable.txt, read in a program that quotes that file; they
# agree within 0.001 with the pieces that TOPAS's documentation prints of [1]_: 1.018 + 0.893e-3 H from -98 to 14,
# 1.03 to 22, 1.003 + 1.169e-3 H to 100, 1.017 + 0.592e-3 H from 101 to 2000 HU. The last is the highest.
DENSITY_HU = (-1000.0, -98.0, -97.0, 14.0, 23.0, 100.0, 101.0, 1600.0, 3000.0)
DENSITY_G_PER_CM3 = (0.00121, 0.93, 0.930486, 1.03, 1.031, 1.1199, 1.0762, 1.9642, 2.8)

# Shares of the mass at anchors, straight lines between them. Air, lung (whose composition is nearly that of soft
# tissue), fat at the corner of the density, soft tissue, and bone where its density is that of cortical bone. # assumed
# Shares of bone between 100 and 1150 HU are fitted to the 24 compositions of [1]_ (read in a TOPAS file of them), whose
# calcium rises faster than their density. With them mass attenuation is within 4 % of that of every composition at 40
# keV, 1.5 % at 60 keV and 1.2 % at 80 keV.
BASIS = ("air", "soft_tissue", "adipose_tissue", "cortical_bone")
SHARES = {
    -1000.0: (1.0, 0.0, 0.0, 0.0),
    -950.0: (0.0, 1.0, 0.0, 0.0),
    -200.0: (0.0, 1.0, 0.0, 0.0),
    -98.0: (0.0, 0.0, 1.0, 0.0),
    20.0: (0.0, 1.0, 0.0, 0.0),
    100.0: (0.0, 1.0, 0.0, 0.0),
    160.0: (0.0, 0.833, 0.0, 0.167),
    250.0: (0.0, 0.75, 0.0, 0.25),
    450.0: (0.0, 0.58, 0.0, 0.42),
    850.0: (0.0, 0.31, 0.0, 0.69),
    1150.0: (0.0, 0.16, 0.0, 0.84),
    1524.0: (0.0, 0.0, 0.0, 1.0),
}

LOWEST_HU, HIGHEST_HU = -1024, 3071  # of 12 bits; padding below and metal above are clipped


def density_from_hu(hu: npt.ArrayLike) -> FloatArray:
    """Mass density behind Hounsfield units.

    Parameters
    ----------
    hu : array_like
        Below -1000 it is air; above 3000 it stays at 2.8 g/cm3. [HU]

    Returns
    -------
    density : float64
        [g/cm3]
    """
    return np.asarray(np.interp(np.asarray(hu, np.float64), DENSITY_HU, DENSITY_G_PER_CM3))


def schneider_table() -> FloatArray:
    """Partial densities of the basis materials for each whole number of Hounsfield units.

    Returns
    -------
    partial : (4096, 4) float64
        Row 0 belongs to -1024 HU; columns are those of `BASIS`. [g/cm3]
    """
    hu = np.arange(LOWEST_HU, HIGHEST_HU + 1, dtype=np.float64)
    shares = np.stack([np.interp(hu, list(SHARES), column) for column in zip(*SHARES.values(), strict=True)], axis=1)
    return np.asarray(shares * density_from_hu(hu)[:, None])


def codes_from_hu(hu: npt.NDArray[np.integer] | npt.NDArray[np.floating]) -> npt.NDArray[np.uint16]:
    """Rows of `schneider_table` for Hounsfield units; padding below -1024 is air.

    Parameters
    ----------
    hu : (Z, Y, X)
        Rounded to whole numbers. [HU]

    Returns
    -------
    codes : (Z, Y, X) uint16

    Raises
    ------
    ValueError
        If a value is not finite.
    """
    codes = np.empty(hu.shape, np.uint16)
    wrong = 0
    for plane, stored in zip(codes, hu, strict=True):  # plane by plane: what is rounded is wider than what is stored
        wrong += int(np.count_nonzero(~np.isfinite(stored)))
        within = np.clip(np.nan_to_num(stored), LOWEST_HU, HIGHEST_HU)
        plane[...] = np.rint(within.astype(np.float32)) - LOWEST_HU
    if wrong:
        raise ValueError(f"Hounsfield units must be finite, got {wrong} that are not")
    return codes
