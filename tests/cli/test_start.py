"""What a command loads before it has looked at its arguments: nothing that takes long and that it may not need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import radiography.cli
from radiography.cli import run

COMMANDS = sorted(path.stem for path in Path(radiography.cli.__file__).parent.glob("[a-z]*.py"))
# Packages that take 0.1 s to 2 s to load; those who need them load them where they use them.
HEAVY = (
    "cv2", "dask", "distributed", "matplotlib", "pydicom", "rich", "scipy.fft", "scipy.interpolate",
    "scipy.linalg", "scipy.ndimage",
    "scipy.optimize", "scipy.signal", "scipy.sparse", "scipy.spatial", "scipy.special", "scipy.stats", "spekpy",
    "trimesh", "xraylib",
)  # fmt: skip


def _loaded(modules: list[str], looked_for: tuple[str, ...]) -> list[str]:
    """Those of some packages that importing these modules brings in, in a new process."""
    program = (
        f"import importlib, sys\nfor name in {modules!r}:\n    importlib.import_module(name)\n"
        f"print(*[name for name in {looked_for!r} if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return run.stdout.split()


@pytest.mark.slow
def test_no_command_loads_a_heavy_package_before_its_work() -> None:
    assert "calibrate" in COMMANDS
    assert _loaded([f"radiography.cli.{name}" for name in COMMANDS], HEAVY) == []


@pytest.mark.slow
@pytest.mark.parametrize("command", ["listing", "export"])
def test_commands_without_kernels_do_not_load_numba(command: str) -> None:
    assert _loaded([f"radiography.cli.{command}"], ("numba",)) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("mtf x.tif --pitch abc", "Invalid value for '--pitch': must be a valid number, got 'abc'"),
        ("demo --frames 1.5", "Invalid value for '--frames': must be a valid integer, got '1.5'"),
        ("list screens", "Invalid value for 'kind': 'screens' is not one of 'scintillators',"),
        ("simulate edge --out x.tif --frames 20001", "frames must be 20000 or fewer, got 20001"),
        ("demo --frames 99999999999999999999999", "frames must be 20000 or fewer, got 99999999999999999999999"),
    ],
)
def test_a_wrong_value_is_said_in_our_words(
    capsys: pytest.CaptureFixture[str], arguments: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(arguments.split()) == 2
    assert capsys.readouterr().err.startswith(f"radiography: {sentence}")
    assert not list(tmp_path.iterdir())
