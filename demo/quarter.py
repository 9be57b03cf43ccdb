"""`make quarter`: ninety nights of flights, left to themselves but for six troubles, and what became of those.

python -m demo.quarter [--nights 90] [--fresh]

The lakehouse is in `quarter`, with the configuration of the flights, and a file for what alerts tell.
What a person on call would do, setting a wrong batch aside and having the file delivered anew, is done by this program.
It goes on where an earlier run of it has ended.
"""

import argparse
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import yaml
from rich.console import Console
from rich.table import Table

from assay.catalog import ask
from assay.cli import run, set_up_logging
from assay.errors import ContractError
from assay.lakehouse import Lakehouse, open_lakehouse
from assay.runs import last_complete
from assay.times import nights
from demo.replay import Delivery, deliveries, record_folder
from demo.run import FIRST_FEATURES, FIRST_FLIGHTS, FIRST_NIGHT
from demo.trouble import CAME, CELSIUS, CUT, DAY, EXPECTED, KILLED, SIMPLE, Whole, altered
from gold.audit import run_leaks, run_replay
from jobs.backfill import run_backfill
from jobs.drills.gate import too_simple
from jobs.night.stages import completing
from jobs.nightly import run_night
from jobs.report import index
from silver.accepted import accept
from silver.pending import pending
from silver.rejected import reject

FOLDER = Path("quarter")
NEW_YORK = ZoneInfo("America/New_York")
AUDITED = timedelta(days=13)
"""So many nights before the last are replayed at the end."""


@dataclass
class Feeds:
    """What is delivered, as the nights go by."""

    landing: Path
    coming: list[Delivery]
    """Oldest first."""
    wrong: dict[datetime, Whole] = field(default_factory=dict)
    """Night -> what came wrong for it."""

    def until(self, as_of: datetime) -> None:
        """Deliver what is due by a night."""
        while self.coming and _utc(self.coming[0]) <= as_of:
            delivery, whole = altered(self.coming[0])
            if whole is not None:
                self.wrong[as_of] = whole
            if _utc(delivery) > as_of:
                self.coming[0] = delivery
                self.coming.sort(key=_utc)
                continue
            if not (self.landing / delivery.path).exists():  # by an earlier run, or put right since
                self.write(delivery)
            self.coming.pop(0)

    def write(self, delivery: Delivery) -> None:
        """Deliver a file, in place of what is there."""
        path = self.landing / delivery.path
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f".{path.name}")
        new.write_bytes(delivery.content)
        new.replace(path)


def main(arguments: Sequence[str]) -> int:
    """Run the nights, and tell what became of each trouble; 1 if it was not what should be."""
    options = argparse.ArgumentParser(description=main.__doc__)
    options.add_argument("--nights", type=int, default=90, help="how many, from 1 March on")
    options.add_argument("--fresh", action="store_true", help="delete an earlier quarter first")
    given = options.parse_args(arguments)
    set_up_logging(verbose=False, lakehouse="quarter")
    if given.fresh:
        shutil.rmtree(FOLDER, ignore_errors=True)
    conf, console, begun = configured(), Console(), time.perf_counter()
    asked = nights(FIRST_NIGHT, FIRST_NIGHT + (given.nights - 1) * DAY)
    feeds = Feeds(FOLDER / "warehouse" / "flights" / "landing", all_of(asked[-1]))
    seconds = {as_of: took for as_of in asked if (took := one_night(console, conf, feeds, as_of)) is not None}
    lakehouse = open_lakehouse(conf)
    for model in lakehouse.config.models.values():
        run_replay(lakehouse, model, asked[-1] - AUDITED, asked[-1])
        run_leaks(lakehouse, model, asked[-1])
    sound = show(console, lakehouse, asked, seconds)
    console.print(f"\nAll nights  {index(lakehouse)}\nDone in {(time.perf_counter() - begun) / 60:.0f} minutes.")
    return 0 if sound else 1


def configured() -> Path:
    """The quarter's configuration, written if it is not there."""
    conf = FOLDER / "conf" / "flights"
    if conf.exists():
        return conf
    shutil.copytree("conf/flights", conf)
    (FOLDER / "conf" / "env").mkdir()
    channel = {"command": ["sh", "-c", 'cat >> "$0"; echo >> "$0"', str((FOLDER / "sent.jsonl").absolute())]}
    settings = {"warehouse": "warehouse", "alerts": {"channels": {"file": channel}}}
    (FOLDER / "conf" / "env" / "local.yml").write_text(yaml.safe_dump(settings))
    shutil.copytree("dbt_project", FOLDER / "dbt_project", ignore=shutil.ignore_patterns("target", "logs"))
    return conf


def all_of(last: datetime) -> list[Delivery]:
    """Every file that is delivered by a night, oldest first."""
    found = deliveries(record_folder(), FIRST_FLIGHTS, last.date() + DAY)
    return sorted((each for each in found if _utc(each) <= last), key=_utc)


