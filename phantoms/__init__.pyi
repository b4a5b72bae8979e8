from .bars import BarGroup, bar_pattern
from .card.network_card import network_card
from .contrast_detail import Detail, contrast_detail
from .duplex_wire import duplex_wire
from .edge import edge_angle_deg, tungsten_edge
from .line_pairs import line_pairs
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
    "Detail",
    "Mesh",
    "Phantom",
    "PlacedSolid",
    "Prism",
    "Sphere",
    "bar_pattern",
    "contrast_detail",
    "duplex_wire",
    "edge_angle_deg",
    "line_pairs",
    "load_mesh",
    "move_phantom",
    "network_card",
    "phantom_of",
    "place",
    "step_wedge",
    "tungsten_edge",
]
