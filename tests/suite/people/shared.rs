//! Rows that several entries of the map speak of: what the plan says is what the run does, and nothing is lost sight of.

use super::{people, tenure};
use crate::harness::TestDb;
use crate::harness::story::{AS_OF, ids, plan_and_run};

/// A map of accounts that are deleted, with these entries before.
fn map(entries: &str) -> String {
    format!(
        "[subject]\ntable = \"account\"\nkey = \"id\"\nclosed = \"closed_at\"\nwithin = \"30 days\"\n{entries}\n\
         [[subject.data]]\ntable = \"account\"\ncolumn = \"id\"\naction = \"delete\"\n"
    )
}

fn entry(table: &str, column: &str, rest: &str) -> String {
    format!("[[subject.data]]\ntable = \"{table}\"\ncolumn = \"{column}\"\n{rest}\n")
}

fn delete(table: &str, column: &str) -> String {
    entry(table, column, "action = \"delete\"")
}

fn redact(table: &str, column: &str, what: &str) -> String {
    entry(table, column, &format!("action = \"redact\"\nredact = {{ {what} }}"))
}

const LETS_GO: &str = "action = \"delete\"\ncascade = [{ table = \"post\", column = \"parent_id\", then = \"null\" }]";

/// Accounts, of whom the first two are closed, and posts that reply to each other.
const FORUM: &str = "
CREATE TABLE account (id {bigint} PRIMARY KEY, closed_at {ts});
CREATE TABLE post (id {bigint} PRIMARY KEY, author_id {bigint}, reviewer_id {bigint}, parent_id {bigint}, words {text}, note {text},
    FOREIGN KEY (parent_id) REFERENCES post (id));
INSERT INTO account VALUES (1, '2026-06-01 00:00:00'), (2, '2026-06-01 00:00:00'), (3, NULL);";

/// Accounts with addresses, of whom the third is open and has that of the second too, and posts.
const MAILS: &str = "
CREATE TABLE account (id {bigint} PRIMARY KEY, email {text}, closed_at {ts});
CREATE TABLE post (id {bigint} PRIMARY KEY, author_id {bigint}, address {text}, parent_id {bigint}, words {text}, reviewer_id {bigint});
INSERT INTO account VALUES (1, 'one@example.org', '2026-06-01 00:00:00'), (2, 'two@example.org', '2026-06-01 00:00:00'),
    (3, 'two@example.org', NULL);";

/// Accounts as in [`FORUM`], and threads that lead from posts to whoever moderates them.
const THREADS: &str = "
CREATE TABLE account (id {bigint} PRIMARY KEY, closed_at {ts});
CREATE TABLE thread (id {bigint} PRIMARY KEY, owner_id {bigint}, moderator_id {bigint});
CREATE TABLE post (id {bigint} PRIMARY KEY, thread_id {bigint}, evidence {bigint});
INSERT INTO account VALUES (1, '2026-06-01 00:00:00'), (2, '2026-06-01 00:00:00'), (3, NULL);";

fn threads() -> String {
    delete("thread", "owner_id") + &delete("post", "thread_id -> thread(id).moderator_id")
}

