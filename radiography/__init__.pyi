import calibration

from .acquire import (
    Acquisition,
    Exposure,
    PanelState,
    acquire_frame,
    acquire_sequence,
    energy_shares,
    expose,
    plan_acquisition,
)
from .analysis.cross_checks import bar_pattern_mtf, slit_mtf
from .analysis.dqe import DqeResult, Fluence, detective_quantum_efficiency, iec_fluence
from .analysis.dual_energy import log_subtract, region_weight, spectral_weight, subtraction_noise
from .analysis.exposure_index import ExposureIndex, deviation_index, exposure_index
from .analysis.mtf import MtfCurve, every_edge_mtf, low_frequency_drop, mtf50, mtf_at, slanted_edge_mtf
from .analysis.nps import NpsResult, noise_power_spectrum
from .analysis.relevant_region import RelevantRegion, relevant_region
from .analysis.response import DoseResponse, fit_response
from .beam.spectrum import Spectrum, beam_spectrum
from .beam.tube import Beam
from .config import load_beam, load_panel, load_scene, load_scintillator, load_steps, scene_folder, shipped
from .dicom.description import DxDescription
from .dicom.read import DicomImage, read_dx
from .dicom.write import export_dx
from .files.frames import Image, iterate_frames, open_frames, read_image, write_preview_png, write_tiff
from .files.source import FrameSource, RawLayout
from .files.truth_store import load_truth
from .jobs.benchmark import BenchmarkSetup, run_benchmark
from .jobs.benchmark_report import report_benchmark
from .jobs.calibrate import calibrate_panel
from .jobs.check import check_scene
from .jobs.defects import report_defects
from .jobs.demo import run_demo
from .jobs.dqe import DqeInput, measure_dqe
from .jobs.export import export_image
from .jobs.export_cine import ExportedCine, export_cine
from .jobs.exposure_index import ExposureGiven, measure_exposure
from .jobs.fit import fit_scintillator
from .jobs.import_scenario import ScenarioImport, import_scenario
from .jobs.kind_types import Asked
from .jobs.lag import report_lag
from .jobs.measure import measure_mtf
from .jobs.measure_kind import measure_kind
from .jobs.nps import measure_noise
from .jobs.paper import PaperFigures, draw_paper
from .jobs.picture_report import report_pictures
from .jobs.preparation import Wanted
from .jobs.qc import report_quality
from .jobs.reconstruct import reconstruct_frames
from .jobs.reconstruct_cine import reconstruct_cine
from .jobs.report import report_calibration, report_frames
from .jobs.residual import report_residual
from .jobs.scintillator import report_scintillators
from .jobs.send import Account, SendWanted, SentFile, Server, send_files
from .jobs.simulate import simulate_scene
from .jobs.subtract import WeightWanted, layer_weight, subtract_pictures
from .jobs.sweep import SweepResult, run_sweep
from .jobs.twin import Twin, make_twin
from .jobs.undo import undo_frames
from .jobs.validate import Validation, validate_model
from .jobs.view_server import view_pictures
from .light.layer_light import LayerLight, layer_light
from .light.scintillator import Scintillator
from .panel.panel import Panel
from .plan import object_dose
from .presentation.chain import PresentedPicture, ProcessedPicture, present, process_picture
from .presentation.presets import load_picture
from .presentation.steps import PictureSteps
from .scene import Scene, build_phantom
from .study.frame_residual import ResidualStudy, study_residual
from .study.layer_fit import LayerFit, Vary, fit_layer
from .study.layer_measurement import LayerMeasurement
from .study.layer_report import LayerReport, report_layer
from .sweep.engine import Engine
from .truth.layers import Truth, recombine

__version__: str

