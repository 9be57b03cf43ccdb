"""A key by words: values in its order, columns by name, and what is said where a word is neither."""

import pytest

from assay.config import Model
from assay.errors import ConfigError
from model.explain.key import given_key, told

MODEL = Model.model_validate({
    "name": "late", "description": "Late?", "spine": {"train": "select 1", "score": "select 1"},
    "key": ["carrier", "flight", "day"], "features": {}, "split": {"holdout": "1d"},
    "train": {"every": "7d", "window": "30d"}, "gates": {},
})  # fmt: skip


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["UA", "7", "2013-03-07"], {"carrier": "UA", "flight": "7", "day": "2013-03-07"}),
        (["UA", "7"], {"carrier": "UA", "flight": "7"}),
        (["day=2013-03-07", "carrier=UA"], {"day": "2013-03-07", "carrier": "UA"}),
        (["flight=7", "UA", "2013-03-07"], {"flight": "7", "carrier": "UA", "day": "2013-03-07"}),
        (["carrier=a=b"], {"carrier": "a=b"}),
        (["12=3"], {"carrier": "12=3"}),
        (["-1"], {"carrier": "-1"}),
        ([""], {"carrier": ""}),
    ],
)
def test_a_key_is_given_by_place_or_by_name(words: list[str], expected: dict[str, str]) -> None:
    assert given_key(MODEL, words) == expected


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["carier=UA"], "carrier, flight, day: did you mean 'carrier'?"),
        (["carrier=UA", "carrier=DL"], "carrier, flight, day"),
        (["UA", "7", "2013-03-07", "more"], "carrier, flight, day"),
    ],
)
def test_words_that_are_no_key_are_refused(words: list[str], hint: str) -> None:
    with pytest.raises(ConfigError) as raised:
        given_key(MODEL, words)
    assert raised.value.found == " ".join(words)
    assert str(raised.value.expected).endswith(hint)
    assert raised.value.do == "assay explain late carrier=… flight=… day=… --as-of …"


def test_a_key_is_told_as_it_may_be_given() -> None:
    assert told(MODEL, ("UA", 7, None)) == "carrier=UA flight=7 day=None"
