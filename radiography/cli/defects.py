"""`radiography defects`: the bad pixels of a panel by class and group, and what changed since earlier maps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from calibration.defects.ageing import Ageing
from calibration.defects.clusters import DefectGroups, count_groups, group_name, worst_groups
from calibration.flags import SHIELDED, UNCOATED, UNUSABLE, count_flags
from radiography.cli.output import give_json, progress, warn
from radiography.jobs.defects import DefectReport, report_defects
from radiography.jobs.results import defects_to_json

LISTED = 5  # largest groups that are printed


def run_defects(
    map_file: Path,
    earlier: Sequence[str],
    in_runs: float | None,
    image: Path | None,
    table: Path | None,
    overlay: Path | None,
    over: Path | None,
    dicom: Path | None = None,
    pitch_mm: float | None = None,
    json_file: Path | None = None,
) -> None:
    """Print classes, groups and ageing of a defect map; write it as image, table and picture where asked for."""
    with progress() as told:
        report = report_defects(
            map_file,
            earlier=earlier,
            in_runs=in_runs,
            image=image,
            table=table,
            overlay=overlay,
            over=over,
            dicom=dicom,
            pitch_mm=pitch_mm,
            report=told,
        )
    for warning in report.warnings:
        warn(warning)
    _print_classes(report)
    _print_groups(report.groups)
    for sentence in report.not_judged:
        print(f"not judged: {sentence}")
    for step in report.ageing:
        _print_ageing(step)
    for path, what in (
        (image, "defect map, uint16 flags"),
        (table, "table"),
        (overlay, "picture"),
        (dicom, "DICOM DX, the defects burnt in"),
    ):
        if path is not None:
            print(f"{path}: {what}")
    give_json(json_file, defects_to_json(report))


def _print_classes(report: DefectReport) -> None:
    flags = report.flags
    bad = int(np.count_nonzero(flags & UNUSABLE))
    day = f", {report.taken.isoformat()}" if report.taken else ""
    merged = f", bad in {100 * report.in_runs:g} % of {report.maps} maps" if report.in_runs is not None else ""
    size = f"{flags.shape[0]} x {flags.shape[1]} pixels"
    print(f"{report.source}: {size}{day}{merged}: {bad:,} bad ({1e6 * bad / flags.size:.0f} ppm)")
    print(f"{'class':<20}{'pixels':>10}{'ppm':>10}")
    notes = {
        "uncoated": "works, without scintillator or behind a collimator",
        "shielded": "sees no X-rays, is no defect",
    }
    for name, count in count_flags(flags & np.uint16(UNUSABLE | UNCOATED | SHIELDED)).items():
        print(f"{name:<20}{count:>10,}{1e6 * count / flags.size:>10.0f}  {notes.get(name, '')}".rstrip())


def _print_groups(groups: DefectGroups) -> None:
    counts = count_groups(groups).items()
    print(
        "groups: " + ", ".join(f"{count:,} {name}{'s' * (name != 'single' and count != 1)}" for name, count in counts)
    )
    worst = worst_groups(groups, LISTED)
    if worst:
        print("largest:")
    for number in worst:
        top, bottom, left, right = groups.box[number]
        name = group_name(groups, number)
        print(f"  {name:<32}rows {top}:{bottom}, columns {left}:{right}")


def _print_ageing(step: Ageing) -> None:
    time = f", {step.days} days" if step.days is not None else ""
    print(f"from {step.earlier} to {step.later}{time}:")
    print(f"{'class':<20}{'before':>10}{'after':>10}{'new':>10}{'healed':>10}{'stayed':>10}")
    for name, change in [("any", step.any_class), *step.by_class.items()]:
        numbers = (change.before, change.after, change.new, change.healed, change.persistent)
        print(f"{name:<20}" + "".join(f"{number:>10,}" for number in numbers))
    more = step.any_class.after - step.any_class.before
    fraction = f" ({100 * more / step.any_class.before:+.0f} %)" if step.any_class.before else ""
    rate = f", {step.growth_per_1000_days:+,.0f} per 1,000 days" if step.growth_per_1000_days is not None else ""
    print(f"growth: {more:+,} bad pixels{fraction}{rate}")
