"""Walls of the house: who may import whom, and what starts fast."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]

# Rooms by storey, from the bottom. A file imports from its own room and from rooms below, never beside or up.
STOREYS: list[set[str]] = [
    {"phantoms", "calibration", "radiography.analysis"},
    {"radiography.cache", "radiography.noise"},
    {"radiography.beam"},
    {"radiography.projection", "radiography.interaction"},
    {"radiography.light", "radiography.panel", "radiography.scene"},
    {"radiography.camera", "radiography.scenarios"},
    {"radiography.config", "radiography.dose_history", "radiography.field", "radiography.truth"},
    {"radiography.parts"},
    {"radiography.scatter"},
    {"radiography.plan"},
    {"radiography.acquire", "radiography.study", "radiography.presentation"},
    {"radiography.dicom", "radiography.figures"},
    {"radiography.files"},
    {"radiography.sweep"},
    {"radiography.jobs"},
    {"radiography.cli"},
]
CALIBRATION_STOREYS: list[set[str]] = [
    {
        "calibration.flags",
        "calibration.limits",
        "calibration.frame_sums",
        "calibration.whole_file",
        "calibration.own_words",
    },
    {"calibration.conditions"},
    {"calibration.steps"},
    {"calibration.dark", "calibration.lag"},
    {"calibration.response"},
    {"calibration.defects"},
    {"calibration.calibration_set", "calibration.staleness"},
    {"calibration.correction", "calibration.quality"},
    {"calibration.learn", "calibration.correct"},
]
LIES_DIRECTLY_IN = {"radiography": 12, "calibration": 13}  # files at most
UPWARD: dict[str, str] = {}  # imports that climb, each with its reason
LEAVES = {"phantoms": {"phantoms"}, "calibration": {"calibration"}, "radiography.analysis": {"radiography.analysis"}}


def _room(module: str, storeys: list[set[str]]) -> str | None:
    """The room of a module of ours: the longest name of the storeys that it begins with."""
    rooms = [room for storey in storeys for room in storey if f"{module}.".startswith(f"{room}.")]
    return max(rooms, key=len, default=None)


def _climbs(module: str, imported: str, storeys: list[set[str]]) -> bool:
    """Whether an import between rooms does not go down."""
    own, other = _room(module, storeys), _room(imported, storeys)
    if own is None or other is None or own == other or f"{module} -> {other}" in UPWARD:
        return False
    height = {room: number for number, storey in enumerate(storeys) for room in storey}
    return height[other] >= height[own]


def _module(path: Path) -> str:
    return ".".join(path.relative_to(REPOSITORY).with_suffix("").parts).removesuffix(".__init__")


def _files() -> list[Path]:
    found = [p for package in ("phantoms", "calibration", "radiography") for p in (REPOSITORY / package).rglob("*.py")]
    return sorted(found)


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _calls(path: Path) -> list[ast.Call]:
    return [node for node in ast.walk(_tree(path)) if isinstance(node, ast.Call)]


def _imports(path: Path, *, top_level_only: bool) -> set[str]:
    tree = _tree(path)
    nodes = tree.body if top_level_only else list(ast.walk(tree))
    names = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module)
    return names


def test_a_file_imports_only_from_lower_storeys() -> None:
    for path in _files():
        module = _module(path)
        for name in _imports(path, top_level_only=False):
            for storeys in (STOREYS, CALIBRATION_STOREYS):
                assert not _climbs(module, name, storeys), f"{module} imports {name}"


def test_every_file_has_a_room() -> None:
    for path in _files():
        module, package = _module(path), path.relative_to(REPOSITORY).parts[0]
        storeys = CALIBRATION_STOREYS if package == "calibration" else STOREYS
        is_face = path.name == "__init__.py" and path.parent.parent == REPOSITORY
        assert is_face or _room(module, storeys) is not None, module


@pytest.mark.parametrize("leaf", LEAVES)
def test_a_leaf_imports_nothing_else_of_ours(leaf: str) -> None:
    folder = REPOSITORY / leaf.replace(".", "/")
    for path in folder.rglob("*.py"):
        rooms = {_room(name, STOREYS) for name in _imports(path, top_level_only=False)} - {None}
        assert rooms <= LEAVES[leaf], path


@pytest.mark.parametrize("package", LIES_DIRECTLY_IN)
def test_few_files_lie_outside_rooms(package: str) -> None:
    files = sorted(path.name for path in (REPOSITORY / package).glob("*.py*"))
    assert len(files) <= LIES_DIRECTLY_IN[package], files


def test_tests_mirror_the_rooms() -> None:
    """A test folder of a package is named like a room, and holds the tests of its files; two are of no room."""
    rooms = {"radiography": REPOSITORY / "radiography"} | {
        path.name: path for path in (REPOSITORY / "radiography").iterdir() if (path / "__init__.py").exists()
    }
    rooms |= {name: REPOSITORY / name for name in ("calibration", "phantoms")}
    for folder in (REPOSITORY / "tests").iterdir():
        if folder.is_dir() and any(folder.glob("test_*.py")) and folder.name not in ("viewer", "hostile"):
            assert folder.name in rooms, folder
    inside = {path.name for path in (REPOSITORY / "calibration").iterdir() if (path / "__init__.py").exists()}
    for folder in (REPOSITORY / "tests" / "calibration").iterdir():
        assert not any(folder.glob("test_*.py")) or folder.name in inside, folder


def test_only_the_commands_print() -> None:
    for path in _files():
        called = {} if "cli" in path.parts else {call.lineno: call.func for call in _calls(path)}
        printed = [line for line, func in called.items() if isinstance(func, ast.Name) and func.id == "print"]
        assert not printed, f"{path} prints in line {printed}"


def test_slow_libraries_are_imported_where_they_are_used() -> None:
    slow = {"matplotlib", "spekpy", "trimesh"}
    for path in _files():
        assert not {name.partition(".")[0] for name in _imports(path, top_level_only=True)} & slow, path


def test_help_imports_no_slow_library() -> None:
    code = (
        "import sys\n"
        "from radiography.cli import run\n"
        "run(['--help'])\n"
        "print(sorted({'numba', 'numpy', 'scipy', 'spekpy', 'matplotlib', 'pydicom', 'xraylib'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "[]"


def test_a_scene_is_found_valid_before_a_kernel_is_loaded() -> None:
    code = (
        "import sys\n"
        "from radiography.jobs.valid import validate_scene\n"
        "validate_scene('card')\n"
        "print(sorted({'numba', 'scipy', 'matplotlib', 'pydicom', 'tifffile'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "[]"


def test_no_file_is_over_500_lines() -> None:
    long = [p for p in _files() if len(p.read_text(encoding="utf-8").splitlines()) > 500]
    assert not long


MOST_POSITIONAL = 7  # arguments of a call; more are given by name, or as one record


def test_no_call_has_eight_positional_arguments() -> None:
    for path in _files():
        long = [f"{call.lineno}: {ast.unparse(call.func)}" for call in _calls(path) if len(call.args) > MOST_POSITIONAL]
        assert not long, f"{path}: {long}"


def test_kernels_say_what_they_take_and_give() -> None:
    for path in _files():
        for node in ast.walk(_tree(path)):
            if isinstance(node, ast.FunctionDef) and any("njit" in ast.unparse(mark) for mark in node.decorator_list):
                given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
                untyped = [argument.arg for argument in given if argument.annotation is None]
                assert not untyped and node.returns is not None, f"{path}: kernel {node.name}, {untyped}"


SENTENCES = ("This ", "What ", "How ", "Which ", "Where ", "Whether ", "When ", "Why ")


def test_titles_of_files_are_no_sentences() -> None:
    """The first line of a file's docstring names what is in it."""
    for path in _files():
        title = (ast.get_docstring(_tree(path)) or "").partition("\n")[0]
        assert title and not title.startswith(SENTENCES), f"{path}: '{title}'"


@pytest.mark.skipif(not (REPOSITORY / ".git").exists(), reason="what is kept is known in a clone only")
def test_no_image_is_kept_in_the_root() -> None:
    """What somebody tried out is not part of the project."""
    listed = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    images = {".tif", ".dcm", ".cal", ".png", ".npy", ".raw", ".h5"}
    assert [name for name in listed.split("\n") if "/" not in name and Path(name).suffix in images] == []
