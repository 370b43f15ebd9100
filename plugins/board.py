"""The operators' board inside Airflow: mounted at ``/bousai``, with an entry in the navigation.

Plugins are loaded by every part of Airflow and by every command: nothing of bousai is imported before somebody looks.
Applications that a plugin mounts have no login of their own (Airflow, "Plugins", FastAPI apps): who asks is found out
here, and here alone, with Airflow's own means, so that any auth manager does.
"""

from __future__ import annotations

from typing import Any

from airflow.plugins_manager import AirflowPlugin

_board: Any = None


async def board(scope: Any, receive: Any, send: Any) -> None:
    """The ASGI application, made at the first request."""
    global _board
    if _board is None:
        _board = _made()
    await _board(scope, receive, send)


def _made() -> Any:
    from bousai.board import Scheduler, create

    return create(Scheduler(_person, _paused, _parts))


async def _person(request: Any) -> Any:
    """Who asks. Roles are Airflow's: who may see DAGs may see the board; who may start a run of `outputs` may act,
    and who may start one of `alerts` may decide on messages."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
    from airflow.api_fastapi.core_api.security import bearer_scheme, get_user

    from bousai.board import Person

    user = await get_user(request, None, await bearer_scheme(request))
    manager = get_auth_manager()

    def may(method: Any, dag_id: str) -> bool:
        entity = None if method == "GET" else DagAccessEntity.RUN
        return manager.is_authorized_dag(
            method=method, access_entity=entity, details=DagDetails(id=dag_id), user=user
        )

    return Person(user.get_name(), may("GET", "outputs"), may("POST", "outputs"), may("POST", "alerts"))


def _paused() -> set[str]:
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        return set(session.scalars(select(DagModel.dag_id).where(DagModel.is_paused)))


def _parts() -> list[dict[str, Any]] | None:
    from bousai import operate

    return operate.parts_now()


class BousaiPlugin(AirflowPlugin):
    """What Airflow looks for."""

    name = "bousai"
    fastapi_apps = [{"app": board, "url_prefix": "/bousai", "name": "bousai board"}]  # noqa: RUF012
    external_views = [  # noqa: RUF012
        {
            "name": "防災 Board",
            "href": "bousai/",
            "destination": "nav",
            "url_route": "bousai",
            "icon": "/bousai/icon.svg",
            "nav_top_level": True,
        }
    ]
