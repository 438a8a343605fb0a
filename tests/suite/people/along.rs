//! What goes along with the rows of several people at once, or lets go of them, is on the certificate of one of them each.

use std::collections::BTreeMap;

use super::desk::certificate;
use super::{people, run, tenure};
use crate::harness::story::plan_and_run;
use crate::harness::{Tenure, TestDb};

/// A map of accounts that are deleted, with their posts.
fn map(cascade: &str) -> String {
    format!(
        "[subject]\ntable = \"account\"\nkey = \"id\"\nclosed = \"closed_at\"\nwithin = \"30 days\"\nguard = {{ max_share = 1.0 }}\n\
         [[subject.data]]\ntable = \"account\"\ncolumn = \"id\"\naction = \"delete\"\n\
         [[subject.data]]\ntable = \"post\"\ncolumn = \"account_id\"\naction = \"delete\"\n{cascade}\n"
    )
}

/// Three closed accounts, the third without a post, and an open one.
fn accounts(db: &TestDb) {
    db.create("CREATE TABLE account (id {bigint} PRIMARY KEY, closed_at {ts});");
    for (id, closed) in
        [(1, "'2026-06-01 00:00:00'"), (2, "'2026-06-02 00:00:00'"), (3, "'2026-06-03 00:00:00'"), (4, "NULL")]
    {
        db.script(&format!("INSERT INTO account VALUES ({id}, {closed})"));
    }
}

/// Rows that are gone by table, and references that let go by `table.column`.
type Lost = BTreeMap<String, i64>;

fn add(lost: &mut Lost, what: &str, rows: i64) {
    if rows != 0 {
        *lost.entry(what.to_owned()).or_default() += rows;
    }
}

/// What a certificate says of rows that are deleted.
fn told(tenure: &Tenure, key: i64) -> Lost {
    let mut all = Lost::new();
    for gone in certificate(tenure, &key.to_string())["gone"].as_array().expect("a list") {
        add(&mut all, gone["table"].as_str().unwrap(), gone["rows"].as_i64().unwrap());
        for part in ["cascaded", "detached"] {
            let along = gone[part].as_object().into_iter().flatten();
            along.for_each(|(what, rows)| add(&mut all, what, rows.as_i64().unwrap()));
        }
    }
    all
}

/// Rows by table, and references of rows that stay, each with those of them in which it leads nowhere.
fn state(db: &TestDb, tables: &[&str], references: &[(&str, &str)]) -> Lost {
    let mut all = Lost::new();
    tables.iter().for_each(|table| add(&mut all, table, db.count(table)));
    references.iter().for_each(|(reference, rows)| add(&mut all, reference, -db.count(rows)));
    all
}

/// Erases the three in one batch: what the certificates say together is what the database lost. Each certificate.
#[track_caller]
fn erase(db: &TestDb, tenure: &Tenure, tables: &[&str], references: &[(&str, &str)]) -> [Lost; 3] {
    let before = state(db, tables, references);
    let ran = plan_and_run(db, tenure);
    assert_eq!((people(&ran, "erased"), ran.count("erase:account.id", "batches")), (3, 1));
    let mut lost = before;
    state(db, tables, references).iter().for_each(|(what, rows)| add(&mut lost, what, -rows));
    lost.retain(|_, rows| *rows != 0);
    let told = [1, 2, 3].map(|key| told(tenure, key));
    let mut sum = Lost::new();
    told.iter().flatten().for_each(|(what, rows)| add(&mut sum, what, *rows));
    assert_eq!(sum, lost, "what all certificates say");
    told
}

fn lost(of: &[(&str, i64)]) -> Lost {
    of.iter().map(|(what, rows)| ((*what).to_owned(), *rows)).collect()
}

