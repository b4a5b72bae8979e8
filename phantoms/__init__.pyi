from .bars import BarGroup, bar_pattern
from .card.network_card import network_card
from .edge import edge_angle_deg, tungsten_edge
from .mesh_file import load_mesh
from .solids import (
    Box,
    Cone,
    Cylinder,
    Mesh,
    Phantom,
    PlacedSolid,
    Prism,
    Sphere,
    move_phantom,
    phantom_of,
    place,
)
from .step_wedge import step_wedge

__all__ = [
    "BarGroup",
    "Box",
    "Cone",
    "Cylinder",
    "Mesh",
    "Phantom",
    "PlacedSolid",
    "Prism",
    "Sphere",
    "bar_pattern",
    "edge_angle_deg",
    "load_mesh",
    "move_phantom",
    "network_card",
    "phantom_of",
    "place",
    "step_wedge",
    "tungsten_edge",
]
