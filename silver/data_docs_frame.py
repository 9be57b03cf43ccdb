"""The frame of the Data Docs pages: the library's templates for what a page says, ours for all around it."""

import html
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING
from urllib.parse import quote

from jinja2 import ChoiceLoader, DictLoader, pass_context
from jinja2.runtime import Context

if TYPE_CHECKING:
    from great_expectations.render.view import DefaultJinjaPageView

FRAME = "data_docs.html"
"""The template of every page."""

# In place of the library's, which needs a script to open.
_COLLAPSE = """\
<details><summary>{{ content_block["collapse_toggle_link"] | render_content_block }}</summary>
{% for block in content_block["collapse"] %}
{{ block | render_content_block(content_block_id=content_block_id ~ "-" ~ loop.index) }}
{% endfor %}
</details>
"""


@cache
def view() -> "DefaultJinjaPageView":
    """The library's page view, in our frame and with every text escaped that it would show as markup.

    Raw values and descriptions come from data and configuration; the library writes both into its pages
    as they are.
    """
    from great_expectations.render.view import DefaultJinjaPageView

    class OfflineView(DefaultJinjaPageView):  # type: ignore[misc]  # the library counts as untyped
        @pass_context
        def render_content_block(
            self, context: Context, content_block: object, *args: object, **kwargs: object
        ) -> object:
            if isinstance(content_block, str):
                return html.escape(content_block)
            return super().render_content_block(context, content_block, *args, **kwargs)

        def render_string_template(self, template: object) -> object:
            if isinstance(template, dict) and not template.get("params"):
                template = {**template, "template": html.escape(template.get("template") or "")}
            return super().render_string_template(template)

    made = OfflineView()
    files = resources.files("silver")
    ours = {FRAME: (files / FRAME).read_text("utf-8"), "collapse.j2": _COLLAPSE}
    made.env.loader = ChoiceLoader([DictLoader(ours), made.env.loader])
    made.env.auto_reload = False
    made.env.globals["style"] = (files / "data_docs.css").read_text("utf-8")
    made.env.filters["path"] = quote
    return made
