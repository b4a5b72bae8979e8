"""Files that a job is given, and where its results go."""

from __future__ import annotations

from pathlib import Path

import pytest

from radiography.config import load_panel
from radiography.jobs.benchmark import BenchmarkSetup, run_benchmark
from radiography.jobs.inputs import all_or_none, check_writable, input_files, load_layers, tell_front_only
from radiography.jobs.twin import make_twin


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three files."""
    for name in ("b.tif", "a.tif", "c.npy"):
        (tmp_path / name).write_bytes(b"")
    return tmp_path


def test_files_are_named_by_path_pattern_and_folder(folder: Path) -> None:
    a, b, c = (folder / name for name in ("a.tif", "b.tif", "c.npy"))
    assert input_files(a, "raw") == [a]
    assert input_files(str(folder / "*.tif"), "raw") == [a, b]
    assert input_files([c, str(folder)], "raw") == [c, a, b, c]
    with pytest.raises(FileNotFoundError, match=r"no raw file matches '.*\*\.png'"):
        input_files([str(folder / "*.png")], "raw")


def test_a_result_that_could_not_be_written_is_found_before_the_work(folder: Path) -> None:
    check_writable(None)
    check_writable(folder / "new.CSV", (".csv",))
    with pytest.raises(ValueError, match=r"new\.txt must end in \.csv or \.json"):
        check_writable(folder / "new.txt", (".csv", ".json"))
    with pytest.raises(FileNotFoundError, match="does not exist"):
        check_writable(folder / "gone" / "new.csv")


def test_results_appear_together_or_not_at_all(folder: Path) -> None:
    (folder / "sub").mkdir()
    one, other = folder / "one.json", folder / "sub" / "other.png"
    with pytest.raises(OSError, match="full"), all_or_none(one, None, other) as places:
        places[one].write_text("1")
        raise OSError("full")
    assert not one.exists() and not list((folder / "sub").iterdir())
    with all_or_none(one, None, other) as places:
        assert list(places) == [one, other]
        for path, place in places.items():
            place.write_text(path.name)
        assert not one.exists()
    assert (one.read_text(), other.read_text()) == ("one.json", "other.png")
    assert not list(folder.rglob(".*"))


def test_a_scintillator_is_named_once() -> None:
    assert [layer.name for layer in load_layers("CsPbBr3_75um", "table")] == ["CsPbBr3_75um"]
    with pytest.raises(ValueError, match="'CsPbBr3_75um' is named twice; each table needs its own name"):
        load_layers(["CsPbBr3_75um"] * 2, "table")


def test_a_back_layer_that_is_left_out_is_told() -> None:
    tell_front_only(load_panel("fully_coated"))
    with pytest.warns(UserWarning, match=r"panel 'dual_layer' has a back layer, which is left out here"):
        tell_front_only(load_panel("dual_layer"))


@pytest.mark.parametrize("job", ["benchmark", "twin"])
def test_jobs_that_leave_a_back_layer_out_say_so(folder: Path, monkeypatch: pytest.MonkeyPatch, job: str) -> None:
    def stop(*_: object, **__: object) -> None:
        raise LookupError

    monkeypatch.setattr("radiography.jobs.benchmark.report_layer", stop)
    monkeypatch.setattr("radiography.jobs.twin.panel_sources", stop)
    with pytest.warns(UserWarning, match=r"everything is of the front layer"), pytest.raises(LookupError):
        if job == "benchmark":
            run_benchmark(BenchmarkSetup("CsPbBr3_75um", panel="dual_layer", size=512), folder / "out")
        else:
            make_twin("d.tif", "f.tif", folder / "out", panel="dual_layer")
