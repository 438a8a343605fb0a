//! What refers to a row: it goes along, lets go, or keeps the row where it is.

use tenure::db::Dialect;

use super::{Story, delete_rule, hold};
use crate::harness::TestDb;

/// Four expired parents and a young one; the children of the first three refer by this action.
fn parents(on_delete: &str) -> String {
    format!(
        "CREATE TABLE parent (id {{bigint}} NOT NULL PRIMARY KEY, at {{ts}});
         CREATE TABLE child (id {{bigint}} NOT NULL PRIMARY KEY, parent_id {{bigint}}, FOREIGN KEY (parent_id) REFERENCES parent (id) {on_delete});
         INSERT INTO parent VALUES (1, '2025-01-01'), (2, '2025-01-01'), (3, '2025-12-31'), (4, '2025-01-01');
         INSERT INTO child VALUES (1, 1), (2, 1), (3, 2), (4, 3), (5, NULL);"
    )
}

on_every_database! {
    fn a_reference_that_restricts_or_does_nothing_keeps_its_row(db: TestDb) {
        let deferred = ["ON DELETE NO ACTION DEFERRABLE INITIALLY DEFERRED", "DEFERRABLE INITIALLY IMMEDIATE"];
        let actions = ["", "ON DELETE RESTRICT", "ON DELETE NO ACTION"];
        let actions = actions.into_iter().chain(deferred.into_iter().filter(|_| db.dialect != Dialect::Mysql));
        for action in actions {
            let db = TestDb::new(db.dialect);
            let done = Story::new(&db, &parents(action), delete_rule("parent", "\"at\"", "")).becomes("DELETE FROM parent WHERE id = 4");
            assert_eq!(done["blocked"], 2, "{action}");
        }
    }

    fn a_reference_that_cascades_is_counted_and_one_that_sets_null_is_told(db: TestDb) {
        let done = Story::new(&db, &parents("ON DELETE CASCADE"), delete_rule("parent", "\"at\"", ""))
            .becomes("DELETE FROM parent WHERE id IN (1, 2, 4)");
        assert_eq!((&done["done"], &done["cascaded"]["child"]), (&3.into(), &3.into()));
        let db = TestDb::new(db.dialect);
        let done = Story::new(&db, &parents("ON DELETE SET NULL"), delete_rule("parent", "\"at\"", ""))
            .becomes("DELETE FROM parent WHERE id IN (1, 2, 4)");
        assert_eq!((&done["done"], &done["detached"]["child.parent_id"]), (&3.into(), &3.into()));
    }

    fn the_schedule_may_cascade_or_let_go_where_the_key_would_keep(db: TestDb) {
        Story::new(&db, &parents(""), delete_rule("parent", "\"at\"", "cascade = [\"child\"]"))
            .becomes("DELETE FROM child WHERE id IN (1, 2, 3); DELETE FROM parent WHERE id IN (1, 2, 4)");
        let db = TestDb::new(db.dialect);
        let let_go = "cascade = [{ table = \"child\", column = \"parent_id\", then = \"null\" }]";
        Story::new(&db, &parents("ON DELETE RESTRICT"), delete_rule("parent", "\"at\"", let_go))
            .becomes("UPDATE child SET parent_id = NULL WHERE id IN (1, 2, 3); DELETE FROM parent WHERE id IN (1, 2, 4)");
    }

    fn a_reference_may_be_several_columns_wide_and_half_null(db: TestDb) {
        let setup = "CREATE TABLE parent (a {bigint} NOT NULL, b {text} NOT NULL, at {ts}, PRIMARY KEY (a, b));
             CREATE TABLE child (id {bigint} NOT NULL PRIMARY KEY, pa {bigint}, pb {text}, FOREIGN KEY (pa, pb) REFERENCES parent (a, b) ON DELETE CASCADE);
             CREATE TABLE keeper (id {bigint} NOT NULL PRIMARY KEY, pa {bigint}, pb {text}, FOREIGN KEY (pa, pb) REFERENCES parent (a, b));
             INSERT INTO parent VALUES (1, 'x', '2025-01-01'), (1, 'y', '2025-01-01'), (2, 'x', '2025-01-01'), (2, 'y', '2025-12-31');
             INSERT INTO child VALUES (1, 1, 'x'), (2, 1, 'y'), (3, 1, NULL), (4, NULL, 'x'), (5, 2, 'y');
             INSERT INTO keeper VALUES (1, 1, 'y'), (2, 2, NULL), (3, NULL, NULL);";
        let done = Story::new(&db, setup, delete_rule("parent", "\"at\"", ""))
            .becomes("DELETE FROM parent WHERE b = 'x'");
        assert_eq!((&done["blocked"], &done["cascaded"]["child"]), (&1.into(), &1.into()));
    }

    fn a_chain_of_three_goes_as_one_and_a_hold_at_its_end_keeps_all_of_it(db: TestDb) {
        let setup = "CREATE TABLE course (id {bigint} NOT NULL PRIMARY KEY, at {ts});
             CREATE TABLE quiz (id {bigint} NOT NULL PRIMARY KEY, course_id {bigint}, FOREIGN KEY (course_id) REFERENCES course (id));
             CREATE TABLE attempt (id {bigint} NOT NULL PRIMARY KEY, quiz_id {bigint}, FOREIGN KEY (quiz_id) REFERENCES quiz (id));
             CREATE TABLE answer (id {bigint} NOT NULL PRIMARY KEY, attempt_id {bigint}, disputed {bigint}, FOREIGN KEY (attempt_id) REFERENCES attempt (id));
             INSERT INTO course VALUES (1, '2025-01-01'), (2, '2025-01-01'), (3, '2025-12-31');
             INSERT INTO quiz VALUES (1, 1), (2, 1), (3, 2), (4, 3);
             INSERT INTO attempt VALUES (1, 1), (2, 2), (3, 3), (4, 4);
             INSERT INTO answer VALUES (1, 1, 0), (2, 1, 0), (3, 3, 1), (4, 4, 0), (5, 3, 0);";
        let schedule = delete_rule("course", "\"at\"", "cascade = [\"quiz\", \"attempt\", \"answer\"]") + &hold("answer", "disputed = 1");
        let done = Story::new(&db, setup, schedule).becomes(
            "DELETE FROM answer WHERE id IN (1, 2); DELETE FROM attempt WHERE id IN (1, 2); DELETE FROM quiz WHERE id IN (1, 2);
             DELETE FROM course WHERE id = 1",
        );
        assert_eq!((&done["held"], &done["done"]), (&1.into(), &1.into()));
    }

    fn a_hold_on_a_grandchild_keeps_what_the_database_itself_would_cascade_over(db: TestDb) {
        let setup = "CREATE TABLE a (id {bigint} NOT NULL PRIMARY KEY, at {ts});
             CREATE TABLE b (id {bigint} NOT NULL PRIMARY KEY, a_id {bigint}, FOREIGN KEY (a_id) REFERENCES a (id) ON DELETE CASCADE);
             CREATE TABLE c (id {bigint} NOT NULL PRIMARY KEY, b_id {bigint}, FOREIGN KEY (b_id) REFERENCES b (id) ON DELETE CASCADE);
             INSERT INTO a VALUES (1, '2025-01-01'), (2, '2025-01-01'); INSERT INTO b VALUES (1, 1), (2, 2), (3, 2); INSERT INTO c VALUES (7, 1), (8, 3);";
        let schedule = delete_rule("a", "\"at\"", "") + &hold("c", "id = 8");
        assert_eq!(Story::new(&db, setup, schedule).becomes("DELETE FROM a WHERE id = 1")["held"], 1);
    }

    fn children_on_two_ways_are_counted_once_whatever_their_tables_are_called(db: TestDb) {
        // By the alphabet the grandchild comes before its other parent in the first case, after it in the second.
        for [mid, low] in [["middle", "answer"], ["middle", "zebra"]] {
            for on_delete in ["ON DELETE CASCADE", ""] {
                let db = TestDb::new(db.dialect);
                let setup = format!(
                    "CREATE TABLE root (id {{bigint}} NOT NULL PRIMARY KEY, at {{ts}});
                     CREATE TABLE {mid} (id {{bigint}} NOT NULL PRIMARY KEY, root_id {{bigint}}, FOREIGN KEY (root_id) REFERENCES root (id) {on_delete});
                     CREATE TABLE {low} (id {{bigint}} NOT NULL PRIMARY KEY, root_id {{bigint}}, mid_id {{bigint}},
                         FOREIGN KEY (root_id) REFERENCES root (id) {on_delete}, FOREIGN KEY (mid_id) REFERENCES {mid} (id) {on_delete});
                     INSERT INTO root VALUES (1, '2025-01-01'), (2, '2025-01-01'), (3, '2025-12-31');
                     INSERT INTO {mid} VALUES (1, 1), (2, 2), (3, 3);
                     INSERT INTO {low} VALUES (1, 1, 1), (2, 2, NULL), (3, NULL, 2), (4, 3, 3), (5, 1, 2), (6, NULL, NULL);"
                );
                let cascade = if on_delete.is_empty() { format!("cascade = [\"{low}\", \"{mid}\"]") } else { String::new() };
                let by_hand = format!("DELETE FROM {low} WHERE id IN (1, 2, 3, 5); DELETE FROM {mid} WHERE id < 3; DELETE FROM root WHERE id < 3");
                let done = Story::new(&db, &setup, delete_rule("root", "\"at\"", &cascade)).becomes(&by_hand);
                assert_eq!((&done["cascaded"][low], &done["cascaded"][mid]), (&4.into(), &2.into()), "{mid} {low} {on_delete}");
            }
        }
    }

    fn a_circle_of_two_tables_is_opened_where_one_side_lets_go(db: TestDb) {
        let setup = "CREATE TABLE a (id {bigint} NOT NULL PRIMARY KEY, b_id {bigint}, at {ts});
             CREATE TABLE b (id {bigint} NOT NULL PRIMARY KEY, a_id {bigint}, FOREIGN KEY (a_id) REFERENCES a (id));
             INSERT INTO a VALUES (1, NULL, '2025-01-01'), (2, NULL, '2025-12-31'), (3, NULL, '2025-01-01'), (4, NULL, '2025-12-31');
             INSERT INTO b VALUES (1, 1), (2, 2), (3, 3), (4, NULL);
             UPDATE a SET b_id = 1 WHERE id IN (1, 4); UPDATE a SET b_id = 2 WHERE id = 2;";
        // SQLite adds no foreign keys later; there the table is made with it.
        let setup = match db.dialect {
            Dialect::Sqlite => setup.replace("b_id {bigint}, at", "b_id {bigint} REFERENCES b (id), at"),
            _ => format!("{setup} ALTER TABLE a ADD FOREIGN KEY (b_id) REFERENCES b (id);"),
        };
        let cascade = "cascade = [\"b\", { table = \"a\", column = \"b_id\", parent = \"b\", then = \"null\" }]";
        Story::new(&db, &setup, delete_rule("a", "\"at\"", cascade)).becomes(
            "UPDATE a SET b_id = NULL WHERE id IN (1, 4); DELETE FROM b WHERE id IN (1, 3); DELETE FROM a WHERE id IN (1, 3)",
        );
    }

    fn a_circle_of_keys_that_cascade_goes_as_a_whole(db: TestDb) {
        let setup = "CREATE TABLE a (id {bigint} NOT NULL PRIMARY KEY, b_id {bigint}, at {ts});
             CREATE TABLE b (id {bigint} NOT NULL PRIMARY KEY, a_id {bigint}, FOREIGN KEY (a_id) REFERENCES a (id) ON DELETE CASCADE);
             INSERT INTO a VALUES (1, NULL, '2025-01-01'), (2, NULL, '2025-01-01');
             INSERT INTO b VALUES (1, 1), (2, 2); UPDATE a SET b_id = 1 WHERE id = 1;";
        let setup = match db.dialect {
            Dialect::Sqlite => setup.replace("b_id {bigint}, at", "b_id {bigint} REFERENCES b (id) ON DELETE CASCADE, at"),
            _ => format!("{setup} ALTER TABLE a ADD FOREIGN KEY (b_id) REFERENCES b (id) ON DELETE CASCADE;"),
        };
        let done = Story::new(&db, &setup, delete_rule("a", "\"at\"", "")).becomes("DELETE FROM a");
        assert_eq!((&done["blocked"], &done["cascaded"]["b"]), (&0.into(), &2.into()));
    }

    fn a_reference_from_outside_the_cascade_keeps_the_whole_family(db: TestDb) {
        let setup = "CREATE TABLE parent (id {bigint} NOT NULL PRIMARY KEY, at {ts});
             CREATE TABLE child (id {bigint} NOT NULL PRIMARY KEY, parent_id {bigint}, FOREIGN KEY (parent_id) REFERENCES parent (id) ON DELETE CASCADE);
             CREATE TABLE stranger (id {bigint} NOT NULL PRIMARY KEY, child_id {bigint}, FOREIGN KEY (child_id) REFERENCES child (id));
             INSERT INTO parent VALUES (1, '2025-01-01'), (2, '2025-01-01'); INSERT INTO child VALUES (1, 1), (2, 1), (3, 2);
             INSERT INTO stranger VALUES (1, 2), (2, NULL);";
        assert_eq!(Story::new(&db, setup, delete_rule("parent", "\"at\"", "")).becomes("DELETE FROM parent WHERE id = 2")["blocked"], 1);
    }

    fn a_family_of_one_table_goes_together_and_a_stranger_in_it_blocks(db: TestDb) {
        // Entries of a topic refer to each other: across two topics such a reference keeps the one that is referred to.
        let setup = "CREATE TABLE topic (id {bigint} NOT NULL PRIMARY KEY, at {ts});
             CREATE TABLE entry (id {bigint} NOT NULL PRIMARY KEY, topic_id {bigint}, reply_to {bigint},
                 FOREIGN KEY (topic_id) REFERENCES topic (id) ON DELETE CASCADE, FOREIGN KEY (reply_to) REFERENCES entry (id));
             INSERT INTO topic VALUES (1, '2025-01-01'), (2, '2025-12-31'), (3, '2025-01-01'), (4, '2025-01-01');
             INSERT INTO entry VALUES (1, 1, NULL), (2, 1, 1), (3, 1, 2), (4, 3, NULL), (5, 2, 4), (6, 4, 6), (7, 4, 6);";
        // Entry 6 replies to itself, which InnoDB does not delete.
        let (gone, blocked, cascaded) = if db.dialect == Dialect::Mysql { ("1", 2, 3) } else { ("1, 4", 1, 5) };
        let done = Story::new(&db, setup, delete_rule("topic", "\"at\"", "")).becomes(&format!(
            "UPDATE entry SET reply_to = NULL WHERE topic_id IN ({gone}); DELETE FROM topic WHERE id IN ({gone})"
        ));
        assert_eq!((&done["blocked"], &done["cascaded"]["entry"]), (&blocked.into(), &cascaded.into()));
    }
}

