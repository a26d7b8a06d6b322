"""Room manager, control: whether a text is the name of an image.

Comes in: a reference such as ``nginx:1.27`` or ``registry:5000/team/app@sha256:...``. Goes out: yes or no.
Rule of this file: grammar only; nobody asks a registry.

Source: distribution/reference regexp.go, normalize.go ParseNormalizedNamed.
"""

from __future__ import annotations

import re

__all__ = ["is_image_reference"]

_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_PART}(?:/{_PART})*")
_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*(?::[0-9]+)?")
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}")
_IDENTIFIER = re.compile(r"[a-f0-9]{64}")
_LONGEST_PATH = 255


def is_image_reference(text: str) -> bool:
    """Whether the text can be the name of an image.

    >>> [is_image_reference(t) for t in ("nginx", "host:5000/a/b:v1", "BAD:::img", "Upper/Case", "")]
    [True, True, False, False, False]
    """
    if _IDENTIFIER.fullmatch(text):
        return False
    rest, at, digest = text.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        return False
    head, slash, tail = rest.partition("/")
    # The first part is a machine when it looks like one; otherwise everything is the path.
    if slash and (re.search(r"[.:]", head) or head == "localhost" or head.lower() != head):
        if not _DOMAIN.fullmatch(head):
            return False
        rest = tail
    path, colon, tag = rest.partition(":")
    if colon and not _TAG.fullmatch(tag):
        return False
    return len(path) <= _LONGEST_PATH and _PATH.fullmatch(path) is not None
