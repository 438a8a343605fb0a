//! Request Tracker 5: mixed-case names, naive times in UTC, no foreign keys.

use jiff::Timestamp;
use tenure::db::Dialect;

use super::filled::{Filled, FilledTable, Timeline, insert};
use super::{Around, package};
use crate::harness::TestDb;

/// The schema, read as RT's own `InsertSchema` reads it.
pub fn schema(dialect: Dialect) -> String {
    let ending = match dialect {
        Dialect::Sqlite => "SQLite",
        Dialect::Postgres => "Pg",
        Dialect::Mysql => "mysql",
    };
    let path = format!("usr/share/request-tracker5/etc/schema.{ending}");
    let script = package::text("request-tracker5", "./usr/share/request-tracker5/etc/schema.*", &path);
    without_comments(&script)
}

/// RT cuts each line at `#`, which starts no comment on SQLite, and at `--`.
fn without_comments(script: &str) -> String {
    let cut =
        |line: &str| line.split('#').next().and_then(|line| line.split("--").next()).map(|line| format!("{line}\n"));
    script.lines().filter_map(cut).collect()
}

/// Tickets, of which every fifth is still open; two transactions and one attachment each, of the ticket's age; and web
/// sessions, which RT keeps in files where it runs on SQLite. One queue and one user own all of it.
pub fn fill(db: &TestDb, rows: i64, cutoff: Timestamp) -> Filled {
    let times = Timeline::around(cutoff, rows);
    let at = |row: i64| time(times.at(row));
    let is_open = |row: i64| row % 5 == 0;
    insert(db, "Queues (id, Name, Lifecycle)", ["(1, 'General', 'default')".to_owned()].into_iter());
    insert(db, "Users (id, Name, EmailAddress)", ["(1, 'asker', 'asker@example.org')".to_owned()].into_iter());
    insert(
        db,
        "Tickets (id, EffectiveId, Queue, Type, Subject, Status, Creator, Created, LastUpdated, Resolved)",
        times.rows().map(|row| {
            let [id, at] = [(row + 1).to_string(), at(row)];
            let [status, resolved] = if is_open(row) { ["open", "NULL"] } else { ["resolved", &at] };
            format!("({id}, {id}, 1, 'ticket', 'Question {id}', '{status}', 1, {at}, {at}, {resolved})")
        }),
    );
    insert(
        db,
        "Transactions (id, ObjectType, ObjectId, Type, Creator, Created)",
        times.rows().flat_map(|row| {
            let [ticket, at] = [(row + 1).to_string(), at(row)];
            let [create, correspond] = [2 * row + 1, 2 * row + 2];
            [
                format!("({create}, 'RT::Ticket', {ticket}, 'Create', 1, {at})"),
                format!("({correspond}, 'RT::Ticket', {ticket}, 'Correspond', 1, {at})"),
            ]
        }),
    );
    insert(
        db,
        "Attachments (id, TransactionId, Subject, ContentType, Content, Headers, Creator, Created)",
        times.rows().map(|row| {
            let [id, transaction] = [row + 1, 2 * row + 1];
            let headers = "From: asker@example.org";
            format!("({id}, {transaction}, 'Question {id}', 'text/plain', 'Please help.', '{headers}', 1, {})", at(row))
        }),
    );
    let has_sessions = db.dialect != Dialect::Sqlite;
    if has_sessions {
        insert(
            db,
            "sessions (id, a_session, LastUpdated)",
            times.rows().map(|row| format!("('{row:032x}', 'frozen', {})", at(row))),
        );
    }

    let all = times.all();
    let open = times.count(is_open).total();
    let resolved = Around { never: open, ..times.count(|row| !is_open(row)) };
    let twice = Around { before: 2 * all.before, on: 2 * all.on, after: 2 * all.after, never: 0 };
    let table = |table, anchor, around| FilledTable { table, anchor: Some(anchor), around };
    let mut tables = vec![
        table("Tickets", "Resolved", resolved),
        table("Transactions", "Created", twice),
        table("Attachments", "Created", all),
    ];
    if has_sessions {
        tables.push(table("sessions", "LastUpdated", all));
    }
    Filled { cutoff: time(cutoff), tables }
}

fn time(at: Timestamp) -> String {
    at.strftime("'%Y-%m-%d %H:%M:%S'").to_string()
}
