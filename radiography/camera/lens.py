"""Light from a film through its plate into a lens: the share that arrives, and the halo of what the plate sends back.

References
----------
.. [1] Fresnel's formulas, and the invariance of radiance over the squared index: Born & Wolf, "Principles of optics",
       sections 1.5 and 4.8.
.. [2] Halo of a photographic plate: light beyond the critical angle returns to the film from the plate's far side.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from radiography.camera.camera import Lens

ANGLES = 20_000  # of the sum over directions: errs below 1e-4

FloatArray = npt.NDArray[np.float64]


def lens_share(lens: Lens, off_axis_mm: npt.ArrayLike = 0.0) -> FloatArray:
    """Share of the light that a film emits by Lambert's law into air and that passes a lens.

    Parameters
    ----------
    lens : Lens
        A thin lens, focused on the film.
    off_axis_mm : (...) float64
        Distance of the place on the film from the axis. [mm]

    Returns
    -------
    share : (...) float64
        [1]

    Notes
    -----
    Exact view factor of the entrance pupil from a small flat emitter parallel to it [1]_. On the axis it is T sin(a)^2
    with tan(a) = M / (2 N (1 + M)), which for small angles is the usual T (M / (2 N (1 + M)))^2, and off the axis it
    falls as the fourth power of the cosine.

    References
    ----------
    .. [1] Siegel, Howell, "Thermal radiation heat transfer", appendix C: planar element to a circular disk.
    """
    away = np.asarray(off_axis_mm, dtype=np.float64) ** 2
    pupil = lens.pupil_radius_mm**2
    across = away + lens.object_distance_mm**2 + pupil
    seen = 0.5 * (1.0 - (across - 2.0 * pupil) / np.sqrt(across**2 - 4.0 * pupil * away))
    return np.asarray(lens.transmission * seen)


def share_map(lens: Lens, rows: int, cols: int, pitch_mm: float) -> FloatArray:
    """`lens_share` of each pixel of a picture whose middle is on the axis.

    Parameters
    ----------
    lens : Lens
    rows, cols : int
        [1]
    pitch_mm : float
        Of the pixels on the film. [mm]

    Returns
    -------
    share : (rows, cols) float64
        [1]
    """
    y, x = (pitch_mm * (np.arange(count) - 0.5 * (count - 1)) for count in (rows, cols))
    return lens_share(lens, np.hypot(y[:, None], x[None]))


def reflected(sine_square: npt.ArrayLike, index: float) -> FloatArray:
    """Fresnel's reflectance for unpolarised light that meets air from within a plate.

    Parameters
    ----------
    sine_square : (N,) float64
        Squared sine of the angle to the normal within the plate. [1]
    index : float
        Of the plate. [1]

    Returns
    -------
    reflectance : (N,) float64
        1 beyond the critical angle. [1]
    """
    sine_square = np.asarray(sine_square, dtype=np.float64)
    inside = np.sqrt(1.0 - sine_square)
    out = np.sqrt(np.maximum(1.0 - index**2 * sine_square, 0.0))
    upright = ((index * inside - out) / (index * inside + out)) ** 2
    in_plane = ((inside - index * out) / (inside + index * out)) ** 2
    return np.where(index**2 * sine_square < 1.0, 0.5 * (upright + in_plane), 1.0)


def plate_share(index: float) -> float:
    """Share of the plate's radiance that a lens in front of it sees: (1 - R) / n^2 at normal incidence.

    What a film sends into a plate of the index n by Lambert's law fills all directions there; those that leave into
    air and fill all directions in it are 1 / n^2 of them.
    """
    return float((1.0 - reflected(0.0, index)) / index**2)


def plate_halo(
    index: float, thickness_mm: float, film_reflectance: float
) -> tuple[Callable[[FloatArray], FloatArray], float]:
    """Halo by light that the plate's far side sends back to the film, which scatters it into the plate again.

    Parameters
    ----------
    index : float
        Of the plate, in contact with the film. [1]
    thickness_mm : float
        Of the plate. [mm]
    film_reflectance : float
        Share of what returns that the film sends into the plate again, by Lambert's law and where it came in. [1]

    Returns
    -------
    transfer_at : callable
        Frequencies (F,) [1/mm] to modulation transfer (F,), 1 at zero. [1]
    gain : float
        Light of an even film over that without anything that returns. [1]

    Raises
    ------
    ValueError
        If the reflectance is not from 0 to below 1, or the plate is not thick.

    Notes
    -----
    Light at an angle t returns at a distance 2 d tan(t); its transform is A(f) = integral of R J0(2 pi f 2 d tan(t))
    over Lambert's sin(t)^2, and of all rounds together 1 / (1 - r A(f)) with the film's reflectance r.
    """
    from scipy.special import j0

    if not 0.0 <= film_reflectance < 1.0:
        raise ValueError(f"film_reflectance must be from 0 to below 1, got {film_reflectance}")
    if not (np.isfinite(thickness_mm) and thickness_mm > 0):
        raise ValueError(f"thickness_mm of a plate must be a positive length, got {thickness_mm}")
    sine_square = (np.arange(ANGLES) + 0.5) / ANGLES
    back = reflected(sine_square, index)
    distance_mm = 2.0 * thickness_mm * np.sqrt(sine_square / (1.0 - sine_square))
    even = float(back.mean())
    gain = 1.0 / (1.0 - film_reflectance * even)

    table_per_mm = np.concatenate([[0.0], np.geomspace(1e-3, 30.0, 400) / thickness_mm])
    returned = np.array([np.mean(back * j0(2.0 * np.pi * f * distance_mm)) for f in table_per_mm])

    def transfer_at(frequency_per_mm: FloatArray) -> FloatArray:
        at = np.interp(np.abs(frequency_per_mm), table_per_mm, returned, right=0.0)
        return np.asarray(1.0 / (1.0 - film_reflectance * at) / gain)

    return transfer_at, gain
