//! Tables whose rows refer to rows of the same table: trees, threads, versions.

use tenure::db::Dialect;

use super::{Story, delete_rule, hold};
use crate::harness::TestDb;

/// Two threads five deep (all of the first expired, the end of the second young), a lone row and a young one.
fn threads(on_delete: &str) -> String {
    format!(
        "CREATE TABLE post (id {{bigint}} NOT NULL PRIMARY KEY, parent_id {{bigint}}, at {{ts}}, note {{text}},
             FOREIGN KEY (parent_id) REFERENCES post (id) {on_delete});
         INSERT INTO post VALUES (1, NULL, '2025-01-01', ''), (12, NULL, '2025-01-01', ''), (20, NULL, '2025-01-01', ''), (21, NULL, '2025-12-31', '');
         INSERT INTO post VALUES (2, 1, '2025-01-01', ''), (11, 12, '2025-01-01', ''); INSERT INTO post VALUES (3, 2, '2025-01-01', ''), (10, 11, '2025-01-01', '');
         INSERT INTO post VALUES (4, 3, '2025-01-01', ''), (9, 10, '2025-01-01', ''); INSERT INTO post VALUES (5, 4, '2025-01-01', ''), (8, 9, '2025-12-31', '');"
    )
}

on_every_database! {
    fn a_chain_goes_from_its_leaves_up_and_stops_below_a_young_one(db: TestDb) {
        let done = Story::new(&db, &threads(""), delete_rule("post", "\"at\"", "")).becomes(
            "DELETE FROM post WHERE id = 5; DELETE FROM post WHERE id = 4; DELETE FROM post WHERE id = 3;
             DELETE FROM post WHERE id = 2; DELETE FROM post WHERE id IN (1, 20)",
        );
        assert_eq!((&done["done"], &done["blocked"]), (&6.into(), &4.into()));
    }

    fn rows_in_a_circle_keep_each_other_and_nothing_else(db: TestDb) {
        // 1 -> 2 -> 3 -> 1, with 4 and 5 hanging on it; 6 and 7 refer to each other; 8 is alone; 9 and 10
        // are a chain.
        let setup = "CREATE TABLE post (id {bigint} NOT NULL PRIMARY KEY, parent_id {bigint}, at {ts},
                         FOREIGN KEY (parent_id) REFERENCES post (id));
                     INSERT INTO post VALUES (1, NULL, '2025-01-01'), (2, NULL, '2025-01-01'), (3, NULL, '2025-01-01'), (6, NULL, '2025-01-01'),
                         (7, NULL, '2025-01-01'), (8, NULL, '2025-01-01'), (9, NULL, '2025-01-01');
                     INSERT INTO post VALUES (4, 1, '2025-01-01'), (10, 9, '2025-01-01'); INSERT INTO post VALUES (5, 4, '2025-01-01');
                     UPDATE post SET parent_id = 2 WHERE id = 1; UPDATE post SET parent_id = 3 WHERE id = 2; UPDATE post SET parent_id = 1 WHERE id = 3;
                     UPDATE post SET parent_id = 7 WHERE id = 6; UPDATE post SET parent_id = 6 WHERE id = 7;";
        let done = Story::new(&db, setup, delete_rule("post", "\"at\"", ""))
            .becomes("DELETE FROM post WHERE id = 5; DELETE FROM post WHERE id = 4; DELETE FROM post WHERE id = 10; DELETE FROM post WHERE id IN (8, 9)");
        assert_eq!((&done["done"], &done["blocked"]), (&5.into(), &5.into()));
    }

    fn a_held_row_keeps_all_that_it_descends_from(db: TestDb) {
        let setup = threads("").replace("(4, 3, '2025-01-01', '')", "(4, 3, '2025-01-01', 'held')");
        let done = Story::new(&db, &setup, delete_rule("post", "\"at\"", "") + &hold("post", "note = 'held'"))
            .becomes("DELETE FROM post WHERE id IN (5, 20)");
        assert_eq!((&done["held"], &done["blocked"]), (&1.into(), &7.into()));
    }

    fn a_cascade_over_the_table_itself_takes_descendants_of_any_age(db: TestDb) {
        for (on_delete, cascade) in [("ON DELETE CASCADE", ""), ("", "cascade = [{ table = \"post\", column = \"parent_id\" }]")] {
            let db = TestDb::new(db.dialect);
            let by_hand = (1..=20).rev().chain([8, 9, 10, 11, 12]).filter(|id| *id != 13).map(|id| format!("DELETE FROM post WHERE id = {id} AND id NOT IN (SELECT * FROM (SELECT parent_id FROM post WHERE parent_id IS NOT NULL) AS p)"));
            let done = Story::new(&db, &threads(on_delete), delete_rule("post", "\"at\"", cascade)).becomes(&by_hand.collect::<Vec<_>>().join("; "));
            assert_eq!(db.count("post"), 1, "{done}");
            assert_eq!((&done["done"], &done["cascaded"]["post"]), (&10.into(), &1.into()));
        }
    }

    fn a_cascade_over_the_table_itself_never_takes_a_held_descendant(db: TestDb) {
        let setup = threads("ON DELETE CASCADE").replace("(8, 9, '2025-12-31', '')", "(8, 9, '2025-12-31', 'held')");
        let done = Story::new(&db, &setup, delete_rule("post", "\"at\"", "") + &hold("post", "note = 'held'"))
            .becomes("DELETE FROM post WHERE id = 5; DELETE FROM post WHERE id = 4; DELETE FROM post WHERE id = 3; DELETE FROM post WHERE id = 2; DELETE FROM post WHERE id IN (1, 20)");
        assert_eq!(done["held"], 4);
    }

    fn a_row_that_stays_lets_go_of_its_parent_where_it_may(db: TestDb) {
        for (on_delete, cascade) in [("ON DELETE SET NULL", ""), ("", "cascade = [{ table = \"post\", column = \"parent_id\", then = \"null\" }]")] {
            let db = TestDb::new(db.dialect);
            let done = Story::new(&db, &threads(on_delete), delete_rule("post", "\"at\"", cascade))
                .becomes("UPDATE post SET parent_id = NULL; DELETE FROM post WHERE id NOT IN (8, 21)");
            assert_eq!(done["detached"]["post.parent_id"], 1);
        }
    }

    fn a_row_that_refers_to_itself_is_not_kept_by_that(db: TestDb) {
        for on_delete in ["", "ON DELETE CASCADE", "ON DELETE SET NULL"] {
            let db = TestDb::new(db.dialect);
            let setup = format!(
                "CREATE TABLE post (id {{bigint}} NOT NULL PRIMARY KEY, root_id {{bigint}}, at {{ts}}, FOREIGN KEY (root_id) REFERENCES post (id) {on_delete});
                 INSERT INTO post VALUES (1, 1, '2025-01-01'), (2, 2, '2025-12-31'), (3, 3, '2025-01-01'); INSERT INTO post VALUES (4, 3, '2025-01-01');"
            );
            // InnoDB itself does not delete such a row where its key does nothing: there it is told as blocked.
            let innodb_refuses = db.dialect == Dialect::Mysql && on_delete.is_empty();
            let by_hand = match innodb_refuses {
                true => "DELETE FROM post WHERE id = 4",
                false => "DELETE FROM post WHERE id = 4; UPDATE post SET root_id = NULL WHERE id <> 2; DELETE FROM post WHERE id <> 2",
            };
            let done = Story::new(&db, &setup, delete_rule("post", "\"at\"", "")).becomes(by_hand);
            assert_eq!(done["blocked"], if innodb_refuses { 2 } else { 0 });
        }
    }

    fn two_references_of_a_table_to_itself_keep_a_row_together(db: TestDb) {
        // 1 <- 2 by the one, 2 <- 3 by the other: the young row 3 keeps both.
        let setup = "CREATE TABLE doc (id {bigint} NOT NULL PRIMARY KEY, parent_id {bigint}, copy_of {bigint}, at {ts},
                 FOREIGN KEY (parent_id) REFERENCES doc (id), FOREIGN KEY (copy_of) REFERENCES doc (id));
             INSERT INTO doc VALUES (1, NULL, NULL, '2025-01-01'); INSERT INTO doc VALUES (2, 1, NULL, '2025-01-01');
             INSERT INTO doc VALUES (3, NULL, 2, '2025-12-31'); INSERT INTO doc VALUES (4, NULL, NULL, '2025-01-01');
             INSERT INTO doc VALUES (5, 4, NULL, '2025-01-01'); INSERT INTO doc VALUES (6, NULL, 5, '2025-01-01');";
        let done = Story::new(&db, setup, delete_rule("doc", "\"at\"", ""))
            .becomes("DELETE FROM doc WHERE id = 6; DELETE FROM doc WHERE id = 5; DELETE FROM doc WHERE id = 4");
        assert_eq!((&done["done"], &done["blocked"]), (&3.into(), &2.into()));
    }

    fn a_cascade_over_one_reference_minds_the_other(db: TestDb) {
        // 1 takes 2 with it, but 3, which is no descendant, refers to 2.
        let setup = "CREATE TABLE doc (id {bigint} NOT NULL PRIMARY KEY, parent_id {bigint}, copy_of {bigint}, at {ts},
                 FOREIGN KEY (parent_id) REFERENCES doc (id) ON DELETE CASCADE, FOREIGN KEY (copy_of) REFERENCES doc (id));
             INSERT INTO doc VALUES (1, NULL, NULL, '2025-01-01'); INSERT INTO doc VALUES (2, 1, NULL, '2025-01-01');
             INSERT INTO doc VALUES (3, NULL, 2, '2025-12-31'); INSERT INTO doc VALUES (4, NULL, NULL, '2025-01-01');
             INSERT INTO doc VALUES (5, 4, NULL, '2025-12-31');";
        let done = Story::new(&db, setup, delete_rule("doc", "\"at\"", ""))
            .becomes("DELETE FROM doc WHERE id = 5; DELETE FROM doc WHERE id = 4");
        assert_eq!((&done["done"], &done["blocked"]), (&1.into(), &2.into()));
    }

    fn a_tree_takes_the_children_of_all_its_rows_along(db: TestDb) {
        let setup = format!(
            "{} CREATE TABLE attachment (id {{bigint}} NOT NULL PRIMARY KEY, post_id {{bigint}}, FOREIGN KEY (post_id) REFERENCES post (id) ON DELETE CASCADE);
             INSERT INTO attachment VALUES (1, 5), (2, 8), (3, 21), (4, 20), (5, 9);",
            threads("ON DELETE CASCADE")
        );
        let done = Story::new(&db, &setup, delete_rule("post", "\"at\"", "") + &hold("attachment", "post_id = 8"))
            .becomes("DELETE FROM attachment WHERE id IN (1, 4); DELETE FROM post WHERE id = 5; DELETE FROM post WHERE id = 4; DELETE FROM post WHERE id = 3; DELETE FROM post WHERE id = 2; DELETE FROM post WHERE id IN (1, 20)");
        assert_eq!((&done["held"], &done["cascaded"]["attachment"]), (&4.into(), &2.into()));
    }
}

#[test]
fn a_tree_in_a_partitioned_table_goes_across_its_partitions() {
    let setup = "CREATE TABLE post (id bigint PRIMARY KEY, parent_id bigint REFERENCES post ON DELETE CASCADE, at timestamptz) PARTITION BY RANGE (id);
         CREATE TABLE post_low PARTITION OF post FOR VALUES FROM (0) TO (3); CREATE TABLE post_rest PARTITION OF post DEFAULT;
         INSERT INTO post VALUES (1, NULL, '2025-01-01'), (2, NULL, '2025-12-31'), (3, 1, '2025-12-31'), (4, 3, '2025-01-01'), (5, 2, '2025-12-31'),
             (6, 2, '2025-01-01');";
    let db = TestDb::new(Dialect::Postgres);
    Story::new(&db, setup, delete_rule("post", "\"at\"", "")).becomes("DELETE FROM post WHERE id IN (1, 6)");
    let other = TestDb::new(Dialect::Postgres);
    let blocking = setup.replace(" ON DELETE CASCADE", "");
    Story::new(&other, &blocking, delete_rule("post", "\"at\"", "")).becomes("DELETE FROM post WHERE id IN (4, 6)");
}
