//! Zabbix 6.0: times are integer seconds, unsigned 64-bit keys on MySQL, and foreign keys that cascade.

use jiff::Timestamp;
use tenure::db::Dialect;

use super::filled::{Filled, FilledTable, Timeline, insert};
use super::package;
use crate::harness::TestDb;

/// The server's schema; on SQLite, which the server cannot use, the proxy's, which is the same tables.
pub fn schema(dialect: Dialect) -> String {
    let package = match dialect {
        Dialect::Sqlite => "zabbix-proxy-sqlite3",
        Dialect::Postgres => "zabbix-server-pgsql",
        Dialect::Mysql => "zabbix-server-mysql",
    };
    let path = format!("usr/share/{package}/schema.sql.gz");
    let script = package::gzipped_text(package, "./usr/share/zabbix-*/schema.sql.gz", &path);
    match dialect {
        Dialect::Mysql => without_delimiters(&script),
        Dialect::Sqlite | Dialect::Postgres => script,
    }
}

/// DELIMITER is a word of the `mysql` program. The server itself knows where a trigger ends.
fn without_delimiters(script: &str) -> String {
    let lines: Vec<&str> = script.lines().filter(|line| !line.starts_with("DELIMITER ")).collect();
    lines.join("\n").replace(";$$", ";").replace("$$", ";")
}

/// Measurements, their hourly trends, user sessions, and events. Of three events one is an open problem, and one was
/// recovered from by the event that follows it.
pub fn fill(db: &TestDb, rows: i64, cutoff: Timestamp) -> Filled {
    let times = Timeline::around(cutoff, rows);
    let clock = |row: i64| times.at(row).as_second();
    insert(
        db,
        "history (itemid, clock, value, ns)",
        times.rows().map(|row| format!("({}, {}, {}.5, {row})", row % 10 + 1, clock(row), row % 100)),
    );
    insert(
        db,
        "history_uint (itemid, clock, value, ns)",
        // On MySQL the column is unsigned, and counters of real machines pass the largest signed number; not so elsewhere.
        times.rows().map(|row| {
            let value = if db.dialect == Dialect::Mysql { u64::MAX - 1 } else { i64::MAX as u64 };
            format!("({}, {}, {value}, {row})", row % 10 + 1, clock(row))
        }),
    );
    insert(
        db,
        "trends (itemid, clock, num, value_min, value_avg, value_max)",
        times.rows().map(|row| format!("({}, {}, 60, 0.5, 1.5, 2.5)", row + 1, clock(row))),
    );

    insert(db, "role (roleid, name, type)", ["(1, 'User', 1)".to_owned()].into_iter());
    insert(
        db,
        "users (userid, username, name, roleid)",
        (1..=3).map(|user| format!("({user}, 'user{user}', 'User {user}', 1)")),
    );
    insert(
        db,
        "sessions (sessionid, userid, lastaccess, status)",
        times.rows().map(|row| format!("('{row:032x}', {}, {}, {})", row % 3 + 1, clock(row), row % 2)),
    );

    insert(
        db,
        "events (eventid, source, object, objectid, clock, value, ns, name, severity)",
        times.rows().map(|row| format!("({}, 0, 0, 1, {}, 1, {row}, 'CPU load is too high', 3)", row + 1, clock(row))),
    );
    let is_open = |row: i64| row % 3 == 0;
    insert(
        db,
        "problem (eventid, source, object, objectid, clock, ns, name)",
        times.rows().filter(|row| is_open(*row)).map(|row| {
            let clock = clock(row);
            format!("({}, 0, 0, 1, {clock}, {row}, 'CPU load is too high')", row + 1)
        }),
    );
    let was_recovered = |row: i64| row % 3 == 1 && row + 1 < rows;
    insert(
        db,
        "event_recovery (eventid, r_eventid)",
        times.rows().filter(|row| was_recovered(*row)).map(|row| format!("({}, {})", row + 1, row + 2)),
    );

    let table = |table, anchor, around| FilledTable { table, anchor, around };
    Filled {
        cutoff: cutoff.as_second().to_string(),
        tables: vec![
            table("history", Some("clock"), times.all()),
            table("history_uint", Some("clock"), times.all()),
            table("trends", Some("clock"), times.all()),
            table("sessions", Some("lastaccess"), times.all()),
            table("events", Some("clock"), times.all()),
            table("problem", Some("clock"), times.count(is_open)),
            table("event_recovery", None, times.count(was_recovered)),
        ],
    }
}
