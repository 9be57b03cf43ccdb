"""A model's request inputs as a feature view on demand: SQL expressions over a row that is asked for and its features.

Spark works them out, whoever asks: assay's offline store as columns of the retrieval (`with_request`), and any other part
of Feast through the view's function (`computed`). Feast keeps the function of such a view as a pickle beside its source,
and loads the pickle where the source fails; ours is kept as source alone (docs/decisions/0020-…).
"""

import json
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from feast import FeatureView, Field, OnDemandFeatureView, RequestSource
from feast.protos.feast.core.Transformation_pb2 import UserDefinedFunctionV2
from feast.transformation.python_transformation import PythonTransformation
from feast.transformation.udf_rehydrate import rehydrate_udf_from_source
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from assay.errors import FeatureError
from assay.frames import local_frame
from assay.sql_expression import NotAllowedError, row_expression
from assay.tables import quoted

# Feast calls views on demand experimental, for all of them at once, and has just asked to be heard.
warnings.filterwarnings("ignore", "On demand feature view is an experimental feature", RuntimeWarning)

REQUEST = "assay.request"
"""A tag of an on-demand feature view: its expressions by their names, as JSON."""
AS_OF = "as_of"
"""What an expression calls the time that a row is asked for."""
_SOURCE = """def {name}(inputs):
    from gold.on_demand import computed

    return computed(inputs, {schema!r}, {expressions!r})
"""


class Written(PythonTransformation):  # type: ignore[misc]  # Feast has no types
    """A function that Feast keeps as its source alone, with features that are declared and not guessed."""

    declared: Sequence[Field] = ()

    def to_proto(self) -> UserDefinedFunctionV2:
        """Without a pickle of the function."""
        return UserDefinedFunctionV2(name=self.udf.__name__, body_text=self.udf_string, mode="python")

    def infer_features(self, *_: Any, **__: Any) -> list[Field]:
        """What is declared."""
        return list(self.declared)


def request_view(
    name: str,
    request: Mapping[str, str],
    schema: T.StructType,
    *,
    columns: Sequence[Field],
    features: Sequence[FeatureView],
    declared: Sequence[Field],
    description: str,
) -> OnDemandFeatureView:
    """The on-demand feature view of some expressions.

    Args:
        name: The view's name.
        request: Name -> SQL expression over the columns and, as `<view>__<feature>`, the features.
        schema: All that the expressions name, with the types of Spark.
        columns: What the row that is asked for has to have.
        features: The feature views, each with the features that are used.
        declared: What the expressions give.
        description: For people.
    """
    ddl = ", ".join(f"{quoted(field.name)} {field.dataType.simpleString()}" for field in schema)
    source = _SOURCE.format(name=name, schema=ddl, expressions=dict(request))
    made = Written(udf=rehydrate_udf_from_source(source, preferred_name=name), udf_string=source)
    made.declared = declared
    return OnDemandFeatureView(
        name=name,
        mode="python",
        schema=list(declared),
        sources=[RequestSource(name=f"{name}ed", schema=list(columns)), *features],
        feature_transformation=made,
        udf_string=source,
        description=description,
        tags={REQUEST: json.dumps(dict(request))},
    )


def expressions(view: OnDemandFeatureView) -> dict[str, str]:
    """The expressions of a view of ours, by their names."""
    found: dict[str, str] = json.loads(view.tags[REQUEST])
    return found


def results(view: OnDemandFeatureView, refs: Sequence[str], *, full: bool) -> dict[str, str]:
    """Column of the result -> its expression, of what some feature references ask of a view on demand."""
    name, found = view.projection.name_to_use(), expressions(view)
    asked = [ref.partition(":")[2] for ref in refs if ref.partition(":")[0] == name]
    return {f"{name}__{each}" if full else each: found[each] for each in asked}


def with_request(
    frame: DataFrame, time: str, views: Sequence[OnDemandFeatureView], refs: Sequence[str], *, full: bool
) -> DataFrame:
    """A retrieval with what is asked of some views on demand, as columns of Spark.

    Args:
        frame: The entity frame with its features.
        time: Its time column, which expressions call `as_of`.
        views: The views.
        refs: What is asked, as `view:feature`.
        full: Whether results are named `<view>__<feature>`, and features are so already.

    Raises:
        FeatureError: The frame lacks a column, or the expression is not allowed.
    """
    for view in views:
        used = [
            (from_, each.name) for from_ in view.source_feature_view_projections.values() for each in from_.features
        ]
        called = {f"{from_.name_to_use()}__{feature}": feature for from_, feature in used} | {AS_OF: time}
        more = [F.col(quoted(name)).alias(long) for long, name in called.items() if long not in frame.columns]
        given = frame.select("*", *more)
        told = []
        for result, expression in results(view, refs, full=full).items():
            try:
                told.append(row_expression(expression, given.columns).alias(result))
            except NotAllowedError as error:
                raise FeatureError(
                    f"The input {result} cannot be worked out.", where=f"feature view {view.name}: {expression}",
                    found=error.found, expected=error.expected, do="give the column in the entity frame",
                ) from error  # fmt: skip
        frame = given.select(*map(quoted, frame.columns), *told)
    return frame


def computed(inputs: Mapping[str, Sequence[Any]], schema: str, request: Mapping[str, str]) -> dict[str, list[Any]]:
    """What some expressions give of columns of values, by way of the session of Spark that runs.

    Args:
        inputs: Column -> its values.
        schema: The columns that are used, with their types, as Spark's DDL.
        request: Name -> expression.
    """
    spark = SparkSession.active()
    given = {AS_OF: inputs.get("event_timestamp", ()), **inputs}
    names = T.StructType.fromDDL(schema).fieldNames()  # type: ignore[attr-defined]
    rows = [dict(zip(names, values, strict=True)) for values in zip(*[given[name] for name in names], strict=True)]
    frame = local_frame(spark, rows, schema)
    told = [row_expression(expression, names).alias(name) for name, expression in request.items()]
    found: dict[str, list[Any]] = frame.select(*told).toArrow().to_pydict()
    return found
