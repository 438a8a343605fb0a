//! MediaWiki 1.39: times are 14 digits of text, blobs of 14 digits on SQLite, timestamptz on PostgreSQL.

use jiff::Timestamp;
use tenure::db::Dialect;

use super::filled::{Filled, FilledTable, Timeline, insert};
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
