"""A panel's twin as files: what is written runs, gives the panel's frames, and appears whole or not at all."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from radiography.config import load_panel, load_scintillator
from radiography.files.frames import iterate_frames, open_frames, write_tiff
from radiography.jobs.simulate import simulate_scene
from radiography.jobs.twin import NAMES, Twin, make_twin, twin_to_json
from radiography.jobs.twin_inputs import refuse_foreign
from radiography.jobs.valid import validate_scene
from radiography.panel.measured_maps import panel_maps
from radiography.study.twin_values import value_of


@pytest.fixture(scope="module")
def made(line: Path, tmp_path_factory: pytest.TempPathFactory) -> Twin:
    out = tmp_path_factory.mktemp("twin") / "panel"
    return make_twin(
        line / "dark.tif",
        line / "flat.tif",
        out,
        panel=str(line / "small.toml"),
        scintillator="CsPbBr3_75um",
        beam="paper_70kV",
    )


def _frames(path: Path) -> np.ndarray:
    return np.stack([frame.astype(np.float64) for frame in iterate_frames(open_frames(path))])


def test_the_files_are_a_scene_that_runs_and_gives_the_panels_frames(line: Path, made: Twin, tmp_path: Path) -> None:
    assert sorted(path.name for path in made.out.iterdir()) == sorted(NAMES)
    simulate_scene(made.out / "flat.toml", tmp_path / "flats.tif", frames=8, seed=5)

    real, twin = _frames(line / "flat.tif"), _frames(tmp_path / "flats.tif")
    good = panel_maps(load_panel(str(made.out / "panel.toml"))).defects == 0
    mean, other = real.mean(axis=0), twin.mean(axis=0)
    difference = (other - mean)[good] / np.median(mean[good])
    noise = real.std(axis=0, ddof=1)[good].mean() / np.median(mean[good])
    # Noise of both means of 8 frames, and what 8 flats make of the map itself, against a response of 2.5 % rms.
    assert np.median(difference) == pytest.approx(0.0, abs=0.005)
    assert difference.std() < 1.3 * noise * np.sqrt(2.0 / 8.0)
    assert np.corrcoef(mean[good], other[good])[0, 1] > 0.95
    variance = [np.diff(frames, axis=0)[::2].var(axis=0)[good].mean() / 2.0 for frames in (real, twin)]
    assert variance[1] == pytest.approx(variance[0], rel=0.05)


def test_the_darks_of_the_twin_are_those_of_the_panel(line: Path, made: Twin, tmp_path: Path) -> None:
    text = (made.out / "flat.toml").read_text(encoding="utf-8")
    kerma = next(part for part in text.splitlines() if part.startswith("air_kerma_uGy"))
    folder = tmp_path / "own"
    shutil.copytree(made.out, folder)
    (folder / "dark.toml").write_text(text.replace(kerma, "air_kerma_uGy = 0.0"), encoding="utf-8")
    simulate_scene(folder / "dark.toml", tmp_path / "darks.tif", frames=8, seed=3)

    real, twin = _frames(line / "dark.tif"), _frames(tmp_path / "darks.tif")
    difference = np.median(twin, axis=0) - np.median(real, axis=0)
    assert np.median(difference) == pytest.approx(0.0, abs=0.5)
    assert np.corrcoef(real.mean(axis=0).ravel(), twin.mean(axis=0).ravel())[0, 1] > 0.99
    spread = [float(np.median(np.diff(frames, axis=0).std(axis=0))) for frames in (real, twin)]
    assert spread[1] == pytest.approx(spread[0], rel=0.04)  # 3,072 pixels of 7 differences


def test_values_say_what_the_frames_leave_open(made: Twin) -> None:
    assert value_of(made.values, "measured.read_noise_dn").determined
    for key in ("readout.electrons_per_dn", "photodiode.dark_electrons_per_s", "uniformity.nonlinearity"):
        assert not value_of(made.values, key).determined
    record = json.loads((made.out / "values.json").read_text(encoding="utf-8"))
    assert [value["key"] for value in record["values"]] == [value.key for value in made.values]
    assert {entry["name"] for entry in record["files"]} == {"dark.tif", "flat.tif"}
    assert "# readout.offset_dn" in (made.out / "panel.toml").read_text(encoding="utf-8")
    assert any("are too small for noise power" in note for note in made.notes)
    json.dumps(twin_to_json(made), allow_nan=False)


def test_notes_are_those_of_a_twin(line: Path, made: Twin, tmp_path: Path) -> None:
    """A twin has no check frames; and where exposures are known nothing says that they are not."""
    assert "lagging pixels were not looked for: that needs beam-on/beam-off sequences (--lag)" in made.notes
    assert not any("check frame" in note for note in made.notes)
    scene = (line / "flat.toml").read_text(encoding="utf-8").replace("air_kerma_uGy = 15.0", "air_kerma_uGy = 5.0")
    (tmp_path / "small.toml").write_text((line / "small.toml").read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "low.toml").write_text(scene, encoding="utf-8")
    simulate_scene(tmp_path / "low.toml", tmp_path / "low.tif", frames=8, seed=4)
    unsaid = []
    for path in (line / "dark.tif", line / "flat.tif", tmp_path / "low.tif"):
        unsaid.append(tmp_path / f"unsaid_{path.name}")
        write_tiff(unsaid[-1], list(iterate_frames(open_frames(path))), None, {})

    for (dark, *flats), known in (
        ([line / "dark.tif", line / "flat.tif", tmp_path / "low.tif"], True),
        (unsaid, False),
    ):
        notes = make_twin(dark, flats, tmp_path / f"known_{known}", scintillator="CsPbBr3_75um").notes
        assert any("exposures are not known" in note for note in notes) is not known
        assert not any("non-uniform" in note for note in notes)


def test_a_layer_that_is_not_the_one_that_the_frames_name_is_said(line: Path, made: Twin, tmp_path: Path) -> None:
    other = make_twin(line / "dark.tif", line / "flat.tif", tmp_path / "other", panel=str(line / "small.toml"))

    said = "the frames name the layer 'CsPbBr3_75um', but 'CsI_Tl_500um' is taken: see --scintillator"
    assert said in other.notes
    assert not any("name the layer" in note for note in made.notes)


def test_the_panel_file_holds_what_the_values_say(made: Twin) -> None:
    panel = load_panel(str(made.out / "panel.toml"))

    for value in made.values:
        table, _, key = value.key.partition(".")
        if table in ("readout", "photodiode", "uniformity"):
            assert getattr(getattr(panel, table), key) == pytest.approx(value.value)
    assert (panel.pixels.rows, panel.pixels.cols, panel.serial) == (48, 64, "SMALL-1")
    assert load_scintillator(str(made.out / "layer.toml")).name == "CsPbBr3_75um"
    validate_scene(made.out / "flat.toml")


def test_the_same_frames_make_the_same_files(line: Path, made: Twin, tmp_path: Path) -> None:
    again = make_twin(
        line / "dark.tif",
        line / "flat.tif",
        tmp_path / "again",
        panel=str(line / "small.toml"),
        scintillator="CsPbBr3_75um",
        beam="paper_70kV",
    )

    for name in NAMES:
        assert (again.out / name).read_bytes() == (made.out / name).read_bytes()


def test_nothing_is_written_where_the_frames_cannot_serve(line: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there was no beam, or dark and flat files are swapped"):
        make_twin(line / "dark.tif", line / "dark.tif", tmp_path / "panel")

    assert not (tmp_path / "panel").exists()


def test_frames_are_not_overwritten(line: Path, tmp_path: Path) -> None:
    shutil.copy(line / "flat.tif", tmp_path / "maps.npz")
    before = (tmp_path / "maps.npz").read_bytes()

    with pytest.raises(ValueError, match=r"maps\.npz would be overwritten by a result"):
        make_twin(line / "dark.tif", tmp_path / "maps.npz", tmp_path)
    assert (tmp_path / "maps.npz").read_bytes() == before


def test_averages_of_frames_give_maps_and_say_what_they_lack(tmp_path: Path) -> None:
    """As real data may come: one averaged dark, one averaged flat, floats, and not a word about them."""
    rng = np.random.default_rng(5)
    block = np.where(np.arange(64) < 28, 0.0, 12.0)  # steps between readout chips
    dark = (240.0 + block + rng.normal(0.0, 8.0, (48, 64))).astype(np.float32)
    flat = (dark + 900.0 * (1.0 + rng.normal(0.0, 0.02, (48, 64)))).astype(np.float32)
    for name, frame in (("dark", dark), ("flat", flat)):
        write_tiff(tmp_path / f"{name}.tif", [frame], None, {})

    made = make_twin(tmp_path / "dark.tif", tmp_path / "flat.tif", tmp_path / "out")

    determined = {value.key for value in made.values if value.determined}
    assert determined == {"readout.offset_dn"}
    said = " ".join(made.notes)
    assert "one dark frame" in said and "one flat" in said and "do not say their air kerma" in said
    maps = panel_maps(load_panel(str(made.out / "panel.toml")))
    np.testing.assert_allclose(maps.offset_dn - maps.offset_dn.mean(), dark - dark.mean(), atol=0.01)
    assert np.corrcoef(maps.response.ravel(), (flat - dark).ravel())[0, 1] > 0.99


def test_results_of_a_scene_do_not_replace_its_panels_maps(made: Twin, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"maps\.npz would be overwritten by a result"):
        simulate_scene(made.out / "flat.toml", tmp_path / "a.tif", truth=made.out / "maps.npz")
    assert not (tmp_path / "a.tif").exists()


def _other_flats(line: Path, folder: Path) -> Path:
    """Flats of the same scene with other noise."""
    simulate_scene(line / "flat.toml", folder / "other.tif", frames=3, seed=77)
    return folder / "other.tif"


@pytest.mark.parametrize("kind", ["unseen_flat", "unseen_edge", "unseen_lag"])
@pytest.mark.parametrize("given", ["the same name", "a link", "a copy"])
def test_frames_that_the_twin_is_made_from_are_not_unseen(line: Path, tmp_path: Path, kind: str, given: str) -> None:
    unseen = tmp_path / "other_name.tif"
    if given == "the same name":
        unseen = line / "flat.tif"
    elif given == "a link":
        unseen.hardlink_to(line / "flat.tif")
    else:
        shutil.copy(line / "flat.tif", unseen)

    with pytest.raises(
        ValueError, match=r"\(unseen \w+\) holds the same frames as \S+flat\.tif \(flat\), which the twin"
    ):
        make_twin(line / "dark.tif", line / "flat.tif", tmp_path / "panel", **{kind: unseen})
    assert not (tmp_path / "panel").exists()


@pytest.mark.parametrize("record", [None, "{}", "[1]", "no JSON"])
def test_a_folder_of_somebody_elses_panel_is_not_written_over(line: Path, tmp_path: Path, record: str | None) -> None:
    (tmp_path / "flat.toml").write_text("mine", encoding="utf-8")
    if record is not None:
        (tmp_path / "values.json").write_text(record, encoding="utf-8")

    with pytest.raises(ValueError, match=r"holds flat\.toml.* but no values\.json of a twin, so they are not written"):
        make_twin(line / "dark.tif", line / "flat.tif", tmp_path)
    assert (tmp_path / "flat.toml").read_text(encoding="utf-8") == "mine"
    assert not (tmp_path / "panel.toml").exists()


def test_a_twin_replaces_an_older_one(made: Twin, tmp_path: Path) -> None:
    refuse_foreign(made.out, NAMES)
    refuse_foreign(tmp_path, NAMES)  # other files than a twin's are in nobody's way
    refuse_foreign(tmp_path / "new", NAMES)


def test_a_region_without_an_edge_is_refused_before_anything_is_read(line: Path, tmp_path: Path) -> None:
    given = (line / "dark.tif", line / "flat.tif", tmp_path / "panel")

    with pytest.raises(ValueError, match=r"--roi says where the edge lies, but there is no edge"):
        make_twin(*given, roi=(0, 40, 0, 40))
    for roi in ((0, 49, None, None), (10, 10, None, None), (None, None, 70, None)):
        with pytest.raises(ValueError, match=r"--roi is rows \d+:\d+, columns \d+:\d+ but the frames are 48 x 64"):
            make_twin(*given, edge=line / "edge.tif", roi=roi)
    assert not (tmp_path / "panel").exists()


@pytest.mark.slow
def test_unseen_flats_that_cannot_judge_are_refused_before_anything_is_written(line: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="flat frames of a twin must have 128 x 128 pixels or more, got 48 x 64"):
        make_twin(
            line / "dark.tif",
            line / "flat.tif",
            tmp_path / "panel",
            unseen_flat=_other_flats(line, tmp_path),
            panel=str(line / "small.toml"),
            scintillator="CsPbBr3_75um",
            beam="paper_70kV",
        )
    assert not (tmp_path / "panel").exists()
