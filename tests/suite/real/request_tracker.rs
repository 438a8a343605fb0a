//! Request Tracker 5: mixed-case names, naive times in UTC, no foreign keys.

use jiff::Timestamp;
use tenure::db::Dialect;

use super::filled::{Filled, FilledTable, Timeline, insert};
use super::people::{Person, entry};
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

/// Users, whose principal is disabled where they left; each asks a ticket and owns another one, is watcher of a third, has a
/// right by the group that stands for them alone, is member of a group, has a saved search, a token, and a history of the
/// account itself.
pub fn people(db: &TestDb) {
    let fill = |into: &str, row: &dyn Fn(Person, i64, i64, &str) -> String| {
        let rows: Vec<_> =
            Person::all().map(|person| row(person, person.key(), person.double(), &person.mark())).collect();
        insert(db, into, rows.into_iter());
    };
    fill(
        "Users (id, Name, Password, EmailAddress, RealName, MobilePhone, Signature, Created, LastUpdated)",
        &|person, key, _, mark| {
            let [email, left] = [person.email(), "'2026-06-10 00:00:00'".to_owned()];
            format!("({key}, '{mark}', 'hash', '{email}', 'Dr. {mark}', '{mark}', 'Yours, {mark}', {left}, {left})")
        },
    );
    fill("Principals (id, PrincipalType, Disabled)", &|person, key, double, _| {
        format!("({key}, 'User', {}), ({double}, 'Group', 0)", i32::from(person.is_gone()))
    });
    fill("Groups (id, Name, Description, Domain, Instance)", &|_, key, double, _| {
        format!("({double}, 'UserEquiv', 'ACL equiv. for user {key}', 'ACLEquivalence', {key})")
    });
    fill("GroupMembers (id, GroupId, MemberId)", &|person, key, double, _| {
        format!("({}, {double}, {key}), ({}, 3, {key})", person.0, 100 + person.0)
    });
    fill("CachedGroupMembers (id, GroupId, MemberId, Via, ImmediateParentId)", &|person, key, double, _| {
        format!("({}, {double}, {key}, 1, {double}), ({}, {double}, {double}, 1, {double})", person.0, 100 + person.0)
    });
    fill("ACL (id, PrincipalType, PrincipalId, RightName, ObjectType)", &|person, _, double, _| {
        format!("({}, 'Group', {double}, 'ShowTicket', 'RT::System')", person.0)
    });
    fill("Attributes (id, Name, Content, ObjectType, ObjectId)", &|person, key, _, mark| {
        format!("({}, 'SavedSearch', 'by {mark}', 'RT::User', {key})", person.0)
    });
    fill("AuthTokens (id, Owner, Token)", &|person, key, _, mark| format!("({}, {key}, '{mark}')", person.0));
    fill("Tickets (id, Queue, Type, Owner, Subject, Status, Creator)", &|person, key, _, mark| {
        let (asked, owned) = (person.0, 100 + person.0);
        format!(
            "({asked}, 1, 'ticket', 6, 'Help {mark}', 'open', {key}), ({owned}, 1, 'ticket', {key}, 'Other', 'open', 1)"
        )
    });
    fill("Transactions (id, ObjectType, ObjectId, Type, NewValue, Creator)", &|person, key, _, _| {
        let (create, watch, own) = (person.0, 100 + person.0, 200 + person.0);
        format!(
            "({create}, 'RT::Ticket', {create}, 'Create', NULL, {key}), \
             ({watch}, 'RT::Ticket', 7, 'AddWatcher', '{key}', 1), ({own}, 'RT::User', {key}, 'Create', NULL, 1)"
        )
    });
    fill("Attachments (id, TransactionId, Subject, Content, Headers, Creator)", &|person, key, _, mark| {
        let (row, own) = (person.0, 200 + person.0);
        let from = person.email();
        format!(
            "({row}, {row}, 'Help {mark}', 'I am {mark}', 'From: {from}', {key}), ({own}, {own}, '', '{mark}', '', 1)"
        )
    });
}

