//! What real platforms do to a map of people.

use tenure::db::Dialect;

use super::{MAP, erasures, people, platform, run, run_at, tenure};
use crate::harness::TestDb;
use crate::harness::story::{AS_OF, ids, plan_and_run};

/// Two closed accounts, each with a post to which somebody replies; the reply's key says what becomes of it.
fn posts_with_replies(db: &TestDb, on_delete: &str, table_options: &str) -> super::Tenure {
    db.create(&format!(
        "CREATE TABLE account (id {{bigint}} PRIMARY KEY, closed_at {{ts}});
         CREATE TABLE post (id {{bigint}} PRIMARY KEY, account_id {{bigint}} REFERENCES account (id));
         CREATE TABLE reply (id {{bigint}} PRIMARY KEY, post_id {{bigint}}, words {{text}},
             FOREIGN KEY (post_id) REFERENCES post (id) ON DELETE {on_delete}){table_options};
         INSERT INTO account VALUES (1, '2026-06-01 00:00:00'), (2, '2026-06-01 00:00:00');
         INSERT INTO post VALUES (1, 1), (2, 2); INSERT INTO reply VALUES (1, 1, 'hers'), (2, 2, 'his');"
    ));
    tenure(db, &map("[[subject.data]]\ntable = \"post\"\ncolumn = \"account_id\"\naction = \"delete\"\n"))
}

#[test]
fn whose_rows_would_go_along_into_a_history_is_not_erased() {
    for on_delete in ["CASCADE", "SET NULL"] {
        let db = TestDb::new(Dialect::Mysql);
        let tenure = posts_with_replies(&db, on_delete, " WITH SYSTEM VERSIONING");
        let checked = tenure.run(&["check"]).expect_code(2).stdout;
        assert!(checked.contains("reply`") && checked.contains("is system-versioned"), "{checked}");
        run_at(&tenure, AS_OF, 1);
        assert_eq!((db.count("account"), db.count("post"), db.count("reply")), (2, 2, 2));
    }
}

#[test]
fn of_whom_a_trigger_keeps_what_was_to_go_along_is_not_erased_and_the_others_are() {
    let db = TestDb::new(Dialect::Postgres);
    let tenure = posts_with_replies(&db, "CASCADE", "");
    db.script(
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             IF OLD.id = 1 THEN RETURN NULL; END IF; RETURN OLD; END $$;
         CREATE TRIGGER t BEFORE DELETE ON reply FOR EACH ROW EXECUTE FUNCTION f();",
    );
    let told = run_at(&tenure, AS_OF, 1);
    assert!(told.0.to_string().contains("rows of `reply` that were to go, or to let go"), "{:#}", told.0);
    assert_eq!(people(&told, "erased"), 1);
    assert_eq!((ids(&db, "account"), ids(&db, "post"), ids(&db, "reply")), (vec![1], vec![1], vec![1]));
}

/// A map of accounts that are deleted, with these entries before.
fn map(entries: &str) -> String {
    format!(
        "[subject]\ntable = \"account\"\nkey = \"id\"\nclosed = \"closed_at\"\nwithin = \"30 days\"\n{entries}\n\
         [[subject.data]]\ntable = \"account\"\ncolumn = \"id\"\naction = \"delete\"\n"
    )
}

