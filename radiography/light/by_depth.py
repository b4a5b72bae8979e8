"""Light of a whole layer, from the light of each depth and the fraction of the X-ray energy that is left there.

One X-ray quantum leaves its energy at one depth. So signals of depths add, and transfer and light of the signal are
means over depth; the noise of many quanta adds as the square of what one quantum gives, and is a mean of squares.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from radiography.light.transport import LightTransport

SMALLEST = 1e-300  # in place of a zero divisor where nothing is detected: 0 over it is 0
UNITY = 1e-6  # fractions sum to 1 within this

FloatArray = npt.NDArray[np.float64]


def collected_fraction(transport: LightTransport, depth_fraction: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Fraction of the light that reaches the diodes, and its standard error.

    Parameters
    ----------
    transport : LightTransport
        Light of K depths.
    depth_fraction : (..., K) float64
        Fraction of the X-ray energy left at each depth, the first where the X-rays enter. It sums to 1 over the depths,
        or is 0 at all of them where no energy is left. [1]

    Returns
    -------
    collected, error : (...) float64
        [1]

    Raises
    ------
    ValueError
        If the fractions are not as described.

    Notes
    -----
    sum w g over depths with energy fraction w and collection g.
    """
    weight = _weight(transport, depth_fraction)
    return weight @ transport.collected, np.sqrt(weight**2 @ transport.collected_error**2)


def collected_square(transport: LightTransport, depth_fraction: npt.ArrayLike) -> FloatArray:
    """Mean square of the fraction of a quantum's light that reaches the diodes.

    The squared `collected_fraction` over this is the optical Swank factor [1]_: 1 where all depths are alike.

    Parameters
    ----------
    transport, depth_fraction
        As for `collected_fraction`.

    Returns
    -------
    square : (...) float64
        [1]

    Raises
    ------
    ValueError
        As for `collected_fraction`.

    Notes
    -----
    sum w g^2.

    References
    ----------
    .. [1] Swank, "Absorption and noise in x-ray phosphors", J. Appl. Phys. 44, 4199 (1973).
    """
    return np.asarray(_weight(transport, depth_fraction) @ transport.collected**2)


