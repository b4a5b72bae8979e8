"""Twin of a panel held against frames that it was not made from: variance, noise power, MTF and lag as ratios.

The twin's frames are simulated under the conditions of the unseen ones and measured by the same functions, so that
whatever the measurement does to one it does to the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from radiography.study.twin_measured import MeasuredDose, MeasuredEdge

TARGET = 0.05  # by how much a ratio may differ from 1
HIGHEST_PER_MM = 2.0  # of the MTF that is judged
LOWEST_MTF = 0.05  # below, a ratio of MTFs says nothing   # chosen
LAG_FRAMES = (1, 2, 3, 5, 10, 20, 50)  # dark frames after the beam that are judged
SHAKY = 0.025  # standard error of a ratio from which it is too uncertain for the target: half of that

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Judged:
    """One number of unseen frames beside that of the twin's.

    Attributes
    ----------
    name : str
        What it is, with dose or frequency.
    kind : str
        "signal", "variance", "nps", "mtf" or "lag".
    measured, simulated : float
        In ``unit``.
    ratio, error : float
        Simulated over measured, and its standard error. [1]
    unit : str
        "1" for none.
    """

    name: str
    kind: str
    measured: float
    simulated: float
    ratio: float
    error: float
    unit: str

    @property
    def within(self) -> bool:
        """Whether the ratio differs from 1 by no more than the target."""
        return abs(self.ratio - 1.0) <= TARGET

    @property
    def off(self) -> bool:
        """Whether it differs by more, beyond two of its errors."""
        return abs(self.ratio - 1.0) > TARGET + 2.0 * self.error

    @property
    def certain(self) -> bool:
        """Whether the frames are good enough to tell."""
        return self.error <= SHAKY


def judge_dose(measured: MeasuredDose, simulated: MeasuredDose) -> tuple[Judged, ...]:
    """Signal, variance and noise power of one dose.

    Parameters
    ----------
    measured, simulated : MeasuredDose
        Of the panel and of its twin.

    Returns
    -------
    judged : tuple of Judged

    Raises
    ------
    ValueError
        If the frequencies differ.
    """
    _same("noise power", measured.frequency_per_mm, simulated.frequency_per_mm)
    at = f"at {measured.air_kerma_uGy:.3g} uGy"
    found = [
        _judged(
            f"signal {at}",
            "signal",
            (measured.signal_dn, measured.signal_error),
            (simulated.signal_dn, simulated.signal_error),
            "DN",
        ),
        judge_variance(measured, simulated),
    ]
    for number, frequency in enumerate(measured.frequency_per_mm):
        pair = [(float(one.nnps[number]), float(one.nnps_error[number])) for one in (measured, simulated)]
        found.append(_judged(f"noise power {at}, {frequency:.2f} /mm", "nps", pair[0], pair[1], "mm2"))
    return tuple(found)


def judge_variance(measured: MeasuredDose, simulated: MeasuredDose, kind_of_frames: str = "") -> Judged:
    """Variance of a pixel at one dose.

    Parameters
    ----------
    measured, simulated : MeasuredDose
        Of the panel and of its twin.
    kind_of_frames : str
        What the frames are if not corrected, for the name.

    Returns
    -------
    judged : Judged
    """
    return _judged(
        f"variance at {measured.air_kerma_uGy:.3g} uGy" + (f", {kind_of_frames}" if kind_of_frames else ""),
        "variance",
        (measured.variance_dn2, measured.variance_error),
        (simulated.variance_dn2, simulated.variance_error),
        "DN2",
    )


def judge_edge(measured: MeasuredEdge, simulated: MeasuredEdge) -> tuple[Judged, ...]:
    """MTF of one edge, to 2 /mm or 80 % of the Nyquist frequency, whichever is lower.

    Parameters
    ----------
    measured, simulated : MeasuredEdge
        Of the panel and of its twin.

    Returns
    -------
    judged : tuple of Judged

    Raises
    ------
    ValueError
        If the frequencies differ.
    """
    count = min(measured.mtf.size, simulated.mtf.size)
    _same("MTF", measured.frequency_per_mm[:count], simulated.frequency_per_mm[:count])
    found = []
    for number, frequency in enumerate(measured.frequency_per_mm[:count]):
        if frequency > HIGHEST_PER_MM or measured.mtf[number] < LOWEST_MTF:
            continue
        pair = [(float(one.mtf[number]), float(one.mtf_error[number])) for one in (measured, simulated)]
        found.append(
            _judged(f"MTF of a {measured.orientation} edge, {frequency:.2f} /mm", "mtf", pair[0], pair[1], "1")
        )
    return tuple(found)


def judge_lag(
    measured_dn: npt.ArrayLike, simulated_dn: npt.ArrayLike, beam_on: Sequence[bool], noise_dn: tuple[float, float]
) -> tuple[Judged, ...]:
    """Lag in dark frames after the beam, over the signal of the last exposed frame.

    Parameters
    ----------
    measured_dn, simulated_dn : (N,) array_like
        Mean signal of each frame, without offset. [DN]
    beam_on : sequence of bool
        One for each frame; the dark frames judged are those after the last exposed one.
    noise_dn : (float, float)
        Standard errors of a measured and of a simulated mean. [DN]

    Returns
    -------
    judged : tuple of Judged

    Raises
    ------
    ValueError
        If the numbers of frames differ, there is no exposed frame or none after it, or it has no signal.
    """
    seen, made = (np.asarray(each, dtype=np.float64) for each in (measured_dn, simulated_dn))
    if not seen.shape == made.shape == (len(beam_on),):
        raise ValueError(f"lag has {seen.size} measured and {made.size} simulated frames, but beam_on {len(beam_on)}")
    lit = np.flatnonzero(beam_on)
    if lit.size == 0 or lit[-1] == len(beam_on) - 1:
        raise ValueError("lag needs an exposed frame and a dark one after it")
    last = int(lit[-1])
    for name, signal in (("measured", seen[last]), ("simulated", made[last])):
        if not signal > 0:
            raise ValueError(f"the last exposed frame of the {name} lag has no signal: {signal:g} DN")
    found = []
    for number in LAG_FRAMES:
        if last + number >= len(beam_on):
            break
        fraction = [float(each[last + number] / each[last]) for each in (seen, made)]
        if fraction[0] > 0:
            errors = [noise / float(each[last]) for noise, each in zip(noise_dn, (seen, made), strict=True)]
            pair = (fraction[0], errors[0]), (fraction[1], errors[1])
            found.append(_judged(f"lag in dark frame {number}", "lag", pair[0], pair[1], "1"))
    return tuple(found)


def judged_text(judged: Sequence[Judged]) -> str:
    """The judgement as lines of text.

    Parameters
    ----------
    judged : sequence of Judged

    Returns
    -------
    text : str
        Without a line break at its end.
    """
    if not judged:
        return ""
    width = max(len(one.name) for one in judged)
    lines, aim = [], f"{100 * TARGET:g} %"
    for one in judged:
        verdict = (
            f"OFF by more than {aim}"
            if one.off
            else f"within {aim}"
            if one.within
            else f"within {aim} but for its error"
        )
        doubt = "" if one.certain else ", too uncertain to tell"
        lines.append(f"{one.name:<{width}}  {one.ratio:.3f} +- {one.error:.3f}  {verdict}{doubt}")
    return "\n".join(lines)


def judged_table(judged: Sequence[Judged]) -> list[dict[str, object]]:
    """The judgement for a JSON record.

    Parameters
    ----------
    judged : sequence of Judged

    Returns
    -------
    table : list of dict
        One for each, with the names of `Judged`, ``within``, ``off`` and ``certain``.
    """
    return [
        {
            "name": one.name,
            "kind": one.kind,
            "measured": one.measured,
            "simulated": one.simulated,
            "ratio": one.ratio,
            "error": one.error,
            "unit": one.unit,
            "within": one.within,
            "off": one.off,
            "certain": one.certain,
        }
        for one in judged
    ]


def _judged(name: str, kind: str, measured: tuple[float, float], simulated: tuple[float, float], unit: str) -> Judged:
    """The ratio of two numbers, each with its error."""
    ratio = simulated[0] / measured[0]
    error = abs(ratio) * float(
        np.hypot(measured[1] / measured[0], simulated[1] / simulated[0] if simulated[0] else 0.0)
    )
    return Judged(name, kind, measured[0], simulated[0], ratio, error, unit)


def _same(name: str, one: FloatArray, other: FloatArray) -> None:
    if one.shape != other.shape or not np.allclose(one, other, rtol=1e-6):
        raise ValueError(f"the {name} of panel and twin must be known at the same frequencies, so of one pitch")
