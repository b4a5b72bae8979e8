"""Least squares of a layer's numbers to the curves of a panel: optics by a smooth surface through Monte Carlo runs.

What the light meets moves the curves in a way that only the Monte Carlo knows; yield and spread of the yield act in
closed form. So a few runs over the optical parameters are laid under a polynomial (`response_surface`), first over all
that is allowed and then where the data fit, and everything is fitted together.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from math import comb
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from radiography.config import build
from radiography.light.layer_light import HISTORIES, PHOTONS
from radiography.light.scintillator import Scintillator
from radiography.study.response_surface import (
    ResponseSurface,
    filling_points,
    fit_surface,
    surface_at,
    surface_variance,
)
from radiography.study.twin_curves import Charge, LayerPoint, PanelInBeam, layer_point, model_curves, point_of_row
from radiography.study.twin_measured import MTF_FLOOR, MeasuredDose, MeasuredEdge, mean_in_bins

NOISE_OF_MODEL = 0.005  # relative; fitted to frames of 40 million pixels, which differ from closed forms by so much
MOST_SQUARE = 2.0  # mean square of the light of quanta that are alike: 1 + yield_spread^2, and a spread is 1 at most
RANGE = 4.0  # an optical parameter is looked for from a quarter of its start to four times that   # chosen
FEW_HISTORIES = 10_000  # X-rays per energy where the absorption itself varies; 3 % of the energy in the diodes
REACH = 4.0  # standard errors that a zoom looks at on each side
NARROWEST = 0.06  # of a coordinate's range: a narrower zoom sees only the scatter of the runs   # chosen
CORRELATED = 0.21  # cycles/pixel, and
MTF_WIDER = 1.15  # times the stated errors: both fitted to the scatter of the MTFs of 40 simulated edges
STEP = 1e-3  # of a coordinate, for slopes

FloatArray = npt.NDArray[np.float64]
Progress = Callable[[float], None]


@dataclass(frozen=True, eq=False)
class TwinData:
    """What a panel's frames show, and how a layer is modelled beside it.

    Attributes
    ----------
    edges, doses : tuple of MeasuredEdge, tuple of MeasuredDose
        Measured; one of the two may be missing.
    place : PanelInBeam
        Panel, beam and frequencies of the model.
    charge : Charge
        Conversions of the diodes.
    noise_kept : float
        As in `model_curves`.
    """

    edges: tuple[MeasuredEdge, ...]
    doses: tuple[MeasuredDose, ...]
    place: PanelInBeam
    charge: Charge
    noise_kept: float

    @property
    def kerma_uGy(self) -> FloatArray:
        """Of the doses, (D,). [uGy]"""
        return np.array([dose.air_kerma_uGy for dose in self.doses])


@dataclass(frozen=True, eq=False)
class TwinFit:
    """Numbers of a layer that fit.

    Attributes
    ----------
    factor, factor_error : (P,) float64
        Of each optical parameter, over its start, and its relative standard error. [1]
    more_light, more_light_error : float
        Light yield over that of the start, and relative standard error. [1]
    yield_square, yield_square_error : float
        1 + yield_spread^2. [1]
    correlation : (P + 2, P + 2) float64
        In this order. [1]
    point : LayerPoint
        The layer at the fit.
    chi_square : float
    degrees_of_freedom : int
    jacobian, residual : (N, P + 2), (N,) float64
        Whitened, at the fit. [1]
    white : callable
        Data (N,) less those of the fit to whitened residuals.
    relative : callable
        Small changes of the fitted coordinates (P + 2,) to relative changes of the numbers, the last of the spread's.
    settled : bool
        Whether the last runs held the fit inside their range.
    at_bound : bool
        Whether an optical parameter lies at the end of its range.
    runs : int
    """

    factor: FloatArray
    factor_error: FloatArray
    more_light: float
    more_light_error: float
    yield_square: float
    yield_square_error: float
    correlation: FloatArray
    point: LayerPoint
    chi_square: float
    degrees_of_freedom: int
    jacobian: FloatArray
    residual: FloatArray
    white: Callable[[FloatArray], FloatArray]
    relative: Callable[[FloatArray], FloatArray]
    settled: bool
    at_bound: bool
    runs: int


def scaled(scintillator: Scintillator, changes: Sequence[tuple[str, float]]) -> Scintillator:
    """The scintillator with numbers at dotted paths times factors; of pairs with depth or energy, every value.

    Parameters
    ----------
    scintillator : Scintillator
        Where to start from.
    changes : sequence of (str, float)
        Dotted path and factor.

    Returns
    -------
    changed : Scintillator

    Raises
    ------
    ValueError
        If a value is not allowed there.
    KeyError
        If a path leads nowhere.
    """
    table: dict[str, Any] = asdict(scintillator)
    for key, factor in changes:
        *tables, last = key.split(".")
        place = table
        for name in tables:
            place = place[name]
        old = place[last]
        place[last] = [[at, value * factor] for at, value in old] if isinstance(old, tuple) else old * factor
        if tables == ["spread"]:
            place["origin"] = "fitted"
        if key == "light.yield_per_keV":
            place["yield_range_per_keV"] = None  # the start's says nothing of another yield
    return build(Scintillator, table, ", ".join(f"{key} x {factor:g}" for key, factor in changes))


def factor_bounds(scintillator: Scintillator, key: str) -> tuple[float, float]:
    """Lowest and highest factor of a parameter that its description allows, within a quarter to four.

    Parameters
    ----------
    scintillator : Scintillator
        The start.
    key : str
        Dotted path.

    Returns
    -------
    low, high : float
        [1]
    """

    def allowed(factor: float) -> bool:
        try:
            scaled(scintillator, [(key, factor)])
        except ValueError:
            return False
        return True

    def furthest(end: float) -> float:
        inside, outside = 1.0, end
        if allowed(end):
            return end
        for _ in range(20):
            middle = float(np.sqrt(inside * outside))
            inside, outside = (middle, outside) if allowed(middle) else (inside, middle)
        return inside

    return furthest(1.0 / RANGE), furthest(RANGE)


def predicted(data: TwinData, point: LayerPoint, more_light: float, yield_square: float) -> FloatArray:
    """What the model gives where there are data, (N,): MTF of each edge, then logarithms of noise power and signal.

    Parameters
    ----------
    data : TwinData
        For its places.
    point : LayerPoint
        The layer.
    more_light, yield_square : float
        As in `model_curves`. [1]

    Returns
    -------
    values : (N,) float64
    """
    curves = model_curves(
        point,
        data.charge,
        data.place,
        data.kerma_uGy,
        more_light=more_light,
        yield_square=yield_square,
        noise_kept=data.noise_kept,
    )
    mtf = [curves.mtf[: edge.mtf.size] for edge in data.edges]
    return np.concatenate([*mtf, np.log(mean_in_bins(curves.nnps)).ravel(), np.log(curves.signal_dn)])


def measured_values(data: TwinData) -> tuple[FloatArray, FloatArray]:
    """The data in the order of `predicted`, (N,), and their covariance (N, N).

    Errors of one edge's MTF go together over a part of the frequencies, the model's own of the noise over all.
    """
    from scipy.linalg import block_diag

    values = [edge.mtf for edge in data.edges]
    values += [np.log(dose.nnps) for dose in data.doses]
    values.append(np.log(np.array([dose.signal_dn for dose in data.doses])))
    blocks, pitch_mm = [], data.place.panel.pixels.pitch_mm
    for edge in data.edges:
        apart = np.abs(edge.frequency_per_mm[:, None] - edge.frequency_per_mm)
        root = np.sqrt(3.0) * apart * pitch_mm / CORRELATED
        stated = MTF_WIDER**2 * np.maximum(edge.mtf_error**2 - MTF_FLOOR**2, 0.0)
        shared = np.sqrt(np.outer(stated, stated)) * (1.0 + root) * np.exp(-root)  # Matern, once differentiable
        blocks.append(shared + MTF_FLOOR**2 * np.eye(edge.mtf.size))
    if data.doses:
        noise = np.concatenate([(dose.nnps_error / dose.nnps) ** 2 for dose in data.doses])
        blocks.append(np.diag(noise) + NOISE_OF_MODEL**2)
        blocks.append(np.diag([(dose.signal_error / dose.signal_dn) ** 2 for dose in data.doses]))
    return np.concatenate(values), np.asarray(block_diag(*blocks))


@dataclass(frozen=True, eq=False)
class _Search:
    """What stays the same from run to run."""

    start: Scintillator
    keys: tuple[str, ...]
    bounds: FloatArray  # (P, 2) logarithms of factors
    data: TwinData
    values: FloatArray
    covariance: FloatArray
    spread_fixed: float | None

    def factors(self, at: FloatArray) -> FloatArray:
        return np.asarray(np.exp(self.bounds[:, 0] + at * (self.bounds[:, 1] - self.bounds[:, 0])))

    def run(self, at: FloatArray, photons: int) -> FloatArray:
        changed = scaled(self.start, list(zip(self.keys, self.factors(at).tolist(), strict=True)))
        varies = any(key.startswith(("thickness", "parts")) for key in self.keys)
        with tempfile.TemporaryDirectory() as folder:  # the runs of a search are of no use to anybody else
            histories = FEW_HISTORIES if varies else HISTORIES
            return layer_point(changed, self.data.place, histories, photons, Path(folder)).as_row()

    def point(self, row: FloatArray) -> LayerPoint:
        place = self.data.place
        return point_of_row(row, place.frequency_per_mm.size, place.noise_frequency_per_mm.size)

    def model(self, surface: ResponseSurface, theta: FloatArray) -> FloatArray:
        """Data for coordinates of optics, logarithm of the light and mean square of the yield, (P + 2,)."""
        row = surface_at(surface, theta[None, : len(self.keys)])[0]
        return predicted(self.data, self.point(row), float(np.exp(theta[-2])), self.square(theta))

    def square(self, theta: FloatArray) -> float:
        return float(theta[-1]) if self.spread_fixed is None else self.spread_fixed


def fit_twin(
    start: Scintillator,
    keys: Sequence[str],
    data: TwinData,
    photons: tuple[int, int],
    progress: Progress,
    *,
    spread_fixed: float | None = None,
) -> TwinFit:
    """The optical parameters, light yield and yield spread that fit a panel's curves.

    Parameters
    ----------
    start : Scintillator
        Everything else is taken from it.
    keys : sequence of str
        Dotted paths of the optical parameters.
    data : TwinData
        Measured.
    photons : (int, int)
        Light photons of a run, in the scan and at the end. [1]
    progress : callable
        Called with the fraction done.
    spread_fixed : float, optional
        A mean square of the yield that is not fitted. [1]

    Returns
    -------
    fit : TwinFit
    """
    count = len(keys)
    bounds = np.log([factor_bounds(start, key) for key in keys]).reshape(count, 2)
    values, covariance = measured_values(data)
    search = _Search(start, tuple(keys), bounds, data, values, covariance, spread_fixed)
    scan, zoom = 2 * comb(count + 3, 3) + 4, 2 * comb(count + 2, 2) + 2  # as in `surface_search`
    planned = scan * photons[0] + 2 * zoom * photons[1]
    tried: list[FloatArray] = []
    rows: list[FloatArray] = []
    weight: list[float] = []

    def add(points: FloatArray, cost: int) -> None:
        for point in points:
            tried.append(point)
            rows.append(search.run(point, cost))
            weight.append(cost / photons[1])
            progress(min(sum(weight) * photons[1] / planned, 1.0))

    low, high = np.zeros(count), np.ones(count)
    add(_denser_at_ends(scan, count), photons[0])
    surface = fit_surface(np.array(tried), np.array(rows), np.array(weight))
    theta, error, inside = _solved(search, surface, None), np.ones(count), False
    for _ in range(2):
        error = np.sqrt(np.diag(_covariance(search, surface, theta, photons[1])[0]))[:count]
        half = np.clip(REACH * error, NARROWEST, 0.5)
        low, high = np.clip(theta[:count] - half, 0.0, 1.0), np.clip(theta[:count] + half, 0.0, 1.0)
        add(low + (high - low) * _denser_at_ends(zoom, count), photons[1])
        points = np.array(tried)
        margin = 0.2 * (high - low)
        near = ((points >= low - margin) & (points <= high + margin)).all(axis=1)
        surface = fit_surface(points[near], np.array(rows)[near], np.array(weight)[near])
        theta = _solved(search, surface, theta)
        inside = bool(((theta[:count] >= low - 1e-9) & (theta[:count] <= high + 1e-9)).all())
    return _told(search, surface, theta, photons[1], inside, len(tried))


def _denser_at_ends(runs: int, coordinates: int) -> FloatArray:
    return np.asarray(0.5 - 0.5 * np.cos(np.pi * filling_points(runs, coordinates)))


def _solved(search: _Search, surface: ResponseSurface, begin: FloatArray | None) -> FloatArray:
    """Coordinates, logarithm of the light and mean square of the yield (P + 2,) that fit best."""
    from scipy.linalg import solve_triangular
    from scipy.optimize import least_squares

    count, root = len(search.keys), np.linalg.cholesky(search.covariance)

    def residual(theta: FloatArray) -> FloatArray:
        return np.asarray(solve_triangular(root, search.model(surface, theta) - search.values, lower=True))

    low, high = np.append(np.zeros(count), [-7.0, 1.0]), np.append(np.ones(count), [7.0, MOST_SQUARE])
    starts = [begin] if begin is not None else [np.append(np.full(count, at), [0.0, 1.05]) for at in (0.2, 0.5, 0.8)]
    found = [
        least_squares(residual, np.clip(each, low + 1e-9, high - 1e-9), bounds=(low, high), diff_step=1e-5, x_scale=0.1)
        for each in starts
    ]
    return np.asarray(min(found, key=lambda one: one.cost).x)


def _slopes(search: _Search, surface: ResponseSurface, theta: FloatArray) -> FloatArray:
    """Of the data with the coordinates, (N, P + 2)."""
    slopes = []
    for index in range(theta.size):
        ends = np.stack([theta, theta])
        ends[:, index] += [-STEP, STEP]
        below, above = (search.model(surface, each) for each in ends)
        slopes.append((above - below) / (2 * STEP))
    return np.stack(slopes, axis=1)


def _covariance(
    search: _Search, surface: ResponseSurface, theta: FloatArray, final: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Of the coordinates (P + 2, P + 2); the factor of that of data and model (N, N), and the whitened slopes."""
    from scipy.linalg import solve_triangular

    count = len(search.keys)
    at = theta[None, :count]
    row = surface_at(surface, at)[0]
    square, light = search.square(theta), float(np.exp(theta[-2]))
    by_row = []
    for index, step in enumerate(np.maximum(1e-4 * np.abs(row), 1e-8)):
        ends = np.stack([row, row])
        ends[:, index] += [-step, step]
        below, above = (predicted(search.data, search.point(each), light, square) for each in ends)
        by_row.append((above - below) / (2 * step))
    change = np.stack(by_row, axis=1)
    share = float(surface_variance(surface, at)[0]) + final / PHOTONS  # of the surface, and of the simulator's own run
    root = np.linalg.cholesky(search.covariance + share * change @ surface.scatter @ change.T)
    slopes = np.asarray(solve_triangular(root, _slopes(search, surface, theta), lower=True))
    normal = slopes.T @ slopes
    held = np.diag([1e-6] * count + [1e-9, 1e-9 if search.spread_fixed is None else 1.0])  # an even spread before
    return np.linalg.inv(normal + held), root, slopes


