"""`ums test`: what it prints, what it exits with, what it finds wrong."""

import json
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from tests.cli.conftest import Terminal
from tests.rehearsal.conftest import FAILS, HEAD, PASSES, tests_are
from ums.cli import main

REPOSITORY = Path(__file__).parents[2]


def test_the_tests_beside_the_example_s_policies_pass_and_cover_them(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--file", str(REPOSITORY / "ums.yaml"), "test", str(REPOSITORY / "config"), "--coverage"])

    assert left.value.code == 0
    assert capsys.readouterr().out.splitlines()[:-1] == [
        "campaign/wechat-then-sms: 6 of 6 ways tested",
        "shop/app-then-sms: 4 of 4 ways tested",
        "shop/read-or-mail: 12 of 12 ways tested",
    ]


def test_the_guide_s_examples_of_and_and_or_come_out_as_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--file", str(Path(__file__).parent / "guide" / "ums.yaml"), "test", "--coverage"])

    assert left.value.code == 0
    assert capsys.readouterr().out.splitlines()[:-1] == [
        "campaign/app-and-wechat: 6 of 6 ways tested",
        "campaign/app-or-wechat: 6 of 6 ways tested",
    ]


def test_without_a_path_it_is_the_folder_of_the_declarations(shop: Terminal) -> None:
    tests_are(shop, PASSES)

    code, out, _ = shop.run("test")

    assert (code, out.startswith("1 policy test: 1 passed, 0 failed")) == (0, True)


def test_a_file_may_be_named_and_stand_elsewhere(shop: Terminal, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.yaml").write_text(PASSES)

    assert shop.run("test", "elsewhere.yaml")[0] == 0


def test_nothing_to_test_is_said(shop: Terminal) -> None:
    code, _, said = shop.run("test")

    assert (code, said.startswith("found no *.test.yaml below")) == (1, True)


def test_a_failing_test_shows_what_was_expected_beside_what_came(shop: Terminal) -> None:
    tests_are(shop, PASSES, FAILS)

    code, out, _ = shop.run("test")

    assert code == 1
    assert out.splitlines()[:-1] == [
        "config/shop.test.yaml:16:5 FAILED too soon",
        "    ann: expected app at 0s, sms at 4m, got app at 0s, sms at 5m",
        "    eve: expected sms at 0s, got nothing",
        "    eve: expected not lost, got lost by no_address",
        "    funnel of users: expected delivered 1, got 0",
        "  time  person  expected  what happened  why",
        "  0s    ann     app       app goes out",
        "  0s    eve               lost           no_address",
        "> 0s    eve     sms       -",
        "> 4m    ann     sms       -",
        "> 5m    ann     -         sms goes out   step 2 (sms) goes out: app was not delivered within 5m",
        "",
    ]
    assert out.splitlines()[-1].startswith("2 policy tests: 1 passed, 1 failed")


def test_json_has_every_timeline(shop: Terminal) -> None:
    tests_are(shop, PASSES, FAILS)

    code, out, _ = shop.run("test", "--format", "json", "--coverage")

    told = json.loads(out)
    assert code == 1
    assert [(one["name"], one["line"], one["passed"]) for one in told["tests"]] == [
        ("silence", 7, True),
        ("too soon", 16, False),
    ]
    assert told["tests"][0]["timeline"][1] == {
        "at": 300_000,
        "person": "ann",
        "what": "goes out",
        "delivery_channel": "sms",
        "why": "step 2 (sms) goes out: app was not delivered within 5m",
    }
    assert told["coverage"][0]["taken"] == 2


def test_annotations_stand_where_the_test_stands(shop: Terminal) -> None:
    tests_are(shop, FAILS)

    code, out, _ = shop.run("test", "--format", "github")

    assert code == 1
    assert out.startswith("::error file=config/shop.test.yaml,line=7,col=5::too soon: ann: expected app at 0s, sms at")


def test_junit_counts_and_names_them(shop: Terminal) -> None:
    tests_are(shop, PASSES, FAILS)

    code, out, _ = shop.run("test", "--format", "junit")

    suite = Xml.fromstring(out)  # noqa: S314  # our own
    assert (code, suite.get("tests"), suite.get("failures")) == (1, "2", "1")
    assert [(one.get("classname"), one.get("name"), len(one)) for one in suite] == [
        ("shop.app-then-sms", "silence", 0),
        ("shop.app-then-sms", "too soon", 1),
    ]


def test_what_no_test_covers_and_what_can_hardly_be_reached_is_named(shop: Terminal) -> None:
    tests_are(shop, PASSES)

    assert shop.run("test", "--coverage")[1].splitlines()[:-1] == [
        "shop/app-then-sms: 2 of 4 ways tested",
        "    step 2 (sms): was never left out",
        "    step 2 (sms): notDelivered app within 5m never held the step back",
        "shop/hasty: 0 of 10 ways tested",
        "    step 2 (sms): never went out",
        "    step 2 (sms): was never left out",
        "    step 2 (sms): notDelivered app within 5m of 2 joined by OR never triggered",
        "    step 2 (sms): notDelivered app within 5m of 2 joined by OR never held the step back",
        "    step 2 (sms): notClicked app within 30m of 2 joined by OR never triggered",
        "    step 2 (sms): notClicked app within 30m of 2 joined by OR never held the step back",
        "    step 3 (mail): never went out",
        "    step 3 (mail): was never left out",
        "    step 3 (mail): notDelivered sms within 6m never triggered",
        "    step 3 (mail): notDelivered sms within 6m never held the step back",
        "    step 3 (mail): can never go out after silence: that takes 11m, the deadline is 10m",
    ]


TYPES = "alipayLife, app, dingtalk, email, sms, wechatMp, wechatOa, wecom"
WRONG = f"""{HEAD}policy: app-then-smss
tests: [{{name: x, expect: {{ann: {{app: 0s}}}}}}]
---
{HEAD}policy: app-then-sms
people: {{ann: [ap], bob: {{sms@all: "12"}}, max: [sms], kim: {{app: [a, b], fax@all: "1"}}}}
tests:
  - name: x
    happens: {{bobb: {{app: refused}}, max: {{app: refused, mail: silent}}, kim: {{app: [silent]}}}}
    expect: {{anna: {{app: 0s}}}}
    funnel: {{user: {{sent: 1}}}}
  - name: y
    expect: {{ann: {{app: soon}}}}
"""


def test_every_problem_is_found_at_its_place(shop: Terminal) -> None:
    tests_are(shop, WRONG, WRONG.replace("  - name: y\n    expect: {ann: {app: soon}}\n", ""))

    code, out, said = shop.run("test")

    assert (code, out) == (1, "")
    places = [line.split(" ", 1) for line in said.splitlines()]
    assert places[0] == [
        "config/shop.test.yaml:4:1",
        "$.policy: found no SendPolicy 'app-then-smss'; did you mean 'app-then-sms'?",
    ]
    assert places[1] == [
        "config/shop.test.yaml:18:25",
        "$.tests[1].expect.ann.app: found 'soon', expected a time such as 0s, 90s, 5m, 2h or 4m59s999ms",
    ]
    assert [message for _, message in places[3:-1]] == [
        "$.people.ann[0]: found no DeliveryChannel 'ap'; did you mean 'app'?",
        "$.people.bob['sms@all']: '12': this is no possible phone number",
        f"$.people.kim['fax@all']: found no channel type 'fax'; known: {TYPES}",
        "$.tests[0].happens.bobb: found no person 'bobb'; did you mean 'bob'?",
        "$.tests[0].happens.max.app: max has no address on app, so nothing can happen there",
        "$.tests[0].happens.max.mail: found no DeliveryChannel of the policy 'mail'; known: app, sms",
        "$.tests[0].happens.kim.app: found 1 fates, kim has 2 addresses on app",
        "$.tests[0].expect.anna: found no person 'anna'; did you mean 'ann'?",
        "$.tests[0].funnel.user: found no number of users or of a DeliveryChannel 'user'; did you mean 'users'?",
    ]


def test_a_broken_declaration_is_a_problem_of_its_own(shop: Terminal) -> None:
    tests_are(shop, PASSES)
    shop.channel.write_text(shop.channel.read_text().replace("notDelivered: app,", "notDelivered: ap,"))

    code, _, said = shop.run("test", "--format", "junit")

    assert (code, "did you mean 'app'?" in said) == (1, True)


def test_what_the_engine_refuses_is_a_failure_with_its_reason(shop: Terminal) -> None:
    tests_are(shop, PASSES.replace("{ann: ", "{'ann/1': "))

    assert "refused: found 'ann/1', expected 1 to 64 letters" in shop.run("test")[1]


def test_it_looks_again_when_a_file_has_changed(shop: Terminal) -> None:
    tests_are(shop, PASSES)
    command = [sys.executable, "-u", "-m", "ums.cli", "test", "--watch"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as watching:
        try:
            assert watching.stdout is not None
            first = watching.stdout.readline()
            time.sleep(0.5)
            tests_are(shop, FAILS)
            second = watching.stdout.readline()
        finally:
            watching.terminate()

    assert first.startswith("1 policy test: 1 passed")
    assert second == "config/shop.test.yaml:7:5 FAILED too soon\n"
