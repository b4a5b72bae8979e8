"""What the forward model puts into frames comes out of their measurement: lag, wires and steps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from radiography.config import DATA_FOLDER, load_panel
from radiography.files.frames import iterate_frames, open_frames, tiff_pages, write_tiff
from radiography.jobs.kind_types import Asked
from radiography.jobs.measure_kind import measure_kind
from radiography.jobs.simulate import simulate_scene

PITCH = 0.139
CSI = ("CsPbBr3_75um", "CsI_Tl_500um")  # hardly an X-ray passes it and frees charge in the diodes


def scene(folder: Path, name: str, rows: int, cols: int, *changes: tuple[str, str], phantom: str = "") -> Path:
    """A shipped scene on fewer pixels of the shipped panel."""
    (folder / "panel.toml").write_text(
        f'based_on = "fully_coated"\nname = "small"\ndescription = "small"\n[pixels]\nrows = {rows}\ncols = {cols}\n'
    )
    text = (DATA_FOLDER / "scenes" / f"{name}.toml").read_text(encoding="utf-8")
    for old, new in (("fully_coated", "panel.toml"), *changes):
        assert old in text
        text = text.replace(old, new)
    path = folder / f"{name}.toml"
    path.write_text(f"{text}\n{phantom}")
    return path


def corrected(frames: Path, truth: Path, out: Path) -> NDArray[np.float64]:
    """Frames with the true offset and response taken out, in a file; the noiseless light comes back."""
    maps = np.load(truth)
    with tiff_pages(out, PITCH, {"kind": "corrected"}) as write_page:
        for frame in iterate_frames(open_frames(frames)):
            response = np.where(maps["defects"] == 0, maps["response"], np.nan)
            write_page(((frame - maps["offset_dn"]) / response).astype(np.float32), None)
    return np.asarray(maps["light_spread"], dtype=np.float64)


@pytest.mark.slow
def test_lag_is_that_of_the_traps(tmp_path: Path) -> None:
    changes = (
        ("CsI_Tl_500um", "CsPbBr3_75um"),
        ("= 0.5 ", "= 300.0 "),
        ("exposure_spread = 0.005", "exposure_spread = 0.0"),
    )
    path = scene(tmp_path, "fluoroscopy", 96, 128, *changes)
    simulate_scene(path, tmp_path / "run.tif", seed=1)
    interval, integration, exposure = 0.0666667, 0.060, 0.010
    signal = []
    terms = load_panel("fully_coated").lag
    time = np.array([term.time_s for term in terms])
    fraction = np.array([term.fraction for term in terms])
    fraction *= time / exposure * (np.exp(-(integration - exposure) / time) - np.exp(-integration / time))
    held = np.zeros(time.size)
    for strength in [1.0] * 30 + [0.0] * 30:
        released = held * (1.0 - np.exp(-interval / time))
        held = held - released + strength * fraction
        signal.append(strength * (1.0 - fraction.sum()) + released.sum())
    truth = np.array(signal[30:]) / np.mean(signal[:30])
    found = measure_kind("lag", tmp_path / "run.tif").result
    assert found["last_exposed_frame"] == 34 and found["offset_from"] == "the 5 frames before the beam"
    np.testing.assert_allclose(found["residual"], truth, rtol=0, atol=1e-4)


@pytest.mark.slow
def test_duplex_wires_are_those_of_the_light(tmp_path: Path) -> None:
    phantom = '[phantom]\nname = "duplex_wire"\nposition_mm = [0, 0, 1]\n'
    path = scene(tmp_path, "flat", 130, 480, CSI, phantom=phantom)
    simulate_scene(path, tmp_path / "run.tif", frames=4, truth=tmp_path / "t.npz", seed=1)
    light = corrected(tmp_path / "run.tif", tmp_path / "t.npz", tmp_path / "wires.tif")
    write_tiff(tmp_path / "light.tif", light.astype(np.float32), PITCH, {"kind": "corrected"})
    asked = Asked(roi=(15, 115, 0, 480))
    found, truth = (measure_kind("duplex", tmp_path / f"{name}.tif", asked).result for name in ("wires", "light"))
    assert found["isrb_mm"] == pytest.approx(truth["isrb_mm"], rel=0.03)
    assert abs(found["angle_deg"]) == pytest.approx(3.0, abs=0.05)
    for one, other in zip(found["wires"][:8], truth["wires"][:8], strict=True):
        assert abs(one["dip_percent"] - other["dip_percent"]) < max(4.0 * one["standard_error"], 1.0)


@pytest.mark.slow
def test_the_steps_of_a_wedge_have_the_signal_of_the_light(tmp_path: Path) -> None:
    heights = (2.0, 4.0, 6.0, 8.0, 10.0)
    phantom = (
        '[phantom]\nname = "step_wedge"\nposition_mm = [0, 0, 1]\n[phantom.parameters]\n'
        "step_heights_mm = [2.0, 4.0, 6.0, 8.0, 10.0]\nwidth_mm = 16.0\nstep_length_mm = 8.0\n"
    )
    path = scene(tmp_path, "flat", 130, 320, CSI, phantom=phantom)
    simulate_scene(path, tmp_path / "run.tif", frames=4, truth=tmp_path / "t.npz", seed=1)
    light = corrected(tmp_path / "run.tif", tmp_path / "t.npz", tmp_path / "wedge.tif")
    found = measure_kind(
        "step-wedge", tmp_path / "wedge.tif", Asked(roi=(15, 115, 15, 305), thickness_mm=heights)
    ).result
    regions = [step["region"] for step in found["steps"]]
    truth = np.array([light[r0:r1, c0:c1].mean() for r0, r1, c0, c1 in regions])
    signal = np.array([step["signal"] for step in found["steps"]])
    np.testing.assert_allclose(signal / signal[0], truth / truth[0], rtol=0.003)
    slopes = np.array([step["attenuation_per_mm"] for step in found["steps"]])
    assert (np.diff(slopes) < 0).all()  # the beam hardens
