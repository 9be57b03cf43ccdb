"""A lakehouse's folder and its environment: what one file says of another is checked."""

from pathlib import Path

import pytest

from assay.config import load_environment, load_lakehouse
from assay.config.alerts import Alerts
from assay.config.environment import Environment, Metrics, MLflow, Spark
from assay.errors import ConfigError

FILES = {
    "x/lakehouse.yml": "name: x\ndescription: Meters.\n",
    "x/sources/readings.yml": (
        "description: Readings.\nfrom: {files: landing/*.csv}\nkey: [meter]\n"
        "columns: {meter: {type: string}, value: {type: int}}\nderived: {zone: upper(meter)}\n"
    ),
    "x/features/usage.yml": (
        "description: Usage.\nentity: {zone: [zone]}\nsource: readings\nwindows: [1d]\n"
        'features:\n  n: {count: "*", description: Readings}\n  total: {sum: value, description: Sum}\n'
    ),
    "x/models/demand.yml": (
        "description: Demand.\nspine: {train: select 1, score: select 1}\nkey: [zone]\n"
        "features:\n  usage: [n_1d, total_1d]\n"
        "split: {validation: 1d, holdout: 1d}\ntrain: {every: 7d, window: 28d}\ngates: {auc: {min: 0.6}}\n"
    ),
    "env/local.yml": "description: Here.\n",
}


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    """A small lakehouse that is valid; its folder's parent is `conf`."""
    for name, text in FILES.items():
        path = tmp_path / "conf" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "conf" / "x"


def refusal(conf: Path, file: str, old: str, new: str) -> tuple[str, str, object, object]:
    """What the error says after a change of one file: what, where, found, expected."""
    path = conf / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(ConfigError) as caught:
        load_lakehouse(conf)
    error = caught.value
    return error.what, error.where.removeprefix(f"{conf}/"), error.found, error.expected


def test_load_lakehouse_reads_every_file_under_its_name(conf: Path) -> None:
    config = load_lakehouse(conf)
    assert (config.name, list(config.sources), list(config.features), list(config.models)) == (
        "x", ["readings"], ["usage"], ["demand"],
    )  # fmt: skip
    assert [document.name for document in (config.sources["readings"], config.models["demand"])] == [
        "readings",
        "demand",
    ]


def test_load_lakehouse_reads_the_flights() -> None:
    config = load_lakehouse(Path("conf/flights"))
    assert (config.name, config.file.time_zone) == ("flights", "America/New_York")
    assert sorted(config.sources) == ["airlines", "airports", "outcomes", "planes", "schedule", "weather"]
    assert sorted(config.models) == ["late_arrival"]


def test_load_lakehouse_of_another_folder_says_what_one_looks_like(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_lakehouse(tmp_path)
    error = caught.value
    assert (error.what, error.where, error.expected, error.do) == (
        "This is no lakehouse's configuration folder.",
        str(tmp_path),
        "a folder with lakehouse.yml",
        "name one with --conf-dir or ASSAY_CONF, such as conf/flights",
    )


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        (
            "features/usage.yml",
            "source: readings",
            "source: reading",
            (
                "There is no source 'reading'.",
                "features/usage.yml:3, key source",
                "reading",
                "did you mean 'readings'?",
            ),
        ),
        (
            "features/usage.yml",
            "zone: [zone]",
            "zone: [zones]",
            (
                "There is no column of source readings 'zones'.",
                "features/usage.yml:2, key entity",
                "zones",
                "did you mean 'zone'?",
            ),
        ),
        (
            "models/demand.yml",
            "usage:",
            "usages:",
            (
                "There is no feature table 'usages'.",
                "models/demand.yml:5, key features.usages",
                "usages",
                "did you mean 'usage'?",
            ),
        ),
        (
            "models/demand.yml",
            "n_1d, total_1d",
            "n_1d, total_7d",
            (
                "There is no feature in usage 'total_7d'.",
                "models/demand.yml:5, key features.usage",
                "total_7d",
                "did you mean 'total_1d'?",
            ),
        ),
    ],
    ids=["source", "key column", "feature table", "feature"],
)
def test_unknown_name_is_answered_with_line_and_nearest_name(
    conf: Path, file: str, old: str, new: str, expected: tuple[str, str, str, str]
) -> None:
    assert refusal(conf, file, old, new) == expected


