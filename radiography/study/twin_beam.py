"""Beam of a panel's frames as a file."""

from __future__ import annotations

import json
from collections.abc import Sequence

from radiography.beam.tube import Beam


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
