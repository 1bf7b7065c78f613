"""`previewTemplate`."""

from tests.api.conftest import Api

PREVIEW = """query ($name: String!, $variables: JSON) {
  previewTemplate(name: $name, variables: $variables) { content problems { code path message } } }"""


async def test_a_preview_says_the_content_of_each_type(api: Api) -> None:
    found = (await api.asks(PREVIEW, name="shipped", variables={"name": "<Ann>"}))["previewTemplate"]

    assert found["problems"] == []
    assert found["content"]["email"]["text"] == "<p>Dear &lt;Ann&gt;, it left with our own van.</p>"
    assert found["content"]["sms"] == {"temp_id": 7, "temp_para": {"name": "<Ann>"}}


async def test_a_preview_says_what_is_wrong(api: Api) -> None:
    missing = (await api.asks(PREVIEW, name="shipped"))["previewTemplate"]
    foreign = (await api.asks(PREVIEW, name="lunch"))["previewTemplate"]

    message = "name has no value and no default; give one"
    assert missing == {
        "content": {},
        "problems": [{"code": "missing_variable", "path": "variables.name", "message": message}],
    }
    assert [problem["code"] for problem in foreign["problems"]] == ["unknown_template"]
