import shutil

import pytest

from interlith.structures.errors import RequestError
from interlith.workflows.engines.cp2k_elements import DEFAULT_BASIS, VALENCE, Kind, kind_of
from interlith.workflows.engines.goedecker import DEBIAN_DATA, data_folder, espresso_text, read_goedecker

# Two elements with made-up numbers in the form of CP2K's file: no projectors; s and p with matrices.
DATA = """
# a comment
Li GTH-PBE-q3 GTH-PBE
    3
     0.40   4   -14.0   9.5   -1.75   0.0625
    0
#
Zr GTH-PBE-q12 GTH-PBE
    4    6    2
     0.47   2   7.75   -1.5
    2
     0.25   3   23.5   -8.5   1.125
                       11.0   2.5
                              3.5
     0.30   2   8.5   -5.25
                      6.25
#
"""
LITHIUM, ZIRCONIUM = kind_of("Li", DEFAULT_BASIS), kind_of("Zr", DEFAULT_BASIS)
needs_data = pytest.mark.skipif(not DEBIAN_DATA.is_dir(), reason="needs CP2K's data files")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "GTH_POTENTIALS").write_text(DATA)
    return tmp_path


def reread(text):
    """Read the form as Quantum ESPRESSO does: counts decide how many lines belong to what."""
    lines = iter(text.splitlines())
    next(lines)
    nucleus, valence, _ = next(lines).split()
    form, functional, last, *_ = (int(word) for word in next(lines).split())
    radius, terms, *local = (float(word) for word in next(lines).split())
    assert len(local) == terms
    next(lines)
    channels = []
    for momentum in range(last + 1):
        reach, size, *first = (float(word) for word in next(lines).split())
        rows = [first] + [[float(word) for word in next(lines).split()] for _ in range(1, int(size))]
        spin_orbit = [next(lines).split() for _ in range(int(size))] if momentum else []
        assert not any(float(word) for row in spin_orbit for word in row)
        channels.append((reach, [row for row in rows if row]))
    assert next(lines, None) is None
    return (int(nucleus), int(valence), form, functional), (radius, local), channels


def test_every_coefficient_stands_where_the_other_code_looks_for_it(folder):
    head, local, channels = reread(espresso_text(read_goedecker(ZIRCONIUM, folder)))
    assert head == (40, 12, 10, 11)
    assert local == (0.47, [7.75, -1.5])
    assert channels == [(0.25, [[23.5, -8.5, 1.125], [11.0, 2.5], [3.5]]), (0.30, [[8.5, -5.25], [6.25]])]


def test_an_element_without_projectors_has_an_empty_channel(folder):
    found = read_goedecker(LITHIUM, folder)
    assert (found.valence, found.channels) == (3, ())
    assert reread(espresso_text(found)) == ((3, 3, 10, 11), (0.40, [-14.0, 9.5, -1.75, 0.0625]), [(0.40, [])])


def test_what_is_not_there_is_named(folder):
    with pytest.raises(RequestError, match=r"no pseudopotential F GTH-PBE-q7.*GTH_POTENTIALS"):
        read_goedecker(kind_of("F", DEFAULT_BASIS), folder)
    with pytest.raises(RequestError, match=r"cannot read.*NO_SUCH"):
        read_goedecker(Kind("Li", 3, DEFAULT_BASIS, potential_file="NO_SUCH"), folder)
    (folder / "GTH_POTENTIALS").write_text("Li GTH-PBE-q3\n 3\n 0.40 4 -14.0\n")
    with pytest.raises(RequestError, match="Li GTH-PBE-q3 cannot be read: it ends too soon"):
        read_goedecker(LITHIUM, folder)


def test_the_persons_folder_comes_first(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("CP2K_DATA_DIR", str(tmp_path / "of the environment"))
    with pytest.raises(RequestError, match=r"of the environment.*cp2k-data"):
        data_folder()
    monkeypatch.setenv("INTERLITH_CP2K_DATA", str(folder))
    assert data_folder() == folder


@needs_data
@pytest.mark.parametrize("symbol", sorted(VALENCE))
def test_cp2ks_file_has_every_element_and_its_electrons(symbol):
    found = read_goedecker(kind_of(symbol, DEFAULT_BASIS), DEBIAN_DATA)
    head, _, channels = reread(espresso_text(found))
    assert head[1] == found.valence == VALENCE[symbol]
    assert 0.1 < found.radius < 1.5
    assert len(channels) == max(1, len(found.channels)) <= 4


@needs_data
def test_the_basis_does_not_matter_to_the_core(tmp_path):
    shutil.copy(DEBIAN_DATA / "GTH_POTENTIALS", tmp_path)
    one, two = (kind_of("F", basis) for basis in (DEFAULT_BASIS, "TZV2P-MOLOPT-GTH"))
    assert read_goedecker(one, tmp_path) == read_goedecker(two, tmp_path)
