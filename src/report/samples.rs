//! Records for the tests of the reports: the cases that a reader meets, and any record at all.

use std::collections::BTreeMap;

use jiff::Timestamp;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

use crate::record::Standing;
use crate::record::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn digest(digit: char) -> String {
    format!("sha256:{}", digit.to_string().repeat(64))
}

fn counts<const N: usize>(of: [(&str, u64); N]) -> BTreeMap<String, u64> {
    of.into_iter().map(|(name, n)| (name.to_owned(), n)).collect()
}

fn run(rules: Vec<RuleRecord>) -> RunRecord {
    let mut run = RunRecord {
        people: None,
        requests: None,
        tenure: "0.1.0".into(),
        run: "01k6eq0x8d".into(),
        kind: RunKind::Run,
        status: Status::Ok,
        as_of: at("2026-10-01T02:15:00Z"),
        started: at("2026-10-01T02:15:00.250Z"),
        finished: Some(at("2026-10-01T02:16:12Z")),
        actor: "tenure@db1".into(),
        schedule: ScheduleRecord {
            name: "Aalalux data tracking policy".into(),
            digest: digest('a'),
            timezone: Some("Europe/Oslo".into()),
            residual: None,
            periods: BTreeMap::new(),
        },
        rules,
        holds: vec![],
        notes: vec![],
        ledger: Some(LedgerRecord { entry: 1_412, head: digest('b'), canonical: None, signature: None }),
        ledger_id: None,
        since: None,
    };
    run.status = run.worst_status();
    run
}

fn dry(mut run: RunRecord) -> RunRecord {
    run.kind = RunKind::DryRun;
    run.ledger = None;
    run
}

fn rule(name: &str, promise: &str, table: &str, action: &str, retain: &str, cutoff: &str) -> RuleRecord {
    RuleRecord {
        rule: name.into(),
        promises: vec![promise.into()],
        database: "main".into(),
        table: table.into(),
        action: action.into(),
        retain: retain.into(),
        cutoff: Some(at(cutoff)),
        status: Status::Ok,
        error: None,
        eligible: 0,
        done: 0,
        held: 0,
        blocked: 0,
        skipped: 0,
        remaining: 0,
        no_anchor: 0,
        unreadable: 0,
        unread: None,
        oldest_eligible: None,
        youngest_eligible: None,
        cascaded: BTreeMap::new(),
        detached: BTreeMap::new(),
        rolled_up: 0,
        suppressed: 0,
        held_by: BTreeMap::new(),
        guard: None,
        batches: 0,
        elapsed_ms: 4,
        oldest_kept: None,
        cutoff_local: Some(at(cutoff).to_zoned(jiff::tz::TimeZone::get("Europe/Oslo").unwrap()).to_string()),
        oldest_due: None,
        paused: None,
        guard_passed: None,
        late: 0,
        passed_over: BTreeMap::new(),
        rows_digest: None,
        trend: vec![],
        statements: vec![],
    }
}

/// Runs of the days before, oldest first: what each did, and the age in days of the oldest row that it kept.
fn trend(days: &[(u64, i64)]) -> Vec<TrendPoint> {
    let at_day =
        |day: usize| at("2026-10-01T02:15:00Z") - jiff::SignedDuration::from_hours(24 * (days.len() - day) as i64);
    let point = |(day, (done, age)): (usize, &(u64, i64))| TrendPoint {
        at: at_day(day),
        done: *done,
        cascaded: 0,
        stayed: 0,
        oldest_kept: Some(at_day(day) - jiff::SignedDuration::from_hours(24 * age)),
    };
    days.iter().enumerate().map(point).collect()
}

fn since(verdict: Standing) -> SinceRecord {
    SinceRecord {
        run: "01k6c4h1zz".into(),
        started: at("2026-09-30T02:15:00.1Z"),
        verdict,
        schedule_digest: digest('a'),
        added: vec![],
        removed: vec![],
        periods: vec![],
    }
}

fn logs() -> RuleRecord {
    rule("technical-logs", "A1", "access_log", "delete", "30 days", "2026-09-01T02:15:00Z")
}

fn analytics() -> RuleRecord {
    rule("analytics", "A2", "page_view", "aggregate", "90 days", "2026-07-03T02:15:00Z")
}

