with

files as (
    select source, batch, status, records, bytes, available_at, run_id
    from {{ source('ops', 'files') }}
),

runs as (
    select run_id, stage, as_of, ended_at, metrics
    from {{ source('ops', 'runs') }}
    where status = 'done'
),

landings as (
    select run_id, as_of, to_date(as_of) as day
    from runs
    where stage = 'bronze'
),

{# A batch that silver worked on twice counts as the newest run accounted for it. #}
measures as (
    select
        m.target as source,
        m.batch,
        m.metric,
        max_by(m.value, struct(runs.ended_at, runs.run_id)) as value
    from runs
    lateral view inline(metrics) m as target, batch, metric, label, value
    where runs.stage = 'silver' and m.metric in ('accepted', 'quarantined', 'duplicates')
    group by all
),

counts as (
    select
        source,
        batch,
        sum(value) filter (where metric = 'accepted') as accepted,
        sum(value) filter (where metric = 'quarantined') as quarantined,
        sum(value) filter (where metric = 'duplicates') as duplicates
    from measures
    group by all
),

{# batch is NULL for files that did not land. #}
batches as (
    select
        files.source,
        landings.day,
        max(landings.as_of) as as_of,
        if(files.status = 'landed', files.batch, null) as batch,
        count_if(files.status = 'landed') as files,
        count_if(files.status = 'duplicate') as duplicate_files,
        count_if(files.status = 'quarantined') as quarantined_files,
        sum(files.bytes) as bytes,
        sum(if(files.status = 'landed', files.records, 0)) as records,
        max(if(files.status = 'landed', files.available_at, null)) as available_at
    from files
    inner join landings using (run_id)
    group by files.source, landings.day, if(files.status = 'landed', files.batch, null)
),

counted as (
    select batches.*, counts.accepted, counts.quarantined, counts.duplicates
    from batches
    left join counts using (source, batch)
),

{# Every source on every day: a feed that fell silent is a row too. #}
silence as (
    select sources.source, landings.day, landings.as_of
    from (select distinct source from files) as sources
    cross join landings
),

with_silence as (
    select source, day, as_of, batch, files, duplicate_files, quarantined_files, bytes, records, available_at,
           accepted, quarantined, duplicates
    from counted
    union all
    select source, day, as_of, null, 0, 0, 0, 0, 0, null, null, null, null
    from silence
),

{# A day with a batch that silver has not accounted for yet has no counts, rather than counts too low. #}
days as (
    select
        source,
        day,
        max(as_of) as as_of,
        sum(files) as files,
        sum(duplicate_files) as duplicate_files,
        sum(quarantined_files) as quarantined_files,
        sum(bytes) as bytes,
        sum(records) as records,
        if(count(batch) = count(accepted), cast(coalesce(sum(accepted), 0) as bigint), null) as accepted,
        if(count(batch) = count(quarantined), cast(coalesce(sum(quarantined), 0) as bigint), null) as quarantined,
        if(count(batch) = count(duplicates), cast(coalesce(sum(duplicates), 0) as bigint), null) as duplicates,
        max(max(available_at)) over (partition by source order by day) as newest_available_at
    from with_silence
    group by source, day
)

select
    *,
    try_divide(quarantined, records) as quarantined_rate,
    (unix_timestamp(as_of) - unix_timestamp(newest_available_at)) / 3600 as hours_since_delivery
from days
where newest_available_at is not null or bytes > 0
