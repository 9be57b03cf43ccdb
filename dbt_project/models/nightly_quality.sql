{{ config(materialized='incremental', incremental_strategy='insert_overwrite', partition_by=['as_of'],
          on_schema_change='fail') }}

{%- set changed = changed_nights() -%}
{%- set night = 'as_of, model_version, is_late is null' %}

with

predictions as (
    select carrier, flight, origin, flight_date, as_of, score, model_version, run_id
    from {{ source('gold', 'late_arrival_predictions') }}
    where role = 'champion' and {{ changed.as_of }}
),

outcomes as (
    select carrier, flight, origin, flight_date, sched_dep_time div 60 % 24 as scheduled_hour, is_late, batch
    from {{ source('silver', 'outcomes') }}
    where {{ changed.flight_date }}
),

{# What carriers' flights at each hour were known to have done, by when that was known. #}
history as (
    select
        carrier,
        sched_dep_time div 60 % 24 as scheduled_hour,
        valid_from,
        valid_to,
        count(*) as flights,
        count_if(is_late) as late
    from {{ source('silver', 'outcomes__history') }}
    group by all
),

nights as (
    select distinct as_of
    from predictions
),

known_then as (
    select nights.as_of, history.carrier, history.scheduled_hour, sum(history.flights) as flights, sum(history.late) as late
    from nights
    inner join history
        on history.valid_from <= nights.as_of
        and history.valid_from > nights.as_of - interval {{ var('baseline_days') | int }} days
        and (history.valid_to is null or history.valid_to > nights.as_of)
    group by all
),

scored as (
    select predictions.*, outcomes.scheduled_hour, outcomes.is_late, outcomes.batch
    from predictions
    left join outcomes using (carrier, flight, origin, flight_date)
),

{# Scored flights among what was known: the baseline is then a sum over a window, and an unseen carrier or hour
   a sum of nothing. #}
among_known as (
    select as_of, carrier, scheduled_hour, 0 as flights, 0 as late,
           true as is_scored, score, model_version, run_id, is_late, batch
    from scored
    union all
    select as_of, carrier, scheduled_hour, flights, late,
           false as is_scored, null as score, null as model_version, null as run_id, null as is_late, null as batch
    from known_then
),

with_baseline as (
    select
        *,
        coalesce(
            try_divide(
                sum(late) over (partition by as_of, scheduled_hour, carrier),
                sum(flights) over (partition by as_of, scheduled_hour, carrier)
            ),
            try_divide(
                sum(late) over (partition by as_of, scheduled_hour),
                sum(flights) over (partition by as_of, scheduled_hour)
            ),
            try_divide(sum(late) over (partition by as_of), sum(flights) over (partition by as_of))
        ) as baseline_score
    from among_known
),

{# Flights without an outcome are ranked among themselves, and not used. #}
ranked as (
    select
        *,
        {{ rank_mid_ties('score', night) }} as score_rank,
        {{ rank_mid_ties('baseline_score', night) }} as baseline_rank,
        {{ log_loss('score', 'is_late') }} as log_loss,
        {{ brier('score', 'is_late') }} as brier,
        cast(least(floor(score * 10), 9) as int) as bin
    from with_baseline
    where is_scored
),

bins as (
    select
        as_of,
        model_version,
        bin,
        count(*) as flights,
        count(is_late) as flights_known,
        count_if(is_late) as flights_late,
        sum(score) as score_sum,
        sum(if(is_late is not null, score, 0)) as known_score_sum,
        sum(if(is_late, score_rank, 0)) as late_rank_sum,
        sum(if(is_late, baseline_rank, 0)) as late_baseline_rank_sum,
        count_if(is_late is not null and baseline_score is null) as flights_without_baseline,
        sum(log_loss) as log_loss_sum,
        sum(brier) as brier_sum,
        max(run_id) as run_id,
        max(batch) as outcomes_batch
    from ranked
    group by all
),

totals as (
    select
        as_of,
        model_version,
        sum(flights) as flights,
        sum(flights_known) as flights_known,
        sum(flights_late) as flights_late,
        sum(score_sum) as score_sum,
        sum(late_rank_sum) as late_rank_sum,
        if(sum(flights_without_baseline) = 0, sum(late_baseline_rank_sum), null) as late_baseline_rank_sum,
        sum(log_loss_sum) as log_loss_sum,
        sum(brier_sum) as brier_sum,
        max(run_id) as run_id,
        max(outcomes_batch) as outcomes_batch,
        array_sort(collect_list(struct(bin, flights, flights_known, flights_late, known_score_sum))) as bins
    from bins
    group by all
)

select
    as_of,
    model_version,
    flights,
    flights_known,
    flights_late,
    score_sum / flights as mean_score,
    try_divide(flights_late, flights_known) as late_rate,
    {{ auc('late_rank_sum', 'flights_late', '(flights_known - flights_late)') }} as auc,
    {{ auc('late_baseline_rank_sum', 'flights_late', '(flights_known - flights_late)') }} as baseline_auc,
    try_divide(log_loss_sum, flights_known) as log_loss,
    try_divide(brier_sum, flights_known) as brier,
    run_id,
    outcomes_batch,
    bins
from totals
