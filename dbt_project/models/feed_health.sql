with

files as (
    select source, batch, status, records, bytes, available_at, as_of
    from {{ source('ops', 'files') }}
),

runs as (
    select run_id, stage, as_of, ended_at, metrics
    from {{ source('ops', 'runs') }}
    where status = 'done' and stage in ('bronze', 'silver')
),

measures as (
    select runs.stage, runs.as_of, struct(runs.ended_at, runs.run_id) as told, m.target as source, m.batch, m.metric, m.value
    from runs
    lateral view inline(metrics) m as target, batch, metric, label, value
),

{# Each file; each look at a source, so that one that brought nothing is a row too; each count of silver's.
   batch is NULL for what did not land. #}
facts as (
    select
        source,
        if(status = 'landed', batch, null) as batch,
        as_of,
        status,
        bytes,
        if(status = 'landed', records, 0) as records,
        if(status = 'landed', available_at, null) as available_at,
        null as metric,
        null as value,
        null as told
    from files
    union all
    select source, null, as_of, null, 0, 0, null, null, null, null
    from measures
    where stage = 'bronze' and metric = 'files'
    union all
    select source, batch, null, null, 0, 0, null, metric, value, told
    from measures
    where stage = 'silver' and metric in ('accepted', 'quarantined', 'duplicates')
),

{# A batch that silver worked on twice counts as the newest run accounted for it. #}
batches as (
    select
        source,
        batch,
        max(as_of) as as_of,
        count_if(status = 'landed') as files,
        count_if(status = 'duplicate') as duplicate_files,
        count_if(status = 'quarantined') as quarantined_files,
        sum(bytes) as bytes,
        sum(records) as records,
        max(available_at) as available_at,
        max_by(value, told) filter (where metric = 'accepted') as accepted,
        max_by(value, told) filter (where metric = 'quarantined') as quarantined,
        max_by(value, told) filter (where metric = 'duplicates') as duplicates
    from facts
    group by source, batch, if(batch is null, as_of, null)
),

{# A day with a batch that silver has not accounted for yet has no counts, rather than counts too low. #}
days as (
    select
        source,
        to_date(as_of) as day,
        max(as_of) as as_of,
        sum(files) as files,
        sum(duplicate_files) as duplicate_files,
        sum(quarantined_files) as quarantined_files,
        sum(bytes) as bytes,
        sum(records) as records,
        if(count(batch) = count(accepted), cast(coalesce(sum(accepted), 0) as bigint), null) as accepted,
        if(count(batch) = count(quarantined), cast(coalesce(sum(quarantined), 0) as bigint), null) as quarantined,
        if(count(batch) = count(duplicates), cast(coalesce(sum(duplicates), 0) as bigint), null) as duplicates,
        max(max(available_at)) over (partition by source order by to_date(as_of)) as newest_available_at
    from batches
    where as_of is not null
    group by source, to_date(as_of)
)

select
    *,
    try_divide(quarantined, records) as quarantined_rate,
    (unix_timestamp(as_of) - unix_timestamp(newest_available_at)) / 3600 as hours_since_delivery
from days
where newest_available_at is not null or bytes > 0
