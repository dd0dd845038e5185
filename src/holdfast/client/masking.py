"""Arguments as they may be shown to people who don't ask for secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.client.job import MASK

if TYPE_CHECKING:
    from holdfast.client.client import Client
    from holdfast.client.job import Job


def is_known(client: Client, task: str) -> bool:
    """True if the task is declared here, and with it what is sensitive."""
    return client.registry.find(task) is not None


def shown_args(client: Client, job: Job[Any]) -> dict[str, Any]:
    """The arguments, masked where they are sensitive, and where nobody here knows whether they are."""
    return job.masked_args if is_known(client, job.task) else dict.fromkeys(job.args, MASK)
