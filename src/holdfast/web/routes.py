"""Which address is which page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import BaseRoute, Route

from holdfast.web.views import doors, job, jobs, overview, queues, schedules, workers

if TYPE_CHECKING:
    from holdfast.web.views.files import Files


def routes(files: Files) -> list[BaseRoute]:
    """All of them. Names that may hold anything stand in the query or the form, never in the path."""
    return [
        Route("/", overview.show),
        Route("/jobs", jobs.show),
        Route("/jobs/{id}", job.show),
        Route("/jobs/{id}/{verb}", job.confirm),
        Route("/jobs/{id}/{verb}", job.act, methods=["POST"]),
        Route("/queues", queues.show_all),
        Route("/queue", queues.show),
        Route("/queue/{verb}", queues.confirm),
        Route("/queue/{verb}", queues.act, methods=["POST"]),
        Route("/workers", workers.show),
        Route("/schedules", schedules.show),
        Route("/schedule/{verb}", schedules.act, methods=["POST"]),
        Route("/login", doors.show_login),
        Route("/login", doors.log_in, methods=["POST"]),
        Route("/logout", doors.log_out, methods=["POST"]),
        Route("/theme", doors.set_theme, methods=["POST"]),
        Route("/static/{name}", files.respond),
    ]
