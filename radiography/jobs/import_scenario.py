"""Import of a scene of another program: what is taken, approximated and refused, and the files that it makes."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from radiography.files.frames import sha256_of, write_tiff
from radiography.jobs.inputs import Report, all_or_none, check_at_least, check_folder, no_report
from radiography.jobs.json_text import write_json
from radiography.jobs.valid import validate_scene
from radiography.scenarios.ctsimu import read_ctsimu
from radiography.scenarios.gvxr import read_gvxr
from radiography.scenarios.imported import ImportedScene, read_json
from radiography.scenarios.ledger import Ledger

RECORD = "import.json"  # by which an import knows the files of an earlier one
_MADE_BY = "radiography import"


@dataclass(frozen=True, eq=False)
class ScenarioImport:
    """A foreign scene, key by key.

    Attributes
    ----------
    source, format : Path, str
        The file, and which program's it is.
    taken, approximated, refused : mapping of str to str
        Keys of the file, each with all that is below it, and what became of them.
    scene : ImportedScene
        What was understood.
    files : tuple of Path
        What was written, the scene first and the record of them last.
    """

    source: Path
    format: str
    taken: Mapping[str, str]
    approximated: Mapping[str, str]
    refused: Mapping[str, str]
    scene: ImportedScene
    files: tuple[Path, ...]


def import_scenario(
    scenario: str | Path,
    *,
    projection: int = 0,
    out: str | Path | None = None,
    picture: bool = False,
    seed: int = 1,
    report: Report = no_report,
) -> ScenarioImport:
    """A scene of CTSimU (1.x) or gVXR (1.0) as one of ours.

    Parameters
    ----------
    scenario : str or Path
        JSON file; meshes and spectra lie beside or below it.
    projection : int
        Projection of a scan, from 0. [1]
    out : str or Path, optional
        Folder for scene.toml, its panel, beam and meshes, and the record of them, import.json. Files of an earlier
        import are written over, if they are as it left them.
    picture : bool
        Also projection.tif and flat.tif: the scene as the scenario's own ideal detector sees it.
    seed : int
        Of that picture's noise. [1]
    report : callable
        Called with what is being done and the fraction of it that is done, 0 to 1.

    Returns
    -------
    found : ScenarioImport

    Raises
    ------
    ValueError, OSError
        In one sentence, if no scene can result, a file cannot be read or written, or one would be written over that
        no import has written, or that was changed since.
    """
    scenario = Path(scenario)
    if picture and out is None:
        raise ValueError("--picture needs --out, the folder to write to")
    check_at_least("seed", seed, 0)
    if out is not None:
        check_folder(Path(out))
    data = read_json(scenario)
    ledger = Ledger(data)
    if "Detector" in data and "Source" in data:
        program, read = "gVXR", read_gvxr
    elif "geometry" in data and "detector" in data:
        program, read = "CTSimU", read_ctsimu
    else:
        raise ValueError(
            f"{scenario} must be a CTSimU scenario (geometry, detector) or a gVXR scene (Detector, Source)"
        )
    scene = read(ledger, scenario.parent, projection)
    ledger.close()
    files: tuple[Path, ...] = ()
    if out is not None:
        files = _write(scene, Path(out), scenario, picture, seed, report)
    return ScenarioImport(scenario, program, ledger.taken, ledger.approximated, ledger.refused, scene, files)


def _write(
    scene: ImportedScene, out: Path, scenario: Path, picture: bool, seed: int, report: Report
) -> tuple[Path, ...]:
    from radiography.scenarios.write import scene_files

    contents = scene_files(scene)
    names = ["scene.toml", *sorted(name for name in contents if name != "scene.toml")]
    read = [scenario, scene.tube.spectrum_file, *(sample.file for sample in scene.samples)]
    inputs = {path.resolve() for path in read if path is not None}
    for name in (*names, "projection.tif", "flat.tif", RECORD):
        if (out / name).resolve() in inputs:
            raise ValueError(f"{out / name} would overwrite what the scenario is read from; choose another folder")
    shots = ["projection.tif", "flat.tif"] if picture else []
    earlier = _refuse_foreign(out, [*names, *shots])
    _check(contents)
    pictures = None
    if picture:
        from radiography.scenarios.ideal_detector import ideal_pictures

        report("projecting", 0.0)
        pictures = ideal_pictures(scene, seed)
    targets = [out / name for name in (*names, *shots, RECORD)]
    out.mkdir(exist_ok=True)
    with all_or_none(*targets) as parts:
        for name in names:
            parts[out / name].write_bytes(contents[name])
        if pictures is not None:
            about = {"scenario": scenario.name, "seed": seed}
            write_tiff(parts[out / "projection.tif"], pictures.projection, scene.detector.pitch_mm, about)
            write_tiff(parts[out / "flat.tif"], pictures.flat, scene.detector.pitch_mm, about)
        made = {name: sha256_of(parts[out / name]) for name in (*names, *shots)}
        write_json(parts[out / RECORD], {"made_by": _MADE_BY, "files": {**earlier, **made}})
    return tuple(targets)


def _refuse_foreign(out: Path, names: Sequence[str]) -> dict[str, str]:
    """Complain about files to be written over that no import has written so; hashes of what earlier ones have."""
    made = _earlier(out / RECORD)
    there = [name for name in names if (out / name).exists()]
    if made is None:
        there += [RECORD] if (out / RECORD).exists() else []
        if there:
            raise ValueError(
                f"{out} holds {', '.join(there)} but no {RECORD} of an import, so they are not written over: give the "
                "import another folder"
            )
        return {}
    for name in there:
        if not (out / name).is_file() or sha256_of(out / name) != made.get(name):
            raise ValueError(
                f"{out / name} is not as an earlier import left it, so it is not written over: give the import another "
                "folder, or remove that file"
            )
    return made


def _earlier(record: Path) -> dict[str, str] | None:
    """Hashes of files by name, as earlier imports recorded them; None where there is no record of ours."""
    try:
        found = json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(found, dict) or found.get("made_by") != _MADE_BY or not isinstance(found.get("files"), dict):
        return None
    return {str(name): str(digest) for name, digest in found["files"].items()}


def _check(contents: Mapping[str, bytes]) -> None:
    """Refuse what `check` would refuse, before anything is written or computed."""
    with TemporaryDirectory() as folder:
        for name, content in contents.items():
            (Path(folder) / name).write_bytes(content)
        try:
            validate_scene(Path(folder) / "scene.toml")
        except ValueError as error:
            raise ValueError(f"no scene can result: {str(error).replace(f'{folder}{os.sep}', '')}") from error
