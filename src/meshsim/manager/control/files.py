"""Room manager, control: secrets and configs, as far as a swarm without files needs them.

Comes in: data, the store. Goes out: nothing, or SwarmKit's refusal.

Source: swarmkit manager/controlapi/secret.go, config.go.
"""

from __future__ import annotations

from meshsim.errors import InvalidArgument
from meshsim.model.objects import Config, Secret
from meshsim.model.store import Store

__all__ = ["check_data", "in_use_by"]

#: Source: swarmkit api/validation/secrets.go MaxSecretSize; manager/controlapi/config.go MaxConfigSize.
_LARGEST = {"secret": 500 * 1024, "config": 1000 * 1024}


def check_data(word: str, data: bytes) -> None:
    """Refuse no data at all, or too much.

    Args:
        word: ``"secret"`` or ``"config"``.
        data: the content.

    Raises:
        InvalidArgument: with SwarmKit's sentence.
    """
    largest = _LARGEST[word]
    if not 0 < len(data) < largest:
        raise InvalidArgument(f"{word} data must be larger than 0 and less than {largest} bytes")


def in_use_by(store: Store, word: str, file: Secret | Config) -> None:
    """Refuse to remove what services refer to.

    Source: swarmkit manager/controlapi/secret.go RemoveSecret, config.go RemoveConfig.
    """
    users = []
    for service in store.services.values():
        container = service.spec.task.container
        references = container.secrets if isinstance(file, Secret) else container.configs
        if any(reference.id == file.id for reference in references):
            users.append(service.name)
    if users:
        plural = "s" if len(users) > 1 else ""
        raise InvalidArgument(
            f"{word} '{file.name}' is in use by the following service{plural}: {', '.join(users)}"
        )
