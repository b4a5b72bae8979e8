"""Figure of the detective quantum efficiency, with the transfer and noise that it was made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from radiography.analysis.dqe import DqeResult
from radiography.analysis.nps import Curve
from radiography.figures import BAND

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = {"horizontal": "C0", "vertical": "C1"}


def dqe_figure(result: DqeResult) -> Figure:
    """DQE in both directions with 95 % bands; beside it MTF and NNPS.

    Parameters
    ----------
    result : DqeResult
        From `detective_quantum_efficiency`.

    Returns
    -------
    figure : matplotlib.figure.Figure
        Left the DQE with its extrapolated value at frequency zero, right above the MTF, below the NNPS.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 4.8), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(2, 2, width_ratios=(1.6, 1.0))
    main, mtf, nnps = figure.add_subplot(grid[:, 0]), figure.add_subplot(grid[0, 1]), figure.add_subplot(grid[1, 1])
    for axis in result.curves:
        _banded(main, result.curves[axis], axis)
        _banded(mtf, result.mtf[axis], axis)
        _banded(nnps, result.nnps[axis], axis)
    last = max(float(curve.frequency_per_mm[-1]) for curve in result.curves.values())
    top = max(float(np.max(curve.value + BAND * curve.standard_error)) for curve in result.curves.values())
    if np.isfinite(result.dqe_zero):
        main.errorbar(
            0.0, result.dqe_zero, BAND * result.dqe_zero_error, color="k", marker="o", markersize=4, capsize=3,
            label=f"DQE(0) {result.dqe_zero:.3f} ± {result.dqe_zero_error:.3f}", clip_on=False, zorder=3,
        )  # fmt: skip
        top = max(top, result.dqe_zero)
    name = f"{result.fluence.name}, " if result.fluence.name else ""
    main.set(
        xlabel="spatial frequency (1/mm)", ylabel="DQE", xlim=(0, last), ylim=(0, min(1.1 * top, 1.3)),
        title=f"{name}{result.kerma_uGy:g} µGy, {result.fluence.per_mm2_uGy:.5g} quanta per mm² and µGy",
    )  # fmt: skip
    main.title.set_fontsize(10)
    main.legend(fontsize=8, title="bands: 95 %", title_fontsize=8)
    mtf.set(ylabel="MTF", xlim=(0, last), ylim=(0, 1.05))
    mtf.tick_params(labelbottom=False)
    nnps.set_yscale("log")
    nnps.set(xlabel="spatial frequency (1/mm)", ylabel="NNPS (mm²)", xlim=(0, last))
    for axes in (main, mtf, nnps):
        axes.grid(alpha=0.3, which="both")
    return figure


def _banded(axes: Any, curve: Curve, axis: str) -> None:
    """A curve of one direction with its band."""
    half = BAND * curve.standard_error
    low = np.maximum(curve.value - half, 1e-3 * np.abs(curve.value))
    axes.fill_between(curve.frequency_per_mm, low, curve.value + half, color=COLOURS[axis], alpha=0.25, linewidth=0)
    axes.plot(curve.frequency_per_mm, curve.value, color=COLOURS[axis], linewidth=1.3, label=axis)
