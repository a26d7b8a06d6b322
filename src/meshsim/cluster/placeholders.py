"""Room cluster: placeholders in a task's environment, host name and mounts.

Comes in: a text such as ``{{.Service.Name}}-{{.Task.Slot}}`` and the task with its node. Goes out: the
text filled in. Only fields are known, no functions but ``index`` on labels.

Source: swarmkit template/context.go Context, template/expand.go ExpandContainerSpec.
"""

from __future__ import annotations

import re

from meshsim.errors import InvalidArgument
from meshsim.model.objects import Node, Task

__all__ = ["expand"]

_PLACEHOLDER = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}")
_LABEL = re.compile(r'index\s+\.Service\.Labels\s+"([^"]*)"')


def expand(text: str, task: Task, node: Node | None) -> str:
    """Fill in every placeholder; slot 0 reads as the node's id.

    Raises:
        InvalidArgument: a placeholder that does not exist.
    """
    if "{{" not in text:
        return text
    values = _values(task, node)

    def fill(match: re.Match[str]) -> str:
        label = _LABEL.fullmatch(match[1])
        if label is not None:
            return task.shared.service_labels.get(label[1], "")
        if match[1] not in values:
            raise InvalidArgument(f"expanding env failed: unknown placeholder {{{{{match[1]}}}}}")
        return values[match[1]]

    return _PLACEHOLDER.sub(fill, text)


def _values(task: Task, node: Node | None) -> dict[str, str]:
    description = node.description if node else None
    platform = description.platform if description else None
    return {
        ".Service.ID": task.service_id,
        ".Service.Name": task.shared.service_name,
        ".Node.ID": task.node_id,
        ".Node.Hostname": node.hostname if node else "",
        ".Node.Platform.OS": platform.os if platform else "",
        ".Node.Platform.Architecture": platform.architecture if platform else "",
        ".Task.ID": task.id,
        ".Task.Name": task.name,
        ".Task.Slot": str(task.slot) if task.slot else task.node_id,
    }
