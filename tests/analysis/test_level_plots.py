import pytest

from interlith.analysis.level_plots import EMPTY, OCCUPIED, UNBOUND, draw_ladder, level_figure
from interlith.analysis.levels import Levels, LevelsRecord, MoleculeLevels, vertical
from interlith.analysis.records import Method, Provenance
from interlith.structures.molecules import molecule
from interlith.structures.records import MoleculeRecipe

pytest.importorskip("matplotlib")


def levels(homo, lumo):
    return Levels(
        homo_eV=homo,
        lumo_eV=lumo,
        zero="vacuum",
        eigenvalues_eV=((-30.0, homo - 1, homo, lumo),),
        occupations=((2.0, 2.0, 2.0, 0.0),),
    )


def record(**molecules):
    built = molecule(MoleculeRecipe(molecule="DME"))
    method = Method(
        **{"engine": "pyscf", "engine_version": "2", "model": "PySCF", "weights_sha256": None, "functional": "B3LYP"},
        dispersion=None,
        surrogate=False,
    )
    ran = Provenance(method=method, input_sha256=(), software={}, wall_s=0.0, n_force_calls=1, converged=True)
    parts = tuple(
        MoleculeLevels(
            name=name, facts=built.facts, xyz=built.xyz, gas=gas, solvated=wet, vertical=vertical(0.0, 9.0, -0.5)
        )
        for name, (gas, wet) in molecules.items()
    )
    fields = {"system": "s", "preset": "quick", "quantities": (), "energies_eV": {}, "caveats": ()}
    return LevelsRecord(**fields, level="B3LYP", solvent="dme", molecules=parts, provenance=ran, screening=ran)


def test_every_molecule_is_named_and_its_frontier_is_written_in_both_environments():
    figure = level_figure(record(DME=(levels(-6.92, 0.25), levels(-7.0, -0.1)), DOL=(levels(-7.13, -0.22), None)))
    axes = figure.axes[0]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["DME", "DOL"]
    written = {text.get_text() for text in axes.texts}
    assert {"-6.92", "0.25", "-7.00", "-0.10", "-7.13", "-0.22"} == written
    low, high = axes.get_ylim()
    assert low > -30.0 and high > 0.25
    assert "eV" in axes.get_ylabel() and "B3LYP" in axes.get_title()


def test_levels_above_the_vacuum_are_grey_and_those_below_coloured_by_their_electrons():
    from matplotlib.colors import to_hex
    from matplotlib.figure import Figure

    axes = Figure().add_subplot()
    draw_ladder(axes, 0.0, levels(-5.0, 1.0))
    assert {to_hex(line.get_color()[0]) for line in axes.collections} == {OCCUPIED, UNBOUND}
    draw_ladder(axes, 1.0, levels(-5.0, -1.0))
    assert EMPTY in {to_hex(line.get_color()[0]) for line in axes.collections}