#[test]
fn a_key_that_sets_only_one_of_its_columns_null_leaves_the_others_as_they_are() {
    let db = TestDb::new(Dialect::Postgres);
    if db.scalar("SELECT current_setting('server_version_num')::int8") < 150_000 {
        return;
    }
    let setup = "CREATE TABLE parent (tenant bigint, id bigint, at timestamptz, PRIMARY KEY (tenant, id));
         CREATE TABLE child (id bigint PRIMARY KEY, tenant bigint, parent_id bigint,
             FOREIGN KEY (tenant, parent_id) REFERENCES parent ON DELETE SET NULL (parent_id));
         INSERT INTO parent VALUES (1, 1, '2025-01-01'), (1, 2, '2025-12-31'); INSERT INTO child VALUES (1, 1, 1), (2, 1, 2);";
    Story::new(&db, setup, delete_rule("parent", "\"at\"", "")).becomes("DELETE FROM parent WHERE id = 1");
}

#[test]
fn a_key_that_sets_a_default_keeps_the_row_it_points_at() {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let db = TestDb::new(dialect);
        let setup = parents("ON DELETE SET DEFAULT").replace("parent_id {bigint},", "parent_id {bigint} DEFAULT 3,");
        let done =
            Story::new(&db, &setup, delete_rule("parent", "\"at\"", "")).becomes("DELETE FROM parent WHERE id = 4");
        assert_eq!(done["blocked"], 2);
    }
}
