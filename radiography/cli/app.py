"""Command names, options and help; what they do stands in the files beside this one, imported when used."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from radiography.cli.benchmark import benchmark
from radiography.cli.export_options import export
from radiography.cli.exposure_index import exposure_index
from radiography.cli.image_quality import mtf
from radiography.cli.import_scenario import import_command
from radiography.cli.measure_options import measure
from radiography.cli.noise_options import dqe, nps
from radiography.cli.output import Commands, Quiet, Verbose, speak
from radiography.cli.paper import paper
from radiography.cli.parameters import (
    About,
    Anonymise,
    Diconde,
    Earlier,
    JsonFile,
    Lag,
    Layout,
    Magnification,
    Orientation,
    Picture,
    Pitch,
    Plot,
    PublishedValues,
    Result,
    Saturation,
    Scintillators,
    Shielded,
    SubjectTold,
    Target,
    WhereElse,
)
from radiography.cli.report import report
from radiography.cli.send import send
from radiography.cli.simulate import simulate
from radiography.cli.subtract import subtract
from radiography.cli.sweep import sweep
from radiography.cli.twin import twin
from radiography.cli.view_options import view
from radiography.cli.words import BEAMS, PANELS, SCENES, SCINTILLATORS, Kind, Template

app = Commands(
    name="radiography",
    help="Flat-panel digital radiography: simulate, calibrate, correct, measure, export.",
    epilog="`radiography COMMAND --help` says what a command takes, with an example. Frames, rows and columns are "
    "counted from 0; ranges such as 0:16 leave out their end. Exit code 0: done, 1: a limit is broken, "
    "or not all was sent or has a result, 2: wrong input.",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.", is_eager=True)] = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    speak(quiet, verbose)
    if version:
        from importlib.metadata import version as version_of

        print(f"radiography {version_of('radiography')}")
        raise typer.Exit(0)
    if context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit(0)


@app.command(epilog="Example: radiography demo --out demo")
def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for the results.")] = Path("demo"),
    frames: Annotated[int, typer.Option("--frames", help="Dark and flat frames for each calibration.")] = 16,
    seed: Annotated[int, typer.Option("--seed", help="Same seed, same results.")] = 1,
    json_file: JsonFile = None,
) -> None:
    """The whole line for both shipped panels, in minutes. Frames, calibration, MTF, network card, DICOM, summary."""
    from radiography.cli.demo import show_demo

    show_demo(out, frames, seed, json_file)


app.command(epilog="Example: radiography simulate edge --out edge.tif --seed 1")(simulate)


@app.command(epilog="Example: radiography calibrate --dark dark*.tif --flat flat*.tif --out panel.cal")
def calibrate(
    dark: Annotated[list[str], typer.Option("--dark", metavar="FILES", help="Dark frames: files or a quoted pattern.")],
    flat: Annotated[list[str], typer.Option("--flat", metavar="FILES", help="Flat frames, of one dose or several.")],
    out: Annotated[Path, typer.Option("--out", metavar="CAL", help="The calibration set, one file.")],
    lag: Lag = None,
    check: Annotated[
        list[str] | None, typer.Option("--check", metavar="FILES", help="Other flats, to find non-uniform pixels with.")
    ] = None,
    earlier: Earlier = None,
    criteria: Annotated[
        str, typer.Option("--criteria", help="Defect criteria: e2597, pki, vendor or a .toml file.")
    ] = "e2597",
    order: Annotated[
        int | None, typer.Option("--order", help="Order of the dose response, 1 to 3; found from the flats without it.")
    ] = None,
    shielded: Shielded = None,
    saturation: Saturation = None,
    about: About = None,
    pitch: Pitch = None,
    layout: Layout = None,
    json_file: JsonFile = None,
) -> None:
    """Learn offset, gain, lag and defects of a panel. From dark frames, flats and beam-on/beam-off sequences."""
    from radiography.cli.calibrate import CalibrationFiles, run_calibrate

    files = CalibrationFiles(dark, flat, lag or [], check or [], earlier or [], about, layout)
    run_calibrate(
        files,
        out,
        criteria=criteria,
        order=order,
        shielded=shielded,
        saturation_dn=saturation,
        pitch_mm=pitch,
        json_file=json_file,
    )


@app.command(epilog="Example: radiography reconstruct edge.tif --calibration panel.cal --out edge_corrected.tif")
def reconstruct(
    raw: Annotated[list[str], typer.Argument(metavar="RAW...", help="Raw frames: files or a quoted pattern.")],
    calibration: Annotated[Path, typer.Option("--calibration", metavar="CAL", help="Calibration set of the panel.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE_OR_DIR", help="Image (.tif), or a folder for many.")],
    pipeline: Annotated[
        Path | None, typer.Option("--pipeline", metavar="FILE.toml", help="Which corrections to apply, and how.")
    ] = None,
    flatten: Annotated[
        str | None, typer.Option("--flatten", help="The beam's field: same (as in the flats), lowfreq or none.")
    ] = None,
    flags: Annotated[
        bool, typer.Option("--flags", help="Also what was done to each pixel: flags, as uint16 TIFF.")
    ] = False,
    variance: Annotated[
        bool, typer.Option("--variance", help="Also the variance [DN^2], of the frame and of the calibration.")
    ] = False,
    sequence: Annotated[
        bool, typer.Option("--sequence", help="The files are one sequence, in this order: lag passes on.")
    ] = False,
    frame_interval: Annotated[
        float | None,
        typer.Option("--frame-interval", metavar="S", help="Time from frame to frame [s], where files do not say it."),
    ] = None,
    saturation: Saturation = None,
    undo: Annotated[
        bool, typer.Option("--undo", help="Back from corrected images, written with --flags, to raw ones.")
    ] = False,
    dicom: Annotated[bool, typer.Option("--dicom", help="Also DICOM DX, for presentation and processing.")] = False,
    subject: SubjectTold = None,
    magnification: Magnification = None,
    target: Target = None,
    diconde: Diconde = False,
    anonymise: Anonymise = False,
    picture: Picture = None,
    cine: Annotated[
        bool, typer.Option("--cine", help="One DICOM sequence (RF) of all frames, --out FILE.dcm, and nothing else.")
    ] = False,
    for_processing: Annotated[
        bool, typer.Option("--for-processing", help="With --cine: linear frames instead of pictures.")
    ] = False,
    orientation: Orientation = None,
    about: About = None,
    pitch: Pitch = None,
    layout: Layout = None,
    json_file: JsonFile = None,
) -> None:
    """Correct raw frames of a panel. Images are float32 TIFF in DN, linear, with a PNG as a monitor shows it."""
    from radiography.cli.reconstruct import run_reconstruct, run_undo
    from radiography.jobs.preparation import Wanted
    from radiography.jobs.subject import told_of_objects

    if undo:
        given = {"--pipeline": pipeline, "--flatten": flatten, "--variance": variance, "--dicom": dicom,
                 "--saturation": saturation, "--subject": subject, "--magnification": magnification,
                 "--target": target, "--diconde": diconde, "--anonymise": anonymise, "--picture": picture,
                 "--cine": cine, "--orientation": orientation}  # fmt: skip
        run_undo(raw, calibration, out, [name for name, value in given.items() if value], json_file)
        return
    if for_processing and not cine:
        raise ValueError("--for-processing is for sequences: give --cine as well")
    objects = dicom or cine
    told = None
    if objects or picture or anonymise:
        told = told_of_objects(subject, magnification, target, diconde, anonymise, picture, orientation)
    if not objects and any((subject, magnification, target, diconde, orientation)):
        said = "--subject, --magnification, --target, --diconde and --orientation"
        raise ValueError(f"{said} are for DICOM: give --dicom as well")
    wanted = Wanted(flags, variance, dicom, sequence, frame_interval, flatten, saturation_dn=saturation, told=told)
    run_reconstruct(
        raw,
        calibration,
        out,
        pipeline=pipeline,
        wanted=wanted,
        about=about,
        pitch_mm=pitch,
        layout=layout,
        json_file=json_file,
        cine=cine,
        for_processing=for_processing,
    )


@app.command(epilog="Example: radiography info raw.tif flat.dcm")
def info(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Files of frames, or a quoted pattern.")],
    json_file: JsonFile = None,
    layout: Layout = None,
) -> None:
    """What a file of frames holds and says. Shape, pitch, stage, range, saturation and conditions."""
    from radiography.cli.info import run_info

    run_info(files, json_file, layout)


@app.command(epilog="Example: radiography defects panel.cal --table defects.csv --overlay defects.png")
def defects(
    calibration: Annotated[Path, typer.Argument(metavar="CAL", help="Calibration set, defect table or .bpm.xml.")],
    earlier: Annotated[
        list[str] | None,
        typer.Option("--earlier", metavar="FILES", help="Earlier maps; FILE@2026-01-31 dates one that has no date."),
    ] = None,
    in_runs: Annotated[
        float | None, typer.Option("--in-runs", help="Keep what is bad in this fraction of all maps, such as 0.7.")
    ] = None,
    image: Annotated[Path | None, typer.Option("--image", help="Write the map as uint16 TIFF.")] = None,
    table: Annotated[Path | None, typer.Option("--table", help="Write the pixels as .csv or .json.")] = None,
    overlay: Annotated[Path | None, typer.Option("--overlay", help="Draw the defects (.png).")] = None,
    over: Annotated[Path | None, typer.Option("--over", help="Image to draw them on; without it the response.")] = None,
    dicom: Result = None,
    pitch: Pitch = None,
    json_file: JsonFile = None,
) -> None:
    """Bad pixels of a panel by class, cluster and line. And what changed since earlier maps."""
    from radiography.cli.defects import run_defects

    run_defects(
        calibration,
        earlier or [],
        in_runs,
        image=image,
        table=table,
        overlay=overlay,
        over=over,
        dicom=dicom,
        pitch_mm=pitch,
        json_file=json_file,
    )


@app.command(epilog="Example: radiography lag panel.cal --plot lag.png")
def lag(
    calibration: Annotated[Path, typer.Argument(metavar="CAL", help="Calibration set with a lag model.")],
    json_file: JsonFile = None,
    plot: Plot = None,
) -> None:
    """What earlier frames leave in later ones. The fitted terms, and what remains after correction."""
    from radiography.cli.lag import run_lag

    run_lag(calibration, json_file, plot)


@app.command(epilog="Example: radiography qc panel.cal --earlier 2025*.cal --limits qc_limits --csv trend.csv")
def qc(
    calibration: Annotated[Path, typer.Argument(metavar="CAL", help="Calibration set.")],
    earlier: Earlier = None,
    limits: Annotated[
        str | None,
        typer.Option("--limits", metavar="FILE.toml", help="Limits, or qc_limits; exit code 1 if one is broken."),
    ] = None,
    csv_file: Annotated[Path | None, typer.Option("--csv", help="Write the trend, a row for each set.")] = None,
    json_file: JsonFile = None,
    plot: Plot = None,
) -> None:
    """Quality of a calibration set, and its trend. Uniformity, noise, lag and defects, against limits if given."""
    from radiography.cli.qc import run_qc

    if not run_qc(calibration, earlier or [], limits, csv_file, json_file, plot):
        raise typer.Exit(1)


@app.command(epilog="Example: radiography residual CsPbBr3_75um --rates 1:100 --plot residual.png")
def residual(
    names: Scintillators,
    panel: Annotated[
        str, typer.Option("--panel", autocompletion=PANELS, help="Panel: shipped name or .toml file.")
    ] = "fully_coated",
    rates: Annotated[
        str, typer.Option("--rates", metavar="A:B or A,B,...", help="Frame rates [1/s]: a range or a list.")
    ] = "1:1000",
    exposure: Annotated[str, typer.Option("--exposure", help="pulsed or continuous.")] = "pulsed",
    json_file: JsonFile = None,
    plot: Plot = None,
) -> None:
    """What remains of the previous frame at fluoroscopic rates. Panel lag, afterglow and decay of scintillators."""
    from radiography.cli.residual import run_residual

    run_residual(names, panel, rates, exposure, json_file, plot)


app.command(epilog="Example: radiography mtf edge_corrected.tif --json mtf.json --plot mtf.png")(mtf)


app.command(epilog="Example: radiography nps flat*.tif --json nps.json --plot nps.png")(nps)
app.command(epilog="Example: radiography dqe --edge edge*.tif --flats flat*.tif --kerma 2.5 --beam RQA5")(dqe)
app.command(epilog="Example: radiography measure snr flat*.tif --dark dark*.tif --json snr.json")(measure)
app.command(
    "exposure-index", epilog="Example: radiography exposure-index edge.tif --calibration panel.cal --plot region.png"
)(exposure_index)
app.command(epilog="Example: radiography benchmark CsPbBr3_75um CsI_Tl_500um --size 512 --out benchmark")(benchmark)
app.command(epilog="Example: radiography export edge_corrected.tif --out edge.dcm")(export)
app.command(epilog="Example: radiography subtract front.tif back.tif --weight 0.6 --out bone_free.tif")(subtract)
app.command(epilog="Example: radiography sweep sweep.toml --out sweep.zarr --workers 2")(sweep)
app.command(epilog="Example: radiography report benchmark --out report.html")(report)
app.command(epilog="Example: radiography twin --dark dark*.tif --flat flat*.tif --edge edge.tif --out panel")(twin)
app.command(epilog="Example: radiography view results edge.tif")(view)
app.command("import", epilog="Example: radiography import scenario.json --out imported")(import_command)
app.command(epilog="Example: radiography send edge.dcm --to pacs.example:104 --aec ARCHIVE --verify")(send)


@app.command(epilog="Example: radiography check edge")
def check(
    scene: Annotated[
        str,
        typer.Argument(metavar="SCENE.toml", autocompletion=SCENES, help="Scene file, or the name of a shipped scene."),
    ],
    plot: Plot = None,
    json_file: JsonFile = None,
) -> None:
    """Validate a scene, and say what it will take. Prints what will run, and the memory and time to expect."""
    from radiography.cli.check import run_check

    run_check(scene, json_file, plot)


@app.command(epilog="Example: radiography scintillator CsPbBr3_75um --beam RQA5 --dose 2.5")
def scintillator(
    names: Scintillators,
    beam: Annotated[
        str, typer.Option("--beam", autocompletion=BEAMS, help="Beam: shipped name or .toml file.")
    ] = "paper_70kV",
    dose: Annotated[float, typer.Option("--dose", metavar="UGY", help="Air kerma at the panel [uGy].")] = 15.0,
    thickness: Annotated[
        str | None, typer.Option("--thickness", metavar="A:B:STEP", help="Study of the thickness [um], ends included.")
    ] = None,
    degeneracy: Annotated[
        Path | None, typer.Option("--degeneracy", help="Plot which scattering and absorption give the same MTF.")
    ] = None,
    scheduler: WhereElse = "none",
    json_file: JsonFile = None,
    plot: Plot = None,
) -> None:
    """MTF, light, absorption and DQE of scintillators. Computed from what X-rays and light meet in the layer."""
    from radiography.cli.scintillator import run_scintillator

    run_scintillator(
        names,
        beam=beam,
        dose_uGy=dose,
        thickness=thickness,
        degeneracy=degeneracy,
        json_file=json_file,
        plot=plot,
        scheduler=scheduler,
    )


@app.command(epilog="Example: radiography fit CsPbBr3_75um --mtf mtf.json --vary thickness_um=40:120 --out film.toml")
def fit(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", autocompletion=SCINTILLATORS, help="Scintillator to start from: name or .toml file."
        ),
    ],
    mtf_file: Annotated[Path, typer.Option("--mtf", help="Measured MTF: JSON of `mtf`, or CSV f,MTF[,s.e.].")],
    vary: Annotated[
        list[str],
        typer.Option(
            "--vary", metavar="KEY=LOW:HIGH", help="Parameter and bounds, as thickness_um=40:120; repeatable."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="The fitted scintillator (.toml).")],
    beam: Annotated[str, typer.Option("--beam", autocompletion=BEAMS, help="Beam of the measurement.")] = "paper_70kV",
    nps_file: Annotated[Path | None, typer.Option("--nps", help="Measured relative NPS: CSV f,NPS[,s.e.].")] = None,
    light: Annotated[
        str | None, typer.Option("--light", metavar="VALUE+-SE", help="Measured fraction of the light at the diodes.")
    ] = None,
    json_file: JsonFile = None,
    plot: Plot = None,
    aperture: Annotated[
        float, typer.Option("--aperture", metavar="MM", help="Side of the pixel aperture in the MTF [mm].")
    ] = 0.139,
) -> None:
    """Find parameters of a scintillator from its measured MTF. With uncertainties, and what data do not determine."""
    from radiography.cli.fit import run_fit

    run_fit(
        name,
        mtf_file,
        vary,
        out,
        beam=beam,
        nps_file=nps_file,
        light=light,
        json_file=json_file,
        plot=plot,
        aperture=aperture,
    )


@app.command(epilog="Example: radiography validate --out validation")
def validate(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the results.")],
    table: PublishedValues = None,
    scheduler: WhereElse = "none",
    json_file: JsonFile = None,
) -> None:
    """What the model predicts beside what was published. Deviation and source of each number."""
    from radiography.cli.validate import run_validate

    run_validate(out, table, scheduler, json_file)


app.command(epilog="Example: radiography paper 2a ED10 --out paper")(paper)


@app.command("warm-up", epilog="Example: radiography warm-up")
def warm_up(json_file: JsonFile = None) -> None:
    """Prepare what a first run waits for. Kernels are compiled, and the layers of the demo computed."""
    from radiography.cli.warm_up import run_warm_up

    run_warm_up(json_file)


@app.command("list", epilog="Example: radiography list scintillators")
def list_shipped(
    kind: Annotated[Kind, typer.Argument(help="What to list.", show_default=False)],
    json_file: JsonFile = None,
) -> None:
    """What ships with the package, by name."""
    from radiography.cli.listing import run_list

    run_list(kind.value, json_file)


@app.command(epilog="Example: radiography init scene --out scene.toml")
def init(
    kind: Annotated[Template, typer.Argument(help="What to write.", show_default=False)],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.toml", help="A new file; without it standard output.")
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """A commented template of an input file. Every key with unit and default; it runs as it stands."""
    from radiography.cli.init import run_init

    run_init(kind.value, out, json_file)