fn transcripts() -> RuleRecord {
    rule("transcripts", "A3", "course_completion", "delete", "7 years", "2019-10-01T02:15:00Z")
}

fn tax_hold() -> HoldRecord {
    HoldRecord {
        hold: "tax".into(),
        promises: vec!["A6".into()],
        table: "payment".into(),
        term: "10 years".into(),
        reason: "tax records".into(),
    }
}

pub fn everything_fine() -> RunRecord {
    let mut run = run(vec![
        RuleRecord {
            eligible: 1_204_518,
            done: 1_204_511,
            skipped: 7,
            no_anchor: 3,
            batches: 13,
            elapsed_ms: 2_410,
            oldest_kept: Some(at("2026-09-01T02:15:00.000004Z")),
            trend: trend(&[(1_190_010, 30), (1_201_777, 30), (0, 29), (2_377_201, 30), (1_188_456, 30)]),
            ..logs()
        },
        RuleRecord { eligible: 88_041, done: 88_041, rolled_up: 612, batches: 2, elapsed_ms: 731, ..analytics() },
        RuleRecord {
            eligible: 19,
            done: 19,
            cascaded: counts([("certificate", 19), ("certificate_mail", 19)]),
            detached: counts([("badge.completion_id", 4)]),
            batches: 1,
            elapsed_ms: 12,
            oldest_kept: Some(at("2019-10-04T11:20:41Z")),
            trend: trend(&[(0, 2_556), (3, 2_557)]),
            ..transcripts()
        },
    ]);
    run.since = Some(since(Standing::Kept));
    run
}

pub fn a_changed_schedule() -> RunRecord {
    let mut run = everything_fine();
    run.schedule.periods = [("technical-logs", "30 days"), ("error-logs", "30 days")]
        .map(|(rule, period)| (rule.to_owned(), period.to_owned()))
        .into();
    run.schedule.residual =
        Some("Backups are sealed, kept for 35 days and restored only after an erasure is repeated.".into());
    run.since = Some(SinceRecord {
        schedule_digest: digest('c'),
        added: vec!["error-logs".into()],
        removed: vec!["old-exports".into()],
        periods: vec![PeriodChange { rule: "technical-logs".into(), was: "90 days".into(), now: "30 days".into() }],
        ..since(Standing::AtRisk)
    });
    run
}

pub fn nothing_to_do() -> RunRecord {
    run(vec![
        RuleRecord { oldest_kept: Some(at("2026-09-04T23:59:59Z")), ..logs() },
        RuleRecord { cutoff: None, retain: "forever".into(), elapsed_ms: 0, ..transcripts() },
    ])
}

pub fn a_failure() -> RunRecord {
    let mut run = run(vec![
        RuleRecord { eligible: 4_000, done: 4_000, batches: 1, elapsed_ms: 30, ..logs() },
        RuleRecord {
            status: Status::Failed,
            error: Some(
                "rule `transcripts`: `certificate.completion_id` refers to these rows (ON DELETE RESTRICT); \
                 add `cascade = [\"certificate\"]` or keep them"
                    .into(),
            ),
            eligible: 19,
            done: 4,
            remaining: 15,
            batches: 1,
            ..transcripts()
        },
        // The counts of a rule that lies: 10 eligible, 8 accounted for.
        RuleRecord { eligible: 10, done: 8, ..analytics() },
    ]);
    run.notes.push("run 01k6c4h1zz was found dead and was closed by this run".into());
    run
}

pub fn a_guard() -> RunRecord {
    run(vec![
        RuleRecord {
            status: Status::Guarded,
            guard: Some("max_share: 81,000 of 120,000 rows are due (67.5 %), and 50 % are allowed".into()),
            eligible: 81_000,
            remaining: 81_000,
            ..logs()
        },
        RuleRecord {
            status: Status::Stopped,
            eligible: 900,
            done: 500,
            blocked: 1,
            remaining: 399,
            batches: 5,
            elapsed_ms: 125_000,
            ..analytics()
        },
    ])
}

