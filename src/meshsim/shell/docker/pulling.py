"""What pulling an image prints.

Room shell, docker. In: an image's name. Out: lines for stderr. Rule of this file: nothing is pulled from
anywhere; digests and layer ids are made from the name, so that they are there and stay the same.

Source: docker/cli cli/command/container/create.go pullImage; moby pkg/jsonmessage.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from meshsim.cluster.images import familiar, with_tag

if TYPE_CHECKING:
    from meshsim.cluster import Host

__all__ = ["digest", "pull_text"]


def digest(text: str) -> str:
    """64 hexadecimal digits made from a text."""
    return sha256(text.encode()).hexdigest()


def pull_text(host: Host, image: str, *, quiet: bool = False) -> str:
    """The lines of a first pull of an image on a machine; nothing when it is there already.

    Args:
        host: the machine.
        image: as typed.
        quiet: only say that it was missing.
    """
    named = with_tag(image)
    behaviour = host.cluster.images.find(image)
    if named in host.engine.pulled or behaviour is None:
        return ""
    missing = f"Unable to find image '{familiar(named)}' locally\n"
    if quiet:
        return missing
    bare, _, tag = named.rpartition(":")
    repository = bare if "/" in bare else f"library/{bare}"
    layers = "".join(
        f"{digest(f'{repository} layer {number}')[:12]}: Pull complete\n"
        for number in range(behaviour.layers)
    )
    return (
        f"{missing}{tag}: Pulling from {repository}\n{layers}"
        f"Digest: sha256:{digest(named)}\nStatus: Downloaded newer image for {familiar(named)}\n"
    )
