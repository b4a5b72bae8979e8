"""The wheel: all that an installed package needs is in it, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGES = ("radiography", "calibration", "phantoms")
SUFFIXES = {".py", ".pyi", ".typed", ".toml", ".html", ".css", ".js", ".txt"}


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Names of the files in a freshly built wheel."""
    pytest.importorskip("build")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(REPOSITORY)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        return set(file.namelist())


@pytest.mark.slow
def test_every_file_of_the_packages_is_in_the_wheel(contents: set[str]) -> None:
    tracked = {
        path.relative_to(REPOSITORY).as_posix()
        for package in PACKAGES
        for path in (REPOSITORY / package).rglob("*")
        if path.suffix in SUFFIXES
    }
    assert {name for name in contents if ".dist-info/" not in name} == tracked


def test_data_stubs_and_licences_are_in_the_wheel(contents: set[str]) -> None:
    wanted = {f"{package}/{name}" for package in PACKAGES for name in ("__init__.pyi", "py.typed")}
    wanted |= {"radiography/data/materials.toml", "radiography/data/scenes/edge.toml"}
    wanted |= {"calibration/defects/presets/e2597.toml", "calibration/quality/limits/qc_limits.toml"}
    wanted |= {f"radiography/data/viewer/{name}" for name in ("page.html", "cornerstone.js", "NOTICES.txt")}
    assert wanted <= contents
    licences = {name.rpartition("/")[2] for name in contents if "/licenses/" in name}
    assert licences == {"LICENSE", "THIRD_PARTY.md"}