pub fn a_hold() -> RunRecord {
    let payments = rule("payments", "A6", "payment", "delete", "10 years", "2016-10-01T02:15:00Z");
    let mut run = run(vec![RuleRecord {
        eligible: 48,
        done: 31,
        held: 17,
        held_by: counts([("lawsuit-2026-04", 12), ("tax", 5)]),
        batches: 1,
        elapsed_ms: 9,
        oldest_kept: Some(at("2011-03-02T08:00:00Z")),
        ..payments
    }]);
    let lawsuit = HoldRecord {
        hold: "lawsuit-2026-04".into(),
        promises: vec![],
        table: "payment".into(),
        term: "until released".into(),
        reason: "litigation; ask the legal department".into(),
    };
    run.holds = vec![tax_hold(), lawsuit];
    run.notes.push("guard max_share of rule payments was passed by root@db1 (`--yes`)".into());
    run
}

pub fn a_dry_run_with_sql() -> RunRecord {
    let mut run = dry(run(vec![
        RuleRecord {
            eligible: 1_204_518,
            remaining: 1_204_518,
            statements: vec![
                "DELETE FROM \"access_log\"\nWHERE \"logged_at\" < $1 AND \"id\" BETWEEN $2 AND $3".into(),
                "SELECT count(*) FROM \"access_log\" WHERE \"logged_at\" < $1".into(),
            ],
            ..logs()
        },
        RuleRecord {
            eligible: 19,
            held: 2,
            held_by: counts([("tax", 2)]),
            remaining: 17,
            cascaded: counts([("certificate", 17)]),
            ..transcripts()
        },
    ]));
    run.holds = vec![tax_hold()];
    run
}

fn entry(table: &str, column: &str, action: &str) -> RuleRecord {
    let name = format!("erase:{table}.{column}");
    rule(&name, "A5", table, action, "within 30 days of closing", "2026-09-24T02:15:00Z")
}

/// A night in which people are erased: one of them too late, one with a row under a hold, and one with a letter that is
/// somebody else's as well.
pub fn erased_people() -> RunRecord {
    let mut run = run(vec![
        RuleRecord {
            eligible: 4_120,
            done: 4_120,
            batches: 2,
            elapsed_ms: 310,
            ..entry("quiz_answer", "attempt_id", "delete")
        },
        RuleRecord { eligible: 7, done: 6, blocked: 1, batches: 1, ..entry("newsletter", "address", "delete") },
        RuleRecord {
            eligible: 3,
            done: 2,
            held: 1,
            held_by: counts([("case-7", 1)]),
            batches: 1,
            ..entry("support_ticket", "account_id", "redact")
        },
        RuleRecord { eligible: 212, done: 211, blocked: 1, batches: 2, ..entry("account", "id", "delete") },
    ]);
    run.people = Some(PeopleRecord {
        table: "account".into(),
        promises: vec!["A5".into()],
        within: "30 days".into(),
        due: 212,
        erased: 211,
        unfinished: 0,
        held: 1,
        blocked: 0,
        near_deadline: 2,
        overdue: 1,
        days_used: Some(31),
        days_allowed: Some(30),
        unmapped: vec![],
        asked_for: false,
        in_part: 1,
        remaining: 0,
        skipped: 0,
        unreadable: 0,
        due_digest: None,
    });
    run
}

/// Names that try to break out of every format.
pub fn hostile() -> RunRecord {
    let mut run = run(vec![RuleRecord {
        eligible: 1,
        done: 1,
        held_by: counts([("</td><script>alert(1)</script>", 0)]),
        statements: vec!["DELETE FROM \"</pre><script>\u{1b}[2J\"".into()],
        guard: Some("\u{9b}31m & <b>\"bold\"</b>".into()),
        ..rule(
            "=cmd|' /C calc'!A0",
            "<A1>\u{202e}&\"'",
            "a\u{1b}[31m\r\n\u{7}b\u{200f}<!--",
            "<img src=x>",
            "\u{8}",
            "2026-01-01T00:00:00Z",
        )
    }]);
    run.actor = "\u{1b}]0;owned\u{7}<root>@host".into();
    run.schedule.name = "</title><script>alert(1)</script>\u{2066}\u{e0041}".into();
    run.notes.push("--><style>*{display:none}</style>\u{1b}[1A".into());
    run
}

