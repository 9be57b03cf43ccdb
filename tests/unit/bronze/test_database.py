"""Connections by name, identifiers and literals of the database, and what is never shown."""

from pathlib import Path

import pytest

from assay.config.environment import Connection
from assay.errors import ConfigError
from assay.lakehouse import Lakehouse, open_lakehouse
from bronze.database import check_connections, classes_of, quoted_name, quoted_table, quoted_text, without_secrets

CONTRACT = "description: X.\nfrom: {jdbc: shop, table: orders, cursor: id}\nkey: [a]\ncolumns: {a: {type: string}}\n"
SECRET = Connection.model_validate({"url": "jdbc:postgresql://db/shop", "user": "me", "password": "pass'word"})


def lakehouse(folder: Path, environment: str) -> Lakehouse:
    conf = folder / "conf"
    (conf / "env").mkdir(parents=True)
    (conf / "env" / "local.yml").write_text(environment)
    (conf / "x" / "sources").mkdir(parents=True)
    (conf / "x" / "lakehouse.yml").write_text("name: x\ndescription: X.\n")
    (conf / "x" / "sources" / "orders.yml").write_text(CONTRACT)
    return open_lakehouse(conf / "x")


@pytest.mark.parametrize(
    ("environment", "what", "expected"),
    [
        ("description: Here.\n", "There is no connection 'shop' in environment local.", "connections"),
        (
            "connections: {shops: {url: 'jdbc:postgresql://db/shop'}}\n",
            "There is no connection 'shop' in environment local.",
            "did you mean 'shops'?",
        ),
        (
            "connections: {shop: {url: 'jdbc:mysql://secret@db/shop'}}\n",
            "The address of connection shop is of no database that is known.",
            "jdbc:postgresql://host:5432/database",
        ),
    ],
)
def test_a_contract_names_a_connection_of_the_environment(
    tmp_path: Path, environment: str, what: str, expected: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        check_connections(lakehouse(tmp_path, environment))
    assert (caught.value.what, caught.value.expected) == (what, expected)
    assert "secret" not in str(caught.value)


def test_a_connection_that_is_there_is_found(tmp_path: Path) -> None:
    check_connections(lakehouse(tmp_path, "connections: {shop: {url: 'jdbc:postgresql://db/shop'}}\n"))


def test_names_and_texts_are_quoted() -> None:
    assert quoted_name('a"; DROP TABLE x; --') == '"a""; DROP TABLE x; --"'
    assert quoted_table("public.Orders") == '"public"."Orders"'
    assert quoted_text("o'clock") == "'o''clock'"


def test_no_value_of_a_connection_can_be_read_in_a_text() -> None:
    told = without_secrets(SECRET, 'role "me" of jdbc:postgresql://db/shop, pass\'word')
    assert told == 'role "***" of ***, ***'


def test_types_of_the_database_have_classes() -> None:
    assert classes_of({"a": "int8", "b": "_int4", "c": "jsonb", "d": "timestamptz", "e": "numeric", "f": "bytea"}) == {
        "a": "integer", "b": "nested", "c": "string", "d": "timestamp", "e": "decimal", "f": "binary",
    }  # fmt: skip
