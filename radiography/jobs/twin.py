"""A measured panel as files of the simulator: panel, maps, layer, beam and a scene of its flats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from calibration.correct import plan_correction
from calibration.flags import UNUSABLE
from calibration.whole_file import folder_for
from radiography.beam.tube import Beam
from radiography.config import load_beam, load_panel, load_scintillator
from radiography.files.frames import FrameSource, RawLayout, sha256_of
from radiography.jobs.calibrate import FrameCounter, conditions_of, frame_stacks, panel_sources
from radiography.jobs.description_text import beam_text, description_text
from radiography.jobs.inputs import (
    PICTURES,
    Files,
    Region,
    Report,
    all_or_none,
    check_folder,
    check_writable,
    keep_apart,
    no_report,
    optional_path,
    region_within,
    tell_front_only,
)
from radiography.jobs.json_text import write_json
from radiography.jobs.saturation import saturation_of_calibration
from radiography.jobs.twin_corrected import corrected_doses, mean_corrected
from radiography.jobs.twin_inputs import RECORD, refuse_foreign, refuse_seen
from radiography.jobs.valid import validate_scene
from radiography.light.scintillator import Scintillator
from radiography.panel.measured_maps import write_maps
from radiography.panel.panel import MeasuredMaps
from radiography.scene import Timing
from radiography.study.twin_judge import Judged, judged_table
from radiography.study.twin_maps import inverse_square
from radiography.study.twin_panel import DEFAULT_TIME_S, PanelTwin, twin_panel
from radiography.study.twin_values import TwinValue, value_of, values_table, values_text

if TYPE_CHECKING:
    from radiography.study.twin_layer import TwinCurves
    from radiography.study.twin_measured import DoseFrames

NAMES = ("panel.toml", "maps.npz", "layer.toml", "beam.toml", "flat.toml", RECORD)
DISTANCE_MM = 1000.0  # of the source, where frames do not say it: that of the shipped scenes
LEAST_SIDE = 128  # pixels of frames that noise power is measured of: 2 blocks of 64   # chosen
KERMA_UGY = 5.0  # of the flat scene, where frames do not say theirs   # chosen


@dataclass(frozen=True, eq=False)
class Twin:
    """A panel's twin that was written.

    Attributes
    ----------
    out : Path
        Folder of the files in `NAMES`.
    values : tuple of TwinValue
        Numbers of the files with their errors, and what the frames leave open.
    bad_pixels : int
        In the maps. [1]
    judged : tuple of Judged
        The twin's frames beside unseen ones; empty where there are none.
    notes, warnings : tuple of str
        What to know about the numbers; what files and about-file say but is not believed, or not used.
    """

    out: Path
    values: tuple[TwinValue, ...]
    bad_pixels: int
    judged: tuple[Judged, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


def make_twin(
    dark: Files,
    flat: Files,
    out: str | Path,
    *,
    edge: Files = (),
    lag: Files = (),
    unseen_flat: Files = (),
    unseen_edge: Files = (),
    unseen_lag: Files = (),
    roi: Region | None = None,
    panel: str = "fully_coated",
    scintillator: str = "CsI_Tl_500um",
    beam: str = "RQA5",
    electrons_per_dn: float | None = None,
    shielded_cols: Sequence[tuple[int, int]] | None = None,
    saturation_dn: float | None = None,
    about: str | Path | None = None,
    pitch_mm: float | None = None,
    layout: RawLayout | None = None,
    plot: str | Path | None = None,
    json_file: Path | None = None,
    report: Report = no_report,
) -> Twin:
    """A panel file, a layer file and a beam that the simulator runs, from one day's frames of a real panel.

    Parameters
    ----------
    dark, flat : str, Path or sequence of them
        Files, patterns or folders of dark frames and of flats; the more integration times and doses, the more is known.
    out : str or Path
        Folder for the files; it is made where there is none.
    edge, lag : str, Path or sequence of them
        Frames of a slanted edge; beam-on/beam-off sequences, one a file.
    unseen_flat, unseen_edge, unseen_lag : str, Path or sequence of them
        Others of each kind, that the twin is not made from but judged by.
    roi : (int, int, int, int), optional
        First and end row, first and end column of the part of the frames in which all edges lie. [1]
    panel, scintillator, beam : str
        What the frames do not determine is that of these: shipped names or .toml files.
    electrons_per_dn : float, optional
        Where it is known from elsewhere. [electrons/DN]
    shielded_cols : sequence of (int, int), optional
        Columns that see no X-rays, half-open ranges; what the files say without it. [1]
    saturation_dn : float, optional
        Raw value from which a pixel is saturated; found as for a calibration without it. [DN]
    about : str or Path, optional
        TOML file of what the frames do not say about themselves.
    pitch_mm : float, optional
        Pixel pitch, where the files do not say it. [mm]
    layout : RawLayout, optional
        Of headerless raw files.
    plot : str or Path, optional
        Where measured and fitted curves of the layer are drawn (.png, .pdf or .svg).
    json_file : Path, optional
        Where the caller will write numbers: refused where that would overwrite what is read.
    report : callable
        Called with what is being done and the fraction of it that is done, 0 to 1.

    Returns
    -------
    twin : Twin

    Raises
    ------
    ValueError, TypeError, OSError
        In one sentence, if frames are missing, contradict each other or cannot serve; nothing is written then.
    """
    out, plot = Path(out), optional_path(plot)
    check_folder(out)
    check_writable(plot, PICTURES)
    start, layer, tube = load_panel(panel), load_scintillator(scintillator), load_beam(beam)
    tell_front_only(start)
    kinds, warnings = panel_sources(
        {
            "dark": dark,
            "flat": flat,
            "lag": lag,
            "edge": edge,
            "unseen flat": unseen_flat,
            "unseen lag": unseen_lag,
            "unseen edge": unseen_edge,
        },
        about=about,
        pitch_mm=pitch_mm,
        layout=layout,
    )
    everything = [source for sources in kinds.values() for source in sources]
    targets = [out / name for name in NAMES]
    keep_apart([*targets, plot, json_file], [*(source.path for source in everything), about, panel, scintillator, beam])
    refuse_foreign(out, NAMES)
    refuse_seen(kinds)
    saturation = saturation_of_calibration(kinds["flat"], kinds["dark"][0], saturation_dn, report)
    within = _region_of_edges(roi, kinds)
    counter = FrameCounter(report, sum(source.count for kind in ("dark", "flat", "lag") for source in kinds[kind]))
    stacks = {kind: frame_stacks(kinds[kind], counter) for kind in ("dark", "flat", "lag")}
    found = twin_panel(
        stacks["dark"],
        stacks["flat"],
        lag=stacks["lag"],
        start=start,
        saturation_dn=saturation.value_dn,
        conditions=conditions_of(everything, kinds["flat"], shielded_cols, pitch_mm),
        electrons_per_dn=electrons_per_dn,
    )
    timing = _timing(kinds["flat"])
    late: tuple[str, ...] = ()
    if found.calibration.lag is not None and layer.afterglow:
        layer = replace(layer, afterglow=())  # before the fit, whose light is that within a frame
        late = (
            "afterglow of the layer cannot be told from lag of the panel: the lag terms hold it, the layer has none",
        )
    fitted = _layer(found, kinds, counter, (layer, tube, timing), within, report)
    named = _named_otherwise(found.calibration.conditions.scintillator, layer.name, fitted.curves is not None)
    layer, layer_values, notes = fitted.layer, fitted.values, (*named, *fitted.notes, *late)
    if plot is not None and fitted.curves is None:
        raise ValueError(f"there are no curves of the layer to plot: {fitted.notes[0]}")
    judged = _judged(found, kinds, (layer, tube, timing), within, report)
    values = (*found.values, *layer_values)
    files = [{"name": source.path.name, "sha256": sha256_of(source.path)} for source in everything]
    with folder_for(out), all_or_none(*targets, plot) as places:
        sha256 = write_maps(places[out / "maps.npz"], found.panel, found.maps)
        described = replace(found.panel, maps=MeasuredMaps("maps.npz", sha256))
        texts = {
            "panel.toml": description_text(asdict(described), _comments("Panel", found.values, start.name)),
            "layer.toml": description_text(asdict(layer), _comments("Layer", layer_values, layer.name)),
            "beam.toml": beam_text(tube, [f"Beam '{tube.name}' of the twin's flats, as told."]),
            "flat.toml": _flat_scene(found, kinds["flat"], timing),
        }
        for name, text in texts.items():
            places[out / name].write_text(text, encoding="utf-8", newline="\n")
        validate_scene(places[out / "flat.toml"])
        notes = (*found.notes, *notes)
        record = {
            "software": f"radiography {version('radiography')}",
            "start": {"panel": panel, "scintillator": scintillator, "beam": beam},
            "files": files,
            "values": values_table(values),
            "judged": judged_table(judged),
            "notes": list(notes),
        }
        write_json(places[out / RECORD], record)
        if plot is not None and fitted.curves is not None:
            from radiography.figures.twin_plot import twin_figure

            twin_figure(fitted.curves).savefig(places[plot], dpi=150)
    bad = int(np.count_nonzero(found.calibration.defects & UNUSABLE))
    return Twin(out, values, bad, judged, notes, warnings)


def twin_to_json(twin: Twin) -> dict[str, Any]:
    """The values of a twin, its files and what to know, as JSON values."""
    return {
        "out": str(twin.out),
        "files": list(NAMES),
        "values": values_table(twin.values),
        "bad_pixels": twin.bad_pixels,
        "judged": judged_table(twin.judged),
        "notes": list(twin.notes),
        "warnings": list(twin.warnings),
    }


@dataclass(frozen=True)
class _FittedLayer:
    """A layer, its values and notes; ``curves`` None where it is the start's."""

    layer: Scintillator
    values: tuple[TwinValue, ...]
    notes: tuple[str, ...]
    curves: TwinCurves | None


