"""Network interface card: the object of the paper's Fig. 4d and e, drawn part by part.

An invented Ethernet card on a PCI low-profile outline with the parts that such cards carry. Dimensions are those of
the standards and packages named in the files of its parts (card_board, card_packages, card_passives,
card_connectors); the layout and the net list (card_routing and this file) are made up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from phantoms.card import connectors, packages, passives, routing
from phantoms.card.board import BODY_HEIGHT_MM, WIDTH_MM, edge_fingers, laminate, planes
from phantoms.card.drawing import BOTTOM_MM, Point, bottom_track, put, top_track, via
from phantoms.solids import Phantom, PlacedSolid, move_phantom, phantom_of

# outline of the card with its bracket and the protruding jack, in card coordinates [mm]
OUTLINE_X_MM = (-12.26, 119.9)
OUTLINE_Y_MM = (-12.86, 68.5)
LOWEST_MM = BOTTOM_MM - 1.2  # lower edge of the bracket, below the longest pin


@dataclass(frozen=True, eq=False)
class _Layout:
    """Card under construction: solids so far, and the rectangles (x, y, half width, half height) that are taken."""

    solids: list[PlacedSolid]
    taken: list[tuple[float, float, float, float]]


def _add(layout: _Layout, part: Phantom, centre: Point, half: Point, turn_deg: float = 0.0) -> None:
    """Put a part on the board and take its rectangle."""
    layout.solids.extend(put(part, centre, turn_deg))
    layout.taken.append((*centre, *half))


def _is_free(layout: _Layout, x: float, y: float, half_x: float, half_y: float) -> bool:
    return all(abs(x - a) > half_x + c or abs(y - b) > half_y + d for a, b, c, d in layout.taken)


def network_card(seed: int = 1, small_parts: int = 110, solder: str = "solder_SAC305") -> Phantom:
    """Populated Ethernet card, 132.2 mm by 81.4 mm with its bracket and 18.4 mm high, component side up.

    A four-layer FR4 board (35 um copper, vias, planes with clearances, gold-plated edge fingers) with a ball grid
    array controller, a quad flat package and a dual in-line memory on lead frames with gold bond wires, a shielded
    RJ45 jack, a module of hand-wound transformers, crystal, regulator, chokes, electrolytic, tantalum and ceramic
    capacitors, resistors, and a steel bracket with its screws. Some balls of the array hold voids.

    Parameters
    ----------
    seed : int
        Seed of everything irregular: which small parts stand where and how crooked, how the coils are wound, which
        balls hold voids. The same seed gives the same card. [1]
    small_parts : int
        Chip resistors, chip capacitors and small semiconductors to scatter over the free parts of the board; fewer
        are placed if there is no room. [1]
    solder : str
        Material of all joints, "solder_SAC305" or "solder_SnPb".

    Returns
    -------
    phantom : Phantom
        About 5,900 solids. Origin at the centre of the outline in x and y, bracket at x < 0, edge fingers at y > 0;
        z from 0 (lower edge of the bracket) to 18.42 mm, the board's lower side at 1.2 mm.

    Raises
    ------
    ValueError
        If the seed or the number of small parts is negative.

    Notes
    -----
    Inside parts of one kind, solids may overlap; a later solid replaces an earlier one, so that holes, cavities and
    voids are solids of "air". The paper shows the radiograph of such a card but does not name it.
    """
    if seed < 0:
        raise ValueError(f"seed must be 0 or more, got {seed}")
    if small_parts < 0:
        raise ValueError(f"small_parts must be 0 or more, got {small_parts}")
    rng = np.random.default_rng(seed)
    board = [*laminate(), *planes(routing.MOAT_MM), *edge_fingers(), *routing.all_tracks(rng)]
    layout = _Layout(board, [])
    _place_large_parts(layout, rng, solder)
    _place_known_small_parts(layout, solder)
    _scatter_small_parts(layout, rng, small_parts, solder)
    shift = (-0.5 * sum(OUTLINE_X_MM), -0.5 * sum(OUTLINE_Y_MM), -LOWEST_MM)
    return move_phantom(phantom_of("network card", layout.solids), shift)


def _place_large_parts(layout: _Layout, rng: np.random.Generator, solder: str) -> None:
    """Bracket first (the jack reaches through its window), then everything with a fixed place."""
    screws = (8.0, 47.0)
    low = LOWEST_MM
    layout.solids.extend(connectors.bracket(screws, (18.6, 35.4), low).solids)
    for y in screws:
        _add(layout, connectors.screw(0.9), (4.6, y), (4.4, 4.4))
    _add(layout, connectors.modular_jack(solder), routing.JACK_AT, (0.0, 0.0))
    layout.taken.append((8.0, 27.0, 11.4, 9.4))
    _add(layout, connectors.transformer_module(rng, solder), routing.TRANSFORMER_AT, (6.6, 7.2))
    interface = packages.lead_frame_package((14.0, 20.0, 2.7), (26, 38), 0.5, (7.6, 8.6), (5.6, 6.0), 0.22, solder)
    _add(layout, interface, routing.INTERFACE_AT, (9.0, 12.0))
    _add(layout, packages.ball_grid_array(rng, solder=solder), routing.CONTROLLER_AT, (9.0, 9.0))
    memory = packages.lead_frame_package(
        (36.8, 13.6, 3.9), (14, 0), 2.54, (8.6, 6.4), (6.4, 4.6), 0.46, solder, legs="through", frame="kovar"
    )
    _add(layout, memory, routing.MEMORY_AT, (18.9, 8.6))
    _add(layout, passives.crystal_can(solder), routing.CRYSTAL_AT, (6.2, 2.9))
    _add(layout, connectors.pin_header(solder), (70.0, 4.4), (4.2, 2.6))
    eeprom = packages.lead_frame_package((4.9, 3.9, 1.5), (4, 0), 1.27, (2.6, 1.7), (1.6, 1.3), 0.42, solder)
    _add(layout, eeprom, (66.0, 13.2), (2.8, 3.4), 0.0)
    buffer = packages.lead_frame_package((9.9, 3.9, 1.5), (8, 0), 1.27, (4.4, 1.7), (2.6, 1.3), 0.42, solder)
    _add(layout, buffer, (38.6, 47.0), (5.4, 3.4), 0.0)
    _add(layout, packages.tab_regulator(solder), (112.4, 38.0), (3.6, 5.4), 0.0)
    _add(layout, passives.toroid_choke(rng, solder), (99.0, 37.8), (7.4, 6.6), 180.0)
    _add(layout, passives.drum_choke(solder), (95.8, 49.2), (4.2, 3.8))
    small, medium = (5.0, 7.0), (6.3, 8.0)
    for x, y, (diameter, height), turn in (
        (112.4, 47.4, medium, 90.0),
        (105.6, 45.6, small, 30.0),
        (28.0, 44.5, medium, 0.0),
        (38.6, 4.6, small, 90.0),
    ):
        can = passives.electrolytic_capacitor(solder, diameter, height)
        _add(layout, can, (x, y), (0.5 * diameter + 0.3, 0.5 * diameter + 0.3), turn)
    for x, y, turn in ((84.0, 46.4, 0.0), (105.0, 52.4, 0.0), (25.6, 8.0, 90.0)):
        half = (4.4, 2.4) if turn == 0.0 else (2.4, 4.4)
        _add(layout, passives.tantalum_capacitor(solder), (x, y), half, turn)


def _place_known_small_parts(layout: _Layout, solder: str) -> None:
    """Small parts in rows where such a card has them: around the controller and on the buses."""
    x0, y0 = routing.CONTROLLER_AT
    capacitor, array = passives.ceramic_capacitor(solder), passives.resistor_array(solder)
    for step in range(-3, 3):
        _add(layout, capacitor, (x0 + 2.4 * step, y0 - 10.2), (0.8, 1.5), 90.0)
    for step in range(-2, 3):
        _add(layout, capacitor, (x0 + 10.6, y0 + 4.0 + 1.7 * step), (1.5, 0.8), 0.0)
    for step in range(-2, 4):
        _add(layout, array, (x0 - 1.0 + 4.2 * step, y0 + 11.8), (1.9, 1.5), 0.0)
    for step in range(4):
        _add(layout, array, (61.3, 23.6 + 4.2 * step), (1.5, 1.9), 90.0)
    large = passives.ceramic_capacitor(solder, 3.2, 1.6, 1.4)
    for x, y, turn in ((14.0, 44.5, 0.0), (14.0, 48.5, 0.0), (57.6, 15.0, 90.0), (90.6, 24.6, 90.0), (33.5, 52.6, 0.0)):
        _add(layout, large, (x, y), (2.5, 1.2) if turn == 0.0 else (1.2, 2.5), turn)
    for index in range(4):
        _add(layout, passives.chip_resistor(solder), (20.6, 37.4 + 1.7 * index), (1.4, 0.8), 0.0)
        _add(layout, passives.chip_resistor(solder), (36.6, 21.6 + 4.2 * index), (0.8, 1.4), 90.0)


def _scatter_small_parts(layout: _Layout, rng: np.random.Generator, count: int, solder: str) -> None:
    """Chips and small semiconductors on free ground, each with a track and perhaps a via at its ends."""
    kinds: list[tuple[Callable[[str], Phantom], float, Point]] = [
        (passives.chip_resistor, 0.36, (1.4, 0.75)),
        (passives.ceramic_capacitor, 0.42, (1.4, 0.75)),
        (packages.small_transistor, 0.08, (1.7, 2.0)),
        (passives.resistor_array, 0.08, (1.9, 1.5)),
        (passives.glass_diode, 0.06, (2.5, 1.0)),
    ]
    parts = [maker(solder) for maker, _, _ in kinds]
    fractions = np.array([fraction for _, fraction, _ in kinds])
    placed = 0
    for _ in range(40 * count):
        if placed == count:
            return
        kind = int(rng.choice(len(kinds), p=fractions))
        x = 0.5 * float(rng.integers(6, int(2 * WIDTH_MM) - 6))
        y = 0.5 * float(rng.integers(6, int(2 * BODY_HEIGHT_MM) - 8))
        upright = bool(rng.random() < 0.5)
        half_x, half_y = kinds[kind][2][::-1] if upright else kinds[kind][2]
        if not _is_free(layout, x, y, half_x + 0.25, half_y + 0.25):
            continue
        crooked = float(rng.normal(0.0, 0.8))
        _add(layout, parts[kind], (x, y), (half_x, half_y), (90.0 if upright else 0.0) + crooked)
        if kind < 2:
            layout.solids.extend(_stub(rng, (x, y), upright))
        placed += 1


def _stub(rng: np.random.Generator, centre: Point, upright: bool) -> list[PlacedSolid]:
    """Short track from one end of a chip, bent by 45 degrees, to a via."""
    side = 1.0 if rng.random() < 0.5 else -1.0
    reach, bend = float(rng.uniform(0.5, 1.0)), float(rng.uniform(-1.2, 1.2))
    ends = [(0.9, 0.0), (0.9 + reach, 0.0), (0.9 + reach + abs(bend), bend)]
    line = [(centre[0] + side * (b if upright else a), centre[1] + side * (a if upright else b)) for a, b in ends]
    last = line[-1]
    if not (1.0 < last[0] < WIDTH_MM - 1.0 and 1.0 < last[1] < BODY_HEIGHT_MM - 1.0):
        return []
    # the chip is soldered on already: the track comes from under its pad
    solids = [top_track(line, 0.25)]
    if rng.random() < 0.65:
        solids += via(last, in_plane=bool(rng.random() < 0.5))
    if rng.random() < 0.4:
        run = float(rng.uniform(4.0, 12.0)) * (1.0 if last[0] < 0.5 * WIDTH_MM else -1.0)
        jog = float(rng.uniform(-2.0, 2.0))
        far = (last[0] + run, min(max(last[1] + jog, 2.0), BODY_HEIGHT_MM - 2.0))
        bent = (far[0] - float(np.sign(run)) * abs(far[1] - last[1]), last[1])
        solids.append(bottom_track([last, bent, far]))
    return solids
