"""Beam of a panel's frames as a file, from what is on the console: tube voltage and filters."""

from __future__ import annotations

import json
from collections.abc import Sequence

from radiography.beam.tube import Beam


def twin_beam(
    name: str,
    kvp: float,
    filters: Sequence[tuple[str, float]],
    *,
    anode: str = "W",
    anode_angle_deg: float = 12.0,
    air_path_mm: float = 1000.0,
) -> Beam:
    """Beam of given tube voltage and filtration.

    Parameters
    ----------
    name : str
        For messages and records.
    kvp : float
        Tube voltage. [kV]
    filters : sequence of (str, float)
        Material and thickness of inherent and added filters. [mm]
    anode : str
        Target.
    anode_angle_deg : float
        [deg]
    air_path_mm : float
        Air between tube and panel. [mm]

    Returns
    -------
    beam : Beam

    Raises
    ------
    ValueError
        If the voltage is out of range or a material unknown.
    """
    return Beam(
        name=name,
        kvp=float(kvp),
        filters=tuple((material, float(thickness_mm)) for material, thickness_mm in filters),
        source="tube voltage and filters as given with the frames",
        anode=anode,
        anode_angle_deg=anode_angle_deg,
        air_path_mm=air_path_mm,
        notes="spectrum computed from voltage and filters; half-value layer not checked",
    )


def beam_text(beam: Beam, comments: Sequence[str] = ()) -> str:
    """A beam as a file that `load_beam` reads, under comment lines.

    Parameters
    ----------
    beam : Beam
        What is written.
    comments : sequence of str
        A line each, above it.

    Returns
    -------
    text : str
    """
    lines = [f"# {' '.join(comment.split())}" for comment in comments]
    lines += [f"kvp = {beam.kvp!r}", f"anode = {_quoted(beam.anode)}", f"anode_angle_deg = {beam.anode_angle_deg!r}"]
    if beam.target_thickness_um is not None:
        lines.append(f"target_thickness_um = {beam.target_thickness_um!r}")
    lines.append("filters = [")
    lines += [f"    {{ material = {_quoted(name)}, thickness_mm = {float(mm)!r} }}," for name, mm in beam.filters]
    lines += ["]", f"air_path_mm = {beam.air_path_mm!r}", f"source = {_quoted(beam.source)}"]
    lines.append(f"notes = {_quoted(beam.notes)}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
