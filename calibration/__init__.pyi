from .calibration_set import CalibrationSet, load_calibration_set, save_calibration_set
from .conditions import Conditions
from .correct import CorrectedFrame, CorrectionPlan, correct_frame, correct_step_by_step, plan_correction
from .correction.undo import undo_correction
from .defects.criteria import DefectCriteria, load_criteria
from .flags import FLAG_NAMES
from .learn import FrameStack, learn_panel
from .quality.quality import Quality, quality_of
from .steps import Steps

__all__ = [
    "FLAG_NAMES",
    "CalibrationSet",
    "Conditions",
    "CorrectedFrame",
    "CorrectionPlan",
    "DefectCriteria",
    "FrameStack",
    "Quality",
    "Steps",
    "correct_frame",
    "correct_step_by_step",
    "learn_panel",
    "load_calibration_set",
    "load_criteria",
    "plan_correction",
    "quality_of",
    "save_calibration_set",
    "undo_correction",
]
