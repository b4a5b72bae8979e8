"""Calibration of panels from dark and flat frames, and the corrections it allows; imports nothing else of ours.

`__init__.pyi` lists what `import calibration` offers; a name is imported when it is first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
