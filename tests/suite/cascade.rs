//! What hangs on a row: it goes with it and is counted, it lets go of it, or it keeps it.

use crate::harness::story::{Told, delete_rule, ids, plan_and_run, policy};
use crate::harness::{Tenure, TestDb};

/// Courses 1 and 2 are old, 3 is not. Each has two parts, and each part two notes.
fn courses(db: &TestDb, part_key: &str, note_key: &str) {
    db.create(&format!(
        "CREATE TABLE course (id {{bigint}} PRIMARY KEY, at {{ts}});
         CREATE TABLE part (id {{bigint}} PRIMARY KEY, course_id {{bigint}} NULL{});
         CREATE TABLE note (id {{bigint}} PRIMARY KEY, part_id {{bigint}} NULL{});",
        key("course_id", "course", part_key),
        key("part_id", "part", note_key),
    ));
    for (course, at) in [(1, "2020-01-01"), (2, "2020-01-01"), (3, "2026-06-30")] {
        db.script(&format!("INSERT INTO course VALUES ({course}, '{at} 00:00:00')"));
        for part in [course * 10, course * 10 + 1] {
            db.script(&format!("INSERT INTO part VALUES ({part}, {course})"));
            db.script(&format!("INSERT INTO note VALUES ({}, {part}), ({}, {part})", part * 10, part * 10 + 1));
        }
    }
}

/// A foreign key with this ON DELETE; none where it is empty.
fn key(column: &str, parent: &str, on_delete: &str) -> String {
    match on_delete {
        "" => String::new(),
        _ => format!(", FOREIGN KEY ({column}) REFERENCES {parent} (id) ON DELETE {on_delete}"),
    }
}

fn courses_rule(more: &str) -> String {
    delete_rule("courses", "course", &format!("guard = {{ max_share = 1 }}\n{more}"))
}

fn plan_and_run_with(db: &TestDb, rules: &str) -> Told {
    plan_and_run(db, &Tenure::at(db).schedule(&policy(rules)))
}

