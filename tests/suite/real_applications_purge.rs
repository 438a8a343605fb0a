//! The rules that the operators of real applications would write, on the schemas that these applications ship.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tenure::db::Dialect;

use crate::harness::{Tenure, TestDb};
use crate::real::{Filled, mediawiki, request_tracker, zabbix};

const ROWS: i64 = 400;

fn cutoff() -> Timestamp {
    "2026-03-01T00:00:00Z".parse().unwrap()
}

/// The instant at which a period of so many days ends for a row on the cutoff.
fn days_later(days: i64) -> String {
    (cutoff() + SignedDuration::from_hours(24 * days)).to_string()
}

/// Checks, plans and runs these rules twice: the check finds nothing wrong, the run does what the plan says and what is
/// expected, the second run does nothing.
fn purges(tenure: &Tenure, as_of: &str, expected: &[(&str, i64)]) {
    let checked = tenure.run(&["check"]);
    assert_eq!(checked.code, 0, "{}\n{}", checked.stdout, checked.stderr);
    let rules: Vec<_> = expected.iter().map(|(rule, _)| *rule).collect();
    let go = |command: &str| {
        let words = [&[command], rules.as_slice(), &["--as-of", as_of, "--json"]].concat();
        tenure.run(&words).expect_code(0).json()
    };
    let [plan, first, second] = ["plan", "run", "run"].map(go);
    for (rule, rows) in expected {
        let [plan, first, second] = [&plan, &first, &second].map(|record| rule_of(record, rule));
        assert_eq!(plan["remaining"], *rows, "the plan of {rule}: {plan}");
        assert_eq!(first["done"], *rows, "the run of {rule}: {first}");
        for figure in ["eligible", "held", "blocked", "no_anchor", "cascaded", "detached"] {
            assert_eq!(plan[figure], first[figure], "{figure} of {rule}");
        }
        assert_eq!(second["done"], 0, "the second run of {rule}");
    }
}

fn rule_of<'r>(record: &'r Value, rule: &str) -> &'r Value {
    record["rules"].as_array().unwrap().iter().find(|one| one["rule"] == rule).unwrap()
}

fn kept(db: &TestDb, filled: &Filled, table: &str) {
    let around = filled.of(table);
    assert_eq!(db.count(table), around.total() - around.before, "{table}: {around:?}");
}

/// RT's names as the database knows them: PostgreSQL has folded them, but the values in them are values.
fn rt_names(dialect: Dialect, schedule: &str) -> String {
    const NAMES: [&str; 8] = [
        "Tickets",
        "Transactions",
        "Attachments",
        "Resolved",
        "ObjectId",
        "TransactionId",
        "LastUpdated",
        "ObjectType",
    ];
    match dialect {
        Dialect::Sqlite | Dialect::Mysql => schedule.to_owned(),
        Dialect::Postgres => {
            NAMES.iter().fold(schedule.to_owned(), |text, name| text.replace(name, &name.to_lowercase()))
        }
    }
}

fn mediawiki_schedule(dialect: Dialect) -> String {
    let at = |column| mediawiki::digits(dialect, column);
    format!(
        r#"
        [policy]
        name = "wiki"

        [[rule]]
        name = "recent-changes"
        table = "recentchanges"
        anchor = {rc}
        retain = "90 days"
        action = "delete"

        [[rule]]
        name = "addresses-of-recent-changes"
        table = "recentchanges"
        anchor = {rc}
        retain = "30 days"
        action = "redact"
        [rule.redact]
        rc_ip = {{ set = "" }}

        [[rule]]
        name = "addresses-of-edits"
        table = "ip_changes"
        anchor = {ipc}
        retain = "90 days"
        action = "delete"

        [[rule]]
        name = "cache"
        table = "objectcache"
        expires = {exptime}
        action = "delete"

        [[rule]]
        name = "blocks"
        table = "ipblocks"
        expires = {expiry}
        action = "delete"
        "#,
        rc = at("rc_timestamp"),
        ipc = at("ipc_rev_timestamp"),
        exptime = at("exptime"),
        expiry = at("ipb_expiry"),
    )
}

