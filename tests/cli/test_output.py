"""What goes to standard output, what to stderr, and what --json, --quiet and --verbose make of it."""

from __future__ import annotations

import inspect
import json
import math
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from radiography.cli import output, run
from radiography.cli.app import app
from radiography.files.frames import read_image, write_tiff
from radiography.jobs.json_text import json_text

PANEL = """
based_on = "fully_coated"
name = "small"
description = "a small cut"
serial = "SMALL-8"
[pixels]
rows = 96
cols = 128
"""

SCENE = """
description = "{name}"
panel = "small.toml"
scintillator = "CsPbBr3_75um"
[beam]
name = "paper_70kV"
air_kerma_uGy = {kerma}
[geometry]
source_to_detector_mm = 1000.0
"""

ROW = """
[[rows]]
quantity = "mass attenuation of Al"
group = "tables"
measure = "mass_attenuation"
setting = { material = "Al", energy_keV = 60.0 }
published = 0.2778
unit = "cm2/g"
reference = "table"
source = "NIST SRD 126, table 3"
"""

SCENARIO = """
{"File format version": [1, 0, 0],
 "Detector": {"Position": [0, 200, 0, "mm"], "UpVector": [0, 0, -1], "RightVector": [-1, 0, 0],
              "NumberOfPixels": [64, 48], "Spacing": [500, 500, "um"]},
 "Source": {"Position": [0, -800, 0, "mm"], "Shape": "POINTSOURCE", "Beam": {"Peak kilo voltage": 85}},
 "Samples": []}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Frames of a small panel, their calibration set, and a corrected slanted edge."""
    made = tmp_path_factory.mktemp("output")
    (made / "small.toml").write_text(PANEL, encoding="utf-8")
    (made / "row.toml").write_text(ROW, encoding="utf-8")
    (made / "scenario.json").write_text(SCENARIO, encoding="utf-8")
    (made / "sweep.toml").write_text('base = "flat.toml"\n[axes]\n"beam.air_kerma_uGy" = [1.0, 2.0]\n')
    for name, kerma in (("dark", 0.0), ("flat", 15.0)):
        (made / f"{name}.toml").write_text(SCENE.format(name=name, kerma=kerma), encoding="utf-8")
        assert run(["simulate", str(made / f"{name}.toml"), "--out", str(made / f"{name}.tif"), "--frames", "4"]) == 0
    dark, flat = str(made / "dark.tif"), str(made / "flat.tif")
    assert run(["calibrate", "--dark", dark, "--flat", flat, "--out", str(made / "cal")]) == 0
    rows, cols = np.mgrid[0:200, 0:160]
    edge = 1000.0 + 3000.0 / (1.0 + np.exp(-(cols - 80.0 - 0.05 * (rows - 100.0)) / 0.5))
    write_tiff(made / "edge.tif", edge.astype(np.float32), 0.139, {})
    write_tiff(made / "hard.tif", np.sqrt(edge).astype(np.float32), 0.139, {})
    return made


