"""`radiography report`: its options, and which page it makes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from radiography.cli.parameters import Flags, Pitch
from radiography.cli.words import BEAMS, Edition

LEFT_OUT = "--edge and --flats go together, with --kerma and --beam or --fluence"


def report(
    results: Annotated[
        list[str] | None,
        typer.Argument(metavar="DIR|CAL|FILE...", help="Of `benchmark`, a calibration set, or pictures of a result."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE.html", help="The page.")] = None,
    edge: Annotated[
        list[str] | None, typer.Option("--edge", metavar="FILES", help="Or: corrected images of a slanted edge.")
    ] = None,
    flats: Annotated[
        list[str] | None, typer.Option("--flats", metavar="FILES", help="And corrected flats of one exposure.")
    ] = None,
    kerma: Annotated[float | None, typer.Option("--kerma", metavar="UGY", help="Air kerma of the flats [uGy].")] = None,
    beam: Annotated[str | None, typer.Option("--beam", autocompletion=BEAMS, help="Beam, as for `dqe`.")] = None,
    fluence: Annotated[float | None, typer.Option("--fluence", metavar="Q", help="Instead of a beam.")] = None,
    edition: Annotated[Edition, typer.Option("--edition", help="As for `dqe`.")] = Edition.iec_2015,
    response: Annotated[
        list[str] | None, typer.Option("--response", metavar="FILES", help="Flats of several doses, as for `dqe`.")
    ] = None,
    response_kerma: Annotated[
        str | None, typer.Option("--response-kerma", metavar="UGY,...", help="Of each of them.")
    ] = None,
    roi: Annotated[str | None, typer.Option("--roi", metavar="R0:R1,C0:C1", help="Of the flats.")] = None,
    edge_roi: Annotated[
        str | None, typer.Option("--edge-roi", metavar="R0:R1,C0:C1", help="Of the edges, or of one in pictures.")
    ] = None,
    part: Annotated[
        str | None, typer.Option("--part", metavar="R0:R1,C0:C1", help="Of pictures: shown pixel for pixel.")
    ] = None,
    no_pictures: Annotated[
        bool, typer.Option("--no-pictures", help="Of edges and flats: without the frames to look at.")
    ] = False,
    pitch: Pitch = None,
    flags: Flags = None,
) -> None:
    """One HTML page of results, that opens offline. Of a benchmark, a calibration set, edges and flats, or pictures."""
    from radiography.cli.options import region
    from radiography.cli.output import progress
    from radiography.jobs.benchmark_report import report_benchmark
    from radiography.jobs.dqe import DqeInput
    from radiography.jobs.picture_report import is_benchmark, is_calibration, report_pictures
    from radiography.jobs.report import report_calibration, report_frames

    if out is None:
        raise ValueError("--out FILE.html is missing: the page needs a name")
    if (not results) == (not edge and not flats):
        raise ValueError("give either a folder, a calibration set or pictures, or --edge FILES and --flats FILES")
    of_pictures = results and not (len(results) == 1 and (is_benchmark(results[0]) or is_calibration(results[0])))
    if part and not of_pictures:
        raise ValueError("--part is for a report of pictures: give a folder or files of `reconstruct`")
    of_frames: dict[str, object] = {"--kerma": kerma, "--beam": beam, "--fluence": fluence, "--response": response}
    of_frames |= {"--response-kerma": response_kerma, "--roi": roi, "--flags": flags}
    of_frames |= {"--no-pictures": no_pictures or None, "--edition": None if edition is Edition.iec_2015 else edition}
    idle = [name for name, value in of_frames.items() if results and value is not None]
    if idle:
        raise ValueError(f"{idle[0]} has no use here: it is for a report of --edge and --flats")
    idle = [name for name, value in {"--edge-roi": edge_roi, "--pitch": pitch}.items() if value is not None]
    if idle and results and not of_pictures:
        raise ValueError(f"{idle[0]} has no use here: it is for a report of pictures, or of --edge and --flats")
    with progress() as tell:
        if not results:
            if not edge or not flats or kerma is None:
                raise ValueError(LEFT_OUT)
            given = DqeInput(
                edges=edge,
                flats=flats,
                kerma_uGy=kerma,
                beam=beam,
                fluence_per_mm2_uGy=fluence,
                edition=edition.value,
                response=response or [],
                response_kerma=response_kerma,
                roi=region(roi),
                edge_roi=region(edge_roi, "--edge-roi"),
                pitch_mm=pitch,
                flags=flags,
            )
            report_frames(given, out, tell, pictures=not no_pictures)
        elif of_pictures:
            shown, measured = region(part, "--part"), region(edge_roi, "--edge-roi")
            report_pictures(results, out, part=shown, edge=measured, pitch_mm=pitch, report=tell)
        elif is_benchmark(results[0]):
            report_benchmark(results[0], out)
        else:
            report_calibration(results[0], out, tell)
    print(f"{out}: {out.stat().st_size / 1e6:.1f} MB")
