"""Picture of a scene from three sides, in a file."""

from __future__ import annotations

from pathlib import Path

from radiography.jobs.inputs import PICTURES, all_or_none, check_writable, keep_apart
from radiography.jobs.valid import ValidScene


def plot_scene(scene: str | Path, valid: ValidScene, plot: str | Path) -> None:
    """Source, rays, panel, solids and volumes of a scene from three sides.

    Parameters
    ----------
    scene : str or Path
        Scene file, or the name of a shipped scene; is not written over.
    valid : ValidScene
        From `validate_scene`.
    plot : str or Path
        .png, .pdf or .svg.

    Raises
    ------
    ValueError, OSError
        In one sentence, if the file cannot be written.
    """
    plot = Path(plot)
    check_writable(plot, PICTURES)
    parts = valid.parts
    keep_apart([plot], [scene, *valid.inputs])
    from radiography.figures.scene_plot import scene_figure

    figure = scene_figure(parts.scene.description, parts.phantom, parts.geometry)
    with all_or_none(plot) as places:
        figure.savefig(places[plot], dpi=120)
