"""Attributes of a digital X-ray image, one function per DICOM module.

Each function returns a data set with the attributes of one module of DICOM PS3.3 A.26 (DX IOD); the writer joins
them. What is left out is left out on purpose: distances of the source to the patient and display shutters make viewers
disagree, private attributes fail validation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import UID
from pydicom.valuerep import format_number_as_ds

from radiography.analysis.exposure_index import deviation_index
from radiography.dicom.description import ANODES, DxDescription, LossyStep
from radiography.dicom.linear import SCALE_LABELS

FOR_PRESENTATION_UID = "1.2.840.10008.5.1.4.1.1.1.1"  # DICOM PS3.4 B.5
FOR_PROCESSING_UID = "1.2.840.10008.5.1.4.1.1.1.1.1"  # DICOM PS3.4 B.5
PRESENTATION_BITS = 14  # above quantum noise of the open field: about 50 counts at 1500 quanta per pixel and 3 decades
PROCESSING_BITS = 16
PADDING = 0  # stored where there is no number


@dataclass(frozen=True)
class StoredScale:
    """How linear values became stored counts: `stored = round(value * counts_per_dn) + pedestal`.

    Attributes
    ----------
    counts_per_dn : float
        [1/DN]
    pedestal : int
        Count that stands for 0 DN. [1]
    clipped_low, clipped_high : int
        Pixels below 0 and above the stored range, stored at the limit. [1]
    padded : int
        Pixels without a number, stored as `PADDING`. [1]
    """

    counts_per_dn: float
    pedestal: int
    clipped_low: int = 0
    clipped_high: int = 0
    padded: int = 0

    def __str__(self) -> str:
        text = f"stored = {self.counts_per_dn:.9g} x DN + {self.pedestal}"
        clipped = f"{self.clipped_low} pixels clipped at 0, {self.clipped_high} at {2**PROCESSING_BITS - 1}"
        text += f"; {clipped}" if self.clipped_low or self.clipped_high else ""
        return text + (f"; {self.padded} pixels without a number stored as {PADDING}" if self.padded else "")


@dataclass(frozen=True)
class DxReference:
    """Where a written image stands, to link others to it: its four UIDs, and how its pixels were stored.

    Attributes
    ----------
    sop_class_uid, sop_instance_uid, series_uid, study_uid : str
    scale : StoredScale or None
        Of a For Processing image.
    told : str
        What does not fit its attribute, with its full value, as one sentence; empty where everything fits.
    picture : str
        How a picture for presentation was made, in a line.
    """

    sop_class_uid: str
    sop_instance_uid: str
    series_uid: str
    study_uid: str
    scale: StoredScale | None = None
    told: str = ""
    picture: str = ""


def patient_modules(description: DxDescription) -> Dataset:
    """Patient (C.7.1.1): names may be empty, the identifier may not."""
    dataset = Dataset()
    name = description.patient_name
    dataset.PatientName = f"{name}^" if name and "^" not in name else name  # a lone part is the family name
    dataset.PatientID = description.patient_id
    dataset.PatientBirthDate = description.patient_birth_date
    dataset.PatientSex = description.patient_sex
    if description.quality_control:
        dataset.QualityControlSubject = "YES"
    return dataset


def study_module(description: DxDescription, study_uid: str) -> Dataset:
    """General Study (C.7.2.1).

    Parameters
    ----------
    description : DxDescription
        Who, what, when and how.
    study_uid : str

    Returns
    -------
    dataset : Dataset
    """
    dataset = Dataset()
    dataset.StudyInstanceUID = study_uid
    dataset.StudyDate, dataset.StudyTime = _date_and_time(description)
    dataset.StudyID = description.study_id
    dataset.AccessionNumber = description.accession_number
    dataset.ReferringPhysicianName = description.referring_physician
    if description.study_description:
        dataset.StudyDescription = description.study_description
    return dataset


def series_modules(description: DxDescription, series_uid: str, for_processing: bool) -> Dataset:
    """General Series (C.7.3.1) and DX Series (C.8.11.1); the pictures to look at come first in a viewer.

    Parameters
    ----------
    description : DxDescription
        Who, what, when and how.
    series_uid : str
    for_processing : bool
        True for the linear image, False for the processed picture.

    Returns
    -------
    dataset : Dataset
    """
    dataset = Dataset()
    dataset.Modality = "DX"
    dataset.SeriesInstanceUID = series_uid
    dataset.SeriesNumber = (2 if for_processing else 1) + 100 * _number_of_source_series(description)
    if description.acquired is not None:
        dataset.SeriesDate, dataset.SeriesTime = _date_and_time(description)
    dataset.PresentationIntentType = "FOR PROCESSING" if for_processing else "FOR PRESENTATION"
    if description.series_description:
        dataset.SeriesDescription = description.series_description
    return dataset


def equipment_module(description: DxDescription, software: str) -> Dataset:
    """General Equipment (C.7.5.1).

    Parameters
    ----------
    description : DxDescription
        Who, what, when and how.
    software : str
        Name and version of this package.

    Returns
    -------
    dataset : Dataset
    """
    dataset = Dataset()
    dataset.Manufacturer = description.manufacturer or description.conditions.manufacturer or ""
    if description.conditions.panel:
        dataset.ManufacturerModelName = description.conditions.panel
    if description.conditions.device_serial:
        dataset.DeviceSerialNumber = description.conditions.device_serial
    dataset.SoftwareVersions = software
    return dataset


def image_module(description: DxDescription, for_processing: bool, instance_number: int, comment: str) -> Dataset:
    """General Image (C.7.6.1), Acquisition Context (C.7.6.14).

    Parameters
    ----------
    description : DxDescription
        Who, what, when and how.
    for_processing : bool
        True for the linear image, False for the processed picture.
    instance_number : int
        Number in the series. [1]
    comment : str
        How the pixels came about; may be empty.

    Returns
    -------
    dataset : Dataset
    """
    dataset = Dataset()
    dataset.InstanceNumber = instance_number
    original = for_processing and description.carried is None
    dataset.ImageType = ["ORIGINAL" if original else "DERIVED", "PRIMARY", ""]
    if description.acquired is not None:
        dataset.ContentDate, dataset.ContentTime = _date_and_time(description)
        dataset.AcquisitionDate, dataset.AcquisitionTime = _date_and_time(description)
    dataset.PatientOrientation = list(description.patient_orientation)
    dataset.BurnedInAnnotation = "NO"
    dataset.update(loss_module(description.lossy))
    dataset.PresentationLUTShape = "IDENTITY"
    dataset.AcquisitionContextSequence = []
    if description.quality_control:
        dataset.QualityControlImage = "YES"
    if comment:
        dataset.ImageComments = comment
    return dataset


def loss_module(steps: tuple[LossyStep, ...]) -> Dataset:
    """Lossy compression that the pixels went through (C.7.6.1.1.5), as far as it is known.

    Parameters
    ----------
    steps : tuple of LossyStep
        None where nothing was lost.

    Returns
    -------
    dataset : Dataset
        Methods and ratios have a value for each step, or are left out.
    """
    dataset = Dataset()
    dataset.LossyImageCompression = "01" if steps else "00"
    ratios, methods = [step.ratio for step in steps], [step.method for step in steps]
    if steps and None not in ratios:
        dataset.LossyImageCompressionRatio = [f"{ratio:.3g}" for ratio in ratios]
    if steps and None not in methods:
        dataset.LossyImageCompressionMethod = methods
    return dataset


def predecessor_module(predecessor: DxReference, derivation: str) -> Dataset:
    """Source image of a derived one (C.7.6.1, C.12.2): the For Processing image it was made from.

    Parameters
    ----------
    predecessor : DxReference
        The For Processing image.
    derivation : str
        How the picture was made of it; may be empty.

    Returns
    -------
    dataset : Dataset
    """
    purpose = code_item(codes.DCM.ForProcessingPredecessor)
    source = Dataset()
    source.ReferencedSOPClassUID = predecessor.sop_class_uid
    source.ReferencedSOPInstanceUID = predecessor.sop_instance_uid
    source.PurposeOfReferenceCodeSequence = [purpose]
    source.SpatialLocationsPreserved = "YES"
    instance = Dataset()
    instance.ReferencedSOPClassUID = predecessor.sop_class_uid
    instance.ReferencedSOPInstanceUID = predecessor.sop_instance_uid
    series = Dataset()
    series.SeriesInstanceUID = predecessor.series_uid
    series.ReferencedInstanceSequence = [instance]
    dataset = Dataset()
    dataset.SourceImageSequence = [source]
    dataset.ReferencedSeriesSequence = [series]
    if derivation:
        dataset.DerivationDescription = derivation
    return dataset


def anatomy_module(description: DxDescription) -> Dataset:
    """DX Anatomy Imaged (C.8.11.2)."""
    dataset = Dataset()
    dataset.ImageLaterality = description.laterality
    dataset.AnatomicRegionSequence = [code_item(getattr(codes.cid4009, description.anatomic_region))]
    return dataset


def pixel_modules(rows: int, cols: int, for_processing: bool, window: tuple[int, int] | None) -> Dataset:
    """Image Pixel (C.7.6.3), DX Image (C.8.11.3) and VOI LUT (C.11.2), without the pixels.

    Processing pixels grow with exposure; presentation pixels are logarithmic and grow with attenuation. Both are
    shown as larger = brighter, so that a viewer needs no inversion.

    Parameters
    ----------
    rows, cols : int
        [1]
    for_processing : bool
        True for the linear image, False for the processed picture.
    window : (int, int) or None
        Centre and width. [1]

    Returns
    -------
    dataset : Dataset
    """
    dataset = Dataset()
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows = rows
    dataset.Columns = cols
    dataset.BitsAllocated = 16
    dataset.BitsStored = PROCESSING_BITS if for_processing else PRESENTATION_BITS
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = 0
    dataset.PixelIntensityRelationship = "LIN" if for_processing else "LOG"
    dataset.PixelIntensityRelationshipSign = 1 if for_processing else -1
    dataset.RescaleIntercept = "0"
    dataset.RescaleSlope = "1"
    dataset.RescaleType = "US"
    if window is not None:  # no VOI LUT function: absent means LINEAR, and viewers stumble where it is written
        dataset.WindowCenter, dataset.WindowWidth = str(window[0]), str(window[1])
    return dataset


def scale_module(scale: StoredScale, stage: str | None) -> Dataset:
    """Real World Value Mapping (C.7.6.16.2.11) that leads from stored counts back to DN: DX fixes its rescale at 1.

    Parameters
    ----------
    scale : StoredScale
        Of the stored counts.
    stage : str or None
        "corrected" or "raw"; None where it is not known.

    Returns
    -------
    dataset : Dataset
    """
    unit = Dataset()
    unit.CodeValue, unit.CodingSchemeDesignator, unit.CodeMeaning = "1", "UCUM", "no units"
    item = Dataset()
    item.add_new("RealWorldValueFirstValueMapped", "US", 0)
    item.add_new("RealWorldValueLastValueMapped", "US", 2**PROCESSING_BITS - 1)
    item.RealWorldValueIntercept = -scale.pedestal / scale.counts_per_dn
    item.RealWorldValueSlope = 1.0 / scale.counts_per_dn
    item.LUTExplanation = f"{stage or ''} DN, linear in exposure".strip()
    item.LUTLabel = next(label for label, told in SCALE_LABELS.items() if told == stage)
    item.MeasurementUnitsCodeSequence = [unit]
    dataset = Dataset()
    dataset.RealWorldValueMappingSequence = [item]
    if scale.padded:
        dataset.add_new("PixelPaddingValue", "US", PADDING)
    return dataset


def detector_module(description: DxDescription, pitch_mm: float) -> Dataset:
    """DX Detector (C.8.11.4), and the pixel spacing in a known object plane (10.7.1.3).

    Parameters
    ----------
    description : DxDescription
        Who, what, when and how.
    pitch_mm : float
        Pixel pitch of the detector. [mm]

    Returns
    -------
    dataset : Dataset
    """
    dataset, conditions = Dataset(), description.conditions
    pitch = format_number_as_ds(pitch_mm)
    dataset.DetectorType = description.detector_type or ("SCINTILLATOR" if conditions.scintillator else "")
    dataset.DetectorConfiguration = "AREA"
    if conditions.binning:
        dataset.DetectorElementSpacing = _decimals((pitch_mm / conditions.binning,) * 2)
        dataset.DetectorBinning = [str(conditions.binning)] * 2
    dataset.ImagerPixelSpacing = [pitch, pitch]
    if conditions.serial and conditions.serial != conditions.device_serial:
        dataset.DetectorID = conditions.serial
    if conditions.temperature_C is not None:
        dataset.DetectorTemperature = format_number_as_ds(float(conditions.temperature_C))
    if conditions.scintillator:
        dataset.DetectorDescription = conditions.scintillator
    if description.exposure_index is not None:
        dataset.ExposureIndex = format_number_as_ds(float(description.exposure_index))
    if description.magnification is not None:
        dataset.PixelSpacing = _decimals((pitch_mm / description.magnification,) * 2)
        dataset.PixelSpacingCalibrationType = "GEOMETRY"
        dataset.PixelSpacingCalibrationDescription = description.magnification_source
    return dataset


def field_of_view_module(description: DxDescription, shape: tuple[int, int], pitch_mm: float) -> Dataset:
    """Field of view (C.8.11.4): rows and columns that are stored; their place and turn only where they are known.

    Parameters
    ----------
    description : DxDescription
        Who, what, when and how; what the source says of its field of view stays.
    shape : (int, int)
        Rows and columns. [1]
    pitch_mm : float
        Pixel pitch of the detector. [mm]

    Returns
    -------
    dataset : Dataset
        Without dimensions below half a millimetre, which whole millimetres cannot say.
    """
    dataset, carried = Dataset(), description.carried
    sides = [round(side * pitch_mm) for side in shape]
    if min(sides) >= 1 and (carried is None or "FieldOfViewDimensions" not in carried):
        dataset.FieldOfViewShape, dataset.FieldOfViewDimensions = "RECTANGLE", sides
    if description.whole_panel:
        dataset.FieldOfViewOrigin, dataset.FieldOfViewRotation = ["0", "0"], "0"
        dataset.FieldOfViewHorizontalFlip = "NO"
    return dataset


def positioning_module(description: DxDescription) -> Dataset:
    """DX Positioning (C.8.11.5). No distance to the patient: with it viewers rescale lengths on their own."""
    dataset = Dataset()
    if description.conditions.source_to_detector_mm is not None:
        dataset.DistanceSourceToDetector = format_number_as_ds(description.conditions.source_to_detector_mm)
    if description.magnification is not None:
        factor = format_number_as_ds(float(description.magnification))
        dataset.EstimatedRadiographicMagnificationFactor = factor
    if description.view:
        dataset.ViewCodeSequence = [code_item(getattr(codes.cid4010, description.view))]
    if len(dataset):
        dataset.PositionerType = "NONE"
    return dataset


def exposure_modules(description: DxDescription) -> Dataset:
    """X-Ray Acquisition Dose (C.8.7.8) and X-Ray Generation (C.8.7.9)."""
    dataset, conditions = Dataset(), description.conditions
    if conditions.kvp:
        dataset.KVP = format_number_as_ds(conditions.kvp)
    if conditions.tube_current_mA:
        _set_whole(dataset, "XRayTubeCurrent", conditions.tube_current_mA)
        dataset.XRayTubeCurrentInuA = format_number_as_ds(conditions.tube_current_mA * 1e3)
    if conditions.exposure_time_s:
        _set_whole(dataset, "ExposureTime", conditions.exposure_time_s * 1e3)
        dataset.ExposureTimeInuS = format_number_as_ds(conditions.exposure_time_s * 1e6)
    if conditions.exposure_mAs:
        _set_whole(dataset, "Exposure", conditions.exposure_mAs)
        _set_whole(dataset, "ExposureInuAs", conditions.exposure_mAs * 1e3)  # the integer above loses a part
    if conditions.anode in ANODES:
        dataset.AnodeTargetMaterial = ANODES[conditions.anode]
    if conditions.focal_spot_mm:
        dataset.FocalSpots = format_number_as_ds(conditions.focal_spot_mm)
    if conditions.air_kerma_uGy:
        dataset.CommentsOnRadiationDose = f"air kerma at the detector, object absent: {conditions.air_kerma_uGy:g} uGy"
    if description.target_exposure_index is not None:
        dataset.TargetExposureIndex = format_number_as_ds(float(description.target_exposure_index))
        if (
            description.exposure_index is not None
        ):  # IEC 62494-1, one decimal; validators doubt one that is rounded to 0
            deviation = deviation_index(description.exposure_index, description.target_exposure_index)
            dataset.DeviationIndex = f"{deviation:.1f}" if abs(deviation) >= 0.05 else f"{deviation:.1g}"
    return dataset


def common_module(sop_class_uid: str, sop_instance_uid: str) -> Dataset:
    """SOP Common (C.12.1).

    Parameters
    ----------
    sop_class_uid, sop_instance_uid : str

    Returns
    -------
    dataset : Dataset
    """
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = UID(sop_class_uid)
    dataset.SOPInstanceUID = UID(sop_instance_uid)
    return dataset


def _set_whole(dataset: Dataset, keyword: str, value: float) -> None:
    """A rounded number, unless nothing of it is left: 0 ms says that there was no exposure."""
    if (whole := round(value)) > 0:
        setattr(dataset, keyword, whole)


def code_item(code: Code) -> Dataset:
    """Item of a code sequence (DICOM PS3.3 8.8)."""
    item = Dataset()
    item.CodeValue = code.value
    item.CodingSchemeDesignator = code.scheme_designator
    item.CodeMeaning = code.meaning
    return item


def _decimals(values: Sequence[float]) -> list[str]:
    return [format_number_as_ds(float(value)) for value in values]


def _date_and_time(description: DxDescription) -> tuple[str, str]:
    """Both empty where the time of the exposure is not known: that of the export is another one."""
    if description.acquired is None:
        return "", ""
    return description.acquired.strftime("%Y%m%d"), description.acquired.strftime("%H%M%S")


def _number_of_source_series(description: DxDescription) -> int:
    """Of the series that the frame is from, so that numbers stay apart within its study; 0 where it is not known."""
    number = None if description.carried is None else description.carried.get("SeriesNumber")
    return int(number) if number is not None and 0 <= int(number) < 2**31 // 100 - 1 else 0
