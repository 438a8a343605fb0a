//! `tenure subject certificate`: the ledger's rows of a person's erasure, and what stays of them now.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::anyhow;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::counter::{Counter, Known};
use super::{Format, Place};
use crate::cli::{Common, Failure, Outcome, hand_out};
use crate::db::count::Counts;
use crate::db::person::{self, Standing};
use crate::db::{Connection, people};
use crate::ledger::erasure::{self, Cause, Erased, Rows};
use crate::ledger::{self, add_all};
use crate::plan::{Entry, Erasure, Ground, PersonKey, Target};
use crate::report::certificate::{self, Certificate, Evidence, Gone, Kept};
use crate::report::html;
use crate::setup::Setup;
use crate::time;

pub(super) fn certificate(common: &Common, place: &Place, key: &str, format: Format, output: Option<&Path>) -> Outcome {
    let setup = Setup::with_schedules(common)?;
    let counter = Counter::find(&setup, place)?;
    let mut conn = counter.open_to_read()?;
    let live = counter.map(&mut conn)?;
    let known = counter.know(&mut conn, &live, key)?;
    let erased = last_erasure(&mut conn, &known)?;
    let certificate = make(&counter, &mut conn, &live.1, &known, &erased)?;
    let format = if common.json { Format::Json } else { format };
    let page = match format {
        Format::Text => certificate::text(&certificate),
        Format::Html => html::certificate::render(&certificate),
        Format::Json => certificate::json(&certificate),
    };
    hand_out(&page, output)
}

/// The parts of the person's newest erasure, oldest first: what one closing or one request led to.
fn last_erasure(conn: &mut Connection, known: &Known) -> Result<Vec<Erased>, Failure> {
    let mut all = erasure::of_person(conn, &known.names)?;
    all.sort_by_key(|part| part.begun);
    let Some(last) = all.last().cloned() else {
        return Err(anyhow!("the ledger holds no erasure of that person").into());
    };
    all.retain(|part| part.asked == last.asked && part.cause == last.cause && part.category == last.category);
    Ok(all)
}

fn make(
    counter: &Counter<'_>,
    conn: &mut Connection,
    map: &Erasure,
    known: &Known,
    parts: &[Erased],
) -> Result<Certificate, Failure> {
    let Some(last) = parts.last() else { return Err(anyhow!("the ledger holds no erasure of that person").into()) };
    let counts = sum(parts);
    // Of a consent that was withdrawn, the rest of the person's data is not to go.
    let now = Now::look(conn, map, known, last)?;
    let deadline = match last.cause {
        Cause::Closed | Cause::Reapply => &map.deadline,
        Cause::Request | Cause::Category => &map.request_deadline,
    };
    let finished = last.finished.filter(|_| !now.is_anything_to_go);
    let used = deadline.used(last.asked, finished.unwrap_or_else(time::now));
    let record = ledger::find(conn, &last.run)?.into_iter().find(|record| record.run == last.run);
    Ok(Certificate {
        tenure: env!("CARGO_PKG_VERSION").to_owned(),
        reference: last.reference.clone(),
        policy: last.policy.clone(),
        person: last.person.digest.clone(),
        key_id: last.person.key_id.clone(),
        because: because(last.cause).to_owned(),
        asked: last.asked,
        finished,
        within: deadline.to_string(),
        due: deadline.due(last.asked),
        days_used: used.days,
        days_allowed: used.allowed,
        gone: gone(map, &counts),
        kept: now.kept(map, &counts, &deadline.zone),
        residual: certificate::residual(counter.pair.schedule.policy.residual.as_deref()),
        run: last.run.clone(),
        ledger: record
            .and_then(|record| record.ledger)
            .map(|ledger| Evidence { entry: ledger.entry, head: ledger.head }),
    })
}

fn because(cause: Cause) -> &'static str {
    match cause {
        Cause::Closed => "the account was closed",
        Cause::Request => "it was asked for",
        Cause::Category => "it was asked for, in part",
        Cause::Reapply => "it was erased before and was back after a restore",
    }
}

