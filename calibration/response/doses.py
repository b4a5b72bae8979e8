"""Flats sorted into doses, and the growth of the panel's level with exposure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.polynomial.polynomial import polyval
from numpy.typing import NDArray

# Flats belong to two doses where their sorted levels, or exposures, leave a gap wider than this. Generators repeat an
# exposure to 1 to 5 %, and steps of a dose series are factors of 1.2 and more.   # assumed
DOSE_GAP = 0.08
WORST_LINEARISATION = 0.05  # exposures that miss a smooth response by more than this are wrong   # assumed
_CLEARLY_BETTER = 0.8  # a further power must lower the error of prediction to this part   # chosen


@dataclass(frozen=True)
class Dose:
    """Flats that belong together.

    Attributes
    ----------
    frames : tuple of int
        Their numbers, from 0, in the order given.
    level_dn : float
        Mean of their levels. [DN]
    kerma_uGy : float or None
        Mean of their exposures, air kerma or mAs; None where it is not known. [uGy or mAs]
    """

    frames: tuple[int, ...]
    level_dn: float
    kerma_uGy: float | None


def group_doses(levels_dn: Sequence[float], kerma_uGy: Sequence[float | None] | None = None) -> tuple[Dose, ...]:
    """Flats sorted into doses, the lowest first.

    By exposure where that of every flat is known, else by measured level: sorted values, and a value more than 8 %
    above the one before starts a new dose.

    Parameters
    ----------
    levels_dn : sequence of float
        Level of each flat, from `flat_level`. [DN]
    kerma_uGy : sequence of float or None, optional
        Air kerma or mAs of each flat; one None, and the levels decide. [uGy or mAs]

    Returns
    -------
    doses : tuple of Dose

    Raises
    ------
    ValueError
        If a level or exposure is not positive, or their numbers differ.
    """
    known = [value for value in kerma_uGy or () if value is not None]
    if kerma_uGy is not None and len(kerma_uGy) != len(levels_dn):
        raise ValueError(f"{len(levels_dn)} flats need as many exposures, got {len(kerma_uGy)}")
    for name, values in (("level", levels_dn), ("exposure", known)):
        for value in values:
            if not 0 < value < float("inf"):
                raise ValueError(f"the {name} of a flat must be positive and finite, got {value}")
    by_kerma = bool(known) and len(known) == len(levels_dn)
    values = known if by_kerma else levels_dn
    groups: list[list[int]] = []
    for k in sorted(range(len(values)), key=lambda k: values[k]):
        if not groups or values[k] > (1.0 + DOSE_GAP) * values[groups[-1][-1]]:
            groups.append([])
        groups[-1].append(k)
    doses = [
        Dose(
            tuple(sorted(group)),
            float(np.mean([levels_dn[k] for k in group])),
            float(np.mean([known[k] for k in group])) if by_kerma else None,
        )
        for group in groups
    ]
    return tuple(sorted(doses, key=lambda dose: dose.level_dn))


@dataclass(frozen=True)
class Linearisation:
    """Global response of the panel against exposure.

    Attributes
    ----------
    coefficients : tuple of float
        target = L + coefficients[0] L^2 + coefficients[1] L^3 for the panel's level L. [1/DN, 1/DN2]
    dn_per_kerma : float
        Response at small signal: the target over the exposure. [DN/uGy, or DN/mAs]
    residual : float
        Relative departure of the exposures from it, rms. [1]
    levels_dn : tuple of float
        Levels that it was learned from. [DN]
    """

    coefficients: tuple[float, ...]
    dn_per_kerma: float
    residual: float
    levels_dn: tuple[float, ...]

    def target(self, level_dn: float) -> float:
        """What the panel would deliver at this level if it were linear. [DN]"""
        return float(polyval(level_dn, (0.0, 1.0, *self.coefficients)))

    def slope(self, level_dn: float) -> float:
        """Change of the target with the level. [1]"""
        return float(polyval(level_dn, (1.0, *((k + 2) * c for k, c in enumerate(self.coefficients)))))


def linearise_levels(levels_dn: Sequence[float], kerma_uGy: Sequence[float], largest_order: int = 3) -> Linearisation:
    """The panel's level as a polynomial of exposure without a constant, inverted: order 1 to 3.

    The order is the lowest after which leaving each dose out in turn is not predicted clearly better. Corrected
    values keep the DN of a small signal; relative errors of all exposures are taken as equal.

    Parameters
    ----------
    levels_dn : sequence of float
        Level of each dose. [DN]
    kerma_uGy : sequence of float
        Its air kerma, or mAs. [uGy or mAs]
    largest_order : int
        That of the fit of the pixels: a pixel cannot follow a target of higher order.

    Returns
    -------
    linearisation : Linearisation

    Raises
    ------
    ValueError
        If the numbers differ, are not positive, do not rise together, or miss a smooth response by over 5 %.
    """
    if len(levels_dn) != len(kerma_uGy) or not len(levels_dn):
        raise ValueError(f"{len(levels_dn)} levels need as many exposures, at least one; got {len(kerma_uGy)}")
    places = np.argsort(levels_dn)
    level, kerma = np.asarray(levels_dn, float)[places], np.asarray(kerma_uGy, float)[places]
    if not (np.isfinite([level, kerma]).all() and level[0] > 0 and kerma.min() > 0):
        raise ValueError("levels and exposures must be positive and finite")
    falls = np.nonzero(np.diff(kerma) <= 0)[0]
    if falls.size:
        k = int(falls[0])
        raise ValueError(
            f"the flats of {kerma[k + 1]:g} uGy have {level[k + 1]:.0f} DN, but those of {kerma[k]:g} uGy have "
            f"{level[k]:.0f} DN: the exposures do not belong to these flats"
        )
    unit = level[-1]
    design = np.stack([(level / unit) ** (k + 1) for k in range(3)], axis=1) / kerma[:, None]
    order = 1
    errors = [_left_out_error(design[:, :1])] if len(level) > 1 else [0.0]
    for power in range(2, min(largest_order, len(level) - 1, 3) + 1):
        errors.append(_left_out_error(design[:, :power]))
        if errors[-1] < _CLEARLY_BETTER * errors[order - 1] and errors[order - 1] > 1e-6:
            order = power
    fitted = np.linalg.lstsq(design[:, :order], np.ones(len(level)), rcond=None)[0]
    residual = float(np.sqrt(np.mean((design[:, :order] @ fitted - 1.0) ** 2)))
    if residual > WORST_LINEARISATION:
        raise ValueError(
            f"the exposures miss any smooth response of the panel by {100 * residual:.1f} %, limit "
            f"{100 * WORST_LINEARISATION:g} %: they do not belong to these flats"
        )
    first = float(fitted[0])
    coefficients = tuple(float(fitted[k]) / first / unit**k for k in range(1, order))
    found = Linearisation(coefficients, unit / first, residual, tuple(level.tolist()))
    if first <= 0 or min(found.slope(value) for value in np.linspace(0.0, unit, 65)) <= 0:
        raise ValueError("the exposures give a response that does not rise: they do not belong to these flats")
    return found


def _left_out_error(design: NDArray[np.float64]) -> float:
    """Relative error, rms, of predicting each dose from the others: residual over (1 - leverage)."""
    hat = design @ np.linalg.pinv(design)
    return float(np.sqrt(np.mean(((1.0 - hat.sum(axis=1)) / np.maximum(1.0 - np.diag(hat), 1e-9)) ** 2)))
