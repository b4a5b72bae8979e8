"""Benchmark of scintillators: images and transport agree, stages are kept, and the report shows what the JSON holds."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from radiography.config import load_panel
from radiography.figures.report.assumptions import assumptions_of
from radiography.jobs.benchmark import Benchmark, BenchmarkSetup, run_benchmark
from radiography.jobs.benchmark_frames import central
from radiography.jobs.benchmark_report import can_report, report_benchmark
from radiography.jobs.benchmark_table import mean_curve, summary_rows
from radiography.jobs.dqe import DqeInput, measure_dqe
from radiography.jobs.json_text import write_json
from radiography.jobs.kept_stages import RECORD, keep_stage
from radiography.jobs.qc import report_quality
from radiography.jobs.report import report_calibration, report_frames
from radiography.panel.panel import coated
from radiography.sweep.engine import Engine, has_dask

LAYERS = ("CsPbBr3_75um", "CsI_Tl_500um")
SMALL = BenchmarkSetup(LAYERS, size=256, frames=6)
BROWSER = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)
needs_report = pytest.mark.skipif(not can_report(), reason="plotly or Jinja2 is not installed")
needs_browser = pytest.mark.skipif(BROWSER is None, reason="chromium is not installed")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Benchmark:
    """A benchmark of both layers, small, with few frames."""
    return run_benchmark(SMALL, tmp_path_factory.mktemp("benchmark") / "out")


def _numbers(made: Benchmark) -> dict[str, Any]:
    numbers: dict[str, Any] = json.loads((made.folder / "benchmark.json").read_text(encoding="utf-8"))
    return numbers


@pytest.mark.slow
@pytest.mark.skipif(not has_dask(), reason="Dask (extra `sweep`) is not installed")
def test_workers_give_the_same_numbers(made: Benchmark, tmp_path: Path) -> None:
    again = run_benchmark(SMALL, tmp_path / "out", engine=Engine("local", 2))
    assert again.numbers == made.numbers
    for name in ("benchmark.csv", "CsI_Tl_500um/calibration/calibration.cal"):
        assert (again.folder / name).read_bytes() == (made.folder / name).read_bytes()


@pytest.mark.slow
def test_the_json_holds_what_its_contract_names(made: Benchmark) -> None:
    numbers = _numbers(made)
    assert list(numbers["layers"]) == list(LAYERS)
    for layer in numbers["layers"].values():
        for key in ("mtf", "nnps", "dqe", "neq_per_mm2"):
            for axis in ("horizontal", "vertical"):
                lengths = {len(layer[key][axis][part]) for part in ("frequency_per_mm", "value", "standard_error")}
                assert len(lengths) == 1
        assert {"dqe_zero", "lag", "snr", "electrons", "saturation_uGy", "predicted", "files"} <= layer.keys()
        assert all((made.folder / name).is_file() for name in layer["files"])


@pytest.mark.slow
def test_the_images_are_as_sharp_as_the_transport_predicts(made: Benchmark) -> None:
    for layer in _numbers(made)["layers"].values():
        off = layer["agreement"]["mtf_worst_difference"]
        assert off["value"] < 0.01 + 3 * off["standard_error"]


@pytest.mark.slow
def test_their_noise_is_that_of_the_transport_within_what_few_frames_tell(made: Benchmark) -> None:
    """Eighteen means over 0.2 /mm; the largest of as many normal numbers stays below 4 standard errors."""
    for layer in _numbers(made)["layers"].values():
        for name, limit in (("nnps", 0.03), ("dqe", 0.04)):
            off = layer["agreement"][f"{name}_worst_relative_difference"]
            assert abs(off["value"]) < limit + 4 * off["standard_error"]


@pytest.mark.slow
def test_each_dose_is_compared_with_its_own_prediction(made: Benchmark) -> None:
    """Six flats of 256 x 256 know a mean over 0.2 /mm to 5 %; the mean of all eighteen to 1.5 % or so."""
    for layer in _numbers(made)["layers"].values():
        doses = layer["agreement"]["doses"]
        assert [dose["air_kerma_uGy"] for dose in doses] == layer["protocol"]["doses_uGy"]
        for dose in doses:
            assert abs(dose["nnps_mean_relative_difference"]) < 0.05
            for name, limit in (("nnps", 0.03), ("dqe", 0.04)):
                off = dose[f"{name}_worst_relative_difference"]
                assert abs(off["value"]) < limit + 4 * off["standard_error"]
        nominal = next(dose for dose in doses if dose["air_kerma_uGy"] == SMALL.dose_uGy)
        assert nominal["nnps_worst_relative_difference"] == layer["agreement"]["nnps_worst_relative_difference"]


@pytest.mark.slow
def test_discs_are_seen_at_the_contrast_that_transport_predicts(made: Benchmark) -> None:
    for layer in _numbers(made)["layers"].values():
        found, should = layer["contrast_detail"], layer["predicted"]["contrast_detail"]
        count = len(found["diameter_mm"])
        assert found["diameter_mm"] == should["diameter_mm"][:count]
        off = np.array(found["threshold_contrast"]) / should["threshold_contrast"][:count] - 1
        error = np.array(found["standard_error"]) / found["threshold_contrast"]
        assert np.all(np.abs(off) < 0.03 + 4 * error)
        plate = found[
            "plate"
        ]  # acrylic of 1.19 g/cm3 attenuates RQA5 by 0.022 to 0.026 /mm, some of it made up by glare
        assert plate["attenuation_per_mm"] == pytest.approx(0.024, abs=0.003 + 4 * plate["standard_error_per_mm"])
        at_1 = found["diameter_mm"].index(1.0)
        depth = found["threshold_depth_mm"][at_1]
        assert depth is None or depth * plate["attenuation_per_mm"] == pytest.approx(
            np.log1p(found["threshold_contrast"][at_1])
        )


@pytest.mark.slow
def test_lag_is_that_of_one_noiseless_pixel(made: Benchmark) -> None:
    for layer in _numbers(made)["layers"].values():
        off = np.array(layer["lag"]["residual"]) - layer["predicted"]["lag"]
        assert np.abs(off).max() < 2e-4  # of the exposed signal; the mean of a frame is known to 2e-5


@pytest.mark.slow
def test_the_film_is_sharper_and_costs_dose(made: Benchmark) -> None:
    film, csi = (_numbers(made)["layers"][name] for name in LAYERS)
    at_2 = [
        float(np.interp(2.0, *(mean_curve(each["mtf"])[k] for k in ("frequency_per_mm", "value"))))
        for each in (film, csi)
    ]
    assert at_2[0] == pytest.approx(0.73, abs=0.02)
    assert at_2[1] == pytest.approx(0.36, abs=0.02)
    assert film["dqe_zero"]["value"] < 0.1 < csi["dqe_zero"]["value"]
    assert film["cnr"]["value"] < csi["cnr"]["value"]


@pytest.mark.slow
def test_a_second_run_makes_no_stage_again_and_gives_the_same_bytes(made: Benchmark) -> None:
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in made.folder.rglob("*") if path.is_file()}
    told: set[str] = set()
    run_benchmark(SMALL, made.folder, lambda what, done: told.add(what))
    after = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in made.folder.rglob("*") if path.is_file()}
    assert {path: text for path, (_, text) in before.items()} == {path: text for path, (_, text) in after.items()}
    inside = [path for path in before if path.parent != made.folder]
    assert inside and all(before[path] == after[path] for path in inside)
    assert not any("flats" in what or "edges" in what for what in told)


def test_a_stage_is_made_again_when_inputs_change_or_a_file_is_damaged(tmp_path: Path) -> None:
    calls: list[str] = []

    def make(text: str, name: str = "a.txt") -> Any:
        def write(place: Path) -> None:
            calls.append(text)
            (place / name).write_text(text)

        return write

    first = keep_stage(tmp_path / "s", {"a": 1}, make("one"))
    assert keep_stage(tmp_path / "s", {"a": 1}, make("two")) == first
    assert calls == ["one"]
    (tmp_path / "s" / "a.txt").write_text("damaged")
    keep_stage(tmp_path / "s", {"a": 1}, make("three"))
    keep_stage(tmp_path / "s", {"a": 2}, make("four", "b.txt"))
    assert calls == ["one", "three", "four"]
    assert sorted(path.name for path in (tmp_path / "s").iterdir()) == ["b.txt", RECORD]


def test_a_stage_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    keep_stage(tmp_path / "s", {"a": 1}, lambda place: (place / "a.txt").write_text("one") and None)

    def fail(place: Path) -> None:
        (place / "a.txt").write_text("half")
        raise ValueError("stopped")

    with pytest.raises(ValueError, match="stopped"):
        keep_stage(tmp_path / "s", {"a": 2}, fail)
    assert (tmp_path / "s" / "a.txt").read_text() == "one"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"size": 100}, "size must be 256 or more, got 100"),
        ({"size": 4000}, "size must be 3072 or fewer, got 4000"),
        ({"dose_uGy": 0.0}, "--dose must be above 0 uGy, got 0"),
        ({"dose_uGy": 1000.0}, "of what saturates the panel under 'CsI_Tl_500um': give less"),
        ({"frames": 1}, "frames must be 4 or more, got 1"),
        ({"layers": ("CsI_Tl_500um", "CsI_Tl_500um")}, "scintillator 'CsI_Tl_500um' is named twice"),
        ({"beam": "RQA55"}, "no beam 'RQA55'"),
    ],
)
def test_wrong_input_is_one_sentence_and_leaves_nothing(change: dict[str, Any], says: str, tmp_path: Path) -> None:
    with pytest.raises((ValueError, OSError), match=re.escape(says)):
        run_benchmark(BenchmarkSetup(**{"layers": ("CsI_Tl_500um",), "size": 256, **change}), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "says"),
    [("../up", "cannot name a folder of results"), (".", "cannot name"), ("Published", "would hold two results")],
)
def test_a_layer_whose_name_is_no_folder_is_refused(name: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "layer.toml").write_text(f'based_on = "CsI_Tl_500um"\nname = "{name}"\n')
    with pytest.raises(ValueError, match=says):
        run_benchmark(BenchmarkSetup(str(tmp_path / "layer.toml"), size=256), tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["layer.toml"]


def test_only_the_coated_middle_is_measured() -> None:
    panel = load_panel("paper_prototype")
    row, row_end, col, col_end = central(panel, 125.0)
    assert coated(panel)[row:row_end, col:col_end].all()
    assert (row_end - row, col_end - col) == (575, 575)  # 80 mm of 0.139 mm


@pytest.mark.parametrize(
    ("panel", "says"),
    [
        ("[coating]\nrows_mm = 30.0\ncols_mm = 30.0\n", "coated on 215 x 215 pixels of its middle only, less than"),
        ("[pixels]\npitch_mm = 0.05\naperture_mm = 0.05\n", "12.8 mm wide, less than the 24 mm that an aluminium disc"),
    ],
)
def test_a_panel_with_too_little_to_measure_is_refused(panel: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(f'based_on = "fully_coated"\nname = "small"\ndescription = "x"\n{panel}')
    setup = BenchmarkSetup("CsI_Tl_500um", panel=str(tmp_path / "small.toml"), size=256)
    with pytest.raises(ValueError, match=re.escape(says)):
        run_benchmark(setup, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.long
def test_a_panel_that_is_coated_in_part_is_measured_on_the_coated_part(tmp_path: Path) -> None:
    """A coated square of 36 mm, the rest bare diodes: charge, sharpness and noise are those of the coated part."""
    (tmp_path / "part.toml").write_text(
        'based_on = "paper_prototype"\nname = "part"\ndescription = "x"\n[coating]\nrows_mm = 36.0\ncols_mm = 36.0\n'
    )
    setup = BenchmarkSetup("CsI_Tl_500um", panel=str(tmp_path / "part.toml"), size=320, frames=8)
    layer = run_benchmark(setup, tmp_path / "out").numbers["layers"]["CsI_Tl_500um"]
    assert layer["nnps"]["roi"] == [0, 258, 0, 258]
    assert layer["electrons"] == pytest.approx(layer["predicted"]["electrons"], rel=0.02)
    assert layer["agreement"]["mtf_worst_difference"]["value"] < 0.01
    for off in layer["agreement"]["doses"]:
        worst = off["nnps_worst_relative_difference"]
        assert abs(worst["value"]) < 0.03 + 4 * worst["standard_error"]


def test_a_folder_without_a_benchmark_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"holds no benchmark\.json"):
        report_benchmark(tmp_path, tmp_path / "report.html")
    write_json(tmp_path / "benchmark.json", {"measure": "mtf"})
    with pytest.raises(ValueError, match="is not the result of a benchmark"):
        report_benchmark(tmp_path, tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def test_assumptions_carry_value_and_source(tmp_path: Path) -> None:
    (tmp_path / "layer.toml").write_text(
        '# [A] assumed.\nname = "x"\nthickness_um = 75.0  # [um] [P]\n[[parts]]\nfraction = 0.5  # [1] [A] 0.3-0.6\n'
    )
    found = assumptions_of(tmp_path / "layer.toml")
    assert (found["name"], found["assumed"]) == ("layer.toml", 1)
    assert found["rows"] == [
        {"key": "thickness_um", "value": "75.0", "remark": "[um] [P]"},
        {"key": "parts[0].fraction", "value": "0.5", "remark": "[1] [A] 0.3-0.6"},
    ]


@pytest.mark.slow
@needs_report
def test_the_report_is_small_and_names_no_other_place(made: Benchmark) -> None:
    assert made.report is not None
    text = made.report.read_text(encoding="utf-8")
    assert len(text.encode()) < 12_000_000
    assert not re.search(r"""<(?:script|link|img|iframe)[^>]*(?:src|href)=""", text)
    assert "default-src 'none'" in text
    for file in ("CsPbBr3_75um.toml", "CsI_Tl_500um.toml", "fully_coated.toml", "RQA5.toml"):
        assert f"<summary>{file}" in text


CHECK = """
<script>
"use strict";
const problems = [];
addEventListener("error", (event) => problems.push("error: " + event.message));
addEventListener("unhandledrejection", (event) => problems.push("rejected: " + event.reason));
document.addEventListener("securitypolicyviolation", (event) => problems.push("request: " + event.blockedURI));
for (const kind of ["error", "warn"]) console[kind] = (...words) => problems.push(kind + ": " + words.join(" "));
</script>
"""
ASK = """
<script>
"use strict";
addEventListener("load", () => setTimeout(() => {
  const canvases = [...document.querySelectorAll("canvas[data-picture]")];
  const greys = () => canvases.map((canvas) => {
    const all = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    let sum = 0;
    for (let k = 0; k < all.length; k += 4) sum += all[k];
    return sum / (all.length / 4);
  });
  const viewer = window.radiographyViewer;
  const slide = (id, value) => {
    const slider = document.getElementById(id);
    slider.value = value;
    slider.dispatchEvent(new Event("input"));
  };
  const first = greys();
  slide("level", 900);
  const dark = greys();
  slide("level", 100);
  const bright = greys();
  slide("width", 1000);
  const flat = greys();
  viewer.reset();
  const whole = greys();
  viewer.zoomBy(4);
  const zoomed = viewer.zoom;
  viewer.move(viewer.panes[0], 30, -20);
  const moved = [viewer.row, viewer.col];
  const close = greys();
  viewer.reset();
  const result = {
    problems, first, dark, bright, flat, whole, zoomed, moved, close,
    requests: performance.getEntriesByType("resource").map((entry) => entry.name),
    curves: [...document.querySelectorAll(".plot")].map((plot) => plot.querySelectorAll(".scatterlayer .trace").length),
    numbers: [...document.querySelectorAll("#table tbody tr")].map((row) =>
      [row.cells[0].textContent, ...[...row.cells].slice(2).map((cell) => cell.dataset.value ?? null)]),
    mtf2: [...document.querySelectorAll("[data-key=mtf2]")].map((cell) => cell.textContent),
    wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    inside: JSON.parse(document.getElementById("numbers").textContent),
  };
  const pre = document.createElement("pre");
  pre.id = "result";
  pre.textContent = JSON.stringify(result);
  document.body.append(pre);
}, 500));
</script>
"""


def _shown(page: Path, folder: Path, width: int) -> dict[str, Any]:
    """What a browser without a network makes of a page; the page tells it in an element of its own."""
    text = page.read_text(encoding="utf-8")
    asked = folder / "asked.html"
    at_head, at_end = text.index("<style>"), text.rindex("</body>")
    asked.write_text(text[:at_head] + CHECK + text[at_head:at_end] + ASK + text[at_end:], encoding="utf-8")
    command = [
        str(BROWSER), "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
        f"--user-data-dir={folder / 'profile'}", f"--window-size={width},900", "--host-resolver-rules=MAP * ~NOTFOUND",
        "--virtual-time-budget=6000", "--dump-dom", asked.as_uri(),
    ]  # fmt: skip
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    found = re.search(r'<pre id="result">(.*?)</pre>', ran.stdout, re.S)
    assert found is not None, ran.stderr[-2000:]
    result: dict[str, Any] = json.loads(html.unescape(found[1]))
    return result


@pytest.mark.slow
@needs_report
@needs_browser
@pytest.mark.parametrize("width", [500, 1280])
def test_a_browser_shows_the_report(made: Benchmark, tmp_path: Path, width: int) -> None:
    assert made.report is not None
    shown = _shown(made.report, tmp_path, width)
    numbers = _numbers(made)
    assert (shown["problems"], shown["requests"]) == ([], [])
    assert shown["wide"] <= 0  # nothing sticks out to the side
    assert shown["inside"] == numbers
    assert shown["curves"] == [
        6,
        6,
        10,
        4,
        4,
        4,
    ]  # bands, measured, predicted; DQE with its range, discs and lag without band
    # the window moves both pictures, the same way
    for k in range(len(LAYERS)):
        assert shown["dark"][k] < shown["first"][k] < shown["bright"][k]
        assert shown["flat"][k] != shown["bright"][k]
        assert shown["whole"][k] == shown["first"][k]
        assert shown["close"][k] != shown["whole"][k]
    assert shown["zoomed"] == 4
    assert shown["moved"][0] > 0.5 > shown["moved"][1]
    # the table holds the numbers of the JSON
    rows = summary_rows(numbers)
    assert [row[0] for row in shown["numbers"]] == [row.quantity for row in rows]
    for row, cells in zip(rows, shown["numbers"], strict=True):
        for entry, said in zip(row.entries, np.reshape(np.array(cells[1:], dtype=object), (-1, 3)), strict=True):
            assert said[0] == (None if entry.measured is None else repr(entry.measured))
            assert said[2] == (None if entry.predicted is None else repr(entry.predicted))
    assert shown["mtf2"] == [f"{row.measured:.3f}" for row in rows[2].entries]


def _inside(page: Path) -> dict[str, Any]:
    """The numbers that a page carries."""
    found = re.search(r'id="numbers">(.*?)</script>', page.read_text(encoding="utf-8"), re.S)
    assert found is not None
    numbers: dict[str, Any] = json.loads(found[1])
    return numbers


@pytest.mark.slow
@needs_report
def test_edges_and_flats_of_any_panel_have_a_page(made: Benchmark, tmp_path: Path) -> None:
    own = made.folder / "CsI_Tl_500um"
    edges = sorted((own / "edges").glob("*.tif"))
    given = DqeInput(edges, own / "flats" / "flats_2.5uGy.tif", 2.5, "RQA5")
    page = report_frames(given, tmp_path / "own.html")
    assert _inside(page)["dqe_zero"]["value"] == measure_dqe(given).result.dqe_zero
    text = page.read_text(encoding="utf-8")
    assert "--edge edge_horizontal.tif edge_vertical.tif" in text and 'id="view-said"' in text
    without = report_frames(given, tmp_path / "without.html", pictures=False).read_text(encoding="utf-8")
    assert 'id="view-said"' not in without and len(without) < len(text) - 1e6
    with pytest.raises(ValueError, match="would be overwritten"):
        report_frames(replace(given, edges=page), page)


@pytest.mark.slow
@needs_report
def test_a_calibration_set_has_a_page(made: Benchmark, tmp_path: Path) -> None:
    calibration = made.folder / "CsI_Tl_500um" / "calibration" / "calibration.cal"
    page = report_calibration(calibration, tmp_path / "set.html")
    quality = report_quality(calibration).sets[-1].quality
    assert _inside(page)["numbers"]["flat_snr"]["value"] == quality.numbers["flat_snr"].value
    with pytest.raises(ValueError, match=r"must end in \.html or \.htm"):
        report_calibration(calibration, tmp_path / "set.txt")


@pytest.mark.slow
@needs_report
def test_the_code_of_the_page_on_benchmarks_runs(
    made: Benchmark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(made.folder, tmp_path / "bench")
    monkeypatch.chdir(tmp_path)
    text = (Path(__file__).parents[2] / "docs" / "benchmark.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    for block in re.findall(r"^```python\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL):
        exec(compile(block, "benchmark.md", "exec"), names)
    assert "CsI_Tl_500um" in capfd.readouterr().out
    assert {"panel.html", "own.html"} <= {path.name for path in tmp_path.iterdir()}
    layer = _numbers(made)["layers"][LAYERS[1]]
    for key in re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?) \|", text, flags=re.MULTILINE))):
        assert key in layer, key


def test_a_benchmark_that_is_incomplete_is_named(tmp_path: Path) -> None:
    write_json(tmp_path / "benchmark.json", {"measure": "benchmark", "layers": {}})
    with pytest.raises(ValueError, match="incomplete or of another version"):
        report_benchmark(tmp_path, tmp_path / "report.html")


@pytest.mark.slow
@needs_report
def test_without_plotly_the_page_says_what_is_missing(
    made: Benchmark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "plotly.offline", None)
    with pytest.raises(ValueError, match=re.escape("pip install 'radiography[report]'")):
        report_benchmark(made.folder, tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


@pytest.mark.long
@pytest.mark.parametrize("beam", ["RQA5", "RQA9"])
def test_images_and_transport_agree(beam: str, tmp_path: Path) -> None:
    """MTF 0.01 to Nyquist, NNPS 3 % and DQE 4 % to 2 /mm, of both layers at three doses.

    Six flats of 1,024 x 1,024 know a mean over 0.2 /mm to 1.2 %, and the worst of 36 may be off by three times that;
    24 flats know it to 0.6 %. Charge that traps give back from earlier flats lowers the film's NNPS by 0.9 %.
    """
    numbers = run_benchmark(BenchmarkSetup(LAYERS, beam=beam, size=1024, frames=24), tmp_path / "out").numbers
    for layer in numbers["layers"].values():
        assert layer["agreement"]["mtf_worst_difference"]["value"] < 0.01
        assert len(layer["agreement"]["doses"]) == 3
        for off in layer["agreement"]["doses"]:
            assert abs(off["nnps_worst_relative_difference"]["value"]) < 0.03
            assert abs(off["dqe_worst_relative_difference"]["value"]) < 0.04
            assert off["nnps_mean_relative_difference"] == pytest.approx(0, abs=0.015)
