//! Entries of one map that speak of the same rows: what one keeps no other one takes, what one reads no other one changes
//! before, and whose a row is they say together.

use super::{people, run, run_at, tenure};
use crate::harness::TestDb;
use crate::harness::story::{AS_OF, ids, plan_and_run};

/// A map of accounts that are redacted, with these entries before.
fn map(entries: &[String]) -> String {
    format!(
        "[subject]\ntable = \"account\"\nkey = \"id\"\nclosed = \"closed_at\"\nwithin = \"30 days\"\n{}\n{}",
        entries.concat(),
        entry("account", "id", "action = \"redact\"\nredact = { email = \"null\" }")
    )
}

fn entry(table: &str, column: &str, rest: &str) -> String {
    format!("[[subject.data]]\ntable = \"{table}\"\ncolumn = \"{column}\"\n{rest}\n")
}

/// Person 1 has left, and 2 has not.
const TWO: &str = "
CREATE TABLE account (id {bigint} PRIMARY KEY, email {text}, backup {text}, closed_at {ts});
INSERT INTO account VALUES (1, 'one@example.org', NULL, '2026-06-01 00:00:00'), (2, 'two@example.org', 'one@example.org', NULL);";

/// Payments of the first column's person, by way of an agent, the second.
const PAYMENTS: &str = "
CREATE TABLE payment (id {bigint} PRIMARY KEY, account_id {bigint}, agent_id {bigint}, kind {text}, txt {text});
INSERT INTO payment VALUES (1, 2, 1, 'fee', 'a'), (2, 1, 2, 'fee', 'b'), (3, 1, 1, 'fee', 'c'), (4, NULL, 1, 'fee', 'd'),
    (5, 2, 1, 'tip', 'e');";

fn kept(more: &str) -> String {
    entry("payment", "account_id", &format!("where = \"kind = 'fee'\"\naction = \"keep\"\nreason = \"tax\"\n{more}"))
}

fn two(db: &TestDb, script: &str) {
    db.create(TWO);
    db.create(script);
}

