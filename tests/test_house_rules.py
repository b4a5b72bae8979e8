"""Walls of the house: who may import whom, and what starts fast."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]

# Storeys from the bottom; a file imports only from storeys below its own.
STOREYS: list[set[str]] = [
    {"phantoms", "calibration", "radiography.analysis"},
    {
        "radiography.projection.geometry",
        "radiography.beam.attenuation",
        "radiography.cache",
        "radiography.noise",
    },
    # what things are
    {
        "radiography.beam.tube",
        "radiography.light.optics",
        "radiography.interaction.photon_tables",
        "radiography.files.formats",
    },
    {"radiography.light.scintillator", "radiography.beam.spectrum", "radiography.scene", "radiography.files.frames"},
    {"radiography.panel.panel", "radiography.interaction.photon_transport", "radiography.light.film_kernels"},
    {"radiography.panel.maps", "radiography.config", "radiography.light.column_kernels"},
    # computed once for a layer, or for a scene
    {
        "radiography.interaction.absorption",
        "radiography.light.transport",
        "radiography.projection.surfaces",
        "radiography.truth.event_kernels",
    },
    {"radiography.interaction.beam_absorption", "radiography.light.by_depth", "radiography.projection.rays"},
    {"radiography.projection.kernels", "radiography.light.layer_light", "radiography.panel.direct_detection"},
    {"radiography.projection.project", "radiography.study.layer_report", "radiography.study.layer_measurement"},
    {"radiography.study.layer_studies", "radiography.study.response_surface"},
    {"radiography.study.surface_search"},
    {"radiography.study.layer_fit"},
    # the stages of a frame: never each other
    {
        "radiography.light.spread",
        "radiography.light.decay",
        "radiography.panel.photodiode",
        "radiography.panel.trapping",
        "radiography.panel.readout",
        "radiography.presentation.processing",
    },
    {"radiography.acquire", "radiography.truth.event_frame", "radiography.study.frame_residual"},
    {"radiography.dicom", "radiography.figures"},
    {"radiography.cli"},
]
MAY_IMPORT_WITHIN = {  # rooms of several files
    "phantoms",
    "calibration",
    "radiography.analysis",
    "radiography.dicom",
    "radiography.figures",
    "radiography.cli",
}
LEAVES = {"phantoms": {"phantoms"}, "calibration": {"calibration"}, "radiography.analysis": {"radiography.analysis"}}


def _room(module: str) -> str | None:
    """The room of a module of ours: the longest name of the storeys that it begins with."""
    rooms = [room for storey in STOREYS for room in storey if f"{module}.".startswith(f"{room}.")]
    return max(rooms, key=len, default=None)


def _storey(room: str) -> int:
    return next(number for number, storey in enumerate(STOREYS) if room in storey)


def _files() -> list[Path]:
    found = [p for package in ("phantoms", "calibration", "radiography") for p in (REPOSITORY / package).rglob("*.py")]
    return [path for path in found if path.relative_to(REPOSITORY) != Path("radiography/__init__.py")]


def _imports(path: Path, *, top_level_only: bool) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if top_level_only else list(ast.walk(tree))
    names = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module)
    return names


@pytest.mark.parametrize("path", _files(), ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_a_file_imports_only_from_lower_storeys(path: Path) -> None:
    module = ".".join(path.relative_to(REPOSITORY).with_suffix("").parts).removesuffix(".__init__")
    own = _room(module)
    assert own is not None or not path.read_text(encoding="utf-8").count("import"), f"{module} has no room"
    for name in _imports(path, top_level_only=False):
        other = _room(name)
        if other is None or (other == own and own in MAY_IMPORT_WITHIN):
            continue
        if (own, other) == ("radiography.files.formats", "radiography.dicom"):
            continue  # the reader of DICOM frames, imported inside the function that meets such a file
        assert _storey(other) < _storey(own), f"{module} imports {name}"


@pytest.mark.parametrize("leaf", LEAVES)
def test_a_leaf_imports_nothing_else_of_ours(leaf: str) -> None:
    folder = REPOSITORY / leaf.replace(".", "/")
    for path in folder.rglob("*.py"):
        rooms = {_room(name) for name in _imports(path, top_level_only=False)} - {None}
        assert rooms <= LEAVES[leaf], path


@pytest.mark.parametrize("path", _files(), ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_only_the_commands_print(path: Path) -> None:
    if "cli" in path.parts:
        return
    calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    printed = [call.lineno for call in calls if isinstance(call.func, ast.Name) and call.func.id == "print"]
    assert not printed, f"{path} prints in line {printed}"


@pytest.mark.parametrize("path", _files(), ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_slow_libraries_are_imported_where_they_are_used(path: Path) -> None:
    slow = {"matplotlib", "spekpy", "trimesh"}
    assert not {name.partition(".")[0] for name in _imports(path, top_level_only=True)} & slow


def test_help_imports_no_slow_library() -> None:
    code = (
        "import sys\n"
        "from radiography.cli import run\n"
        "run(['--help'])\n"
        "print(sorted({'numba', 'numpy', 'scipy', 'spekpy', 'matplotlib', 'pydicom', 'xraylib'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "[]"


def test_no_file_is_over_500_lines() -> None:
    long = [p for p in _files() if len(p.read_text(encoding="utf-8").splitlines()) > 500]
    assert not long
