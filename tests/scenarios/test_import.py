"""Scenes of other programs: every key is in a list, places are those of the official toolbox, what is made runs."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from phantoms.mesh_file import load_mesh
from radiography.beam.attenuation import linear_attenuation_per_mm, material
from radiography.cli import run
from radiography.config import load_scene
from radiography.jobs.import_scenario import import_scenario
from radiography.light.scintillator import layer_material
from radiography.parts import SceneParts, load_parts
from radiography.scenarios.ideal_detector import counted_keV, gaussian_sigma_mm
from radiography.scenarios.ledger import leaves
from tests.scenarios.scenario_files import prism, write_stl

BOX = prism(np.array([[0.0, -1, -1], [0, 1, -1], [0, 1, 1], [0, -1, 1]]), np.array([-1.0, 0, 0]), np.array([1.0, 0, 0]))


def _vector(names: str, *values: float, unit: str | None = None) -> dict[str, Any]:
    return {name: {"value": value, "unit": unit} for name, value in zip(names, values, strict=True)}


def _frame(*centre: float) -> dict[str, Any]:
    return {
        "center": _vector("xyz", *centre, unit="mm"),
        "vector_u": _vector("xyz", 0, -1, 0),
        "vector_w": _vector("xyz", 1, 0, 0),
    }


def _scenario() -> dict[str, Any]:
    """A box of iron on a stage, a tilted detector."""
    stage = {
        "center": _vector("xyz", 0.5, 0, 0, unit="m"),
        "vector_u": _vector("xyz", 1, 0, 0),
        "vector_w": _vector("xyz", 0, 0, 1),
    }
    turn = {"type": "rotation", "axis": "w", "amount": {"value": 0.1, "unit": "rad"}}
    tilt = {"type": "rotation", "axis": _vector("uvw", 0, 1, 0), "amount": {"value": 5, "unit": "deg"}}
    shift = {"type": "translation", "axis": "z", "amount": {"value": 3000, "unit": "um"}}
    position = {
        "center": _vector("uvw", 1, 2, 3, unit="mm"),
        "vector_r": _vector("uvw", 1, 0, 0),
        "vector_t": _vector("uvw", 0, 0, 1),
        "deviations": [turn],
    }
    return {
        "file": {"name": "box", "file_type": "CTSimU Scenario", "file_format_version": {"major": 1, "minor": 2}},
        "geometry": {
            "detector": {**_frame(1000, 0, 0), "deviations": [tilt, shift]},
            "source": {**_frame(0, 0, 0), "type": "cone"},
            "stage": stage,
        },
        "detector": {
            "type": "ideal",
            "columns": {"value": 64, "unit": "px"},
            "rows": {"value": 48, "unit": "px"},
            "pixel_pitch": _vector("uv", 0.5, 0.5, unit="mm"),
            "gray_value": {"imax": {"value": 50000}},
            "integration_time": {"value": 1.0, "unit": "s", "drifts": [{"value": [0, 0.1]}], "uncertainty": None},
        },
        "source": {
            "voltage": {"value": 100, "unit": "kV"},
            "current": {"value": 100, "unit": "uA"},
            "target": {"material_id": "W", "angle": {"emission": {"value": 20, "unit": "deg"}}},
            "window": [{"material_id": "Al", "thickness": {"value": 2, "unit": "mm"}}],
            "colour": "green",
        },
        "samples": [
            {
                "name": "box",
                "file": {"value": "box.stl"},
                "unit": "mm",
                "material_id": "steel",
                "scaling_factor": _vector("rst", 2, 1, 1),
                "position": position,
            }
        ],
        "acquisition": {
            "start_angle": {"value": 0, "unit": "deg"},
            "stop_angle": {"value": 360, "unit": "deg"},
            "direction": "CCW",
            "number_of_projections": 8,
            "include_final_angle": False,
            "scattering": True,
        },
        "materials": [
            {
                "id": "steel",
                "density": {"value": 7.9, "unit": "g/cm^3"},
                "composition": [
                    {"formula": {"value": "Fe"}, "mass_fraction": {"value": 0.9}},
                    {"formula": {"value": "Cr"}, "mass_fraction": {"value": 0.1}},
                ],
            },
            {
                "id": "Al",
                "density": {"value": 2.7, "unit": "g/cm^3"},
                "composition": [{"formula": {"value": "Al"}, "mass_fraction": {"value": 1}}],
            },
        ],
        "simulation": None,
    }


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    """Folder with the scenario and its mesh."""
    write_stl(tmp_path / "box.stl", BOX)
    path = tmp_path / "box.json"
    path.write_text(json.dumps(_scenario()), encoding="utf-8")
    return path


def _unlisted(data: Any, found: Any) -> list[str]:
    """Keys of a file that no list holds, neither by their own name nor by one above."""
    entries = {*found.taken, *found.approximated, *found.refused}
    missing = []
    for path, value in leaves(data):
        if path.endswith((".drifts", ".uncertainty")) and not value:
            continue
        parts = path.split(".")
        if not any(".".join(parts[:count]) in entries for count in range(1, len(parts) + 1)):
            missing.append(path)
    return missing


def test_every_key_is_in_a_list_and_what_is_not_done_is_refused_by_name(scenario: Path) -> None:
    found = import_scenario(scenario, projection=1)
    assert _unlisted(_scenario(), found) == []
    assert {"source.colour", "detector.integration_time.drifts", "acquisition.scattering"} <= set(found.refused)
    assert "acquisition.number_of_projections" in found.approximated


@pytest.mark.parametrize(
    "place",
    ["geometry.detector", "geometry.detector.deviations.0", "samples.0", "samples.0.position", "materials.0",
     "materials.0.composition.0", "source.window.0", "source.target", "detector.pixel_pitch", "acquisition"],
)  # fmt: skip
def test_a_key_that_is_not_known_is_refused_at_every_depth(place: str, scenario: Path) -> None:
    data = _scenario()
    table: Any = data
    for part in place.split("."):
        table = table[int(part) if part.isdigit() else part]
    table["colour"] = "green"
    scenario.write_text(json.dumps(data), encoding="utf-8")
    assert f"{place}.colour" in import_scenario(scenario).refused


def test_a_key_is_in_one_list(scenario: Path) -> None:
    data = _scenario()
    data["acquisition"]["scan_mode"] = "continuous"
    data["source"]["spot"] = {"size": _vector("uvw", 0.1, 0.2, 0.3, unit="mm"), "sigma": _vector("uvw", 0.1, 0.0, 0.0)}
    scenario.write_text(json.dumps(data), encoding="utf-8")
    found = import_scenario(scenario)
    assert "acquisition.scan_mode" in found.approximated
    assert {"source.spot.size.w", "source.spot.sigma.u"} <= set(found.refused)
    assert len(found.taken | found.approximated | found.refused) == sum(
        map(len, (found.taken, found.approximated, found.refused))
    )


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("source.voltage", {"value": 700, "unit": "kV"}, "source.voltage must be 10 to 500 kV, got 700"),
        ("source.voltage", {"value": 10**400, "unit": "kV"}, "source.voltage must be a number within 1e15, got inf"),
        ("source.voltage", {"value": 100, "unit": ["kV"]}, "known are: nm"),
        ("detector.rows", {"value": 4}, "a panel has 8 to 16384 rows and columns, got 4 x 64"),
        ("detector.pixel_pitch.u", {"value": 1, "unit": "m"}, "must be positive and the same"),
        ("detector.integration_time", {"value": 0, "unit": "s"}, "integration_time must be positive, got 0"),
        ("geometry.detector.deviations.1.axis", {"x": 0}, "an axis has no length"),
        ("file.name", "\ud800", "no JSON"),
        ("materials.0.composition.1.mass_fraction", {"value": -0.1}, "must be zero or positive, got -0.1"),
        ("source.window.0.thickness", {"value": -1, "unit": "mm"}, "no scene can result: beam.toml: Al@2.7 filter"),
        ("geometry.stage.center.x", {"value": 2, "unit": "m"}, "no scene can result: solid 0 .* must lie between"),
    ],
)
def test_what_no_scene_can_hold_is_one_sentence(path: str, value: Any, sentence: str, scenario: Path) -> None:
    data = _scenario()
    *above, last = path.split(".")
    table: Any = data
    for part in above:
        table = table[int(part) if part.isdigit() else part]
    table[last] = value
    scenario.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(ValueError, match=sentence):
        import_scenario(scenario, out=scenario.parent / "out")
    assert not (scenario.parent / "out").exists()


def _parts(folder: Path) -> SceneParts:
    """What the written scene names, judged as `check` does before it computes anything."""
    return load_parts(load_scene(str(folder / "scene.toml")), folder)


@pytest.mark.long
def test_the_written_scene_is_checked_and_runs(scenario: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = scenario.parent / "out"
    words = ["import", str(scenario), "--out", str(out), "--projection", "2", "--picture", "--json", "-"]
    assert run(words) == 0
    text = capsys.readouterr().out
    result = json.loads(text)
    assert set(result) >= {"taken", "approximated", "refused", "files"}
    assert run(["check", str(out / "scene.toml")]) == 0
    assert run(["simulate", str(out / "scene.toml"), "--out", str(scenario.parent / "frame.tif")]) == 0
    assert {path.name for path in out.iterdir()} == {
        "scene.toml", "panel.toml", "beam.toml", "00_box.stl", "projection.tif", "flat.tif", "import.json"
    }  # fmt: skip


def test_only_files_as_an_earlier_import_left_them_are_written_over(scenario: Path) -> None:
    out = scenario.parent / "out"
    out.mkdir()
    (out / "panel.toml").write_text("own", encoding="utf-8", newline="\n")
    with pytest.raises(ValueError, match=r"out holds panel\.toml but no import\.json of an import"):
        import_scenario(scenario, out=out)
    assert {path.name: path.read_text(encoding="utf-8") for path in out.iterdir()} == {"panel.toml": "own"}
    (out / "panel.toml").unlink()
    import_scenario(scenario, out=out)
    first = {path.name: path.read_bytes() for path in out.iterdir()}
    import_scenario(scenario, projection=1, out=out)
    assert (out / "00_box.stl").read_bytes() != first["00_box.stl"]
    mine = first["scene.toml"] + b"# mine\n"
    (out / "scene.toml").write_bytes(mine)
    with pytest.raises(ValueError, match=r"scene\.toml is not as an earlier import left it"):
        import_scenario(scenario, out=out)
    assert (out / "scene.toml").read_bytes() == mine
    (out / "scene.toml").unlink()
    import_scenario(scenario, out=out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == first
    (out / "projection.tif").write_bytes(b"own")
    with pytest.raises(ValueError, match=r"projection\.tif is not as an earlier import left it"):
        import_scenario(scenario, out=out, picture=True)


def test_the_written_scene_is_valid(scenario: Path) -> None:
    found = import_scenario(scenario, out=scenario.parent / "out", picture=True)
    assert {path.name for path in found.files} == {
        "scene.toml", "panel.toml", "beam.toml", "00_box.stl", "projection.tif", "flat.tif", "import.json"
    }  # fmt: skip
    parts = _parts(scenario.parent / "out")
    assert parts.phantom is not None and len(parts.phantom.solids) == 1
    assert (parts.panel.pixels.rows, parts.panel.pixels.cols) == (48, 64)


def test_the_three_lists_are_printed(scenario: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["import", str(scenario)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line in ("taken:", "approximated:", "refused:")] == [
        "taken:", "approximated:", "refused:"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("scan.py", "import catsim", "XCIST"),
        ("scene.json", "{}", "CTSimU scenario"),
        ("scene.json", "[1]", "table of keys"),
        ("scene.json", "{", "no JSON"),
    ],
)
def test_what_is_no_scene_ends_with_2(
    name: str, text: str, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert run(["import", str(tmp_path / name)]) == 2
    assert sentence in capsys.readouterr().err


def test_a_mesh_outside_the_folder_is_refused_and_the_rest_goes_on(scenario: Path) -> None:
    data = _scenario()
    data["samples"][0]["file"]["value"] = "../box.stl"
    scenario.write_text(json.dumps(data), encoding="utf-8")
    found = import_scenario(scenario, out=scenario.parent / "out")
    assert "leads out of the scenario's folder" in found.refused["samples.0"]
    assert _parts(scenario.parent / "out").phantom is None


def test_a_box_stands_where_its_frames_say(scenario: Path) -> None:
    import_scenario(scenario, out=scenario.parent / "out")
    corners = load_mesh(scenario.parent / "out" / "00_box.stl").vertices_mm
    # By hand: the detector's plane is tilted by 5 degrees about its v and shifted by 3 mm along z of the world.
    tilt, turn = np.deg2rad(5.0), 0.1
    v = np.array([0.0, 0.0, -1.0])
    w = np.array([np.cos(tilt), 0.0, 0.0]) + np.sin(tilt) * np.cross(v, [1.0, 0, 0])
    u = np.cross(v, w)
    foot = (np.array([1000.0, 0, 3.0]) @ w) * w
    box = np.array([[2.0 * r, s, t] for r in (-1, 1) for s in (-1, 1) for t in (-1, 1)])
    about = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    world = box @ about.T + [501.0, 2.0, 3.0]
    wanted = (world - foot) @ np.array([u, v, -w]).T
    assert _sorted(corners) == pytest.approx(_sorted(wanted), abs=1e-4)


def _sorted(points: NDArray[np.float64]) -> NDArray[np.float64]:
    return points[np.lexsort(np.round(points, 3).T)]


@pytest.mark.slow
@pytest.mark.parametrize(("resolution", "pitch"), [(0.075, 0.05), (0.15, 0.05), (0.2, 0.1)])
def test_two_wires_of_the_basic_resolution_dip_by_a_fifth(resolution: float, pitch: float) -> None:
    sigma = gaussian_sigma_mm(resolution, pitch)
    # Independent of the transform there: points on chords, blurred one by one.
    x = np.linspace(-0.5, 0.5, 2001) * resolution
    shadow = np.sqrt(np.maximum(0.0, 0.25 * resolution**2 - x**2))
    aperture = np.linspace(-0.5, 0.5, 201) * pitch

    def depth(at: float) -> float:
        places = at + aperture[:, None] - np.concatenate([x - resolution, x + resolution])[None]
        return float((np.exp(-0.5 * (places / sigma) ** 2) * np.tile(shadow, 2)[None]).mean())

    deepest = max(depth(at) for at in np.linspace(0.5, 1.3, 81) * resolution)
    assert 1.0 - depth(0.0) / deepest == pytest.approx(0.2, abs=0.005)


def test_a_pixel_that_is_as_wide_needs_no_gaussian() -> None:
    assert gaussian_sigma_mm(0.05, 0.2) == 0.0


def _gvxr() -> dict[str, Any]:
    return {
        "File format version": [1, 0, 0],
        "Window size": [500, 500],
        "Detector": {
            "Position": [0.0, 200.0, 0.0, "mm"],
            "UpVector": [0.0, 0.0, -1.0],
            "RightVector": [-1.0, 0.0, 0.0],
            "NumberOfPixels": [64, 48],
            "Spacing": [500, 500, "um"],
            "Scintilator": {"Material": "CsI"},
        },
        "Source": {
            "Position": [0.0, -80.0, 0.0, "cm"],
            "Shape": "POINTSOURCE",
            "Beam": {"Peak kilo voltage": 85, "Tube angle": 12.0, "mAs": 1.0, "filter": [["Al", 3, "mm"]]},
        },
        "Samples": [
            "MoveToCentre",
            {"Label": "box", "Path": "box.stl", "Unit": "mm", "Material": ["Compound", "H2O"], "Density": 1.0},
            {"Label": "bone", "Path": "box.stl", "Unit": "mm", "Material": ["HU", 1000], "Density": 1.0},
        ],
    }


def test_gvxr_is_read_and_its_misspelt_keys_are_named(scenario: Path) -> None:
    path = scenario.parent / "gvxr.json"
    path.write_text(json.dumps(_gvxr()), encoding="utf-8")
    found = import_scenario(path, out=scenario.parent / "out")
    assert _unlisted(_gvxr(), found) == []
    assert {"Detector.Scintilator.Material", "Samples.2"} <= set(found.refused)
    parts = _parts(scenario.parent / "out")
    assert parts.phantom is not None and len(parts.phantom.solids) == 1
    assert parts.geometry.source_to_detector_mm == pytest.approx(1000.0)


def _with_layer(material: str, thickness_um: float) -> dict[str, Any]:
    """A scintillator of silicon, or of what weighs nothing, in a beam of a single line."""
    data = _scenario()
    data["source"] |= {"voltage": {"value": 40.0, "unit": "kV"}, "spectrum": {"monochromatic": True}}
    data["detector"]["scintillator"] = {"material_id": material, "thickness": {"value": thickness_um, "unit": "um"}}
    silicon = {"formula": {"value": "Si"}, "mass_fraction": {"value": 1}}
    for name, density in (("silicon", 2.33), ("nothing", 0.0)):
        data["materials"].append(
            {"id": name, "density": {"value": density, "unit": "g/cm^3"}, "composition": [silicon]}
        )
    return data


def test_a_scintillator_counts_the_energy_that_it_absorbs(scenario: Path) -> None:
    """Silicon keeps nearly all of what it stops at 8 keV, and below its edge all: the law of attenuation."""
    scenario.write_text(json.dumps(_with_layer("silicon", 20.0)), encoding="utf-8")
    found = import_scenario(scenario, out=scenario.parent / "out")
    assert _unlisted(_with_layer("silicon", 20.0), found) == []
    assert {"detector.scintillator.material_id", "detector.scintillator.thickness"} <= set(found.approximated)
    energy_keV = np.array([0.5, 1.5, 8.0])
    stops = -np.expm1(-linear_attenuation_per_mm(material("Si@2.33"), energy_keV) * 0.02)
    assert counted_keV(found.scene, energy_keV) / energy_keV == pytest.approx(stops, rel=0.02)
    layer = _parts(scenario.parent / "out").scintillator
    assert layer.thickness_um == pytest.approx(20.0)
    assert layer_material(layer).density_g_per_cm3 == pytest.approx(2.33)
    assert layer_material(layer).mass_fractions == ((14, 1.0),)


def test_without_a_scintillator_all_energy_counts(scenario: Path) -> None:
    energy_keV = np.array([0.5, 8.0, 80.0])
    assert (counted_keV(import_scenario(scenario).scene, energy_keV) == energy_keV).all()


@pytest.mark.parametrize(
    ("name", "thickness_um", "said"),
    [
        ("lead", 20.0, "'lead' is not among the materials: steel, Al, silicon, nothing"),
        ("nothing", 20.0, "'nothing' weighs nothing"),
        ("silicon", -1.0, r"thickness must be zero or positive, got -0\.001 mm"),
    ],
)
def test_a_scintillator_that_cannot_be_is_refused(name: str, thickness_um: float, said: str, scenario: Path) -> None:
    scenario.write_text(json.dumps(_with_layer(name, thickness_um)), encoding="utf-8")
    with pytest.raises(ValueError, match=said):
        import_scenario(scenario)


def test_a_scintillator_without_a_material_is_refused_by_name(scenario: Path) -> None:
    data = _scenario()
    data["detector"]["scintillator"] = {"material_id": None, "thickness": {"value": 0.2, "unit": "mm"}}
    scenario.write_text(json.dumps(data), encoding="utf-8")
    assert "detector.scintillator.thickness" in import_scenario(scenario).refused


ctsimu = pytest.mark.skipif(importlib.util.find_spec("ctsimu") is None, reason="the package ctsimu is not installed")


def official() -> Path:
    """Folder of the official scenarios."""
    found = importlib.util.find_spec("ctsimu")
    assert found is not None and found.origin is not None
    return Path(found.origin).parent / "evaluation" / "scenarios"


@pytest.mark.slow
@ctsimu
@pytest.mark.parametrize(("projection", "direction"), [(0, "CCW"), (3, "CCW"), (3, "CW")])
def test_places_are_those_of_the_official_toolbox(projection: int, direction: str, scenario: Path) -> None:
    data = _scenario()
    data["acquisition"]["direction"] = direction
    lean = {"type": "rotation", "axis": "u", "amount": {"value": 7, "unit": "deg"}}
    data["geometry"]["stage"]["deviations"] = [lean, {**lean, "axis": "y", "pivot": _vector("xyz", 9, 8, 7, unit="mm")}]
    data["samples"][0]["position"]["deviations"] += [{**lean, "axis": "r", "pivot": _vector("uvw", 3, 2, 1, unit="mm")}]
    scenario.write_text(json.dumps(data), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("official_frames.py")), str(scenario), str(projection)],
        capture_output=True,
        text=True,
        check=False,
    )
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("FRAMES ")]
    official = json.loads(line.removeprefix("FRAMES "))
    scene = import_scenario(scenario, projection=projection).scene
    detector = {key: np.array(each) for key, each in official["detector"].items()}
    assert scene.view.axes[:2] == pytest.approx(np.array([detector["u"], detector["v"]]), abs=1e-9)
    centre_mm = scene.view.places_mm(detector["center"])
    assert centre_mm == pytest.approx([*scene.view.panel_shift_mm[::-1], 0.0], abs=1e-6)
    sample, ours = official["samples"][0], scene.samples[0]
    assert ours.shift_mm == pytest.approx(np.array(sample["center"]), abs=1e-6)
    axes = np.array([sample[key] for key in "uvw"])
    assert ours.matrix == pytest.approx(np.diag([2.0, 1.0, 1.0]) @ axes, abs=1e-9)


@ctsimu
def test_every_official_scenario_is_imported_with_complete_lists(tmp_path: Path) -> None:
    files = sorted(official().glob("*.json"))
    assert len(files) == 9
    for file in files:
        path = Path(shutil.copy(file, tmp_path))
        data = json.loads(path.read_text(encoding="utf-8"))
        for sample in data["samples"]:
            write_stl(tmp_path / sample["file"]["value"], BOX)
        found = import_scenario(path)
        assert _unlisted(data, found) == [], file.name
        assert not found.refused, file.name
