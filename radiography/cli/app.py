"""Command names, options and help; what they do stands in the files beside this one, imported when used."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="radiography",
    help="Flat-panel digital radiography: simulate, calibrate, correct, measure, export.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

_FILE_LIST_OPTIONS = {"--dark", "--flat"}

Shape = Annotated[str | None, typer.Option("--shape", help="Headerless raw: rows and columns, e.g. 3072x3072.")]
DType = Annotated[str, typer.Option("--dtype", help="Headerless raw: pixel type.")]
ByteOrder = Annotated[str, typer.Option("--byte-order", help="Headerless raw: little or big.")]
HeaderBytes = Annotated[int, typer.Option("--header-bytes", help="Headerless raw: bytes before the first pixel.")]
Frame = Annotated[int | None, typer.Option("--frame", help="Which frame of a file of several, from 0.")]
Pitch = Annotated[float | None, typer.Option("--pitch", help="Pixel pitch [mm], where the file does not say it.")]


class Kind(enum.StrEnum):
    """What `radiography list` can list."""

    scintillators = "scintillators"
    panels = "panels"
    beams = "beams"
    phantoms = "phantoms"
    scenes = "scenes"


def spell_out_file_lists(arguments: list[str]) -> list[str]:
    """Give every file after --dark or --flat its own option, so that `--dark *.tif` means all of them."""
    spelled: list[str] = []
    option = None
    for argument in arguments:
        if argument.startswith("-") and argument != "-":
            option = argument if argument in _FILE_LIST_OPTIONS else None
            if option is None:
                spelled.append(argument)
        elif option is not None:
            spelled += [option, argument]
        else:
            spelled.append(argument)
    return spelled


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.", is_eager=True)] = False,
) -> None:
    if version:
        from importlib.metadata import version as version_of

        print(f"radiography {version_of('radiography')}")
        raise typer.Exit(0)
    if context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit(0)


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for the results.")] = Path("demo"),
    frames: Annotated[int, typer.Option("--frames", help="Dark and flat frames for each calibration.")] = 16,
    seed: Annotated[int, typer.Option("--seed", help="Same seed, same results.")] = 1,
) -> None:
    """Both panels: simulate, calibrate, edge MTF, network card, DICOM, PNG, summary."""
    from radiography.cli.demonstration import run_demo

    run_demo(out, frames, seed)


@app.command()
def simulate(
    scene: Annotated[str, typer.Argument(metavar="SCENE.toml", help="Scene file, or the name of a shipped scene.")],
    out: Annotated[Path, typer.Option("--out", help="Raw frames: .tif (multi-page) or .npy.")],
    frames: Annotated[int, typer.Option("--frames", help="Frames, one after the other.")] = 1,
    seed: Annotated[int, typer.Option("--seed", help="Same seed, same bytes.")] = 1,
    truth: Annotated[Path | None, typer.Option("--truth", help="Ground truth beside the frames, as .npz.")] = None,
) -> None:
    """Raw frames of a scene, as a panel delivers them."""
    from radiography.cli.simulation import run_simulate

    run_simulate(scene, out, frames, seed, truth)


@app.command()
def calibrate(
    dark: Annotated[list[str], typer.Option("--dark", metavar="FILES", help="Dark frames: files or a quoted pattern.")],
    flat: Annotated[list[str], typer.Option("--flat", metavar="FILES", help="Flat frames: files or a pattern.")],
    out: Annotated[Path, typer.Option("--out", metavar="CAL", help="The calibration set, one file.")],
    saturation: Annotated[
        float | None, typer.Option("--saturation", help="Raw value [DN] from which a pixel is saturated.")
    ] = None,
    pitch: Pitch = None,
    shape: Shape = None,
    dtype: DType = "uint16",
    byte_order: ByteOrder = "little",
    header_bytes: HeaderBytes = 0,
) -> None:
    """Offset, gain and defect maps from dark and flat frames."""
    from radiography.cli.correction import run_calibrate
    from radiography.cli.options import raw_layout

    layout = raw_layout(shape, dtype, byte_order, header_bytes)
    run_calibrate(dark, flat, out, saturation, pitch, layout)


@app.command()
def reconstruct(
    raw: Annotated[list[str], typer.Argument(metavar="RAW...", help="Raw frames: files or a quoted pattern.")],
    calibration: Annotated[Path, typer.Option("--calibration", metavar="CAL", help="From `calibrate`.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE_OR_DIR", help="Image (.tif), or a folder for many.")],
    dicom: Annotated[bool, typer.Option("--dicom", help="Also DICOM DX, for presentation and processing.")] = False,
    pitch: Pitch = None,
    shape: Shape = None,
    dtype: DType = "uint16",
    byte_order: ByteOrder = "little",
    header_bytes: HeaderBytes = 0,
) -> None:
    """Corrected images (float32 TIFF, PNG preview) from raw frames."""
    from radiography.cli.correction import run_reconstruct
    from radiography.cli.options import raw_layout

    layout = raw_layout(shape, dtype, byte_order, header_bytes)
    run_reconstruct(raw, calibration, out, dicom, pitch, layout)


@app.command()
def mtf(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="Linear corrected image of a slanted edge.")],
    roi: Annotated[str | None, typer.Option("--roi", metavar="R0:R1,C0:C1", help="Rows and columns to use.")] = None,
    pitch: Pitch = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the curve as JSON.")] = None,
    plot: Annotated[Path | None, typer.Option("--plot", help="Write a plot (.png, .pdf or .svg).")] = None,
    frame: Frame = None,
    shape: Shape = None,
    dtype: DType = "uint16",
    byte_order: ByteOrder = "little",
    header_bytes: HeaderBytes = 0,
) -> None:
    """Presampled slanted-edge MTF with its standard error."""
    from radiography.cli.measurement import run_mtf
    from radiography.cli.options import raw_layout

    run_mtf(image, frame, roi, pitch, json_file, plot, raw_layout(shape, dtype, byte_order, header_bytes))


@app.command()
def export(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="Linear corrected image.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE.dcm", help="DICOM file to write.")],
    for_processing: Annotated[
        bool, typer.Option("--for-processing", help="Linear pixels (For Processing) instead of For Presentation.")
    ] = False,
    pitch: Pitch = None,
    name: Annotated[str, typer.Option("--name", help="Patient or part name.")] = "",
    identifier: Annotated[str, typer.Option("--id", help="Patient or part identifier.")] = "PHANTOM",
    frame: Frame = None,
    shape: Shape = None,
    dtype: DType = "uint16",
    byte_order: ByteOrder = "little",
    header_bytes: HeaderBytes = 0,
) -> None:
    """DICOM Digital X-Ray image that viewers open."""
    from radiography.cli.correction import run_export
    from radiography.cli.options import raw_layout

    layout = raw_layout(shape, dtype, byte_order, header_bytes)
    run_export(image, frame, out, for_processing, pitch, name, identifier, layout)


@app.command()
def check(
    scene: Annotated[str, typer.Argument(metavar="SCENE.toml", help="Scene file, or the name of a shipped scene.")],
) -> None:
    """Validate a scene; print what will run, and the memory and time to expect."""
    from radiography.cli.simulation import run_check

    run_check(scene)


@app.command()
def scintillator(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Scintillators: shipped names or .toml files.")],
    beam: Annotated[str, typer.Option("--beam", help="Beam: shipped name or .toml file.")] = "paper_70kV",
    dose: Annotated[float, typer.Option("--dose", metavar="UGY", help="Air kerma at the panel [uGy].")] = 15.0,
    thickness: Annotated[
        str | None, typer.Option("--thickness", metavar="A:B:STEP", help="Study of the thickness [um], ends included.")
    ] = None,
    degeneracy: Annotated[
        Path | None, typer.Option("--degeneracy", help="Plot which scattering and absorption give the same MTF.")
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the numbers as JSON.")] = None,
    plot: Annotated[Path | None, typer.Option("--plot", help="Write a plot (.png, .pdf or .svg).")] = None,
) -> None:
    """What a layer absorbs, how much light it gives, how sharp and how efficient it is."""
    from radiography.cli.layer import run_scintillator

    run_scintillator(names, beam, dose, thickness, degeneracy, json_file, plot)


@app.command()
def fit(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Scintillator to start from: name or .toml file.")],
    mtf_file: Annotated[Path, typer.Option("--mtf", help="Measured MTF: JSON of `mtf`, or CSV f,MTF[,s.e.].")],
    vary: Annotated[
        list[str], typer.Option("--vary", metavar="KEY=LOW:HIGH", help="Parameter and its bounds; repeat for more.")
    ],
    out: Annotated[Path, typer.Option("--out", help="The fitted scintillator (.toml).")],
    beam: Annotated[str, typer.Option("--beam", help="Beam of the measurement.")] = "paper_70kV",
    nps_file: Annotated[Path | None, typer.Option("--nps", help="Measured relative NPS: CSV f,NPS[,s.e.].")] = None,
    light: Annotated[
        str | None, typer.Option("--light", metavar="VALUE+-SE", help="Measured share of the light at the diodes.")
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write values, errors and correlations.")] = None,
    plot: Annotated[Path | None, typer.Option("--plot", help="Write a plot of data and fit.")] = None,
    aperture: Annotated[float, typer.Option("--aperture", help="Side of the pixel aperture in the MTF [mm].")] = 0.139,
) -> None:
    """Layer parameters from a measured MTF, with uncertainties, and what the data do not determine."""
    from radiography.cli.fitting import run_fit

    run_fit(name, mtf_file, vary, out, beam, nps_file, light, json_file, plot, aperture)


@app.command("list")
def list_shipped(
    kind: Annotated[Kind, typer.Argument(help="What to list.", show_default=False)],
) -> None:
    """What ships with the package, by name."""
    from radiography.cli.listing import run_list

    run_list(kind.value)
