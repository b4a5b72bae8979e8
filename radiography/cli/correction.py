"""`radiography calibrate`, `reconstruct` and `export`: from real or simulated frames to images and DICOM."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from calibration.calibration_set import CalibrationSet, calibration_set, load_calibration_set, save_calibration_set
from calibration.correct import CorrectedFrame, CorrectionPlan, correct_frame, plan_correction
from calibration.defects import find_defects
from calibration.gain import estimate_gain
from calibration.offset import estimate_offset
from radiography.cli.options import check_writable, open_all, progress_bar
from radiography.cli.outputs import staged
from radiography.frames import (
    FrameSource,
    RawLayout,
    iterate_frames,
    read_image,
    sha256_of,
    write_preview_png,
    write_tiff,
)

Frames = Iterator[npt.NDArray[Any]]

# What a corrected image keeps of what its raw frame said about itself.
_INHERITED = (
    "panel",
    "serial",
    "scintillator",
    "light_spread",
    "kvp",
    "anode",
    "air_kerma_uGy",
    "source_to_detector_mm",
    "focal_spot_mm",
    "integration_time_s",
    "seed",
    "scene",
)
_OF_ONE_PANEL = ("serial", "integration_time_s")  # must agree between darks, flats and raw frames


def run_calibrate(
    dark: Sequence[str],
    flat: Sequence[str],
    out: Path,
    saturation_dn: float | None,
    pitch_mm: float | None,
    layout: RawLayout | None,
) -> None:
    """Write the calibration set learned from dark and flat frames."""
    check_writable(out)
    darks, flats = open_all(dark, "dark", layout), open_all(flat, "flat", layout)
    if (darks[0].rows, darks[0].cols) != (flats[0].rows, flats[0].cols):
        raise ValueError(
            f"dark frames are {darks[0].rows} x {darks[0].cols} ({darks[0].path}) but flat frames are "
            f"{flats[0].rows} x {flats[0].cols} ({flats[0].path})"
        )
    mode = _mode_of([*darks, *flats])
    provenance = {
        **mode,
        "pitch_mm": pitch_mm if pitch_mm is not None else _pitch_of([*flats, *darks]),
        "dark_files": [{"name": source.path.name, "sha256": sha256_of(source.path)} for source in darks],
        "flat_files": [{"name": source.path.name, "sha256": sha256_of(source.path)} for source in flats],
        "software": f"radiography {version('radiography')}",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    with progress_bar("calibrating") as progress:
        total = sum(source.count for source in [*darks, *flats])
        calibration = learn(
            _stream(darks, progress, 0, total),
            _stream(flats, progress, sum(source.count for source in darks), total),
            saturation_dn if saturation_dn is not None else _saturation_of(flats),
            provenance,
        )
    save_calibration_set(calibration, out)
    print(f"{out}: {describe(calibration)}")


def learn(darks: Frames, flats: Frames, saturation_dn: float, provenance: Mapping[str, Any]) -> CalibrationSet:
    """Offset, gain and defects from streams of frames, none of which is kept."""
    offset = estimate_offset(darks)
    gain = estimate_gain(flats, offset, saturation_dn=saturation_dn)
    defects = find_defects(offset, gain, saturation_dn=saturation_dn)
    return calibration_set(offset, gain, defects, saturation_dn=saturation_dn, provenance=provenance)


def describe(calibration: CalibrationSet) -> str:
    """One line about a calibration set."""
    bad = {name: count for name, count in calibration.provenance["defects"].items() if count}
    rejected = len(calibration.provenance["darks_rejected"])
    left_out = f" ({rejected} rejected)" if rejected else ""
    return (
        f"{calibration.darks_used} dark{left_out} and {calibration.flats_used} flat frames, "
        f"{calibration.level_dn:.0f} DN, dark noise {calibration.typical_dark_noise_dn:.2f} DN, "
        f"defects: {', '.join(f'{count} {name}' for name, count in bad.items()) or 'none'}"
    )


def run_reconstruct(
    raw: Sequence[str],
    calibration_file: Path,
    out: Path,
    dicom: bool,
    pitch_mm: float | None,
    layout: RawLayout | None,
) -> None:
    """Write corrected images: float32 TIFF, PNG preview and, where asked for, DICOM."""
    sources = open_all(raw, "raw", layout)
    folder, names = _output_names(sources, out)
    calibration = load_calibration_set(calibration_file)
    _refuse_other_panel(sources, calibration, calibration_file)
    plan = plan_correction(calibration)
    used = {"calibration": {"name": calibration_file.name, "sha256": sha256_of(calibration_file)}}
    made = not folder.exists()
    if made:
        folder.mkdir()
    try:
        with staged(folder) as temporary, progress_bar("reconstructing") as progress:
            for number, (source, name) in enumerate(zip(sources, names, strict=True)):
                pitch = pitch_mm or source.pitch_mm or calibration.provenance.get("pitch_mm")
                written = write_corrected(source, plan, temporary / name, pitch, used, dicom)
                progress((number + 1) / len(sources))
                for line in written:
                    print(line.replace(str(temporary), str(folder)))
    except BaseException:
        if made:
            folder.rmdir()
        raise


def write_corrected(
    source: FrameSource,
    plan: CorrectionPlan,
    target: Path,
    pitch_mm: float | None,
    used: Mapping[str, Any],
    dicom: bool,
) -> list[str]:
    """Corrected image of one raw file with its preview and DICOM files; a line about each file written."""
    lines = []
    counts = {"saturated": 0, "negative": 0, "interpolated": 0, "uncorrectable": 0}
    metadata = {
        "kind": "corrected",
        "software": f"radiography {version('radiography')}",
        "steps": ["saturation flagged", "offset subtracted", "gain applied", "defects interpolated"],
        "raw": {"name": source.path.name, "sha256": sha256_of(source.path), "frames": source.count},
        **used,
        **{key: source.metadata[key] for key in _INHERITED if key in source.metadata},
    }
    if dicom and pitch_mm is None:
        raise ValueError(f"{source.path} does not say its pixel pitch, which DICOM needs: give --pitch in mm")

    def corrected() -> Iterator[npt.NDArray[np.float32]]:
        frame: CorrectedFrame | None = None
        for number, raw_dn in enumerate(iterate_frames(source)):
            frame = correct_frame(raw_dn, plan, frame)
            for key in counts:
                counts[key] += getattr(frame, key)
            if number == 0:
                write_preview_png(target.with_suffix(".png"), frame.corrected_dn, longest_side=None)
            if dicom:
                stem = target.stem if source.count == 1 else f"{target.stem}_{number + 1:04d}"
                for path in _write_dicom_pair(frame.corrected_dn, pitch_mm or 0.0, target.with_name(stem), metadata):
                    lines.append(f"{path}: DICOM DX")
            yield frame.corrected_dn

    first_bytes = source.count * source.rows * source.cols * 4
    write_tiff(target, corrected(), pitch_mm, metadata, big=first_bytes > 2**31)
    about = ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "nothing flagged"
    lines.insert(0, f"{target}: corrected, {about}")
    lines.insert(1, f"{target.with_suffix('.png')}: preview")
    return lines


def run_export(
    image: Path,
    frame: int | None,
    out: Path,
    for_processing: bool,
    pitch_mm: float | None,
    name: str,
    identifier: str,
    layout: RawLayout | None,
) -> None:
    """Write one corrected image as DICOM DX."""
    from radiography.dicom.write import export_dx

    check_writable(out)
    picture = read_image(image, layout, frame)
    pitch = pitch_mm or picture.pitch_mm
    if pitch is None:
        raise ValueError(f"{image} does not say its pixel pitch, which DICOM needs: give --pitch in mm")
    description = dx_description(picture.metadata, name, identifier)
    export_dx(picture.pixels.astype(np.float32), pitch, out, description, for_processing)
    print(f"{out}: DICOM DX for {'processing' if for_processing else 'presentation'}, {pitch:g} mm pixels")


def dx_description(metadata: Mapping[str, Any], name: str = "", identifier: str = "PHANTOM") -> Any:
    """What a DICOM file says about an image, as far as the image's own metadata knows it."""
    from radiography.dicom.description import DxDescription

    scene = metadata.get("scene")
    anode = {"W": "TUNGSTEN", "Mo": "MOLYBDENUM", "Rh": "RHODIUM", "Au": "GOLD", "Ag": "SILVER"}
    return DxDescription(
        patient_name=name,
        patient_id=identifier,
        series_description=str(scene["description"])[:64] if isinstance(scene, dict) else "",
        model=str(metadata.get("panel", "")),
        serial_number=str(metadata.get("serial", "")),
        detector_id=str(metadata.get("serial", "")),
        detector_description=str(metadata.get("scintillator", "")),
        kvp=metadata.get("kvp"),
        anode=anode.get(str(metadata.get("anode")), ""),
        focal_spot_mm=metadata.get("focal_spot_mm") or None,
        source_to_detector_mm=metadata.get("source_to_detector_mm"),
        air_kerma_uGy=metadata.get("air_kerma_uGy") or None,
    )


