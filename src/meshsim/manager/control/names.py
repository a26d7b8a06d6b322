"""Room manager, control: names, and what a user's text may stand for.

Comes in: names and texts. Goes out: nothing, or SwarmKit's refusal; objects found. Rules of this file:
whole-text matches; the first kind of match that finds anything decides.

Source: swarmkit manager/controlapi/common.go, secret.go; moby daemon/cluster/helpers.go.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeVar

from meshsim.errors import Ambiguous, InvalidArgument, NotFound

__all__ = ["check_file_name", "check_name", "find_object"]

T = TypeVar("T")

#: Source: swarmkit manager/controlapi/common.go isValidDNSName.
_NAME = re.compile(r"[a-zA-Z0-9](?:[-_]*[A-Za-z0-9]+)*")
_LONGEST_NAME = 63
#: Source: swarmkit manager/controlapi/secret.go validSecretNameRegexp; 64 characters.
_FILE_NAME = re.compile(r"[a-zA-Z0-9]+(?:[a-zA-Z0-9\-_.]*[a-zA-Z0-9])?")
_LONGEST_FILE_NAME = 64


def check_name(name: str) -> None:
    """Refuse a name no service or network may have.

    Raises:
        InvalidArgument: empty, not of letters, digits and inner ``-`` ``_``, or longer than 63.

    Source: swarmkit manager/controlapi/common.go validateAnnotations.
    """
    if not name:
        raise InvalidArgument("meta: name must be provided")
    if not _NAME.fullmatch(name):
        raise InvalidArgument("name must be valid as a DNS name component")
    if len(name) > _LONGEST_NAME:
        raise InvalidArgument(f"name must be {_LONGEST_NAME} characters or fewer")


def check_file_name(name: str) -> None:
    """Refuse a name no secret or config may have.

    Raises:
        InvalidArgument: with SwarmKit's sentence.

    Source: swarmkit manager/controlapi/common.go validateConfigOrSecretAnnotations.
    """
    if not name:
        raise InvalidArgument("name must be provided")
    if len(name) > _LONGEST_FILE_NAME or not _FILE_NAME.fullmatch(name):
        raise InvalidArgument(
            "invalid name, only 64 [a-zA-Z0-9-_.] characters allowed, "
            "and the start and end character must be [a-zA-Z0-9]"
        )


def find_object(kind: str, text: str, table: Mapping[str, T], name_of: Callable[[T], str]) -> T:
    """Return the object a text stands for: by exact id, else by exact name, else by the start of its id.

    Args:
        kind: the word in the refusal.
        text: what the user typed.
        table: the objects by id.
        name_of: what an object is called.

    Raises:
        NotFound: nothing matches.
        Ambiguous: several do.

    Source: moby daemon/cluster/helpers.go getNode, getService, getTask, getNetwork.
    """
    exact = table.get(text)
    if exact is not None:
        return exact
    found = [obj for obj in table.values() if text and name_of(obj) == text]
    if not found:
        found = [obj for identifier, obj in table.items() if text and identifier.startswith(text)]
    if not found:
        raise NotFound(f"{kind} {text} not found")
    if len(found) > 1:
        raise Ambiguous(f"{kind} {text} is ambiguous ({len(found)} matches found)")
    return found[0]