on_every_database! {
    fn replies_that_one_entry_lets_go_of_keep_no_rows_of_another_one(db: TestDb) {
        db.create(FORUM);
        db.script(
            "INSERT INTO post VALUES (1, 3, 1, NULL, 'a', 'x'), (2, 1, 3, 1, 'b', 'x'), (3, 3, 3, 2, 'c', 'x'),
                 (4, 3, 2, 3, 'd', 'x'), (5, 2, NULL, 4, 'e', 'x'), (6, 1, 2, 5, 'f', 'x'), (7, 3, NULL, 6, 'g', 'x')",
        );
        let entries = [entry("post", "author_id", LETS_GO), delete("post", "reviewer_id")];
        for entries in [entries.concat(), [entries[1].clone(), entries[0].clone()].concat()] {
            let ran = plan_and_run(&db, &tenure(&db, &map(&entries)));
            if ran.count("erase:post.author_id", "eligible") == 0 {
                continue;
            }
            assert_eq!((ran.count("erase:post.author_id", "done"), ran.count("erase:post.reviewer_id", "done")), (3, 2));
            assert_eq!((ids(&db, "post"), db.count("post WHERE parent_id IS NULL")), (vec![3, 7], 2));
        }
    }

    fn what_two_entries_clear_alike_is_counted_once(db: TestDb) {
        db.create(FORUM);
        db.script("INSERT INTO post VALUES (1, 1, 1, NULL, 'a', 'x'), (2, 1, 3, NULL, 'b', 'x'), (3, 3, 2, NULL, 'c', 'x')");
        let entries = [redact("post", "author_id", "words = \"null\""), redact("post", "reviewer_id", "words = \"null\"")];
        let ran = plan_and_run(&db, &tenure(&db, &map(&entries.concat())));
        assert_eq!((ran.count("erase:post.author_id", "done"), ran.count("erase:post.reviewer_id", "done")), (2, 1));
        assert_eq!(db.count("post WHERE words IS NULL"), 3);
    }

    fn a_kept_record_and_a_redaction_may_clear_one_column(db: TestDb) {
        db.create(FORUM);
        db.script("INSERT INTO post VALUES (1, 1, 2, NULL, 'a', 'x'), (2, 2, 3, NULL, 'b', 'x')");
        let kept = "action = \"keep\"\nreason = \"law\"\nredact = { words = \"null\", note = \"null\" }";
        let entries = [entry("post", "author_id", kept), redact("post", "reviewer_id", "words = \"null\"")];
        let ran = plan_and_run(&db, &tenure(&db, &map(&entries.concat())));
        assert_eq!((ran.count("erase:post.author_id", "done"), ran.count("erase:post.reviewer_id", "done")), (2, 0));
        assert_eq!(db.count("post WHERE words IS NULL AND note IS NULL"), 2);
    }

    fn of_two_entries_that_let_go_the_one_that_says_more_goes_first(db: TestDb) {
        db.create(FORUM);
        db.script("INSERT INTO post VALUES (1, 1, NULL, NULL, 'a', 'x'), (2, 1, NULL, NULL, NULL, 'y'), (3, 3, NULL, NULL, 'c', 'x')");
        let more = "where = \"note = 'x'\"\naction = \"redact\"\nredact = { author_id = \"null\", words = \"null\" }";
        let entries = [redact("post", "author_id", "author_id = \"null\""), entry("post", "author_id", more)];
        let ran = plan_and_run(&db, &tenure(&db, &map(&entries.concat())));
        assert_eq!((ran.count("erase:post.author_id#2", "done"), ran.count("erase:post.author_id", "done")), (1, 1));
        assert_eq!((db.count("post WHERE author_id IS NULL AND words IS NULL"), db.count("post WHERE words = 'c'")), (2, 1));
    }

    fn a_row_does_not_forget_whose_it_is_while_another_entry_has_to_wait(db: TestDb) {
        db.create(FORUM);
        db.script("INSERT INTO post VALUES (1, 1, NULL, NULL, 'a', 'x'), (2, 1, NULL, NULL, 'b', 'y')");
        let kept = "action = \"keep\"\nreason = \"law\"\nredact = { author_id = \"null\" }";
        let words = "where = \"note IS NOT NULL\"\naction = \"redact\"\nkept_too = true\nredact = { words = \"null\" }";
        let hold = "[[hold]]\nname = \"case\"\ntable = \"post\"\nwhere = \"note = 'x'\"\nreason = \"court\"\n";
        let entries = [entry("post", "author_id", kept), entry("post", "author_id", words)].concat();
        let tenure = tenure(&db, &(hold.to_owned() + &map(&entries)));
        let first = plan_and_run(&db, &tenure);
        assert_eq!((first.count("erase:post.author_id", "done"), first.count("erase:post.author_id", "blocked")), (1, 1));
        assert_eq!((db.count("post WHERE id = 1 AND author_id = 1 AND words = 'a'"), db.count("account WHERE id = 1")), (1, 1));
        db.script("UPDATE post SET note = 'z'");
        plan_and_run(&db, &tenure);
        assert_eq!((db.count("post WHERE author_id IS NULL AND words IS NULL"), db.count("account")), (2, 1));
    }

    fn what_leads_to_a_row_that_stays_waits_for_it_of_whomever_it_is(db: TestDb) {
        db.create(THREADS);
        db.script(
            "INSERT INTO thread VALUES (1, 1, 2), (2, 1, 1), (3, 2, 3), (4, 1, NULL), (5, 1, 9);
             INSERT INTO post VALUES (1, 1, 1), (2, 1, 0), (3, 2, 0), (4, 3, 0), (5, 4, 0), (6, 5, 0);",
        );
        let hold = "[[hold]]\nname = \"case\"\ntable = \"post\"\nwhere = \"evidence = 1\"\nreason = \"court\"\n";
        let tenure = tenure(&db, &(hold.to_owned() + &map(&threads())));
        let first = plan_and_run(&db, &tenure);
        let posts = "erase:post.thread_id";
        assert_eq!((first.count(posts, "done"), first.count(posts, "held")), (2, 1));
        assert_eq!((first.count("erase:thread.owner_id", "done"), first.count("erase:thread.owner_id", "blocked")), (3, 2));
        assert_eq!((ids(&db, "thread"), ids(&db, "post"), ids(&db, "account")), (vec![1, 3], vec![1, 4, 5, 6], vec![1, 2, 3]));
        db.script("UPDATE account SET closed_at = '2026-06-01 00:00:00'; UPDATE post SET evidence = 0");
        let last = plan_and_run(&db, &tenure);
        assert_eq!((people(&last, "erased"), people(&last, "blocked")), (3, 0));
        assert_eq!((ids(&db, "thread"), ids(&db, "post"), ids(&db, "account")), (vec![], vec![5, 6], vec![]), "nobody's stay");
    }

    fn rows_that_wait_for_somebody_who_comes_later_go_in_the_same_run(db: TestDb) {
        db.create(THREADS);
        db.create("CREATE TABLE hit (id {bigint} PRIMARY KEY, account_id {bigint}); CREATE INDEX hit_of ON hit (account_id)");
        let digits = "(SELECT 0 AS d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6 \
                      UNION SELECT 7 UNION SELECT 8 UNION SELECT 9)";
        // So many that each of the two is a batch of their own.
        db.script(&format!(
            "INSERT INTO hit SELECT p.d * 100000 + a.d * 10000 + b.d * 1000 + c.d * 100 + e.d * 10 + f.d, p.d FROM {digits} p, \
             {digits} a, {digits} b, {digits} c, {digits} e, {digits} f WHERE p.d IN (1, 2) AND a.d < 3;
             INSERT INTO thread VALUES (1, 1, 2), (2, 2, 1), (3, 1, 3); INSERT INTO post VALUES (1, 1, 0), (2, 2, 0), (3, 3, 0);"
        ));
        let map = map(&(threads() + &delete("hit", "account_id")))
            .replace("within = \"30 days\"", "within = \"30 days\"\nguard = { max_share = 1.0 }");
        let ran = plan_and_run(&db, &tenure(&db, &map));
        assert!(ran.count("erase:hit.account_id", "batches") > 1);
        assert_eq!((ran.count("erase:thread.owner_id", "done"), ran.count("erase:thread.owner_id", "blocked")), (2, 1));
        assert_eq!((ids(&db, "thread"), ids(&db, "post"), ids(&db, "account")), (vec![3], vec![3], vec![1, 3]));
    }

    fn what_is_one_persons_goes_before_it_is_asked_whether_it_is_somebody_elses_as_well(db: TestDb) {
        db.create(
            "CREATE TABLE account (id {bigint} PRIMARY KEY, email {text}, closed_at {ts});
             CREATE TABLE letter (id {bigint} PRIMARY KEY, address {text}, owner_id {bigint});
             CREATE TABLE page (id {bigint} PRIMARY KEY, letter_id {bigint}, FOREIGN KEY (letter_id) REFERENCES letter (id));
             INSERT INTO account VALUES (1, 'ann@example.org', '2026-06-01 00:00:00'), (2, 'ann@example.org', NULL);
             INSERT INTO letter VALUES (1, 'ann@example.org', 1), (2, 'bob@example.org', 2);",
        );
        let letters = entry("letter", "address", "matches = \"email\"\naction = \"delete\"") + &delete("letter", "owner_id");
        let ran = plan_and_run(&db, &tenure(&db, &map(&letters)));
        assert_eq!((ran.count("erase:letter.owner_id", "done"), ran.count("erase:account.id", "done")), (1, 1));
        assert_eq!((ids(&db, "letter"), ids(&db, "account")), (vec![2], vec![2]));
    }

    fn a_chain_of_rows_waits_for_the_one_at_its_end(db: TestDb) {
        db.create(
            "CREATE TABLE account (id {bigint} PRIMARY KEY, closed_at {ts});
             CREATE TABLE forum (id {bigint} PRIMARY KEY, founder_id {bigint}, host_id {bigint});
             CREATE TABLE thread (id {bigint} PRIMARY KEY, forum_id {bigint}, owner_id {bigint});
             CREATE TABLE post (id {bigint} PRIMARY KEY, thread_id {bigint}, evidence {bigint});
             INSERT INTO account VALUES (1, '2026-06-01 00:00:00'), (2, '2026-06-01 00:00:00'), (3, '2026-06-01 00:00:00');
             INSERT INTO forum VALUES (1, 1, 2), (2, 1, 2), (3, 1, 2);
             INSERT INTO thread VALUES (1, 1, 3), (2, 2, 3), (3, 3, 3);
             INSERT INTO post VALUES (1, 1, 1), (2, 2, 0);",
        );
        let entries = [
            delete("forum", "founder_id"),
            delete("thread", "owner_id"),
            delete("post", "thread_id -> thread(id).forum_id -> forum(id).host_id"),
        ];
        let hold = "[[hold]]\nname = \"case\"\ntable = \"post\"\nwhere = \"evidence = 1\"\nreason = \"court\"\n";
        let ran = plan_and_run(&db, &tenure(&db, &(hold.to_owned() + &map(&entries.concat()))));
        assert_eq!(people(&ran, "blocked") + people(&ran, "held"), 3, "each of them has something that stays");
        assert_eq!((ids(&db, "forum"), ids(&db, "thread"), ids(&db, "post"), db.count("account")), (vec![1], vec![1], vec![1], 3));
    }

    fn what_one_entry_takes_anyway_is_no_matter_of_sharing_for_another_one(db: TestDb) {
        db.create(MAILS);
        db.script("INSERT INTO post VALUES (1, NULL, 'two@example.org', NULL, 'a', NULL), (2, 1, NULL, 1, 'b', NULL)");
        let replies = entry("post", "parent_id -> post.address", "matches = \"email\"\naction = \"delete\"");
        let ran = plan_and_run(&db, &tenure(&db, &map(&(delete("post", "author_id") + &replies))));
        // The reply is the third person's as well, but it is the first one's own.
        assert_eq!((ran.count("erase:post.author_id", "done"), ran.count("erase:post.parent_id", "eligible")), (1, 0));
        assert_eq!((ids(&db, "post"), people(&ran, "erased")), (vec![1], 2));
    }

    fn a_way_that_passes_twice_through_its_own_table_leaves_nothing_that_nobody_finds(db: TestDb) {
        db.create(&FORUM.replace(",\n    FOREIGN KEY (parent_id) REFERENCES post (id)", ""));
        let posts = "INSERT INTO post VALUES (1, 1, 3, NULL, 'a', 'x'), (2, 2, 3, 1, 'b', 'x'), (3, 3, 3, 2, 'c', 'x'),
             (4, 1, 3, 3, 'd', 'x'), (5, 3, 3, 4, 'e', 'x'), (6, 3, 3, 5, 'f', 'x'), (7, 3, 3, 6, 'g', 'x')";
        let (once, twice) = (delete("post", "parent_id -> post.author_id"), delete("post", "parent_id -> post.parent_id -> post.author_id"));
        // Of 1, 2 and 4 the authors leave; 2, 3 and 5 reply to these, and 3, 4 and 6 to what does.
        // A reply to a reply of somebody who stays, 7, keeps all that leads to it.
        for (other, left) in [(delete("post", "author_id"), vec![5, 7]), (once, (1..=7).collect())] {
            let db = TestDb::new(db.dialect);
            db.create(&FORUM.replace(",\n    FOREIGN KEY (parent_id) REFERENCES post (id)", ""));
            db.script(posts);
            plan_and_run(&db, &tenure(&db, &map(&(other + &twice))));
            assert_eq!(ids(&db, "post"), left);
        }
        db.script(posts);
        let by_itself = twice + &redact("post", "author_id", "author_id = \"null\"");
        let ran = plan_and_run(&db, &tenure(&db, &map(&by_itself)));
        assert_eq!((ran.count("erase:post.parent_id", "done"), ids(&db, "post")), (3, vec![1, 2, 5, 7]));
        assert_eq!((people(&ran, "erased"), db.count("post WHERE author_id < 3")), (2, 0));
    }

    fn replies_to_a_persons_posts_and_the_posts_go_together(db: TestDb) {
        db.create(&FORUM.replace(",\n    FOREIGN KEY (parent_id) REFERENCES post (id)", ""));
        db.script(
            "INSERT INTO post VALUES (1, 1, 3, NULL, 'a', 'x'), (2, 2, 3, 1, 'b', 'x'), (3, 3, 3, 2, 'c', 'x'),
                 (4, 1, 3, 3, 'd', 'x'), (5, 3, 3, 4, 'e', 'x'), (6, 3, 3, 5, 'f', 'x')",
        );
        let entries = delete("post", "parent_id -> post.author_id") + &delete("post", "author_id");
        let ran = plan_and_run(&db, &tenure(&db, &map(&entries)));
        assert_eq!((people(&ran, "erased"), ids(&db, "post")), (2, vec![6]));
    }

    fn rows_of_two_entries_that_refer_to_each_other_go_together(db: TestDb) {
        db.create(FORUM);
        db.script(
            "INSERT INTO post VALUES (1, 1, 3, NULL, 'a', 'x'), (2, 3, 1, 1, 'b', 'x'), (3, 1, 3, 2, 'c', 'x'),
                 (4, 3, 1, 3, 'd', 'x'), (5, 2, 3, NULL, 'e', 'x'), (6, 3, 3, 5, 'f', 'x')",
        );
        let ran = plan_and_run(&db, &tenure(&db, &map(&(delete("post", "author_id") + &delete("post", "reviewer_id")))));
        assert_eq!((ran.count("erase:post.author_id", "done"), ran.count("erase:post.reviewer_id", "done")), (2, 2));
        assert_eq!((ran.count("erase:post.author_id", "blocked"), ids(&db, "post"), people(&ran, "erased")), (1, vec![5, 6], 1));
    }

    fn an_account_and_its_profile_that_refer_to_each_other_go_together(db: TestDb) {
        db.create(
            "CREATE TABLE account (id {bigint} PRIMARY KEY, profile_id {bigint}, closed_at {ts});
             CREATE TABLE profile (id {bigint} PRIMARY KEY, account_id {bigint} NOT NULL REFERENCES account (id));
             INSERT INTO account VALUES (1, NULL, '2026-06-01 00:00:00'), (2, NULL, NULL);
             INSERT INTO profile VALUES (10, 1), (20, 2);",
        );
        match db.dialect {
            // It adds no key to a table that is there.
            tenure::db::Dialect::Sqlite => db.script(
                "CREATE TABLE other (id integer PRIMARY KEY, profile_id integer REFERENCES profile (id), closed_at datetime);
                 INSERT INTO other SELECT id, profile_id, closed_at FROM account; PRAGMA foreign_keys = OFF;
                 PRAGMA legacy_alter_table = ON; DROP TABLE account; ALTER TABLE other RENAME TO account; PRAGMA foreign_keys = ON",
            ),
            _ => db.script("ALTER TABLE account ADD FOREIGN KEY (profile_id) REFERENCES profile (id)"),
        }
        db.script("UPDATE account SET profile_id = 10 * id");
        let ran = plan_and_run(&db, &tenure(&db, &map(&delete("profile", "account_id"))));
        assert_eq!((ids(&db, "account"), ids(&db, "profile"), people(&ran, "erased")), (vec![2], vec![20], 1));
    }

    fn what_two_conditions_may_both_be_true_of_does_not_become_one_thing_and_then_another(db: TestDb) {
        db.create(FORUM);
        db.script("INSERT INTO post VALUES (1, 1, 3, NULL, 'a', 'x'), (2, 1, 3, NULL, 'b', 'y')");
        let set = |condition: &str, to: &str| {
            entry("post", "author_id", &format!("where = \"{condition}\"\naction = \"redact\"\nredact = {{ words = {{ set = \"{to}\" }} }}"))
        };
        let before = db.tables_dump();
        for (one, other) in [("note >= 'x'", "note = 'x'"), ("note LIKE 'x%'", "note LIKE '%x'"), ("note <> 'z'", "note <> 'y'")] {
            let tenure = tenure(&db, &map(&(set(one, "(gone)") + &set(other, "-"))));
            let told = tenure.run(&["check"]).expect_code(2).stdout;
            assert!(told.contains("`words` becomes something else here than in `post.author_id`, and a row may be of both"), "{told}");
            assert!(told.contains("or `NOT (…)` around what the other one says"), "{told}");
            tenure.run(&["run", "--as-of", AS_OF]).expect_code(1);
            assert_eq!(db.tables_dump(), before);
        }
        plan_and_run(&db, &tenure(&db, &map(&(set("note LIKE 'x%'", "(gone)") + &set("NOT (note LIKE 'x%')", "-")))));
        assert_eq!((ids(&db, "post WHERE words = '(gone)'"), ids(&db, "post WHERE words = '-'")), (vec![1], vec![2]));
    }

    fn what_cannot_be_said_of_one_row_is_refused_before_anything_starts(db: TestDb) {
        db.create(FORUM);
        db.script("INSERT INTO post VALUES (1, 1, 1, NULL, 'a', 'x')");
        let first = |what: &str| entry("post", "author_id", &format!("action = \"delete\"\nwhere = \"words <> ''\"\nredact = {{ {what} }}"));
        let cases = [
            (
                [redact("post", "author_id", "words = \"null\""), redact("post", "reviewer_id", "words = { set = \"-\" }")].concat(),
                "`words` becomes something else here than in `post.author_id`, and a row may be of both",
            ),
            (
                [redact("post", "author_id", "words = \"null\""), redact("post", "reviewer_id", "author_id = \"null\"")].concat(),
                "`author_id` is what `post.author_id` finds its rows by",
            ),
            (first("words = \"null\""), "`words` may not change before the rows are deleted, because `where` asks for it"),
            (first("author_id = \"null\""), "because it says whose they are"),
            (
                entry("post", "parent_id -> post.author_id", LETS_GO),
                "`parent_id` leads to the person, and these rows let go of it as they go",
            ),
        ];
        let before = db.tables_dump();
        for (entries, reason) in cases {
            let tenure = tenure(&db, &map(&entries));
            let checked = tenure.run(&["check"]).expect_code(2);
            let told = checked.stdout + &checked.stderr;
            assert!(told.contains(reason) && told.contains(".toml:"), "{told}");
            let ran = tenure.run(&["run", "--as-of", AS_OF]).expect_code(1);
            assert!((ran.stdout + &ran.stderr).contains(reason));
            assert_eq!(db.tables_dump(), before);
        }
    }
}

by_two_workers! {
    a_row_does_not_forget_whose_it_is_while_another_entry_has_to_wait,
    what_leads_to_a_row_that_stays_waits_for_it_of_whomever_it_is,
    rows_that_wait_for_somebody_who_comes_later_go_in_the_same_run,
    a_chain_of_rows_waits_for_the_one_at_its_end,
}