on_every_database! {
    fn rows_that_go_by_foreign_keys_are_on_the_certificate_of_whose_rows_they_hang_on(db: TestDb) {
        accounts(&db);
        db.create(
            "CREATE TABLE post (id {bigint} PRIMARY KEY, account_id {bigint} NOT NULL REFERENCES account (id));
             CREATE TABLE reaction (id {bigint} PRIMARY KEY, post_id {bigint}, FOREIGN KEY (post_id) REFERENCES post (id) ON DELETE CASCADE);
             CREATE TABLE emblem (id {bigint} PRIMARY KEY, reaction_id {bigint}, post_id {bigint},
                 FOREIGN KEY (reaction_id) REFERENCES reaction (id) ON DELETE CASCADE, FOREIGN KEY (post_id) REFERENCES post (id) ON DELETE CASCADE);
             CREATE TABLE bookmark (id {bigint} PRIMARY KEY, post_id {bigint}, FOREIGN KEY (post_id) REFERENCES post (id) ON DELETE SET NULL);
             INSERT INTO post VALUES (1, 1), (2, 1), (3, 2), (4, 4);
             INSERT INTO reaction VALUES (1, 1), (2, 1), (3, 3), (4, 4);
             INSERT INTO emblem VALUES (1, 1, NULL), (2, 3, NULL), (3, NULL, 3), (4, 4, NULL), (5, 1, 2);
             INSERT INTO bookmark VALUES (1, 2), (2, 3), (3, 3), (4, 4), (5, NULL);",
        );
        let tables = ["account", "post", "reaction", "emblem", "bookmark"];
        let told = erase(&db, &tenure(&db, &map("")), &tables, &[("bookmark.post_id", "bookmark WHERE post_id IS NULL")]);
        assert_eq!(told[0], lost(&[("account", 1), ("post", 2), ("reaction", 2), ("emblem", 2), ("bookmark.post_id", 1)]));
        assert_eq!(told[1], lost(&[("account", 1), ("post", 1), ("reaction", 1), ("emblem", 2), ("bookmark.post_id", 2)]));
        assert_eq!(told[2], lost(&[("account", 1)]));
    }

    fn a_row_that_hangs_on_rows_of_two_people_is_on_one_certificate(db: TestDb) {
        accounts(&db);
        db.create(
            "CREATE TABLE post (id {bigint} PRIMARY KEY, account_id {bigint} NOT NULL REFERENCES account (id));
             CREATE TABLE duel (id {bigint} PRIMARY KEY, winner_id {bigint}, loser_id {bigint},
                 FOREIGN KEY (winner_id) REFERENCES post (id) ON DELETE CASCADE, FOREIGN KEY (loser_id) REFERENCES post (id) ON DELETE CASCADE);
             CREATE TABLE applause (id {bigint} PRIMARY KEY, duel_id {bigint}, FOREIGN KEY (duel_id) REFERENCES duel (id) ON DELETE CASCADE);
             INSERT INTO post VALUES (1, 1), (2, 2), (3, 3), (4, 4);
             INSERT INTO duel VALUES (1, 1, 2), (2, 2, 1), (3, 3, 4), (4, 4, 2);
             INSERT INTO applause VALUES (1, 1), (2, 1), (3, 2), (4, 3), (5, 4);",
        );
        let told = erase(&db, &tenure(&db, &map("")), &["account", "post", "duel", "applause"], &[]);
        assert_eq!(told.map(|told| told.get("applause").copied()), [Some(3), Some(1), Some(1)], "of two the first by their keys");
    }

    fn replies_of_others_that_go_with_posts_of_several_people_are_on_their_certificates(db: TestDb) {
        accounts(&db);
        db.create(
            "CREATE TABLE post (id {bigint} PRIMARY KEY, account_id {bigint} NOT NULL REFERENCES account (id), parent_id {bigint},
                 FOREIGN KEY (parent_id) REFERENCES post (id) ON DELETE CASCADE);
             CREATE TABLE reaction (id {bigint} PRIMARY KEY, post_id {bigint}, FOREIGN KEY (post_id) REFERENCES post (id) ON DELETE CASCADE);
             INSERT INTO post VALUES (1, 1, NULL), (2, 4, 1), (3, 4, 2), (4, 2, 3), (5, 4, 4), (6, 2, NULL), (7, 4, 6), (8, 4, NULL);
             INSERT INTO reaction VALUES (1, 1), (2, 2), (3, 5), (4, 7), (5, 8);",
        );
        let told = erase(&db, &tenure(&db, &map("")), &["account", "post", "reaction"], &[]);
        assert_eq!(told[0], lost(&[("account", 1), ("post", 4), ("reaction", 3)]), "with all that descends from it and is nobody's who is due");
        assert_eq!(told[1], lost(&[("account", 1), ("post", 3), ("reaction", 1)]));
    }

    fn replies_that_let_go_of_posts_of_several_people_are_on_their_certificates(db: TestDb) {
        accounts(&db);
        db.create(
            "CREATE TABLE post (id {bigint} PRIMARY KEY, account_id {bigint} NOT NULL REFERENCES account (id), parent_id {bigint},
                 FOREIGN KEY (parent_id) REFERENCES post (id));
             INSERT INTO post VALUES (1, 1, NULL), (2, 4, 1), (3, 4, 1), (4, 2, 3), (5, 4, 4), (6, 1, 4), (7, 4, 2);",
        );
        let lets_go = "cascade = [{ table = \"post\", column = \"parent_id\", then = \"null\" }]";
        let of_others = ("post.parent_id", "post WHERE account_id = 4 AND parent_id IS NULL");
        let told = erase(&db, &tenure(&db, &map(lets_go)), &["account", "post"], &[of_others]);
        assert_eq!(told[0], lost(&[("account", 1), ("post", 2), ("post.parent_id", 2)]));
        assert_eq!(told[1], lost(&[("account", 1), ("post", 1), ("post.parent_id", 1)]));
    }

    fn what_hangs_on_peoples_own_rows_is_on_their_certificates(db: TestDb) {
        accounts(&db);
        db.create(
            "CREATE TABLE post (id {bigint} PRIMARY KEY, account_id {bigint} NOT NULL REFERENCES account (id));
             CREATE TABLE device (id {bigint} PRIMARY KEY, owner {bigint}, FOREIGN KEY (owner) REFERENCES account (id) ON DELETE CASCADE);
             CREATE TABLE invitation (id {bigint} PRIMARY KEY, by_whom {bigint}, FOREIGN KEY (by_whom) REFERENCES account (id) ON DELETE SET NULL);
             INSERT INTO device VALUES (1, 1), (2, 3), (3, 3), (4, 4);
             INSERT INTO invitation VALUES (1, 2), (2, 3), (3, 4);",
        );
        let told = erase(&db, &tenure(&db, &map("")), &["account", "post", "device", "invitation"], &[("invitation.by_whom", "invitation WHERE by_whom IS NULL")]);
        assert_eq!(told[0], lost(&[("account", 1), ("device", 1)]));
        assert_eq!(told[2], lost(&[("account", 1), ("device", 2), ("invitation.by_whom", 1)]));
    }

    fn rows_that_go_along_with_what_two_people_share_are_told_once(db: TestDb) {
        db.create(
            "CREATE TABLE account (id {text} PRIMARY KEY, email {text}, closed_at {ts});
             CREATE TABLE post (id {bigint} PRIMARY KEY, address {text});
             CREATE TABLE reaction (id {bigint} PRIMARY KEY, post_id {bigint}, FOREIGN KEY (post_id) REFERENCES post (id) ON DELETE CASCADE);
             INSERT INTO account VALUES ('ann', 'ann@example.org', '2026-06-01 00:00:00'), ('bob', 'ann@example.org', '2026-06-01 00:00:00'),
                 ('eve', 'eve@example.org', '2026-06-01 00:00:00');
             INSERT INTO post VALUES (1, 'ann@example.org'), (2, 'eve@example.org'), (3, 'zoe@example.org');
             INSERT INTO reaction VALUES (1, 1), (2, 1), (3, 2), (4, 3);",
        );
        let map = map("").replace("account_id\"", "address\"\nmatches = \"email\"");
        let tenure = tenure(&db, &map);
        let ran = run(&tenure);
        assert_eq!((people(&ran, "erased"), db.count("post"), db.count("reaction")), (3, 1, 1));
        let along = |key: &str| {
            let gone = certificate(&tenure, key)["gone"].clone();
            gone.as_array().unwrap().iter().filter_map(|gone| gone["cascaded"]["reaction"].as_i64()).sum::<i64>()
        };
        assert_eq!(["ann", "bob", "eve"].map(along), [2, 0, 1]);
    }
}