CalibrationSet = calibration.CalibrationSet
Conditions = calibration.Conditions
CorrectedFrame = calibration.CorrectedFrame
CorrectionPlan = calibration.CorrectionPlan
DefectCriteria = calibration.DefectCriteria
FLAG_NAMES = calibration.FLAG_NAMES
FrameStack = calibration.FrameStack
Quality = calibration.Quality
Steps = calibration.Steps
correct_frame = calibration.correct_frame
correct_step_by_step = calibration.correct_step_by_step
learn_panel = calibration.learn_panel
load_calibration_set = calibration.load_calibration_set
load_criteria = calibration.load_criteria
plan_correction = calibration.plan_correction
quality_of = calibration.quality_of
save_calibration_set = calibration.save_calibration_set
undo_correction = calibration.undo_correction

__all__ = [
    "FLAG_NAMES",
    "Account",
    "Acquisition",
    "Asked",
    "Beam",
    "BenchmarkSetup",
    "CalibrationSet",
    "Conditions",
    "CorrectedFrame",
    "CorrectionPlan",
    "DefectCriteria",
    "DicomImage",
    "DoseResponse",
    "DqeInput",
    "DqeResult",
    "DxDescription",
    "Engine",
    "ExportedCine",
    "Exposure",
    "ExposureGiven",
    "ExposureIndex",
    "Fluence",
    "FrameSource",
    "FrameStack",
    "Image",
    "LayerFit",
    "LayerLight",
    "LayerMeasurement",
    "LayerReport",
    "MtfCurve",
    "NpsResult",
    "Panel",
    "PanelState",
    "PaperFigures",
    "PictureSteps",
    "PresentedPicture",
    "ProcessedPicture",
    "Quality",
    "RawLayout",
    "RelevantRegion",
    "ResidualStudy",
    "ScenarioImport",
    "Scene",
    "Scintillator",
    "SendWanted",
    "SentFile",
    "Server",
    "Spectrum",
    "Steps",
    "SweepResult",
    "Truth",
    "Twin",
    "Validation",
    "Vary",
    "Wanted",
    "WeightWanted",
    "__version__",
    "acquire_frame",
    "acquire_sequence",
    "bar_pattern_mtf",
    "beam_spectrum",
    "build_phantom",
    "calibrate_panel",
    "check_scene",
    "correct_frame",
    "correct_step_by_step",
    "detective_quantum_efficiency",
    "deviation_index",
    "draw_paper",
    "energy_shares",
    "every_edge_mtf",
    "export_cine",
    "export_dx",
    "export_image",
    "expose",
    "exposure_index",
    "fit_layer",
    "fit_response",
    "fit_scintillator",
    "iec_fluence",
    "import_scenario",
    "iterate_frames",
    "layer_light",
    "layer_weight",
    "learn_panel",
    "load_beam",
    "load_calibration_set",
    "load_criteria",
    "load_panel",
    "load_picture",
    "load_scene",
    "load_scintillator",
    "load_steps",
    "load_truth",
    "log_subtract",
    "low_frequency_drop",
    "make_twin",
    "measure_dqe",
    "measure_exposure",
    "measure_kind",
    "measure_mtf",
    "measure_noise",
    "mtf50",
    "mtf_at",
    "noise_power_spectrum",
    "object_dose",
    "open_frames",
    "plan_acquisition",
    "plan_correction",
    "present",
    "process_picture",
    "quality_of",
    "read_dx",
    "read_image",
    "recombine",
    "reconstruct_cine",
    "reconstruct_frames",
    "region_weight",
    "relevant_region",
    "report_benchmark",
    "report_calibration",
    "report_defects",
    "report_frames",
    "report_lag",
    "report_layer",
    "report_pictures",
    "report_quality",
    "report_residual",
    "report_scintillators",
    "run_benchmark",
    "run_demo",
    "run_sweep",
    "save_calibration_set",
    "scene_folder",
    "send_files",
    "shipped",
    "simulate_scene",
    "slanted_edge_mtf",
    "slit_mtf",
    "spectral_weight",
    "study_residual",
    "subtract_pictures",
    "subtraction_noise",
    "undo_correction",
    "undo_frames",
    "validate_model",
    "view_pictures",
    "write_preview_png",
    "write_tiff",
]