def test_first_wrong_key_is_answered_with_file_line_and_nearest_key(conf: Path) -> None:
    assert refusal(conf, "models/demand.yml", "split:", "splt:") == (
        "The configuration is not valid: unknown key splt: did you mean 'split'?",
        "models/demand.yml:6, key splt",
        None,
        None,
    )


def test_file_whose_name_is_no_table_name_is_refused(conf: Path) -> None:
    (conf / "sources/readings.yml").rename(conf / "sources/my-readings.yml")
    with pytest.raises(ConfigError, match="'my-readings' is not a name") as caught:
        load_lakehouse(conf)
    assert caught.value.where == f"{conf}/sources/my-readings.yml, key name"


def test_load_environment_has_defaults_for_one_machine(conf: Path) -> None:
    assert load_environment(conf, "local").model_dump() == {
        "name": "local",
        "description": "Here.",
        "warehouse": "warehouse",
        "landing": None,
        "spark": Spark(master="local[*]").model_dump(),
        "mlflow": MLflow().model_dump(),
        "connections": {},
        "alerts": Alerts().model_dump(),
        "metrics": Metrics().model_dump(),
        "prices": None,
        "sql_server": None,
    }


def test_load_environment_puts_variables_into_text_at_any_depth(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUCKET", "s3a://lake")
    monkeypatch.setenv("REGION", "eu")
    (conf.parent / "env/cloud.yml").write_text(
        "warehouse: ${BUCKET}/${REGION}/warehouse\nspark: {master: null, conf: {a.b: '${REGION}', c: 2, d: $HOME}}\n"
    )
    wanted = Environment(
        name="cloud",
        warehouse="s3a://lake/eu/warehouse",
        spark=Spark(master=None, conf={"a.b": "eu", "c": 2, "d": "$HOME"}),
    )
    assert load_environment(conf, "cloud").model_dump() == wanted.model_dump()


def test_load_environment_names_a_variable_that_is_not_set(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_SERVER", raising=False)
    (conf.parent / "env/cloud.yml").write_text("mlflow:\n  tracking_uri: https://${MLFLOW_SERVER}\n")
    with pytest.raises(ConfigError) as caught:
        load_environment(conf, "cloud")
    error = caught.value
    assert (error.what, error.where.removeprefix(f"{conf.parent}/"), error.do) == (
        "The environment variable MLFLOW_SERVER is not set.",
        "env/cloud.yml:2, key mlflow.tracking_uri",
        "export it",
    )


def test_unknown_environment_is_answered_with_the_nearest(conf: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_environment(conf, "locl")
    error = caught.value
    assert (error.what, error.found, error.expected) == (
        "There is no environment 'locl'.", "locl", "did you mean 'local'?",
    )  # fmt: skip


def test_name_in_a_file_must_be_the_files(conf: Path) -> None:
    assert refusal(conf, "sources/readings.yml", "description:", "name: reading\ndescription:") == (
        "The name is not the file's.", "sources/readings.yml:1, key name", "reading", "readings",
    )  # fmt: skip


def test_file_with_another_ending_is_not_passed_over(conf: Path) -> None:
    (conf / "models/demand.yml").rename(conf / "models/demand.yaml")
    with pytest.raises(ConfigError, match="would not be read") as caught:
        load_lakehouse(conf)
    assert (caught.value.where, caught.value.do) == (f"{conf}/models/demand.yaml", "rename it to .yml")


def test_environment_error_never_shows_a_value(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_SERVER", "https://me:hidden@mlflow")
    (conf.parent / "env/cloud.yml").write_text("mlflow: ${MLFLOW_SERVER}\n")
    with pytest.raises(ConfigError) as caught:
        load_environment(conf, "cloud")
    assert "hidden" not in str(caught.value)


def test_a_connection_is_never_shown(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "hidden")
    connection = (
        'connections: {shop: {url: "jdbc:postgresql://db/shop?password=hidden", password: "${SHOP_PASSWORD}"}}\n'
    )
    (conf.parent / "env/shop.yml").write_text(connection)
    shop = load_environment(conf, "shop").connections["shop"]
    assert shop.password is not None
    assert shop.password.get_secret_value() == "hidden"
    assert "hidden" not in f"{shop!r} {shop} {shop.model_dump()}"
