//! What goes with a row is found before anything goes, and then goes by key: conditions that look at it, trees below it, two
//! ways to it, circles through it.

use tenure::db::Dialect;

use crate::harness::story::{AS_OF, Told, delete_rule, ids, plan_and_run, policy};
use crate::harness::{Tenure, TestDb};

/// `old` and `new` are before and after every cutoff here.
fn create(db: &TestDb, tables: &str) {
    db.create(&tables.replace("'old'", "'2020-01-01 00:00:00'").replace("'new'", "'2026-06-30 00:00:00'"));
}

fn plan_and_run_with(db: &TestDb, rules: &str) -> Told {
    plan_and_run(db, &Tenure::at(db).schedule(&policy(rules)))
}

fn rule(name: &str, table: &str, more: &str) -> String {
    delete_rule(name, table, &format!("guard = {{ max_share = 1 }}\n{more}"))
}

fn hold(table: &str, condition: &str) -> String {
    format!("[[hold]]\nname = \"inquiry\"\ntable = \"{table}\"\nreason = \"an inquiry\"\nwhere = \"{condition}\"\n")
}

/// Orders, their lines, and payments of orders that also name a line. `line_key` is what the payment's key to the line does.
fn shop(db: &TestDb, line_key: &str) {
    create(
        db,
        &format!(
            "CREATE TABLE sale (id {{bigint}} NOT NULL PRIMARY KEY, at {{ts}});
             CREATE TABLE line (id {{bigint}} NOT NULL PRIMARY KEY, sale_id {{bigint}}, FOREIGN KEY (sale_id) REFERENCES sale (id));
             CREATE TABLE payment (id {{bigint}} NOT NULL PRIMARY KEY, sale_id {{bigint}}, line_id {{bigint}},
                 FOREIGN KEY (sale_id) REFERENCES sale (id), FOREIGN KEY (line_id) REFERENCES line (id) {line_key});
             INSERT INTO sale VALUES (1, 'old'), (2, 'old'), (3, 'new'), (4, 'old');
             INSERT INTO line VALUES (10, 1), (20, 2), (30, 3), (40, 4);"
        ),
    );
}

const SALES: &str = "cascade = [\"line\", { table = \"payment\", column = \"sale_id\" }]";