/// By the names of the map's entries.
fn sum(parts: &[Erased]) -> BTreeMap<String, Rows> {
    let mut all: BTreeMap<String, Rows> = BTreeMap::new();
    for (entry, rows) in parts.iter().flat_map(|part| &part.counts) {
        let sum = all.entry(entry.clone()).or_default();
        sum.done += rows.done;
        add_all(&mut sum.cascaded, &rows.cascaded);
        add_all(&mut sum.detached, &rows.detached);
        // What stayed is what stayed in the end.
        sum.kept = rows.kept;
        sum.blocked = rows.blocked;
    }
    all
}

/// In the order of the map; an entry that the map no longer has comes last, under its own name.
fn gone(map: &Erasure, counts: &BTreeMap<String, Rows>) -> Vec<Gone> {
    let known = map.entries.iter().filter_map(|entry| Some((entry, counts.get(&entry.plan.rule)?)));
    let of_entry = |(entry, rows): (&Entry, &Rows)| Gone {
        table: entry.plan.table.to_string(),
        category: entry.category.clone(),
        promises: entry.plan.promises.clone(),
        action: entry.plan.act.as_str().to_owned(),
        columns: columns(entry),
        ..of_rows(rows)
    };
    let unknown = counts.iter().filter(|(name, _)| !map.entries.iter().any(|entry| entry.plan.rule == **name));
    let of_name = |(name, rows): (&String, &Rows)| Gone {
        table: name.trim_start_matches("erase:").to_owned(),
        action: "erase".to_owned(),
        ..of_rows(rows)
    };
    known.map(of_entry).chain(unknown.map(of_name)).filter(|gone| gone.rows > 0).collect()
}

fn of_rows(rows: &Rows) -> Gone {
    Gone { rows: rows.done, cascaded: rows.cascaded.clone(), detached: rows.detached.clone(), ..Gone::default() }
}

fn columns(entry: &Entry) -> Vec<String> {
    let redactions = entry.plan.targets.first().into_iter().flat_map(|target| &target.redactions);
    redactions.map(|redaction| redaction.column.to_string()).collect()
}

/// What is there of the person now.
struct Now {
    /// Rows that stay for their ground, by the names of the map's parts; `None` where the person's own row is gone, by which
    /// they would be found.
    rows: Option<BTreeMap<String, (u64, Option<Timestamp>)>>,
    /// Rows that are to go and are there still, with the reason.
    stuck: Vec<Kept>,
    is_anything_to_go: bool,
}

/// A part of the map whose rows stay for a ground.
struct Staying<'m> {
    name: &'m str,
    table: String,
    targets: &'m [Target],
    ground: &'m Ground,
    is_redacted: bool,
}

fn staying(map: &Erasure) -> Vec<Staying<'_>> {
    let whole = map.kept.iter().map(|kept| Staying {
        name: &kept.name,
        table: kept.shown.to_string(),
        targets: &kept.targets,
        ground: &kept.ground,
        is_redacted: false,
    });
    let redacted = map.entries.iter().filter_map(|entry| {
        let plan = &entry.plan;
        let (table, targets) = (plan.table.to_string(), &plan.targets);
        Some(Staying { name: &plan.rule, table, targets, ground: entry.kept.as_ref()?, is_redacted: true })
    });
    whole.chain(redacted).collect()
}

impl Now {
    fn look(conn: &mut Connection, map: &Erasure, known: &Known, last: &Erased) -> Result<Self, Failure> {
        // Who signed up after that, with the same key, is somebody else.
        let is_there = |person: &Standing| person.created.is_none_or(|created| created < last.begun);
        if !known.person.as_ref().is_some_and(is_there) {
            return Ok(Self { rows: None, stuck: Vec::new(), is_anything_to_go: false });
        }
        let mut rows = BTreeMap::new();
        for part in staying(&map.seen(known.key.clone(), None)) {
            rows.insert(part.name.to_owned(), count(conn, &part)?);
        }
        let (stuck, is_anything_to_go) = stuck(conn, map, &known.key, last.category.as_deref())?;
        Ok(Self { rows: Some(rows), stuck, is_anything_to_go })
    }