const ZABBIX: &str = r#"
    [policy]
    name = "monitoring"

    [[rule]]
    name = "history"
    table = "history"
    anchor = { column = "clock", as = "epoch-seconds" }
    retain = "90 days"
    action = "delete"

    [[rule]]
    name = "counters"
    table = "history_uint"
    anchor = { column = "clock", as = "epoch-seconds" }
    retain = "90 days"
    action = "delete"

    [[rule]]
    name = "trends"
    table = "trends"
    anchor = { column = "clock", as = "epoch-seconds" }
    retain = "90 days"
    action = "delete"

    [[rule]]
    name = "sessions"
    table = "sessions"
    anchor = { column = "lastaccess", as = "epoch-seconds" }
    retain = "90 days"
    action = "delete"

    [[rule]]
    name = "events"
    table = "events"
    anchor = { column = "clock", as = "epoch-seconds" }
    retain = "90 days"
    action = "delete"

    [[rule]]
    name = "audit"
    table = "auditlog"
    anchor = { column = "clock", as = "epoch-seconds" }
    retain = "90 days"
    action = "delete"
"#;

const SESSIONS_OF_RT: &str = r#"
    [[rule]]
    name = "sessions"
    table = "sessions"
    anchor = "LastUpdated"
    retain = "90 days"
    action = "delete"
"#;

/// Tickets with all that hangs on them, as one chain.
const RT_BY_CASCADE: &str = r#"
    [policy]
    name = "tickets"

    [[rule]]
    name = "tickets"
    table = "Tickets"
    anchor = "Resolved"
    retain = "90 days"
    where = "Status = 'resolved'"
    action = "delete"
    cascade = [
        { table = "Transactions", column = "ObjectId", parent = "Tickets" },
        { table = "Attachments", column = "TransactionId", parent = "Transactions" },
    ]
"#;

/// The same as a rule a table, each by the age of the ticket: transactions of other things bear the same numbers.
const RT_BY_PATHS: &str = r#"
    [policy]
    name = "tickets"

    [[rule]]
    name = "tickets"
    table = "Tickets"
    anchor = "Resolved"
    retain = "90 days"
    action = "delete"

    [[rule]]
    name = "transactions"
    table = "Transactions"
    anchor = "ObjectId -> Tickets.Resolved"
    retain = "90 days"
    where = "ObjectType = 'RT::Ticket'"
    action = "delete"

    [[rule]]
    name = "attachments"
    table = "Attachments"
    anchor = "TransactionId -> Transactions.ObjectId -> Tickets.Resolved"
    retain = "90 days"
    where = "TransactionId IN (SELECT id FROM Transactions WHERE ObjectType = 'RT::Ticket')"
    action = "delete"
"#;

