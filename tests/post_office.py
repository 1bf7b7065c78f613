"""A real mail server of one's own: Debian's postfix and dovecot, on ports of this machine, in a folder that goes away.

It delivers to its own mailboxes and nowhere else. `sending` wants TLS and the account below; what it cannot deliver it
sends back to the sender, whose mailbox dovecot opens over IMAP. Both need root and their packages; where they are
missing the tests are skipped, but not where UMS_TEST_SERVERS is `required`.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest
import trustme

ACCOUNT, PASSWORD = "shop@shop.example", "secret"
VMAIL = "nobody"
T = TypeVar("T")

MAIN = """
compatibility_level = 3.6
queue_directory = {root}/queue
data_directory = {root}/data
myhostname = mail.shop.example
mydestination =
mynetworks =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
maillog_file = {root}/log/mail.log
maillog_file_prefixes = {root}/log
default_transport = error:5.4.4 nothing leaves this machine
relay_transport = $default_transport
smtpd_recipient_restrictions = permit_sasl_authenticated, reject
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_sender_restrictions = check_recipient_access texthash:{root}/access
smtpd_reject_unlisted_recipient = yes
smtpd_delay_reject = yes
smtpd_tls_security_level = encrypt
smtpd_tls_auth_only = yes
smtpd_tls_cert_file = {root}/cert.pem
smtpd_tls_key_file = {root}/key.pem
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
message_size_limit = 1000000
virtual_mailbox_domains = shop.example, people.example
virtual_mailbox_base = {root}/mail
virtual_mailbox_maps = texthash:{root}/mailboxes
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
transport_maps = texthash:{root}/transport
virtual_alias_maps = texthash:{root}/aliases
alias_maps =
"""

SERVICES = """
127.0.0.1:{sending} inet n - n - - smtpd
127.0.0.1:{sending_tls} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
pickup unix n - n 1 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 1 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""

DOVECOT = """
base_dir = {root}/dovecot
state_dir = {root}/dovecot-state
protocols = imap
listen = 127.0.0.1
log_path = {root}/log/dovecot.log
ssl = required
ssl_cert = <{root}/cert.pem
ssl_key = <{root}/key.pem
auth_mechanisms = plain login cram-md5
mail_location = maildir:{root}/mail/%u
first_valid_uid = 1
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {root}/passwords
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={root}/mail/%u
}}
service imap-login {{
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    port = {reading}
    ssl = yes
  }}
}}
service auth {{
  unix_listener {root}/queue/private/auth {{
    mode = 0666
  }}
}}
"""

FILES = {
    "mailboxes": "shop@shop.example shop@shop.example/\nann@people.example ann@people.example/\n"
    "busy@people.example busy@people.example/\n",
    "aliases": "gone@people.example gone@moved.example\n",
    "access": "busy@people.example 450 4.2.1 Her mailbox is being moved\n",
    "transport": "moved.example error:5.1.6 She has moved away\n",
    "passwords": f"{ACCOUNT}:{PASSWORD}\n",
}


@dataclass(frozen=True)
class PostOffice:
    root: Path
    sending: int
    """Offers STARTTLS."""
    sending_tls: int
    """TLS from the first byte."""
    reading: int
    """IMAP over TLS."""

    @property
    def ca_file(self) -> str:
        return str(self.root / "ca.pem")

    def mails(self, address: str, number: int) -> list[bytes]:
        """What is in a mailbox, unread, as soon as there are so many."""
        folder = self.root / "mail" / address
        return [file.read_bytes() for file in sorted(_until(lambda: _unread(folder, number), f"mail for {address}"))]

    @property
    def log(self) -> str:
        return "".join(file.read_text() for file in (self.root / "log").iterdir())


def _unread(folder: Path, number: int) -> list[Path]:
    """https://cr.yp.to/proto/maildir.html: the name of what was seen ends with S among its flags."""
    found = [
        file for part in ("new", "cur") for file in (folder / part).glob("*") if "S" not in file.name.rpartition(",")[2]
    ]
    return found if len(found) >= number else []


def _until(found: Callable[[], T], what: str) -> T:
    deadline = time.monotonic() + 20
    while not (it := found()):
        assert time.monotonic() < deadline, f"{what} did not come"
        time.sleep(0.05)
    return it


@pytest.fixture(scope="session")
def post_office() -> Iterator[PostOffice]:
    missing = [program for program in ("postfix", "dovecot") if not shutil.which(program, path="/usr/sbin:/usr/bin")]
    if missing or os.geteuid() != 0:
        why = f"needs {' and '.join(missing) or 'root'}"
        if os.environ.get("UMS_TEST_SERVERS") == "required":
            pytest.fail(f"{why}; .ci/run installs it")
        pytest.skip(why)
    # Not pytest's own folder: postfix and dovecot work as other users, who may not look into that.
    root = Path(tempfile.mkdtemp(prefix="post-office-"))
    try:
        with _open(root) as office:
            yield office
    finally:
        shutil.rmtree(root, ignore_errors=True)


@contextmanager
def _open(root: Path) -> Iterator[PostOffice]:
    office = PostOffice(root, *_ports(3))
    _furnish(office)
    dovecot = subprocess.Popen(["/usr/sbin/dovecot", "-F", "-c", root / "dovecot.conf"])
    try:
        _until((root / "queue" / "private" / "auth").exists, "dovecot")
        postfix = subprocess.Popen(["/usr/sbin/postfix", "-c", root / "postfix", "start-fg"], stderr=subprocess.DEVNULL)
        try:
            ports = (office.sending, office.sending_tls, office.reading)
            _until(lambda: all(map(_listens, ports)), "the post office")
            yield office
        finally:
            subprocess.run(["/usr/sbin/postfix", "-c", root / "postfix", "stop"], capture_output=True, check=False)
            postfix.wait(20)
    finally:
        dovecot.send_signal(signal.SIGTERM)
        dovecot.wait(20)


def _furnish(office: PostOffice) -> None:
    root, mail, postfix = office.root, pwd.getpwnam(VMAIL), pwd.getpwnam("postfix")
    root.chmod(0o755)
    for folder in ("queue/private", "data", "log", "mail", "postfix", "dovecot", "dovecot-state"):
        (root / folder).mkdir(parents=True)
    os.chown(root / "mail", mail.pw_uid, mail.pw_gid)
    os.chown(root / "data", postfix.pw_uid, postfix.pw_gid)
    os.chown(root / "queue" / "private", postfix.pw_uid, -1)
    values = {**vars(office), "uid": mail.pw_uid, "gid": mail.pw_gid}
    for name, text in {"postfix/main.cf": MAIN, "postfix/master.cf": SERVICES, "dovecot.conf": DOVECOT}.items():
        (root / name).write_text(text.format(**values).lstrip())
    for name, text in FILES.items():
        (root / name).write_text(text)
    ca = trustme.CA()
    certificate = ca.issue_cert("127.0.0.1")
    ca.cert_pem.write_to_path(root / "ca.pem")
    certificate.private_key_pem.write_to_path(root / "key.pem")
    for number, blob in enumerate(certificate.cert_chain_pems):
        blob.write_to_path(root / "cert.pem", append=number > 0)


def _ports(number: int) -> list[int]:
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    found = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return found


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
