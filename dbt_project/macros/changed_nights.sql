{#- The condition on predictions that selects the nights an incremental run has to work out: those scored (again)
    since, and those with outcomes landed since. Batches are numbered as they land, so that a late outcome or a
    correction of an old flight brings its night back, however old. Asked for beforehand, as literals, so that only
    these nights' partitions and days are read. -#}
{% macro changed_nights() %}
    {%- if not is_incremental() -%}
        {{- return({'as_of': 'true', 'flight_date': 'true'}) -}}
    {%- endif -%}
    {%- set changed -%}
        with

        done as (
            select distinct as_of, run_id, true as is_done from {{ this }}
        ),

        arrived as (
            select distinct carrier, flight, origin, flight_date, true as has_arrived
            from {{ source('silver', 'outcomes') }}
            where batch > (select coalesce(max(outcomes_batch), -1) from {{ this }})
        ),

        nights as (
            select as_of, min(flight_date) as first_day, max(flight_date) as last_day
            from {{ source('gold', 'late_arrival_predictions') }}
            left join done using (as_of, run_id)
            left join arrived using (carrier, flight, origin, flight_date)
            where role = 'champion'
            group by as_of
            having count_if(is_done is null or has_arrived) > 0
        )

        select
            concat('as_of in (', array_join(collect_list(concat("timestamp'", as_of, "'")), ', '), ')') as as_of,
            concat("flight_date between date'", min(first_day), "' and date'", max(last_day), "'") as flight_date
        from nights
        having count(*) > 0
    {%- endset -%}
    {%- set found = run_query(changed) -%}
    {%- if found | length == 0 -%}
        {{- return({'as_of': 'false', 'flight_date': 'false'}) -}}
    {%- endif -%}
    {{- return({'as_of': found.rows[0]['as_of'], 'flight_date': found.rows[0]['flight_date']}) -}}
{% endmacro %}
