"""`radiography info`: what a file of frames holds and says of itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from calibration.conditions import conditions_to_json
from radiography.cli.output import give_json, print_result, progress, warn
from radiography.files.frames import RawLayout
from radiography.jobs.info import FileInfo, describe_files, info_to_json

_TOLD_ELSEWHERE = ("pitch_mm", "saturation_dn", "saturation_source")


def run_info(files: Sequence[str], json_file: Path | None, layout: RawLayout | None) -> None:
    """Print what was read of each file; one file gives a JSON object, several a list."""
    with progress() as report:
        found = describe_files(list(files), layout=layout, report=report)
    for each in found:
        if json_file != Path("-"):
            print_result(_text(each))
        for warning in each.source.warnings:
            warn(f"{each.source.path}: {warning.removeprefix(f'{each.source.path}: ')}")
    values = [info_to_json(each) for each in found]
    give_json(json_file, values[0] if len(values) == 1 else values)


def _text(found: FileInfo) -> str:
    source, seen = found.source, found.range
    frames = "1 frame" if source.count == 1 else f"{source.count} frames"
    inside = f"::{source.dataset}" if source.dataset else ""
    pitch = "not said" if source.pitch_mm is None else f"{source.pitch_mm:g} mm"
    if source.pitch_source:
        pitch += f", from {source.pitch_source}"
    known = {k: v for k, v in conditions_to_json(source.conditions).items() if k not in _TOLD_ELSEWHERE}
    raw = source.stage in (None, "raw")
    unknown = "not said, and no pixel was clipped" if raw else "not asked of frames that are not raw"
    saturation = str(found.saturation).removeprefix("saturation ") if found.saturation else unknown
    values = (
        f"{seen.least:.7g} to {seen.greatest:.7g}; {_percent(seen.share_least)} of the pixels at the least, "
        f"{_percent(seen.share_greatest)} at the greatest"
    )
    if seen.not_finite:
        values += f"; {seen.not_finite} pixels are NaN or infinite"
    lines = {
        "stage": source.stage or "not said",
        "pitch": pitch,
        "values": values,
        "saturation": saturation,
        "conditions": ", ".join(f"{name} {value}" for name, value in known.items()) or "not said",
    }
    head = f"{source.path}{inside}: {source.format}, {frames} of {source.rows} x {source.cols} {source.dtype}"
    return "\n".join([head, *(f"  {name:<11} {line}" for name, line in lines.items())])


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
