"""Config as code at 10,000 documents: load, validate and plan, against merely parsing the same files with the C loader.

    python bench/bench_config.py [documents]

The target: validate and plan in at most twice the time of the bare floor. Each round is a process of its own, so that
the peak of its memory is its own too.
"""

import asyncio
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import yaml

from ums.database.upgrade import upgrade
from ums.reconcile import reconcile
from ums.reconcile.plan import Live, fingerprint, plan
from ums.reconcile.validate import checked
from ums.settings import Settings

PER_FILE = 20
TARGET = 2.0


def documents(number: int) -> Iterator[str]:
    """A house with a hundred documents for each Channel, in about the mix of a real one."""
    yield MEMBER.format(n=0)
    for channel in range(number // 100):
        yield DELIVERY_CHANNELS.format(c=channel)
        yield CHANNEL.format(c=channel)
        yield from (PROVIDER_TEMPLATE.format(c=channel, n=n) for n in range(8))
        yield from (TEMPLATE.format(c=channel, n=n) for n in range(45))
        yield from (POLICY.format(c=channel, n=n) for n in range(20))
        yield from (SEGMENT.format(c=channel, n=n) for n in range(11))
        yield from (LIST.format(c=channel, n=n) for n in range(8))
        yield from (WORDS.format(c=channel, n=n) for n in range(2))
        yield from (AUDIT.format(c=channel, n=n) for n in range(2))


MEMBER = """apiVersion: ums/v1
kind: Member
name: m{n}
email: m{n}@shop.example
roles: [{{role: admin}}]
"""
DELIVERY_CHANNELS = """apiVersion: ums/v1
kind: DeliveryChannel
name: app{c}
platform: jpush
credentials:
  appKey: {{env: APP{c}_KEY}}
  masterSecret: {{env: APP{c}_SECRET}}
labels: {{team: t{c}}}
---
apiVersion: ums/v1
kind: DeliveryChannel
name: sms{c}
platform: jsms
credentials:
  appKey: {{env: SMS{c}_KEY}}
  masterSecret: {{env: SMS{c}_SECRET}}
limits: {{perSecond: 200}}
---
apiVersion: ums/v1
kind: DeliveryChannel
name: mail{c}
platform: smtp
credentials:
  account: noreply@shop{c}.example
  password: {{env: MAIL{c}_PASSWORD}}
  sender: Shop <noreply@shop{c}.example>
  server: smtp.shop{c}.example
  port: 587
  encryption: starttls
"""
CHANNEL = """apiVersion: ums/v1
kind: Channel
name: shop{c}
title: Shop {c}
masterSecret: {{env: SHOP{c}_SECRET}}
deliveryChannels: [app{c}, sms{c}, {{name: mail{c}, enabled: true}}]
retentionDays: 30
timeZone: Asia/Shanghai
doNotDisturb: {{priorities: [low], periods: [{{from: "22:00", to: "07:00"}}]}}
"""
PROVIDER_TEMPLATE = """apiVersion: ums/v1
kind: ProviderTemplate
channel: shop{c}
name: order-{n}
deliveryChannel: sms{c}
text: "{{{{name}}}}, your order {{{{order}}}} is on its way: {{{{url}}}}"
type: notice
"""
TEMPLATE = """apiVersion: ums/v1
kind: Template
channel: shop{c}
name: order-{n}
title: Order {n}
description: Sent when an order has left the house; ask the shop's team.
variables:
  name: {{description: How the customer is called., default: dear customer, example: Lin}}
  order: {{description: The order's number., example: "10086"}}
  url: {{description: Where to follow the parcel., type: url, example: "https://shop.example/o/10086"}}
content:
  app:
    platform: all
    notification:
      alert: Order {{{{order}}}} is on its way.
      android: {{title: Shop, intent: {{url: "{{{{url}}}}"}}, extras: {{order: "{{{{order}}}}"}}}}
      ios: {{sound: default, badge: "+1"}}
    options: {{time_to_live: 86400, classification: 1}}
  sms:
    temp_id: 37{n}
    temp_para: {{order: "{{{{order}}}}", url: "{{{{url}}}}"}}
  email:
    subject: Order {{{{order}}}} is on its way
    text: |
      <p>Hello {{{{name}}}},</p>
      <p>order {{{{order}}}} has left our house. <a href="{{{{url}}}}">Follow the parcel</a></p>
"""
POLICY = """apiVersion: ums/v1
kind: SendPolicy
channel: shop{c}
name: policy-{n}
steps:
  - send: [app{c}]
  - send: [sms{c}]
    when:
      all:
        - {{notDelivered: app{c}, within: 5m}}
  - send: [mail{c}]
    when:
      any:
        - {{notClicked: app{c}, within: 2h}}
        - {{notDelivered: sms{c}, within: 1h}}
"""
SEGMENT = """apiVersion: ums/v1
kind: Segment
channel: shop{c}
name: segment-{n}
rules:
  tags: {{all: [vip, t{n}], none: [staff]}}
  has: [app]
"""
LIST = """apiVersion: ums/v1
kind: Blacklist
channel: shop{c}
name: list-{n}
members: [u0001, u0002, u0003, u0004, u0005, u0006, u0007, u0008]
"""
WORDS = """apiVersion: ums/v1
kind: SensitiveWords
channel: shop{c}
name: words-{n}
words: [lottery, casino, {{word: jackpot, enabled: false}}]
"""
AUDIT = """apiVersion: ums/v1
kind: AuditRule
channel: shop{c}
name: rule-{n}
on: message
targetKinds: [broadcast]
levels: [[m0]]
"""


def write(folder: Path, number: int) -> None:
    found = list(documents(number))
    for start in range(0, len(found), PER_FILE):
        (folder / f"{start:06}.yaml").write_text("---\n".join(found[start : start + PER_FILE]))


def floor(folder: Path) -> int:
    return sum(
        sum(1 for _ in yaml.load_all(file.read_text(), yaml.CSafeLoader)) for file in sorted(folder.glob("*.yaml"))
    )


def applied(folder: Path) -> tuple[int, float]:
    """Into an empty database on SQLite, loading and validating included."""
    with tempfile.TemporaryDirectory() as root:
        settings = Settings(Path(root), folder)
        asyncio.run(upgrade(settings))
        begun = time.perf_counter()
        done = asyncio.run(reconcile(settings, write=True))
        return len(done.changes), time.perf_counter() - begun


def one_round(folder: Path, what: str) -> tuple[int, float]:
    """How many documents, and the seconds it took."""
    begun = time.perf_counter()
    if what == "floor":
        return floor(folder), time.perf_counter() - begun
    if what == "apply":
        return applied(folder)
    bodies = checked(folder).bodies
    if what == "load + validate":
        return len(bodies), time.perf_counter() - begun
    live = Live(revision=1, bodies=bodies, hashes={key: fingerprint(body) for key, body in bodies.items()})
    begun_again = time.perf_counter()
    changes = plan(bodies, Live() if what.endswith("everything") else live).changes
    assert len(changes) == (len(bodies) if what.endswith("everything") else 0)
    # What the live hashes cost is not the plan's.
    return len(bodies), time.perf_counter() - begun_again


def main() -> None:
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    works = ["floor", "load + validate", "plan of nothing", "plan of everything", "apply"]
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), number)
        seconds: dict[str, float] = {}
        for what in works:
            runs = [_in_a_process(folder, what) for _ in range(3)]
            seconds[what] = median(run[1] for run in runs)
            print(f"{what:20} {runs[0][0]:6} documents {seconds[what]:7.2f} s  peak {max(run[2] for run in runs):4} MB")
    whole = seconds["load + validate"] + max(seconds["plan of nothing"], seconds["plan of everything"])
    print(f"load + validate: {seconds['load + validate'] / seconds['floor']:.2f} x the floor")
    print(f"load + validate + plan: {whole / seconds['floor']:.2f} x the floor (target: {TARGET:.1f} x)")
    if whole > TARGET * seconds["floor"]:
        sys.exit(1)


def _in_a_process(folder: str, what: str) -> tuple[int, float, int]:
    command = [sys.executable, __file__, "--round", folder, what]
    answer = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ)  # itself
    count, seconds, peak = answer.stdout.split()
    return int(count), float(seconds), int(peak)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--round"]:
        count, took = one_round(Path(sys.argv[2]), sys.argv[3])
        print(count, took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
    else:
        main()
