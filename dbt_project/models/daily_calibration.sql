with

nightly_quality as (
    select as_of, model_version, bins
    from {{ ref('nightly_quality') }}
),

bins as (
    select nightly_quality.as_of, nightly_quality.model_version, b.*
    from nightly_quality
    lateral view inline(bins) b
)

select
    as_of,
    model_version,
    bin,
    bin / 10 as score_from,
    (bin + 1) / 10 as score_to,
    flights,
    flights_known,
    try_divide(known_score_sum, flights_known) as mean_score,
    try_divide(flights_late, flights_known) as late_rate,
    try_divide(flights_late - known_score_sum, flights_known) as gap
from bins
