"""The equivariant convolution of a NequIP-type network on the processor, in one pass over the edges.

For an edge e from atom s to atom d, a path p couples the features of s (degree l₁, component i, channel u) with the
edge's spherical harmonics (l₂, j) into a message (l₃, k), weighted by a radial network (Batzner et al. 2022,
https://doi.org/10.1038/s41467-022-29939-5):

    out[d, k, u] += w[e, p, u] · Σ_i M[i, k] · x[s, i, u],      M[i, k] = c_p Σ_j C[i, j, k] · y[e, j]

with Clebsch-Gordan coefficients C. e3nn makes every product of every edge a tensor of its own, so that a force call
moves gigabytes; here an edge's numbers stay in the cache. The sums are the same, so the results are equal to
rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from e3nn.o3 import Irreps, TensorProduct, wigner_3j
from numba import njit
from numpy.typing import NDArray
from torch import Tensor

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Plan:
    """Where each path of a tensor product finds its numbers.

    Parameters
    ----------
    paths
        One row a path: offsets of features, messages and weights; first and last term; channels; 2l₁+1; 2l₃+1.
    terms
        One row for every (i, j, k) whose coupling is not zero, j counted over all harmonics.
    factors
        c_p C[i, j, k] of each term.
    features, messages
        The irreducible representations of x and of out.
    """

    paths: Integers
    terms: Integers
    factors: Floats
    features: Irreps
    messages: Irreps

    @classmethod
    def of(cls, product: TensorProduct) -> Plan:
        """Read the plan off e3nn's tensor product (mode "uvu", one channel of harmonics)."""
        begin_x, begin_y, begin_out = (
            _offsets(i) for i in (product.irreps_in1, product.irreps_in2, product.irreps_out)
        )
        paths: list[tuple[int, ...]] = []
        terms: list[tuple[int, ...]] = []
        factors: list[float] = []
        weight = 0
        for step in product.instructions:
            x, y, out = product.irreps_in1[step.i_in1], product.irreps_in2[step.i_in2], product.irreps_out[step.i_out]
            coupling = step.path_weight * wigner_3j(x.ir.l, y.ir.l, out.ir.l).numpy()
            found = np.argwhere(coupling)
            ends = len(terms), len(terms) + len(found)
            paths.append((begin_x[step.i_in1], begin_out[step.i_out], weight, *ends, x.mul, x.ir.dim, out.ir.dim))
            terms += [(i, begin_y[step.i_in2] + j, k) for i, j, k in found]
            factors += list(coupling[tuple(found.T)])
            weight += x.mul
        return cls(
            np.array(paths), np.array(terms), np.array(factors, np.float32), product.irreps_in1, product.irreps_out
        )

    @cached_property
    def feature_order(self) -> Integers:
        """Order that puts the channels of x innermost."""
        return _channels_innermost(self.features)

    @cached_property
    def message_order(self) -> Integers:
        """Order that puts the channels of out innermost."""
        return _channels_innermost(self.messages)


def _offsets(irreps: Irreps) -> list[int]:
    return [part.start for part in irreps.slices()]


def _channels_innermost(irreps: Irreps) -> Integers:
    blocks = [
        np.arange(part.start, part.stop).reshape(mul_ir.mul, mul_ir.ir.dim).T.ravel()
        for mul_ir, part in zip(irreps, irreps.slices(), strict=True)
    ]
    return np.concatenate(blocks).astype(np.int64)


class Convolution(torch.autograd.Function):
    """x (atoms, features), y (edges, harmonics), w (edges, weights) → messages summed at each edge's target."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, w: Tensor, source: Tensor, target: Tensor, plan: Plan) -> Tensor:
        """Return the messages, shape (atoms, messages); source and target name each edge's atoms."""
        arrays = _taken(x, plan.feature_order), _plain(y), _plain(w), _plain(source), _plain(target)
        ctx.arrays, ctx.plan = arrays, plan
        out = _sum_over_edges(_messages, arrays, plan, (len(x), plan.messages.dim))
        return torch.from_numpy(_reordered(out, plan.message_order))

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        """Return the slopes along x, y and w of what has this slope along the messages."""
        arrays, plan = ctx.arrays, ctx.plan
        x, y, w = arrays[:3]
        g = _taken(slope, plan.message_order)
        y_slope, w_slope = np.zeros_like(y), np.zeros_like(w)
        x_slope = _sum_over_edges(_slopes, (*arrays, g, y_slope, w_slope), plan, x.shape)
        back = torch.from_numpy(_reordered(x_slope, plan.feature_order))
        return back, torch.from_numpy(y_slope), torch.from_numpy(w_slope), None, None, None


def _plain(tensor: Tensor) -> NDArray[Any]:
    return np.ascontiguousarray(tensor.numpy())


