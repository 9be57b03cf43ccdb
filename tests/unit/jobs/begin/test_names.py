"""Names made of whatever files and columns are called."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.config.source import RESERVED
from jobs.begin.names import identifier, in_sql, is_identifier


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("arr_delay", "arr_delay"),
        ("ArrDelay", "ArrDelay"),
        ("Order Amount", "order_amount"),
        ("Prix (€) à l'unité", "prix_a_l_unite"),
        ("2nd__try", "n_2nd_try"),
        ("batch", "batch_value"),
        ("_flags", "flags_value"),
        ("日本", "column"),
        ("", "column"),
    ],
)
def test_a_name_is_like_what_people_say(text: str, name: str) -> None:
    assert identifier(text) == name


def test_a_name_that_is_given_gets_a_number() -> None:
    assert identifier("Id", {"id", "id_2"}) == "Id_3"


@given(st.text(), st.sets(st.sampled_from(["a", "b", "column", "a_2"])))
def test_any_text_makes_a_name_that_no_other_has(text: str, taken: set[str]) -> None:
    name = identifier(text, taken)
    assert is_identifier(name)
    assert name.lower() not in taken | RESERVED


def test_words_of_sql_are_quoted_where_they_are_names() -> None:
    assert [in_sql(name) for name in ("user", "carrier", "Left")] == ["`user`", "carrier", "`Left`"]
