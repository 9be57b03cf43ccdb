with

outcomes as (
    select carrier, flight, origin, dest, flight_date, arr_delay, is_late, is_cancelled
    from {{ source('silver', 'outcomes') }}
),

predictions as (
    select carrier, flight, origin, flight_date, as_of, score
    from {{ source('gold', 'late_arrival_predictions') }}
    where role = 'champion'
),

period as (
    select max(flight_date) as last_day from outcomes
),

recent as (
    select outcomes.*
    from outcomes
    inner join period
        on outcomes.flight_date > date_sub(period.last_day, {{ var('route_days') | int }})
),

{# A flight can be scored for several as_of; its last score counts. #}
last_scores as (
    select carrier, flight, origin, flight_date, max_by(score, as_of) as score
    from predictions
    group by all
),

routes as (
    select
        recent.origin,
        recent.dest,
        min(recent.flight_date) as first_day,
        max(recent.flight_date) as last_day,
        count(*) as flights,
        count_if(recent.is_late) as late,
        count_if(recent.is_late) / count(*) as late_rate,
        avg(recent.arr_delay) as mean_arr_delay,
        count_if(recent.is_cancelled) as cancelled,
        count(last_scores.score) as flights_scored,
        avg(last_scores.score) as mean_score
    from recent
    left join last_scores using (carrier, flight, origin, flight_date)
    group by all
    having count(*) >= {{ var('route_flights') | int }}
)

select
    row_number() over (order by late_rate desc, flights desc, origin, dest) as place,
    *
from routes
