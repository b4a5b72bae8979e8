"""Frames of a real panel.

Files of dark frames, flats and images become a calibration set and corrected images. The files here are made by the
simulator and stand for those of a panel: nothing below the first cell knows where they come from.
"""

# %% [markdown]
# Stand-in files: 4 dark frames, 4 flats and a step wedge on 240 x 320 pixels of the shipped panel.

# %%
from pathlib import Path
from tempfile import mkdtemp

import matplotlib.pyplot as plt
import numpy as np

import radiography as rx

folder = Path(mkdtemp())
PANEL = """
based_on = "fully_coated"
name = "part"
description = "part of the shipped panel"
map_seed = 8
[pixels]
rows = 240
cols = 320
[uniformity]
defective_fraction = 0.003
"""
WEDGE = """
[phantom]
name = "step_wedge"
[phantom.parameters]
step_length_mm = 4.0
width_mm = 20.0
"""
SCENE = """
description = "{name}"
panel = "panel.toml"
scintillator = "CsI_Tl_500um"
beam = {{ name = "paper_70kV", air_kerma_uGy = {kerma} }}
geometry = {{ source_to_detector_mm = 1000.0 }}
{object}
"""
(folder / "panel.toml").write_text(PANEL, encoding="utf-8", newline="\n")
for seed, (name, frames, kerma, thing) in enumerate((("dark", 4, 0, ""), ("flat", 4, 15, ""), ("wedge", 1, 15, WEDGE))):
    (folder / "scene.toml").write_text(
        SCENE.format(name=name, kerma=float(kerma), object=thing), encoding="utf-8", newline="\n"
    )
    plan = rx.plan_acquisition(rx.load_scene(folder / "scene.toml"), folder)
    frames_dn = rx.acquire_sequence(plan, rx.expose(plan), frames, np.random.default_rng(seed))
    rx.write_tiff(folder / f"{name}.tif", frames_dn, plan.panel.pixels.pitch_mm, {})

# %% [markdown]
# `open_frames` reads TIFF, `.npy`, DICOM and, with a `RawLayout`, headerless raw files. It says what a file holds
# before a pixel is read.


# %%
def frames_of(path: Path) -> list[np.ndarray]:
    """All frames of a file."""
    return list(rx.iterate_frames(rx.open_frames(path)))


def corrected(dark: Path, flat: Path, image: Path, saturation_dn: float = 65535.0) -> rx.CorrectedFrame:
    """The first frame of a file, corrected with what the dark frames and flats say about the panel."""
    darks, flats = rx.FrameStack(frames_of(dark), dark.name), rx.FrameStack(frames_of(flat), flat.name)
    calibration = rx.learn_panel(
        [darks], [flats], saturation_dn=saturation_dn, conditions=rx.Conditions(), provenance={}
    )
    return rx.correct_frame(frames_of(image)[0], calibration)


raw_dn = frames_of(folder / "wedge.tif")[0]
frame = corrected(folder / "dark.tif", folder / "flat.tif", folder / "wedge.tif")
print(f"{frame.interpolated} pixels interpolated, {frame.saturated} saturated, {frame.uncorrectable} without a value")

# %% [markdown]
# Every pixel that was mended has its bits in the flag plane; `FLAG_NAMES` says what each bit means.

# %%
figure, axes = plt.subplots(1, 3, figsize=(10, 3.0), layout="constrained")
bars = ((raw_dn, "raw (DN)"), (frame.corrected_dn, "corrected (DN)"))
for place, (picture, title) in zip(axes, bars, strict=False):
    low, high = np.percentile(picture, (0.5, 99.5))
    shown = place.imshow(picture, cmap="gray", vmin=low, vmax=high)
    place.set_title(title)
    figure.colorbar(shown, ax=place, shrink=0.75)
rows, cols = np.nonzero(frame.flags)
axes[2].plot(cols, rows, "s", color="C3", markersize=1.5)
axes[2].set(title="flagged pixels", xlim=(0, raw_dn.shape[1]), ylim=(raw_dn.shape[0], 0), aspect="equal")
figure.savefig("real_panel.png", dpi=100)
