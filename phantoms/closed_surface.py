"""Triangles that enclose a volume: welded, every edge with a triangle on either side, outside and inside known.

A point is inside where the winding number of the surface round it is positive. Bodies that overlap are then one, and
a shell that is turned inwards is a hole in the body round it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

WELD = 1e-6  # chosen: vertices nearer than this part of the largest extent are one; 10 roundings of a float32


def uneven_edges(vertices: int, triangles: IntArray) -> tuple[IntArray, IntArray]:
    """Edges along which triangles do not run as often one way as the other.

    Parameters
    ----------
    vertices : int
        How many there are. [1]
    triangles : (T, 3) int64
        Vertices round each triangle.

    Returns
    -------
    edges : (N, 2) int64
        Vertices at the ends of each.
    count : (N,) int64
        Triangles at each: where odd, the surface is open; where even, some are turned the wrong way. [1]
    """
    if len(triangles) == 0:
        return np.empty((0, 2), np.int64), np.empty(0, np.int64)
    edges, run, start = _sorted_edges(vertices, triangles)
    balance = np.add.reduceat(run, start)
    uneven = np.flatnonzero(balance)
    return edges[start[uneven]], np.diff(np.append(start, len(run)))[uneven]


def closed_surface(corners: FloatArray) -> tuple[FloatArray, IntArray, list[str]]:
    """One closed surface from loose triangles.

    Parameters
    ----------
    corners : (T, 3, 3) float64
        Corners of each triangle. [any]

    Returns
    -------
    vertices : (V, 3) float64
        [unit of corners]
    triangles : (T, 3) int64
        Vertices round each triangle, counter-clockwise seen from outside.
    repairs : list of str
        What had to be mended, with counts.

    Raises
    ------
    ValueError
        In words that follow the name of the mesh, if it is not closed or has no inside.
    """
    vertices, triangles, repairs = _welded(corners)
    if len(triangles) == 0:
        raise ValueError("encloses no volume")
    edges, count = uneven_edges(len(vertices), triangles)
    if (count % 2).any():
        x, y, z = vertices[edges[count % 2 == 1][0]].mean(axis=0)
        raise ValueError(
            f"is not closed: {np.count_nonzero(count % 2)} of its edges belong to an odd number of triangles, allowed "
            f"are 2 for each; one is at ({x:.6g}, {y:.6g}, {z:.6g}) in the file's unit"
        )
    turned = np.zeros(len(triangles), dtype=bool)
    if len(edges):
        turned = _turned_wrongly(len(vertices), triangles)
        triangles = np.where(turned[:, None], triangles[:, ::-1], triangles)
        edges, count = uneven_edges(len(vertices), triangles)
        if len(edges):
            x, y, z = vertices[edges[0]].mean(axis=0)
            raise ValueError(
                f"has no inside: at {len(edges)} of its edges the triangles cannot be turned the same way, one is at "
                f"({x:.6g}, {y:.6g}, {z:.6g}) in the file's unit"
            )
    shell = _shells(len(vertices), triangles)
    inside_out = _inside_out(vertices, triangles, shell, np.bincount(shell, turned) > 0)
    reversed_by_now = turned ^ inside_out[shell]
    triangles = np.where(inside_out[shell][:, None], triangles[:, ::-1], triangles)
    if reversed_by_now.any():
        repairs.append(f"{np.count_nonzero(reversed_by_now)} of {len(triangles)} triangles turned over")
    if not signed_volume(vertices, triangles) > 0:
        raise ValueError("encloses no volume")
    return vertices, np.ascontiguousarray(triangles), repairs


def signed_volume(vertices: FloatArray, triangles: IntArray) -> float:
    """Volume that a closed surface encloses; negative where its triangles look inwards.

    Parameters
    ----------
    vertices : (V, 3) float64
        [mm]
    triangles : (T, 3) int64
        Vertices round each triangle.

    Returns
    -------
    volume : float
        [mm3]
    """
    return float(_cone_volumes(vertices, triangles).sum())


def _cone_volumes(vertices: FloatArray, triangles: IntArray) -> FloatArray:
    """(T,) signed volume between each triangle and the middle of all vertices."""
    a, b, c = (vertices[triangles[:, corner]] - vertices.mean(axis=0) for corner in range(3))
    return np.asarray(np.einsum("ti,ti->t", a, np.cross(b, c)) / 6.0)


def _sorted_edges(vertices: int, triangles: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Edges (3 T, 2) with equal ones side by side, +1 or -1 as a triangle runs along it, first of each equal ones."""
    ends = triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    low, high = ends.min(axis=1), ends.max(axis=1)
    order = np.argsort(low * np.int64(vertices) + high, kind="stable")
    edges = np.column_stack([low[order], high[order]])
    changes = (edges[1:] != edges[:-1]).any(axis=1)
    start = np.flatnonzero(np.concatenate(([True], changes)))
    return edges, np.where(ends[order, 0] == edges[:, 0], 1, -1), start


