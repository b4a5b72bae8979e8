"""TOML files: what is right is read as it stands, what is wrong is named together with what is allowed."""

from __future__ import annotations

import pytest

from radiography.config import (
    DATA_FOLDER,
    load_beam,
    load_panel,
    load_scene,
    load_scintillator,
    scene_folder,
    shipped,
)
from radiography.panel.panel import LagTerm

LOADERS = {"panel": load_panel, "scintillator": load_scintillator, "beam": load_beam, "scene": load_scene}

SCENE = """
description = "a plate"
panel = "fully_coated"
scintillator = "CsPbBr3_75um"
[beam]
name = "paper_70kV"
air_kerma_uGy = 15.0
[geometry]
source_to_detector_mm = 1000.0
focal_spot_samples = 3
[timing]
integration_time_s = 0.5
frame_interval_s = 5.0
[phantom]
name = "tungsten_edge"
position_mm = [0.0, 0.0, 2.0]
[[solids]]
shape = "box"
material = "Al"
size_mm = [1.0, 2.0, 3.0]
[materials.steel]
density_g_per_cm3 = 7.9
formula = "Fe"
"""
SHIPPED_TEXT = {
    "scene": SCENE,
    "panel": (DATA_FOLDER / "panels" / "fully_coated.toml").read_text(encoding="utf-8"),
    "scintillator": (DATA_FOLDER / "scintillators" / "CsPbBr3_75um.toml").read_text(encoding="utf-8"),
}


@pytest.fixture
def load_changed(tmp_path):
    """Load a right file with one place changed."""

    def load(kind, old, new):
        text = SHIPPED_TEXT[kind]
        assert old in text, f"the test changes '{old}', which is not in the {kind}"
        path = tmp_path / f"{kind}.toml"
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        return LOADERS[kind](str(path))

    return load


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in LOADERS for name in shipped(kind)])
def test_every_shipped_file_loads(kind, name):
    loaded = LOADERS[kind](name)
    assert getattr(loaded, "name", name) == name


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("panel", {"fully_coated", "paper_prototype"}),
        ("scintillator", {"CsI_Tl_500um", "CsI_Tl_published", "CsPbBr3_75um"}),
        ("beam", {"paper_70kV", "RQA3", "RQA5", "RQA7", "RQA9"}),
        ("scene", {"flat", "dark", "edge", "card"}),
    ],
)
def test_what_ships_is_listed(kind, expected):
    assert expected <= set(shipped(kind))
    assert list(shipped(kind)) == sorted(shipped(kind))


