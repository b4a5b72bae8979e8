"""Photomultiplier behind a scintillator: flashes, counts with dead time, and the smallest dose rate told from none.

References
----------
.. [1] Dead time: Knoll, "Radiation Detection and Measurement", section 4.VII.
.. [2] Limit of three standard deviations of the blank: IUPAC, Spectrochim. Acta B 33, 241 (1978).
.. [3] Currie, Anal. Chem. 40, 586 (1968), doi:10.1021/ac60259a007.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from radiography.beam.spectrum import Spectrum
from radiography.light.free_film import trace_free_film
from radiography.light.scintillator import Scintillator

FloatArray = npt.NDArray[np.float64]


def counted_per_s(true_per_s: npt.ArrayLike, dead_time_ns: float) -> FloatArray:
    """Counts of a counter that is blind for a fixed time after each [1]_.

    Parameters
    ----------
    true_per_s : array_like
        Pulses. [1/s]
    dead_time_ns : float
        Not extended by what falls into it. [ns]

    Returns
    -------
    counted : float64
        n / (1 + n tau). [1/s]
    """
    true = np.asarray(true_per_s, dtype=np.float64)
    return np.asarray(true / (1.0 + 1e-9 * dead_time_ns * true))


def limit_of_blank(slope: float, blank_deviation: float) -> float:
    """Smallest value told from a blank: 3 standard deviations of the blank over the slope [2]_.

    Parameters
    ----------
    slope : float
        Signal for one unit.
    blank_deviation : float
        Standard deviation of the blank, in the signal's unit.

    Returns
    -------
    limit : float
        In the unit that the slope is for.
    """
    return 3.0 * blank_deviation / slope


def limit_of_counting(slope_per_s: float, background_per_s: float, time_s: float) -> float:
    """Smallest rate told from a background that is counted as long: (2.71 + 3.29 sqrt(2 B)) / (slope t) [3]_.

    Parameters
    ----------
    slope_per_s : float
        Counts for one unit of the rate. [1/s]
    background_per_s : float
        [1/s]
    time_s : float
        Of counting, and of counting the blank. [s]

    Returns
    -------
    limit : float
        5 % of blanks are taken for signals and 5 % of signals of this size for blanks. In the unit of the rate.

    Notes
    -----
    Currie's paired observations: L_D = 2.71 + 4.65 sqrt(B).
    """
    return float((2.71 + 3.29 * np.sqrt(2.0 * background_per_s * time_s)) / (slope_per_s * time_s))


def weighted_line(x: npt.ArrayLike, y: npt.ArrayLike, error: npt.ArrayLike) -> tuple[float, float, float, float]:
    """Line through values with errors, by weighted least squares.

    Parameters
    ----------
    x, y, error : (N,) float64
        Values and the standard errors of y.

    Returns
    -------
    slope, intercept, slope_error, chi_square : float
        The last per degree of freedom. [1]
    """
    at, value, weight = np.asarray(x, np.float64), np.asarray(y, np.float64), np.asarray(error, np.float64) ** -2.0
    mean_x, mean_y = (float(np.average(each, weights=weight)) for each in (at, value))
    spread = float(weight @ (at - mean_x) ** 2)
    slope = float(weight @ ((at - mean_x) * (value - mean_y))) / spread
    intercept = mean_y - slope * mean_x
    left = float(weight @ (value - intercept - slope * at) ** 2) / max(at.size - 2, 1)
    return slope, intercept, spread**-0.5, left


@dataclass(frozen=True, eq=False)
class Flashes:
    """Flashes of light that X-rays make, by X-ray energy.

    Attributes
    ----------
    per_uGy, photoelectrons : (E,) float64
        Flashes for each uGy [1/uGy], and mean photoelectrons of each [1].
    """

    per_uGy: FloatArray
    photoelectrons: FloatArray

    @property
    def slope(self) -> float:
        """Photoelectrons for each uGy. [1/uGy]"""
        return float(self.per_uGy @ self.photoelectrons)

    @property
    def mean(self) -> float:
        """Photoelectrons of a flash. [1]"""
        return self.slope / float(self.per_uGy.sum())

    @property
    def seen_per_uGy(self) -> float:
        """Flashes that free one photoelectron at least. [1/uGy]"""
        return float(self.per_uGy @ -np.expm1(-self.photoelectrons))

    def limit_ngy(self, deviations: float = 3.0, brighter: float = 1.0) -> float:
        """Dose that stands out by some standard deviations of its own counting, with nothing else in the way.

        A flash of n photoelectrons on the mean adds n + n^2 to the variance: photoelectrons come in flashes.

        Parameters
        ----------
        deviations : float
            [1]
        brighter : float
            Photoelectrons of every flash, over those given. [1]

        Returns
        -------
        dose : float
            [nGy]
        """
        each = brighter * self.photoelectrons
        variance = float(self.per_uGy @ (each + each**2))
        return 1e3 * deviations**2 * variance / float(self.per_uGy @ each) ** 2


def flashes_of_film(
    film: Scintillator,
    thickness_um: float,
    spectrum: Spectrum,
    *,
    area_mm2: float,
    quantum_efficiency: float,
    support_index: float,
    histories: int = 20_000,
    photons: int = 200_000,
    cache_folder: Path | None = None,
) -> Flashes:
    """Flashes that a photomultiplier sees of a film on a clear support, out of its far face.

    Parameters
    ----------
    film : Scintillator
        A film that scatters; its cover and sensor are left out.
    thickness_um : float
        [um]
    spectrum : Spectrum
        Beam of 1 uGy; below 1 keV X-rays are not followed, and air takes them.
    area_mm2 : float
        Of the film, all of which the photomultiplier sees. [mm2]
    quantum_efficiency : float
        Of its photocathode. [1]
    support_index : float
        Refractive index of the support. [1]
    histories, photons : int
        X-rays per energy, and light photons, of the Monte Carlo. [1]
    cache_folder : Path, optional
        Of computed results; by default the user's.

    Returns
    -------
    flashes : Flashes

    Raises
    ------
    ValueError
        As `trace_free_film`.
    """
    used = spectrum.energy_keV >= 1.0
    response, faces = trace_free_film(
        film,
        thickness_um,
        spectrum.energy_keV[used],
        far_index=support_index,
        histories=histories,
        photons=photons,
        cache_folder=cache_folder,
    )
    return Flashes(
        area_mm2 * spectrum.fluence_per_mm2[used] * response.interaction_fraction,
        quantum_efficiency
        * film.light.yield_per_keV
        * response.mean_energy_keV
        * (response.depth_fraction @ faces.far),
    )
