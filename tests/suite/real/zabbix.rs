//! Zabbix 6.0: times are integer seconds, unsigned 64-bit keys on MySQL, and foreign keys that cascade.

use jiff::Timestamp;
use tenure::db::Dialect;

use super::filled::{Filled, FilledTable, Timeline, insert};
use super::package;
use super::people::{Person, entry};
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

/// Users with an address, a session, settings, a group and a token; each has made a token for somebody else, owns a map and a
/// dashboard, has acknowledged a problem and closed it, and stands in the audit log.
pub fn people(db: &TestDb) {
    let fill = |into: &str, row: &dyn Fn(Person, i64, &str) -> String| {
        let rows: Vec<_> = Person::all().map(|person| row(person, person.key(), &person.mark())).collect();
        insert(db, into, rows.into_iter());
    };
    let once = |into: &str, row: &str| insert(db, into, [row.to_owned()].into_iter());
    once("role (roleid, name, type)", "(1, 'User', 1)");
    once("usrgrp (usrgrpid, name)", "(1, 'Operators')");
    once("media_type (mediatypeid, name, script, description)", "(1, 'Mail', '', '')");
    once("users (userid, username, roleid)", "(1, 'Admin', 1)");
    fill("users (userid, username, name, surname, passwd, attempt_ip, roleid)", &|_, key, mark| {
        format!("({key}, '{mark}', 'Dr.', '{mark}', 'hash', '198.51.100.7', 1)")
    });
    fill("media (mediaid, userid, mediatypeid, sendto)", &|person, key, _| {
        format!("({}, {key}, 1, '{}')", person.0, person.email())
    });
    fill("sessions (sessionid, userid)", &|_, key, mark| format!("('s{mark}', {key})"));
    fill("profiles (profileid, userid, idx, value_str)", &|person, key, mark| {
        format!("({}, {key}, 'web.search', '{mark}')", person.0)
    });
    fill("users_groups (id, usrgrpid, userid)", &|person, key, _| format!("({}, 1, {key})", person.0));
    let bearer = Person(5).key();
    fill("token (tokenid, name, description, userid, creator_userid)", &|person, key, mark| {
        let (own, given) = (person.0, 100 + person.0);
        format!("({own}, 'T{own}', 'of {mark}', {key}, NULL), ({given}, 'T{given}', '', {bearer}, {key})")
    });
    fill("sysmaps (sysmapid, name, userid)", &|person, key, _| format!("({}, 'Map {}', {key})", person.0, person.0));
    fill("dashboard (dashboardid, name, userid)", &|person, key, _| {
        format!("({}, 'Board {}', {key})", person.0, person.0)
    });
    fill("events (eventid, name, clock)", &|person, _, _| {
        format!("({}, 'CPU load is too high', 1750000000)", person.0)
    });
    fill("problem (eventid, name, userid)", &|person, key, _| format!("({}, 'CPU load is too high', {key})", person.0));
    fill("acknowledges (acknowledgeid, userid, eventid, message)", &|person, key, mark| {
        format!("({}, {key}, {}, 'seen by {mark}')", person.0, person.0)
    });
    fill("auditlog (auditid, userid, username, ip, resourceid, recordsetid, details)", &|person, key, mark| {
        format!("('a{}', {key}, '{mark}', '198.51.100.7', {key}, 'r', 'name: {mark}')", person.0)
    });
}

/// What the database takes along by itself need not be written; what would keep a user, or names one without a key, must be.
pub fn map() -> String {
    let nobody = |column: &str| format!("redact = {{ {column} = \"null\" }}");
    let audited = "redact = { userid = \"null\", username = { set = \"\" }, ip = { set = \"\" }, details = { set = \"\" }, \
                   resourcename = { set = \"\" }, resourceid = \"null\" }";
    let entries = [
        entry("users", "userid", "delete", ""),
        entry("opmessage_usr", "userid", "delete", ""),
        entry("sysmaps", "userid", "redact", "redact = { userid = { set = 1 } }"),
        entry("dashboard", "userid", "redact", &nobody("userid")),
        entry("token", "creator_userid", "redact", &nobody("creator_userid")),
        entry("report_user", "access_userid", "redact", &nobody("access_userid")),
        entry("report_usrgrp", "access_userid", "redact", &nobody("access_userid")),
        entry("problem", "userid", "redact", &nobody("userid")),
        entry("event_recovery", "userid", "redact", &nobody("userid")),
        entry("auditlog", "userid", "redact", audited),
    ];
    format!("[subject]\ntable = \"users\"\nkey = \"userid\"\nwithin = \"30 days\"\n\n{}", entries.concat())
}
