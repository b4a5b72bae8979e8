"""The demo: the paper's comparison on the full panel, from the tube to DICOM, for both scintillators."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calibration.calibration_set import CalibrationSet, save_calibration_set
from calibration.correct import plan_correction
from calibration.learn import FrameStack, learn_panel
from calibration.whole_file import folder_for, staged
from radiography.acquire import Acquisition, acquire_sequence, expose, mean_electrons, plan_acquisition
from radiography.analysis.mtf import MtfCurve, mtf_at, slanted_edge_mtf
from radiography.config import DATA_FOLDER, load_scene
from radiography.figures.mtf_plot import mtf_figure
from radiography.figures.picture_plate import picture_plate
from radiography.files.frames import open_frames, read_image, sha256_of, write_tiff
from radiography.files.tiff import MOST_PAGES
from radiography.jobs.benchmark_report import can_report
from radiography.jobs.calibrate import describe
from radiography.jobs.demo_report import SUMMARY, demo_page
from radiography.jobs.inputs import Report, check_at_least, check_folder, no_report
from radiography.jobs.json_text import write_json
from radiography.jobs.preparation import Wanted
from radiography.jobs.reconstruct import write_corrected
from radiography.jobs.scintillator import PAPER_MTF_AT_2
from radiography.jobs.side_by_side import side_by_side
from radiography.jobs.simulate import frame_conditions, light_origin, raw_metadata, scene_rng
from radiography.study.layer_report import report_layer

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FITTED = {  # what the scintillator files fit to those numbers
    "CsPbBr3_75um": "one number, the transport length of the film, to the paper's 0.72 at 2 lp/mm",
    "CsI_Tl_500um": "two numbers, the crosstalk between columns to the paper's 0.36 at 2 lp/mm, and the spread of the "
    "light yield to the Swank factor of 0.93 below the K edges (Zhao et al. 2004)",
}
REPORT = "report.html"
OBJECTS = ("edge", "card")
_COMPILED_BESIDE = ("projection", "frames")  # while this process computes the film, whose kernels take as long
CARD_REGION = (1190, 1880, 1020, 2060)  # rows and columns that the card covers on the panel
ENLARGED_REGION = (1420, 1640, 1410, 1780)  # its quad flat package and ball grid


@dataclass(frozen=True, eq=False)
class Demonstration:
    """What the demo found and wrote.

    Attributes
    ----------
    folder : Path
        Folder of the results.
    panels : mapping of str to dict
        What summary.json says of each scintillator.
    files : tuple of str
        Names inside the folder.
    frames, seed : int
        Dark and flat frames for each calibration, and the seed that they came from. [1]
    """

    folder: Path
    panels: Mapping[str, dict[str, Any]]
    files: tuple[str, ...]
    frames: int
    seed: int


def run_demo(
    out: str | Path,
    *,
    frames: int = 16,
    seed: int = 1,
    two_processes: bool = False,
    report: Report = no_report,
    tell: Callable[[str], None] = lambda sentence: None,
) -> Demonstration:
    """Both panels: calibration, edge MTF, network card, DICOM, PNG and summary.json in a folder.

    Parameters
    ----------
    out : str or Path
        Folder for the results.
    frames : int
        Dark and flat frames for each calibration. [1]
    seed : int
        Same seed, same results.
    two_processes : bool
        Work on the panels side by side. A script that asks for it must keep what it does under
        ``if __name__ == "__main__":``, since the second process reads it as well.
    report : callable
        Called with what is being done and the fraction of it that is done, 0 to 1.
    tell : callable
        Called with a sentence as each part is finished.

    Returns
    -------
    demonstration : Demonstration

    Raises
    ------
    ValueError, OSError
        If a number is out of range or the folder cannot be written to.
    """
    out = Path(out)
    check_at_least("frames", frames, 2, MOST_PAGES)
    check_at_least("seed", seed, 0)
    check_folder(out)
    with folder_for(out), staged(out) as folder:
        names, settings = tuple(PAPER_MTF_AT_2), (folder, frames, seed)
        if two_processes:
            made_of = side_by_side(_run_panel, names, settings, report, tell, _COMPILED_BESIDE)
        else:
            made_of = {name: _run_panel(name, *settings, report, tell) for name in names}
        panels = {name: panel for name, (panel, _) in made_of.items()}
        curves = {name: curve for name, (_, curve) in made_of.items()}
        report("drawing the figures", 0.0)
        paper = [(2.0, value) for value in PAPER_MTF_AT_2.values()]
        figure = mtf_figure(list(curves.values()), list(curves), ("the paper, at 2 line pairs per mm", paper))
        figure.savefig(folder / "mtf.png", dpi=150)
        _plate(folder, panels).savefig(folder / "network_card.png", dpi=100)
        files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
        page = (REPORT,) if can_report() else ()
        made = Demonstration(out, panels, (*files, *page, SUMMARY), frames, seed)
        write_json(folder / SUMMARY, demo_to_json(made))
        for name in page:
            html = demo_page(demo_to_json(made), folder, CARD_REGION)
            (folder / name).write_text(html, encoding="utf-8", newline="\n")
    return made


def demo_to_json(made: Demonstration) -> dict[str, Any]:
    """What summary.json holds: settings, and what was found of each scintillator."""
    return {
        "software": f"radiography {version('radiography')}",
        "seed": made.seed,
        "calibration_frames": made.frames,
        "paper": "Chen et al., Nature 561, 88 (2018), doi:10.1038/s41586-018-0451-1",
        "panels": made.panels,
        "files": list(made.files),
        "warnings": [],
    }


def _run_panel(
    name: str, folder: Path, frames: int, seed: int, report: Report, tell: Callable[[str], None]
) -> tuple[dict[str, Any], MtfCurve]:
    """One scintillator on the full panel: its part of the summary, and its MTF."""
    inside = folder / name
    inside.mkdir()
    acquisition = _plan("flat", name, report)
    calibration = _calibrate(acquisition, _plan("dark", name, report), frames, seed, report)
    save_calibration_set(calibration, inside / "calibration.cal")
    tell(f"{name}: {describe(calibration)}")
    plan = plan_correction(calibration)
    used = {"calibration": {"name": "calibration.cal", "sha256": sha256_of(inside / "calibration.cal")}}
    for scene in OBJECTS:
        _image(_plan(scene, name, report), inside / f"{scene}_raw.tif", seed, report)
        report(f"correcting {scene} of {name}", 0.0)
        source = open_frames(inside / f"{scene}_raw.tif")
        write_corrected(
            source, plan, inside / f"{scene}.tif", pitch_mm=source.pitch_mm, used=used, wanted=Wanted(dicom=True)
        )
        tell(f"{name}: {scene} reconstructed")
    report(f"measuring MTF and DQE of {name}", 0.0)
    edge = read_image(inside / "edge.tif")
    curve = slanted_edge_mtf(edge.pixels, acquisition.geometry.pitch_mm, _edge_region(acquisition))
    value, error = mtf_at(curve, 2.0)
    layer, beam = acquisition.scintillator, acquisition.scene.beam
    efficiency = report_layer(layer, acquisition.panel, acquisition.spectrum, beam.air_kerma_uGy)
    files = sorted(str(path.relative_to(folder)) for path in inside.iterdir())
    return {
        "scintillator": acquisition.scintillator.description,
        "light_spread": light_origin(acquisition),
        "fitted": FITTED[name],
        "beam": acquisition.beam.name,
        "air_kerma_uGy": acquisition.scene.beam.air_kerma_uGy,
        "mtf": {
            "frequency_per_mm": [float(f) for f in curve.frequency_per_mm],
            "value": [float(v) for v in curve.value],
            "standard_error": [float(e) for e in curve.standard_error],
        },
        "mtf_at_2_per_mm": {"value": value, "standard_error": error, "paper": PAPER_MTF_AT_2[name]},
        "edge_angle_deg": float(curve.angle_deg),
        "quantum_detection_efficiency": efficiency.quantum_detection_efficiency,
        "dqe0": efficiency.dqe0,
        "dqe0_band": list(efficiency.dqe0_band),
        "direct_signal_fraction": efficiency.direct_signal_fraction,
        "signal_electrons": mean_electrons(acquisition),
        "signal_dn": float(calibration.level_dn),
        "signal_to_noise": 1.0 / calibration.typical_flat_noise,
        "dark_noise_dn": float(calibration.typical_dark_noise_dn),
        "defects": calibration.provenance["defects"],
        "files": files,
    }, curve


def _plate(folder: Path, panels: dict[str, dict[str, Any]]) -> Figure:
    """The network card as both panels see it."""
    pictures = {}
    for name, panel in panels.items():
        mtf = panel["mtf_at_2_per_mm"]
        title = f"{panel['scintillator']}: MTF {mtf['value']:.2f} at 2/mm, SNR {panel['signal_to_noise']:.0f} per pixel"
        pictures[title] = read_image(folder / name / "card.tif").pixels
    return picture_plate(pictures, CARD_REGION, ENLARGED_REGION)


def _plan(scene_name: str, scintillator: str, report: Report) -> Acquisition:
    scene = replace(load_scene(scene_name), scintillator=scintillator)
    what = f"planning {scene_name} of {scintillator}"
    report(what, 0.0)
    return plan_acquisition(scene, DATA_FOLDER / "scenes", progress=lambda done: report(what, done))


def _edge_region(acquisition: Acquisition) -> tuple[int, int, int, int]:
    """The middle of the panel, where the plate's edge stands upright in the central ray: 90 mm along, 50 mm across."""
    pixels = acquisition.panel.pixels
    along, across = (round(half_mm / pixels.pitch_mm) for half_mm in (45.0, 25.0))
    return pixels.rows // 2 - along, pixels.rows // 2 + along, pixels.cols // 2 - across, pixels.cols // 2 + across


