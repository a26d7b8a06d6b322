"""Room manager, control: calls about secrets and configs.

Comes in: specs, ids, versions. Goes out: one transaction each, or a refusal.

Source: swarmkit manager/controlapi/secret.go, config.go.
"""

from __future__ import annotations

from attrs import evolve

from meshsim.errors import AlreadyExists, InvalidArgument
from meshsim.manager.control.base import Calls, check_version, existing
from meshsim.manager.control.files import check_data, in_use_by
from meshsim.manager.control.names import check_file_name
from meshsim.model.objects import Config, Secret
from meshsim.model.specs import ConfigSpec, SecretSpec
from meshsim.sim import object_id

__all__ = ["FileCalls"]


class FileCalls(Calls):
    """Creating, relabelling and removing secrets and configs."""

    def create_secret(self, spec: SecretSpec) -> Secret:
        """Create a secret.

        Raises:
            InvalidArgument: bad name, no data, or too much of it.
            AlreadyExists: the name is taken.
        """
        self._check_file("secret", spec, self._store.named(Secret, spec.name))
        with self._store.transaction() as tx:
            return tx.create(Secret(object_id(self._ids), spec=spec))

    def create_config(self, spec: ConfigSpec) -> Config:
        """Create a config; refused as a secret is."""
        self._check_file("config", spec, self._store.named(Config, spec.name))
        with self._store.transaction() as tx:
            return tx.create(Config(object_id(self._ids), spec=spec))

    @staticmethod
    def _check_file(word: str, spec: SecretSpec | ConfigSpec, namesake: Secret | Config | None) -> None:
        check_file_name(spec.name)
        check_data(word, spec.data)
        if namesake is not None:
            raise AlreadyExists(f"{word} {spec.name} already exists")

    def update_secret(self, secret_id: str, spec: SecretSpec, version: int | None = None) -> Secret:
        """Replace a secret's labels; nothing else of it can change."""
        with self._store.transaction() as tx:
            secret = existing(tx.get(Secret, secret_id), "secret", secret_id)
            _check_only_labels(secret.spec, spec)
            check_version(secret, version)
            return tx.update(secret, spec=spec)

    def update_config(self, config_id: str, spec: ConfigSpec, version: int | None = None) -> Config:
        """Replace a config's labels; nothing else of it can change."""
        with self._store.transaction() as tx:
            config = existing(tx.get(Config, config_id), "config", config_id)
            _check_only_labels(config.spec, spec)
            check_version(config, version)
            return tx.update(config, spec=spec)

    def remove_secret(self, secret_id: str) -> None:
        """Forget a secret no service refers to."""
        with self._store.transaction() as tx:
            secret = existing(tx.get(Secret, secret_id), "secret", secret_id)
            in_use_by(self._store, "secret", secret)
            tx.delete(secret)

    def remove_config(self, config_id: str) -> None:
        """Forget a config no service refers to."""
        with self._store.transaction() as tx:
            config = existing(tx.get(Config, config_id), "config", config_id)
            in_use_by(self._store, "config", config)
            tx.delete(config)


def _check_only_labels(old: SecretSpec | ConfigSpec, new: SecretSpec | ConfigSpec) -> None:
    """Source: swarmkit manager/controlapi/secret.go UpdateSecret."""
    if evolve(new, labels=old.labels) != old:
        raise InvalidArgument("only updates to Labels are allowed")