# every command that needs no Monte Carlo, and what its JSON holds beside the warnings
CALLS: dict[str, tuple[str, set[str]]] = {
    "simulate": ("simulate {f}/flat.toml --out {t}/x.npy", {"frames", "seed", "scene"}),
    "calibrate": (
        "calibrate --dark {f}/dark.tif --flat {f}/flat.tif --out {t}/cal",
        {"level_dn", "offset_dn", "noise_dn", "defects", "saturation_dn", "saturation_source"},
    ),
    "reconstruct": ("reconstruct {f}/flat.tif --calibration {f}/cal --out {t}/x.tif", {"files"}),
    "defects": ("defects {f}/cal", {"rows", "cols", "bad_pixels", "bad_ppm", "classes", "groups"}),
    "qc": ("qc {f}/cal", {"within_limits", "sets"}),
    "residual": ("residual CsPbBr3_75um --rates 30", {"rate_per_s", "scintillators"}),
    "mtf": ("mtf {f}/edge.tif", {"frequency_per_mm", "value", "standard_error", "pitch_mm"}),
    "subtract": ("subtract {f}/edge.tif {f}/hard.tif --weight 1 --out {t}/x.tif", {"weight", "frames", "dark_pixels"}),
    "exposure-index": (
        "exposure-index {f}/flat.tif --frame 1 --calibration {f}/cal --target 1500",
        {"exposure_index", "target", "deviation_index", "kerma_uGy", "region"},
    ),
    "export": ("export {f}/edge.tif --out {t}/x.dcm", {"out", "for_processing", "pitch_mm"}),
    "view": ("view {f}/edge.tif --no-browser --for 0", {"url", "pictures", "not_shown"}),
    "check": ("check {f}/flat.toml", {"pitch_mm", "kvp", "air_kerma_uGy", "memory_bytes", "time_per_frame_s"}),
    "import": (
        "import {f}/scenario.json --out {t}/imported",
        {"scenario", "format", "projection", "taken", "approximated", "refused", "files"},
    ),
    "sweep": (
        "sweep {f}/sweep.toml --out {t}/x.zarr --scheduler none",
        {"sweep", "base", "samples", "done_before", "failed", "units", "rows"},
    ),
    "twin": (
        "twin --dark {f}/dark.tif --flat {f}/flat.tif --out {t}/twin",
        {"out", "files", "values", "bad_pixels", "notes"},
    ),
    "validate": ("validate --out {t}/v --table {f}/row.toml", {"rows"}),
    "paper": ("paper T2 --out {t}/p", {"paper", "quick", "figures", "no_imaging", "slips"}),
    "list": ("list panels", {"kind", "entries"}),
    "init": ("init scene", {"kind", "template"}),
}
WITHOUT_NUMBERS = {"init", "warm-up", "report"}  # a text, nothing, and a page of numbers that others wrote
SLOW_OR_ELSEWHERE = {"demo", "scintillator", "fit", "lag"}  # with JSON as well, in tests of their own


def _call(name: str, folder: Path, target: Path) -> list[str]:
    return [word.format(f=folder, t=target) for word in CALLS[name][0].split()]


def _only_numbers(text: str) -> Any:
    """JSON that holds no NaN and no infinity."""

    def refuse(word: str) -> None:
        raise AssertionError(word)

    return json.loads(text, parse_constant=refuse)


def _commands() -> dict[str, Any]:
    return {
        each.name or str(each.callback and each.callback.__name__): each.callback for each in app.registered_commands
    }


def test_every_command_takes_json_quiet_and_verbose() -> None:
    for name, callback in _commands().items():
        taken = inspect.signature(callback).parameters
        assert {"quiet", "verbose"} <= set(taken), name
        assert "json_file" in taken or name in WITHOUT_NUMBERS, name
    assert set(_commands()) >= set(CALLS) | SLOW_OR_ELSEWHERE


@pytest.mark.slow
@pytest.mark.parametrize("name", CALLS)
def test_json_on_standard_output_is_all_that_is_there(
    name: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*_call(name, folder, tmp_path), "--json", "-"]) == 0
    found = _only_numbers(capsys.readouterr().out)
    assert CALLS[name][1] <= set(found)
    assert isinstance(found["warnings"], list)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["calibrate", "mtf", "check", "list"])
def test_a_json_file_holds_what_standard_output_would(
    name: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "again").mkdir()
    assert run([*_call(name, folder, tmp_path), "--json", str(tmp_path / "x.json")]) == 0
    assert capsys.readouterr().out
    written = _only_numbers((tmp_path / "x.json").read_text(encoding="utf-8"))
    assert run([*_call(name, folder, tmp_path), "--json", "-"]) == 0
    assert written == _only_numbers(capsys.readouterr().out)


