"""Room cluster: what a container of an image does.

Comes in: an image's name, and later the requests that reach its containers. Goes out: replies, and for
containers that run a program: how long it runs and how it ends. Rules of this file: an image is a
factory called once per container; the state lives on the handler, which must be copyable; a handler
never steps time, it says how long its answer took. Users add their own images the same way.

A handler is any callable ``handler(request, container) -> Reply``. Two methods are called when it has them:
``on_start(container, host)`` as soon as its program is up (a server that acts by itself, as proxies do, sets
its timers there; ``host`` is the machine, and what it can reach), and ``on_stop(container)`` at the stop
signal, which says after how many nanoseconds the program ends and with which exit code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple, Protocol, TypeAlias

from attrs import field, frozen

from meshsim.errors import ConnectionFailed
from meshsim.model.frozen import Frozen

__all__ = [
    "BUILT_IN",
    "ContainerView",
    "Handler",
    "Image",
    "Images",
    "Reply",
    "Request",
    "familiar",
    "with_tag",
]


class Request(NamedTuple):
    """What reaches a container.

    Attributes:
        payload: the path of an HTTP request, or the text of another protocol.
        source: the client's address as the container sees it (usually a load balancer's).
        source_port: and its port.
        port: the port asked for inside the container.
        host: the name or address the client called.
        method: HTTP's method.
        forwarded_for: the client's address as a proxy on the way tells it (``X-Forwarded-For``).
    """

    payload: str = "/"
    source: str = ""
    source_port: int = 0
    port: int = 80
    host: str = ""
    method: str = "GET"
    forwarded_for: str = ""


class Reply(NamedTuple):
    """What a container answers.

    Attributes:
        body: the text.
        status: HTTP's status.
        after_ns: how long the container worked on it, in virtual nanoseconds.
        exit_code: when not None, the container's program ends with it after replying.
    """

    body: str = ""
    status: int = 200
    after_ns: int = 0
    exit_code: int | None = None


class ContainerView(Protocol):
    """What a handler may know of its container and do from inside it."""

    @property
    def id(self) -> str:
        """64 hexadecimal digits."""

    @property
    def hostname(self) -> str:
        """What the container calls itself: the first 12 digits of its id unless told otherwise."""

    @property
    def env(self) -> Mapping[str, str]:
        """Its environment."""

    def call(self, target: str, payload: str = "/") -> Reply:
        """Ask ``name:port`` over the container's networks at this very instant.

        Raises:
            ConnectionFailed: it did not get through.
        """


Handler: TypeAlias = Callable[[Request, ContainerView], Reply]


@frozen(slots=True)
class Image(Frozen):
    """An image: the factory of its handlers and what ``docker ps`` and the mesh need to know.

    Attributes:
        handler: called once per container, returns the handler; None for images that only run programs.
        ports: TCP and UDP ports its program listens on; empty with a handler means every port.
        exposed: ports as ``docker ps`` shows them.
        command: what runs when nothing else is said.
        serves: whether the default command stays up (False: it ends at once without a terminal).
    """

    name: str
    handler: Callable[[], Handler] | None = None
    ports: tuple[int, ...] = ()
    exposed: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    serves: bool = True
    layers: int = field(default=1, kw_only=True)

    def listens(self, port: int) -> bool:
        """Whether its program listens on the port."""
        return self.handler is not None and (not self.ports or port in self.ports)


def familiar(reference: str) -> str:
    """The short form users type: without ``docker.io/`` and ``library/``."""
    return reference.removeprefix("docker.io/").removeprefix("library/")


@lru_cache(maxsize=1024)
def with_tag(reference: str) -> str:
    """Add ``:latest`` when neither tag nor digest is given.

    >>> with_tag("alpine"), with_tag("redis:alpine"), with_tag("host:5000/app")
    ('alpine:latest', 'redis:alpine', 'host:5000/app:latest')
    """
    last = reference.rpartition("/")[2]
    return reference if ":" in last or "@" in reference else f"{reference}:latest"


@lru_cache(maxsize=1024)
def _repository(reference: str) -> str:
    head, slash, last = familiar(reference).rpartition("/")
    return f"{head}{slash}{last.partition('@')[0].partition(':')[0]}"


# -- the images of the lesson and its neighbours

_WELCOME = Reply("<h1>Welcome to nginx!</h1>\n")
_IT_WORKS = Reply("<html><body><h1>It works!</h1></body></html>\n")


def hello(_request: Request, container: ContainerView) -> Reply:
    """``katacoda/docker-http-server``: says which container answered."""
    return Reply(f"<h1>This request was processed by host: {container.hostname}</h1>\n")


def host_name(_request: Request, container: ContainerView) -> Reply:
    """An image meshsim does not know: answers every port with its host name."""
    return Reply(f"{container.hostname}\n")


def welcome(_request: Request, _container: ContainerView) -> Reply:
    """``nginx``: the title of its welcome page."""
    return _WELCOME


def it_works(_request: Request, _container: ContainerView) -> Reply:
    """``httpd``: its whole default page."""
    return _IT_WORKS


def whoami(request: Request, container: ContainerView) -> Reply:
    """``traefik/whoami``: who answers, and who asked."""
    told = request.forwarded_for
    return Reply(
        f"Hostname: {container.hostname}\n"
        f"RemoteAddr: {request.source}:{request.source_port}\n"
        f"{request.method} {request.payload} HTTP/1.1\n"
        f"Host: {request.host}\n" + (f"X-Forwarded-For: {told}\n" if told else "")
    )


class Redis:
    """``redis``: strings, counters and hashes, one command per request, answered as redis-cli prints."""

    def __init__(self) -> None:
        self.strings: dict[str, str] = {}
        self.hashes: dict[str, dict[str, int]] = {}

    def __call__(self, request: Request, _container: ContainerView) -> Reply:
        """Run one command: PING, GET, SET, INCR, HINCRBY or HGETALL."""
        verb, *args = request.payload.split(" ")
        answer = getattr(self, f"_{verb.lower()}", None)
        if answer is None:
            return Reply(f"ERR unknown command '{verb}'")
        try:
            return Reply(answer(*args))
        except (TypeError, ValueError):
            return Reply(f"ERR wrong arguments for '{verb.lower()}' command")

    def _ping(self) -> str:
        return "PONG"

    def _get(self, key: str) -> str:
        return self.strings.get(key, "")

    def _set(self, key: str, value: str) -> str:
        self.strings[key] = value
        return "OK"

    def _incr(self, key: str) -> str:
        self.strings[key] = str(int(self.strings.get(key, "0")) + 1)
        return self.strings[key]

    def _hincrby(self, key: str, name: str, amount: str) -> str:
        counters = self.hashes.setdefault(key, {})
        counters[name] = counters.get(name, 0) + int(amount)
        return str(counters[name])

    def _hgetall(self, key: str) -> str:
        return "\n".join(f"{name} {count}" for name, count in self.hashes.get(key, {}).items())


def redis_page(request: Request, container: ContainerView) -> Reply:
    """``katacoda/redis-node-docker-example``: counts its visitors in the redis it finds by name."""
    try:
        total = container.call("redis:6379", "INCR requests").body
        container.call("redis:6379", f"HINCRBY ips ::ffff:{request.source} 1")
        counts = container.call("redis:6379", "HGETALL ips").body
    except ConnectionFailed as failure:
        return Reply(f"redis cannot be reached: {failure}\n", status=500, after_ns=failure.elapsed_ns)
    lines = [f"    {name}: {count}" for name, count in (row.split(" ") for row in counts.splitlines())]
    return Reply(
        "This page was generated after talking to redis.\n\nApplication Build: 1\n\n"
        f"Total requests: {total}\n\nIP count: \n" + "\n".join(lines) + "\n"
    )


def _make_hello() -> Handler:
    return hello


def _make_host_name() -> Handler:
    return host_name


def _make_welcome() -> Handler:
    return welcome


def _make_it_works() -> Handler:
    return it_works


def _make_whoami() -> Handler:
    return whoami


def _make_redis_page() -> Handler:
    return redis_page


#: repository -> what it does. Commands and ports as ``docker ps`` shows them for the real images.
BUILT_IN: dict[str, Image] = {
    image.name: image
    for image in (
        Image("katacoda/docker-http-server", _make_hello, (80,), ("80/tcp",), ("/app",)),
        Image(
            "nginx",
            _make_welcome,
            (80,),
            ("80/tcp",),
            ("/docker-entrypoint.sh", "nginx", "-g", "daemon off;"),
        ),
        Image("httpd", _make_it_works, (80,), ("80/tcp",), ("httpd-foreground",)),
        Image("traefik/whoami", _make_whoami, (80,), ("80/tcp",), ("/whoami",)),
        Image("redis", Redis, (6379,), ("6379/tcp",), ("docker-entrypoint.sh", "redis-server")),
        Image(
            "katacoda/redis-node-docker-example",
            _make_redis_page,
            (3000,),
            ("3000/tcp",),
            ("npm", "start"),
        ),
        Image("benhall/dig", command=("dig",), serves=False, layers=2),
        Image("alpine", command=("/bin/sh",), serves=False),
        Image("busybox", command=("sh",), serves=False),
    )
}


class Images:
    """What every name of an image means in one cluster.

    Args:
        own: a user's images by repository: an :class:`Image`, a factory of handlers, or a handler class.
        strict: refuse names that nobody defined (``No such image``), as an engine without registry does.
    """

    def __init__(self, own: Mapping[str, Any] | None = None, *, strict: bool = False) -> None:
        self.strict = strict
        self._known = dict(BUILT_IN)
        for name, what in (own or {}).items():
            self._known[name] = what if isinstance(what, Image) else Image(name, what)

    def __repr__(self) -> str:
        return f"<Images {len(self._known)} known{', strict' if self.strict else ''}>"

    def known(self, reference: str) -> bool:
        """Whether somebody said what this image does."""
        return _repository(reference) in self._known

    def find(self, reference: str) -> Image | None:
        """What the image does; None when it does not exist (strict only)."""
        repository = _repository(reference)
        image = self._known.get(repository)
        if image is None and not self.strict:
            # Kept, so that one name is one image for good.
            image = self._known[repository] = Image(repository, _make_host_name, command=("/app",))
        return image
