"""Mixed halide perovskites CsPbX3: gap by composition, and the line that nanocrystals of it emit.

References
----------
.. [1] Vegard's rule with bowing for alloys: Van Vechten and Bergstresser, Phys. Rev. B 1, 3351 (1970),
   doi:10.1103/PhysRevB.1.3351.
.. [2] Ends of the series, 410 to 700 nm, and widths of 12 to 40 nm: Chen et al., Nature 561, 88 (2018).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from radiography.light.transport import EV_NM, FWHM_PER_SIGMA

END_NM = {"Cl": 410.0, "Br": 530.0, "I": 700.0}  # emission of CsPbX3 with one halide [2]
NARROWEST_NM, WIDEST_NM = 12.0, 40.0  # FWHM at the two ends [2]; between them along a straight line   # assumed
LARGEST_BOW_EV = 0.2  # assumed: reports for mixed halides lie between 0 and this

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Line:
    """An emission line, Gaussian in wavelength: its peak and full width at half maximum. [nm]"""

    peak_nm: float
    fwhm_nm: float


def mixed_gap_eV(light: str, heavy: str, heavy_fraction: npt.ArrayLike, bow_eV: float = 0.0) -> FloatArray:
    """Photon energy of the line of CsPb(X1-x Yx)3 between two halides.

    Parameters
    ----------
    light, heavy : str
        Two halides: "Cl" and "Br", or "Br" and "I"; chlorine and iodine do not mix.
    heavy_fraction : array_like
        Part x of the second, 0 to 1. [1]
    bow_eV : float
        Bowing. [eV]

    Returns
    -------
    energy_eV : float64
        x E2 + (1 - x) E1 - bow x (1 - x) [1]_. [eV]

    Raises
    ------
    ValueError
        If the halides do not mix, or a fraction is not between 0 and 1.
    """
    if (light, heavy) not in (("Cl", "Br"), ("Br", "I")):
        raise ValueError(f"halides that mix are Cl with Br and Br with I, got {light} with {heavy}")
    part = np.asarray(heavy_fraction, dtype=np.float64)
    if not np.all((part >= 0) & (part <= 1)):
        raise ValueError(f"the heavier halide's fraction must be 0 to 1, got {part.min():g} to {part.max():g}")
    first, last = EV_NM / END_NM[light], EV_NM / END_NM[heavy]
    return np.asarray(part * last + (1.0 - part) * first - bow_eV * part * (1.0 - part))


def halide_line(chlorine: float, bromine: float, iodine: float, bow_eV: float = 0.0) -> Line:
    """Line of CsPbX3 nanocrystals with so many halide atoms in a formula.

    Parameters
    ----------
    chlorine, bromine, iodine : float
        Atoms of a formula, together 3; not chlorine and iodine both. [1]
    bow_eV : float
        Bowing of the gap. [eV]

    Returns
    -------
    line : Line
        The width grows with the peak's wavelength from 12 nm at 410 to 40 nm at 700.

    Raises
    ------
    ValueError
        If the atoms are not 3, or chlorine and iodine are mixed.
    """
    if min(chlorine, bromine, iodine) < 0 or abs(chlorine + bromine + iodine - 3.0) > 1e-9:
        raise ValueError(f"CsPbX3 has 3 halide atoms, got {chlorine:g} Cl, {bromine:g} Br, {iodine:g} I")
    if chlorine > 0 and iodine > 0:
        raise ValueError(f"chlorine and iodine do not mix in CsPbX3, got {chlorine:g} Cl with {iodine:g} I")
    pair = ("Cl", "Br", bromine / 3.0) if iodine == 0 else ("Br", "I", iodine / 3.0)
    peak = float(EV_NM / mixed_gap_eV(*pair, bow_eV))
    along = (peak - END_NM["Cl"]) / (END_NM["I"] - END_NM["Cl"])
    return Line(peak, NARROWEST_NM + along * (WIDEST_NM - NARROWEST_NM))


def line_spectrum(line: Line, wavelength_nm: npt.ArrayLike) -> FloatArray:
    """Photons per nm of a line.

    Parameters
    ----------
    line : Line
    wavelength_nm : array_like
        [nm]

    Returns
    -------
    light : float64
        1 at the peak. [1]
    """
    away = (np.asarray(wavelength_nm, dtype=np.float64) - line.peak_nm) / (line.fwhm_nm / FWHM_PER_SIGMA)
    return np.asarray(np.exp(-0.5 * away**2))
