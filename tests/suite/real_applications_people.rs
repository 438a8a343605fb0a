//! Erasure over the schemas of real applications: nothing of those who go is left, nothing of those who stay has changed, and
//! `tenure check` names what a map has forgotten.

use tenure::db::Dialect;

use crate::harness::story::plan_and_run;
use crate::harness::{Tenure, TestDb};
use crate::real::people::{
    ALL, GONE, certified, checked, erase_by_request, house, only_theirs_changed, refused, without,
};
use crate::real::{mediawiki, request_tracker, roundcube, wordpress, zabbix};

/// The check of a map that has forgotten something speaks of it, and that of the whole map does not.
#[track_caller]
fn is_missed(db: &TestDb, map: &str, forgetful: &str, named: &str) {
    assert_ne!(map, forgetful, "nothing was forgotten");
    let (whole, said) = (checked(&house(db, map)), checked(&house(db, forgetful)));
    assert!(said.contains(named), "nothing about {named}: {said}");
    assert!(!whole.contains(named), "the whole map is said to have forgotten something: {whole}");
}

/// The same of all entries that begin with a column.
#[track_caller]
fn is_missed_as_a_table(db: &TestDb, map: &str, table: &str, column: &str) {
    let named = format!("subject: table `{table}` seems to hold something of people");
    is_missed(db, map, &without(map, table, column), &named);
}

/// Those whose accounts are closed are erased by one run, and it is told of them what happened.
#[track_caller]
fn erases_the_closed(db: &TestDb, tenure: &Tenure) {
    let before = db.tables_dump();
    let ran = plan_and_run(db, tenure);
    let erased = ran.0["people"]["erased"].as_u64();
    assert_eq!(erased, Some(GONE.count() as u64));
    assert_eq!(only_theirs_changed(&before, &db.tables_dump()), certified(tenure));
}

/// The same of those who ask for it.
#[track_caller]
fn erases_who_asks(db: &TestDb, tenure: &Tenure, ask: impl FnOnce()) {
    let before = db.tables_dump();
    ask();
    assert_eq!(only_theirs_changed(&before, &db.tables_dump()), certified(tenure));
}

on_every_database! {
    fn a_wiki_forgets_who_left_and_keeps_what_they_wrote(db: TestDb) {
        db.script(&mediawiki::schema(db.dialect));
        mediawiki::people(&db);
        let map = mediawiki::map(db.dialect);
        is_missed_as_a_table(&db, &map, "uploadstash", "us_user");
        is_missed_as_a_table(&db, &map, "recentchanges", "rc_actor");
        erases_the_closed(&db, &house(&db, &map));
        assert_eq!(db.count("revision WHERE rev_comment_id = 900 AND rev_actor > 0"), ALL.count() as i64, "what was written stays, by somebody");
        assert_eq!(db.count("comment WHERE comment_id = 900 AND comment_text = 'typo'"), 1, "others use that summary");
    }

    fn tickets_stay_when_who_asked_for_them_is_forgotten(db: TestDb) {
        db.script(&request_tracker::schema(db.dialect));
        request_tracker::people(&db);
        let map = request_tracker::map(db.dialect);
        if db.dialect == Dialect::Sqlite {
            let said = refused(&house(&db, &map));
            return assert!(said.contains("nothing says that `Users.id` is unique and never NULL"), "{said}");
        }
        let [users, tokens, owner, phone] = ["Users", "AuthTokens", "Owner", "MobilePhone"]
            .map(|name| if db.dialect == Dialect::Postgres { name.to_lowercase() } else { name.to_owned() });
        is_missed_as_a_table(&db, &map, &tokens, &owner);
        let staying = format!("rows of `{users}` are redacted and stay, and with them what seems to be of a person: `{phone}`");
        is_missed(&db, &map, &map.replace(&format!("{phone} = \"null\", "), ""), &staying);
        erases_the_closed(&db, &house(&db, &map));
        assert_eq!(db.count("Tickets"), 2 * ALL.count() as i64);
        assert_eq!(db.count("Tickets WHERE Owner = 6 AND id > 100"), GONE.count() as i64);
    }

    fn monitoring_forgets_who_asks_for_it_with_all_that_the_database_takes_along(db: TestDb) {
        db.script(&zabbix::schema(db.dialect));
        zabbix::people(&db);
        let tenure = house(&db, &zabbix::map());
        checked(&tenure);
        let said = refused(&house(&db, &without(&zabbix::map(), "sysmaps", "userid")));
        assert!(said.contains("rows of `sysmaps` belong to people, because `userid` refers to `users`"), "{said}");
        erases_who_asks(&db, &tenure, || erase_by_request(&tenure));
        assert_eq!((db.count("sysmaps"), db.count("sysmaps WHERE userid = 1")), (6, GONE.count() as i64));
        assert_eq!(db.count("auditlog"), ALL.count() as i64, "what happened is still told");
    }

    fn one_entry_takes_a_mailbox_with_its_address_book(db: TestDb) {
        db.script(&roundcube::schema(db.dialect));
        roundcube::people(&db);
        let tenure = house(&db, &roundcube::map());
        checked(&tenure);
        let kept = roundcube::map().replace("action = \"delete\"", "action = \"redact\"\nredact = { preferences = \"null\" }");
        let said = refused(&house(&db, &kept));
        for table in ["identities", "contacts", "collected_addresses", "dictionary", "filestore"] {
            assert!(said.contains(&format!("rows of `{table}` belong to people")), "{table}: {said}");
        }
        erases_who_asks(&db, &tenure, || erase_by_request(&tenure));
        assert_eq!(db.count("contactgroupmembers"), (ALL.count() - GONE.count()) as i64);
    }
}

#[test]
fn a_blog_erases_who_asked_for_it_as_wordpress_lets_them_ask() {
    let db = TestDb::new(Dialect::Mysql);
    db.script(&wordpress::schema());
    wordpress::people(&db);
    let map = wordpress::map();
    is_missed_as_a_table(&db, &map, "wp_links", "link_owner");
    let tenure = house(&db, &map);
    erases_who_asks(&db, &tenure, || drop(tenure.run(&["run"]).expect_code(0)));
    assert_eq!(db.count("wp_posts WHERE post_status = 'request-completed'"), GONE.count() as i64);
    assert_eq!(db.count("wp_posts WHERE post_status = 'request-pending'"), 1);
    assert_eq!(db.count("wp_comments WHERE comment_author = 'Anonymous'"), 2 * GONE.count() as i64);
}
