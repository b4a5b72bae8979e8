"""Figure of a panel with its bad pixels in colour, and the worst cluster enlarged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calibration.defects.clusters import DefectGroups, count_groups, group_name, worst_groups
from calibration.flags import FLAG_NAMES, SHIELDED, UNUSABLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# A pixel of several classes has the colour of the first; light and dark alternate, for those who see few colours.
COLOURS = {
    "dead": "#e8112d",
    "hot": "#ff77c8",
    "over-responding": "#ff9d00",
    "under-responding": "#2563ff",
    "noisy": "#a51ee6",
    "lagging": "#00cfff",
    "non-linear": "#8a4b08",
    "non-uniform": "#00a651",
    "bad neighbourhood": "#ffe800",
}
SHIELD_COLOUR = "#20335a"
DISPLAY_SIDE = 1000  # a panel's longer side in the figure   # chosen: what a screen shows
ENLARGED_SIDE = 24  # pixels around the worst group, at least
LARGEST_ENLARGED = 200  # pixels; of a larger group only the middle is shown
WINDOW = (0.5, 99.5)  # per cent of the good pixels, black to white

Rgb = npt.NDArray[np.float32]


def defect_overlay(
    picture: npt.NDArray[Any] | None, flags: npt.NDArray[np.uint16], groups: DefectGroups, title: str
) -> Figure:
    """A grey picture of the panel with each bad pixel in the colour of its class.

    At the scale of the whole panel a bad pixel is drawn larger than it is, or nobody would see it; in the enlarged
    part one square is one pixel, and a dot marks a cluster kernel pixel.

    Parameters
    ----------
    picture : (H, W) or None
        What lies under the defects; plain grey without one.
    flags : (H, W) uint16
        Bits of `calibration.flags`.
    groups : DefectGroups
        From `find_groups` of the same flags.
    title : str
        Over the picture.

    Returns
    -------
    figure : matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If picture and flags differ in shape.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch, Rectangle

    if picture is not None and picture.shape != flags.shape:
        raise ValueError(f"the picture is {picture.shape} but the defect map is {flags.shape}")
    figure = Figure(figsize=(13.0, 8.6), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(2, 2, width_ratios=(1.75, 1.0), height_ratios=(1.0, 1.25))
    panel, words, enlarged = (figure.add_subplot(place) for place in (grid[:, 0], grid[0, 1], grid[1, 1]))
    grey = _grey(picture, flags)
    rows, cols = flags.shape
    panel.imshow(_coloured(grey, flags), extent=(-0.5, cols - 0.5, rows - 0.5, -0.5), interpolation="antialiased")
    panel.set(xlabel="column", ylabel="row")
    panel.set_title(title, fontsize=11, loc="left")

    bad = (flags & UNUSABLE) != 0
    counts = {name: int(np.count_nonzero(flags & FLAG_NAMES[name])) for name in COLOURS}
    patches = [
        Patch(facecolor=COLOURS[name], edgecolor="0.3", label=f"{name}: {count:,}")
        for name, count in counts.items()
        if count
    ]
    if (flags & SHIELDED).any():
        patches.append(Patch(facecolor=SHIELD_COLOUR, label="shielded, not bad"))
    kinds = ", ".join(
        f"{count:,} {name}{'s' * (name != 'single' and count != 1)}" for name, count in count_groups(groups).items()
    )
    total = int(np.count_nonzero(bad))
    words.set_axis_off()
    words.text(
        0.0, 1.0, f"{total:,} bad of {bad.size:,} pixels ({1e6 * total / bad.size:.0f} ppm)\n{_wrapped(kinds)}",
        va="top", fontsize=10, transform=words.transAxes,
    )  # fmt: skip
    if patches:
        words.legend(
            handles=patches, loc="upper left", bbox_to_anchor=(0.0, 0.78), fontsize=9, frameon=False, borderaxespad=0.0
        )

    box = _enlarged_box(groups, flags.shape)
    if box is None:
        enlarged.set_axis_off()
        return figure
    top, bottom, left, right = box
    panel.add_patch(
        Rectangle((left - 0.5, top - 0.5), right - left, bottom - top, fill=False, edgecolor="white", linewidth=2.2)
    )
    panel.add_patch(
        Rectangle((left - 0.5, top - 0.5), right - left, bottom - top, fill=False, edgecolor="black", linewidth=1.0)
    )
    _draw_enlarged(enlarged, grey, flags, groups, box)
    return figure


def _draw_enlarged(
    axes: Axes, grey: npt.NDArray[np.float32], flags: npt.NDArray[np.uint16], groups: DefectGroups, box: tuple[int, ...]
) -> None:
    """The pixels of the box, one square each, with dots on cluster kernel pixels."""
    top, bottom, left, right = box
    part = np.s_[top:bottom, left:right]
    axes.imshow(
        _coloured(grey[part], flags[part], exact=True),
        extent=(left - 0.5, right - 0.5, bottom - 0.5, top - 0.5),
        interpolation="nearest",
    )
    kernels = groups.pixels[groups.kernel]
    inside = (kernels[:, 0] >= top) & (kernels[:, 0] < bottom) & (kernels[:, 1] >= left) & (kernels[:, 1] < right)
    size = 120.0 / max(bottom - top, right - left)
    axes.plot(kernels[inside, 1], kernels[inside, 0], "o", color="black", markersize=size, markeredgewidth=0)
    axes.set_title(f"worst: {group_name(groups, _worst(groups))}; dots: kernel pixels", fontsize=9.5, loc="left")
    axes.tick_params(labelsize=8)


def _worst(groups: DefectGroups) -> int:
    return (worst_groups(groups, 1) or [0])[0]


def _enlarged_box(groups: DefectGroups, shape: tuple[int, ...]) -> tuple[int, int, int, int] | None:
    """First row, end row, first column, end column around the worst group; None where nothing is bad."""
    if not len(groups.count):
        return None
    box = groups.box[_worst(groups)]
    sides = []
    side = min(max(ENLARGED_SIDE, 4 + int(max(box[1] - box[0], box[3] - box[2])) * 5 // 4), LARGEST_ENLARGED)
    for first, end, length in ((box[0], box[1], shape[0]), (box[2], box[3], shape[1])):
        start = min(max(0, (int(first) + int(end) - side) // 2), max(0, length - side))
        sides += [start, min(length, start + side)]
    return sides[0], sides[1], sides[2], sides[3]


def _grey(picture: npt.NDArray[Any] | None, flags: npt.NDArray[np.uint16]) -> npt.NDArray[np.float32]:
    """The picture from 0 to 1, its window set by good pixels."""
    if picture is None:
        return np.full(flags.shape, 0.55, np.float32)
    good = picture[(flags & (UNUSABLE | SHIELDED)) == 0]
    good = good[np.isfinite(good)][:: max(1, good.size // 1_000_000)]
    low, high = np.percentile(good, WINDOW) if good.size else (0.0, 1.0)
    grey = np.clip((picture.astype(np.float32) - low) / max(high - low, 1e-9), 0.0, 1.0)
    return np.nan_to_num(0.15 + 0.75 * grey).astype(np.float32)  # neither black nor white, which the marks may be


def _coloured(grey: npt.NDArray[np.float32], flags: npt.NDArray[np.uint16], *, exact: bool = False) -> Rgb:
    """(h, w, 3) grey with the classes in colour, averaged over blocks and the marks enlarged unless `exact`."""
    from matplotlib.colors import to_rgb
    from scipy import ndimage

    block = 1 if exact else -(-max(flags.shape) // DISPLAY_SIDE)
    rows, cols = (np.arange(0, side, block) for side in flags.shape)
    sums = np.add.reduceat(np.add.reduceat(grey, rows, 0), cols, 1)
    sizes = np.diff(np.append(rows, flags.shape[0]))[:, None] * np.diff(np.append(cols, flags.shape[1]))
    rgb = np.repeat((sums / sizes)[:, :, None], 3, axis=2).astype(np.float32)
    enlarge = not exact and max(rgb.shape) > DISPLAY_SIDE // 3
    for name, colour in [("shielded", SHIELD_COLOUR), *reversed(COLOURS.items())]:
        where = np.argwhere(flags & FLAG_NAMES[name])
        if not len(where):
            continue
        mark = np.zeros(rgb.shape[:2], bool)
        mark[where[:, 0] // block, where[:, 1] // block] = True
        if enlarge and name != "shielded":
            mark = ndimage.binary_dilation(mark, np.ones((3, 3), bool))
        rgb[mark] = to_rgb(colour)
    return rgb


def _wrapped(text: str) -> str:
    """At most about 45 characters a line."""
    import textwrap

    return "\n".join(textwrap.wrap(text, 45))
