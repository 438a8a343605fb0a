//! `tenure subject certificate`: the ledger's rows of a person's erasure, and what stays of them now.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::anyhow;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::counter::{Counter, Known, Live};
use super::standing::{Asked, SOMEBODY_ELSES, Standing};
use super::{Format, Place};
use crate::app::setup::Setup;
use crate::base::time::Deadline;
use crate::check;
use crate::cli::{Common, Failure, Outcome, hand_out, to_stderr};
use crate::db::Connection;
use crate::db::query::person;
use crate::ledger::erasure::{self, Cause, Erased, Rows};
use crate::ledger::{self, add_all};
use crate::plan::{Anchor, Entry, Erasure, Ground, Target};
use crate::report::certificate::{self, Certificate, Evidence, Gone, Kept};
use crate::report::html;

pub(super) fn certificate(common: &Common, place: &Place, key: &str, format: Format, output: Option<&Path>) -> Outcome {
    let setup = Setup::with_schedules(common)?;
    let counter = Counter::find(&setup, place)?;
    let mut conn = counter.open_to_read()?;
    let live = counter.map(&mut conn)?;
    let known = counter.know(&mut conn, &live, key)?;
    let illegible = counter.unknown_keys(&mut conn)?;
    let erased = last_erasure(&mut conn, &known, illegible.as_deref())?;
    let certificate = make(&counter, &mut conn, &live, &known, &erased)?;
    let format = if common.json { Format::Json } else { format };
    let page = match format {
        Format::Text => certificate::text(&certificate),
        Format::Html => html::certificate::render(&certificate),
        Format::Json => certificate::json(&certificate),
    };
    hand_out(&page, output)?;
    // What is certified was done; what was done under another key may have been the person's too.
    illegible.into_iter().for_each(|illegible| to_stderr(format_args!("warning: {illegible}\n")));
    Ok(0)
}

/// The parts of the person's newest erasure, oldest first: what one closing or one request led to, and before it what another
/// had begun and left something of. What a restore brought back was erased anew.
fn last_erasure(conn: &mut Connection, known: &Known, illegible: Option<&str>) -> Result<Vec<Erased>, Failure> {
    let mut all = erasure::of_person(conn, &known.names)?;
    all.sort_by_key(|part| part.begun);
    let Some(last) = all.last().cloned() else {
        return Err(match illegible {
            None => anyhow!("the ledger holds no erasure of that person"),
            Some(illegible) => anyhow!("the ledger names no erasure of that person, and may hold one: {illegible}"),
        }
        .into());
    };
    let restored = all.iter().filter(|part| part.cause == Cause::Reapply).map(|part| part.asked).max();
    all.retain(|part| restored.is_none_or(|restored| part.begun >= restored));
    let mut is_one = true;
    let mut parts: Vec<Erased> = all.into_iter().rev().filter(|part| belongs(part, &last, &mut is_one)).collect();
    parts.reverse();
    Ok(parts)
}

/// Does an earlier part belong to the erasure that ended with `last`? `is_one` as long as nothing between was whole.
fn belongs(part: &Erased, last: &Erased, is_one: &mut bool) -> bool {
    if part.asked == last.asked && part.cause == last.cause && part.category == last.category {
        return true;
    }
    *is_one &= !part.is_whole();
    *is_one && (last.category.is_none() || part.category == last.category)
}

/// The part that says why, and since when: of all that was asked for and not taken back, what is due first.
fn lead<'p>(map: &Erasure, known: &Known, parts: &'p [Erased]) -> Option<&'p Erased> {
    let last = parts.last()?;
    let closed = known.person.as_ref().filter(|_| known.is_who(last)).map(|person| person.closed);
    let is_taken_back =
        |part: &Erased| part.cause == Cause::Closed && closed.is_some_and(|closed| closed != Some(part.asked));
    let standing = parts.iter().filter(|part| !is_taken_back(part));
    standing.min_by_key(|part| deadline(map, part.cause).due(part.asked)).or(Some(last))
}

fn make(
    counter: &Counter<'_>,
    conn: &mut Connection,
    live: &Live,
    known: &Known,
    parts: &[Erased],
) -> Result<Certificate, Failure> {
    let map = &live.1;
    let (Some(last), Some(lead)) = (parts.last(), lead(map, known, parts)) else {
        return Err(anyhow!("the ledger holds no erasure of that person").into());
    };
    let counts = sum(parts);
    let asked = Asked::of(counter, conn, live, known)?;
    let standing = Standing::look(conn, map, known, &asked, last)?;
    let deadline = deadline(map, lead.cause);
    let used = deadline.used(lead.asked, standing.waits_until(last));
    let mut kept = kept(conn, map, known, last, &counts)?;
    kept.extend(let_be(map, &counts, &standing.left));
    kept.extend(standing.left);
    let record = ledger::find(conn, &last.run)?.into_iter().find(|record| record.run == last.run);
    Ok(Certificate {
        tenure: env!("CARGO_PKG_VERSION").to_owned(),
        reference: last.reference.clone(),
        policy: last.policy.clone(),
        person: last.person.digest.clone(),
        key_id: last.person.key_id.clone(),
        because: because(lead.cause).to_owned(),
        asked: lead.asked,
        finished: standing.finished,
        state: standing.state,
        rest: standing.rest,
        within: deadline.to_string(),
        due: deadline.due(lead.asked),
        days_used: used.days,
        days_allowed: used.allowed,
        gone: gone(map, &counts),
        kept,
        residual: residual(counter, live),
        run: last.run.clone(),
        ledger: record
            .and_then(|record| record.ledger)
            .map(|ledger| Evidence { entry: ledger.entry, head: ledger.head }),
    })
}

