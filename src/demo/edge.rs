//! The edges: rows that lie one unit before, exactly on and one unit after every cutoff of the shipped schedules.
//!
//! An engine that is wrong by one microsecond, one comparison sign or one calendar day acts on the wrong side of an edge,
//! and these rows show it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::DateTime;

use crate::demo::instant::{self, DAY, Micros, SECOND};

/// Whose row an edge is: some rules act on some people's rows earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// An adult whose account is open, unrestricted and consents to analytics: nothing but the age decides.
    Adult,
    Minor,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bucket {
    Day,
    Week,
    Month,
}

/// A cutoff of a shipped schedule.
struct Cutoff {
    table: &'static str,
    /// The anchor; where a rule takes the latest of several, the one that is the latest in the sample's rows.
    column: &'static str,
    /// Before `as_of`; empty where the rule says `expires`.
    period: &'static str,
    whose: Whose,
    /// Of a roll-up, which takes whole buckets: the start of the bucket that holds the cutoff is an edge, too.
    bucket: Option<Bucket>,
}

const fn cutoff(table: &'static str, column: &'static str, period: &'static str) -> Cutoff {
    Cutoff { table, column, period, whose: Whose::Adult, bucket: None }
}

impl Cutoff {
    const fn of_minors(self) -> Self {
        Self { whose: Whose::Minor, ..self }
    }

    const fn of_buckets(self, bucket: Bucket) -> Self {
        Self { bucket: Some(bucket), ..self }
    }
}

/// Every age in `schedules/*.toml`. A test holds this list against them.
const CUTOFFS: &[Cutoff] = &[
    cutoff("account", "analytics_withdrawn_at", ""),
    cutoff("consent", "withdrawn_at", "3 years"),
    cutoff("api_token", "expires_at", ""),
    cutoff("login", "at", "30 days"),
    cutoff("login", "at", "6 months"),
    cutoff("login", "at", "1 year"),
    cutoff("login", "at", "2 years"),
    cutoff("course_setting", "updated_at", "2 years"),
    cutoff("enrolment", "last_active_at", "3 years"),
    cutoff("enrolment", "last_active_at", "5 years"),
    cutoff("enrolment", "last_active_at", "7 years"),
    cutoff("lesson_progress", "completed_at", "3 years"),
    cutoff("lesson_progress", "completed_at", "5 years"),
    cutoff("lesson_progress", "completed_at", "7 years"),
    cutoff("quiz_attempt", "finished_at", "1 year"),
    cutoff("quiz_attempt", "finished_at", "2 years"),
    cutoff("quiz_attempt", "finished_at", "3 years"),
    cutoff("quiz_attempt", "finished_at", "5 years"),
    cutoff("quiz_attempt", "finished_at", "7 years"),
    cutoff("placement_result", "taken_on", "2 years"),
    cutoff("placement_result", "taken_on", "3 years"),
    cutoff("placement_result", "taken_on", "7 years"),
    cutoff("generated_lesson", "created_at", "90 days").of_minors(),
    cutoff("generated_lesson", "created_at", "1 year"),
    cutoff("generated_lesson", "created_at", "2 years"),
    cutoff("course_completion", "completed_at", "6 years"),
    cutoff("course_completion", "completed_at", "7 years"),
    cutoff("payment", "paid_at", "10 years"),
    cutoff("support_ticket", "closed_at", "2 years"),
    cutoff("support_ticket", "closed_at", "3 years"),
    cutoff("mail_log", "sent_at", "30 days"),
    cutoff("mail_log", "sent_at", "90 days"),
    cutoff("access_log", "logged_at", "30 days"),
    cutoff("access_log", "logged_at", "90 days"),
    cutoff("access_log", "logged_at", "6 months"),
    cutoff("error_log", "at", "30 days"),
    cutoff("error_log", "at", "90 days"),
    cutoff("error_log", "at", "6 months").of_buckets(Bucket::Week),
    cutoff("page_view", "viewed_at", "30 days").of_minors(),
    cutoff("page_view", "viewed_at", "90 days").of_buckets(Bucket::Day),
    cutoff("page_view", "viewed_at", "6 months").of_buckets(Bucket::Month),
    cutoff("page_view", "viewed_at", "13 months").of_buckets(Bucket::Month),
];

/// One row that must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Edge {
    /// To the resolution of the table's age column.
    pub at: Micros,
    pub whose: Whose,
}

