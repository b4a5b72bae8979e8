"""The documentation is true: its code runs, its examples make their pictures, and its tables leave nothing out."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
DOCS = REPOSITORY / "docs"
EXAMPLES = sorted((DOCS / "examples").glob("*.py"))


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module that makes the generated pages."""
    pytest.importorskip("tomlkit", reason="the documentation's packages are not installed")
    monkeypatch.syspath_prepend(str(DOCS))
    import pages

    return pages


@pytest.mark.slow
@pytest.mark.parametrize("page", ["map", "extending", "scenes", "truth", "volumes"])
def test_the_code_of_a_page_runs_in_order(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from radiography.scene import PHANTOMS

    if page == "truth":
        pytest.importorskip("zarr", reason="zarr is not installed")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(PHANTOMS, "pin", "")  # a page may add one: it is gone afterwards
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {"__name__": f"{page}_page"}
    module = type(sys)(f"{page}_page")
    module.__dict__.update(names)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    ran = 0
    for language, block in re.findall(r"^```(python|toml)\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL):
        if language == "toml":
            Path(block.partition("\n")[0].removeprefix("# ")).write_text(block)
        else:
            exec(compile(block, f"{page}.md", "exec"), module.__dict__)
            ran += 1
    assert ran >= 5


def test_every_file_that_a_page_names_is_there() -> None:
    for page in ("map", "extending", "scenes", "truth", "volumes", "benchmark", "index", "glossary"):
        text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
        for name in re.findall(r"`((?:radiography|calibration|phantoms|tests)/[\w/.]+)`", text):
            assert (REPOSITORY / name).exists(), f"{page}.md names {name}"


@pytest.mark.slow
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_makes_its_picture(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    import matplotlib

    if path.stem == "training_data":
        pytest.importorskip("zarr", reason="zarr is not installed")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    monkeypatch.chdir(tmp_path)
    found = runpy.run_path(str(path))
    plt.close("all")
    assert (tmp_path / f"{path.stem}.png").stat().st_size > 10_000
    assert path.with_suffix(".png").exists()  # the one that the documentation shows
    if path.stem == "fluoroscopy":
        assert found["with_lag"][45] > 0.02
        assert abs(found["without_lag"][45]) < 0.1 * found["with_lag"][45]


DATA_SET = """
import sys
sys.modules["radiography"] = None  # whoever imports it fails
from pathlib import Path
text = Path(sys.argv[1]).read_text(encoding="utf-8")
(cell,) = [cell for cell in text.split("\\n# %%") if "class Radiographs" in cell]
exec(compile(cell, "cell", "exec"))
patches = Radiographs(sys.argv[2:], patch=32)
print(len(patches))
group = zarr.open_group(sys.argv[3], mode="r")
seen, wanted, good = (np.asarray(each) for each in patches[len(patches) - 1])
assert seen.shape == wanted.shape == good.shape == (1, 32, 32) and seen.dtype == np.float32
dark, here = group["offset_dn"][:][:32, 32:64], (slice(0, 32), slice(32, 64))
assert np.array_equal(seen[0], ((group["raw_dn"][1][here] - dark) / 1000.0).astype(np.float32))
rest = (group["noise_dn"][1] + group["lag_dn"][1])[here] / 1000.0
assert np.abs(seen[0] - wanted[0] - rest).max() < 0.51 / 1000.0  # the rounding of the ADC
assert np.array_equal(good[0] == 1.0, group["defects"][here] == 0)
"""


@pytest.mark.slow
def test_the_data_set_of_the_example_needs_no_package_of_ours(tmp_path: Path) -> None:
    pytest.importorskip("zarr", reason="zarr is not installed")
    import radiography as rx
    from tests.jobs.test_truth import scene_file

    folders = [tmp_path / f"{seed}.zarr" for seed in range(2)]
    for seed, folder in enumerate(folders):
        rx.simulate_scene(scene_file(tmp_path), tmp_path / "raw.npy", frames=2, truth=folder, seed=seed)
    line = [sys.executable, "-c", DATA_SET, str(DOCS / "examples" / "training_data.py"), *map(str, folders)]
    said = subprocess.run(line, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (said.returncode, said.stdout) == (0, "8\n"), said.stderr  # 2 folders, 2 frames, 1 x 2 patches of 48 x 64


@pytest.mark.slow
def test_frames_of_a_real_panel_go_the_same_way(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    import matplotlib

    matplotlib.use("Agg")
    corrected = runpy.run_path(str(DOCS / "examples" / "real_panel.py"))["corrected"]
    folder = shared_data / "psi_edges"
    frame = corrected(folder / "dc.tif", folder / "ob.tif", folder / "edge20mm_0000.tif")
    assert np.isfinite(frame.corrected_dn[(frame.flags & 8) == 0]).all()
    assert frame.corrected_dn.shape == (600, 600)


def test_every_room_has_a_page(pages: Any, tmp_path: Path) -> None:
    written = pages.write_pages(tmp_path)
    named = {path.stem for path in written if path.parent.name == "rooms"}
    folders = {
        f"{package}.{face.parent.name}"
        for package in ("radiography", "calibration")
        for face in (REPOSITORY / package).glob("*/__init__.py")
    }
    assert folders | {"radiography", "calibration", "phantoms"} <= named
    assert "radiography.panel.readout" in (tmp_path / "rooms" / "radiography.panel.md").read_text()
    stale = tmp_path / "rooms" / "no_more.md"
    stale.write_text("gone")
    pages.write_pages(tmp_path)
    assert not stale.exists()


def test_an_example_becomes_a_page(pages: Any) -> None:
    page = pages.example_page(DOCS / "examples" / "fit_layer.py")
    assert page.startswith("# Fitting a layer to a measured MTF\n")
    assert page.count("```python") == 3
    assert "![" in page and "# %%" not in page


def _numbers(table: dict[str, Any], prefix: str = "") -> list[str]:
    """Dotted keys of every value of a TOML table that is neither text nor true or false."""
    found = []
    for key, value in table.items():
        if isinstance(value, dict):
            found += _numbers(value, f"{prefix}{key}.")
        elif isinstance(value, list) and value and all(isinstance(entry, dict) for entry in value):
            for number, entry in enumerate(value):
                found += [(f"{prefix}{key}[{number}].{inner}") for inner in _numbers(entry)]
        elif not isinstance(value, str | bool):
            found.append(f"{prefix}{key}")
    return found


@pytest.mark.parametrize("folder", ["scintillators", "panels", "beams", "cameras", "scenes"])
def test_every_number_of_the_data_is_in_the_table(pages: Any, folder: str) -> None:
    from assumptions import DATA, assumptions_of

    for path in sorted((DATA / folder).glob("*.toml")):
        rows = assumptions_of(path)
        assert [row.key for row in rows] == _numbers(tomllib.loads(path.read_text(encoding="utf-8"))), path


def test_a_row_says_value_unit_and_source(pages: Any) -> None:
    from assumptions import DATA, assumptions_of, assumptions_page

    rows = {row.key: row for row in assumptions_of(DATA / "scintillators" / "CsI_Tl_500um.toml")}
    assert (rows["thickness_um"].value, rows["thickness_um"].unit, rows["thickness_um"].marks) == (
        "500.0",
        "um",
        ("A",),
    )
    assert rows["transport.crosstalk"].marks[0] == "F"
    assert rows["parts[0].volume_fraction"].marks == ("A",)
    beam = {row.key: row for row in assumptions_of(DATA / "beams" / "paper_70kV.toml")}
    assert beam["filters[0].thickness_mm"].marks == ("A",)
    page = assumptions_page()
    assert "| `FR4` |" in page and "CsPbBr3" in page
