"""Table of a benchmark: what was measured of each layer, and predicted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

SUMMARY_PER_MM = (0.5, 1.0, 2.0, 3.0)
DISCS_MM = (0.5, 1.0, 2.0, 5.0)
AXES = ("horizontal", "vertical")
CURVES = (("MTF", "mtf", "1"), ("NNPS", "nnps", "mm2"), ("DQE", "dqe", "1"), ("NEQ", "neq_per_mm2", "1/mm2"))


class Entry(NamedTuple):
    """A quantity of one layer; None where it is not measured, has no standard error, or is not predicted."""

    measured: float | None
    standard_error: float | None
    predicted: float | None


class Row(NamedTuple):
    """A quantity in words, its unit, and an entry for each layer."""

    quantity: str
    unit: str
    entries: list[Entry]


def mean_curve(curves: Mapping[str, Any]) -> dict[str, Any]:
    """Mean of a curve in both directions, with its standard error.

    Parameters
    ----------
    curves : mapping
        "horizontal" and "vertical", each of frequency_per_mm, value and standard_error.

    Returns
    -------
    curve : dict
        The same three, as arrays, at the frequencies of the shorter one.
    """
    first, second = (curves[axis] for axis in AXES)
    count = min(len(first["frequency_per_mm"]), len(second["frequency_per_mm"]))
    frequency = np.array(first["frequency_per_mm"][:count])
    pairs = {
        key: [np.interp(frequency, each["frequency_per_mm"], each[key]) for each in (first, second)]
        for key in ("value", "standard_error")
    }
    return {
        "frequency_per_mm": frequency,
        "value": np.mean(pairs["value"], axis=0),
        "standard_error": np.hypot(*pairs["standard_error"]) / 2,
    }


def summary_rows(numbers: Mapping[str, Any]) -> list[Row]:
    """The table of a benchmark.

    Parameters
    ----------
    numbers : mapping
        What ``benchmark.json`` holds.

    Returns
    -------
    rows : list of Row
    """
    layers = list(numbers["layers"].values())
    rows = [
        Row(f"{name} at {frequency:g} /mm", unit, [_at(layer, key, frequency) for layer in layers])
        for name, key, unit in CURVES
        for frequency in SUMMARY_PER_MM
    ]

    def add(quantity: str, unit: str, entries: list[tuple[Any, Any, Any]]) -> None:
        rows.append(Row(quantity, unit, [Entry(*entry) for entry in entries]))

    predicted = [layer["predicted"] for layer in layers]
    both = list(zip(layers, predicted, strict=True))
    zero = [(*(m["dqe_zero"][key] for key in ("value", "standard_error")), p["dqe_zero"]) for m, p in both]
    add("DQE(0)", "1", zero)
    add("quanta absorbed", "1", [(None, None, p["quantum_detection_efficiency"]) for p in predicted])
    add("energy absorbed", "1", [(None, None, p["absorbed_energy_fraction"]) for p in predicted])
    add("signal of a pixel", "electrons", [(m["electrons"], None, p["electrons"]) for m, p in both])
    add("saturation dose", "uGy", [(m["saturation_uGy"], None, p["saturation_uGy"]) for m, p in both])
    add("electronic noise equals quantum noise", "uGy", [(None, None, p["crossover_uGy"]) for p in predicted])
    add("SNR of a pixel", "1", [(m["snr"], None, None) for m in layers])
    add("CNR of a pixel, 1 mm Al", "1", [(m["cnr"]["value"], None, None) for m in layers])
    for diameter in DISCS_MM:
        entries = [_threshold(layer, diameter) for layer in layers]
        if all(entry.measured is not None for entry in entries):
            rows.append(Row(f"threshold contrast, disc of {diameter:g} mm", "1", entries))
    for frame, name in enumerate(("first", "second", "third")):
        lag = [(*(m["lag"][key][frame] for key in ("residual", "standard_error")), p["lag"][frame]) for m, p in both]
        add(f"lag, {name} frame of {layers[0]['lag']['frame_interval_s']:g} s", "1", lag)
    return rows


def _threshold(layer: Mapping[str, Any], diameter_mm: float) -> Entry:
    """Threshold contrast of discs of one diameter; nothing where the region is too small for them."""
    found, should = layer["contrast_detail"], layer["predicted"]["contrast_detail"]
    if diameter_mm not in found["diameter_mm"]:
        return Entry(None, None, None)
    at, predicted_at = found["diameter_mm"].index(diameter_mm), should["diameter_mm"].index(diameter_mm)
    return Entry(
        found["threshold_contrast"][at], found["standard_error"][at], should["threshold_contrast"][predicted_at]
    )


def _at(layer: Mapping[str, Any], key: str, frequency_per_mm: float) -> Entry:
    """A curve, averaged over both directions, at one frequency."""
    curve, predicted = mean_curve(layer[key]), layer["predicted"].get(key)
    value, error = (
        float(np.interp(frequency_per_mm, curve["frequency_per_mm"], curve[k])) for k in ("value", "standard_error")
    )
    should = None
    if predicted is not None:
        should = float(np.interp(frequency_per_mm, predicted["frequency_per_mm"], predicted["value"]))
    return Entry(value, error, should)