def test_numbers_are_read_as_they_stand(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(SCENE, encoding="utf-8")
    scene = load_scene(path)
    assert scene.beam.air_kerma_uGy == 15.0
    assert scene.geometry.focal_spot_samples == 3
    assert scene.phantom.position_mm == (0.0, 0.0, 2.0)
    assert scene.solids[0].size_mm == (1.0, 2.0, 3.0)
    assert scene.materials["steel"].formula == "Fe"
    assert scene.sampling.samples_per_pixel == 2  # a convenience with a default
    assert scene_folder(path) == tmp_path


def test_a_whole_number_may_stand_for_a_decimal_one(load_changed):
    assert load_changed("scene", "air_kerma_uGy = 15.0", "air_kerma_uGy = 15").beam.air_kerma_uGy == 15.0


@pytest.mark.parametrize(
    ("kind", "old", "new", "message"),
    [
        # unknown and missing keys, on top, nested and in lists of tables
        ("scene", "panel =", "pannel =", r"unknown key 'pannel' \(did you mean 'panel'\?\); known: description, panel"),
        ("scene", "air_kerma_uGy", "air_kerma", r"unknown key 'beam.air_kerma' \(did you mean 'air_kerma_uGy'\?\)"),
        ("scene", "size_mm", "sizes_mm", r"unknown key 'solids\[0\].sizes_mm' \(did you mean 'size_mm'\?\)"),
        ("scene", "formula", "formla", r"unknown key 'materials.steel.formla' \(did you mean 'formula'\?\)"),
        ("scene", "[beam]", "xyz = 3\n[beam]", "unknown key 'xyz'; known: description, panel"),
        ("scene", "panel =", 'based_on = "edge"\npanel =', "unknown key 'based_on'"),
        ("panel", "fraction = 0.0039", "fractions = 0.0039", r"unknown key 'lag\[1\].fractions' \(did you mean 'frac"),
        ("panel", "pitch_mm", "pitch", r"unknown key 'pixels.pitch' \(did you mean 'pitch_mm'\?\); known: rows, cols"),
        ("scintillator", "time_ns = 175", "time_s = 175", r"unknown key 'decay\[1\].time_s' \(did you mean 'time_ns'"),
        ("scene", "air_kerma_uGy = 15.0", "", "the key 'beam.air_kerma_uGy' is missing"),
        ("scene", 'material = "Al"', "", r"the key 'solids\[0\].material' is missing"),
        ("scene", "density_g_per_cm3 = 7.9", "", "the key 'materials.steel.density_g_per_cm3' is missing"),
        ("panel", "bits = 16", "", "the key 'readout.bits' is missing"),
        # wrong values
        ("scene", "= 15.0", "= -1.0", "beam.air_kerma_uGy must be greater than or equal to 0, got -1.0"),
        ("scene", "= 15.0", "= nan", "beam.air_kerma_uGy must be a finite number, got nan"),
        ("scene", "= 15.0", "= inf", "beam.air_kerma_uGy must be a finite number, got inf"),
        ("scene", "= 1000.0", "= 0", "geometry.source_to_detector_mm must be greater than 0, got 0"),
        (
            "scene",
            "samples = 3",
            "samples = 16",
            "geometry.focal_spot_samples must be less than or equal to 15, got 16",
        ),
        ("scene", "integration_time_s = 0.5", "integration_time_s = 6.0", r"timing: frame_interval_s.*\(6\), got 5"),
        (
            "scene",
            "focal_spot_samples = 3",
            'focal_spot_shape = "star"',
            "focal_spot_shape must be 'square', .* or 'image', got 'star'",
        ),
        (
            "scene",
            "focal_spot_samples = 3",
            "focal_spot_mm = 0.6\nfocal_spot_height_mm = 0.8",
            "geometry: a focal spot of shape 'square' has no focal_spot_height_mm, got 0.8",
        ),
        (
            "scene",
            "focal_spot_samples = 3",
            'focal_spot_shape = "image"\nfocal_spot_image = "spot.tif"',
            "geometry: focal_spot_image is given without focal_spot_pitch_mm",
        ),
        ("scene", '"box"', '"bix"', "solids.0.shape must be 'box', .* or 'mesh', got 'bix'"),
        ("scene", 'formula = "Fe"', "", "materials.steel: a material needs either a formula or mass_fractions"),
        (
            "panel",
            "aperture_mm = 0.139",
            "aperture_mm = 0.2",
            r"aperture_mm must not exceed pitch_mm \(0.139\), got 0.2",
        ),
        ("panel", "fraction = 0.0770", "fraction = 0.9998", "lag fractions of panel 'fully_coated'.*got 1.0"),
        ("scintillator", "volume_fraction = 0.52", "volume_fraction = 0.62", "must sum to at most 1, got 1.1"),
        ("scintillator", '"turbid"', '"gaussian"', "transport"),
        ("scintillator", "anisotropy", "anisotropi", "unknown key 'transport.anisotropi'.*did you mean 'anisotropy'"),
        # wrong kinds
        ("scene", "= 15.0", '= "15"', "beam.air_kerma_uGy must be a valid number, got '15'"),
        ("scene", "= 15.0", "= true", "beam.air_kerma_uGy must be a valid number, got True"),
        ("scene", "= 15.0", "= 2026-11-22", "beam.air_kerma_uGy must be a valid number, got '2026-11-22'"),
        ("scene", "= 15.0", "= [15.0]", r"beam.air_kerma_uGy must be a valid number, got \[15.0\]"),
        ("scene", "samples = 3", "samples = 3.0", "geometry.focal_spot_samples must be a valid integer, got 3.0"),
        ("scene", "samples = 3", "samples = true", "geometry.focal_spot_samples must be a valid integer, got True"),
        ("scene", '"a plate"', "3", "description must be a valid string, got 3"),
        ("scene", "[beam]", "beam = 3\n[timing.beam]", "(beam must be a table, got 3|unknown key 'timing.beam')"),
        ("scene", "[beam]", "[[beam]]", "beam must be a table, got "),
        ("scene", "[0.0, 0.0, 2.0]", "3.0", "phantom.position_mm must be a list, got 3.0"),
        ("panel", "[[cover]]", "[cover]", "cover must be a list, got {'material': 'Al'"),
        # wrong lengths
        ("scene", "[0.0, 0.0, 2.0]", "[0.0, 2.0]", r"phantom.position_mm.2 is missing, got \[0.0, 2.0\]"),
        ("scene", "[0.0, 0.0, 2.0]", "[1, 2, 3, 4]", "phantom.position_mm must have at most 3 items, not 4"),
        ("scene", "[0.0, 0.0, 2.0]", "[0.0, 0.0, nan]", "phantom.position_mm.2 must be a finite number, got nan"),
        ("panel", "[0.45, ", "[", "wavelength_nm and quantum_efficiency need the same number.*got 8 and 7"),
        ("panel", "[400.0, 480.0", "[480.0, 400.0", "wavelength_nm must rise"),
    ],
)
def test_a_wrong_place_in_a_file_names_itself_and_what_is_allowed(load_changed, kind, old, new, message):
    with pytest.raises(ValueError, match=rf"{kind}\.toml: .*{message}") as caught:
        load_changed(kind, old, new)
    assert "\n" not in str(caught.value)
    assert "pydantic" not in str(caught.value)


def test_a_number_of_hundreds_of_digits_is_shown_shortened(load_changed):
    with pytest.raises(ValueError, match=r"beam\.air_kerma_uGy must be a finite number, got 10+\.\.\.$"):
        load_changed("scene", "= 15.0", "= 1" + "0" * 400)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"description = ", "wrong.toml is not valid TOML: "),
        (SCENE.encode()[:-3], "wrong.toml is not valid TOML"),
        (SCENE.replace("[timing]", "[beam]").encode(), "wrong.toml is not valid TOML: .*beam"),
        (b'description = "\xe9"', "wrong.toml is not a TOML file: it is not UTF-8 text"),
        (b"\x00\x01\x02", "wrong.toml is not valid TOML"),
        (SCENE.replace("15.0", "1" + "0" * 5000).encode(), "wrong.toml is not valid TOML: .*digits"),
        (b"a = " + b"[" * 100_000, "wrong.toml (holds lists that are nested too deeply|is not valid TOML)"),
        (
            SCENE.replace("[[solids]]", "[phantom.parameters]\n" + "a." * 1500 + "a = 1\n[[solids]]").encode(),
            "wrong.toml.*nested too deeply",
        ),
        (
            SCENE.replace("[[solids]]", f"[phantom.parameters]\na = {'[' * 200}{']' * 200}\n[[solids]]").encode(),
            "deeply",
        ),
        (b"", "the key 'description' is missing"),
        (b"#" * (4 * 1024 * 1024 + 1), "wrong.toml has 4194305 bytes, a TOML file here has at most 4194304"),
    ],
    ids=[
        "cut",
        "cut late",
        "table twice",
        "latin-1",
        "binary",
        "digits",
        "lists",
        "tables",
        "parameters",
        "empty",
        "huge",
    ],
)
def test_a_damaged_file_is_refused_by_name(tmp_path, content, message):
    path = tmp_path / "wrong.toml"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        load_scene(path)
    assert "wrong.toml" in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("kind", list(LOADERS))