on_every_database! {
    fn a_wiki_forgets_recent_changes_and_addresses_after_90_days_and_blocks_and_cache_once_they_expire(db: TestDb) {
        db.script(&mediawiki::schema(db.dialect));
        let filled = mediawiki::fill(&db, ROWS, cutoff());
        let tenure = Tenure::at(&db).schedule(&mediawiki_schedule(db.dialect));
        let changes = filled.of("recentchanges");
        purges(&tenure, &days_later(0), &[
            ("cache", filled.of("objectcache").before),
            ("blocks", filled.of("ipblocks").before),
        ]);
        purges(&tenure, &days_later(90), &[
            ("recent-changes", changes.before),
            ("addresses-of-recent-changes", changes.on + changes.after),
            ("addresses-of-edits", filled.of("ip_changes").before),
        ]);
        for table in ["recentchanges", "ip_changes", "objectcache", "ipblocks"] {
            kept(&db, &filled, table);
        }
        let unlimited = db.scalar("SELECT count(*) FROM ipblocks WHERE ipb_expiry = 'infinity'");
        assert_eq!(unlimited, 1, "a block without end never expires");
        assert_eq!(db.scalar("SELECT count(*) FROM recentchanges WHERE rc_ip <> ''"), 0);
    }

    fn monitoring_forgets_measurements_sessions_and_events_with_all_that_hangs_on_them(db: TestDb) {
        db.script(&zabbix::schema(db.dialect));
        let filled = zabbix::fill(&db, ROWS, cutoff());
        let tenure = Tenure::at(&db).schedule(ZABBIX);
        let due = |table: &str| filled.of(table).before;
        purges(&tenure, &days_later(90), &[
            ("history", due("history")),
            ("counters", due("history_uint")),
            ("trends", due("trends")),
            ("sessions", due("sessions")),
            ("events", due("events")),
            ("audit", 0),
        ]);
        for table in ["history", "history_uint", "trends", "sessions", "events", "problem", "event_recovery"] {
            kept(&db, &filled, table);
        }
    }

    fn resolved_tickets_go_with_their_transactions_and_attachments(db: TestDb) {
        db.script(&request_tracker::schema(db.dialect));
        let filled = request_tracker::fill(&db, ROWS, cutoff());
        let tickets = filled.of("Tickets");
        let has_sessions = db.dialect != Dialect::Sqlite;
        let mut expected = vec![("tickets", tickets.before)];
        let mut schedule = rt_names(db.dialect, RT_BY_CASCADE);
        if has_sessions {
            schedule.push_str(&rt_names(db.dialect, SESSIONS_OF_RT));
            expected.push(("sessions", filled.of("sessions").before));
        }
        purges(&Tenure::at(&db).schedule(&schedule), &days_later(90), &expected);
        kept(&db, &filled, "Tickets");
        assert_eq!(db.count("Transactions"), filled.of("Transactions").total() - 2 * tickets.before);
        assert_eq!(db.count("Attachments"), filled.of("Attachments").total() - tickets.before);
    }

    fn what_hangs_on_a_ticket_goes_by_the_tickets_age_and_what_only_bears_its_number_stays(db: TestDb) {
        db.script(&request_tracker::schema(db.dialect));
        let filled = request_tracker::fill(&db, ROWS, cutoff());
        db.script("INSERT INTO Transactions (id, ObjectType, ObjectId, Type, Creator, Created) \
                   VALUES (999999, 'RT::User', 2, 'Create', 1, '2020-01-01 00:00:00')");
        let tickets = filled.of("Tickets").before;
        purges(&Tenure::at(&db).schedule(&rt_names(db.dialect, RT_BY_PATHS)), &days_later(90), &[
            ("tickets", tickets),
            ("transactions", 2 * tickets),
            ("attachments", tickets),
        ]);
        assert_eq!(db.count("Transactions"), filled.of("Transactions").total() - 2 * tickets + 1);
        assert_eq!(db.count("Attachments"), filled.of("Attachments").total() - tickets);
        assert_eq!(db.scalar("SELECT count(*) FROM Transactions WHERE id = 999999"), 1);
    }

    fn a_check_names_the_columns_that_are_not_there_and_those_that_hold_no_time(db: TestDb) {
        db.script(&zabbix::schema(db.dialect));
        for (right, wrong, named) in [
            ("column = \"lastaccess\"", "column = \"last_access\"", "lastaccess"),
            ("table = \"trends\"", "table = \"trend\"", "trends"),
            ("column = \"lastaccess\", as = \"epoch-seconds\"", "column = \"sessionid\", as = \"epoch-seconds\"", "sessionid"),
        ] {
            let checked = Tenure::at(&db).schedule(&ZABBIX.replace(right, wrong)).run(&["check"]);
            let said = format!("{}{}", checked.stdout, checked.stderr);
            assert_ne!(checked.code, 0, "{wrong}: {said}");
            assert!(said.contains(named), "{wrong}: {said}");
        }
    }
}
