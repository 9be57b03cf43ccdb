"""Set-up tells plain Spark where Delta is."""

import importlib.util
from pathlib import Path

SCRIPT = Path(__file__).parents[3] / "setup" / "spark_conf.py"


def test_spark_conf_names_the_jars_and_the_delta_extension(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("spark_conf", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    jars, package = tmp_path / "jars", tmp_path / "pyspark"
    jars.mkdir()
    package.mkdir()
    for name in ("b.jar", "a.jar"):
        (jars / name).touch()

    folder = module.write(package, jars, tmp_path / "log_store.jar")

    lines = (folder / "spark-defaults.conf").read_text().splitlines()
    assert lines[:2] == [
        f"spark.jars {jars / 'a.jar'},{jars / 'b.jar'}",
        "spark.sql.extensions io.delta.sql.DeltaSparkSessionExtension",
    ]
    assert "rootLogger.level = error" in (folder / "log4j2.properties").read_text()

    assert "spark.delta.logStore.file.impl" not in "\n".join(lines)

    (tmp_path / "log_store.jar").touch()
    lines = (module.write(package, jars, tmp_path / "log_store.jar") / "spark-defaults.conf").read_text().splitlines()
    assert lines[0].endswith(f"{jars / 'b.jar'},{tmp_path / 'log_store.jar'}")
    assert lines[-1] == "spark.delta.logStore.file.impl assay.LinkingLogStore"
