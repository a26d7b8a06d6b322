"""Room cluster: secrets and configs, as ``docker secret`` and ``docker config`` handle them."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from meshsim.cluster.collections.base import Collection, SwarmHandle
from meshsim.cluster.specvalues import Words, pairs_of
from meshsim.errors import NotFound
from meshsim.model.objects import Config, Secret
from meshsim.model.specs import ConfigSpec, SecretSpec
from meshsim.views import shapes

__all__ = ["Configs", "FileHandle", "Secrets"]


class FileHandle(SwarmHandle[Secret | Config]):
    """One secret or config; ``kind`` says which."""

    def __init__(self, host: Any, identifier: str, kind: str) -> None:
        super().__init__(host, identifier)
        self.kind = kind

    @property
    def record(self) -> Secret | Config:
        """The secret or config as it is now."""
        store = self._store
        found = store.secrets.get(self.id) if self.kind == "secret" else store.configs.get(self.id)
        if found is None:
            raise NotFound(f"{self.kind} {self.id} not found")
        return found

    def _shape(self) -> Any:
        record = self.record
        if isinstance(record, Secret):
            return shapes.secret(record, epoch_ns=self._epoch_ns)
        return shapes.config(record, epoch_ns=self._epoch_ns)

    def update(self, *, labels: dict[str, str]) -> None:
        """Replace its labels; nothing else of it can change."""
        control, record = self._control(), self.record
        if isinstance(record, Secret):
            control.update_secret(self.id, evolve(record.spec, labels=labels), record.version)
        else:
            control.update_config(self.id, evolve(record.spec, labels=labels), record.version)

    def remove(self) -> None:
        """Remove it.

        Raises:
            InvalidArgument: a service uses it.
        """
        control = self._control()
        (control.remove_secret if self.kind == "secret" else control.remove_config)(self.id)


class Secrets(Collection):
    """``docker secret``."""

    def create(
        self, name: str, data: bytes | str, *, label: dict[str, str] | Words | None = None
    ) -> FileHandle:
        """Keep a secret.

        Raises:
            AlreadyExists, InvalidArgument: the name is taken or bad, or the data has a bad size.
        """
        spec = SecretSpec(name, data.encode() if isinstance(data, str) else data, pairs_of(label))
        return FileHandle(self._host, self._control().create_secret(spec).id, "secret")

    def list(self) -> list[FileHandle]:
        """All secrets, by id."""
        return [FileHandle(self._host, identifier, "secret") for identifier in sorted(self._store.secrets)]

    def get(self, text: str) -> FileHandle:
        """The secret of that id, name or beginning of an id."""
        return FileHandle(self._host, self._control(write=False).find_secret(text).id, "secret")


class Configs(Collection):
    """``docker config``."""

    def create(
        self, name: str, data: bytes | str, *, label: dict[str, str] | Words | None = None
    ) -> FileHandle:
        """Keep a config.

        Raises:
            AlreadyExists, InvalidArgument: the name is taken or bad, or the data has a bad size.
        """
        spec = ConfigSpec(name, data.encode() if isinstance(data, str) else data, pairs_of(label))
        return FileHandle(self._host, self._control().create_config(spec).id, "config")

    def list(self) -> list[FileHandle]:
        """All configs, by id."""
        return [FileHandle(self._host, identifier, "config") for identifier in sorted(self._store.configs)]

    def get(self, text: str) -> FileHandle:
        """The config of that id, name or beginning of an id."""
        return FileHandle(self._host, self._control(write=False).find_config(text).id, "config")
