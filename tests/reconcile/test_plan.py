"""Text in, text out: what the files say, what is live, and the whole plan as it is printed."""

from ums.documents import read
from ums.reconcile.canonical import seconds
from ums.reconcile.change import fingerprint
from ums.reconcile.kinds import BY_NAME, Body, Key
from ums.reconcile.load import Declared, bodies
from ums.reconcile.plan import Live, Options, Plan, plan

APP = """
apiVersion: ums/v1
kind: DeliveryChannel
name: app
platform: jpush
credentials: {appKey: {env: APP_KEY}, masterSecret: {env: APP_SECRET}}
"""
MAIL = """
apiVersion: ums/v1
kind: DeliveryChannel
name: mail
platform: smtp
credentials:
  account: a
  password: {env: MAIL_PASSWORD}
  sender: a@shop.example
  server: smtp.shop.example
  port: 465
  encryption: ssl
"""
SHOP = """
apiVersion: ums/v1
kind: Channel
name: shop
masterSecret: {generate: true}
deliveryChannels: [app, mail]
"""
HELLO = """
apiVersion: ums/v1
kind: Template
channel: shop
name: hello
content: {email: {subject: Hello, text: <p>Hello</p>}}
"""
POLICY = """
apiVersion: ums/v1
kind: SendPolicy
channel: shop
name: app-then-mail
steps:
  - send: [app]
  - send: [mail]
    when: {all: [{notDelivered: app, within: 5m}]}
"""
EVERYTHING = (APP, MAIL, SHOP, HELLO, POLICY)


def desired(*texts: str) -> dict[Key, Body]:
    documents, problems = read("it.yaml", "---".join(texts).encode())
    assert problems == []
    return bodies(Declared(BY_NAME[document.body["kind"]], document) for document in documents)


def live(*texts: str) -> Live:
    there = desired(*texts)
    return Live(3, there, {key: fingerprint(body) for key, body in there.items()})


def templates(*names: str, protect: str = "false") -> list[str]:
    return [HELLO.replace("hello", name) + f"protect: {protect}\n" for name in names]


def printed(plan: Plan) -> str:
    return f"\n{plan}\n"


def test_creates_run_from_what_is_referred_to_to_what_refers() -> None:
    assert (
        printed(plan(desired(*reversed(EVERYTHING)), Live()))
        == """
DeliveryChannel
  + app
  + mail
Channel
  + shop
Template
  + shop/hello
SendPolicy
  + shop/app-then-mail
5 to create, 0 to update, 0 to delete.
"""
    )


def test_deletes_run_the_other_way() -> None:
    assert (
        printed(plan({}, live(APP, SHOP, HELLO, POLICY), Options(prune=True)))
        == """
SendPolicy
  - shop/app-then-mail
Template
  - shop/hello
Channel
  - shop
DeliveryChannel
  - app
0 to create, 0 to update, 4 to delete.
"""
    )


def test_an_update_says_each_field_before_and_after() -> None:
    now = MAIL.replace("port: 465", "port: 587").replace("ssl", "starttls") + "title: E-mail\nlabels: {team: shop}\n"

    assert (
        printed(plan(desired(now), live(MAIL)))
        == """
DeliveryChannel
  ~ mail
      credentials.encryption: "ssl" -> "starttls"
      credentials.port: 465 -> 587
      labels.team: (none) -> "shop"
      title: "mail" -> "E-mail"
0 to create, 1 to update, 0 to delete.
"""
    )


def test_a_list_that_grew_is_shown_whole_and_an_item_that_changed_by_its_place() -> None:
    now = HELLO + "labels: {}\n", POLICY.replace("5m", "6m").replace("[mail]", "[mail, sms]")

    assert (
        printed(plan(desired(*now), live(HELLO, POLICY)))
        == """
SendPolicy
  ~ shop/app-then-mail
      steps[1].send: ["mail"] -> ["mail", "sms"]
      steps[1].when.all[0].within: 300 -> 360
0 to create, 1 to update, 0 to delete.
"""
    )


def test_of_a_long_text_the_part_that_changed_is_shown() -> None:
    long = "<p>" + "All work and no play makes Jack a dull boy. " * 5

    assert (
        printed(plan(desired(HELLO.replace("<p>", long + "now ")), live(HELLO.replace("<p>", long + "then "))))
        == """
Template
  ~ shop/hello
      content.email.text: ...es Jack a dull boy. then Hello</p>" -> ...es Jack a dull boy. now Hello</p>"
0 to create, 1 to update, 0 to delete.
"""
    )


def test_what_the_files_say_already_is_no_change() -> None:
    assert (
        printed(plan(desired(*EVERYTHING), live(*EVERYTHING)))
        == """
Nothing to change: revision 3 is what the files say.
"""
    )


def test_what_a_default_says_already_is_no_change() -> None:
    spelled_out = SHOP.replace("[app, mail]", "[{name: app, enabled: true}, mail]") + "key: shop\ntitle: shop\n"

    assert plan(desired(spelled_out), live(SHOP)).changes == ()
    assert plan(desired(POLICY.replace("5m", "300s")), live(POLICY)).changes == ()


def test_a_number_that_became_true_is_a_change() -> None:
    before = HELLO.replace("{email", "{app: {platform: all, message: {msg_content: x, extras: {a: 1}}}, email")

    changes = plan(desired(before.replace("a: 1", "a: true")), live(before)).changes

    assert [str(field) for field in changes[0].fields] == ["content.app.message.extras.a: 1 -> true"]


def test_what_is_only_live_is_left_alone_without_prune() -> None:
    assert (
        printed(plan(desired(APP), live(APP, MAIL, *templates("a"))))
        == """
Only live, in no file; left alone (--prune deletes what is not protected):
    DeliveryChannel/mail
    Template/shop/a
Nothing to change: revision 3 is what the files say.
"""
    )


def test_prune_leaves_the_protected_and_all_that_they_refer_to() -> None:
    protected = POLICY.replace("steps:", "protect: true\nsteps:")

    assert (
        printed(plan({}, live(APP, MAIL, SHOP, HELLO, protected), Options(prune=True)))
        == """
Template
  - shop/hello
Only live, in no file; left alone (--prune deletes what is not protected):
    DeliveryChannel/app
    DeliveryChannel/mail
    Channel/shop
    SendPolicy/shop/app-then-mail
0 to create, 0 to update, 1 to delete.
"""
    )


def test_deleting_more_than_three_in_ten_of_a_kind_is_excessive() -> None:
    ten = templates(*"abcdefghij")

    assert plan(desired(*ten[3:]), live(*ten), Options(prune=True)).excessive == ()
    assert plan(desired(*ten[4:]), live(*ten), Options(prune=True)).excessive == (
        "it deletes 4 of 10 Template objects: shop/a, shop/b, shop/c, shop/d",
    )


def test_deleting_the_only_one_is_not_excessive() -> None:
    assert plan({}, live(APP), Options(prune=True)).excessive == ()


def test_a_kind_that_this_version_does_not_know_is_deleted_first() -> None:
    old = Live(1, {("Channel", "a"): {"deliveryChannels": []}, ("Segment", "a/b"): {}}, {})

    assert [str(change) for change in plan({}, old, Options(prune=True)).changes] == ["- Segment/a/b", "- Channel/a"]


def test_the_same_input_gives_the_same_plan() -> None:
    assert plan(desired(*EVERYTHING), Live()) == plan(desired(*reversed(EVERYTHING)), Live())


def test_durations_are_seconds() -> None:
    assert [seconds("90s"), seconds("5m"), seconds("2h")] == [90, 300, 7200]
