"""Room manager: join tokens and unlock keys, as text.

Comes in: a generator, or a text a user typed. Goes out: tokens, or the engine's own refusal. Rules of
this file: pure functions; a token is ``SWMTKN-1-<CA digest>-<secret>``, the digest is the same for both
roles and survives rotation, the secret is the role's. It does not know which tokens are current.

Source: swarmkit ca/config.go GenerateJoinToken, ParseJoinToken; manager/encryption/encryption.go.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from random import Random

from attrs import frozen

from meshsim.errors import InvalidParameter, InvalidUnlockKey, JoinRefused
from meshsim.sim import base36

__all__ = [
    "JoinToken",
    "ca_digest",
    "check_fingerprint",
    "check_unlock_key",
    "join_token",
    "parse_join_token",
    "parse_unlock_key",
    "unlock_key",
]

#: base-36 digits of a SHA-256 digest and of a 128-bit secret. Source: swarmkit ca/config.go
#: base36DigestLen, maxGeneratedSecretLength.
_DIGEST_LENGTH = 50
_SECRET_LENGTH = 25
_PREFIX = "SWMTKN"
_KEY_PREFIX = "SWMKEY-1-"
_KEY_BYTES = 32


@frozen(slots=True)
class JoinToken:
    """A token taken apart.

    Attributes:
        digest: SHA-256 of the swarm's root certificate, 64 hexadecimal digits.
        secret: 25 characters; says which role the token grants.
        fips: whether the swarm demands FIPS mode of its nodes.
    """

    digest: str
    secret: str
    fips: bool = False


def ca_digest(rng: Random) -> str:
    """Draw the digest of a root certificate nobody ever makes: 64 hexadecimal digits."""
    return f"{rng.getrandbits(256):064x}"


def join_token(digest: str, rng: Random) -> str:
    """Make a token with a new secret for the swarm whose root certificate has that digest.

    >>> from meshsim.sim import Streams
    >>> len(join_token("ab" * 32, Streams(0)["tokens"]))
    85

    Source: swarmkit ca/config.go GenerateJoinToken.
    """
    secret = base36(rng.getrandbits(128), _SECRET_LENGTH)
    return f"{_PREFIX}-1-{base36(int(digest, 16), _DIGEST_LENGTH)}-{secret}"


def parse_join_token(text: str) -> JoinToken:
    """Take a token apart.

    Characters of the digest that are no base-36 digits count as zero and the secret is not looked at,
    as in the real parser.

    Raises:
        JoinRefused: ``invalid join token``, or ``invalid checksum digest length`` when the number is too
            large for a digest.

    >>> token = "SWMTKN-1-5b3w5w10px9ok0t39zs1nujng8x37rcapfkg885hmrokb5wvqi-9v45djurbjeajp3ln80zqcevu"
    >>> parse_join_token(token).digest[:8]
    'd4fd9449'

    Source: swarmkit ca/config.go ParseJoinToken.
    """
    parts = text.split("-")
    version1 = len(parts) == 4 and parts[1] == "1"
    version2 = len(parts) == 5 and parts[1] == "2" and parts[2] in {"0", "1"}
    if parts[0] != _PREFIX or not (version1 or version2):
        raise JoinRefused("invalid join token")
    digest, secret = parts[-2:]
    if len(digest) != _DIGEST_LENGTH or len(secret) != _SECRET_LENGTH:
        raise JoinRefused("invalid join token")
    digits = (character if character.isascii() and character.isalnum() else "0" for character in digest)
    number = int("".join(digits), 36)
    if number >> 256:
        raise JoinRefused("invalid checksum digest length")
    return JoinToken(f"{number:064x}", secret, fips=parts[1:3] == ["2", "1"])


def check_fingerprint(token: JoinToken, digest: str) -> None:
    """Compare the digest in a token with that of the swarm the manager belongs to.

    Raises:
        JoinRefused: they differ.

    Source: swarmkit ca/certificates.go GetRemoteCA.
    """
    if token.digest != digest:
        raise JoinRefused(f"remote CA does not match fingerprint. Expected: {token.digest}")


def unlock_key(rng: Random) -> str:
    """Make an unlock key: ``SWMKEY-1-`` and 32 random bytes in base 64 without padding.

    Source: swarmkit manager/encryption/encryption.go GenerateSecretKey, HumanReadableKey.
    """
    return _KEY_PREFIX + b64encode(rng.randbytes(_KEY_BYTES)).decode().rstrip("=")


def parse_unlock_key(text: str) -> bytes:
    """Read an unlock key.

    Raises:
        InvalidParameter: it has not the form of one.

    Source: swarmkit manager/encryption/encryption.go ParseHumanReadableKey.
    """
    body = text.removeprefix(_KEY_PREFIX)
    if body != text and "=" not in body:
        try:
            key = b64decode(body + "=" * (-len(body) % 4), validate=True)
        except Base64Error:
            key = b""
        if key:
            return key
    raise InvalidParameter("invalid key string")


def check_unlock_key(text: str, key: str) -> None:
    """Compare what a user typed with the key that a manager's state is encrypted with.

    Raises:
        InvalidParameter: it has not the form of a key.
        InvalidUnlockKey: it is another one.

    Source: moby daemon/cluster/swarm.go UnlockSwarm.
    """
    parse_unlock_key(text)
    if text != key:
        raise InvalidUnlockKey
