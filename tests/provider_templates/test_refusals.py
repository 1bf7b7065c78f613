from ums.errors import OutcomeUnknown, Problem, ProviderBusy, ProviderRefused
from ums.provider_templates.refusals import QUOTAS, problems


def told(error: ProviderBusy | ProviderRefused | OutcomeUnknown) -> tuple[str, str]:
    [problem] = problems(error)
    return problem.code, problem.message


def test_a_used_up_quota_says_until_when_and_what_helps() -> None:
    assert told(ProviderBusy("45009", "reach max api daily quota limit", retry_after=7_500)) == (
        "provider_busy",
        f"45009: reach max api daily quota limit ({QUOTAS['45009']}); try again after 2 h 5 min",
    )


def test_too_many_templates_say_what_to_do() -> None:
    assert told(ProviderRefused("200012", "over limit"))[1].endswith(
        "(the account has as many templates as WeChat keeps; delete one there first)"
    )


def test_what_time_mends_and_what_nobody_knows_are_told_apart() -> None:
    assert told(ProviderBusy("50009", "out of freq")) == ("provider_busy", "50009: out of freq; try again")
    assert told(OutcomeUnknown("lost")) == ("outcome_unknown", "lost; it may have been done or not, a sync tells")
    assert problems(ProviderRefused("1", "x"))[0] == Problem(
        path="deliveryChannel", code="provider_refused", message="1: x"
    )
