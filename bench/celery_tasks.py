"""What bench_others.py compares with: a task for each address, with Celery's own settings but for the results.

`celery -A celery_tasks worker`, in this folder, with BROKER, PUSH_URL and SINK_PORT in the environment.
"""

import os
from functools import lru_cache

import apprise
import requests
from celery import Celery

app = Celery("bench", broker=os.environ["BROKER"])
app.conf.update(task_ignore_result=True, broker_connection_retry_on_startup=True)

ACCOUNT = ("app-key", "sandbox-app-secret")


@lru_cache(maxsize=1)
def session() -> requests.Session:
    """That of this worker process: its connection stays open."""
    return requests.Session()


@app.task
def push(address: str) -> None:
    """A bare post of one address to the sandbox."""
    body = {
        "platform": "all",
        "audience": {"registration_id": [address]},
        "notification": {"alert": "hello"},
    }
    session().post(os.environ["PUSH_URL"], json=body, auth=ACCOUNT, timeout=10).raise_for_status()


@app.task
def notify(address: str) -> None:
    """The same words to one address by a library that knows many platforms; here its plain JSON one."""
    platforms = apprise.Apprise()
    platforms.add(f"json://127.0.0.1:{os.environ['SINK_PORT']}/{address}")
    if not platforms.notify(body="hello"):
        raise ConnectionError(address)
