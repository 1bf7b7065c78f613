"""What bench_others.py compares with: e-mails through the queue of django-post_office, in a process of its own.

    python bench/post_office_mails.py <folder> <port of the mail server> <number> singly|together

Prints the seconds from the first e-mail put into the queue until the queue is empty. Its own settings, but for as many
connections as the others have; on SQLite.
"""

import sys
import time
from pathlib import Path

import django
from application import MAIL
from django.conf import settings
from django.core.management import call_command

CONNECTIONS = 8
SENDER = "shop@example.org"


def configure(folder: Path, port: int) -> None:
    settings.configure(
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": folder / "post_office.db"}},
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        INSTALLED_APPS=["django.contrib.contenttypes", "post_office"],
        EMAIL_HOST="127.0.0.1",
        EMAIL_PORT=port,
        POST_OFFICE={"THREADS_PER_PROCESS": CONNECTIONS},
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
        USE_TZ=True,
    )
    django.setup()
    call_command("migrate", verbosity=0)


def sent(folder: Path, number: int, *, together: bool) -> float:
    """Seconds."""
    from post_office import mail  # noqa: PLC0415  # Django must be configured before

    written = {"sender": SENDER, "subject": MAIL["email"]["subject"], "message": MAIL["email"]["text"]}
    begun = time.perf_counter()
    mails = [{"recipients": f"u{n}@people.example", **written} for n in range(number)]
    if together:
        mail.send_many(mails)
    else:
        for one in mails:
            mail.send(**one)
    mail.send_queued_mail_until_done(str(folder / "post_office.lock"))
    return time.perf_counter() - begun


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    configure(folder, int(sys.argv[2]))
    print(sent(folder, int(sys.argv[3]), together=sys.argv[4] == "together"))
