"""Results of jobs as JSON values, with the units in their names: what `--json` gives of jobs that write no JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from calibration.flags import SHIELDED, UNCOATED, UNUSABLE, count_flags

if TYPE_CHECKING:
    from radiography.jobs.calibrate import CalibrationRecord
    from radiography.jobs.check import SceneCheck
    from radiography.jobs.defects import DefectReport
    from radiography.jobs.export import ExportedImage
    from radiography.jobs.export_cine import ExportedCine
    from radiography.jobs.reconstruct import CorrectedFile, Reconstruction
    from radiography.jobs.simulate import Simulation
    from radiography.jobs.undo import RawFile

TOLD_CUT_OFF = 0.5  # chosen: of the central ray's; a grid whose sides pass less hardly fits the source
TOLD_SCATTER = 0.05  # chosen: scatter of less than this of the primary is not worth a word
LARGEST_GROUPS = 20  # of bad pixels that are listed one by one


def simulation_to_json(made: Simulation) -> dict[str, Any]:
    """What `radiography simulate` wrote: files, frames, seed and the resolved scene."""
    return {
        "out": made.out,
        "truth": made.truth,
        "back": made.back,
        "frames": made.frames,
        "seed": made.seed,
        "scene": asdict(made.scene),
        "warnings": list(made.warnings),
    }


def calibration_to_json(made: CalibrationRecord) -> dict[str, Any]:
    """Typical values of a calibration set, its defects by class, and what to doubt."""
    from radiography.jobs.calibrate import summary_of

    known = made.calibration
    summary = summary_of(known)
    return {
        "out": made.out,
        **summary,
        "dark_frames": known.darks_used,
        "flat_frames": known.flats_used,
        "levels_dn": list(known.levels_dn),
        "warnings": [*made.warnings, *summary["warnings"]],
    }


def reconstruction_to_json(made: Reconstruction) -> dict[str, Any]:
    """Files of corrected images, and their pixels by what happened to them."""
    return {"files": [_corrected(file) for file in made.files], "warnings": list(made.warnings)}


def _corrected(file: CorrectedFile) -> dict[str, Any]:
    return {
        "image": file.image,
        "preview": file.preview,
        "planes": {str(path): what for path, what in file.planes.items()},
        "dicom": list(file.dicom),
        "pixels": dict(file.counts),
    }


def undone_to_json(files: Sequence[RawFile]) -> dict[str, Any]:
    """Files of raw frames that were made of corrected images."""
    return {
        "files": [
            {"raw": file.path, "frames": file.frames, "pixels_lost": file.lost, "not_undone": list(file.missing)}
            for file in files
        ],
        "warnings": [],
    }


def defects_to_json(report: DefectReport) -> dict[str, Any]:
    """Bad pixels by class and group, the largest groups, and what changed since earlier maps."""
    from calibration.defects.clusters import count_groups, group_name, worst_groups

    flags, groups = report.flags, report.groups
    bad = int(np.count_nonzero(flags & UNUSABLE))
    return {
        "source": report.source,
        "date": report.taken,
        "rows": flags.shape[0],
        "cols": flags.shape[1],
        "maps": report.maps,
        "in_runs": report.in_runs,
        "bad_pixels": bad,
        "bad_ppm": 1e6 * bad / flags.size,
        "classes": count_flags(flags & np.uint16(UNUSABLE | UNCOATED | SHIELDED)),
        "groups": count_groups(groups),
        "largest_groups": [
            {"name": group_name(groups, number), "rows": groups.box[number, :2], "cols": groups.box[number, 2:]}
            for number in worst_groups(groups, LARGEST_GROUPS)
        ],
        "ageing": [asdict(step) for step in report.ageing],
        "not_judged": list(report.not_judged),
        "image": report.image,
        "table": report.table,
        "overlay": report.overlay,
        "dicom": report.dicom,
        "warnings": list(report.warnings),
    }


def export_to_json(made: ExportedImage) -> dict[str, Any]:
    """The DICOM file that was written, the pitch that it says, and how its values are stored."""
    return {
        "out": made.out,
        "for_processing": made.for_processing,
        "pitch_mm": made.pitch_mm,
        "pitch_source": made.pitch_source,
        "scale": made.scale,
        "compression": made.compression,
        "picture": made.picture,
        "warnings": list(made.warnings),
    }


def cine_to_json(made: ExportedCine) -> dict[str, Any]:
    """The DICOM sequence that was written: frames, times, pitch, and how its values are stored."""
    return {
        "out": made.out,
        "for_processing": made.for_processing,
        "frames": made.frames,
        "frame_time_ms": made.frame_time_ms,
        "pitch_mm": made.pitch_mm,
        "scale": made.scale,
        "warnings": list(made.warnings),
    }


def check_to_json(found: SceneCheck) -> dict[str, Any]:
    """A valid scene, what a pixel sees, and the memory and time that frames take."""
    acquisition = found.acquisition
    pixels, beam = acquisition.panel.pixels, acquisition.beam
    return {
        "scene": asdict(acquisition.scene),
        "panel": acquisition.panel.name,
        "serial": acquisition.panel.serial,
        "rows": pixels.rows,
        "cols": pixels.cols,
        "pitch_mm": pixels.pitch_mm,
        "scintillator": acquisition.scintillator.name,
        "beam": beam.name,
        "kvp": beam.kvp,
        "air_kerma_uGy": acquisition.scene.beam.air_kerma_uGy,
        "open_field": None if found.open_field is None else _with_ratio(asdict(found.open_field)),
        "focal_spot": None if found.focal_spot is None else asdict(found.focal_spot),
        "solids": found.solids,
        "objects": [{"name": one.name, "what": one.what, **asdict(one.extent)} for one in found.valid.objects],
        "scatter_to_primary": found.scatter_to_primary,
        "grid_passes": found.grid_passes,
        "energy_shares": found.energy_shares,
        "brightest_dn": [part.mean_dn for part in found.brightest],
        "brightest_saturated_share": [part.saturated_share() for part in found.brightest],
        "scatter": None if found.scatter is None else asdict(found.scatter),
        "memory_bytes": found.memory_bytes,
        "time_per_frame_s": found.frame_s,
        "time_of_object_s": found.object_s,
        "warnings": doubts_of_scene(found),
    }


def doubts_of_scene(found: SceneCheck) -> list[str]:
    """What is likely a slip in the scene, and what a frame of it leaves out that matters."""
    ratio, doubts = found.scatter_to_primary, list(found.valid.doubts)
    if ratio >= TOLD_SCATTER and found.scatter is None:
        scatter = f"about {ratio:.2g} times the primary energy (+-30 %), without a grid"
        doubts.append(f"scatter is not simulated; expect {scatter}; [scatter] on = true in the scene adds it")
    centre, least = found.grid_passes or (1.0, 1.0)
    if (grid := found.acquisition.scene.grid) is not None and least < TOLD_CUT_OFF * centre:
        focus = "parallel strips" if grid.focus_mm is None else f"focus_mm = {grid.focus_mm:g}"
        source = f"the source at {found.acquisition.geometry.source_to_detector_mm:g} mm"
        doubts.append(
            f"the grid cuts the beam off: {100 * least:.2g} % passes at the panel's side, {100 * centre:.0f} % of the "
            f"central ray, with {focus} and {source}"
        )
    return doubts + _saturated(found)


def _saturated(found: SceneCheck) -> list[str]:
    """Layers that saturate where the beam meets them in the open, or behind the thinnest part of the object."""
    from radiography.jobs.brightest import doubt_of_brightest

    names = ("the panel",) if len(found.brightest) == 1 else ("the front layer", "the back layer")
    scene = found.acquisition.scene
    exposed = (scene.beam.air_kerma_uGy, scene.timing.integration_time_s)
    doubts = (doubt_of_brightest(part, name, *exposed) for part, name in zip(found.brightest, names, strict=True))
    return [doubt for doubt in doubts if doubt is not None]


def _with_ratio(open_field: dict[str, Any]) -> dict[str, Any]:
    """The open field, whose air kerma over the panel is relative to that of the central ray."""
    return {
        {"kerma_range": "kerma_over_central_ray", "quanta": "quanta_per_pixel", "absorbed": "absorbed_per_pixel"}.get(
            key, key
        ): value
        for key, value in open_field.items()
    }
