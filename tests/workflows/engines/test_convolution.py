import numpy as np
import pytest
import torch
from e3nn.o3 import Irreps, TensorProduct, rand_matrix

from interlith.workflows.engines.convolution import Convolution, Plan

FEATURES, HARMONICS = Irreps("6x0e+4x1e+3x2e"), Irreps("1x0e+1x1e+1x2e")
ATOMS, EDGES = 5, 37
ROUNDING = {"rtol": 1e-4, "atol": 1e-4}  # sums of some 40 single-precision products of size 1


@pytest.fixture(scope="module", name="product")
def every_path():
    """Return e3nn's tensor product with every path up to l = 2."""
    steps, messages = [], []
    for i, (channels, feature) in enumerate(FEATURES):
        for j, (_, harmonic) in enumerate(HARMONICS):
            for message in (m for m in feature * harmonic if m.l <= 2):
                steps.append((i, j, len(messages), "uvu", True))
                messages.append((channels, message))
    return TensorProduct(FEATURES, HARMONICS, Irreps(messages), steps, shared_weights=False, internal_weights=False)


@pytest.fixture(name="given")
def random_graph(product):
    torch.manual_seed(4)
    sizes = (ATOMS, FEATURES.dim), (EDGES, HARMONICS.dim), (EDGES, product.weight_numel)
    arrays = [torch.randn(size).requires_grad_() for size in sizes]
    return *arrays, torch.randint(ATOMS, (EDGES,)), torch.randint(ATOMS, (EDGES,))


def by_e3nn(product, x, y, w, source, target):
    return torch.zeros(len(x), product.irreps_out.dim).index_add(0, target, product(x[source], y, w))


def test_messages_and_slopes_are_e3nns(product, given):
    plan = Plan.of(product)
    weights = torch.randn(ATOMS, product.irreps_out.dim)
    both = Convolution.apply(*given, plan), by_e3nn(product, *given)
    torch.testing.assert_close(*both, **ROUNDING)
    slopes = [torch.autograd.grad((weights * out).sum(), given[:3]) for out in both]
    torch.testing.assert_close(*slopes, **ROUNDING)


def test_threads_only_change_the_order_of_the_sum(product, given):
    plan, threads = Plan.of(product), torch.get_num_threads()
    found = []
    try:
        for n in (1, 3):
            torch.set_num_threads(n)
            out = Convolution.apply(*given, plan)
            found.append([out, *torch.autograd.grad(out.square().sum(), given[:3])])
    finally:
        torch.set_num_threads(threads)
    for one, three in zip(*found, strict=True):
        torch.testing.assert_close(one, three, rtol=1e-4, atol=1e-3)


def test_a_turned_graph_has_turned_messages(product, given):
    x, y, w, *edges = (tensor.detach() for tensor in given)
    turn, plan = rand_matrix(), Plan.of(product)
    turned = Convolution.apply(x @ FEATURES.D_from_matrix(turn).T, y @ HARMONICS.D_from_matrix(turn).T, w, *edges, plan)
    expected = Convolution.apply(x, y, w, *edges, plan) @ product.irreps_out.D_from_matrix(turn).T
    torch.testing.assert_close(turned, expected, **ROUNDING)


def test_an_atom_without_edges_gets_nothing(product, given):
    x, y, w, source, _ = (tensor.detach() for tensor in given)
    out = Convolution.apply(x, y, w, source, torch.zeros(EDGES, dtype=torch.int64), Plan.of(product))
    assert np.abs(out[0].numpy()).max() > 0
    assert not out[1:].numpy().any()
    none = Convolution.apply(x, y[:0], w[:0], source[:0], source[:0], Plan.of(product))
    assert none.shape == (ATOMS, product.irreps_out.dim)
    assert not none.numpy().any()
