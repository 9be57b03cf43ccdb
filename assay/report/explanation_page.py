"""An explanation as one HTML page, without network, script or IO."""

from __future__ import annotations

from collections.abc import Mapping

from assay.report.explanation import Explanation
from assay.report.page import environment
from assay.report.waterfall import signed, value_of, waterfall


def render_explanation(explanation: Explanation) -> str:
    """Render the page.

    Args:
        explanation: What to show; every text in it is escaped.

    Returns:
        A whole HTML document. The same explanation always gives the same bytes.
    """
    page = environment().get_template("explanation.html")
    return page.render(explanation=explanation, told=told, signed=signed, value_of=value_of, waterfall=waterfall)


def told(values: Mapping[str, object]) -> str:
    """`carrier=UA flight=1545`; a value that is missing is left empty."""
    return " ".join(f"{name}={'' if value is None else value}" for name, value in values.items())
