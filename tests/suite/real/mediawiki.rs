//! MediaWiki 1.39: times are 14 digits of text, blobs of 14 digits on SQLite, timestamptz on PostgreSQL.

use jiff::Timestamp;
use tenure::db::Dialect;

use super::filled::{Filled, FilledTable, Timeline, insert};
use super::people::{CLOSED, Person, entry};
use super::{Around, package};
use crate::harness::TestDb;

const DIR: &str = "usr/share/mediawiki/maintenance";

/// What the installer runs: the generated tables, then what is written by hand (on PostgreSQL, full-text search).
pub fn schema(dialect: Dialect) -> String {
    let file = |name: &str| package::text("mediawiki", "./usr/share/mediawiki/maintenance/*", &format!("{DIR}/{name}"));
    let script = match dialect {
        Dialect::Sqlite => file("sqlite/tables-generated.sql"),
        // The second file opens a transaction, which the installer closes after its own first rows.
        Dialect::Postgres => {
            format!("{}{}COMMIT;", file("postgres/tables-generated.sql"), file("postgres/tables.sql"))
        }
        Dialect::Mysql => format!("{}{}", file("tables-generated.sql"), file("tables.sql")),
    };
    // What the installer puts in for its variables, with no table prefix and the table options that it proposes.
    script.replace("/*_*/", "").replace("/*$wgDBTableOptions*/", "ENGINE=InnoDB, DEFAULT CHARSET=binary")
}

/// Recent changes and IP changes with addresses, cached objects that expire, and blocks that do, but for one.
pub fn fill(db: &TestDb, rows: i64, cutoff: Timestamp) -> Filled {
    let times = Timeline::around(cutoff, rows);
    let at = |row: i64| time(db.dialect, times.at(row));
    insert(
        db,
        "recentchanges (rc_timestamp, rc_actor, rc_title, rc_comment_id, rc_this_oldid, rc_source, rc_ip)",
        times.rows().map(|row| {
            let page = row % 97;
            format!("({}, {}, 'Page_{page}', 1, {row}, 'mw.edit', '{}')", at(row), row % 13 + 1, address(row))
        }),
    );
    insert(
        db,
        "ip_changes (ipc_rev_id, ipc_rev_timestamp, ipc_hex)",
        times.rows().map(|row| format!("({row}, {}, '{:08X}')", at(row), 0xC633_6400_i64 + row % 256)),
    );
    insert(
        db,
        "objectcache (keyname, value, exptime)",
        times.rows().map(|row| format!("('wiki:session:{row}', 'cached', {})", at(row))),
    );
    let block = |row: i64, expiry: &str| {
        let [made, by] = [time(db.dialect, Timestamp::UNIX_EPOCH), address(row)];
        format!("('{by}', {row}, 1, 1, {made}, {expiry}, '', '')")
    };
    insert(
        db,
        "ipblocks (ipb_address, ipb_user, ipb_by_actor, ipb_reason_id, ipb_timestamp, ipb_expiry, ipb_range_start, \
         ipb_range_end)",
        times.rows().map(|row| block(row, &at(row))).chain([block(rows, "'infinity'")]),
    );
    let table = |table, anchor, around| FilledTable { table, anchor: Some(anchor), around };
    Filled {
        cutoff: time(db.dialect, cutoff),
        tables: vec![
            table("recentchanges", "rc_timestamp", times.all()),
            table("ip_changes", "ipc_rev_timestamp", times.all()),
            table("objectcache", "exptime", times.all()),
            table("ipblocks", "ipb_expiry", Around { never: 1, ..times.all() }),
        ],
    }
}

/// How a schedule reads a time: 14 digits of text, but on PostgreSQL.
pub fn digits(dialect: Dialect, column: &str) -> String {
    match dialect {
        Dialect::Postgres => format!("\"{column}\""),
        Dialect::Sqlite | Dialect::Mysql => {
            format!("{{ column = \"{column}\", as = \"text\", format = \"%Y%m%d%H%M%S\" }}")
        }
    }
}