on_every_database! {
    fn a_condition_may_ask_the_very_rows_that_go_along(db: TestDb) {
        create(&db, "
            CREATE TABLE lot (id {bigint} NOT NULL PRIMARY KEY, at {ts});
            CREATE TABLE piece (id {bigint} NOT NULL PRIMARY KEY, lot_id {bigint}, done {bigint},
                FOREIGN KEY (lot_id) REFERENCES lot (id) ON DELETE CASCADE);
            INSERT INTO lot VALUES (1, 'old'), (2, 'old'), (3, 'new'), (4, 'old');
            INSERT INTO piece VALUES (11, 1, 0), (12, 1, 1), (21, 2, 1), (31, 3, 0), (41, 4, 0);");
        let condition = "where = \"id IN (SELECT lot_id FROM piece WHERE done = 0)\"";
        let ran = plan_and_run_with(&db, &rule("lots", "lot", condition));
        assert_eq!((ids(&db, "lot"), ids(&db, "piece")), (vec![2, 3], vec![21, 31]));
        assert_eq!((ran.count("lots", "done"), ran.count_of("lots", "cascaded", "piece")), (2, 3));
    }

    fn an_age_may_be_told_by_a_row_that_goes_along(db: TestDb) {
        create(&db, "
            CREATE TABLE visit (id {bigint} NOT NULL PRIMARY KEY, bill_id {bigint});
            CREATE TABLE bill (id {bigint} NOT NULL PRIMARY KEY, visit_id {bigint}, at {ts},
                FOREIGN KEY (visit_id) REFERENCES visit (id) ON DELETE CASCADE);
            INSERT INTO visit VALUES (1, 10), (2, 20), (3, NULL);
            INSERT INTO bill VALUES (10, 1, 'old'), (11, 1, 'new'), (20, 2, 'new');");
        let visits = "[[rule]]\nname = \"visits\"\ntable = \"visit\"\nanchor = \"bill_id -> bill.at\"\nretain = \"30 days\"\n\
                      action = \"delete\"\nguard = { max_share = 1 }\n";
        let ran = plan_and_run_with(&db, visits);
        assert_eq!((ids(&db, "visit"), ids(&db, "bill")), (vec![2, 3], vec![20]));
        assert_eq!(ran.count_of("visits", "cascaded", "bill"), 2);
    }

    fn a_tree_goes_along_with_what_hangs_on_it_where_its_keys_say_so(db: TestDb) {
        create(&db, "
            CREATE TABLE post (id {bigint} NOT NULL PRIMARY KEY, at {ts});
            CREATE TABLE remark (id {bigint} NOT NULL PRIMARY KEY, post_id {bigint}, above {bigint},
                FOREIGN KEY (post_id) REFERENCES post (id) ON DELETE CASCADE,
                FOREIGN KEY (above) REFERENCES remark (id) ON DELETE CASCADE);
            CREATE TABLE picture (id {bigint} NOT NULL PRIMARY KEY, remark_id {bigint},
                FOREIGN KEY (remark_id) REFERENCES remark (id) ON DELETE CASCADE);
            INSERT INTO post VALUES (1, 'old'), (2, 'new'), (3, 'old');
            INSERT INTO remark VALUES (1, 1, NULL), (4, 2, NULL), (6, 3, NULL);
            INSERT INTO remark VALUES (2, NULL, 1), (5, 2, 4), (7, NULL, 6);
            INSERT INTO remark VALUES (3, NULL, 2), (8, 3, 7);
            INSERT INTO picture VALUES (1, 3), (2, 5), (3, 8);");
        let ran = plan_and_run_with(&db, &(rule("posts", "post", "") + &hold("picture", "id = 3")));
        assert_eq!((ids(&db, "post"), ids(&db, "remark")), (vec![2, 3], vec![4, 5, 6, 7, 8]));
        assert_eq!(ids(&db, "picture"), [2, 3]);
        assert_eq!((ran.count("posts", "held"), ran.count_of("posts", "held_by", "inquiry")), (1, 1));
        assert_eq!((ran.count_of("posts", "cascaded", "remark"), ran.count_of("posts", "cascaded", "picture")), (3, 1));
    }

    fn a_row_far_down_a_tree_that_stays_keeps_the_root_of_it_all(db: TestDb) {
        create(&db, "
            CREATE TABLE post (id {bigint} NOT NULL PRIMARY KEY, at {ts});
            CREATE TABLE remark (id {bigint} NOT NULL PRIMARY KEY, post_id {bigint}, above {bigint},
                FOREIGN KEY (post_id) REFERENCES post (id), FOREIGN KEY (above) REFERENCES remark (id));
            CREATE TABLE award (id {bigint} NOT NULL PRIMARY KEY, remark_id {bigint}, FOREIGN KEY (remark_id) REFERENCES remark (id));
            INSERT INTO post VALUES (1, 'old'), (2, 'old');
            INSERT INTO remark VALUES (1, 1, NULL), (4, 2, NULL);
            INSERT INTO remark VALUES (2, NULL, 1), (5, NULL, 4);
            INSERT INTO remark VALUES (3, NULL, 2);
            INSERT INTO award VALUES (1, 3);");
        let cascade = "cascade = [\"remark\", { table = \"remark\", column = \"above\", parent = \"remark\" }]";
        let ran = plan_and_run_with(&db, &rule("posts", "post", cascade));
        assert_eq!((ids(&db, "post"), ids(&db, "remark")), (vec![1], vec![1, 2, 3]));
        assert_eq!((ran.count("posts", "blocked"), ran.count_of("posts", "cascaded", "remark")), (1, 2));
    }

    fn two_ways_to_what_goes_keep_nothing(db: TestDb) {
        shop(&db, "");
        // Of one sale; of a sale that goes and a line of another that goes; of a sale that stays and a line that goes.
        db.script("INSERT INTO payment VALUES (1, 1, 10), (2, 2, 10), (3, 3, 40), (4, 3, 30), (5, 2, NULL)");
        let ran = plan_and_run_with(&db, &rule("sales", "sale", SALES));
        assert_eq!((ids(&db, "sale"), ids(&db, "line")), (vec![3, 4], vec![30, 40]));
        assert_eq!(ids(&db, "payment"), [3, 4]);
        assert_eq!((ran.count("sales", "blocked"), ran.count_of("sales", "cascaded", "payment")), (1, 3));
    }

    fn what_stays_keeps_what_it_refers_to_from_sale_to_sale(db: TestDb) {
        shop(&db, "");
        // 4 stays because of a payment of 3, and keeps 2 by a payment of its own, and that keeps 1.
        db.script("INSERT INTO payment VALUES (1, 3, 40), (2, 4, 20), (3, 2, 10)");
        let ran = plan_and_run_with(&db, &rule("sales", "sale", SALES));
        assert_eq!((ids(&db, "sale"), ran.count("sales", "blocked")), (vec![1, 2, 3, 4], 3));
    }

    fn sales_that_keep_each_other_go_together(db: TestDb) {
        shop(&db, "");
        db.script("INSERT INTO payment VALUES (1, 1, 20), (2, 2, 10)");
        let ran = plan_and_run_with(&db, &rule("sales", "sale", SALES));
        assert_eq!((ids(&db, "sale"), ids(&db, "payment")), (vec![3], vec![]));
        assert_eq!(ran.count("sales", "done"), 3);
    }

    fn answers_across_threads_go_with_their_threads(db: TestDb) {
        create(&db, "
            CREATE TABLE thread (id {bigint} NOT NULL PRIMARY KEY, at {ts});
            CREATE TABLE message (id {bigint} NOT NULL PRIMARY KEY, thread_id {bigint}, reply_to {bigint},
                FOREIGN KEY (thread_id) REFERENCES thread (id), FOREIGN KEY (reply_to) REFERENCES message (id));
            INSERT INTO thread VALUES (1, 'old'), (2, 'old'), (3, 'old'), (4, 'new');
            INSERT INTO message VALUES (1, 1, NULL), (5, 3, NULL);
            INSERT INTO message VALUES (2, 1, 1), (3, 2, 1), (6, 4, 5);
            INSERT INTO message VALUES (4, 2, 3);");
        let ran = plan_and_run_with(&db, &rule("threads", "thread", "cascade = [\"message\"]"));
        assert_eq!((ids(&db, "thread"), ids(&db, "message")), (vec![3, 4], vec![5, 6]));
        assert_eq!((ran.count("threads", "blocked"), ran.count_of("threads", "cascaded", "message")), (1, 4));
    }

    fn a_hold_on_what_would_go_along_is_named(db: TestDb) {
        create(&db, "
            CREATE TABLE trip (id {bigint} NOT NULL PRIMARY KEY, at {ts});
            CREATE TABLE claim (id {bigint} NOT NULL PRIMARY KEY, trip_id {bigint}, state {text}, FOREIGN KEY (trip_id) REFERENCES trip (id));
            CREATE TABLE letter (id {bigint} NOT NULL PRIMARY KEY, claim_id {bigint}, FOREIGN KEY (claim_id) REFERENCES claim (id));
            INSERT INTO trip VALUES (1, 'old'), (2, 'old'), (3, 'old'), (4, 'new');
            INSERT INTO claim VALUES (1, 1, 'open'), (2, 2, 'paid'), (3, 3, 'paid'), (4, 3, 'open'), (5, 3, 'open');
            INSERT INTO letter VALUES (1, 2);");
        let court = hold("letter", "id = 1").replace("inquiry", "court");
        let rules = rule("trips", "trip", "cascade = [\"claim\", \"letter\"]") + &hold("claim", "state = 'open'") + &court;
        let ran = plan_and_run_with(&db, &rules);
        assert_eq!((ids(&db, "trip"), ran.count("trips", "held"), ran.count("trips", "blocked")), (vec![1, 2, 3, 4], 3, 0));
        assert_eq!((ran.count_of("trips", "held_by", "inquiry"), ran.count_of("trips", "held_by", "court")), (2, 1));
    }

    fn a_row_that_goes_is_not_told_as_set_to_null(db: TestDb) {
        create(&db, "
            CREATE TABLE member (id {bigint} NOT NULL PRIMARY KEY, at {ts});
            CREATE TABLE seat (id {bigint} NOT NULL PRIMARY KEY, member_id {bigint}, given_by {bigint},
                FOREIGN KEY (member_id) REFERENCES member (id) ON DELETE CASCADE,
                FOREIGN KEY (given_by) REFERENCES member (id) ON DELETE SET NULL);
            INSERT INTO member VALUES (1, 'old'), (2, 'new'), (3, 'old');
            INSERT INTO seat VALUES (1, 1, 2), (2, 1, 1), (3, 2, 1), (4, 3, 1), (5, 2, 3);");
        let ran = plan_and_run_with(&db, &rule("members", "member", ""));
        assert_eq!((ids(&db, "member"), ids(&db, "seat")), (vec![2], vec![3, 5]));
        assert_eq!(db.count("seat WHERE given_by IS NULL"), 2);
        assert_eq!(ran.count_of("members", "cascaded", "seat"), 3);
        assert_eq!(ran.count_of("members", "detached", "seat.given_by"), 2);
    }

    fn a_circle_that_its_keys_take_down_goes_as_a_whole(db: TestDb) {
        for on_delete in ["", "ON DELETE CASCADE"] {
            let db = TestDb::new(db.dialect);
            create(&db, "
                CREATE TABLE account (id {bigint} NOT NULL PRIMARY KEY, at {ts}, profile_id {bigint});
                CREATE TABLE profile (id {bigint} NOT NULL PRIMARY KEY, account_id {bigint},
                    FOREIGN KEY (account_id) REFERENCES account (id) ON DELETE CASCADE);
                INSERT INTO account VALUES (1, 'old', NULL), (2, 'new', NULL), (3, 'old', NULL);
                INSERT INTO profile VALUES (10, 1), (20, 2), (30, 3), (31, 3);");
            refer_back(&db, on_delete);
            // The profile 31 of the account 3 is that of an account which stays.
            db.script("UPDATE account SET profile_id = id * 10; UPDATE account SET profile_id = 31 WHERE id = 2");
            let ran = plan_and_run_with(&db, &rule("accounts", "account", ""));
            // InnoDB itself deletes no such account, unless both keys cascade.
            let innodb_refuses = db.dialect == Dialect::Mysql && on_delete.is_empty();
            let (accounts, blocked) = if innodb_refuses { (vec![1, 2, 3], 2) } else { (vec![2, 3], 1) };
            assert_eq!((ids(&db, "account"), ran.count("accounts", "blocked")), (accounts, blocked), "{on_delete}");
            assert_eq!(ran.count_of("accounts", "cascaded", "profile"), 2 - blocked, "{on_delete}");
        }
    }

    fn a_circle_is_opened_where_a_key_or_the_schedule_sets_null(db: TestDb) {
        for (on_delete, cascade) in [
            ("ON DELETE SET NULL", "cascade = [\"profile\"]"),
            ("", "cascade = [\"profile\", { table = \"account\", column = \"profile_id\", parent = \"profile\", then = \"null\" }]"),
        ] {
            let db = TestDb::new(db.dialect);
            create(&db, "
                CREATE TABLE account (id {bigint} NOT NULL PRIMARY KEY, at {ts}, profile_id {bigint});
                CREATE TABLE profile (id {bigint} NOT NULL PRIMARY KEY, account_id {bigint}, FOREIGN KEY (account_id) REFERENCES account (id));
                INSERT INTO account VALUES (1, 'old', NULL), (2, 'new', NULL);
                INSERT INTO profile VALUES (10, 1), (11, 1), (20, 2);");
            refer_back(&db, on_delete);
            db.script("UPDATE account SET profile_id = 10 + id - 1");
            let ran = plan_and_run_with(&db, &rule("accounts", "account", cascade));
            assert_eq!((ids(&db, "account"), ids(&db, "profile")), (vec![2], vec![20]), "{on_delete}");
            assert_eq!(ran.count_of("accounts", "detached", "account.profile_id"), 1, "{on_delete}");
            assert_eq!(ran.count_of("accounts", "cascaded", "profile"), 2, "{on_delete}");
        }
    }

    fn keys_of_every_kind_lead_from_a_row_to_what_goes_with_it(db: TestDb) {
        for (kind, [old, young]) in [("{uuid}", UUIDS), ("varchar(40)", ["o''ne \"[],\\", "two"])] {
            let db = TestDb::new(db.dialect);
            create(&db, &format!("
                CREATE TABLE box (id {kind} NOT NULL PRIMARY KEY, at {{ts}});
                CREATE TABLE thing (id {{bigint}} NOT NULL PRIMARY KEY, box_id {kind}, FOREIGN KEY (box_id) REFERENCES box (id));
                CREATE TABLE tag (id {{bigint}} NOT NULL PRIMARY KEY, thing_id {{bigint}}, FOREIGN KEY (thing_id) REFERENCES thing (id));"));
            let backslash = if db.dialect == Dialect::Mysql { "\\\\" } else { "\\" };
            let [old, young] = [old, young].map(|key| key.replace('\\', backslash));
            create(&db, &format!("
                INSERT INTO box VALUES ('{old}', 'old'), ('{young}', 'new');
                INSERT INTO thing VALUES (1, '{old}'), (2, '{young}'), (3, '{old}');
                INSERT INTO tag VALUES (1, 1), (2, 2), (3, 3);"));
            let ran = plan_and_run_with(&db, &rule("boxes", "box", "cascade = [\"thing\", \"tag\"]"));
            assert_eq!((ids(&db, "thing"), ids(&db, "tag")), (vec![2], vec![2]), "{kind}");
            assert_eq!((ran.count("boxes", "done"), ran.count_of("boxes", "cascaded", "thing")), (1, 2), "{kind}");
        }
    }

    fn more_rows_than_a_list_of_keys_takes_go_with_their_children(db: TestDb) {
        create(&db, "
            CREATE TABLE box (shelf {bigint} NOT NULL, name varchar(20) NOT NULL, at {ts}, PRIMARY KEY (shelf, name));
            CREATE TABLE thing (id {bigint} NOT NULL PRIMARY KEY, shelf {bigint}, name varchar(20), FOREIGN KEY (shelf, name) REFERENCES box (shelf, name));");
        let boxes: Vec<String> = (0..2_000).map(|n| format!("({}, 'box {n}', 'old')", n % 7)).collect();
        let things: Vec<String> = (0..2_000).map(|n| format!("({n}, {}, 'box {n}')", n % 7)).collect();
        create(&db, &format!("INSERT INTO box VALUES {}, (1, 'kept', 'new');", boxes.join(", ")));
        db.script(&format!("INSERT INTO thing VALUES {}, (2000, 1, 'kept')", things.join(", ")));
        let ran = plan_and_run_with(&db, &rule("boxes", "box", "cascade = [\"thing\"]"));
        assert_eq!((ids(&db, "thing"), db.count("box")), (vec![2_000], 1));
        assert_eq!((ran.count("boxes", "done"), ran.count_of("boxes", "cascaded", "thing")), (2_000, 2_000));
    }
}

const UUIDS: [&str; 2] = ["0b5f1a52-6e1c-4f0e-9d7a-2f6b1c3d4e5f", "9c1d2e3f-4a5b-4c6d-8e7f-0a1b2c3d4e5f"];

/// `account.profile_id` refers to a profile. (SQLite adds a key only with its column.)
fn refer_back(db: &TestDb, on_delete: &str) {
    let references = format!("REFERENCES profile (id) {on_delete}");
    db.create(&match db.dialect {
        Dialect::Sqlite => {
            format!("ALTER TABLE account DROP COLUMN profile_id; ALTER TABLE account ADD COLUMN profile_id bigint {references};")
        }
        Dialect::Postgres | Dialect::Mysql => format!("ALTER TABLE account ADD FOREIGN KEY (profile_id) {references};"),
    });
}

#[test]
fn a_circle_whose_key_is_checked_at_commit_goes() {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let db = TestDb::new(dialect);
        create(
            &db,
            "CREATE TABLE account (id {bigint} NOT NULL PRIMARY KEY, at {ts}, profile_id {bigint});
             CREATE TABLE profile (id {bigint} NOT NULL PRIMARY KEY, account_id {bigint} REFERENCES account (id));
             INSERT INTO account VALUES (1, 'old', NULL), (2, 'new', NULL);
             INSERT INTO profile VALUES (10, 1), (20, 2);",
        );
        refer_back(&db, "DEFERRABLE INITIALLY DEFERRED");
        db.script("UPDATE account SET profile_id = id * 10");
        let ran = plan_and_run_with(&db, &rule("accounts", "account", "cascade = [\"profile\"]"));
        assert_eq!((ids(&db, "account"), ids(&db, "profile")), (vec![2], vec![20]));
        assert_eq!((ran.count("accounts", "done"), ran.count_of("accounts", "cascaded", "profile")), (1, 1));
    }
}

#[test]
fn a_table_without_a_key_gives_its_children_along_on_postgres() {
    let db = TestDb::new(Dialect::Postgres);
    create(
        &db,
        "CREATE TABLE box (code text UNIQUE, at {ts});
         CREATE TABLE thing (id {bigint} PRIMARY KEY, code text REFERENCES box (code));
         INSERT INTO box VALUES ('a', 'old'), ('b', 'new'), (NULL, 'old'), (NULL, 'old');
         INSERT INTO thing VALUES (1, 'a'), (2, 'b');",
    );
    let ran = plan_and_run_with(&db, &rule("boxes", "box", "cascade = [\"thing\"]"));
    assert_eq!((ids(&db, "thing"), ran.count("boxes", "done")), (vec![2], 3));
}

#[test]
fn one_row_that_a_trigger_keeps_stays_with_its_children_and_the_others_go() {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let db = TestDb::new(dialect);
        create(
            &db,
            "CREATE TABLE box (id {bigint} NOT NULL PRIMARY KEY, at {ts});
             CREATE TABLE thing (id {bigint} NOT NULL PRIMARY KEY, box_id {bigint} REFERENCES box (id));
             INSERT INTO box VALUES (1, 'old'), (2, 'old'), (3, 'old'), (4, 'new');
             INSERT INTO thing VALUES (1, 1), (2, 2), (3, 3), (4, 4);",
        );
        db.create(match dialect {
            Dialect::Sqlite => {
                "CREATE TRIGGER t BEFORE DELETE ON thing WHEN OLD.id = 2 BEGIN SELECT RAISE(IGNORE); END;"
            }
            _ => {
                "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF OLD.id = 2 THEN RETURN NULL; END IF; RETURN OLD; END $$;
                 CREATE TRIGGER t BEFORE DELETE ON thing FOR EACH ROW EXECUTE FUNCTION f();"
            }
        });
        let tenure = Tenure::at(&db).schedule(&policy(&rule("boxes", "box", "cascade = [\"thing\"]")));
        let ran = Told(tenure.run(&["run", "--yes", "--json", "--as-of", AS_OF]).expect_code(1).json());
        assert!(ran.rule("boxes")["error"].as_str().unwrap().contains("trigger"), "{ran:?}");
        assert_eq!((ids(&db, "box"), ids(&db, "thing")), (vec![2, 4], vec![2, 4]), "{dialect:?}");
        assert_eq!((ran.count("boxes", "done"), ran.count_of("boxes", "cascaded", "thing")), (2, 2));
    }
}
