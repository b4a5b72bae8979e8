"""Objects in the beam: solids of named materials, placed in mm; imports nothing else of this project.

`__init__.pyi` lists what `import phantoms` offers; a name is imported when it is first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