def test_an_unknown_name_gives_the_nearest_and_all_known_ones(kind):
    name = shipped(kind)[0]
    with pytest.raises(
        ValueError, match=rf"no {kind} '{name}x' \(did you mean '{name}'\?\); known: .*{name}"
    ) as caught:
        LOADERS[kind](name + "x")
    assert ".toml" in str(caught.value)


@pytest.mark.parametrize("kind", list(LOADERS))
def test_a_file_that_is_not_there_is_an_os_error(kind, tmp_path):
    with pytest.raises(FileNotFoundError, match=rf"{kind} file .*nowhere.toml does not exist"):
        LOADERS[kind](str(tmp_path / "nowhere.toml"))


def test_a_folder_is_not_a_file(tmp_path):
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(FileNotFoundError, match=r"folder\.toml does not exist"):
        load_panel("folder.toml", tmp_path)


def test_a_users_file_is_found_beside_the_scene_that_names_it(tmp_path):
    (tmp_path / "mine.toml").write_text(SHIPPED_TEXT["panel"].replace("FP139-0001", "MINE"), encoding="utf-8")
    (tmp_path / "scene.toml").write_text(SCENE.replace('"fully_coated"', '"mine.toml"'), encoding="utf-8")
    scene = load_scene(tmp_path / "scene.toml")
    assert load_panel(scene.panel, scene_folder(tmp_path / "scene.toml")).serial == "MINE"


