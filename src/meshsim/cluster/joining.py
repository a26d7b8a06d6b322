"""Room cluster: how a host becomes part of a swarm: ``swarm init`` and ``swarm join``.

Comes in: a founder's settings, or a manager's address and a token. Goes out: a :class:`Membership`, a
refusal, or (when nobody answers for 20 s) a :class:`Joining` that goes on asking. Rule of this file: both
calls step the clock until the node is active.

Source: moby daemon/cluster/swarm.go (Init, Join), noderunner.go; swarmkit ca/certificates.go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from meshsim.cluster.membership import LocalState, Membership
from meshsim.errors import AlreadyInSwarm, ApiError, JoinRefused, Unavailable
from meshsim.manager.tokens import check_fingerprint, parse_join_token
from meshsim.model.frozen import Frozen
from meshsim.model.specs import SwarmSpec
from meshsim.model.states import Availability, Role
from meshsim.sim import Timer

if TYPE_CHECKING:
    from meshsim.cluster.host import Host

__all__ = ["Founding", "Joining", "found", "join"]

_SECOND = 1_000_000_000
#: a joining node tries again so long after a try that nobody answered.
#: Source: swarmkit ca/certificates.go GetRemoteSignedCertificate, RequestAndSaveNewCertificates
_AGAIN_NS = 2 * _SECOND
#: five tries of two seconds before the user hears of a refusal. Source: as above
_REFUSAL_NS = 10 * _SECOND
_TIMEOUT = (
    "Timeout was reached before node joined. The attempt to join the swarm will continue in the "
    'background. Use the "docker info" command to see the current swarm status of your node.'
)


@frozen(slots=True)
class Founding(Frozen):
    """What a new swarm begins with; ``address`` without port, ``port`` that of the managers."""

    spec: SwarmSpec
    address: str
    port: int
    availability: Availability
    pools: tuple[str, ...]
    subnet_size: int
    data_path_port: int


class Joining:
    """A host that has asked to join and was not answered yet: it goes on asking in the background.

    Attributes:
        remote: the manager asked, ``host:port``.
        error: why it was refused after all; it asks no more then.
    """

    def __init__(self, host: Host, remote: str, token: str, availability: Availability) -> None:
        self.remote = remote
        self.error = ""
        self._host = host
        self._token = token
        self._availability = availability
        self._timer: Timer | None = None

    def __repr__(self) -> str:
        return f"<Joining of {self._host.name} by {self.remote}: {self.error or 'no answer yet'}>"

    @property
    def state(self) -> LocalState:
        """As ``docker info`` shows it."""
        return "error" if self.error else "pending"

    def sponsor(self) -> Membership | None:
        """The manager asked, if it can be reached."""
        cluster = self._host.cluster
        sponsor = cluster.manager_at(self.remote)
        if sponsor is None or not cluster.links.reaches(self._host.name, sponsor.host.name):
            return None
        return sponsor

    def admit(self, sponsor: Membership) -> None:
        """Let the manager look at the token and make the node's record; the host is a member then.

        Raises:
            ApiError: it is refused.
        """
        host, manager, cluster = self._host, sponsor.manager, self._host.cluster
        if self._token:
            check_fingerprint(parse_join_token(self._token), manager.store.swarm.root_ca_digest)
        node = sponsor.control().issue_certificate(
            self._token, hostname=host.name, address=host.address, availability=self._availability
        )
        cluster.add_member(node.id, host)
        if node.role is Role.MANAGER:
            try:
                manager.quorum.join(node.id, f"{host.address}:2377")
            except ApiError:
                cluster.remove_member(node.id)
                raise
        self.withdraw()
        _enter(host, Membership(host, manager, node.id))

    def ask_later(self) -> None:
        """Ask again in a while."""
        self._timer = self._host.cluster.clock.call_later(
            _AGAIN_NS, self._ask, background=True, name="join attempt"
        )

    def _ask(self) -> None:
        sponsor = self.sponsor()
        if sponsor is None or not sponsor.answers:
            self.ask_later()
            return
        try:
            self.admit(sponsor)
        except ApiError as refusal:
            self.error = str(refusal)

    def withdraw(self) -> None:
        """Ask no more: the host is a member, or wants to be none."""
        if self._timer is not None:
            self._timer.cancel()
        self._host.joining = None

    def over(self) -> bool:
        """Whether it has been admitted or refused."""
        return self._host.joining is None or bool(self.error)


def found(host: Host, founding: Founding) -> Membership:
    """Found a swarm on this host; returns when the node is ready.

    Raises:
        AlreadyInSwarm: the host is in one.
        Unavailable: it was not ready within 20 s.
    """
    _check_free(host)
    manager = host.cluster.new_swarm()
    node = manager.bootstrap(
        hostname=host.name,
        address=founding.address,
        listen_port=founding.port,
        spec=founding.spec,
        availability=founding.availability,
        default_pools=founding.pools,
        subnet_size=founding.subnet_size,
        data_path_port=founding.data_path_port,
    )
    host.cluster.add_member(node.id, host)
    member = Membership(host, manager, node.id)
    _enter(host, member)
    return _active(member)


def join(host: Host, remote: str, token: str, availability: Availability) -> Membership:
    """Join the swarm of the manager at ``remote``; returns when the node is active.

    Raises:
        AlreadyInSwarm: the host is in one, or asks to be in one.
        JoinRefused, ApiError: with the sentence ``docker swarm join`` prints; the host is in no swarm.
        Unavailable: nobody answered within 20 s; the host stays ``pending`` and goes on asking.
    """
    _check_free(host)
    cluster = host.cluster
    if token and parse_join_token(token).fips:
        raise JoinRefused("node is not FIPS-enabled but cluster requires FIPS")
    joining = Joining(host, remote, token, availability)
    sponsor = joining.sponsor()
    if sponsor is None:
        host.joining = joining
        joining.ask_later()
        cluster.step_until(joining.over, cluster.profile.join_timeout_ns)
        if host.member is None:
            raise Unavailable(_TIMEOUT)
    else:
        try:
            joining.admit(sponsor)
        except ApiError:
            cluster.clock.run_for(_REFUSAL_NS)
            raise
    assert host.member is not None
    return _active(host.member)


def _check_free(host: Host) -> None:
    if host.member is not None or host.joining is not None:
        raise AlreadyInSwarm
    host.cluster.clock.guard()


def _enter(host: Host, member: Membership) -> None:
    host.member = member
    host.engine.agent = member.agent
    member.enter()


def _active(member: Membership) -> Membership:
    if not member.await_active():
        raise Unavailable(_TIMEOUT)
    return member