def test_the_numbers_of_a_calibration_are_those_of_its_panel(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*_call("calibrate", folder, tmp_path), "--json", "-"]) == 0
    printed = capsys.readouterr()
    found = json.loads(printed.out)
    frames = np.asarray(_frames(folder / "flat.tif"), float)
    darks = np.asarray(_frames(folder / "dark.tif"), float)
    assert found["offset_dn"] == pytest.approx(np.median(darks), abs=1.0)
    # the level is a mean over the panel, noise and its defects apart; 1 % of it is beyond both
    assert found["level_dn"] == pytest.approx(np.median(frames) - np.median(darks), rel=0.01)
    assert found["saturation_dn"] == read_image(folder / "flat.tif", None, 0).conditions.saturation_dn
    assert set(found["defects"]) and all(isinstance(count, int) for count in found["defects"].values())
    assert [f"radiography: warning: {' '.join(text.split())}" for text in found["warnings"]] == [
        line for line in printed.err.splitlines() if "warning" in line
    ]


def _frames(path: Path) -> Any:
    import tifffile

    return tifffile.imread(path)


@pytest.mark.parametrize("where", ["before", "after"])
def test_quiet_leaves_only_warnings(where: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["list", "scenes"]
    assert run(["--quiet", *words] if where == "before" else [*words, "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")
    assert run(["mtf", "--quiet", str(folder / "none.tif")]) == 2
    assert "none.tif" in capsys.readouterr().err


def test_quiet_of_one_run_is_forgotten_by_the_next(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--quiet", "list", "scenes"]) == 0
    assert run(["list", "scenes"]) == 0
    assert "flat" in capsys.readouterr().out


def test_verbose_says_what_was_read_and_the_seconds(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*_call("calibrate", folder, tmp_path), "--verbose"]) == 0
    said = capsys.readouterr().err
    assert f"radiography: read {folder / 'dark.tif'}" in said
    assert "radiography: calibrating: " in said and said.splitlines()[-1].startswith("radiography: done in ")


def test_quiet_and_verbose_are_not_both(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--quiet", "list", "scenes", "--verbose"]) == 2
    assert "contradict" in capsys.readouterr().err


def test_warnings_go_to_stderr_and_into_the_json(capsys: pytest.CaptureFixture[str]) -> None:
    output.begin()
    output.warn("twice")
    output.warn("twice")
    output.give_json(Path("-"), {"warnings": ["of the job"]})
    printed = capsys.readouterr()
    assert printed.err == "radiography: warning: twice\n"
    assert json.loads(printed.out)["warnings"] == ["of the job", "twice"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("simulate flat --out -", "--out needs the name of a file, got '-'"),
        ("mtf -", "IMAGE needs the name of a file"),
        ("simulate flat --out x.npy --json x.npy", "two results would be written to x.npy"),
        ("list scenes --json no/x.json", "the folder no does not exist"),
        ("simulat flat", "Did you mean 'simulate'?"),
        ("mtf x.tif --jsonn y", "No such option: --jsonn. Did you mean --json?"),
        ("list scene", "'scene' is not one of"),
    ],
)
def test_a_wrong_command_line_is_one_sentence(
    words: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(words.split()) == 2
    printed = capsys.readouterr()
    assert said in printed.err and printed.err.count("\n") == 1 and printed.out == ""
    assert not list(tmp_path.iterdir())


def test_a_pipe_hears_nothing_of_short_work_and_a_line_of_long(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    output.begin()
    with output.progress() as report:
        report("looking", 0.5)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(output, "LINE_EVERY_S", 0.05)
    for quiet in (False, True):
        output.begin()
        output.speak(quiet, False)
        with output.progress() as report:
            report("looking", 0.25)
            time.sleep(0.3)
        said = capsys.readouterr().err
        assert ("radiography: looking: 25 % in 0 s, about " in said) is not quiet


def test_steps_without_a_fraction_say_their_time() -> None:
    steps = output._Steps()
    assert steps.line() == "working, 0 s so far"
    steps.report("planning", 0.0)
    assert steps.line() == "planning, 0 s so far"
    steps.report("planning", 1.0)
    assert steps.line() == "planning is done, going on, 0 s so far"


def test_json_text_knows_no_infinities_and_all_kinds_of_numbers() -> None:
    made = {
        "a": np.array([1.0, math.nan, math.inf]),
        "b": (np.float32(0.5), np.int16(3), np.bool_(True), -math.inf),
        "c": Path("x") / "y",
        "d": {1: None},
    }
    path = str(Path("x") / "y")
    assert _only_numbers(json_text(made)) == {
        "a": [1.0, None, None],
        "b": [0.5, 3, True, None],
        "c": path,
        "d": {"1": None},
    }
    with pytest.raises(TypeError):
        json_text({"a": object()})


@pytest.mark.slow
def test_a_reader_that_goes_away_is_no_error() -> None:
    code = "import sys; from radiography.cli import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", code, "list", "phantoms"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 141  # as shells have it; click ends with 1


@pytest.mark.slow
def test_help_of_every_command_ends_with_an_example_that_parses(capsys: pytest.CaptureFixture[str]) -> None:
    for info in app.registered_commands:
        name = info.name or str(info.callback and info.callback.__name__)
        program, command, *words = shlex.split(str(info.epilog).removeprefix("Example: "))
        assert (program, command) == ("radiography", name)
        assert run([name, "--help"]) == 0
        helped = capsys.readouterr().out
        assert helped.rstrip().endswith(words[-1] if words else name)
        for word in words:
            assert not word.startswith("--") or f"{word} " in helped, f"{name} {word}"
    assert run(["--help"]) == 0
    assert "..." not in capsys.readouterr().out.partition("Commands:")[2], "a line about a command is cut short"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("radiography simulate fl", ["flat", "flat_cable", "fluoroscopy"]),
        ("radiography scintillator --beam RQA", ["RQA3", "RQA5", "RQA7", "RQA9"]),
        ("radiography list sce", ["scenes"]),
        ("radiography cal", ["calibrate"]),
    ],
)
def test_a_shell_completes_commands_and_shipped_names(line: str, names: list[str]) -> None:
    code = "import sys; sys.argv[0] = 'radiography'; from radiography.cli import main; main()"
    asked = {"_RADIOGRAPHY_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **asked}, capture_output=True, text=True, check=True
    )
    assert sorted(done.stdout.split()) == names and done.stderr == ""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C goes to a whole console there, the test's own too")
@pytest.mark.parametrize("times", [1, 2])
def test_an_interrupt_is_one_line_and_leaves_nothing(times: int, folder: Path, tmp_path: Path) -> None:
    # a job in the background ignores Ctrl-C, and so does what it starts: the test would wait for 20,000 frames
    heard = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    code = heard + "import sys; from radiography.cli import main; main(sys.argv[1:])"
    words = ["simulate", str(folder / "flat.toml"), "--out", str(tmp_path / "x.tif"), "--frames", "20000"]
    with subprocess.Popen([sys.executable, "-c", code, *words], stderr=subprocess.PIPE, text=True) as process:
        while not any(tmp_path.iterdir()) and process.poll() is None:  # until it writes
            time.sleep(0.05)
        for _ in range(times):
            process.send_signal(signal.SIGINT)
            time.sleep(0.01)
        assert process.stderr is not None
        said = process.stderr.read()
    lines = [line for line in said.splitlines() if " s so far" not in line and " % in " not in line]
    told = "radiography: interrupted, nothing was left half-written"
    assert lines == [told] and process.returncode == 130, (process.returncode, said)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("where", ["__init__", "__del__"])
def test_an_interrupt_of_a_half_built_object_is_one_line_too(where: str) -> None:
    # an interrupt in __del__ is lost, and __del__ of what was not built says that it lacks a member
    code = f"""
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
import radiography.cli as cli
class Reference:
    def __init__(self):
        self.press("__init__")
        self.member = 1
    def __del__(self):
        self.press("__del__")
        del self.member
    def press(self, place):
        if place == "{where}":
            signal.raise_signal(signal.SIGINT)
def command(arguments):
    Reference()
    time.sleep(30)
    return 0
cli._exit_code = command
cli.main([])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=25)
    assert done.stderr == "radiography: interrupted, nothing was left half-written\n"
    assert done.returncode == 130
