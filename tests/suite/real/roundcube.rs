//! Roundcube 1.6: all that is a user's hangs on the user by foreign keys that cascade.

use tenure::db::Dialect;

use super::filled::insert;
use super::package;
use super::people::{Person, entry};
use crate::harness::TestDb;

/// What the package gives to dbconfig-common.
pub fn schema(dialect: Dialect) -> String {
    let name = match dialect {
        Dialect::Sqlite => "sqlite",
        Dialect::Postgres => "postgres",
        Dialect::Mysql => "mysql",
    };
    package::text(
        "roundcube-core",
        "./usr/share/roundcube/SQL/*",
        &format!("usr/share/roundcube/SQL/{name}.initial.sql"),
    )
}

/// Users with an identity, contacts in groups, and a cache; each is in the address book of the next one only by a name of
/// that one's own.
pub fn people(db: &TestDb) {
    let each = |row: fn(Person, i64) -> String| Person::all().map(move |person| row(person, person.key()));
    insert(
        db,
        "users (user_id, username, mail_host, preferences)",
        each(|person, key| format!("({key}, '{}', 'localhost', 'prefs of {}')", person.email(), person.mark())),
    );
    insert(
        db,
        "identities (identity_id, user_id, name, email, signature)",
        each(|person, key| format!("({}, {key}, '{}', '{}', 'Yours')", person.0, person.mark(), person.email())),
    );
    insert(
        db,
        "contacts (contact_id, user_id, name, email, vcard, words)",
        each(|person, key| {
            format!("({}, {key}, 'Friend', 'friend@example.net', 'card of {}', '')", person.0, person.mark())
        }),
    );
    insert(
        db,
        "contactgroups (contactgroup_id, user_id, name)",
        each(|person, key| format!("({}, {key}, 'Friends')", person.double())),
    );
    insert(
        db,
        "contactgroupmembers (contactgroup_id, contact_id)",
        each(|person, _| format!("({}, {})", person.double(), person.0)),
    );
    insert(
        db,
        "collected_addresses (address_id, user_id, name, email, type)",
        each(|person, key| format!("({}, {key}, 'Shop', 'shop@example.net', 1)", person.0)),
    );
    insert(
        db,
        "dictionary (user_id, language, data)",
        each(|person, key| format!("({key}, 'en', '{}')", person.mark())),
    );
    insert(
        db,
        "cache (user_id, cache_key, data)",
        each(|person, key| format!("({key}, 'mailboxes', 'folders of {}')", person.mark())),
    );
}

/// One entry is the whole map.
pub fn map() -> String {
    format!(
        "[subject]\ntable = \"users\"\nkey = \"user_id\"\nwithin = \"30 days\"\n\n{}\n\
         [[keep]]\ntables = [\"session\", \"system\", \"cache_shared\"]\nreason = \"sessions end by themselves after minutes\"\n",
        entry("users", "user_id", "delete", "")
    )
}
