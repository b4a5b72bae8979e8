"""Commented templates of the files that a user writes."""

from __future__ import annotations

from pathlib import Path

from calibration.whole_file import whole_file
from radiography.config import DATA_FOLDER

TEMPLATES = DATA_FOLDER / "templates"
KINDS = ("scene", "scintillator", "panel", "about", "pipeline", "limits", "subject", "picture", "sweep")


def template(kind: str) -> str:
    """A file that runs as it stands, with every key that it may hold, its unit and its default.

    Parameters
    ----------
    kind : str
        One of `KINDS`.

    Returns
    -------
    text : str
        TOML.

    Raises
    ------
    ValueError
        If there is no such template.
    """
    if kind not in KINDS:
        raise ValueError(f"no template '{kind}'; known: {', '.join(KINDS)}")
    return (TEMPLATES / f"{kind}.toml").read_text(encoding="utf-8")


def write_template(kind: str, out: str | Path) -> Path:
    """Write a template to a new file.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    out : str or Path
        A .toml file that does not exist.

    Returns
    -------
    out : Path

    Raises
    ------
    ValueError
        If there is no such template, or the file does not end in .toml.
    FileExistsError
        If the file exists: it may have been changed by hand.
    OSError
        If it cannot be written.
    """
    out, text = Path(out), template(kind)
    if out.suffix != ".toml":
        raise ValueError(f"a template is a .toml file, got {out}")
    if out.exists():
        raise FileExistsError(f"{out} exists and is left as it is; give --out another name")
    with whole_file(out) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
    return out
