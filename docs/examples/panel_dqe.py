"""DQE of a panel from its edges and flats.

Edges in both directions, flats and a dose series become MTF, NNPS and DQE with their bands. The frames come from the
simulator, so that what was measured can stand beside what its transport predicts; those of a panel go the same way.
"""

# %% [markdown]
# A part of the shipped panel, 256 x 256 pixels under CsI:Tl. 8 darks and 32 flats are its calibration.

# %%
from pathlib import Path
from tempfile import mkdtemp

import matplotlib.pyplot as plt
import numpy as np

import radiography as rx

folder, rng = Path(mkdtemp()), np.random.default_rng(5)
BEAM, KERMA_UGY = "RQA5", 2.5
PANEL = """
based_on = "fully_coated"
name = "part"
description = "part of the shipped panel"
[pixels]
rows = 256
cols = 256
"""
SCENE = """
description = "{name}"
panel = "panel.toml"
scintillator = "CsI_Tl_500um"
beam = {{ name = "RQA5", air_kerma_uGy = {kerma} }}
geometry = {{ source_to_detector_mm = 1500.0 }}
{object}
"""
EDGE = """
[phantom]
name = "tungsten_edge"
position_mm = [0.0, 0.0, 2.0]
[phantom.parameters]
covered_side = "SIDE"
"""
(folder / "panel.toml").write_text(PANEL, encoding="utf-8", newline="\n")


def frames_of(name: str, kerma: float, count: int, thing: str = "") -> list[np.ndarray]:
    """Raw frames of a scene."""
    text = SCENE.format(name=name, kerma=float(kerma), object=thing)
    (folder / "scene.toml").write_text(text, encoding="utf-8", newline="\n")
    plan = rx.plan_acquisition(rx.load_scene(folder / "scene.toml"), folder)
    return list(rx.acquire_sequence(plan, rx.expose(plan), count, rng))


darks, flats = frames_of("dark", 0.0, 8), frames_of("flat", KERMA_UGY, 32)
panel = rx.load_panel("panel.toml", folder)
calibration = rx.learn_panel(
    [rx.FrameStack(darks, "dark")],
    [rx.FrameStack(flats, "flat")],
    saturation_dn=panel.saturation_dn,
    conditions=rx.Conditions(pitch_mm=panel.pixels.pitch_mm),
    provenance={},
)
correction = rx.plan_correction(calibration)

# %% [markdown]
# Files of corrected frames, as `radiography reconstruct` writes them: 8 other flats, an edge in each direction.


# %%
def corrected(raw: list[np.ndarray]) -> np.ndarray:
    """Corrected frames."""
    return np.stack([rx.correct_frame(frame, correction).corrected_dn for frame in raw])


rx.write_tiff(folder / "flats.tif", corrected(frames_of("flat", KERMA_UGY, 8)), 0.139, {})
for side in ("left", "top"):
    edge = corrected(frames_of("edge", KERMA_UGY, 1, EDGE.replace("SIDE", side)))
    rx.write_tiff(folder / f"edge_{side}.tif", edge, 0.139, {})
for kerma in (0.5, 2.5, 5.0):
    rx.write_tiff(folder / f"dose_{kerma}.tif", corrected(frames_of("flat", kerma, 1)), 0.139, {"air_kerma_uGy": kerma})

# %% [markdown]
# One call, as `radiography dqe --edge edge_*.tif --flats flats.tif --kerma 2.5 --beam RQA5 --response dose_*.tif`. The
# quanta are computed from the tube here, because the simulated frames are made of those; the table of the standard
# has 0.2 % fewer. What to doubt is said.

# %%
measured = rx.measure_dqe(
    rx.DqeInput(
        edges=str(folder / "edge_*.tif"),
        flats=folder / "flats.tif",
        kerma_uGy=KERMA_UGY,
        beam=BEAM,
        edition="computed",
        response=str(folder / "dose_*.tif"),
        block_px=128,
    )
)
for sentence in (*measured.doubts, *measured.result.warnings):
    print(sentence)
print(f"DQE(0) {measured.result.dqe_zero:.3f} +- {measured.result.dqe_zero_error:.3f}")

# %% [markdown]
# Beside it what transport predicts for the layer on this panel. The noise of 32 flats stands in the gain of every
# frame: it is 1/32 of theirs, fixed, and takes 3 % off the DQE; a calibration with more flats takes less.

# %%
spectrum = rx.beam_spectrum(rx.load_beam(BEAM), KERMA_UGY)
report = rx.report_layer(rx.load_scintillator("CsI_Tl_500um"), panel, spectrum, KERMA_UGY)
figure, axes = plt.subplots(figsize=(6.5, 4.0), layout="constrained")
for direction, curve in measured.result.curves.items():
    half = 1.96 * curve.standard_error
    axes.fill_between(curve.frequency_per_mm, curve.value - half, curve.value + half, alpha=0.25)
    axes.plot(curve.frequency_per_mm, curve.value, label=f"measured, {direction}, 95 %")
axes.plot(report.frequency_per_mm, report.dqe, "k--", label="predicted")
axes.set(xlabel="spatial frequency (1/mm)", ylabel="DQE at 2.5 µGy, RQA5", xlim=(0, 3.6), ylim=(0, 0.9))
axes.grid(alpha=0.3)
axes.legend()
figure.savefig("panel_dqe.png", dpi=150)