def _write(folder, name, text):
    (folder / name).write_text(text, encoding="utf-8")
    return name


def test_a_file_based_on_another_changes_what_it_says_and_keeps_the_rest(tmp_path):
    text = 'based_on = "fully_coated"\nserial = "X1"\n[pixels]\nrows = 48\n[[lag]]\nfraction = 0.01\ntime_s = 1.0\n'
    panel, base = load_panel(_write(tmp_path, "small.toml", text), tmp_path), load_panel("fully_coated")
    assert panel.serial == "X1"
    assert (panel.pixels.rows, panel.pixels.cols) == (48, 3072)  # tables merge
    assert panel.lag == (LagTerm(0.01, 1.0),)  # lists replace
    assert panel.readout == base.readout


def test_a_chain_of_files_ends_at_the_shipped_one(tmp_path):
    _write(tmp_path, "first.toml", 'based_on = "fully_coated"\nserial = "1"\nmap_seed = 1\n')
    _write(tmp_path, "second.toml", 'based_on = "first.toml"\nserial = "2"\n')
    panel = load_panel("second.toml", tmp_path)
    assert (panel.serial, panel.map_seed, panel.pixels.rows) == ("2", 1, 3072)


def test_the_range_of_a_number_does_not_outlive_the_number(tmp_path):
    _write(tmp_path, "bright.toml", 'based_on = "CsPbBr3_75um"\nname = "bright"\n[light]\nyield_per_keV = 60.0\n')
    light = load_scintillator("bright.toml", tmp_path).light
    assert (light.yield_per_keV, light.yield_range_per_keV) == (60.0, None)
    _write(tmp_path, "hot.toml", 'based_on = "fully_coated"\n[photodiode]\nenergy_per_electron_eV = 5.0\n')
    assert load_panel("hot.toml", tmp_path).photodiode.energy_per_electron_range_eV is None
    assert load_panel("fully_coated").photodiode.energy_per_electron_range_eV == (3.4, 4.4)


def test_a_scintillator_may_be_based_on_another(tmp_path):
    _write(tmp_path, "thick.toml", 'based_on = "CsPbBr3_75um"\nname = "thick"\nthickness_um = 150.0\n')
    layer = load_scintillator("thick.toml", tmp_path)
    assert (layer.name, layer.thickness_um, len(layer.parts)) == ("thick", 150.0, 2)


def test_name_and_description_are_not_those_of_the_base(tmp_path):
    _write(tmp_path, "thin.toml", 'based_on = "CsI_Tl_500um"\nthickness_um = 300.0\n')
    layer = load_scintillator("thin.toml", tmp_path)
    assert (layer.name, layer.description) == ("thin", "based on CsI_Tl_500um")  # not "columnar CsI:Tl, 500 um, ..."


@pytest.mark.parametrize(
    ("first", "second"),
    [("a.toml", "a.toml"), ("b.toml", "a.toml"), ("../{folder}/a.toml", "a.toml"), ("./b.toml", "../{folder}/a.toml")],
)
def test_files_based_on_each_other_are_refused(tmp_path, first, second):
    _write(tmp_path, "a.toml", f'based_on = "{first.format(folder=tmp_path.name)}"\n')
    _write(tmp_path, "b.toml", f'based_on = "{second.format(folder=tmp_path.name)}"\n')
    with pytest.raises(ValueError, match=r"a\.toml: based_on leads back to the file itself"):
        load_panel("a.toml", tmp_path)


@pytest.mark.parametrize(
    ("base", "kind", "message"),
    [
        ("3", ValueError, "based_on must be the name of a panel, got 3"),
        ('"fully_coatd"', ValueError, r"no panel 'fully_coatd' \(did you mean 'fully_coated'\?\)"),
        ('"nowhere.toml"', FileNotFoundError, "panel file .*nowhere.toml does not exist"),
    ],
)
def test_a_wrong_base_names_itself(tmp_path, base, kind, message):
    _write(tmp_path, "a.toml", f"based_on = {base}\n")
    with pytest.raises(kind, match=message):
        load_panel("a.toml", tmp_path)