on_every_database! {
    fn an_address_that_is_empty_is_nobodys(db: TestDb) {
        platform(&db, 3, 2);
        db.script("UPDATE account SET email = '' WHERE id = 1; INSERT INTO letter VALUES (70, ''), (71, ' ')");
        let ran = run(&tenure(&db, MAP));
        assert_eq!(ran.count("erase:letter.address", "done"), 1, "that of the other one");
        assert_eq!(db.count("letter WHERE id >= 70"), 2);
    }

    fn of_two_accounts_with_one_address_the_letters_go_with_the_last(db: TestDb) {
        db.create(
            "CREATE TABLE account (id {bigint} PRIMARY KEY, email {text}, closed_at {ts});
             CREATE TABLE letter (id {bigint} PRIMARY KEY, address {text});
             INSERT INTO account VALUES (1, 'Ann@example.org', '2026-06-01 00:00:00'), (2, 'ann@example.org', NULL),
                 (3, 'bob@example.org', '2026-06-01 00:00:00');
             INSERT INTO letter VALUES (1, 'ANN@example.org'), (2, 'ann@EXAMPLE.org'), (3, 'bob@example.org');",
        );
        let letters = "[[subject.data]]\ntable = \"letter\"\ncolumn = \"address\"\nmatches = \"email\"\n\
                       ignore_case = true\naction = \"delete\"\n";
        let tenure = tenure(&db, &map(letters));
        let first = plan_and_run(&db, &tenure);
        assert_eq!((first.count("erase:letter.address", "done"), first.count("erase:letter.address", "blocked")), (1, 2));
        assert_eq!(db.scalar("SELECT min(id) FROM account"), 2, "what is somebody else's as well keeps nobody");
        assert_eq!(db.count("letter"), 2);
        db.script("UPDATE account SET closed_at = '2026-06-02 00:00:00'");
        plan_and_run(&db, &tenure);
        assert_eq!((db.count("letter"), db.count("account"), erasures(&db)), (0, 0, 3));
    }

    fn addresses_that_lie_beside_the_people_are_found_in_any_case_too(db: TestDb) {
        db.create(
            "CREATE TABLE account (id {bigint} PRIMARY KEY, closed_at {ts});
             CREATE TABLE user_email (id {bigint} PRIMARY KEY, account_id {bigint}, email {text});
             CREATE TABLE letter (id {bigint} PRIMARY KEY, address {text});
             INSERT INTO account VALUES (1, '2026-06-01 00:00:00'), (2, NULL), (3, '2026-06-01 00:00:00');
             INSERT INTO user_email VALUES (1, 1, 'ann@example.org'), (2, 2, 'bob@example.org'), (3, 3, 'BOB@example.org'), (4, 3, '');
             INSERT INTO letter VALUES (1, 'ANN@example.org'), (2, 'Bob@Example.org'), (3, ''), (4, 'dan@example.org'),
                 (5, 'ann@example.org');",
        );
        let letters = "[[subject.data]]\ntable = \"letter\"\ncolumn = \"address -> user_email(email).account_id\"\n\
                       ignore_case = true\naction = \"delete\"\n\
                       [[subject.data]]\ntable = \"user_email\"\ncolumn = \"account_id\"\naction = \"delete\"\n";
        let tenure = tenure(&db, &map(letters));
        let first = plan_and_run(&db, &tenure);
        assert_eq!((first.count("erase:letter.address", "done"), people(&first, "erased")), (2, 2));
        assert_eq!((ids(&db, "letter"), ids(&db, "user_email")), (vec![2, 3, 4], vec![2]), "one is Bob's as well, who stays");
        db.script("UPDATE account SET closed_at = '2026-06-02 00:00:00'");
        plan_and_run(&db, &tenure);
        assert_eq!(ids(&db, "letter"), [3, 4]);
    }

    fn two_closed_accounts_with_one_address_take_their_letters_along_at_once(db: TestDb) {
        db.create(
            "CREATE TABLE account (id {bigint} PRIMARY KEY, email {text}, closed_at {ts});
             CREATE TABLE letter (id {bigint} PRIMARY KEY, address {text});
             INSERT INTO account VALUES (1, 'ann@example.org', '2026-06-01 00:00:00'),
                 (2, 'ann@example.org', '2026-06-01 00:00:00');
             INSERT INTO letter VALUES (1, 'ann@example.org'), (2, 'ann@example.org');",
        );
        let letters = "[[subject.data]]\ntable = \"letter\"\ncolumn = \"address\"\nmatches = \"email\"\naction = \"delete\"\n";
        let ran = plan_and_run(&db, &tenure(&db, &map(letters)));
        assert_eq!((ran.count("erase:letter.address", "done"), people(&ran, "erased")), (2, 2));
    }

    fn a_key_that_is_text_elsewhere_is_compared_letter_by_letter(db: TestDb) {
        db.create(
            "CREATE TABLE account (id {bigint} PRIMARY KEY, closed_at {ts});
             CREATE TABLE note (id {bigint} PRIMARY KEY, owner_type {text}, owner_id {text});
             INSERT INTO account VALUES (7, '2026-06-01 00:00:00'), (70, NULL), (0, NULL);
             INSERT INTO note VALUES (1, 'User', '7'), (2, 'User', '70'), (3, 'User', '7.0'), (4, 'User', ' 7'),
                 (5, 'Team', '7'), (6, 'User', '7x'), (7, 'User', NULL), (8, 'User', '');",
        );
        let notes = "[[subject.data]]\ntable = \"note\"\ncolumn = \"owner_id\"\nwhere = \"owner_type = 'User'\"\n\
                     action = \"delete\"\n";
        let ran = plan_and_run(&db, &tenure(&db, &map(notes)));
        assert_eq!(ran.count("erase:note.owner_id", "done"), 1);
        assert_eq!((db.scalar("SELECT min(id) FROM note"), db.count("note")), (2, 7));
    }

    fn a_person_who_is_called_by_a_text_is_not_taken_for_one_who_is_called_alike(db: TestDb) {
        db.create(
            "CREATE TABLE account (id {text} PRIMARY KEY, closed_at {ts});
             CREATE TABLE note (id {bigint} PRIMARY KEY, owner {text});
             INSERT INTO account VALUES ('ann', '2026-06-01 00:00:00'), ('bob', NULL);
             INSERT INTO note VALUES (1, 'ann'), (2, 'ANN'), (3, 'ann '), (4, 'bob'), (5, 'änn');",
        );
        let notes = "[[subject.data]]\ntable = \"note\"\ncolumn = \"owner\"\naction = \"delete\"\n";
        plan_and_run(&db, &tenure(&db, &map(notes)));
        assert_eq!((db.scalar("SELECT min(id) FROM note"), db.count("note"), db.count("account")), (2, 4, 1));
    }

    fn replies_to_a_persons_posts_stay_and_name_nobody(db: TestDb) {
        db.create(
            "CREATE TABLE account (id {bigint} PRIMARY KEY, closed_at {ts});
             CREATE TABLE post (id {bigint} PRIMARY KEY, account_id {bigint} REFERENCES account (id), words {text},
                 parent_id {bigint}, FOREIGN KEY (parent_id) REFERENCES post (id));
             INSERT INTO account VALUES (1, '2026-06-01 00:00:00'), (2, NULL);
             INSERT INTO post VALUES (1, 1, 'a', NULL), (2, 2, 'b', 1), (3, 1, 'c', 2), (4, 2, 'd', 3);",
        );
        let posts = "[[subject.data]]\ntable = \"post\"\ncolumn = \"account_id\"\naction = \"delete\"\n\
                     cascade = [{ table = \"post\", column = \"parent_id\", then = \"null\" }]\n";
        plan_and_run(&db, &tenure(&db, &map(posts)));
        assert_eq!(db.count("post WHERE account_id = 2 AND parent_id IS NULL"), 2);
        assert_eq!(db.count("post"), 2);
    }

    fn unique_and_generated_columns_take_what_is_put_in_the_place_of_names(db: TestDb) {
        let lower = match db.dialect {
            Dialect::Sqlite => "lower_email text AS (lower(email)) STORED UNIQUE",
            _ => "lower_email varchar(255) GENERATED ALWAYS AS (lower(email)) STORED UNIQUE",
        };
        db.create(&format!(
            "CREATE TABLE account (id {{bigint}} PRIMARY KEY, email varchar(255) NOT NULL UNIQUE, name varchar(20) NOT NULL,
                 {lower}, closed_at {{ts}});
             INSERT INTO account (id, email, name, closed_at) VALUES (1, 'Ann@example.org', 'Ann', '2026-06-01 00:00:00'),
                 (2, 'Bob@example.org', 'Bob', '2026-06-01 00:00:00'), (3, 'Eve@example.org', 'Eve', NULL);"
        ));
        let map = map("").replace(
            "action = \"delete\"",
            "action = \"redact\"\nredact = { email = { placeholder = \"gone-{id}\" }, name = { set = \"\" } }",
        );
        plan_and_run(&db, &tenure(&db, &map));
        assert_eq!(db.count("account WHERE lower_email IN ('gone-1', 'gone-2') AND name = ''"), 2);
    }

    fn a_person_stays_while_something_of_theirs_is_held_and_goes_with_it(db: TestDb) {
        db.create(
            "CREATE TABLE account (id {bigint} PRIMARY KEY, closed_at {ts});
             CREATE TABLE note (id {bigint} PRIMARY KEY, account_id {bigint}, paid_at {ts});
             INSERT INTO account VALUES (1, '2026-06-01 00:00:00'), (2, '2026-06-01 00:00:00');
             INSERT INTO note VALUES (1, 1, '2020-07-15 00:00:00'), (2, 1, '2010-01-01 00:00:00'),
                 (3, 2, '2010-01-01 00:00:00');",
        );
        let notes = "[[subject.data]]\ntable = \"note\"\ncolumn = \"account_id\"\naction = \"delete\"\n";
        let hold = "[[hold]]\nname = \"tax\"\ntable = \"note\"\nanchor = \"paid_at\"\nfor = \"6 years\"\nreason = \"tax\"\n";
        let tenure = tenure(&db, &(hold.to_owned() + &map(notes)));
        let first = plan_and_run(&db, &tenure);
        assert_eq!((first.count("erase:note.account_id", "done"), first.count("erase:note.account_id", "held")), (2, 1));
        assert_eq!((first.count("erase:account.id", "done"), first.count("erase:account.id", "blocked")), (1, 1));
        assert_eq!((people(&first, "held"), db.count("account"), db.count("note")), (1, 1, 1));
        let last = run_at(&tenure, "2026-10-01T00:00:00Z", 0);
        assert_eq!((people(&last, "erased"), people(&last, "overdue")), (1, 1));
        assert_eq!((db.count("account"), db.count("note"), erasures(&db)), (0, 0, 3));
    }

    fn what_leads_to_a_row_that_waits_for_another_one_stays_as_well(db: TestDb) {
        db.create(
            "CREATE TABLE account (id {bigint} PRIMARY KEY, email {text}, closed_at {ts});
             CREATE TABLE list (id {bigint} PRIMARY KEY, address {text}, account_id {bigint});
             CREATE TABLE note (id {bigint} PRIMARY KEY, list_id {bigint}, kept {bigint});
             INSERT INTO account VALUES (1, 'ann@example.org', '2026-06-01 00:00:00'), (2, 'bob@example.org', '2026-06-01 00:00:00');
             INSERT INTO list VALUES (1, 'ann@example.org', 1), (2, 'bob@example.org', 2);
             INSERT INTO note VALUES (1, 1, 1), (2, 2, 0);",
        );
        let map = "[[hold]]\nname = \"case\"\ntable = \"note\"\nwhere = \"kept = 1\"\nreason = \"court\"\n".to_owned()
            + &map(
                "[[subject.data]]\ntable = \"list\"\ncolumn = \"address\"\nmatches = \"email\"\naction = \"delete\"\n\
                 [[subject.data]]\ntable = \"note\"\ncolumn = \"list_id -> list.account_id\"\naction = \"delete\"\n",
            );
        let redacting = map.replace(
            "column = \"id\"\naction = \"delete\"",
            "column = \"id\"\naction = \"redact\"\nredact = { email = \"null\" }",
        );
        let tenure = tenure(&db, &redacting);
        plan_and_run(&db, &tenure);
        assert_eq!((db.count("note"), db.count("list"), db.count("account WHERE email IS NULL")), (1, 1, 1));
        db.script("UPDATE note SET kept = 0");
        plan_and_run(&db, &tenure);
        assert_eq!((db.count("note"), db.count("list"), db.count("account WHERE email IS NULL")), (0, 0, 2));
    }

    fn a_reference_that_is_cleared_keeps_nobody_in_the_plan_either(db: TestDb) {
        db.create(
            "CREATE TABLE account (id {bigint} PRIMARY KEY, closed_at {ts});
             CREATE TABLE post (id {bigint} PRIMARY KEY, account_id {bigint}, words {text},
                 FOREIGN KEY (account_id) REFERENCES account (id));
             INSERT INTO account VALUES (1, '2026-06-01 00:00:00'), (2, '2026-06-01 00:00:00'), (3, NULL);
             INSERT INTO post VALUES (1, 1, 'a'), (2, 2, 'held'), (3, 3, 'c');",
        );
        let posts = "[[subject.data]]\ntable = \"post\"\ncolumn = \"account_id\"\naction = \"redact\"\n\
                     redact = { account_id = \"null\" }\n[[hold]]\nname = \"case\"\ntable = \"post\"\n\
                     where = \"words = 'held'\"\nreason = \"court\"\n";
        let ran = plan_and_run(&db, &tenure(&db, &map(posts)));
        assert_eq!((ran.count("erase:account.id", "done"), ran.count("erase:account.id", "blocked")), (1, 1));
        assert_eq!((db.count("account"), db.count("post WHERE account_id IS NULL")), (2, 1));
    }

    fn a_row_forgets_whose_it_is_when_everything_else_is_done_to_it(db: TestDb) {
        db.create(
            "CREATE TABLE account (id {bigint} PRIMARY KEY, closed_at {ts});
             CREATE TABLE post (id {bigint} PRIMARY KEY, account_id {bigint}, kind {text}, words {text});
             INSERT INTO account VALUES (1, '2026-06-01 00:00:00'), (2, NULL);
             INSERT INTO post VALUES (1, 1, 'question', 'a'), (2, 1, 'answer', 'b'), (3, 2, 'question', 'c');",
        );
        let posts = "[[subject.data]]\ntable = \"post\"\ncolumn = \"account_id\"\nwhere = \"kind = 'question'\"\n\
                     action = \"redact\"\nredact = { account_id = \"null\" }\n\
                     [[subject.data]]\ntable = \"post\"\ncolumn = \"account_id\"\naction = \"redact\"\n\
                     redact = { words = \"null\" }\n";
        plan_and_run(&db, &tenure(&db, &map(posts)));
        assert_eq!(db.count("post WHERE words IS NULL"), 2);
        assert_eq!((db.count("post WHERE account_id IS NULL"), db.count("post WHERE words = 'c'")), (1, 1));
    }

    fn thousands_of_closures_in_one_night_go_set_by_set(db: TestDb) {
        const CLOSED: i64 = 6_000;
        db.create(
            "CREATE TABLE account (id {bigint} PRIMARY KEY, email {text} UNIQUE, name {text}, closed_at {ts});
             CREATE TABLE note (id {bigint} PRIMARY KEY, account_id {bigint});
             CREATE INDEX note_of_account ON note (account_id);",
        );
        let rows: Vec<String> =
            (1..=CLOSED + 10).map(|id| format!("({id}, 'p{id}', 'P', {})", if id <= CLOSED { "'2026-06-01 00:00:00'" } else { "NULL" })).collect();
        for some in rows.chunks(1_000) {
            db.script(&format!("INSERT INTO account VALUES {}", some.join(", ")));
        }
        db.script("INSERT INTO note SELECT id, id FROM account");
        let notes = "[[subject.data]]\ntable = \"note\"\ncolumn = \"account_id\"\naction = \"delete\"\n";
        let guard = "within = \"30 days\"\nguard = { max_share = 1.0 }";
        let ran = run(&tenure(&db, &map(notes).replace("within = \"30 days\"", guard)));
        assert_eq!((people(&ran, "erased"), erasures(&db)), (CLOSED as u64, CLOSED));
        assert_eq!((db.count("account"), db.count("note")), (10, 10));
        let batches = ran.count("erase:note.account_id", "batches");
        assert!(batches < 60, "{batches} batches");
    }

    fn what_tells_that_people_have_left_goes_after_all_that_is_theirs_and_stays_where_something_stays(db: TestDb) {
        db.create(
            "CREATE TABLE account (id {bigint} PRIMARY KEY, closed_at {ts});
             CREATE TABLE role (id {bigint} PRIMARY KEY, account_id {bigint}, name {text});
             CREATE TABLE note (id {bigint} PRIMARY KEY, account_id {bigint}, evidence {bigint});
             INSERT INTO account VALUES (1, '2026-06-01 00:00:00'), (2, '2026-06-01 00:00:00'), (3, '2026-06-01 00:00:00');
             INSERT INTO role VALUES (1, 1, 'left'), (2, 2, 'left'), (3, 3, 'member');
             INSERT INTO note VALUES (1, 1, 1), (2, 1, 0), (3, 2, 0), (4, 3, 0);",
        );
        let theirs = ["role", "note"].map(|table| {
            format!("[[subject.data]]\ntable = \"{table}\"\ncolumn = \"account_id\"\naction = \"delete\"\n")
        });
        let who = "where = \"id IN (SELECT account_id FROM role WHERE name = 'left')\"\nwithin";
        let map = map(&theirs.concat()).replacen("within", who, 1);
        let hold = "[[hold]]\nname = \"case\"\ntable = \"note\"\nwhere = \"evidence = 1\"\nreason = \"court\"\n";
        let tenure = tenure(&db, &(hold.to_owned() + &map));
        let first = plan_and_run(&db, &tenure);
        assert_eq!((first.count("erase:note.account_id", "done"), first.count("erase:role.account_id", "blocked")), (2, 1));
        assert_eq!([db.count("note WHERE id = 1"), db.count("role WHERE id = 1"), db.count("account WHERE id = 1")], [1; 3]);
        db.script("UPDATE note SET evidence = 0");
        let last = plan_and_run(&db, &tenure);
        assert_eq!((people(&last, "erased"), erasures(&db)), (1, 3));
        assert_eq!([db.count("note"), db.count("role"), db.count("account")], [1; 3], "who has not left stays whole");
    }

    fn a_plan_knows_that_what_is_redacted_before_lets_people_go(db: TestDb) {
        db.create(
            "CREATE TABLE account (id {bigint} PRIMARY KEY, closed_at {ts});
             CREATE TABLE board (id {bigint} PRIMARY KEY, owner_id {bigint} NOT NULL, FOREIGN KEY (owner_id) REFERENCES account (id));
             CREATE TABLE badge (id {bigint} PRIMARY KEY, giver_id {bigint},
                 FOREIGN KEY (giver_id) REFERENCES account (id) ON DELETE SET NULL);
             INSERT INTO account VALUES (1, '2026-06-01 00:00:00'), (2, NULL), (3, '2026-06-01 00:00:00');
             INSERT INTO board VALUES (1, 1), (2, 2), (3, 3);
             INSERT INTO badge VALUES (1, 1), (2, 1), (3, 2);",
        );
        let entries = "[[subject.data]]\ntable = \"board\"\ncolumn = \"owner_id\"\naction = \"redact\"\nredact = { owner_id = { set = 2 } }\n\
                       [[subject.data]]\ntable = \"badge\"\ncolumn = \"giver_id\"\naction = \"redact\"\nredact = { giver_id = \"null\" }\n";
        let hold = "[[hold]]\nname = \"case\"\ntable = \"board\"\nwhere = \"board.id = 3\"\nreason = \"court\"\n";
        let ran = plan_and_run(&db, &tenure(&db, &(hold.to_owned() + &map(entries))));
        assert_eq!((ran.count("erase:account.id", "done"), ran.count("erase:account.id", "blocked")), (1, 1));
        assert_eq!(ran.rule("erase:account.id")["detached"], serde_json::json!({}), "the badges were let go of before");
        assert_eq!((db.count("account"), db.count("board WHERE owner_id = 2"), db.count("badge WHERE giver_id IS NULL")), (2, 2, 2));
    }

    fn an_organisation_counts_its_members_as_before(db: TestDb) {
        platform(&db, 5, 2);
        db.create("CREATE TABLE member (id {bigint} PRIMARY KEY, organisation_id {bigint}, account_id {bigint});");
        db.script("INSERT INTO member SELECT id, 1, id FROM account");
        let members = format!(
            "{MAP}\n[[subject.data]]\ntable = \"member\"\ncolumn = \"account_id\"\naction = \"redact\"\n\
             redact = {{ account_id = \"null\" }}\n"
        );
        plan_and_run(&db, &tenure(&db, &members));
        assert_eq!((db.count("member WHERE organisation_id = 1"), db.count("member WHERE account_id IS NULL")), (5, 2));
    }

    fn a_certificate_stays_what_it_is_where_somebody_new_is_given_the_key(db: TestDb) {
        db.create(
            "CREATE TABLE account (id {bigint} PRIMARY KEY, closed_at {ts}, made_at {ts});
             CREATE TABLE note (id {bigint} PRIMARY KEY, account_id {bigint});
             INSERT INTO account VALUES (1, NULL, '2019-01-01 00:00:00');
             INSERT INTO note VALUES (1, 1);",
        );
        let notes = "[[subject.data]]\ntable = \"note\"\ncolumn = \"account_id\"\naction = \"delete\"\n";
        let tenure = tenure(&db, &map(notes).replace("within =", "created = \"made_at\"\nwithin ="));
        tenure.run(&["subject", "erase", "1", "--reason", "letter"]).expect_code(0);
        let certificate = || tenure.run(&["subject", "certificate", "1", "--format", "json"]).expect_code(0).json();
        let before = certificate();
        assert!(before["finished"].is_string(), "{before:#}");
        db.script("INSERT INTO account VALUES (1, NULL, '2100-01-01 00:00:00'); INSERT INTO note VALUES (2, 1), (3, 1)");
        assert_eq!(certificate(), before);
        db.script("UPDATE account SET made_at = '2019-01-01 00:00:00'");
        assert!(certificate()["finished"].is_null(), "a restore brought back who was erased");
    }

    fn whoever_signs_up_anew_with_the_same_address_is_somebody_else(db: TestDb) {
        platform(&db, 2, 1);
        let tenure = tenure(&db, MAP);
        run(&tenure);
        db.script("INSERT INTO account VALUES (9, 'person1@example.org', 'Person 1', NULL)");
        db.script("INSERT INTO letter VALUES (9, 'person1@example.org')");
        let before = db.tables_dump();
        assert_eq!(people(&run(&tenure), "due"), 0);
        assert_eq!(db.tables_dump(), before);
    }
}