def _layer(
    found: PanelTwin,
    kinds: Mapping[str, Sequence[FrameSource]],
    counter: FrameCounter,
    parts: tuple[Scintillator, Beam, Timing],
    roi: tuple[int, int, int, int] | None,
    report: Report,
) -> _FittedLayer:
    """The layer that fits edge and flats, to the edge alone where the flats do not say their air kerma."""
    layer, beam, timing = parts
    edges = kinds["edge"]
    doses, notes = _doses(found, kinds["flat"], counter, timing), []
    if doses is None:
        doses = []
        notes.append("flats do not say their air kerma: light yield and noise of the layer are the start file's")
    elif min(found.good.shape) < LEAST_SIDE:
        doses, (rows, cols) = [], found.good.shape
        notes.append(
            f"frames of {rows} x {cols} pixels are too small for noise power, which needs {LEAST_SIDE}: light yield "
            "and noise of the layer are the start file's"
        )
    if not doses and not edges:
        notes.append("there is no edge: the spread of the light is the start file's too")
        return _FittedLayer(layer, (), tuple(notes), None)
    from radiography.study.twin_layer import twin_layer

    per_dn = value_of(found.values, "readout.electrons_per_dn")
    plan = plan_correction(found.calibration)
    twin = twin_layer(
        layer,
        found.panel,
        beam,
        doses,
        [mean_corrected(source, plan) for source in edges],
        roi=roi,
        timing=timing,
        electrons_per_dn_error=per_dn.error / per_dn.value if per_dn.determined else None,
        defects=~found.good,
        lag_corrected=found.calibration.lag is not None,
        progress=lambda done: report("fitting the layer", done),
    )
    return _FittedLayer(twin.scintillator, twin.values, (*notes, *twin.notes), twin.curves)


