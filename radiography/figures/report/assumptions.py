"""Assumptions of a TOML file as rows: each number with the unit, source and remark that its line gives."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

_SECTION = re.compile(r"\s*\[\[?([^\[\]]+)\]\]?\s*(?:#.*)?$")
_ENTRY = re.compile(r"\s*([A-Za-z_][\w.-]*)\s*=\s*([^#]*?)\s*(?:#\s*(.*))?$")
_ASSUMED = re.compile(r"\[A\b|assumed")


def assumptions_of(path: Path) -> dict[str, Any]:
    """Numbers of a file in its order.

    Parameters
    ----------
    path : Path
        TOML file whose lines read ``key = value  # [unit] [source] remark``.

    Returns
    -------
    file : dict
        ``name``; ``head``, the comment that it begins with; ``assumed``, how many rows say so; ``rows`` of ``key``,
        ``value`` and ``remark``. Text that is no number, such as a name, is left out.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    about = []
    for line in lines:
        if not line.startswith("#"):
            break
        about.append(line.lstrip("# "))
    section, counts, rows = "", dict[str, int](), []
    for line in lines:
        if found := _SECTION.match(line):
            section = found[1].strip()
            if line.lstrip().startswith("[["):
                counts[section] = counts.get(section, -1) + 1
            continue
        entry = _ENTRY.match(line)
        if entry is None or line.lstrip().startswith("#"):
            continue
        key, value, remark = entry[1], entry[2], entry[3] or ""
        if value.startswith(('"', "'")) and not remark:
            continue
        number = f"[{counts[section]}]" if section in counts else ""
        rows.append({"key": f"{section}{number}.{key}" if section else key, "value": value, "remark": remark})
    assumed = sum(1 for row in rows if _ASSUMED.search(row["remark"]))
    return {"name": path.name, "head": " ".join(about), "assumed": assumed, "rows": rows}
