"""Flat-panel digital radiography: forward model from the tube to the raw frame, and image quality of real frames.

`import radiography as rx` is all that a user needs; `__init__.pyi` lists what it offers. A name is imported when it is
first used. The way back, from raw to corrected frames, is the package `calibration`; its names are offered here too.
"""

import lazy_loader

import calibration

__version__ = "0.1.0"

_own, _, _names = lazy_loader.attach_stub(__name__, __file__)
__all__ = sorted(["__version__", *_names, *calibration.__all__])


def __getattr__(name: str) -> object:
    return getattr(calibration, name) if name in calibration.__all__ else _own(name)


def __dir__() -> list[str]:
    return list(__all__)