/// Every case of the snapshots.
pub fn all() -> Vec<RunRecord> {
    vec![everything_fine(), nothing_to_do(), a_failure(), a_guard(), a_hold(), a_dry_run_with_sql(), erased_people()]
}

/// Any record, consistent or not, with any text and any count in it.
pub fn any_run() -> impl Strategy<Value = RunRecord> {
    let head = (any::<String>(), any_text(), any::<bool>(), any_status(), any_text(), any_text());
    let times = (any_time(), any_time(), option::of(any_time()));
    let lists = (vec(any_rule(), 0..4), vec(any_hold(), 0..3), vec(any_text(), 0..3));
    let ledger = option::of((any::<u64>(), any_text()));
    let rest = (option::of(any_since()), option::of(any_people()), option::of(any_requests()));
    (head, times, lists, ledger, rest).prop_map(|(head, times, lists, ledger, (since, people, requests))| RunRecord {
        people,
        requests,
        tenure: head.0,
        run: head.1.clone(),
        kind: if head.2 { RunKind::DryRun } else { RunKind::Run },
        status: head.3,
        as_of: times.0,
        started: times.1,
        finished: times.2,
        actor: head.4,
        schedule: ScheduleRecord {
            digest: head.5.clone(),
            timezone: option(&head.5),
            residual: option(&head.1),
            periods: lists.0.iter().map(|rule| (rule.rule.clone(), rule.retain.clone())).collect(),
            name: head.5,
        },
        rules: lists.0,
        holds: lists.1,
        notes: lists.2,
        ledger: ledger.map(|(entry, head)| LedgerRecord { entry, head, canonical: None, signature: None }),
        ledger_id: None,
        since,
    })
}

/// A text that stands for its own absence where it is short.
fn option(text: &str) -> Option<String> {
    (text.len() > 4).then(|| text.to_owned())
}

fn any_since() -> impl Strategy<Value = SinceRecord> {
    let change = (any_text(), any_text(), any_text()).prop_map(|(rule, was, now)| PeriodChange { rule, was, now });
    let verdict = prop_oneof![
        Just(Standing::Kept),
        Just(Standing::Overdue),
        Just(Standing::AtRisk),
        Just(Standing::Unknown),
        Just(Standing::Broken)
    ];
    let lists = (vec(any_text(), 0..3), vec(any_text(), 0..3), vec(change, 0..3));
    (any_text(), any_time(), verdict, any_text(), lists).prop_map(|(run, started, verdict, digest, lists)| {
        SinceRecord {
            run,
            started,
            verdict,
            schedule_digest: digest,
            added: lists.0,
            removed: lists.1,
            periods: lists.2,
        }
    })
}

fn any_people() -> impl Strategy<Value = PeopleRecord> {
    let counts = vec(any_count(), 10);
    let days = option::of((any::<u32>(), any::<u32>()));
    let texts = (any_text(), vec(any_text(), 0..3), any_text(), any_text(), vec(any_text(), 0..3));
    (texts, counts, days, any::<bool>()).prop_map(
        |((table, promises, within, digest, unmapped), counts, days, asked_for)| {
            let [due, erased, unfinished, held, blocked, near_deadline, overdue, in_part, remaining, skipped] =
                counts.try_into().expect("ten counts");
            let (days_used, days_allowed) = days.unzip();
            PeopleRecord {
                table,
                promises,
                unmapped,
                within,
                due,
                erased,
                unfinished,
                held,
                blocked,
                near_deadline,
                overdue,
                days_used,
                days_allowed,
                unreadable: in_part,
                due_digest: option(&digest),
                asked_for,
                in_part,
                remaining,
                skipped,
            }
        },
    )
}

fn any_requests() -> impl Strategy<Value = RequestsRecord> {
    let counts = [any_count(), any_count(), any_count(), any_count(), any_count()];
    let (days, texts) = (option::of((any::<u32>(), any::<u32>())), (vec(any_text(), 0..3), any_text(), any_text()));
    (texts, counts, days).prop_map(|((promises, within, error), counts, days)| {
        let [verified, unverified, kept_back, near_deadline, overdue] = counts;
        let (days_used, days_allowed) = days.unzip();
        RequestsRecord {
            promises,
            within,
            verified,
            unverified,
            kept_back,
            near_deadline,
            overdue,
            days_used,
            days_allowed,
            error: option(&error),
        }
    })
}

