"""Profiles: what each engine is, and what is refused."""

import pytest

from meshsim.errors import BadValue
from meshsim.profile import ENGINES, Profile


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_can_be_made_and_shown(engine):
    profile = Profile(engine)
    assert profile.name == engine
    assert repr(profile) == f"Profile({engine!r})"


def test_the_eras_of_the_data_plane_page():
    assert [Profile(e).subnet_order for e in ENGINES] == ["cursor", "cursor", "first-fit", "first-fit"]
    assert [Profile(e).dns_no_upstream for e in ENGINES] == ["silence", "servfail", "servfail", "servfail"]


def test_overrides_show_in_the_repr_and_compare():
    profile = Profile("26.1", gossip_delay_ns=0)
    assert repr(profile) == "Profile('26.1', gossip_delay_ns=0)"
    assert profile == Profile("26.1", gossip_delay_ns=0) != Profile("26.1")


def test_unknown_engines_and_constants_are_refused():
    with pytest.raises(BadValue, match=r"no engine '19' is modelled; known: 20\.10, 26\.1, 28, next"):
        Profile("19")
    with pytest.raises(BadValue, match="a profile has no 'colour'"):
        Profile(colour="red")