#[test]
fn no_collation_of_a_column_takes_two_people_for_one_and_two_of_them_do_not_contradict_each_other() {
    let db = TestDb::new(Dialect::Postgres);
    db.script(
        "CREATE COLLATION any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
         CREATE TABLE account (id bigint PRIMARY KEY, login text COLLATE any_case, email text COLLATE \"C\", closed_at timestamp);
         CREATE TABLE note (id bigint PRIMARY KEY, login text COLLATE any_case);
         CREATE TABLE letter (id bigint PRIMARY KEY, address text COLLATE \"POSIX\");
         INSERT INTO account VALUES (1, 'ann', 'Ann@example.org', '2026-06-01 00:00:00');
         INSERT INTO note VALUES (1, 'ann'), (2, 'ANN');
         INSERT INTO letter VALUES (1, 'ANN@example.org'), (2, 'änn@example.org');",
    );
    let copies = "[[subject.data]]\ntable = \"note\"\ncolumn = \"login\"\nmatches = \"login\"\naction = \"delete\"\n\
                  [[subject.data]]\ntable = \"letter\"\ncolumn = \"address\"\nmatches = \"email\"\nignore_case = true\n\
                  action = \"delete\"\n";
    plan_and_run(&db, &tenure(&db, &map(copies)));
    assert_eq!((ids(&db, "note"), ids(&db, "letter")), (vec![2], vec![2]));
}