def _region_of_edges(
    roi: Region | None, kinds: Mapping[str, Sequence[FrameSource]]
) -> tuple[int, int, int, int] | None:
    """The region with the frames' borders where it names none, an error where no edge can lie in it."""
    if roi is None:
        return None
    edges = (*kinds["edge"], *kinds["unseen edge"])
    if not edges:
        raise ValueError("--roi says where the edge lies, but there is no edge: give --edge or --unseen-edge")
    rows, cols = edges[0].rows, edges[0].cols
    r0, r1, c0, c1 = within = region_within(roi, (rows, cols)) or (0, 0, 0, 0)
    if not (r0 < r1 <= rows and c0 < c1 <= cols):
        raise ValueError(f"--roi is rows {r0}:{r1}, columns {c0}:{c1} but the frames are {rows} x {cols}")
    return within


def _named_otherwise(named: str | None, taken: str, fitted: bool) -> tuple[str, ...]:
    """A sentence where the frames are of another layer, by their own words, than that of --scintillator."""
    if named is None or named == taken:
        return ()
    return (
        f"the frames name the layer '{named}', but '{taken}' is {'fitted' if fitted else 'taken'}: see --scintillator",
    )


def _judged(
    found: PanelTwin,
    kinds: Mapping[str, Sequence[FrameSource]],
    parts: tuple[Scintillator, Beam, Timing],
    roi: tuple[int, int, int, int] | None,
    report: Report,
) -> tuple[Judged, ...]:
    """Unseen frames beside the twin's; none where there are none."""
    layer, beam, timing = parts
    flats, lags, edges = (kinds[f"unseen {kind}"] for kind in ("flat", "lag", "edge"))
    if not (flats or lags or edges):
        return ()
    from radiography.jobs.twin_frames import TwinParts
    from radiography.jobs.twin_judge import judge_twin, unseen_lag

    counter = FrameCounter(report, sum(source.count for source in (*flats, *lags)))
    doses = _doses(found, flats, counter, timing)
    left = replace(found, calibration=replace(found.calibration, lag=None))  # in the frames, as it came
    with_lag = None if found.calibration.lag is None else _doses(left, flats, counter, timing)
    if doses is None:
        raise ValueError("unseen flats must say their air kerma, in the files or in the file of --about")
    plan = plan_correction(found.calibration)
    return judge_twin(
        TwinParts(layer, found.panel, beam, timing, found.calibration.lag is not None),
        flats=doses,
        with_lag=with_lag or (),
        edges=[mean_corrected(source, plan) for source in edges],
        lags=[unseen_lag(stack, found.calibration, _exposure(found)) for stack in frame_stacks(lags, counter)],
        roi=roi,
        defects=~found.good,
        progress=lambda done: report("simulating the twin's frames", done),
    )