def one_night(console: Console, conf: Path, feeds: Feeds, as_of: datetime) -> float | None:
    """Deliver what is due and run a night; its seconds, None where it was complete."""
    feeds.until(as_of)
    lakehouse = open_lakehouse(conf)
    done = last_complete(lakehouse, completing(lakehouse)) if Path(lakehouse.root, "ops").exists() else None
    if done is not None and as_of <= done:
        return None
    begun = time.perf_counter()
    if as_of == FIRST_NIGHT:
        run_backfill(lakehouse, FIRST_FEATURES, FIRST_NIGHT)
    if as_of == KILLED:
        killed(conf, as_of)
    if as_of == SIMPLE:
        simple = {name: too_simple(model) for name, model in lakehouse.config.models.items()}
        lakehouse = replace(lakehouse, config=lakehouse.config.model_copy(update={"models": simple}))
    try:
        run_night(lakehouse, as_of)
    except ContractError as error:
        if as_of not in (CAME, CUT, CELSIUS):
            raise
        console.print(f"  {as_of:%d %b}  {error.what}", highlight=False, soft_wrap=True)
        put_right(lakehouse, feeds, as_of)
        run_night(lakehouse, as_of)
    took = time.perf_counter() - begun
    level, told = verdict_of(lakehouse, as_of)
    line = f"  {as_of:%d %b}  {took:5.1f} s  {level:<6} {told}"
    console.print(line, highlight=False, no_wrap=True, overflow="ellipsis")
    return took


def killed(conf: Path, as_of: datetime) -> None:
    """Run a night in a process of its own, and kill it once it has begun to write what is to be scored."""
    inputs = FOLDER / "warehouse" / "flights" / "gold" / "late_arrival_inputs" / f"as_of={as_of:%Y-%m-%d} 00%3A00%3A00"
    command = [sys.executable, "-m", "assay.cli", "nightly", "--conf-dir", str(conf), "--as-of", f"{as_of:%Y-%m-%d}"]
    with subprocess.Popen(
        command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as night:
        while night.poll() is None and not inputs.exists():
            time.sleep(0.1)
        os.killpg(night.pid, signal.SIGKILL)


def put_right(lakehouse: Lakehouse, feeds: Feeds, as_of: datetime) -> None:
    """What the person on call does: take in what was late, set aside what is wrong and have it delivered anew."""
    if as_of == CAME:
        for landed in pending(lakehouse, as_of)["outcomes"]:
            accept(lakehouse, "outcomes", landed.batch, "Two days that were late.")
        return
    whole = feeds.wrong[as_of]
    for landed in pending(lakehouse, as_of)[whole.source]:
        reject(lakehouse, whole.source, landed.batch, whole.why)
    feeds.write(whole.anew)


def show(console: Console, lakehouse: Lakehouse, asked: Sequence[datetime], seconds: Mapping[datetime, float]) -> bool:
    """What became of each trouble and of all nights; whether it is what should be."""
    table = Table(title=f"{len(asked)} nights", show_lines=True)
    for name in ("night", "trouble", "as it should be", "not so"):
        table.add_column(name)
    sound = True
    for each in [one for one in EXPECTED if one.when in asked]:
        held, missed = truths(lakehouse, each.query)
        table.add_row(f"{each.when:%d %b}", each.planted, ", ".join(held), ", ".join(missed))
        sound = sound and not missed
    held, missed = truths(lakehouse, EVERY_NIGHT.format(first=asked[0], last=asked[-1], count=len(asked)))
    table.add_row("all", "", ", ".join(held), ", ".join(missed))
    console.print(table)
    months = sorted({as_of.replace(day=1) for as_of in seconds})
    for month in months:
        took = [value for as_of, value in seconds.items() if as_of.replace(day=1) == month]
        console.print(f"{month:%B}: a night took {statistics.median(took):.1f} s, the median of {len(took)}")
    return sound and not missed


EVERY_NIGHT = """
with pages as (select as_of, max_by(notes, started_at) as notes
  from ops.runs where stage = 'report' and as_of between '{first:%Y-%m-%d}' and '{last:%Y-%m-%d}' group by as_of),
rows as (select sum(m.value) filter (where m.metric = 'landed') as landed,
    sum(m.value) filter (where m.metric in ('accepted', 'quarantined', 'duplicates')) as kept
  from ops.runs lateral view explode(metrics) as m where stage = 'silver' and m.batch is not null and m.label = '')
select (select count(*) from pages) = {count} as all_nights_told,
  not exists (select 1 from pages where exists(notes, n -> n rlike '^red: (The stage|The audit|.* unaccounted|.* no predictions)'))
    as no_stage_left_failed,
  (select count(distinct as_of) from gold.late_arrival_predictions where role = 'champion') >= {count} as all_nights_scored,
  (select landed = kept from rows) as every_row_accounted_for,
  (select count_if(status = 'done') >= 2 from ops.runs where stage like 'audit%') as past_inputs_read_the_same
"""


def truths(lakehouse: Lakehouse, query: str) -> tuple[list[str], list[str]]:
    """The names of a query's columns that are true, and of those that are not."""
    answer = ask(lakehouse, query)
    [row] = answer.rows
    told = {name.replace("_", " "): value is True for name, value in zip(answer.columns, row, strict=True)}
    return [name for name, value in told.items() if value], [name for name, value in told.items() if not value]


def verdict_of(lakehouse: Lakehouse, as_of: datetime) -> tuple[str, str]:
    """What a night's page says, and why where it is not green."""
    query = f"""select element_at(filter(metrics, m -> m.metric = 'verdict'), 1).label,
          array_join(transform(filter(notes, n -> n rlike '^(amber|red): '), n -> split(n, ': ', 2)[1]), ' ')
        from ops.runs where stage = 'report' and as_of = '{as_of:%Y-%m-%d}' order by started_at desc limit 1"""
    [[level, told]] = ask(lakehouse, query).rows
    return str(level), str(told)


def _utc(delivery: Delivery) -> datetime:
    return delivery.at.replace(tzinfo=NEW_YORK).astimezone(UTC)


if __name__ == "__main__":
    raise SystemExit(run(main))
