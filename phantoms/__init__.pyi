from .bars import BarGroup, bar_pattern
from .beetle import beetle
from .card.network_card import network_card
from .chest import chest
from .contrast_detail import Detail, contrast_detail
from .duplex_wire import duplex_wire
from .edge import edge_angle_deg, tungsten_edge
from .flat_cable import flat_cable
from .hand import hand
from .line_pairs import line_pairs
from .meat import meat
from .mesh_file import load_mesh
from .phone.phone import phone
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
from .volume import Volume, place_volume
from .volume_file import RawVolume, StoredVolume, load_voxels

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
    "RawVolume",
    "Sphere",
    "StoredVolume",
    "Volume",
    "bar_pattern",
    "beetle",
    "chest",
    "contrast_detail",
    "duplex_wire",
    "edge_angle_deg",
    "flat_cable",
    "hand",
    "line_pairs",
    "load_mesh",
    "load_voxels",
    "meat",
    "move_phantom",
    "network_card",
    "phantom_of",
    "phone",
    "place",
    "place_volume",
    "step_wedge",
    "tungsten_edge",
]