def _doses(
    found: PanelTwin, flats: Sequence[FrameSource], counter: FrameCounter, timing: Timing
) -> list[DoseFrames] | None:
    """Corrected flats with the air kerma at the median pixel, which files say for the axis; None where they do not."""
    interval_s = timing.frame_interval_s
    return corrected_doses(found.calibration, flats, counter, interval_s=interval_s, exposure=_exposure(found))


def _exposure(found: PanelTwin) -> float:
    """Of the median pixel, over that where the axis of the beam meets the panel. [1]"""
    distance_mm = found.calibration.conditions.source_to_detector_mm
    across = inverse_square(distance_mm, found.panel.pixels.pitch_mm, found.good.shape)
    return float(np.median(across[found.good]))


def _timing(flats: Sequence[FrameSource]) -> Timing:
    """Times of the flats; those of a scene where they do not say them."""
    said = [source.conditions for source in flats]
    integration_s = next((each.integration_time_s for each in said if each.integration_time_s), DEFAULT_TIME_S)
    interval_s = next((each.frame_interval_s for each in said if each.frame_interval_s), Timing.frame_interval_s)
    exposure_s = next((each.exposure_time_s for each in said if each.exposure_time_s), None)
    if exposure_s is not None:
        exposure_s = min(exposure_s, integration_s)
    return Timing(integration_s, max(interval_s, integration_s), exposure_s)


def _comments(what: str, values: Sequence[TwinValue], start: str) -> list[str]:
    """What a file says about its own making."""
    return [
        f"{what} measured from its own frames by radiography {version('radiography')}; start file '{start}'.",
        "Errors are one standard error; those of electrons are at this electrons_per_dn.",
        *values_text(values).splitlines(),
    ]


def _flat_scene(found: PanelTwin, flats: Sequence[FrameSource], timing: Timing) -> str:
    """A scene of the flats: their middle dose, distance, times and temperature."""
    kermas = sorted({dose.kerma_uGy for dose in found.doses if dose.kerma_uGy})
    kerma_uGy = kermas[len(kermas) // 2] if kermas else KERMA_UGY
    distances = [source.conditions.source_to_detector_mm for source in flats]
    distance_mm = next((each for each in distances if each is not None), DISTANCE_MM)
    said = [
        "Flats of the measured panel: radiography simulate flat.toml --out flats.tif --frames 16",
        "The air kerma is that of the middle dose." if kermas else "Assumed air kerma: the flats do not say theirs.",
    ]
    scene: Mapping[str, Any] = {
        "description": f"flats of panel {found.panel.serial}",
        "panel": "panel.toml",
        "scintillator": "layer.toml",
        "beam": {"name": "beam.toml", "air_kerma_uGy": float(kerma_uGy)},
        "geometry": {"source_to_detector_mm": float(distance_mm)},
        "timing": asdict(timing),
    }
    return description_text(scene, said)
