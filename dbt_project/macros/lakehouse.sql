{#- Where the lakehouse's tables lie, and how they get their names in a catalog that is in memory. -#}


{#- The URI of a folder under the warehouse. A relative warehouse is meant from the project's folder. -#}
{% macro lakehouse_folder(path) %}
    {%- set warehouse = var('warehouse', env_var('ASSAY_WAREHOUSE', '../warehouse/flights')).rstrip('/') -%}
    {%- if not warehouse.startswith('/') and not modules.re.match('[A-Za-z][A-Za-z0-9+.-]+:', warehouse) -%}
        {%- set warehouse = flags.PROJECT_DIR ~ '/' ~ warehouse -%}
    {%- endif -%}
    {{- return(warehouse ~ '/' ~ path) -}}
{% endmacro %}


{#- Every model lies under <warehouse>/<schema>/<model>, where any other session finds it. -#}
{% macro spark__location_clause() %}
    location '{{ lakehouse_folder(this.schema ~ "/" ~ this.identifier) | replace("'", "\\'") }}'
{% endmacro %}


{#- Names every model that has a folder, and every source that this run asks; leaves alone what has its name already.

    Without this an incremental model would take its table for missing and replace what lies there. -#}
{% macro register_lakehouse() %}
    {%- if execute -%}
        {%- set models = graph.nodes.values() | selectattr('resource_type', 'equalto', 'model') | list -%}
        {%- set asked = [] -%}
        {%- for node in selected_resources -%}
            {#- A unit test is named after its model, whose sources it takes the place of. -#}
            {%- set of = node if not node.startswith('unit_test.') else 'model.' ~ node.split('.')[1:3] | join('.') -%}
            {%- if of in graph.nodes -%}
                {%- do asked.extend(graph.nodes[of].depends_on.nodes) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- for view in graph.sources.values() if view.unique_id in asked and view.meta.current_of is defined -%}
            {%- do asked.append(['source', view.package_name, view.source_name, view.meta.current_of] | join('.')) -%}
        {%- endfor -%}
        {%- set sources = graph.sources.values() | selectattr('unique_id', 'in', asked) | list -%}
        {%- for schema in (models + sources) | map(attribute='schema') | unique -%}
            {%- do adapter.create_schema(api.Relation.create(schema=schema)) -%}
        {%- endfor -%}
        {%- for table in sources | selectattr('meta.path', 'defined') -%}
            {%- do register_table(table.schema, table.identifier, lakehouse_folder(table.meta.path)) -%}
        {%- endfor -%}
        {%- for view in sources | selectattr('meta.current_of', 'defined') -%}
            {%- do register_current(view.schema, view.identifier, view.meta.current_of) -%}
        {%- endfor -%}
        {%- for table in models -%}
            {%- do register_table(table.schema, table.alias, lakehouse_folder(table.schema ~ '/' ~ table.alias)) -%}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}


{#- Names one Delta folder, if there is one. A name that means another folder (of another lakehouse, in a
    process that works on two) is taken off it first; the tables are external, so no data goes with it. -#}
{% macro register_table(schema, name, folder) %}
    {%- set known = adapter.get_relation(database=none, schema=schema, identifier=name) -%}
    {%- set location = 'Location: ' ~ modules.re.sub('^(file:)?/+', 'file:/', folder) ~ '\n' -%}
    {%- if known is none or location not in known.information -%}
        {%- if known is not none -%}
            {%- do adapter.drop_relation(known) -%}
        {%- endif -%}
        {%- set table = api.Relation.create(schema=schema, identifier=name, type='table', is_delta=true,
                                            information=location) -%}
        {%- do run_query(name_delta_folder(table, folder)) -%}
        {%- if run_query("show tables in " ~ schema ~ " like '" ~ name ~ "'") | length > 0 -%}
            {%- do adapter.cache_added(table) -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}


{#- CREATE TABLE alone would write an empty table into a folder that is not there: look first.
    42K03 is the state of "no such path", 42P01 of "no Delta table there"; anything else (no right to read,
    a broken log) stops the run. DESCRIBE DETAIL is not understood inside a script, hence the select. -#}
{% macro name_delta_folder(table, folder) %}
    begin
        declare exit handler for sqlstate '42K03', sqlstate '42P01' begin end;
        select 1 from delta.`{{ folder | replace('`', '``') }}` limit 0;
        create table if not exists {{ table }} using delta location '{{ folder | replace("'", "\\'") }}';
    end
{% endmacro %}


{#- The current rows of a versioned table: `silver.<source>` over `silver.<source>__history`. -#}
{% macro register_current(schema, name, history) %}
    {%- if adapter.get_relation(database=none, schema=schema, identifier=history) is not none
           and adapter.get_relation(database=none, schema=schema, identifier=name) is none -%}
        {%- do run_query('create or replace view ' ~ schema ~ '.' ~ name ~ ' as select * from ' ~ schema ~ '.'
                         ~ history ~ ' where valid_to is null') -%}
    {%- endif -%}
{% endmacro %}