def _neighbours(vertices: int, triangles: IntArray) -> tuple[IntArray, IntArray, npt.NDArray[np.bool_]]:
    """Pairs of triangles at the edges that have two, and whether both run along it the same way."""
    ends = triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    order = np.argsort(ends.min(axis=1) * np.int64(vertices) + ends.max(axis=1), kind="stable")
    _, run, start = _sorted_edges(vertices, triangles)
    pair = start[np.diff(np.append(start, len(run))) == 2]
    return order[pair] // 3, order[pair + 1] // 3, run[pair] == run[pair + 1]


def _shells(vertices: int, triangles: IntArray) -> IntArray:
    """(T,) number of the connected surface that each triangle belongs to."""
    one, other, _ = _neighbours(vertices, triangles)
    return _joined(len(triangles), one, other)


def _joined(count: int, one: IntArray, other: IntArray) -> IntArray:
    """(count,) number of the group that each member of a graph belongs to, whose links join one to another."""
    from scipy.sparse import coo_array  # where it is needed: solids that are no meshes do not wait for it
    from scipy.sparse.csgraph import connected_components

    links = coo_array((np.ones(len(one), dtype=bool), (one, other)), shape=(count, count))
    return np.asarray(connected_components(links, directed=False)[1], dtype=np.int64)


def _turned_wrongly(vertices: int, triangles: IntArray) -> npt.NDArray[np.bool_]:
    """(T,) the fewer triangles of each shell to turn over, so that all of it run the same way.

    Each triangle stands in the graph twice, as it is and turned over; neighbours that run against each other are
    joined as they are, others as one and the other turned over.
    """
    one, other, same = _neighbours(vertices, triangles)
    count = len(triangles)
    crossing = np.where(same, count, 0)
    rows, cols = np.concatenate([one, one + count]), np.concatenate([other + crossing, other + count - crossing])
    label = _joined(2 * count, rows, cols)
    kept = np.bincount(label[:count], minlength=label.max() + 1)
    as_is, over = label[:count], label[count:]
    return np.asarray((kept[as_is] < kept[over]) | ((kept[as_is] == kept[over]) & (as_is > over)))


def _welded(corners: FloatArray) -> tuple[FloatArray, IntArray, list[str]]:
    """Vertices, triangles, and what was mended: equal vertices become one, near ones where the surface is open."""
    points = corners.reshape(-1, 3) + 0.0  # -0 becomes 0
    order = np.lexsort(points.T)
    fresh = np.concatenate(([True], (np.diff(points[order], axis=0) != 0).any(axis=1)))
    number = np.empty(len(points), dtype=np.int64)
    number[order] = np.cumsum(fresh) - 1
    vertices, loose = points[order[fresh]], number.reshape(-1, 3)
    triangles, left_out = _without_doubles(len(vertices), loose)
    moved = 0
    uneven, _ = uneven_edges(len(vertices), triangles)
    if len(uneven):
        from scipy.spatial import cKDTree

        near = np.unique(uneven)
        pairs = cKDTree(vertices[near]).query_pairs(WELD * np.ptp(vertices, axis=0).max(), output_type="ndarray")
        if len(pairs):
            label = _joined(len(near), pairs[:, 0], pairs[:, 1])
            first = np.full(label.max() + 1, len(near))
            np.minimum.at(first, label, np.arange(len(near)))
            becomes = np.arange(len(vertices))
            becomes[near] = near[first[label]]
            moved = int(np.count_nonzero(becomes != np.arange(len(vertices))))
            triangles, left_out = _without_doubles(len(vertices), becomes[loose])
    repairs = []
    if moved:
        repairs.append(f"{moved} vertices welded to others within {WELD:g} of its extent")
    if left_out:
        repairs.append(f"{left_out} of {len(corners)} triangles left out, which had no area or lay on another")
    used, triangles = np.unique(triangles, return_inverse=True)
    return vertices[used], triangles.reshape(-1, 3).astype(np.int64), repairs