def _write_dicom_pair(
    corrected_dn: npt.NDArray[np.float32], pitch_mm: float, stem: Path, metadata: Mapping[str, Any]
) -> list[Path]:
    """For Presentation and For Processing, linked; their paths."""
    from radiography.dicom.write import export_dx

    processing, presentation = stem.with_name(f"{stem.name}_processing.dcm"), stem.with_name(f"{stem.name}.dcm")
    description = dx_description(metadata)
    reference = export_dx(corrected_dn, pitch_mm, processing, description, True)
    export_dx(corrected_dn, pitch_mm, presentation, description, False, predecessor=reference)
    return [presentation, processing]


def _output_names(sources: Sequence[FrameSource], out: Path) -> tuple[Path, list[str]]:
    """Folder and file names of the corrected images."""
    if len(sources) == 1 and not out.is_dir() and out.suffix.lower() in (".tif", ".tiff"):
        check_writable(out)
        return out.parent, [out.name]
    if out.suffix.lower() in (".tif", ".tiff") or out.is_file():
        raise ValueError(
            f"{len(sources)} raw file(s) need --out to be {'a .tif file or ' * (len(sources) == 1)}a folder, got {out}"
        )
    if not out.parent.is_dir():
        raise FileNotFoundError(f"cannot write {out}: the folder {out.parent} does not exist")
    names = [f"{source.path.stem}.tif" for source in sources]
    for source, name in zip(sources, names, strict=True):
        if names.count(name) > 1:
            raise ValueError(
                f"several raw files would become {name}, such as {source.path}: reconstruct them one by one"
            )
        if (out / name).resolve() == source.path.resolve():
            raise ValueError(f"{source.path} would be overwritten by its own corrected image: give another --out")
    return out, names


