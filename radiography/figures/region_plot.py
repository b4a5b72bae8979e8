"""Figure of images with the relevant region of their exposure index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from radiography.analysis.exposure_index import ExposureIndex
from radiography.analysis.relevant_region import COLLIMATED, DIRECT, METAL, UNUSABLE_PIXEL

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = {  # of what is left out, light and dark alternate
    COLLIMATED: ("collimated", (0.13, 0.20, 0.45)),
    DIRECT: ("direct exposure", (1.0, 0.62, 0.0)),
    METAL: ("metal", (0.91, 0.07, 0.18)),
    UNUSABLE_PIXEL: ("unusable", (0.0, 0.65, 0.32)),
}
TINT = 0.55  # of the colour over what is left out
WINDOW = (1.0, 99.0)  # per cent of the region, black to white
LONGEST = 1200  # pixels of a picture's longer side in the figure   # chosen: what a screen shows


def region_figure(shown: Sequence[tuple[str, npt.NDArray[Any], ExposureIndex]]) -> Figure:
    """Each image in grey where it is relevant, tinted where it is not.

    Parameters
    ----------
    shown : sequence of (str, (H, W) float, ExposureIndex)
        Title, image [DN] and what was found in it.

    Returns
    -------
    figure : matplotlib.figure.Figure
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    across = min(len(shown), 3)
    down = -(-len(shown) // across)
    figure = Figure(figsize=(6.4 * across, 6.2 * down), layout="constrained")
    FigureCanvasAgg(figure)
    for number, (title, picture, found) in enumerate(shown):
        axes = figure.add_subplot(down, across, number + 1)
        kinds, (rows, cols) = found.region.kinds, picture.shape
        step = max(1, -(-max(rows, cols) // LONGEST))
        extent = (-0.5, cols - 0.5, rows - 0.5, -0.5)
        axes.imshow(_tinted(picture[::step, ::step], kinds[::step, ::step]), extent=extent, interpolation="antialiased")
        axes.set(xlabel="column", ylabel="row")
        words = f"EI {found.exposure_index:.4g}, {found.kerma_uGy:.4g} uGy"
        if found.deviation_index is not None:
            words += f", DI {found.deviation_index:+.1f} of target {found.target:.4g}"
        axes.set_title(f"{title}\n{words}", fontsize=10, loc="left")
        shares = found.region.shares
        patches = [Patch(facecolor="0.75", edgecolor="0.3", label=f"relevant: {100 * shares['relevant']:.3g} %")]
        patches += [
            Patch(facecolor=colour, edgecolor="0.3", label=f"{name}: {100 * shares[name]:.2g} %")
            for name, colour in COLOURS.values()
            if shares[name]
        ]
        axes.legend(handles=patches, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=3, frameon=False)
    return figure


def _tinted(picture: npt.NDArray[Any], kinds: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Grey in the logarithm, windowed on the region, with colours over the rest."""
    finite = np.isfinite(picture)
    seen = picture[finite & (picture > 0)]
    least = max(float(np.percentile(seen, 1.0)), 1e-3 * float(seen.max())) if seen.size else 1.0
    log = np.log(np.maximum(np.where(finite, picture, least), least))
    inside = log[kinds == 0]
    low, high = np.percentile(inside if inside.size else log, WINDOW)
    room = max(0.15, 0.2 * (high - low))  # a flat is drawn grey, not as its noise
    grey = np.clip((high + room - log) / (high - low + 2 * room), 0.0, 1.0)  # what absorbs is bright, as on film
    rgb = np.repeat(grey[..., None], 3, axis=2)
    for kind, (_, colour) in COLOURS.items():
        rgb[kinds == kind] = (1 - TINT) * rgb[kinds == kind] + TINT * np.asarray(colour)
    return np.asarray(rgb, np.float32)
