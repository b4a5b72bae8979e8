"""A fluoroscopic sequence.

The beam comes on, stays on and goes off; what the traps of the photodiodes hold comes out in the frames after it. The
panel learns its lag from one such sequence and corrects another.
"""

# %% [markdown]
# 15 frames a second of the worn panel, 48 x 64 pixels: dark, 40 frames with the beam on, 40 without.

# %%
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np

import radiography as rx

INTERVAL_S, TIME_S = 0.0666667, 0.060
PANEL = """
based_on = "worn"
name = "part"
description = "part of the worn panel"
[pixels]
rows = 48
cols = 64
shielded_cols_left = 0
shielded_cols_right = 0
[uniformity]
defective_rows = 0
defective_cols = 0
"""
SCENE = f"""
description = "fluoroscopy"
panel = "panel.toml"
scintillator = "CsI_Tl_500um"
beam = {{ name = "paper_70kV", air_kerma_uGy = 5.0 }}
geometry = {{ source_to_detector_mm = 1000.0 }}
timing = {{ integration_time_s = {TIME_S}, frame_interval_s = {INTERVAL_S}, exposure_time_s = 0.010 }}
"""

with TemporaryDirectory() as name:
    folder = Path(name)
    (folder / "panel.toml").write_text(PANEL, encoding="utf-8", newline="\n")
    (folder / "scene.toml").write_text(SCENE, encoding="utf-8", newline="\n")
    plan = rx.plan_acquisition(rx.load_scene(folder / "scene.toml"), folder)
exposure = rx.expose(plan)


def sequence(pattern: list[float], seed: int) -> list[np.ndarray]:
    """Raw frames; the pattern says how strong the beam is in each. [DN]"""
    return list(rx.acquire_sequence(plan, exposure, None, np.random.default_rng(seed), pattern))


# %% [markdown]
# Dark frames, flats long after the beam came on, and a sequence to learn the lag from.


# %%
def stack(frames: list[np.ndarray], name: str, kerma_uGy: float | None = None) -> rx.FrameStack:
    """Frames with the times that they were taken at."""
    conditions = rx.Conditions(integration_time_s=TIME_S, frame_interval_s=INTERVAL_S, air_kerma_uGy=kerma_uGy)
    return rx.FrameStack(frames, name, conditions)


on_off = [0.0] * 5 + [1.0] * 40 + [0.0] * 40
calibration = rx.learn_panel(
    [stack(sequence([0.0] * 16, 1), "dark")],
    [stack(sequence([1.0] * 24, 2), "flat", 5.0)],
    lag=[stack(sequence(on_off, 3), "lag")],
    saturation_dn=plan.panel.saturation_dn,
    conditions=rx.Conditions(frame_interval_s=INTERVAL_S),
    provenance={},
)

# %% [markdown]
# Each corrected frame hands on what it left in the traps: `state` goes into the next call.


# %%
frames_dn = sequence(on_off, 4)


def means(steps: rx.Steps) -> np.ndarray:
    """Mean of each corrected frame over that with the beam on. [1]"""
    correction, state, found = rx.plan_correction(calibration, steps), None, []
    for raw_dn in frames_dn:
        frame = rx.correct_frame(raw_dn, correction, state=state, elapsed_s=INTERVAL_S if state else None)
        state = frame.state
        found.append(float(np.mean(frame.corrected_dn)))
    return np.array(found) / np.mean(found[30:45])


with_lag, without_lag = means(rx.Steps(lag={"on": False})), means(rx.Steps())

# %%
figure, (whole, after) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
time_s = np.arange(len(on_off)) * INTERVAL_S
for values, label in ((with_lag, "lag left in"), (without_lag, "lag subtracted")):
    whole.plot(time_s, values, ".-", markersize=3, label=label)
    after.plot(time_s[45:], 100 * values[45:], ".-", markersize=3, label=label)
whole.set(xlabel="time (s)", ylabel="signal over that with the beam on")
after.set(xlabel="time (s)", ylabel="signal after the beam (%)")
after.axhline(0.0, color="0.5", linewidth=0.8)
for axes in (whole, after):
    axes.grid(alpha=0.3)
    axes.legend()
figure.savefig("fluoroscopy.png", dpi=100)
