{#- One test for all that must hold of a model, in one scan: each failing check is a row.

    unique      columns that no two rows share all values of (NULL is a value)
    not_null    columns that are never NULL
    between     {column: [least, most]}, both included; NULL passes
    conditions  {name: SQL condition over a row}; NULL passes -#}
{% test holds(model, unique=[], not_null=[], between={}, conditions={}) %}
    {%- set checks = [] -%}
    {%- if unique -%}
        {%- do checks.append(["unique (" ~ unique | join(", ") ~ ")",
                              "count(*) - count(distinct struct(" ~ unique | join(", ") ~ "))"]) -%}
    {%- endif -%}
    {%- for column in not_null -%}
        {%- do checks.append([column ~ " is not null", "count_if(" ~ column ~ " is null)"]) -%}
    {%- endfor -%}
    {%- for column, limits in between.items() -%}
        {%- do checks.append([column ~ " between " ~ limits[0] ~ " and " ~ limits[1],
                              "count_if(" ~ column ~ " not between " ~ limits[0] ~ " and " ~ limits[1] ~ ")"]) -%}
    {%- endfor -%}
    {%- for name, condition in conditions.items() -%}
        {%- do checks.append([name, "count_if(not (" ~ condition ~ "))"]) -%}
    {%- endfor %}
    with

    checked as (
        select
            {%- for name, failures in checks %}
            {{ failures }} as check_{{ loop.index }}{{ "," if not loop.last }}
            {%- endfor %}
        from {{ model }}
    ),

    checks as (
        select stack(
            {{ checks | length }},
            {%- for name, failures in checks %}
            '{{ name | replace("'", "\\'") }}', check_{{ loop.index }}{{ "," if not loop.last }}
            {%- endfor %}
        ) as (check_name, failing_rows)
        from checked
    )

    select check_name, failing_rows
    from checks
    where failing_rows > 0
{% endtest %}