def _stream(sources: Sequence[FrameSource], progress: Callable[[float], None], done: int, total: int) -> Frames:
    for source in sources:
        for frame in iterate_frames(source):
            done += 1
            progress(done / total)
            yield frame


def _mode_of(sources: Sequence[FrameSource]) -> dict[str, Any]:
    """Panel and mode that all files agree on; files that do not say are taken at their word."""
    mode: dict[str, Any] = {}
    for key in ("panel", "scintillator", *_OF_ONE_PANEL):
        said = [(source, source.metadata[key]) for source in sources if key in source.metadata]
        for source, value in said[1:]:
            if value != said[0][1]:
                raise ValueError(f"{source.path} was taken with {key} {value}, but {said[0][0].path} with {said[0][1]}")
        if said:
            mode[key] = said[0][1]
    return mode


def _refuse_other_panel(sources: Sequence[FrameSource], calibration: CalibrationSet, path: Path) -> None:
    for source in sources:
        if (source.rows, source.cols) != calibration.offset_dn.shape:
            rows, cols = calibration.offset_dn.shape
            raise ValueError(
                f"{source.path} is {source.rows} x {source.cols} but the calibration {path} is {rows} x {cols}"
            )
        for key in _OF_ONE_PANEL:
            own, other = source.metadata.get(key), calibration.provenance.get(key)
            if own is not None and other is not None and own != other:
                raise ValueError(f"{source.path} was taken with {key} {own}, but the calibration {path} with {other}")


def _pitch_of(sources: Sequence[FrameSource]) -> float | None:
    return next((source.pitch_mm for source in sources if source.pitch_mm is not None), None)


def _saturation_of(sources: Sequence[FrameSource]) -> float:
    """Raw value of a saturated pixel: what the files say, or the end of their integer range."""
    for source in sources:
        if "saturation_dn" in source.metadata:
            return float(source.metadata["saturation_dn"])
    dtype = np.dtype(sources[0].dtype)
    return float(np.iinfo(dtype).max) if dtype.kind in "ui" else float(np.finfo(np.float32).max)
