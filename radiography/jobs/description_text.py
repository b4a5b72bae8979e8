"""Descriptions as TOML text that `radiography.config` reads."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from radiography.beam.tube import Beam


def description_text(table: Mapping[str, Any], comments: Sequence[str]) -> str:
    """A description as TOML, under comment lines.

    Parameters
    ----------
    table : mapping
        Values, tables and lists of them, as `dataclasses.asdict` gives them; what is None is left out.
    comments : sequence of str
        A line each, above it.

    Returns
    -------
    text : str
        Ends with a new line.
    """
    lines = [f"# {' '.join(comment.split())}" for comment in comments]
    return "\n".join([*lines, "", *_toml_lines(_present(dict(table)), "")]).rstrip() + "\n"


def beam_text(beam: Beam, comments: Sequence[str]) -> str:
    """A beam as a file that `radiography.config.load_beam` reads, under comment lines; its name is the file's.

    Parameters
    ----------
    beam : Beam
        What is written.
    comments : sequence of str
        A line each, above it.

    Returns
    -------
    text : str
        Ends with a new line.
    """
    filters = [{"material": material, "thickness_mm": float(thickness_mm)} for material, thickness_mm in beam.filters]
    return description_text({**asdict(beam), "name": None, "filters": filters}, comments)


def _present(value: Any) -> Any:
    """Without what is None, all the way down."""
    if isinstance(value, dict):
        return {key: _present(entry) for key, entry in value.items() if entry is not None}
    if isinstance(value, list | tuple):
        return [_present(entry) for entry in value]
    return value


def _toml_lines(table: dict[str, Any], path: str) -> list[str]:
    """Lines of a table: its values first, then its tables and lists of tables."""
    plain, tables = [], []
    for key, value in table.items():
        inner = f"{path}.{key}" if path else key
        if isinstance(value, dict):
            tables += ["", f"[{inner}]", *_toml_lines(value, inner)]
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for entry in value:
                tables += ["", f"[[{inner}]]", *_toml_lines(entry, inner)]
        else:
            plain.append(f"{key} = {_toml_value(value)}")
    return plain + tables


def _toml_value(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_toml_value(entry) for entry in value)}]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)
