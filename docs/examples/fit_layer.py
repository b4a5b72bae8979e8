"""Fitting a layer to a measured MTF.

How far light travels in the CsPbBr3 film between collisions is not published; the MTF is. One number is fitted, with
its error and its interval.
"""

# %% [markdown]
# The data are made from the film itself with an error of 0.01 on each point: put those of your own layer here. The
# beam has a single energy, so that few X-rays suffice.

# %%
import matplotlib.pyplot as plt
import numpy as np

import radiography as rx

APERTURE_MM, ERROR = 0.139, 0.01
film = rx.load_scintillator("CsPbBr3_75um")
beam = rx.Spectrum(np.array([30.0]), np.array([1.0]))
light = rx.layer_light(film, beam.energy_keV, histories=10_000, photons=100_000)
frequency_per_mm = np.arange(0.5, 5.1, 0.5)
true_mtf = np.interp(frequency_per_mm, light.frequency_per_mm, light.signal_transfer[0])
measured = true_mtf * np.sinc(frequency_per_mm * APERTURE_MM)
measured += ERROR * np.random.default_rng(1).standard_normal(measured.size)

# %%
nothing = np.empty(0)
measurement = rx.LayerMeasurement(
    frequency_per_mm=frequency_per_mm,
    mtf=measured,
    mtf_error=np.full(measured.size, ERROR),
    nps_frequency_per_mm=nothing,
    nps=nothing,
    nps_error=nothing,
    light=None,
    light_error=None,
    aperture_mm=APERTURE_MM,
)
vary = [rx.Vary("transport.transport_length_um", 5.0, 100.0)]
fit = rx.fit_layer(film, beam, measurement, vary, search_photons=20_000, final_photons=100_000)
(length,) = fit.parameters
print(f"transport length {length.value:.1f} +- {length.standard_error:.1f} um, 95 %: {length.interval}")

# %%
figure, (curve, rest) = plt.subplots(2, 1, figsize=(6, 5), height_ratios=(3, 1), sharex=True, layout="constrained")
label = f"fit: {length.value:.1f} ± {length.standard_error:.1f} um"
curve.errorbar(frequency_per_mm, measured, ERROR, fmt="o", markersize=3, label="measured")
curve.plot(frequency_per_mm, fit.mtf, label=label)
curve.set(ylabel="presampled MTF", ylim=(0, 1.02))
curve.legend()
rest.axhline(0.0, color="0.5", linewidth=0.8)
rest.plot(frequency_per_mm, (measured - fit.mtf) / ERROR, "o", markersize=3)
rest.set(xlabel="spatial frequency (1/mm)", ylabel="residual (s.e.)", xlim=(0, 5.2))
for axes in (curve, rest):
    axes.grid(alpha=0.3)
figure.savefig("fit_layer.png", dpi=100)
