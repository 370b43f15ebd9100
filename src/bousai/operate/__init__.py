"""The door for whoever runs an installation: `up` keeps a whole one-machine system running, `doctor` looks at one,
`parts_now` tells the board what runs.

In: settings, and the environment in which Airflow's own settings are. Out: running programs, one line of text for
what happened, `parts.json` for whoever shows it. Airflow is started as programs and never imported. Knows of the line
nothing but `bousai prepare`, `bousai serve`, the pools of the feeds and the names of settings.

| module | what |
|---|---|
| `start` | `up`: checks, secrets, one-time jobs, then gives the process to `guard` |
| `guard` | the process that is left where `bousai up` was: forks the supervisor and cleans up after it |
| `supervisor` | starts, watches, restarts and stops the parts |
| `parts` | what the parts are: commands, environment, limits |
| `plan` | the shapes that are handed from `start` to `supervisor` |
| `health`, `processes`, `logs`, `status`, `chores` | what the supervisor looks with and writes with |
| `secrets` | keys and passwords, made once, readable by one account |
| `doctor` | `examine` and `settings_table` |
"""

from bousai.operate.start import up
from bousai.operate.status import parts_now

__all__ = ["parts_now", "up"]
