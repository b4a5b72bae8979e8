"""The packages' faces: every name that a stub promises is there, nothing slow is imported before it is used."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGES = ("radiography", "calibration", "phantoms")
SLOW = {"numba", "numpy", "scipy", "spekpy", "matplotlib", "pydantic", "pydicom", "xraylib", "tifffile"}


def promised(package: str) -> list[str]:
    """Names in the ``__all__`` of a package's stub."""
    tree = ast.parse((REPOSITORY / package / "__init__.pyi").read_text(encoding="utf-8"))
    (names,) = [node.value for node in tree.body if isinstance(node, ast.Assign) and _assigns(node, "__all__")]
    return list(ast.literal_eval(names))


def _assigns(node: ast.Assign, name: str) -> bool:
    return any(isinstance(target, ast.Name) and target.id == name for target in node.targets)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_promised_name_is_there(package: str) -> None:
    face = importlib.import_module(package)
    assert set(promised(package)) == set(face.__all__) == set(dir(face))
    for name in promised(package):
        assert getattr(face, name) is not None


def test_the_way_back_is_that_of_calibration() -> None:
    import calibration
    import radiography

    assert set(calibration.__all__) < set(radiography.__all__)
    assert all(getattr(radiography, name) is getattr(calibration, name) for name in calibration.__all__)


@pytest.mark.parametrize("package", PACKAGES)
def test_an_unknown_name_is_refused(package: str) -> None:
    with pytest.raises(AttributeError, match="no_such_thing"):
        _ = importlib.import_module(package).no_such_thing


@pytest.mark.parametrize("package", PACKAGES)
def test_a_face_imports_nothing_slow(package: str) -> None:
    code = (
        "import sys, time\n"
        "start = time.process_time()\n"
        f"import {package}\n"
        "spent = time.process_time() - start\n"
        f"print(spent, *({SLOW!r} & set(sys.modules)))"
    )
    found = []
    for _ in range(3):  # the best of three: the first may have to write byte code
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        spent_s, *imported = result.stdout.split()
        assert not imported
        found.append(float(spent_s))
    assert min(found) < 0.15


@pytest.mark.slow
def test_the_types_of_the_face_are_those_of_its_functions(tmp_path: Path) -> None:
    (tmp_path / "user.py").write_text(
        "import calibration\n"
        "import phantoms\n"
        "import radiography as rx\n"
        'reveal_type(rx.load_scene("edge"))\n'
        "reveal_type(rx.learn_panel)\n"
        "reveal_type(calibration.correct_frame)\n"
        "reveal_type(phantoms.step_wedge())\n"
    )
    options = ["--strict", "--no-error-summary", "--config-file", str(REPOSITORY / "pyproject.toml")]
    result = subprocess.run(
        [sys.executable, "-m", "mypy", *options, str(tmp_path / "user.py")],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    shown = [line.partition('"')[2].rstrip('"') for line in result.stdout.splitlines() if "Revealed" in line]
    assert result.returncode == 0, result.stdout + result.stderr
    assert [kind.rpartition("-> ")[2] for kind in shown] == [
        "radiography.scene.Scene",
        "calibration.calibration_set.CalibrationSet",
        "calibration.correct.CorrectedFrame",
        "phantoms.solids.Phantom",
    ]


@pytest.mark.parametrize("package", PACKAGES)
def test_the_packages_say_that_they_are_typed(package: str) -> None:
    assert (REPOSITORY / package / "py.typed").exists()


def test_the_version_is_that_of_the_installed_package() -> None:
    from importlib.metadata import version

    import radiography

    assert radiography.__version__ == version("radiography")