/// On what no erasure reaches: copies, and rows of which the map says nothing.
fn residual(counter: &Counter<'_>, (catalog, map): &Live) -> Vec<String> {
    let schedule = counter.pair.schedule;
    let unmapped = check::unmapped(catalog, schedule, map).into_iter().map(|reference| {
        format!("The schedule does not say what becomes of the rows that `{reference}` leads to people: they are as they were.")
    });
    unmapped.chain(certificate::residual(schedule.policy.residual.as_deref())).collect()
}

pub(super) fn deadline(map: &Erasure, cause: Cause) -> &Deadline {
    match cause {
        Cause::Closed | Cause::Reapply => &map.deadline,
        Cause::Request | Cause::Category => &map.request_deadline,
    }
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
        sum.stays = rows.stays;
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

/// What stays for its ground, and what nobody asked to go.
fn kept(
    conn: &mut Connection,
    map: &Erasure,
    known: &Known,
    last: &Erased,
    recorded: &BTreeMap<String, Rows>,
) -> Result<Vec<Kept>, Failure> {
    let (is_there, category) = (known.is_who(last), last.category.as_deref());
    let theirs = if is_there { map.seen(known.key.clone(), None) } else { map.clone() };
    let mut all = Vec::new();
    for part in staying(&theirs) {
        let (found, latest) = if is_there { count(conn, part.targets, part.anchors())? } else { (0, None) };
        // What nobody could find any more, the ledger's figures of the day tell.
        let then =
            recorded.get(part.name).map_or(0, |then| then.kept.max(if part.is_redacted { then.done } else { 0 }));
        let rows = if !is_there || map.loses_sight_of(part.targets) { found.max(then) } else { found };
        all.push(part.told(rows, latest, &map.deadline.zone));
    }
    let others = |entry: &&Entry| category.is_some() && entry.category.as_deref() != category && entry.kept.is_none();
    for entry in theirs.entries.iter().filter(others) {
        let rows = if is_there { count(conn, &entry.plan.targets, &[])?.0 } else { 0 };
        all.push(stays(entry, rows, "nobody asked for it to go"));
    }
    all.retain(|kept| kept.rows > 0);
    Ok(all)
}

/// Rows that stayed since they are somebody else's as well, and by which nobody can tell any more that they were the person's.
fn let_be(map: &Erasure, recorded: &BTreeMap<String, Rows>, left: &[Kept]) -> Vec<Kept> {
    let stayed = map.entries.iter().filter_map(|entry| {
        let then = recorded.get(&entry.plan.rule).filter(|then| then.blocked > 0 && !then.stays)?;
        Some(stays(entry, then.blocked, SOMEBODY_ELSES))
    });
    let is_found = |kept: &Kept| left.iter().any(|left| left.table == kept.table && left.reason == kept.reason);
    stayed.filter(|kept| !is_found(kept)).collect()
}

fn stays(entry: &Entry, rows: u64, reason: &str) -> Kept {
    Kept { table: entry.plan.table.to_string(), rows, reason: reason.to_owned(), until: None }
}

impl Staying<'_> {
    fn anchors(&self) -> &[Anchor] {
        self.ground.until.as_ref().map_or(&[], |(_, anchors)| anchors)
    }

    /// So many rows, of which the newest bears this time.
    fn told(&self, rows: u64, latest: Option<Timestamp>, zone: &TimeZone) -> Kept {
        let until = self.ground.until.as_ref().map(|(period, anchors)| match latest {
            Some(latest) => format!("until {}", period.after(latest, zone).to_zoned(zone.clone()).date()),
            None => {
                let columns: Vec<_> = anchors.iter().map(|anchor| anchor.column.as_str()).collect();
                format!("until {period} after {}", columns.join(" or "))
            }
        });
        Kept { table: self.table.clone(), rows, reason: self.ground.reason.clone(), until }
    }
}

/// Rows that are theirs in these tables, and the latest time that the anchors tell of any.
fn count(conn: &mut Connection, targets: &[Target], anchors: &[Anchor]) -> Result<(u64, Option<Timestamp>), Failure> {
    let (mut rows, mut latest) = (0, None);
    for target in targets {
        let (more, at) = person::rows(conn, target, anchors)?;
        rows += more;
        latest = latest.max(at);
    }
    Ok((rows, latest))
}