def _calibrate(flat: Acquisition, dark: Acquisition, frames: int, seed: int, report: Report) -> CalibrationSet:
    """Calibration of a panel from its own dark and flat frames, simulated one at a time."""
    exposure = expose(flat)
    in_the_dark, in_the_beam = frame_conditions(dark), frame_conditions(flat)
    provenance = {"seed": seed, "software": f"radiography {version('radiography')}"}

    def counted(sequence: Iterator[npt.NDArray[np.uint16]], done: int) -> Iterator[npt.NDArray[np.uint16]]:
        for number, raw_dn in enumerate(sequence):
            report(f"calibrating {flat.scintillator.name}", (done + number + 1) / (2 * frames))
            yield raw_dn
        if done:  # the flats come last
            report(f"finding bad pixels of {flat.scintillator.name}", 0.0)

    darks = counted(acquire_sequence(dark, None, frames, scene_rng(dark.scene, seed)), 0)
    flats = counted(acquire_sequence(flat, exposure, frames, scene_rng(flat.scene, seed)), frames)
    return learn_panel(
        [FrameStack(darks, "dark", in_the_dark)],
        [FrameStack(flats, "flat", in_the_beam)],
        saturation_dn=flat.panel.saturation_dn,
        conditions=in_the_beam,
        provenance=provenance,
    )


def _image(acquisition: Acquisition, path: Path, seed: int, report: Report) -> None:
    """One raw frame of a scene, written like any panel's."""
    report(acquisition.scene.description, 0.0)
    exposure = expose(acquisition, lambda done: report(acquisition.scene.description, done))
    frames = acquire_sequence(acquisition, exposure, 1, scene_rng(acquisition.scene, seed))
    write_tiff(path, frames, acquisition.geometry.pitch_mm, raw_metadata(acquisition, seed, 1))
