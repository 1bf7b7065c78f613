"""`ums preview`: what a template would say, from the files alone."""

import json

from tests.cli.conftest import Terminal

MAIL = """---
apiVersion: ums/v1
kind: Template
channel: shop
name: hello
variables: {name: {maxLength: 5}}
content: {email: {subject: "Hello {{name}}", text: "<p>{{name}}</p>"}}
"""


def test_a_preview_shows_each_type(ums: Terminal) -> None:
    ums.channel.write_text(ums.channel.read_text() + MAIL)

    code, output, errors = ums.run("preview", "shop/hello", "--var", "name=A&B")

    assert (code, errors) == (0, "")
    kind, _, content = output.partition("\n")
    assert kind == "email"
    assert json.loads(content) == {"subject": "Hello A&B", "text": "<p>A&amp;B</p>"}


def test_a_preview_says_what_a_send_would_be_refused_for(ums: Terminal) -> None:
    ums.channel.write_text(ums.channel.read_text() + MAIL)

    code, output, errors = ums.run("preview", "shop/hello", "--var", "name=Robert", "--format", "json")

    assert (code, errors) == (1, "")
    message = "found 6 characters, expected at most 5, the variable's maxLength"
    assert json.loads(output) == {
        "content": {},
        "problems": [{"path": "variables.name", "code": "invalid_variable", "message": message}],
    }


def test_who_names_no_channel_or_no_value_is_told(ums: Terminal) -> None:
    assert ums.run("preview", "shpo/hello")[2] == (
        "no Channel 'shpo' is declared; did you mean 'shop'?; name CHANNEL/TEMPLATE\n"
    )
    assert ums.run("preview", "shop/hello", "--var", "name")[0] == 1
