"""What a one-machine system consists of: commands, environment, where each part answers, what memory it may take.

Names of settings and their defaults: ``config_templates/config.yml`` of apache-airflow-core 3.3.2.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bousai.operate.plan import Chore, Health, Part
from bousai.settings import PROJECT, Settings

KEPT_DAYS = 30
"""How long Airflow's records of runs and its task logs are kept."""

_HEALTH = "/api/v2/monitor/health"
_MB = 1_000_000
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1", "localhost": "127.0.0.1"}  # noqa: S104
_LIMITS = {
    "api-server": 450 * _MB,
    "scheduler": 900 * _MB,
    "dag-processor": 280 * _MB,
    "triggerer": 300 * _MB,
    "serve": 220 * _MB,
}
"""A guard against what grows without end, not what a part needs. Measured (PSS, 2 cores, three tasks at once, thirty
feeds, a day's runs on record): 283, 530, 170, 239, 121 MB, 1.34 GB together. The scheduler's is with its tasks: a
limit that counts them must leave room for them, or it would stop work that is well (480 MB did)."""


def reached_at(host: str) -> str:
    """The address at which a server bound to `host` is asked from this machine."""
    return _EVERYWHERE.get(host, host)


def url(host: str, port: int) -> str:
    """``http://…`` of a server on this machine."""
    name = reached_at(host)
    return f"http://{f'[{name}]' if ':' in name else name}:{port}"


def airflow(*arguments: str) -> tuple[str, ...]:
    """A command of the Airflow that is installed beside this program."""
    return (sys.executable, "-P", "-m", "airflow", *arguments)


def bousai(*arguments: str) -> tuple[str, ...]:
    """A command of this program."""
    return (sys.executable, "-P", "-m", "bousai.cli", *arguments)


def parts(host: str, airflow_port: int, port: int) -> tuple[Part, ...]:
    """The five parts.

    The scheduler and the triggerer serve no logs (``--skip-serve-logs``): on one machine the API server reads the
    files itself, and these servers bind every address of the machine, which no setting changes
    (``utils/serve_logs/core.py``).
    """
    at = reached_at(host)

    def beat(key: str) -> Health:
        return Health(at, airflow_port, _HEALTH, "airflow", key)

    return (
        Part("api-server", airflow("api-server"), beat(""), _LIMITS["api-server"]),
        Part("scheduler", airflow("scheduler", "--skip-serve-logs"), beat("scheduler"), _LIMITS["scheduler"]),
        Part("dag-processor", airflow("dag-processor"), beat("dag_processor"), _LIMITS["dag-processor"]),
        Part("triggerer", airflow("triggerer", "--skip-serve-logs"), beat("triggerer"), _LIMITS["triggerer"]),
        Part(
            "serve",
            bousai("serve", "--host", host, "--port", str(port)),
            Health(at, port, "/healthz", "serve"),
            _LIMITS["serve"],
        ),
    )


def chores(environment: Mapping[str, str]) -> tuple[Chore, ...]:
    """What is tidied up once a day. ``{before}`` is the moment from which things are kept."""
    clean = airflow("db", "clean", "--clean-before-timestamp", "{before}", "--yes", "--skip-archive")
    logs = environment["AIRFLOW__LOGGING__BASE_LOG_FOLDER"]
    delete = (sys.executable, "-P", "-m", "bousai.operate.chores", logs, str(KEPT_DAYS))
    return Chore("db clean", clean), Chore("old task logs", delete)


def parallelism(cores: int | None) -> int:
    """How many tasks run at once: one more than there are cores, at most 8. Each is a process that keeps its
    memory."""
    return min(8, (cores or 1) + 1)


def pools(every: Mapping[str, dict[str, Any]], long_work: str, at_once: int) -> dict[str, dict[str, Any]]:
    """The scheduler's pools on one machine, where `at_once` tasks run at once; `long_work` is the one for such.

    The executor of one machine takes whatever it is handed and works it off in that order (``LocalExecutor`` of
    Airflow 3.3.2 counts nothing as running): only what the pools hold back is still chosen by its weight. And long
    work leaves room for a warning.
    """
    found = {name: {**one, "slots": min(one["slots"], 2)} for name, one in every.items()}
    found[long_work]["slots"] = max(1, at_once - 2)
    found["default_pool"] = {"slots": at_once, "description": "alerts, layers, ingest", "include_deferred": False}
    return found


def environment(
    settings: Settings, host: str, airflow_port: int, port: int, environ: Mapping[str, str], own: Mapping[str, str]
) -> dict[str, str]:
    """The environment of every part. `own`: keys and file of passwords.

    What a person has set wins, except what would be unsafe (a login for everybody, the display of secrets and of
    stack traces) and what says where things are (the home, the addresses): those are the arguments of `bousai up`.
    """
    home = settings.data / "airflow"
    logs = home / "logs"
    defaults = {
        "BOUSAI_PUBLIC_URL": f"{url(host, port)}/public",
        "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": str(parallelism(os.cpu_count())),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url(host, airflow_port)}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin,operator:op,viewer:viewer",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        # a chain of tasks waits this long at each step: 1 s made three steps take three seconds
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.3",
        # a task that has ended is noticed after this long where its end falls between two looks (the Task SDK's
        # supervisor.py waits for an event that does not come): 5 s, the default, held a third of slots for nothing
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        # the API server tells of every heartbeat; one process and one port less
        "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK": "False",
        "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_HOST": "127.0.0.1",
        # tasks are forked from a process that has our modules and Airflow's already: they share its memory (100 MB a
        # task) and do not spend a second importing. It holds no connection and no thread of ours; PROJ opens its
        # database anew in a child, and the allocator of pyarrow has a thread that a child does without
        "AIRFLOW__SCHEDULER__MP_START_METHOD": "forkserver",
        "AIRFLOW__SCHEDULER__MP_FORKSERVER_PRELOAD": "airflow.executors.local_executor,bousai.operate.preload",
        # a changed YAML of a feed is seen after a minute, a new DAG file too
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "60",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "60",
        "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(logs),
        "AIRFLOW__LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(logs / "dag_processor"),
        "AIRFLOW__LOGGING__FILE_TASK_HANDLER_NEW_FOLDER_PERMISSIONS": "0o750",
        "AIRFLOW__LOGGING__FILE_TASK_HANDLER_NEW_FILE_PERMISSIONS": "0o640",
        "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        # glibc keeps an arena of memory a thread, eight a core; Airflow's servers are all threads
        "MALLOC_ARENA_MAX": "2",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONFAULTHANDLER": "1",
    }
    here = str(Path(sys.executable).parent)
    fixed = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__API__HOST": host,
        "AIRFLOW__API__PORT": str(airflow_port),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "AIRFLOW__API__EXPOSE_STACKTRACE": "False",
        "AIRFLOW__API__EXPOSE_CONFIG": "False",
        "BOUSAI_DATA": str(settings.data),
        "PATH": os.pathsep.join([here, environ.get("PATH", os.defpath)]),
    }
    given = {name: value for name, value in environ.items() if value}
    whole = {**defaults, **own, **given, **fixed}
    if any(name.lower() in ("http_proxy", "https_proxy", "all_proxy") for name in given):
        # tasks talk to the API server of this machine: that is no matter of the proxy of the house
        direct = ",".join(part for part in (given.get("NO_PROXY") or given.get("no_proxy"), at_home(host)) if part)
        whole |= {"NO_PROXY": direct, "no_proxy": direct}
    return whole


def at_home(host: str) -> str:
    """Addresses that no proxy is asked for."""
    return ",".join(dict.fromkeys(("127.0.0.1", "localhost", reached_at(host))))
