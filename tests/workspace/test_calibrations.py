"""Calibrations live in the journal: by name, used or not, as long as nobody forgets them."""

import pytest

from vapor_core.contracts.training import Calibration
from vapor_core.errors import InvalidConfig, NotFound
from vapor_core.workspace.store import Store

QUICK, SLOW = Calibration(runs=1, throughput_scale=2.0), Calibration(runs=2, throughput_scale=0.5)


def test_a_reload_loses_no_calibration(tmp_path):
    store = Store.open(tmp_path / "work.db")
    store.keep_calibration("my card", QUICK, runs=["a.csv"], now=1.0)
    store.keep_calibration("another", SLOW, now=2.0)
    store.use_calibration("my card", now=3.0)
    store.close()
    again = Store.open(tmp_path / "work.db")
    assert {name: each.calibration for name, each in again.world.calibrations.items()} == {
        "my card": QUICK,
        "another": SLOW,
    }
    assert again.world.calibrations["my card"].runs == ("a.csv",)
    assert again.world.calibration == QUICK


def test_one_of_the_same_name_gives_way_and_stays_in_use():
    store = Store()
    store.keep_calibration("mine", QUICK, now=1.0)
    store.use_calibration("mine", now=1.0)
    store.keep_calibration("mine", SLOW, now=2.0)
    assert store.world.calibration == SLOW


def test_what_is_forgotten_is_used_no_more():
    store = Store()
    store.keep_calibration("mine", QUICK, now=1.0)
    store.use_calibration("mine", now=1.0)
    store.forget_calibration("mine", now=2.0)
    assert store.world.calibration is None
    assert store.world.calibration_used == ""
    store.keep_calibration("mine", SLOW, now=3.0)
    assert store.world.calibration is None  # a name that comes again is not used by itself


def test_the_laws_alone_can_be_chosen_and_an_unknown_name_cannot():
    store = Store()
    store.keep_calibration("mine", QUICK, now=1.0)
    store.use_calibration("mine", now=1.0)
    store.use_calibration("", now=2.0)
    assert store.world.calibration is None
    with pytest.raises(NotFound, match="there are: mine"):
        store.use_calibration("yours", now=3.0)
    with pytest.raises(InvalidConfig, match="one line"):
        store.keep_calibration("two\nlines", QUICK, now=3.0)