fn any_point() -> impl Strategy<Value = TrendPoint> {
    (any_time(), any_count(), any_count(), any_count(), option::of(any_time()))
        .prop_map(|(at, done, cascaded, stayed, oldest_kept)| TrendPoint { at, done, cascaded, stayed, oldest_kept })
}

fn any_rule() -> impl Strategy<Value = RuleRecord> {
    let texts = (any_text(), vec(any_text(), 0..3), any_text(), any_text(), "delete|aggregate|redact|[^a-z]{0,4}");
    let counts = (any_count(), [any_count(), any_count(), any_count(), any_count(), any_count()], any::<bool>());
    let others = (any_count(), any_count(), any_count(), any_count());
    let maps = (any_counts(), any_counts(), any_counts(), vec(any_point(), 0..14), option::of(any_pause()));
    let rest =
        (option::of(any_time()), any_status(), option::of(any_text()), option::of(any_text()), vec(any_text(), 0..3));
    (texts, counts, others, maps, rest).prop_map(|(texts, (eligible, terms, settle), others, maps, rest)| {
        let [done, held, blocked, skipped, remaining] = terms;
        let sum = terms.into_iter().fold(0, u64::saturating_add);
        RuleRecord {
            rule: texts.0.clone(),
            promises: texts.1,
            database: texts.2.clone(),
            table: texts.2,
            action: texts.4,
            retain: texts.3.clone(),
            cutoff: rest.0,
            status: rest.1,
            error: rest.2,
            eligible: if settle { sum } else { eligible },
            done,
            held,
            blocked,
            skipped,
            remaining,
            no_anchor: others.0,
            unreadable: others.0 / 2,
            unread: option(&texts.3),
            oldest_eligible: rest.0,
            youngest_eligible: rest.0,
            cascaded: maps.0.clone(),
            detached: maps.1,
            rolled_up: others.1,
            suppressed: others.0 % 2 * others.1,
            held_by: maps.2,
            guard: rest.3,
            batches: others.2,
            elapsed_ms: others.3,
            oldest_kept: rest.0,
            cutoff_local: option(&texts.3),
            oldest_due: None,
            paused: maps.4,
            guard_passed: option(&texts.0),
            late: others.0,
            passed_over: maps.0,
            rows_digest: option(&texts.3),
            trend: maps.3,
            statements: rest.4,
        }
    })
}

fn any_pause() -> impl Strategy<Value = PauseRecord> {
    (any::<bool>(), any_time(), option::of(any_time()), any_text(), any_text())
        .prop_map(|(all, since, until, by, reason)| PauseRecord { all, since, until, by, reason })
}

fn any_hold() -> impl Strategy<Value = HoldRecord> {
    (any_text(), vec(any_text(), 0..2), any_text(), any_text(), any_text())
        .prop_map(|(hold, promises, table, term, reason)| HoldRecord { hold, promises, table, term, reason })
}

/// Harmless names, any text at all, and text made of what formats and terminals obey.
fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z_]{1,12}",
        any::<String>(),
        "[<>&\"'=@+,;|/!\\-\\\\ a\r\n\t\u{1b}\u{9b}\u{202e}\u{2066}\u{200b}]{0,24}"
    ]
}

fn any_count() -> impl Strategy<Value = u64> + Clone {
    prop_oneof![Just(0), 1..5_000_u64, any::<u64>()]
}

fn any_counts() -> impl Strategy<Value = BTreeMap<String, u64>> {
    btree_map(any_text(), any_count(), 0..3)
}

fn any_status() -> impl Strategy<Value = Status> {
    prop_oneof![Just(Status::Ok), Just(Status::Stopped), Just(Status::Guarded), Just(Status::Failed)]
}

fn any_time() -> impl Strategy<Value = Timestamp> {
    (Timestamp::MIN.as_microsecond()..=Timestamp::MAX.as_microsecond())
        .prop_map(|us| Timestamp::from_microsecond(us).unwrap())
}