def _without_doubles(vertices: int, triangles: IntArray) -> tuple[IntArray, int]:
    """Triangles with three vertices each and no other on the same three, and how many others there were.

    Of two that lie on each other and look apart, as where two bodies touch, neither stays unless the surface needs one.
    """
    a, b, c = triangles.T
    whole = triangles[(a != b) & (b != c) & (c != a)]
    ordered = np.sort(whole, axis=1)
    order = np.lexsort(ordered.T)
    fresh = (np.diff(ordered[order], axis=0, prepend=-1) != 0).any(axis=1)
    start = np.flatnonzero(fresh)
    keep = order[start]  # the first of each, as the order is stable
    if len(keep) < len(whole):
        turn = _turn(whole[order])
        both = np.maximum.reduceat(turn, start) != np.minimum.reduceat(turn, start)
        if both.any() and not (uneven_edges(vertices, whole[keep[~both]])[1] % 2).any():
            keep = keep[~both]
    return whole[np.sort(keep)], len(triangles) - len(keep)


def _turn(triangles: IntArray) -> IntArray:
    """(T,) 1 where the vertices run in rising order round the triangle, 0 where in falling order."""
    a, b, c = triangles.T
    rising = (a < b) & (b < c) | (b < c) & (c < a) | (c < a) & (a < b)
    return np.asarray(rising, dtype=np.int64)


def _inside_out(
    vertices: FloatArray, triangles: IntArray, shell: IntArray, mended: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    """(S,) shells to turn over: those that look inwards without lying in another, with all that lies in them.

    Of a `mended` shell it is not known which side was meant: it is a hole where it lies in an odd number of others.
    """
    count = len(mended)
    volume = np.bincount(shell, _cone_volumes(vertices, triangles), minlength=count)
    over = np.zeros(count, dtype=bool)
    asked = np.flatnonzero((volume < 0) | mended)
    if len(asked) == 0:
        return over
    holders = {n: _holders(vertices, triangles, shell, n) for n in asked.tolist()}
    # Turned inwards inside no body, or in a hole: the whole nest is the wrong way round.
    nests = {n for n, held in holders.items() if not mended[n] and np.sign(volume[held]).sum() <= 0}
    if nests:
        holders |= {n: _holders(vertices, triangles, shell, n) for n in range(count) if n not in holders}
    for number, held in holders.items():
        if mended[number]:
            over[number] = (volume[number] < 0) != (len(held) % 2 == 1)
        else:
            over[number] = number in nests or not nests.isdisjoint(held.tolist())
    return over


def _holders(vertices: FloatArray, triangles: IntArray, shell: IntArray, number: int) -> IntArray:
    """Shells that hold all six outermost points of one shell."""
    own = vertices[np.unique(triangles[shell == number])]
    outermost = own[np.unique(np.concatenate([own.argmin(axis=0), own.argmax(axis=0)]))]
    others = shell != number
    held = [_winding(point, vertices, triangles[others], shell[others], shell.max() + 1) != 0 for point in outermost]
    return np.flatnonzero(np.logical_and.reduce(held))


def _winding(point: FloatArray, vertices: FloatArray, triangles: IntArray, shell: IntArray, count: int) -> IntArray:
    """(S,) how often each shell is left less entered on the way from a point along z."""
    x, y = vertices[:, 0][triangles], vertices[:, 1][triangles]
    near = (x.min(axis=1) <= point[0]) & (x.max(axis=1) >= point[0])
    near &= (y.min(axis=1) <= point[1]) & (y.max(axis=1) >= point[1])
    corner = vertices[triangles[near]]
    sense = np.zeros(len(corner), dtype=np.int64)
    for one, other in ((0, 1), (1, 2), (2, 0)):
        a, b = corner[:, one], corner[:, other]
        rising = a[:, 1] <= b[:, 1]
        low, high = np.where(rising[:, None], a, b), np.where(rising[:, None], b, a)
        spans = (low[:, 1] <= point[1]) & (point[1] < high[:, 1])
        with np.errstate(divide="ignore", invalid="ignore"):
            where = low[:, 0] + (point[1] - low[:, 1]) * ((high[:, 0] - low[:, 0]) / (high[:, 1] - low[:, 1]))
        sense += np.where(spans & (where > point[0]), np.where(rising, 1, -1), 0)
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    with np.errstate(divide="ignore", invalid="ignore"):
        height = corner[:, 0, 2] - (normal[:, :2] * (point[:2] - corner[:, 0, :2])).sum(axis=1) / normal[:, 2]
    return np.bincount(shell[near], np.where(height > point[2], sense, 0), minlength=count).astype(np.int64)
