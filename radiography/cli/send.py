"""`radiography send`: DICOM files to an archive, and an account of what arrived."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from radiography.cli.parameters import JsonFile


def send(
    files: Annotated[list[str], typer.Argument(metavar="FILE|DIR...", help="DICOM files, folders of them, patterns.")],
    to: Annotated[str | None, typer.Option("--to", metavar="HOST:PORT", help="DICOM server, by C-STORE.")] = None,
    aec: Annotated[str | None, typer.Option("--aec", metavar="TITLE", help="With --to: title of the server.")] = None,
    aet: Annotated[str, typer.Option("--aet", metavar="TITLE", help="With --to: our own title.")] = "RADIOGRAPHY",
    stow: Annotated[str | None, typer.Option("--stow", metavar="URL", help="DICOMweb service, by STOW-RS.")] = None,
    token_file: Annotated[
        Path | None,
        typer.Option("--token-file", help="With --stow: file with a token; without it RADIOGRAPHY_TOKEN, if set."),
    ] = None,
    for_processing: Annotated[
        bool, typer.Option("--for-processing", help="Also images For Processing, which are left out otherwise.")
    ] = False,
    decompress: Annotated[
        bool, typer.Option("--decompress", help="Compressed images uncompressed, where the server needs it.")
    ] = False,
    verify: Annotated[bool, typer.Option("--verify", help="Ask the server afterwards what it has.")] = False,
    retries: Annotated[int, typer.Option("--retries", help="Attempts after the first, with waits that double.")] = 3,
    timeout: Annotated[float, typer.Option("--timeout", metavar="S", help="How long nothing may happen [s].")] = 30.0,
    tls: Annotated[bool, typer.Option("--tls", help="With --to: encrypted, the certificate verified.")] = False,
    tls_ca: Annotated[Path | None, typer.Option("--tls-ca", help="Certificates to trust (PEM), and no others.")] = None,
    tls_cert: Annotated[Path | None, typer.Option("--tls-cert", help="Our certificate (PEM).")] = None,
    tls_key: Annotated[Path | None, typer.Option("--tls-key", help="Its key (PEM), where it is another file.")] = None,
    json_file: JsonFile = None,
) -> None:
    """Send DICOM files to an archive, by C-STORE or STOW-RS. With an account of what arrived; code 1 if not all did."""
    from radiography.cli.output import give_json, progress, warn
    from radiography.jobs.send import SendWanted, Server, account_to_json, send_files

    server = Server(
        to=to,
        called=aec,
        calling=aet,
        stow=stow,
        token_file=token_file,
        tls=tls,
        ca_file=tls_ca,
        certificate=tls_cert,
        key=tls_key,
        timeout_s=timeout,
    )
    wanted = SendWanted(for_processing=for_processing, decompress=decompress, verify=verify, retries=retries)
    with progress() as report:
        account = send_files(files, server, wanted, report=report)
    for doubt in account.doubts:
        warn(doubt)
    for each in account.files:
        said = {"warning": "stored, with a warning", "left out": "left out, it"}.get(each.status, each.status)
        colon = " " if each.status == "left out" else ": "
        words = f"{each.path}: {said}" + (f"{colon}{each.reason}" if each.reason else "")
        words += f" (attempt {each.attempts})" if each.attempts > 1 else ""
        print(words + (f"; read back: {each.read_back}" if each.read_back else ""))
    counts = account.counts
    arrived = sum(each.arrived for each in account.files)
    asked = len(account.files) - counts["left out"]
    megabytes = sum(each.size for each in account.files if each.arrived) / 1e6
    print(f"{account.server}: {arrived} of {asked} files arrived by {account.service}, {megabytes:.1f} MB in "
          f"{account.seconds:.1f} s")  # fmt: skip
    give_json(json_file, account_to_json(account))
    if account.interrupted:
        raise KeyboardInterrupt
    if not account.all_arrived:
        raise typer.Exit(1)