/// Users, of whom those who left are in the group `inactive`, as the extension DisableAccount puts them; each with an actor,
/// by which two edits are theirs (one with a summary of their own and one with a summary that many used), with settings, a watched
/// page that expires, a page of their own that somebody else watches, a block, uploads and log entries.
pub fn people(db: &TestDb) {
    let at = time(db.dialect, CLOSED.parse().expect("an instant"));
    let user = if db.dialect == Dialect::Mysql { "`user`" } else { "\"user\"" };
    let each = |row: &dyn Fn(Person, i64, i64, &str) -> String| {
        let row = |person: Person| row(person, person.key(), person.double(), &person.mark());
        Person::all().map(row).collect::<Vec<_>>().into_iter()
    };
    let fill = |into: &str, row: &dyn Fn(Person, i64, i64, &str) -> String| insert(db, into, each(row));
    fill(
        &format!(
            "{user} (user_id, user_name, user_real_name, user_password, user_newpassword, user_email, user_touched, user_token)"
        ),
        &|person, key, _, mark| {
            let email = person.email();
            format!("({key}, '{mark}', 'Dr. {mark}', 'hash of {mark}', '', '{email}', {at}, 'token of {mark}')")
        },
    );
    fill("user_groups (ug_user, ug_group)", &|person, key, _, _| {
        format!("({key}, '{}')", if person.is_gone() { "inactive" } else { "sysop" })
    });
    fill("user_former_groups (ufg_user, ufg_group)", &|_, key, _, _| format!("({key}, 'bot')"));
    fill("user_properties (up_user, up_property, up_value)", &|_, key, _, mark| format!("({key}, 'nick', '{mark}')"));
    fill("bot_passwords (bp_user, bp_app_id, bp_password, bp_restrictions, bp_grants)", &|_, key, _, mark| {
        format!("({key}, 'app', 'hash of {mark}', '', '')")
    });
    fill("user_newtalk (user_id, user_ip)", &|_, key, _, _| format!("({key}, '198.51.100.7')"));
    let watcher = Person(5).key();
    fill("watchlist (wl_id, wl_user, wl_namespace, wl_title)", &|person, key, _, mark| {
        format!("({}, {key}, 0, 'Roses'), ({}, {watcher}, 2, '{mark}')", person.row(1), person.row(2))
    });
    fill("watchlist_expiry (we_item, we_expiry)", &|person, _, _, _| {
        format!("({}, {at}), ({}, {at})", person.row(1), person.row(2))
    });
    fill("actor (actor_id, actor_user, actor_name)", &|_, key, double, mark| format!("({double}, {key}, '{mark}')"));
    insert(db, "comment (comment_id, comment_hash, comment_text)", ["(900, 7, 'typo')".to_owned()].into_iter());
    fill("comment (comment_id, comment_hash, comment_text)", &|person, _, _, mark| {
        format!("({}, 1, 'signed {mark}')", person.0)
    });
    fill("revision (rev_id, rev_page, rev_comment_id, rev_actor, rev_timestamp)", &|person, _, double, _| {
        format!("({}, 1, {}, {double}, {at}), ({}, 1, 900, {double}, {at})", person.0, person.0, 100 + person.0)
    });
    fill("ip_changes (ipc_rev_id, ipc_rev_timestamp, ipc_hex)", &|person, _, _, mark| {
        format!("({}, {at}, '{mark}')", person.0)
    });
    fill("recentchanges (rc_timestamp, rc_actor, rc_title, rc_comment_id, rc_ip)", &|person, _, double, _| {
        format!("({at}, {double}, 'Roses', {}, '198.51.100.7')", person.0)
    });
    let sysop = Person(4).double();
    fill(
        "logging (log_id, log_type, log_actor, log_namespace, log_title, log_comment_id, log_params)",
        &|person, _, double, mark| {
            let (own, about) = (person.0, 100 + person.0);
            format!(
                "({own}, 'move', {double}, 0, 'Roses', 900, 'to {mark}/Roses'), ({about}, 'rights', {sysop}, 2, '{mark}', 900, '')"
            )
        },
    );
    fill("log_search (ls_field, ls_value, ls_log_id)", &|person, key, double, _| {
        format!("('target_author_id', '{key}', {}), ('target_author_actor', '{double}', {})", person.0, person.0)
    });
    fill(
        "ipblocks (ipb_id, ipb_address, ipb_user, ipb_by_actor, ipb_reason_id, ipb_timestamp, ipb_expiry, ipb_range_start, \
         ipb_range_end)",
        &|person, key, _, mark| format!("({}, '{mark}', {key}, {sysop}, 900, {at}, {at}, '', '')", person.row(1)),
    );
    fill("ipblocks_restrictions (ir_ipb_id, ir_type, ir_value)", &|person, _, _, _| {
        format!("({}, 1, 1)", person.row(1))
    });
    fill(
        "uploadstash (us_user, us_key, us_orig_path, us_path, us_timestamp, us_status, us_size, us_sha1)",
        &|_, key, _, mark| format!("({key}, 'k{mark}', '/tmp/{mark}', 'p', {at}, 'finished', 1, '')"),
    );
    fill(
        "protected_titles (pt_namespace, pt_title, pt_user, pt_reason_id, pt_timestamp, pt_expiry, pt_create_perm)",
        &|person, key, _, _| format!("(0, 'Weeds_{}', {key}, 900, {at}, {at}, 'sysop')", person.0),
    );
    fill("image (img_name, img_metadata, img_description_id, img_actor, img_timestamp)", &|person, _, double, _| {
        format!("('Rose_{}.jpg', '', 900, {double}, {at})", person.0)
    });
}

