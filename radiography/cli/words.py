"""Words of a command line: lists of files spelled out, and the names that a shell completes."""

from __future__ import annotations

import enum
import glob
from collections.abc import Callable
from pathlib import Path

_FILE_LIST_OPTIONS = {
    *("--dark", "--flat", "--lag", "--check", "--earlier", "--edge", "--flats", "--response"),
    *("--unseen-flat", "--unseen-edge", "--unseen-lag"),
}


def shipped_names(folder: str) -> Callable[[str], list[str]]:
    """Completion of what ships in a folder of data; a shell completes files by itself where nothing matches."""

    def beginning_with(incomplete: str) -> list[str]:
        paths = (Path(__file__).parents[1] / "data" / folder).glob(f"{glob.escape(incomplete)}*.toml")
        return sorted(path.stem for path in paths)

    return beginning_with


SCENES, SCINTILLATORS, PANELS, BEAMS = (
    shipped_names(folder) for folder in ("scenes", "scintillators", "panels", "beams")
)


class Kind(enum.StrEnum):
    """What `radiography list` can list."""

    scintillators = "scintillators"
    panels = "panels"
    beams = "beams"
    phantoms = "phantoms"
    scenes = "scenes"
    pictures = "pictures"


class Edition(enum.StrEnum):
    """Whose fluence `radiography dqe` takes for an RQA beam."""

    iec_2015 = "2015"
    iec_2003 = "2003"
    computed = "computed"


class Measure(enum.StrEnum):
    """What `radiography measure` judges images by."""

    lag = "lag"
    uniformity = "uniformity"
    snr = "snr"
    cnr = "cnr"
    contrast_detail = "contrast-detail"
    duplex = "duplex"
    step_wedge = "step-wedge"
    linearity = "linearity"


class Template(enum.StrEnum):
    """What `radiography init` writes."""

    scene = "scene"
    scintillator = "scintillator"
    panel = "panel"
    about = "about"
    pipeline = "pipeline"
    limits = "limits"
    subject = "subject"
    picture = "picture"
    sweep = "sweep"


def spell_out_file_lists(arguments: list[str]) -> list[str]:
    """Give every file after --dark and its like its own option, so that `--dark *.tif` means all of them."""
    spelled: list[str] = []
    option = None
    for argument in arguments:
        if argument.startswith("-") and argument != "-":
            option = argument if argument in _FILE_LIST_OPTIONS else None
            if option is None:
                spelled.append(argument)
        elif option is not None:
            spelled += [option, argument]
        else:
            spelled.append(argument)
    return spelled