on_every_database! {
    fn what_one_entry_keeps_no_other_one_deletes_whoever_leaves(db: TestDb) {
        two(&db, PAYMENTS);
        let tenure = tenure(&db, &map(&[kept(""), entry("payment", "agent_id", "action = \"delete\"")]));
        let ran = plan_and_run(&db, &tenure);
        assert_eq!(ids(&db, "payment"), [1, 2, 3], "nobody else's, and no fee");
        assert_eq!((ran.count("erase:payment.agent_id", "done"), ran.count("erase:payment.agent_id", "held")), (2, 2));
        assert_eq!(ran.rule("erase:payment.agent_id")["held_by"]["keep:payment.account_id"], 2);
        assert_eq!(people(&ran, "held"), 1);
        let told = tenure.run(&["subject", "certificate", "1"]);
        assert!(told.stdout.contains("2 rows: hold `keep:payment.account_id`"), "{}", told.stdout);
        db.script("UPDATE payment SET kind = 'tip' WHERE id = 1");
        run(&tenure);
        assert_eq!(ids(&db, "payment"), [2, 3], "the ground is gone");
    }

    fn of_what_one_entry_keeps_another_one_redacts_only_what_the_ground_does_not_cover(db: TestDb) {
        two(&db, PAYMENTS);
        let of_agent = |columns: &str| entry("payment", "agent_id", &format!("action = \"redact\"\nredact = {{ {columns} }}"));
        let kept = kept("redact = { txt = \"null\" }");
        let covered = tenure(&db, &map(&[kept.clone(), of_agent("txt = \"null\", agent_id = \"null\"")]));
        let ran = plan_and_run(&db, &covered);
        assert_eq!((ran.count("erase:payment.agent_id", "done"), ran.count("erase:payment.agent_id", "held")), (2, 2));
        assert_eq!(db.count("payment WHERE agent_id IS NULL"), 2);
        assert_eq!(ids(&db, "payment WHERE txt IS NULL"), [2, 3, 4, 5], "of the payer who left the ground lets it go");
        let beyond = tenure_of_the_same(&db, &map(&[kept, of_agent("txt = \"null\"")]));
        plan_and_run(&db, &beyond);
        assert_eq!(db.count("payment WHERE txt IS NOT NULL"), 0);
    }

    fn rows_that_are_kept_go_where_the_schedule_says_so_and_somebody_consents(db: TestDb) {
        two(&db, PAYMENTS);
        let with = |more: &str| tenure(&db, &map(&[kept(""), entry("payment", "agent_id", &format!("action = \"delete\"\n{more}"))]));
        run(&with(""));
        assert_eq!(ids(&db, "payment"), [1, 2, 3]);
        let meant = with("kept_too = true");
        let asked = run_at(&meant, AS_OF, 3);
        let question = asked.rule("erase:payment.agent_id")["guard"].as_str().unwrap_or_default().to_owned();
        assert!(question.contains("what another entry keeps goes along with it now"), "{question}");
        meant.run(&["run", "--yes", "--as-of", AS_OF]).expect_code(0);
        assert_eq!(ids(&db, "payment"), [2]);
    }

    fn a_row_is_told_apart_before_what_tells_it_is_redacted(db: TestDb) {
        two(&db, "CREATE TABLE message (id {bigint} PRIMARY KEY, account_id {bigint}, ip {text}, body {text});
             INSERT INTO message VALUES (1, 1, '10.0.0.1', 'one'), (2, 1, '10.0.0.2', 'two'), (3, 2, '10.0.0.3', 'other'),
                 (4, 1, '192.0.2.1', 'abroad');");
        let map = map(&[
            entry("message", "account_id", "action = \"redact\"\nredact = { ip = \"null\" }"),
            entry("message", "account_id", "where = \"ip LIKE '10.%'\"\naction = \"redact\"\nredact = { body = \"null\" }"),
        ]);
        let ran = plan_and_run(&db, &tenure(&db, &map));
        assert_eq!((ran.count("erase:message.account_id", "done"), ran.count("erase:message.account_id#2", "done")), (3, 2));
        assert_eq!((ids(&db, "message WHERE ip IS NULL"), ids(&db, "message WHERE body IS NULL")), (vec![1, 2, 4], vec![1, 2]));
    }

    fn what_tells_a_row_apart_stays_while_the_row_may_not_go(db: TestDb) {
        two(&db, "CREATE TABLE message (id {bigint} PRIMARY KEY, account_id {bigint}, ip {text});
             CREATE TABLE note (id {bigint} PRIMARY KEY, message_id {bigint}, FOREIGN KEY (message_id) REFERENCES message (id));
             INSERT INTO message VALUES (1, 1, '10.0.0.1'), (2, 1, '10.0.0.2'), (3, 1, '192.0.2.1');
             INSERT INTO note VALUES (1, 1);");
        let map = map(&[
            entry("message", "account_id", "action = \"redact\"\nredact = { ip = \"null\" }"),
            entry("message", "account_id", "where = \"ip LIKE '10.%'\"\naction = \"delete\""),
        ]);
        let tenure = tenure(&db, &map);
        let first = plan_and_run(&db, &tenure);
        assert_eq!((first.count("erase:message.account_id", "done"), first.count("erase:message.account_id", "blocked")), (0, 2));
        assert_eq!((ids(&db, "message"), db.count("message WHERE ip IS NULL")), (vec![1, 3], 0));
        db.script("DELETE FROM note");
        plan_and_run(&db, &tenure);
        assert_eq!((ids(&db, "message"), db.count("message WHERE ip IS NULL")), (vec![3], 1));
    }

    fn a_row_names_its_person_until_it_can_be_deleted(db: TestDb) {
        two(&db, "CREATE TABLE post (id {bigint} PRIMARY KEY, account_id {bigint}, kind {text}, words {text});
             CREATE TABLE note (id {bigint} PRIMARY KEY, post_id {bigint}, FOREIGN KEY (post_id) REFERENCES post (id));
             INSERT INTO post VALUES (1, 1, 'draft', 'a'), (2, 1, 'draft', 'b'), (3, 1, 'public', 'c'), (4, 2, 'draft', 'd');
             INSERT INTO note VALUES (1, 1);");
        let map = map(&[
            entry("post", "account_id", "action = \"redact\"\nredact = { account_id = \"null\" }"),
            entry("post", "account_id", "where = \"kind = 'draft'\"\naction = \"delete\""),
        ]);
        let tenure = tenure(&db, &map);
        plan_and_run(&db, &tenure);
        assert_eq!((ids(&db, "post"), db.count("post WHERE id = 1 AND account_id = 1")), (vec![1, 3, 4], 1));
        db.script("DELETE FROM note");
        plan_and_run(&db, &tenure);
        assert_eq!((ids(&db, "post"), db.count("post WHERE account_id IS NULL")), (vec![3, 4], 1));
    }

    fn a_row_that_another_entry_gives_to_somebody_who_stays_is_not_taken_as_a_copy(db: TestDb) {
        two(&db, "CREATE TABLE newsletter (id {bigint} PRIMARY KEY, address {text}, bounced {text});
             INSERT INTO account VALUES (3, 'three@example.org', NULL, '2026-06-01 00:00:00');
             INSERT INTO newsletter VALUES (1, 'one@example.org', NULL), (2, 'two@example.org', NULL),
                 (3, 'three@example.org', 'two@example.org');");
        let of = |column: &str, copied: &str, act: &str| {
            entry("newsletter", column, &format!("matches = \"{copied}\"\n{act}"))
        };
        let map = map(&[
            of("address", "email", "action = \"delete\""),
            of("address", "backup", "action = \"delete\""),
            of("bounced", "email", "action = \"redact\"\nredact = { bounced = \"null\" }"),
        ]).replace("email = \"null\"", "email = \"null\", backup = \"null\"");
        let tenure = tenure(&db, &map);
        let ran = plan_and_run(&db, &tenure);
        assert_eq!((ids(&db, "newsletter"), ran.count("erase:newsletter.address", "blocked")), (vec![1, 2, 3], 2));
        db.script("UPDATE account SET closed_at = '2026-06-02 00:00:00' WHERE id = 2");
        plan_and_run(&db, &tenure);
        assert_eq!(ids(&db, "newsletter"), [3], "nobody is left by whom it could be found");
        assert_eq!(db.count("newsletter WHERE bounced IS NULL"), 1);
    }

    fn a_copy_of_somebody_elses_in_the_same_row_does_not_keep_ones_own_from_being_redacted(db: TestDb) {
        two(&db, "CREATE TABLE mail (id {bigint} PRIMARY KEY, sender {text}, receiver {text});
             INSERT INTO mail VALUES (1, 'one@example.org', 'two@example.org'), (2, 'two@example.org', 'one@example.org');");
        let of = |column: &str| {
            entry("mail", column, &format!("matches = \"email\"\naction = \"redact\"\nredact = {{ {column} = \"null\" }}"))
        };
        plan_and_run(&db, &tenure(&db, &map(&[of("sender"), of("receiver")])));
        assert_eq!((ids(&db, "mail WHERE sender IS NULL"), ids(&db, "mail WHERE receiver IS NULL")), (vec![1], vec![2]));
    }

    fn a_way_passes_a_parent_only_where_the_map_says_that_its_column_leads_to_a_person(db: TestDb) {
        two(&db, "CREATE TABLE attachment (id {bigint} PRIMARY KEY, owner_type {text}, owner_id {bigint});
             CREATE TABLE download (id {bigint} PRIMARY KEY, attachment_id {bigint}, FOREIGN KEY (attachment_id) REFERENCES attachment (id));
             CREATE TABLE view_of (id {bigint} PRIMARY KEY, download_id {bigint}, restricted {bigint});
             INSERT INTO attachment VALUES (1, 'Account', 1), (2, 'Course', 1), (3, 'Account', 2), (4, NULL, 1), (5, 'Staff', 1);
             INSERT INTO download VALUES (1, 1), (2, 2), (3, 3), (4, 4), (5, 5);
             INSERT INTO view_of VALUES (1, 1, 0), (2, 2, 0), (3, 3, 0), (4, 4, 0), (5, 5, 0);");
        let of = |kind: &str| entry("attachment", "owner_id", &format!("where = \"owner_type = '{kind}'\"\naction = \"delete\""));
        let map = map(&[
            of("Account"),
            of("Staff"),
            entry("download", "attachment_id -> attachment.owner_id", "action = \"delete\""),
            entry("view_of", "download_id -> download.attachment_id -> attachment.owner_id", "action = \"delete\""),
        ]);
        let ran = plan_and_run(&db, &tenure(&db, &map));
        for table in ["attachment", "download", "view_of"] {
            assert_eq!(ids(&db, table), [2, 3, 4], "{table}");
        }
        assert_eq!(people(&ran, "erased"), 1);
    }
}

/// The same database under another map, to which somebody consents.
fn tenure_of_the_same(db: &TestDb, map: &str) -> crate::harness::Tenure {
    let tenure = tenure(db, map);
    tenure.run(&["run", "--yes"]).expect_code(0);
    tenure
}
