"""DQE of a panel from its edges and flats.

Edges in both directions, flats and a dose series become MTF, NNPS and DQE with their bands. The files here are made of
Poisson numbers and a blur, so that the truth is known; those of a real panel go the same way.
"""

# %% [markdown]
# Stand-in files: 70 % of the quanta are seen, blurred by 0.8 pixels, 20 DN for each, with electronic noise and an
# offset that nobody has subtracted.

# %%
from pathlib import Path
from tempfile import mkdtemp

import matplotlib.pyplot as plt
import numpy as np
from scipy.ndimage import gaussian_filter

import radiography as rx

folder, rng = Path(mkdtemp()), np.random.default_rng(5)
PITCH_MM, KERMA_UGY, SEEN, BLUR_PX, DN, NOISE_DN, OFFSET_DN = 0.139, 2.5, 0.7, 0.8, 20.0, 300.0, 500.0
SIDE = 512
quanta_per_uGy = rx.iec_fluence("RQA5").per_mm2_uGy * SEEN * PITCH_MM**2


def frame_of(quanta: np.ndarray | float) -> np.ndarray:
    """A frame of so many quanta for each pixel. [DN]"""
    light = gaussian_filter(rng.poisson(quanta, (SIDE, SIDE)).astype(float), BLUR_PX, mode="wrap")
    return (DN * light + NOISE_DN * rng.standard_normal(light.shape) + OFFSET_DN).astype(np.float32)


rows, cols = np.mgrid[:SIDE, :SIDE] - SIDE / 2
distance = cols * np.cos(np.radians(3)) + rows * np.sin(np.radians(3))
edge = np.clip(distance + 0.5, 0, 1) * quanta_per_uGy * KERMA_UGY
rx.write_tiff(folder / "edge_0.tif", frame_of(edge), PITCH_MM, {})
rx.write_tiff(folder / "edge_1.tif", frame_of(edge.T), PITCH_MM, {})
flats = np.stack([frame_of(quanta_per_uGy * KERMA_UGY) for _ in range(8)])
rx.write_tiff(folder / "flats.tif", flats, PITCH_MM, {})
for kerma in (0.5, 1.0, 2.5, 5.0):
    dose = frame_of(quanta_per_uGy * kerma)
    rx.write_tiff(folder / f"dose_{kerma}.tif", dose, PITCH_MM, {"air_kerma_uGy": kerma})

# %% [markdown]
# One call, as `radiography dqe --edge edge_*.tif --flats flats.tif --kerma 2.5 --beam RQA5 --response dose_*.tif`. The
# dose series gives offset and slope, which are taken off first; the quanta of RQA beams are those of the standard,
# whose edition is named. What to doubt is said.

# %%
measured = rx.measure_dqe(
    rx.DqeInput(
        edges=str(folder / "edge_*.tif"),
        flats=folder / "flats.tif",
        kerma_uGy=KERMA_UGY,
        beam="RQA5",
        response=str(folder / "dose_*.tif"),
    )
)
result = measured.result
for sentence in (*measured.doubts, *result.warnings):
    print(sentence)
print(f"offset {measured.response.offset_dn:.1f} DN, {measured.response.dn_per_uGy:.0f} DN per uGy")
print(f"DQE(0) {result.dqe_zero:.3f} +- {result.dqe_zero_error:.3f}; {result.fluence.source}")

# %% [markdown]
# Beside it the truth: the blur takes signal and quantum noise alike, the pixel's aperture the signal alone.

# %%
frequency = np.linspace(0, 0.5, 200) / PITCH_MM
kernel = gaussian_filter(np.eye(1, 17, 8)[0], BLUR_PX)
blur = kernel @ np.cos(2 * np.pi * np.outer(np.arange(17) - 8, frequency * PITCH_MM))
quanta = quanta_per_uGy * KERMA_UGY
electronic = (NOISE_DN / DN) ** 2
truth = SEEN * (blur * np.sinc(frequency * PITCH_MM)) ** 2 * quanta / (blur**2 * quanta + electronic)
figure, axes = plt.subplots(figsize=(6.5, 4.0), layout="constrained")
for direction, curve in result.curves.items():
    half = 1.96 * curve.standard_error
    axes.fill_between(curve.frequency_per_mm, curve.value - half, curve.value + half, alpha=0.25)
    axes.plot(curve.frequency_per_mm, curve.value, label=f"measured, {direction}, 95 %")
axes.plot(frequency, truth, "k--", label="truth")
axes.set(xlabel="spatial frequency (1/mm)", ylabel="DQE at 2.5 µGy, RQA5", xlim=(0, 3.6), ylim=(0, 0.9))
axes.grid(alpha=0.3)
axes.legend()
figure.savefig("panel_dqe.png", dpi=150)