/// Names go, and what was written stays, by actors whom nobody knows.
pub fn map(dialect: Dialect) -> String {
    let authors = "reason = \"the licence asks that every contribution has an author, who bears no name any more\"";
    let own_page = "matches = \"user_name\"\nwhere";
    let nameless = "redact = { user_name = { placeholder = \"Vanished-{user_id}\" }, user_real_name = { set = \"\" }, \
                    user_password = { set = \"\" }, user_newpassword = { set = \"\" }, user_email = { set = \"\" }, \
                    user_token = { set = \"\" }, user_email_token = \"null\" }";
    let entries = [
        entry("user", "user_id", "redact", nameless),
        entry("actor", "actor_user", "redact", "redact = { actor_name = { placeholder = \"Vanished-{actor_id}\" } }"),
        entry("user_groups", "ug_user", "delete", ""),
        entry("user_former_groups", "ufg_user", "delete", ""),
        entry("user_properties", "up_user", "delete", ""),
        entry("bot_passwords", "bp_user", "delete", ""),
        entry("user_newtalk", "user_id", "delete", ""),
        entry("uploadstash", "us_user", "delete", ""),
        entry("watchlist", "wl_user", "delete", ""),
        entry("watchlist_expiry", "we_item -> watchlist.wl_user", "delete", ""),
        entry("watchlist", "wl_title", "delete", &format!("{own_page} = \"wl_namespace IN (2, 3)\"")),
        entry(
            "watchlist_expiry",
            "we_item -> watchlist.wl_title",
            "delete",
            &format!("{own_page} = \"we_item IN (SELECT wl_id FROM watchlist WHERE wl_namespace IN (2, 3))\""),
        ),
        // Who wrote something keeps it from nobody whom it is about.
        entry("ipblocks", "ipb_user", "delete", "kept_too = true"),
        entry("ipblocks_restrictions", "ir_ipb_id -> ipblocks.ipb_user", "delete", ""),
        entry("ipblocks", "ipb_by_actor -> actor.actor_user", "keep", authors),
        entry("recentchanges", "rc_actor -> actor.actor_user", "delete", ""),
        entry("ip_changes", "ipc_rev_id -> revision.rev_actor -> actor.actor_user", "delete", ""),
        entry("revision", "rev_actor -> actor.actor_user", "keep", authors),
        entry("archive", "ar_actor -> actor.actor_user", "keep", authors),
        // A summary that many used stays: it is somebody else's as well.
        entry(
            "comment",
            "comment_id -> revision(rev_comment_id).rev_actor -> actor.actor_user",
            "redact",
            "redact = { comment_text = { set = \"\" }, comment_data = \"null\" }",
        ),
        entry("logging", "log_actor -> actor.actor_user", "redact", "redact = { log_params = { set = \"\" } }"),
        entry(
            "logging",
            "log_title",
            "redact",
            &format!("{own_page} = \"log_namespace IN (2, 3)\"\nredact = {{ log_title = {{ set = \"(removed)\" }} }}"),
        ),
        entry("log_search", "ls_value", "delete", "where = \"ls_field = 'target_author_id'\""),
        entry(
            "log_search",
            "ls_value -> actor(actor_id).actor_user",
            "delete",
            "where = \"ls_field = 'target_author_actor'\"",
        ),
        entry("image", "img_actor -> actor.actor_user", "keep", authors),
        entry("oldimage", "oi_actor -> actor.actor_user", "keep", authors),
        entry("filearchive", "fa_actor -> actor.actor_user", "keep", authors),
        entry("filearchive", "fa_deleted_user", "redact", "redact = { fa_deleted_user = \"null\" }\nkept_too = true"),
        entry("protected_titles", "pt_user", "redact", "redact = { pt_user = { set = 0 } }"),
    ];
    format!(
        "[subject]\ntable = \"user\"\nkey = \"user_id\"\nclosed = {}\ngrace = \"7 days\"\nwithin = \"30 days\"\n\
         where = \"user_id IN (SELECT ug_user FROM user_groups WHERE ug_group = 'inactive')\"\n\n{}",
        digits(dialect, "user_touched"),
        entries.concat()
    )
}

fn time(dialect: Dialect, at: Timestamp) -> String {
    match dialect {
        Dialect::Postgres => at.strftime("'%Y-%m-%d %H:%M:%S+00'"),
        Dialect::Sqlite | Dialect::Mysql => at.strftime("'%Y%m%d%H%M%S'"),
    }
    .to_string()
}

/// Of the blocks that are reserved for documentation, both versions of IP.
fn address(row: i64) -> String {
    if row % 4 == 0 { format!("2001:db8::{:x}", row % 65536) } else { format!("198.51.100.{}", row % 256) }
}
