"""Templates run as they stand, and hold every key that the descriptions have, with its unit and its default."""

from __future__ import annotations

import re
import tomllib
import typing
from dataclasses import MISSING, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from calibration.conditions import Conditions
from calibration.quality.numbers import QUANTITIES
from calibration.quality.trend import limits_from
from calibration.steps import Steps
from radiography.config import load_panel, load_scintillator, load_steps, read_toml
from radiography.dicom.subject import Subject
from radiography.jobs.about import load_about
from radiography.jobs.init import KINDS, template, write_template
from radiography.jobs.valid import validate_scene
from radiography.light.optics import ColumnarLayer
from radiography.light.scintillator import Scintillator
from radiography.panel.panel import Panel
from radiography.presentation.presets import load_picture
from radiography.presentation.steps import PictureSteps
from radiography.scene import Scene
from radiography.sweep.description import Sweep
from radiography.sweep.samples import check_samples, plan_sweep

HEAD = re.compile(r"(# )?\[\[?([^\[\]]+)\]\]?( columnar)?(\s+#.*)?$")
KEY = re.compile(r"(# )?(\w+) = (.+?)\s+# (.+)$")
NAMED = {"my_alloy": "*"}  # keys of a table whose keys are the user's


def entries(kind: str) -> dict[str, dict[str, tuple[str, str]]]:
    """Value and comment by key by table, whether it is commented out or not."""
    found: dict[str, dict[str, tuple[str, str]]] = {"": {}}
    table = ""
    for line in template(kind).splitlines():
        if head := HEAD.match(line):
            table = ".".join(NAMED.get(part, part.strip('"')) for part in head[2].split("."))
            table = f"columnar {table}" if head[3] else table
            found.setdefault(table, {})
        elif key := KEY.match(line):
            found[table].setdefault(key[2], (key[3], key[4]))
    return found


def tables_of(kind: Any, path: str = "") -> dict[str, Any]:
    """Dataclasses by the path of their table in a file."""
    found = {path: kind}
    for name, hint in typing.get_type_hints(kind).items():
        key = f"{path}.{name}" if path else name
        for inner, star in _inner(hint):
            if inner is not ColumnarLayer:
                found |= tables_of(inner, f"{key}.*" if star else key)
    return found


def _inner(hint: Any, star: bool = False) -> list[tuple[Any, bool]]:
    if is_dataclass(hint):
        return [(hint, star)]
    star = star or typing.get_origin(hint) is dict
    return [found for argument in typing.get_args(hint) for found in _inner(argument, star)]


def known_tables() -> list[tuple[str, str, Any]]:
    every = [(kind, path, of) for kind, root in ROOTS.items() for path, of in tables_of(root).items()]
    columnar = tables_of(ColumnarLayer, "transport")
    return every + [("scintillator", f"columnar {path}", of) for path, of in columnar.items()]


ROOTS = {"scene": Scene, "scintillator": Scintillator, "panel": Panel, "pipeline": Steps, "subject": Subject,
         "picture": PictureSteps, "sweep": Sweep}  # fmt: skip


@pytest.mark.parametrize(("kind", "table", "description"), known_tables())
def test_every_key_of_a_description_is_in_its_template(kind: str, table: str, description: Any) -> None:
    shown = entries(kind)
    assert table in shown
    for field in fields(description):
        key = f"{table}.{field.name}" if table else field.name
        is_table = any(_inner(typing.get_type_hints(description)[field.name])) or key in shown  # of keys of the user's
        if is_table:
            assert any(other == key or other.startswith(f"{key}.") for other in shown), key
            continue
        assert field.name in shown[table], f"{kind} template has no '{key}'"
        value, comment = shown[table][field.name]
        written = tomllib.loads(f"value = {value}")["value"]
        if kind == "pipeline" and field.default not in (None, MISSING):
            assert written == (list(field.default) if isinstance(field.default, tuple) else field.default), key
        if isinstance(written, float):
            assert re.match(r"\[[^\]]+\]", comment), f"'{key}' has no unit"


@pytest.mark.parametrize(("kind", "table", "description"), known_tables())
def test_what_is_commented_out_has_its_default(kind: str, table: str, description: Any) -> None:
    shown, lines = entries(kind), template(kind).splitlines()
    for field in fields(description):
        if field.default in (None, MISSING) or field.name not in shown.get(table, {}):
            continue
        value, comment = shown[table][field.name]
        if f"# {field.name} = {value}" not in "\n".join(lines):
            continue  # it is set
        written = tomllib.loads(f"value = {value}")["value"]
        default = getattr(field.default, "default_factory", None)
        default = default() if default else field.default
        if isinstance(default, tuple) and default and isinstance(default[0], tuple):
            default = default[0][1]  # pairs, of which one number stands for all
        assert written == (list(default) if isinstance(default, tuple) else default), f"{table}.{field.name}: {comment}"


@pytest.mark.parametrize("kind", KINDS)
def test_no_template_holds_a_key_that_does_not_exist(kind: str) -> None:
    if kind == "limits":
        assert set(entries(kind)) - {""} == set(QUANTITIES)
        assert all(set(keys) == {"min", "max", "largest_change"} for table, keys in entries(kind).items() if table)
        return
    if kind == "about":
        told = [key for table in entries(kind).values() for key in table]
        assert sorted(set(told)) == sorted(field.name for field in fields(Conditions))
        return
    known = {table: of for of_kind, table, of in known_tables() if of_kind == kind}
    for table, keys in entries(kind).items():
        for key in keys:
            assert key == "based_on" or key in {field.name for field in fields(known[table])}, f"{table}.{key}"


def test_templates_run_as_they_stand(tmp_path: Path) -> None:
    for kind in KINDS:
        assert write_template(kind, tmp_path / f"{kind}.toml").is_file()
    scene = tmp_path / "scene.toml"
    assert validate_scene(scene).doubts == ()
    text = scene.read_text().replace('"fully_coated"', '"panel.toml"').replace('"CsPbBr3_75um"', '"scintillator.toml"')
    scene.write_text(text)
    parts = validate_scene(scene).parts
    assert parts.panel == load_panel("panel.toml", tmp_path)
    assert parts.scintillator == load_scintillator("scintillator.toml", tmp_path)
    assert load_steps(tmp_path / "pipeline.toml") == load_steps(None)
    assert replace(load_picture(tmp_path / "picture.toml"), name="default", description="") == PictureSteps("default")
    assert load_about(tmp_path / "about.toml")["dark*.tif"].air_kerma_uGy == 0.0
    plan = plan_sweep(tmp_path / "sweep.toml")
    assert (plan.shape, plan.dimensions) == ((2, 3), ("beam.air_kerma_uGy", "geometry.focal_spot_mm"))
    assert check_samples(plan).frame_shape == (1, 3072, 3072)
    assert limits_from(read_toml(tmp_path / "limits.toml"))["flat_snr"].minimum == 50.0


@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [
        ("beam", "a.toml", "no template 'beam'; known: scene, scintillator, panel, about, pipeline, limits, subject"),
        ("scene", "a.txt", r"a template is a \.toml file"),
        ("scene", "there.toml", r"there\.toml exists and is left as it is"),
    ],
)
def test_a_template_replaces_nothing(tmp_path: Path, kind: str, name: str, message: str) -> None:
    (tmp_path / "there.toml").write_text("mine")
    with pytest.raises((ValueError, OSError), match=message):
        write_template(kind, tmp_path / name)
    assert (tmp_path / "there.toml").read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 1
