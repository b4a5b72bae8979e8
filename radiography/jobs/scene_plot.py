"""Picture of a scene from three sides, in a file."""

from __future__ import annotations

from pathlib import Path

from radiography.config import files_named_in
from radiography.jobs.inputs import PICTURES, all_or_none, check_writable, keep_apart
from radiography.jobs.valid import ValidScene
from radiography.projection.scene_volume import volume_files


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
    inputs = [*files_named_in(parts.scene, valid.folder), *volume_files(parts.scene.volume, valid.folder)]
    keep_apart([plot], [scene, *inputs])
    from radiography.figures.scene_plot import scene_figure

    figure = scene_figure(parts.scene.description, parts.phantom, parts.geometry)
    with all_or_none(plot) as places:
        figure.savefig(places[plot], dpi=120)
