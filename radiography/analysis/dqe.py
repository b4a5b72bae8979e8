"""Detective quantum efficiency and noise equivalent quanta, after IEC 62220-1-1:2015, with their standard errors.

Signal transfer of edges over noise of flats, relative to the quanta that came in: NEQ = MTF^2 / NNPS and
DQE = NEQ / (q K), where q is the fluence of the beam per air kerma and K the kerma of the flats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from radiography.analysis.mtf import MtfCurve
from radiography.analysis.nps import Curve, NpsResult

FloatArray = npt.NDArray[np.float64]
# Quanta per mm2 and uGy, squared signal-to-noise ratio of the incoming beam: IEC 62220-1-1:2015 and, other values,
# IEC 62220-1:2003. Of RQA9 sources of the 2015 text differ (31007, 31077); 31007 is the likelier.
IEC_FLUENCE_PER_MM2_UGY = {
    "2015": {"RQA3": 20673.0, "RQA5": 29653.0, "RQA7": 32490.0, "RQA9": 31007.0},
    "2003": {"RQA3": 21759.0, "RQA5": 30174.0, "RQA7": 32362.0, "RQA9": 31077.0},
}
EDITIONS = {"2015": "IEC 62220-1-1:2015", "2003": "IEC 62220-1:2003"}
AXES = ("horizontal", "vertical")
# DQE(0) is extrapolated from here to there [cycles/pixel]; 0.15 is 1.08 per mm of 0.139 mm pixels.   # chosen
EXTRAPOLATED_FROM = (0.014, 0.15)
INDEPENDENT = 0.02  # cycles/pixel between values that share no frequency: the width of the noise curves' bands
DISAGREE = 3.0  # standard errors between edges of one direction that are said
_DEFINITION = (
    "DQE = MTF^2 / (NNPS q K) on linear data, per direction: MTF across the edges of that direction, NNPS along the "
    "axis across them, q quanta per mm2 and uGy, K air kerma of the flats; NEQ = MTF^2 / NNPS. DQE(0): the even "
    "polynomial of 4th order in frequency through DQE by the radial NNPS, from {low:.2f} to {high:.2f} per mm, at "
    "frequency zero. Errors: of MTF and NNPS, independent; q and K count as exact."
)


@dataclass(frozen=True)
class Fluence:
    """Quanta of a beam per area and air kerma.

    ``name`` of the beam, or None. ``per_mm2_uGy`` [1/(mm2 uGy)]. ``source``: where the value comes from. ``edition`` of
    the standard whose table it is in, None where it is in none.
    """

    name: str | None
    per_mm2_uGy: float
    source: str
    edition: str | None


@dataclass(frozen=True, eq=False)
class DqeResult:
    """Detective quantum efficiency and what it was made of.

    Attributes
    ----------
    definition : str
        In words.
    fluence : Fluence
    kerma_uGy : float
        Air kerma of the flats. [uGy]
    curves, mtf, nnps, neq_per_mm2 : dict of str to Curve
        By direction, "horizontal" and "vertical", of those that an edge was given for. [1, 1, mm2, 1/mm2]
    dqe_zero, dqe_zero_error : float
        Extrapolated to frequency zero. [1]
    warnings : tuple of str
        What to doubt, a sentence each.
    """

    definition: str
    fluence: Fluence
    kerma_uGy: float
    curves: dict[str, Curve]
    mtf: dict[str, Curve]
    nnps: dict[str, Curve]
    neq_per_mm2: dict[str, Curve]
    dqe_zero: float
    dqe_zero_error: float
    warnings: tuple[str, ...]


def iec_fluence(beam: str, edition: str = "2015") -> Fluence:
    """Tabulated quanta per area and air kerma of a standard beam.

    Parameters
    ----------
    beam : str
        RQA3, RQA5, RQA7 or RQA9.
    edition : str
        "2015" or "2003".

    Returns
    -------
    fluence : Fluence

    Raises
    ------
    ValueError
        If the table has no such beam.
    """
    table = IEC_FLUENCE_PER_MM2_UGY.get(edition)
    if table is None:
        raise ValueError(f"edition must be one of {', '.join(IEC_FLUENCE_PER_MM2_UGY)}, got '{edition}'")
    if beam not in table:
        raise ValueError(f"{EDITIONS[edition]} tabulates {', '.join(table)}, got '{beam}'")
    return Fluence(beam, table[beam], f"table of {EDITIONS[edition]}", EDITIONS[edition])


def detective_quantum_efficiency(
    mtf: Sequence[MtfCurve], noise: NpsResult, air_kerma_uGy: float, fluence: Fluence
) -> DqeResult:
    """Detective quantum efficiency in the directions for which an edge is given.

    Parameters
    ----------
    mtf : sequence of MtfCurve
        Of edges; those of one orientation are averaged. A vertical edge measures along the rows (horizontal).
    noise : NpsResult
        Of flats taken at the air kerma.
    air_kerma_uGy : float
        [uGy]
    fluence : Fluence
        Of the beam.

    Returns
    -------
    result : DqeResult
        At the frequencies of the noise spectrum, as far as the MTF goes.

    Raises
    ------
    ValueError
        If there is no edge, pitches differ, or kerma or fluence are not positive.
    """
    if not mtf:
        raise ValueError("a DQE needs the MTF of at least one edge, got none")
    for curve in mtf:
        if abs(curve.pitch_mm - noise.pitch_mm) > 1e-4 * noise.pitch_mm:
            raise ValueError(f"the edge has a pixel pitch of {curve.pitch_mm:g} mm, the flats {noise.pitch_mm:g} mm")
    for what, value in (("air_kerma_uGy", air_kerma_uGy), ("fluence per mm2 and uGy", fluence.per_mm2_uGy)):
        if not (np.isfinite(value) and value > 0):
            raise ValueError(f"{what} must be positive, got {value:g}")
    quanta = air_kerma_uGy * fluence.per_mm2_uGy
    found: dict[str, dict[str, Curve]] = {"curves": {}, "mtf": {}, "nnps": {}, "neq": {}}
    warnings: list[str] = []
    for axis, orientation in zip(AXES, ("vertical", "horizontal"), strict=True):
        edges = [curve for curve in mtf if curve.orientation == orientation]
        if not edges:
            continue
        own = getattr(noise.curves, axis)
        transfer, doubt = _mean_transfer(edges, own.frequency_per_mm, axis)
        warnings += doubt
        reach = transfer.frequency_per_mm.size
        power = Curve(own.frequency_per_mm[:reach], own.value[:reach], own.standard_error[:reach])
        neq = _ratio(transfer, power)
        found["mtf"][axis], found["nnps"][axis], found["neq"][axis] = transfer, power, neq
        found["curves"][axis] = Curve(neq.frequency_per_mm, neq.value / quanta, neq.standard_error / quanta)
    low, high = (each / noise.pitch_mm for each in EXTRAPOLATED_FROM)
    zero, error = _at_zero(list(found["mtf"].values()), noise, quanta)
    if zero > 1 + 3 * error:
        warnings.append(
            f"DQE(0) is {zero:.3f}, more than 1: kerma, fluence or the linearity of the flats must be wrong"
        )
    warnings += [f"edge: {each}" for each in dict.fromkeys(w for curve in mtf for w in curve.warnings)]
    warnings += [f"flats: {each}" for each in noise.warnings]
    return DqeResult(
        definition=_DEFINITION.format(low=low, high=high),
        fluence=fluence,
        kerma_uGy=float(air_kerma_uGy),
        curves=found["curves"],
        mtf=found["mtf"],
        nnps=found["nnps"],
        neq_per_mm2=found["neq"],
        dqe_zero=zero,
        dqe_zero_error=error,
        warnings=tuple(warnings),
    )


def _mean_transfer(edges: Sequence[MtfCurve], frequency: FloatArray, axis: str) -> tuple[Curve, list[str]]:
    """Mean MTF of the edges at those of the frequencies that all reach, and a sentence where they disagree."""
    from scipy.interpolate import PchipInterpolator

    last = min(float(curve.frequency_per_mm[-1]) for curve in edges)
    inside = frequency[frequency <= last * (1 + 1e-9)]
    values = np.array([PchipInterpolator(c.frequency_per_mm, c.value, extrapolate=True)(inside) for c in edges])
    errors = np.array([np.interp(inside, c.frequency_per_mm, c.standard_error) for c in edges])
    error = np.sqrt((errors**2).sum(axis=0)) / len(edges)
    doubt = []
    if len(edges) > 1:
        apart = np.ptp(values, axis=0) / np.sqrt(2 * (errors**2).mean(axis=0) + 1e-12)
        if np.median(apart) > DISAGREE:
            doubt.append(
                f"edges of the {axis} direction disagree: their MTF differ by up to {np.ptp(values, axis=0).max():.3f}"
            )
            error = np.hypot(error, values.std(axis=0, ddof=1) / np.sqrt(len(edges)))
    return Curve(inside, values.mean(axis=0), error), doubt


def _ratio(transfer: Curve, power: Curve) -> Curve:
    """Noise equivalent quanta, with the errors of both. [1/mm2]"""
    value = transfer.value**2 / power.value
    from_transfer = 2 * transfer.value * transfer.standard_error / power.value
    return Curve(transfer.frequency_per_mm, value, np.hypot(from_transfer, value * power.standard_error / power.value))


def _at_zero(transfers: Sequence[Curve], noise: NpsResult, quanta: float) -> tuple[float, float]:
    """DQE at frequency zero and its standard error.

    The noise of values that share no frequency is independent; that of the MTF, which is smooth, is the same for all.
    """
    radial = noise.curves.radial
    reach = min(each.frequency_per_mm.size for each in transfers)
    frequency = radial.frequency_per_mm[:reach]
    transfer = np.mean([each.value[:reach] for each in transfers], axis=0)
    transfer_error = np.sqrt(np.mean([each.standard_error[:reach] ** 2 for each in transfers], axis=0) / len(transfers))
    per_pixel = frequency * noise.pitch_mm
    used = (per_pixel >= EXTRAPOLATED_FROM[0]) & (per_pixel <= EXTRAPOLATED_FROM[1])
    if np.count_nonzero(used) < 4:
        return float("nan"), float("nan")
    x = (per_pixel[used] / EXTRAPOLATED_FROM[1]) ** 2
    value = transfer[used] ** 2 / radial.value[:reach][used] / quanta
    noise_error = value * (radial.standard_error / radial.value)[:reach][used]
    design = np.stack([np.ones_like(x), x, x * x], axis=1)
    weights = np.linalg.pinv(design / noise_error[:, None])[0] / noise_error  # of each value in that at zero
    step = float(np.median(np.diff(per_pixel)))
    shared = max(1.0, INDEPENDENT / step)  # neighbouring values share their frequencies
    variance = float((weights**2 * noise_error**2).sum()) * shared
    both = float(np.abs(weights * value) @ (2 * transfer_error[used] / transfer[used]))
    return float(weights @ value), float(np.hypot(np.sqrt(variance), both))
