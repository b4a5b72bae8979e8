"""Names of what is made of several files, one image a file with what stands beside it; nothing is overwritten."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from radiography.files.frames import FrameSource
from radiography.jobs.inputs import check_folder, check_writable, keep_apart


def result_names(
    sources: Sequence[FrameSource],
    out: Path,
    planes: Sequence[str] = (),
    dicom: bool = False,
    others: Sequence[str | Path | None] = (),
) -> tuple[Path, list[str]]:
    """Folder and file names of the images that are made of files of frames, after refusing names that are in use.

    Parameters
    ----------
    sources : sequence of FrameSource
        Files of frames.
    out : Path
        File (.tif) or folder.
    planes : sequence of str
        Planes that are written beside each image, by the end of their names.
    dicom : bool
        Whether DICOM files are written beside them.
    others : sequence of str, Path or None
        Files besides the sources that are read.

    Returns
    -------
    folder, names : Path, list of str
        One name for each source.

    Raises
    ------
    ValueError, OSError
        If a result would overwrite something that is read, or another result, or cannot be written.
    """
    if len(sources) == 1 and not out.is_dir() and out.suffix.lower() in (".tif", ".tiff"):
        folder, names = out.parent, [out.name]
        check_writable(out)
    elif out.suffix.lower() in (".tif", ".tiff") or out.is_file():
        raise ValueError(
            f"{len(sources)} raw file(s) need --out to be {'a .tif file or ' * (len(sources) == 1)}a folder, got {out}"
        )
    else:
        folder, names = out, [f"{source.path.stem}.tif" for source in sources]
        check_folder(out)
    images = [*names, *(f"{Path(name).stem}_{kind}.tif" for name in names for kind in planes)]
    alike = [name.casefold() for name in images]  # Windows and macOS keep A.tif and a.tif in one file
    for source, name in zip(sources, names, strict=True):
        if alike.count(name.casefold()) > 1:
            raise ValueError(
                f"several raw files would become {name}, such as {source.path}: reconstruct them one by one"
            )
    results = [folder / name for name in images]
    for source, name in zip(sources, names, strict=True):
        stem = folder / Path(name).stem
        results.append(stem.with_name(f"{stem.name}.png"))
        numbers = [""] if source.count == 1 else [f"_{number:04d}" for number in range(source.count)]
        ends = [f"{number}{end}.dcm" for number in numbers for end in ("", "_processing")]
        results += [stem.with_name(stem.name + end) for end in ends if dicom]
    if folder.is_dir():
        for path in results:
            check_writable(path)
    keep_apart(results, [*(source.path for source in sources), *others])
    return folder, names