/// What is said in tickets stays, by a user whom nobody knows.
pub fn map(dialect: Dialect) -> String {
    let history = "reason = \"the history of a ticket stays with its queue; who wrote it bears no name any more\"";
    let nobody = "redact = { Name = { placeholder = \"gone-{id}\" }, Password = \"null\", AuthToken = \"null\", \
                  Comments = \"null\", Signature = \"null\", EmailAddress = \"null\", FreeformContactInfo = \"null\", \
                  Organization = \"null\", RealName = \"null\", NickName = \"null\", Gecos = \"null\", HomePhone = \"null\", \
                  WorkPhone = \"null\", MobilePhone = \"null\", PagerPhone = \"null\", Address1 = \"null\", \
                  Address2 = \"null\", City = \"null\", State = \"null\", Zip = \"null\", Country = \"null\", \
                  SMIMECertificate = \"null\" }";
    let equivalent = "IN (SELECT id FROM Groups WHERE Domain = 'ACLEquivalence')";
    let own_history = "TransactionId IN (SELECT id FROM Transactions WHERE ObjectType = 'RT::User')";
    let of_user = "where = \"ObjectType = 'RT::User'\"";
    let entries = [
        entry("Users", "id", "redact", nobody),
        entry("Principals", "id", "keep", "reason = \"that the account is disabled, and nothing else\""),
        entry("GroupMembers", "MemberId", "delete", ""),
        entry("GroupMembers", "GroupId -> Groups.Instance", "delete", &format!("where = \"GroupId {equivalent}\"")),
        entry("CachedGroupMembers", "MemberId", "delete", ""),
        entry(
            "CachedGroupMembers",
            "GroupId -> Groups.Instance",
            "delete",
            &format!("where = \"GroupId {equivalent}\""),
        ),
        entry("ACL", "PrincipalId -> Groups.Instance", "delete", &format!("where = \"PrincipalId {equivalent}\"")),
        entry("Groups", "Instance", "delete", "where = \"Domain = 'ACLEquivalence'\""),
        entry("Attributes", "ObjectId", "delete", of_user),
        entry("AuthTokens", "Owner", "delete", ""),
        entry("Attachments", "TransactionId -> Transactions.ObjectId", "delete", &format!("where = \"{own_history}\"")),
        // Who wrote it keeps it from nobody whom it is about.
        entry("Transactions", "ObjectId", "delete", &format!("{of_user}\nkept_too = true")),
        entry(
            "Attachments",
            "TransactionId -> Transactions.Creator",
            "redact",
            "redact = { Headers = \"null\", Subject = \"null\", Content = { set = \"(removed)\" } }",
        ),
        // Ids as text, where a watcher was added or removed.
        entry(
            "Transactions",
            "NewValue",
            "redact",
            "where = \"Type = 'AddWatcher'\"\nredact = { NewValue = \"null\" }\nkept_too = true",
        ),
        entry(
            "Transactions",
            "OldValue",
            "redact",
            "where = \"Type = 'DelWatcher'\"\nredact = { OldValue = \"null\" }\nkept_too = true",
        ),
        entry("Transactions", "Creator", "keep", history),
        entry("Tickets", "Creator", "redact", "redact = { Subject = { set = \"(removed)\" } }\nkept_too = true"),
        entry("Tickets", "Owner", "redact", "redact = { Owner = { set = 6 } }\nkept_too = true"),
        entry("Tickets", "LastUpdatedBy", "keep", history),
        entry("ObjectCustomFieldValues", "ObjectId", "delete", of_user),
    ];
    named(
        dialect,
        &format!(
            "[subject]\ntable = \"Users\"\nkey = \"id\"\nclosed = \"LastUpdated\"\ngrace = \"7 days\"\nwithin = \"30 days\"\n\
             where = \"id IN (SELECT p.id FROM Principals p WHERE p.Disabled = 1)\"\n\n{}",
            entries.concat()
        ),
    )
}

/// RT's names as the database knows them: PostgreSQL has folded them, but not the values between single quotes.
fn named(dialect: Dialect, schedule: &str) -> String {
    if dialect != Dialect::Postgres {
        return schedule.to_owned();
    }
    let parts = schedule.split('\'').enumerate();
    let folded = parts.map(|(at, part)| if at % 2 == 0 { part.to_lowercase() } else { part.to_owned() });
    folded.collect::<Vec<_>>().join("'")
}

fn time(at: Timestamp) -> String {
    at.strftime("'%Y-%m-%d %H:%M:%S'").to_string()
}