def _taken(tensor: Tensor, order: Integers) -> Floats:
    # Indexing the second axis would leave the columns, not the rows, contiguous.
    return np.take(tensor.numpy(), order, axis=1)


def _reordered(array: Floats, order: Integers) -> Floats:
    back = np.empty_like(array)
    back[:, order] = array
    return back


def _sum_over_edges(kernel: Callable[..., None], arrays: tuple[Any, ...], plan: Plan, shape: tuple[int, ...]) -> Floats:
    """Run the kernel over equal runs of edges, one per torch thread, each with a sum of its own; add the sums."""
    bounds = np.linspace(0, len(arrays[1]), torch.get_num_threads() + 1).astype(np.int64)
    sums = [np.zeros(shape, np.float32) for _ in bounds[1:]]
    tables = plan.paths, plan.terms, plan.factors
    work = [(arrays, tables, *run) for run in zip(bounds[:-1], bounds[1:], sums, strict=True)]
    if len(work) == 1:
        kernel(*work[0])
    else:
        with ThreadPoolExecutor(len(work)) as pool:
            list(pool.map(lambda run: kernel(*run), work))
    return sum(sums[1:], start=sums[0])


@njit(nogil=True, cache=True)
def _room(paths):  # type: ignore[no-untyped-def]
    """Return space for the largest M and for the most channels."""
    return np.empty((paths[:, 6].max(), paths[:, 7].max()), np.float32), np.empty(paths[:, 5].max(), np.float32)


@njit(nogil=True, fastmath=True, cache=True)
def _couple(y, path, terms, factors, m):  # type: ignore[no-untyped-def]
    """M[i, k] = c Σ_j C[i, j, k] y[j], over the terms that are not zero."""
    m[: path[6], : path[7]] = 0.0
    for t in range(path[3], path[4]):
        m[terms[t, 0], terms[t, 2]] += factors[t] * y[terms[t, 1]]


@njit(nogil=True, fastmath=True, cache=True)
def _messages(arrays, tables, first, last, out):  # type: ignore[no-untyped-def]
    """Add the messages of edges `first` to `last` to `out`."""
    x, y, w, source, target = arrays
    paths, terms, factors = tables
    m, sums = _room(paths)
    for e in range(first, last):
        features, message, ye = x[source[e]], out[target[e]], y[e]
        for p in range(len(paths)):
            path = paths[p]
            x0, o0, n, d1, d3 = path[0], path[1], path[5], path[6], path[7]
            _couple(ye, path, terms, factors, m)
            weight, t = w[e, path[2] : path[2] + n], sums[:n]
            for k in range(d3):
                t[:] = 0.0
                for i in range(d1):
                    feature, factor = features[x0 + i * n : x0 + (i + 1) * n], m[i, k]
                    if factor != 0.0:
                        for u in range(n):
                            t[u] += factor * feature[u]
                part = message[o0 + k * n : o0 + (k + 1) * n]
                for u in range(n):
                    part[u] += weight[u] * t[u]


@njit(nogil=True, fastmath=True, cache=True)
def _slopes(arrays, tables, first, last, x_slope):  # type: ignore[no-untyped-def]
    """Add the slopes along x, y and w that slope g of the messages has over edges `first` to `last`."""
    x, y, w, source, target, g, y_slope, w_slope = arrays
    paths, terms, factors = tables
    (m, sums), (s, products) = _room(paths), _room(paths)
    for e in range(first, last):
        features, slope, back, ye, yb = x[source[e]], g[target[e]], x_slope[source[e]], y[e], y_slope[e]
        for p in range(len(paths)):
            path = paths[p]
            x0, o0, n, d1, d3 = path[0], path[1], path[5], path[6], path[7]
            _couple(ye, path, terms, factors, m)
            weight, weight_slope = w[e, path[2] : path[2] + n], w_slope[e, path[2] : path[2] + n]
            q, v = sums[:n], products[:n]
            for i in range(d1):
                feature, feature_back = features[x0 + i * n : x0 + (i + 1) * n], back[x0 + i * n : x0 + (i + 1) * n]
                for u in range(n):
                    v[u] = weight[u] * feature[u]
                    q[u] = 0.0
                for k in range(d3):
                    part, factor, inner = slope[o0 + k * n : o0 + (k + 1) * n], m[i, k], np.float32(0.0)
                    for u in range(n):
                        q[u] += factor * part[u]
                        inner += v[u] * part[u]
                    s[i, k] = inner
                for u in range(n):
                    weight_slope[u] += feature[u] * q[u]
                    feature_back[u] += weight[u] * q[u]
            for t in range(path[3], path[4]):
                yb[terms[t, 1]] += factors[t] * s[terms[t, 0], terms[t, 2]]
