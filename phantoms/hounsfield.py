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
# agree with 1.018 + 0.893e-3 H, 1.003 + 1.169e-3 H and 1.017 + 0.592e-3 H within 0.001. The last is the highest.
DENSITY_HU = (-1000.0, -98.0, -97.0, 14.0, 23.0, 100.0, 101.0, 1600.0, 3000.0)
DENSITY_G_PER_CM3 = (0.00121, 0.93, 0.930486, 1.03, 1.031, 1.1199, 1.0762, 1.9642, 2.8)

# Where the matter is one basis material alone: air; lung, whose composition is nearly that of soft tissue; fat at the
# corner of the density; soft tissue; bone. # assumed: the three anchors inside; between them shares are linear in HU.
BASIS = ("air", "soft_tissue", "adipose_tissue", "cortical_bone")
ANCHORS = ((-1000.0, 0), (-950.0, 1), (-200.0, 1), (-98.0, 2), (20.0, 1), (1524.0, 3))  # 1524 HU: 1.92 g/cm3

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
    places = [place for place, _ in ANCHORS]
    shares = np.zeros((len(hu), len(BASIS)))
    for column in range(len(BASIS)):
        shares[:, column] = np.interp(hu, places, [float(owner == column) for _, owner in ANCHORS])
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
    if not np.isfinite(hu).all():
        raise ValueError(f"Hounsfield units must be finite, got {np.count_nonzero(~np.isfinite(hu))} that are not")
    return np.asarray(np.rint(np.clip(hu, LOWEST_HU, HIGHEST_HU)) - LOWEST_HU).astype(np.uint16)