/// The edges of one `as_of`, by table. Each table has its edges in one column.
pub(super) struct Edges(BTreeMap<&'static str, Vec<Edge>>);

impl Edges {
    pub fn new(as_of: Timestamp) -> Self {
        let mut edges: BTreeMap<_, Vec<Edge>> = BTreeMap::new();
        for cutoff in CUTOFFS {
            let whose = cutoff.whose;
            edges.entry(cutoff.table).or_default().extend(instants(cutoff, as_of).map(|at| Edge { at, whose }));
        }
        Self(edges)
    }

    /// None where no schedule knows an age for the table.
    pub fn of(&self, table: &str) -> &[Edge] {
        self.0.get(table).map_or(&[], Vec::as_slice)
    }
}

fn instants(cutoff: &Cutoff, as_of: Timestamp) -> impl Iterator<Item = Micros> {
    let unit = unit(cutoff.table, cutoff.column);
    let on = instant::before(as_of, cutoff.period).as_microsecond();
    let bucket = cutoff.bucket.map(|bucket| start_of(bucket, on));
    [Some(on), bucket].into_iter().flatten().flat_map(move |on| {
        let on = on.div_euclid(unit) * unit;
        [on - unit, on, on + unit]
    })
}

/// The smallest step of an age column. Where `as_of` is finer than that, the edge in the middle is the last step before
/// the cutoff.
fn unit(table: &str, column: &str) -> Micros {
    match (table, column) {
        ("login", "at") => SECOND,
        ("error_log", "at") => 1_000,
        ("placement_result", "taken_on") => DAY,
        _ => 1,
    }
}

fn start_of(bucket: Bucket, at: Micros) -> Micros {
    let date = instant::civil(at).date();
    let first = match bucket {
        Bucket::Day => date,
        Bucket::Week => instant::civil(at - i64::from(date.weekday().to_monday_zero_offset()) * DAY).date(),
        Bucket::Month => date.first_of_month(),
    };
    instant::micros(DateTime::from_parts(first, jiff::civil::Time::midnight()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::SCHEDULES;

    /// (table, column, period) of every anchor, path ends and holds included, with lists flattened.
    fn ages(schedule: &str) -> Vec<(String, String, String)> {
        let schedule: toml::Table = schedule.parse().unwrap();
        let entries = ["rule", "hold"].iter().filter_map(|kind| schedule.get(*kind)?.as_array()).flatten();
        entries.flat_map(ages_of).collect()
    }

    fn ages_of(entry: &toml::Value) -> Vec<(String, String, String)> {
        let text = |key: &str| entry.get(key).and_then(toml::Value::as_str);
        let period = text("retain").or(text("for")).unwrap_or_default().to_owned();
        let anchors = match entry.get("anchor").or(entry.get("expires")) {
            Some(toml::Value::Array(list)) => list.clone(),
            Some(one) => vec![one.clone()],
            None => vec![],
        };
        let column = |anchor: &toml::Value| anchor.get("column").unwrap_or(anchor).as_str().unwrap().to_owned();
        anchors
            .iter()
            .map(|anchor| match column(anchor).split_once(" -> ") {
                Some((_, end)) => {
                    let (table, column) = end.split_once('.').unwrap();
                    (table.to_owned(), column.to_owned(), period.clone())
                }
                None => (text("table").unwrap().to_owned(), column(anchor), period.clone()),
            })
            .collect()
    }

    /// Anchors of lists that are never the latest in the sample's rows.
    const NEVER_LATEST: [(&str, &str); 5] = [
        ("enrolment", "enrolled_at"),
        ("enrolment", "left_at"),
        ("lesson_progress", "started_at"),
        ("quiz_attempt", "started_at"),
        ("course_completion", "renewed_at"),
    ];

    #[test]
    fn every_age_of_the_shipped_schedules_has_its_edges() {
        for (name, text) in SCHEDULES {
            let ages = ages(text);
            assert!(ages.len() > 10, "{name} was hardly read");
            for (table, column, period) in ages {
                if NEVER_LATEST.contains(&(table.as_str(), column.as_str())) {
                    continue;
                }
                let known = CUTOFFS.iter().any(|c| c.table == table && c.column == column && c.period == period);
                assert!(known, "{name} ages {table}.{column} by {period:?}: no edge for it");
            }
        }
    }

    #[test]
    fn no_edge_is_kept_for_an_age_that_no_schedule_has() {
        let all: Vec<_> = SCHEDULES.iter().flat_map(|(_, text)| ages(text)).collect();
        for c in CUTOFFS {
            let wanted = (c.table.to_owned(), c.column.to_owned(), c.period.to_owned());
            assert!(all.contains(&wanted), "{wanted:?} stands in no schedule");
        }
    }

    #[test]
    fn edges_lie_one_unit_before_on_and_after_cutoff_and_bucket() {
        let as_of: Timestamp = "2026-07-15T10:20:30Z".parse().unwrap();
        let micros = |text: &str| text.parse::<Timestamp>().unwrap().as_microsecond();
        let edges = Edges::new(as_of);
        let weeks: Vec<_> = edges.of("error_log").iter().map(|edge| edge.at).collect();
        let cutoff = micros("2026-01-15T10:20:30Z");
        let monday = micros("2026-01-12T00:00:00Z");
        assert_eq!(weeks[6..], [cutoff - 1_000, cutoff, cutoff + 1_000, monday - 1_000, monday, monday + 1_000]);
        let token: Vec<_> = edges.of("api_token").iter().map(|edge| edge.at).collect();
        let now = as_of.as_microsecond();
        assert_eq!(token, [now - 1, now, now + 1]);
    }
}