    /// Where the person's own row is gone, the ledger's figures of the day count.
    fn kept(self, map: &Erasure, recorded: &BTreeMap<String, Rows>, zone: &TimeZone) -> Vec<Kept> {
        let figures = |part: &Staying<'_>| match (&self.rows, recorded.get(part.name)) {
            (Some(now), _) => now.get(part.name).copied().unwrap_or_default(),
            (None, Some(then)) => (if part.is_redacted { then.done } else { then.kept }, None),
            (None, None) => (0, None),
        };
        let kept = |part: &Staying<'_>| {
            let (rows, latest) = figures(part);
            let until = part.ground.until.as_ref().map(|(period, anchors)| match latest {
                Some(latest) => format!("until {}", period.after(latest, zone).to_zoned(zone.clone()).date()),
                None => {
                    let columns: Vec<_> = anchors.iter().map(|anchor| anchor.column.as_str()).collect();
                    format!("until {period} after {}", columns.join(" or "))
                }
            });
            Kept { table: part.table.clone(), rows, reason: part.ground.reason.clone(), until }
        };
        let mut all: Vec<Kept> = staying(map).iter().map(kept).filter(|kept| kept.rows > 0).collect();
        if !self.is_anything_to_go {
            all.extend(map.entries.iter().filter_map(|entry| let_be(entry, recorded.get(&entry.plan.rule)?)));
        }
        all.extend(self.stuck);
        all
    }
}

fn count(conn: &mut Connection, part: &Staying<'_>) -> Result<(u64, Option<Timestamp>), Failure> {
    let anchors = part.ground.until.as_ref().map_or(&[][..], |(_, anchors)| anchors);
    let (mut rows, mut latest) = (0, None);
    for target in part.targets {
        let (more, at) = person::rows(conn, target, anchors)?;
        rows += more;
        latest = latest.max(at);
    }
    Ok((rows, latest))
}

/// Rows that stayed when the person went, and by which nobody could tell any more that they were the person's.
fn let_be(entry: &Entry, recorded: &Rows) -> Option<Kept> {
    let reason = "they are somebody else's as well".to_owned();
    (recorded.blocked > 0).then(|| Kept {
        table: entry.plan.table.to_string(),
        rows: recorded.blocked,
        reason,
        until: None,
    })
}

/// Rows that are to go and are there still, and whether there are any; also those that a hold on the person keeps.
fn stuck(
    conn: &mut Connection,
    map: &Erasure,
    key: &PersonKey,
    category: Option<&str>,
) -> Result<(Vec<Kept>, bool), Failure> {
    let (mut all, mut is_anything) = (Vec::new(), false);
    for entry in &map.seen(key.clone(), category).entries {
        let mut counts = Counts::default();
        people::counts_ahead(conn, &entry.plan, &map.key, &mut |_, more| counts.add(&more))?;
        is_anything |= counts.eligible > 0;
        all.extend(reasons(&counts).into_iter().map(|(rows, reason)| Kept {
            table: entry.plan.table.to_string(),
            rows,
            reason,
            until: None,
        }));
    }
    Ok((all, is_anything))
}

/// Why rows of an entry are there, each with how many of them.
fn reasons(counts: &Counts) -> Vec<(u64, String)> {
    let by_name = counts.held_by.iter().map(|(hold, rows)| (*rows, format!("hold `{hold}`")));
    let named: u64 = counts.held_by.values().sum();
    let along = counts.held.saturating_sub(named);
    let others = [
        (along, "a hold on what would go along with them"),
        (counts.blocked, "something that stays refers to them, or they are somebody else's as well"),
        (counts.remaining(), "not done yet"),
    ];
    by_name.chain(others.map(|(rows, reason)| (rows, reason.to_owned()))).filter(|(rows, _)| *rows > 0).collect()
}
