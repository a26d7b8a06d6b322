"""Room scenario: proxies in front of a service: HAProxy, nginx and Traefik, as data and as images.

A plan (``HAProxy(...)``) is data, and called without arguments it makes the program of one container: so it
is also an image of a cluster. The program finds its servers as the real one does, by the cluster's DNS or
API, and reaches them over the data plane.
"""

from __future__ import annotations

from typing import Any

from meshsim.errors import BadValue
from meshsim.scenario.fields import value_text
from meshsim.scenario.traffic.proxies.base import Proxy
from meshsim.scenario.traffic.proxies.haproxy import HAProxy
from meshsim.scenario.traffic.proxies.nginx import Nginx
from meshsim.scenario.traffic.proxies.traefik import Traefik

__all__ = ["PROXIES", "HAProxy", "Nginx", "Proxy", "Traefik", "as_proxy"]

#: the word that stands for each in a text
PROXIES: dict[str, type] = {"haproxy": HAProxy, "nginx": Nginx, "traefik": Traefik}


def as_proxy(value: Any) -> HAProxy | Nginx | Traefik | None:
    """A proxy as given; None: none.

    Raises:
        BadValue: something else.
    """
    if value is not None and not isinstance(value, HAProxy | Nginx | Traefik):
        raise BadValue(f"expected a proxy ({', '.join(PROXIES)}), not {value_text(value)}", str(value))
    return value