def test_an_unknown_key_on_top_of_a_base_is_refused(tmp_path):
    _write(tmp_path, "a.toml", 'based_on = "fully_coated"\n[pixels]\nrow = 48\n')
    with pytest.raises(ValueError, match=r"a\.toml: unknown key 'pixels\.row' \(did you mean 'rows'\?\)"):
        load_panel("a.toml", tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kpv = 70", r"mine\.toml: beam 'mine' has no key 'kpv'; known: kvp"),
        ("kvp = nan", r"mine\.toml: kvp of beam 'mine' must be between 10 and 500 for a W target, got nan"),
        ("kvp = 5", "got 5"),
        ("", r"mine\.toml: beam 'mine' lacks the key 'kvp'"),
        ("kvp =", r"^[^:]*mine\.toml is not valid TOML: "),
    ],
)
def test_a_wrong_beam_names_itself(tmp_path, text, message):
    _write(tmp_path, "mine.toml", f'{text}\nsource = "test"\nfilters = [{{ material = "Al", thickness_mm = 2.5 }}]\n')
    with pytest.raises(ValueError, match=message):
        load_beam("mine.toml", tmp_path)


def test_changes_take_the_place_of_what_a_file_says():
    scene = load_scene("edge", {"beam.air_kerma_uGy": 3.0, "timing.integration_time_s": 0.25, "temperature_C": 30.0})
    assert (scene.beam.air_kerma_uGy, scene.timing.integration_time_s, scene.temperature_C) == (3.0, 0.25, 30.0)
    assert (scene.beam.name, scene.timing.frame_interval_s) == ("paper_70kV", 5.0)
    panel = load_panel("worn", None, {"pixels.rows": 96})
    assert (panel.pixels.rows, panel.pixels.cols, panel.name) == (96, 3072, "worn")
    before, beam = load_beam("RQA5"), load_beam("RQA5", None, {"kvp": 75.0, "filters.0.thickness_mm": 4.0})
    assert (beam.kvp, beam.filters) == (75.0, ((before.filters[0][0], 4.0), *before.filters[1:]))
    assert load_scene("edge", {}) == load_scene("edge")


def test_a_changed_number_leaves_its_range_behind():
    before = load_scintillator("CsPbBr3_75um")
    assert before.light.yield_range_per_keV is not None
    assert load_scintillator("CsPbBr3_75um", None, {"light.yield_per_keV": 1.0}).light.yield_range_per_keV is None
    assert load_scintillator("CsPbBr3_75um", None, {"thickness_um": 80.0}).light == before.light


@pytest.mark.parametrize(
    ("kind", "name", "changes", "message"),
    [
        ("scene", "edge", {"beam.kerma": 1.0}, r"edge\.toml: unknown key 'beam\.kerma'; known: name, air_kerma_uGy"),
        ("scene", "edge", {"beam.air_kerma_uGy": -1.0}, r"edge\.toml: beam\.air_kerma_uGy must be .*, got -1\.0"),
        (
            "scene",
            "edge",
            {"beam.name.x": 1},
            r"unknown key 'beam\.name\.x': 'x' would be inside 'paper_70kV'",
        ),
        ("scene", "edge", {"geometry.panel_shift_mm": "far"}, r"geometry\.panel_shift_mm must be a list, got 'far'"),
        ("panel", "worn", {"lag.9.fraction": 0.1}, r"unknown key 'lag\.9\.fraction': '9' is no entry of a list of"),
        ("scintillator", "CsPbBr3_75um", {"": 1}, r"unknown key ''"),
        ("beam", "RQA5", {"kvpp": 70.0}, r"RQA5\.toml: beam 'RQA5' has no key 'kvpp'; known: kvp"),
    ],
)
def test_a_wrong_change_names_itself(kind, name, changes, message):
    load = {"scene": lambda: load_scene(name, changes)}.get(kind, lambda: LOADERS[kind](name, None, changes))
    with pytest.raises(ValueError, match=message):
        load()
