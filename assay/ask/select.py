"""Whether a whole select gives in DuckDB what it gives in Spark: its tables, joins, groups, order and names."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from assay.ask.exact import Scope, kind_of
from assay.ask.kinds import AT, GROUPED, SCALARS, Node, NotQuickError, operands

Columns = Mapping[str, str]
"""Name of a column, in lower case -> the kind of its values."""

_PLAIN = {"qualify": None, "sample": None}


def check_select(node: Node, columns_of: Callable[[str], Columns]) -> Columns:
    """The columns that a select gives; each of the list gets the name that Spark gives it.

    Args:
        node: DuckDB's parse tree; it is changed.
        columns_of: What is known of a table by its SQL name; raises NotQuickError for one that it cannot read.

    Raises:
        NotQuickError: The engines may differ.
    """
    if node["type"] != "SELECT_NODE" or any(node[key] != value for key, value in _PLAIN.items()):
        raise NotQuickError(f"a {node['type'].lower().replace('_', ' ')}")
    for entry in node["cte_map"]["map"]:
        columns_of = _with(entry["key"].lower(), entry["value"], columns_of)
    scope = _scope(node["from_table"], columns_of)
    _condition(node["where_clause"], scope)
    named = _select_list(node["select_list"], scope)
    after = replace(scope, named=named)
    _groups(node, named, after)
    _condition(node["having"], after)
    for modifier in node["modifiers"]:
        _modify(modifier, named, after)
    return named


def _with(name: str, entry: Node, columns_of: Callable[[str], Columns]) -> Callable[[str], Columns]:
    if entry["aliases"] or entry["key_targets"] or entry["materialized"] != "CTE_MATERIALIZE_DEFAULT":
        raise NotQuickError(f"how {name} is written after with")
    found = check_select(entry["query_node"], columns_of)
    return lambda asked: found if asked == name else columns_of(asked)


def _condition(node: Node | None, scope: Scope) -> None:
    if node is not None and (kind := kind_of(node, scope)) != "boolean":
        raise NotQuickError(f"a condition of {kind}")


def _scope(table: Node, columns_of: Callable[[str], Columns]) -> Scope:
    if table.get("column_name_alias") or table["sample"]:
        raise NotQuickError("a table whose columns are named anew")
    match table["type"]:
        case "EMPTY":
            return Scope(())
        case "BASE_TABLE" if not table["catalog_name"] and not table["at_clause"]:
            name = f"{table['schema_name']}.{table['table_name']}".removeprefix(".").lower()
            table["alias"] = table["alias"] or table["table_name"].partition(AT)[0]
            return Scope(((table["alias"].lower(), columns_of(name)),))
        case "SUBQUERY":
            return Scope(((table["alias"].lower(), check_select(table["subquery"]["node"], columns_of)),))
        case "JOIN":
            return _join(table, columns_of)
    raise NotQuickError(f"a {table['type'].lower().replace('_', ' ')}")


def _join(table: Node, columns_of: Callable[[str], Columns]) -> Scope:
    left, right = _scope(table["left"], columns_of), _scope(table["right"], columns_of)
    using = [name.lower() for name in table["using_columns"]]
    sides = ("INNER", "LEFT") if using else ("INNER", "LEFT", "RIGHT", "OUTER")
    if table["ref_type"] not in ("REGULAR", "CROSS") or table["join_type"] not in sides:
        raise NotQuickError(f"a join that is {table['ref_type'].lower()} {table['join_type'].lower()}")
    both = Scope((*left.tables, *right.tables), left.joined | right.joined | frozenset(using))
    if len({alias for alias, _ in both.tables}) < len(both.tables):
        raise NotQuickError("two tables of one name")
    for name in using:
        kinds = {left.kind([name]), right.kind([name])}
        if len(kinds) > 1 or kinds.pop() not in GROUPED:
            raise NotQuickError(f"a join by {name}")
    _condition(table["condition"], both)
    return both


def _select_list(items: list[Node], scope: Scope) -> Columns:
    named: dict[str, str] = {}
    for item in items:
        if item["class"] == "STAR":
            found = _star(item, scope)
        else:
            item["alias"] = name = item["alias"] or _name(item)
            taken = {column for _, columns in scope.tables for column in columns}
            if name.lower() in taken and _column_name(item).lower() != name.lower():
                raise NotQuickError(f"the name {name}, which a column has too")
            found = {name.lower(): kind_of(item, scope)}
        if named.keys() & found.keys():
            raise NotQuickError("two columns of one name")
        named |= found
    return named


def _star(item: Node, scope: Scope) -> dict[str, str]:
    if (
        scope.joined
        or item["columns"]
        or any(item[key] for key in ("exclude_list", "replace_list", "expr", "rename_list", "qualified_exclude_list"))
    ):
        raise NotQuickError("what * stands for here")
    wanted = item["relation_name"].lower()
    found: dict[str, str] = {}
    for alias, columns in scope.tables:
        if wanted in ("", alias):
            if found.keys() & columns.keys():
                raise NotQuickError("two columns of one name")
            found |= columns
    return found


def _column_name(item: Node) -> str:
    return str(item["column_names"][-1]) if item["class"] == "COLUMN_REF" else ""


def _name(item: Node) -> str:
    """What Spark calls a column that has been given no name."""
    if item["class"] == "COLUMN_REF":
        return _column_name(item)
    if item["class"] == "FUNCTION" and not item["filter"] and not item["is_operator"]:
        if item["function_name"] == "count_star":
            return "count(1)"
        if len(given := operands(item)) == 1 and (name := _column_name(given[0])) and name == name.lower():
            return f"{item['function_name']}({'DISTINCT ' if item['distinct'] else ''}{name})"
    raise NotQuickError("a column without a name: say one with as")


def _groups(node: Node, named: Columns, scope: Scope) -> None:
    groups = node["group_expressions"]
    if node["group_sets"] not in ([], [list(range(len(groups)))]):
        raise NotQuickError("grouping sets")
    if node["aggregate_handling"] == "FORCE_AGGREGATES":  # all that is no aggregate
        groups = [item for item in node["select_list"] if item["class"] == "COLUMN_REF"]
        if any(item["class"] not in ("COLUMN_REF", "FUNCTION", "CAST") for item in node["select_list"]):
            raise NotQuickError("what group by all stands for here")
    for group in groups:
        if (kind := _kind_at(group, named, scope)) not in GROUPED:
            raise NotQuickError(f"groups by {kind}")


def _modify(modifier: Node, named: Columns, scope: Scope) -> None:
    match modifier["type"]:
        case "DISTINCT_MODIFIER" if not modifier["distinct_on_targets"]:
            if not GROUPED.issuperset(named.values()):
                raise NotQuickError("distinct rows of floating-point or nested values")
        case "ORDER_MODIFIER":
            for order in modifier["orders"]:
                if (kind := _kind_at(order["expression"], named, scope)) not in SCALARS:
                    raise NotQuickError(f"an order by {kind}")
        case "LIMIT_MODIFIER" if modifier["limit_type"] == "ROW_COUNT":
            for number in filter(None, (modifier["limit"], modifier["offset"])):
                if number["class"] != "CONSTANT" or kind_of(number, scope) != "integer":
                    raise NotQuickError("a limit that is no number")
        case other:
            raise NotQuickError(f"a {other.lower().replace('_', ' ')}")


def _kind_at(node: Node, named: Columns, scope: Scope) -> str:
    """The kind of what rows are grouped or sorted by: an expression, or the place of a column."""
    if node["class"] == "CONSTANT":
        place = node["literal"]["text"]
        if not place.isdigit() or not 1 <= int(place) <= len(named):
            raise NotQuickError(f"the place {place}")
        return list(named.values())[int(place) - 1]
    return kind_of(node, scope)