on_every_database! {
    fn a_child_that_no_cascade_names_keeps_its_parent(db: TestDb) {
        courses(&db, "NO ACTION", "NO ACTION");
        db.script("DELETE FROM note; DELETE FROM part WHERE course_id = 1;");
        let ran = plan_and_run_with(&db, &courses_rule(""));
        assert_eq!((ran.count("courses", "done"), ran.count("courses", "blocked")), (1, 1));
        assert_eq!(ids(&db, "course"), [2, 3]);
        assert_eq!(db.count("part"), 4);
    }

    fn named_children_go_with_their_parent_down_to_the_last_and_are_counted(db: TestDb) {
        courses(&db, "NO ACTION", "NO ACTION");
        let ran = plan_and_run_with(&db, &courses_rule("cascade = [\"part\", \"note\"]"));
        assert_eq!(ran.count_of("courses", "cascaded", "part"), 4);
        assert_eq!(ran.count_of("courses", "cascaded", "note"), 8);
        assert_eq!((ids(&db, "course"), ids(&db, "part")), (vec![3], vec![30, 31]));
        assert_eq!(db.count("note"), 4);
    }

    fn a_grandchild_that_no_cascade_names_keeps_the_whole_family(db: TestDb) {
        courses(&db, "NO ACTION", "NO ACTION");
        db.script("DELETE FROM note WHERE part_id >= 20 OR part_id = 10");
        let ran = plan_and_run_with(&db, &courses_rule("cascade = [\"part\"]"));
        assert_eq!((ran.count("courses", "done"), ran.count("courses", "blocked")), (1, 1));
        assert_eq!((ids(&db, "course"), ids(&db, "part")), (vec![1, 3], vec![10, 11, 30, 31]));
    }

    fn what_the_database_would_cascade_in_silence_is_counted(db: TestDb) {
        courses(&db, "CASCADE", "CASCADE");
        let ran = plan_and_run_with(&db, &courses_rule(""));
        assert_eq!(ran.count_of("courses", "cascaded", "part"), 4);
        assert_eq!(ran.count_of("courses", "cascaded", "note"), 8);
        assert_eq!((ids(&db, "course"), db.count("note")), (vec![3], 4));
    }

    fn what_the_database_would_set_to_null_in_silence_is_counted(db: TestDb) {
        courses(&db, "SET NULL", "CASCADE");
        let ran = plan_and_run_with(&db, &courses_rule(""));
        assert_eq!(ran.count_of("courses", "detached", "part.course_id"), 4);
        assert_eq!((ids(&db, "course"), db.count("part WHERE course_id IS NULL"), db.count("note")), (vec![3], 4, 12));
    }

    fn children_without_a_foreign_key_go_where_the_schedule_says_which_column_holds_the_key(db: TestDb) {
        courses(&db, "", "");
        let cascade = "cascade = [{ table = \"part\", column = \"course_id\" }, \
                       { table = \"note\", column = \"part_id\", parent = \"part\" }]";
        let ran = plan_and_run_with(&db, &courses_rule(cascade));
        assert_eq!(ran.count_of("courses", "cascaded", "part"), 4);
        assert_eq!((db.count("part"), db.count("note")), (2, 4));
    }

    fn references_are_let_go_where_the_schedule_says_so(db: TestDb) {
        courses(&db, "NO ACTION", "NO ACTION");
        let ran = plan_and_run_with(&db, &courses_rule("cascade = [{ table = \"part\", column = \"course_id\", then = \"null\" }]"));
        assert_eq!(ran.count_of("courses", "detached", "part.course_id"), 4);
        assert_eq!((ids(&db, "course"), db.count("part WHERE course_id IS NULL"), db.count("note")), (vec![3], 4, 12));
    }

    fn composite_references_cascade(db: TestDb) {
        db.create(
            "CREATE TABLE room (house {bigint}, no {bigint}, at {ts}, PRIMARY KEY (house, no));
             CREATE TABLE chair (id {bigint} PRIMARY KEY, house {bigint}, no {bigint}, \
             FOREIGN KEY (house, no) REFERENCES room (house, no));
             INSERT INTO room VALUES (1, 1, '2020-01-01 00:00:00'), (1, 2, '2026-06-30 00:00:00'),
                                     (2, 1, '2026-06-30 00:00:00');
             INSERT INTO chair VALUES (1, 1, 1), (2, 1, 2), (3, 2, 1), (4, NULL, 1);",
        );
        let ran = plan_and_run_with(&db, &delete_rule("rooms", "room", "cascade = [\"chair\"]"));
        assert_eq!(ran.count_of("rooms", "cascaded", "chair"), 1);
        assert_eq!(ids(&db, "chair"), [2, 3, 4]);
    }

    fn a_row_waits_for_the_rows_of_its_own_kind_that_refer_to_it(db: TestDb) {
        // 1 <- 2 <- 3 are old; 4 <- 5, of which 5 is not.
        tree(&db, "NO ACTION");
        let ran = plan_and_run_with(&db, &delete_rule("entries", "entry", "guard = { max_share = 1 }"));
        assert_eq!((ran.count("entries", "done"), ran.count("entries", "blocked")), (3, 1));
        assert_eq!(ids(&db, "entry"), [4, 5]);
    }

    fn a_tree_goes_with_its_root_where_the_cascade_names_the_table_itself(db: TestDb) {
        tree(&db, "NO ACTION");
        let cascade = "cascade = [{ table = \"entry\", column = \"parent_id\" }]\nguard = { max_share = 1 }";
        let ran = plan_and_run_with(&db, &delete_rule("entries", "entry", cascade));
        assert_eq!(db.count("entry"), 0);
        assert_eq!((ran.count("entries", "done"), ran.count_of("entries", "cascaded", "entry")), (4, 1));
    }

    fn a_tree_lets_go_of_its_root_where_the_cascade_says_null(db: TestDb) {
        tree(&db, "NO ACTION");
        let cascade = "cascade = [{ table = \"entry\", column = \"parent_id\", then = \"null\" }]\nguard = { max_share = 1 }";
        let ran = plan_and_run_with(&db, &delete_rule("entries", "entry", cascade));
        assert_eq!(ids(&db, "entry"), [5]);
        assert_eq!(ran.count_of("entries", "detached", "entry.parent_id"), 1);
        assert_eq!(db.count("entry WHERE parent_id IS NULL"), 1);
    }

    fn a_tree_that_the_database_cascades_is_counted(db: TestDb) {
        tree(&db, "CASCADE");
        let ran = plan_and_run_with(&db, &delete_rule("entries", "entry", "guard = { max_share = 1 }"));
        assert_eq!((ran.count("entries", "done"), ran.count_of("entries", "cascaded", "entry")), (4, 1));
        assert_eq!(db.count("entry"), 0);
    }

    fn discussions_go_with_entries_participants_and_the_reference_to_their_root(db: TestDb) {
        db.create(
            "CREATE TABLE discussion (id {bigint} PRIMARY KEY, root_id {bigint} NULL, at {ts}, \
             FOREIGN KEY (root_id) REFERENCES discussion (id));
             CREATE TABLE entry (id {bigint} PRIMARY KEY, discussion_id {bigint}, parent_id {bigint} NULL, \
             FOREIGN KEY (discussion_id) REFERENCES discussion (id), FOREIGN KEY (parent_id) REFERENCES entry (id));
             CREATE TABLE entry_participant (id {bigint} PRIMARY KEY, entry_id {bigint}, \
             FOREIGN KEY (entry_id) REFERENCES entry (id));
             INSERT INTO discussion VALUES (1, NULL, '2020-01-01 00:00:00'), (2, NULL, '2026-06-30 00:00:00');
             INSERT INTO discussion VALUES (3, 1, '2020-01-01 00:00:00'), (4, 1, '2026-06-30 00:00:00');
             INSERT INTO entry VALUES (1, 1, NULL), (2, 2, NULL), (5, 3, NULL);
             INSERT INTO entry VALUES (3, 1, 1), (4, 2, 2);
             INSERT INTO entry VALUES (6, 1, 3);
             INSERT INTO entry_participant VALUES (1, 1), (2, 2), (3, 3), (4, 6), (5, 5);",
        );
        let cascade = "cascade = [\"entry\", \"entry_participant\", \
                       { table = \"discussion\", column = \"root_id\", then = \"null\" }]";
        let ran = plan_and_run_with(&db, &delete_rule("discussions", "discussion", cascade));
        assert_eq!(ran.count("discussions", "done"), 2);
        assert_eq!(ran.count_of("discussions", "cascaded", "entry"), 4);
        assert_eq!(ran.count_of("discussions", "cascaded", "entry_participant"), 4);
        assert_eq!(ran.count_of("discussions", "detached", "discussion.root_id"), 1);
        assert_eq!((ids(&db, "discussion"), ids(&db, "entry"), ids(&db, "entry_participant")), (vec![2, 4], vec![2, 4], vec![2]));
    }

    fn a_child_of_two_parents_goes_once(db: TestDb) {
        db.create(
            "CREATE TABLE course (id {bigint} PRIMARY KEY, at {ts});
             CREATE TABLE link (id {bigint} PRIMARY KEY, left_id {bigint}, right_id {bigint}, \
             FOREIGN KEY (left_id) REFERENCES course (id), FOREIGN KEY (right_id) REFERENCES course (id));
             INSERT INTO course VALUES (1, '2020-01-01 00:00:00'), (2, '2020-01-01 00:00:00'), (3, '2026-06-30 00:00:00');
             INSERT INTO link VALUES (1, 1, 2), (2, 1, 3), (3, 3, 3), (4, 3, 2);",
        );
        let cascade = "cascade = [{ table = \"link\", column = \"left_id\" }, { table = \"link\", column = \"right_id\" }]";
        let ran = plan_and_run_with(&db, &courses_rule(cascade));
        assert_eq!(ran.count_of("courses", "cascaded", "link"), 3);
        assert_eq!((ids(&db, "course"), ids(&db, "link")), (vec![3], vec![3]));
    }
}

/// 1 <- 2 <- 3 are old; 4, which is old too, has the child 5, which is not.
fn tree(db: &TestDb, on_delete: &str) {
    db.create(&format!(
        "CREATE TABLE entry (id {{bigint}} PRIMARY KEY, parent_id {{bigint}} NULL, at {{ts}}{});",
        key("parent_id", "entry", on_delete)
    ));
    for (id, parent, at) in
        [(1, "NULL", "2020"), (2, "1", "2020"), (3, "2", "2020"), (4, "NULL", "2020"), (5, "4", "2026")]
    {
        db.script(&format!("INSERT INTO entry VALUES ({id}, {parent}, '{at}-06-20 00:00:00')"));
    }
}
