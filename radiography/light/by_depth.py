"""Light of a whole layer, from the light of each depth and the fraction of the X-ray energy that is left there.

One X-ray quantum leaves its energy at one depth, so signals of depths add, while noise adds as the square of what one
quantum gives: light collected and transfer of the signal are means over depth, the noise power is the mean of squares.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from radiography.light.transport import LightTransport

FloatArray = npt.NDArray[np.float64]


def collected_fraction(transport: LightTransport, depth_fraction: npt.ArrayLike) -> tuple[float, float]:
    """Fraction of the light that reaches the diodes, and its standard error. [1]

    Parameters
    ----------
    transport : LightTransport
        Light of K depths.
    depth_fraction : (K,) float64
        Energy left at each depth, in any unit; 0 is the side where the X-rays enter.

    Raises
    ------
    ValueError
        If the fractions are not K numbers of 0 or more, some above 0.
    """
    weight = _weight(transport, depth_fraction)
    error = np.sqrt((weight**2) @ transport.collected_error**2)
    return float(weight @ transport.collected), float(error)


def optical_transfer(transport: LightTransport, depth_fraction: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Modulation transfer of the layer's light, (F,), and its standard error, (F,). [1]

    Parameters
    ----------
    transport, depth_fraction
        As for `collected_fraction`.

    Raises
    ------
    ValueError
        If the fractions are wrong, or none of the light from these depths is detected.

    Notes
    -----
    T(f) = sum w g T / sum w g over depths with energy fraction w, collection g and transfer T.
    """
    weight, light = _weight(transport, depth_fraction), _light(transport, depth_fraction)
    mean = light @ transport.transfer / light.sum()
    own = (light**2) @ transport.transfer_error**2
    shift = ((weight * transport.collected_error) ** 2) @ (transport.transfer - mean) ** 2
    return mean, np.sqrt(own + shift) / light.sum()


def noise_transfer(transport: LightTransport, depth_fraction: npt.ArrayLike) -> FloatArray:
    """Noise power of the layer's light over that at f = 0, (F,); it falls less than the squared transfer. [1]

    Parameters
    ----------
    transport, depth_fraction
        As for `collected_fraction`.

    Raises
    ------
    ValueError
        If the fractions are wrong, or none of the light from these depths is detected.

    Notes
    -----
    sum w g^2 T^2 / sum w g^2 [1]_.

    References
    ----------
    .. [1] Lubberts, "Random noise produced by x-ray fluorescent screens", J. Opt. Soc. Am. 58, 1475 (1968).
    """
    power = _light(transport, depth_fraction) * transport.collected
    return np.asarray(power @ transport.transfer**2 / power.sum(), dtype=np.float64)


def lubberts_fraction(transport: LightTransport, depth_fraction: npt.ArrayLike) -> FloatArray:
    """Squared transfer over noise transfer, (F,): the factor of the DQE by the spread of depths, 1 at f = 0. [1]

    Parameters
    ----------
    transport, depth_fraction
        As for `collected_fraction`.

    Raises
    ------
    ValueError
        If the fractions are wrong, or none of the light from these depths is detected.
    """
    noise = noise_transfer(transport, depth_fraction)
    squared = optical_transfer(transport, depth_fraction)[0] ** 2
    return np.divide(squared, noise, out=np.zeros_like(noise), where=noise > 0)


def optical_swank(transport: LightTransport, depth_fraction: npt.ArrayLike) -> float:
    """Statistical factor of the spread in light collected from different depths: (sum w g)^2 / sum w g^2. [1]

    Parameters
    ----------
    transport, depth_fraction
        As for `collected_fraction`.

    Raises
    ------
    ValueError
        If the fractions are wrong, or none of the light from these depths is detected.

    References
    ----------
    .. [1] Swank, "Absorption and noise in x-ray phosphors", J. Appl. Phys. 44, 4199 (1973).
    """
    light = _light(transport, depth_fraction)
    return float(light.sum() ** 2 / (light @ transport.collected))


def emerging_spectrum(
    transport: LightTransport, depth_fraction: npt.ArrayLike, wavelength_edge_nm: npt.ArrayLike
) -> FloatArray:
    """Fraction of the detected photons in each of W bins of wavelength, (W,). [1]

    Parameters
    ----------
    transport, depth_fraction
        As for `collected_fraction`.
    wavelength_edge_nm : (W + 1,) float64
        Rising edges of the bins; what lies outside is left out. [nm]

    Raises
    ------
    ValueError
        If the fractions are wrong, none of the light from these depths is detected, or the edges do not rise.
    """
    edges = np.array(wavelength_edge_nm, dtype=np.float64, ndmin=1)
    if edges.ndim != 1 or edges.size < 2 or not (np.diff(edges) > 0).all():
        raise ValueError(f"wavelength_edge_nm must be 2 or more rising wavelengths, got shape {edges.shape}")
    light = _light(transport, depth_fraction)
    lines = transport.wavelength_nm
    # a line stands for the interval to the middle of its neighbours, so that bins of any width are filled evenly
    between = np.concatenate([[1.5 * lines[0] - 0.5 * lines[1]], (lines[1:] + lines[:-1]) / 2])
    ends = np.append(between, 1.5 * lines[-1] - 0.5 * lines[-2])
    below = np.append(0.0, np.cumsum(light @ transport.spectrum / light.sum()))
    return np.diff(np.interp(edges, ends, below))


def _weight(transport: LightTransport, depth_fraction: npt.ArrayLike) -> FloatArray:
    """Energy fractions that sum to 1."""
    fraction = np.array(depth_fraction, dtype=np.float64, ndmin=1)
    if fraction.shape != transport.depth_um.shape:
        raise ValueError(
            f"depth_fraction is {fraction.shape} but the light is known at {transport.depth_um.shape} depths"
        )
    if not (np.isfinite(fraction).all() and (fraction >= 0).all() and fraction.sum() > 0):
        raise ValueError("depth_fraction must be finite, 0 or more, and above 0 at some depth")
    return np.asarray(fraction / fraction.sum(), dtype=np.float64)


def _light(transport: LightTransport, depth_fraction: npt.ArrayLike) -> FloatArray:
    """Light detected from each depth per photon emitted in the whole layer."""
    light = _weight(transport, depth_fraction) * transport.collected
    if not light.sum() > 0:
        raise ValueError("none of the light from the depths of depth_fraction was detected")
    return light