def optical_transfer(transport: LightTransport, depth_fraction: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Modulation transfer of the layer's light, and its standard error.

    Parameters
    ----------
    transport, depth_fraction
        As for `collected_fraction`.

    Returns
    -------
    transfer, error : (..., F) float64
        At the frequencies of the light; 0 where no energy is left. [1]

    Raises
    ------
    ValueError
        If the fractions are wrong, or none of the light is detected.

    Notes
    -----
    T(f) = sum w g T / sum w g over depths with energy fraction w, collection g and transfer T.
    """
    weight = _weight(transport, depth_fraction)
    total = _detected(weight @ transport.collected)
    light = weight * transport.collected
    mean = light @ transport.transfer / total
    own = light**2 @ transport.transfer_error**2
    departure = transport.transfer - mean[..., None, :]
    shift = ((weight * transport.collected_error) ** 2)[..., None, :] @ departure**2
    return mean, np.sqrt(own + shift[..., 0, :]) / total


def noise_transfer(transport: LightTransport, depth_fraction: npt.ArrayLike) -> FloatArray:
    """Noise power of the layer's light over that at zero frequency; it falls no more than the squared transfer.

    The squared `optical_transfer` over this is the factor of the DQE by the spread of depths (Lubberts effect [1]_).

    Parameters
    ----------
    transport, depth_fraction
        As for `collected_fraction`.

    Returns
    -------
    transfer : (..., F) float64
        At the frequencies of the light; 0 where no energy is left. [1]

    Raises
    ------
    ValueError
        If the fractions are wrong, or none of the light is detected.

    Notes
    -----
    sum w g^2 T^2 / sum w g^2 over depths with energy fraction w, collection g and transfer T.

    References
    ----------
    .. [1] Lubberts, "Random noise produced by x-ray fluorescent screens", J. Opt. Soc. Am. 58, 1475 (1968).
    """
    weight = _weight(transport, depth_fraction)
    total = _detected(weight @ transport.collected**2)
    return np.asarray((weight * transport.collected**2) @ transport.transfer**2 / total)


def emerging_lines(transport: LightTransport, depth_fraction: npt.ArrayLike) -> FloatArray:
    """Fraction of the detected photons at each of the wavelengths that the layer emits.

    Parameters
    ----------
    transport : LightTransport
        Light of K depths.
    depth_fraction : (K,) float64
        Fraction of the X-ray energy left at each depth; sums to 1. [1]

    Returns
    -------
    fraction : (L,) float64
        Sums to 1. [1]

    Raises
    ------
    ValueError
        If the fractions are wrong, or none of the light is detected.
    """
    light = (_weight(transport, depth_fraction) * transport.collected) @ transport.spectrum
    return np.asarray(light / _detected(light.sum())[0])


def emerging_spectrum(
    transport: LightTransport, depth_fraction: npt.ArrayLike, wavelength_edge_nm: npt.ArrayLike
) -> FloatArray:
    """Fraction of the detected photons in bins of wavelength.

    Parameters
    ----------
    transport, depth_fraction
        As for `emerging_lines`.
    wavelength_edge_nm : (W + 1,) float64
        Rising edges of the bins; what lies outside is left out. [nm]

    Returns
    -------
    fraction : (W,) float64
        [1]

    Raises
    ------
    ValueError
        As for `emerging_lines`, or if the edges do not rise.
    """
    edges = np.array(wavelength_edge_nm, dtype=np.float64, ndmin=1)
    if edges.ndim != 1 or edges.size < 2 or not (np.diff(edges) > 0).all():
        raise ValueError(f"wavelength_edge_nm must be 2 or more rising wavelengths, got shape {edges.shape}")
    lines = transport.wavelength_nm
    # a line stands for the interval to the middle of its neighbours, so that bins of any width are filled evenly
    between = np.concatenate([[1.5 * lines[0] - 0.5 * lines[1]], (lines[1:] + lines[:-1]) / 2])
    ends = np.append(between, 1.5 * lines[-1] - 0.5 * lines[-2])
    below = np.append(0.0, np.cumsum(emerging_lines(transport, depth_fraction)))
    return np.diff(np.interp(edges, ends, below))


def light_ends(transport: LightTransport, depth_fraction: npt.ArrayLike) -> dict[str, float]:
    """Fractions of the light that end in the diodes, in the layer, at the cover and far away.

    Parameters
    ----------
    transport, depth_fraction
        As for `emerging_lines`.

    Returns
    -------
    ends : dict of str to float
        "diodes", "layer", "cover" and "strayed"; they sum to 1. [1]

    Raises
    ------
    ValueError
        If the fractions are wrong.
    """
    weight = _weight(transport, depth_fraction) / transport.started
    counts = {
        "diodes": transport.detected,
        "layer": transport.absorbed,
        "cover": transport.lost_at_cover,
        "strayed": transport.strayed,
    }
    return {end: float(weight @ count) for end, count in counts.items()}


def _weight(transport: LightTransport, depth_fraction: npt.ArrayLike) -> FloatArray:
    """The fractions, checked."""
    fraction = np.array(depth_fraction, dtype=np.float64, ndmin=1)
    if fraction.shape[-1:] != transport.depth_um.shape:
        raise ValueError(
            f"depth_fraction is {fraction.shape} but the light is known at {transport.depth_um.shape} depths"
        )
    total = fraction.sum(axis=-1)
    if not (np.isfinite(fraction).all() and (fraction >= 0).all() and (total > 0).any()):
        raise ValueError("depth_fraction must be finite, 0 or more, and above 0 at some depth")
    wrong = total[(np.abs(total - 1.0) > UNITY) & (total > 0)]
    if wrong.size:
        raise ValueError(f"depth_fraction must sum to 1 over the depths, got {wrong[0]:g}")
    return fraction


def _detected(light: npt.ArrayLike) -> FloatArray:
    """Detected light (..., 1) as a divisor, refused where all of it is 0."""
    light = np.asarray(light, dtype=np.float64)
    if not (light > 0).any():
        raise ValueError("none of the light from the depths of depth_fraction was detected")
    return np.asarray(np.maximum(light, SMALLEST)[..., None])