def _told(search: _Search, surface: ResponseSurface, theta: FloatArray, final: int, inside: bool, runs: int) -> TwinFit:
    """The fit with its errors, widened where chi-square exceeds the degrees of freedom."""
    from scipy.linalg import solve_triangular

    count = len(search.keys)
    covariance, root, slopes = _covariance(search, surface, theta, final)

    def white(data: FloatArray) -> FloatArray:
        return np.asarray(solve_triangular(root, data, lower=True))

    def relative(change: FloatArray) -> FloatArray:
        spread_square = max(search.square(theta) - 1.0, 1e-3)
        width = search.bounds[:, 1] - search.bounds[:, 0]
        return np.append(np.expm1(change[:count] * width), [np.expm1(change[-2]), change[-1] / (2.0 * spread_square)])

    rest = white(search.model(surface, theta) - search.values)
    freedom = rest.size - count
    if search.data.doses:
        freedom -= 2 if search.spread_fixed is None else 1
    chi_square = float(rest @ rest)
    widened = max(1.0, chi_square / freedom) if freedom > 0 else 1.0
    error = np.sqrt(np.diag(covariance) * widened)
    spread_error = float(error[-1]) if search.spread_fixed is None else 0.0
    return TwinFit(
        factor=search.factors(theta[:count]),
        factor_error=error[:count] * (search.bounds[:, 1] - search.bounds[:, 0]),
        more_light=float(np.exp(theta[-2])),
        more_light_error=float(error[-2]),
        yield_square=search.square(theta),
        yield_square_error=spread_error,
        correlation=covariance / np.sqrt(np.outer(np.diag(covariance), np.diag(covariance))),
        point=search.point(surface_at(surface, theta[None, :count])[0]),
        chi_square=chi_square,
        degrees_of_freedom=freedom,
        jacobian=slopes,
        residual=rest,
        white=white,
        relative=relative,
        settled=inside,
        at_bound=bool(((theta[:count] < 1e-6) | (theta[:count] > 1 - 1e-6)).any()),
        runs=runs,
    )
