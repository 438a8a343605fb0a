//! Every example of the README, taken out of it and tried: what it says is what the program does.

use std::path::Path;

use tenure::db::Dialect;

use crate::harness::{Tenure, TestDb};

pub const AS_OF: &str = "2026-02-01T00:00:00Z";

/// Of the README's fictional campus, without the target of its roll-up.
const TABLES: &str = "
    CREATE TABLE account (id {pk}, email {text}, created_at {ts});
    CREATE TABLE course (id {pk}, published_at {ts});
    CREATE TABLE access_log (id {pk}, logged_at {ts}, ip {text});
    CREATE INDEX access_log_at ON access_log (logged_at);
    CREATE TABLE error_log (id {pk}, at_ms {bigint}, message {text});
    CREATE TABLE import_job (id {pk}, finished {text});
    CREATE TABLE ip_block (id {pk}, expires_at {ts});
    CREATE TABLE payment (id {pk}, paid_at {ts});
    CREATE TABLE course_completion (id {pk}, completed_at {ts}, renewed_at {ts});
    CREATE TABLE certificate (id {pk}, completion_id {bigint}, FOREIGN KEY (completion_id) REFERENCES course_completion (id));
    CREATE TABLE quiz_attempt (id {pk}, started_at {ts}, finished_at {ts});
    CREATE TABLE quiz_answer (id {pk}, attempt_id {bigint}, FOREIGN KEY (attempt_id) REFERENCES quiz_attempt (id));
    CREATE TABLE discussion (id {pk}, root_id {bigint}, deleted_at {ts}, FOREIGN KEY (root_id) REFERENCES discussion (id));
    CREATE TABLE entry (id {pk}, discussion_id {bigint}, FOREIGN KEY (discussion_id) REFERENCES discussion (id));
    CREATE TABLE entry_participant (id {pk}, entry_id {bigint}, FOREIGN KEY (entry_id) REFERENCES entry (id));
    CREATE TABLE vote (id {pk}, entry_id {bigint});
    CREATE TABLE comment (id {pk}, reply_to {bigint}, posted_at {ts}, FOREIGN KEY (reply_to) REFERENCES comment (id));
    CREATE TABLE visitor (id {pk}, last_seen_at {ts}, name {text}, country {text}, email {text} UNIQUE, ip {text}, born {ts},
        phone {text});
    CREATE TABLE page_view (id {pk}, user_id {bigint}, course_id {bigint}, path {text}, duration_s {bigint}, viewed_at {ts});
";

/// In every table something that is due and something that is not.
const ROWS: &str = "
    INSERT INTO access_log (logged_at) VALUES ('2025-12-01 00:00:00'), ('2026-01-31 00:00:00');
    INSERT INTO error_log (at_ms) VALUES (1000000000000), (1769904000000), (0);
    INSERT INTO import_job (finished) VALUES ('20240101000000'), ('20260101000000'), ('running');
    INSERT INTO ip_block (expires_at) VALUES ('2026-01-31 00:00:00'), ('2026-02-02 00:00:00');
    INSERT INTO payment (paid_at) VALUES ('2015-01-01 00:00:00'), ('2020-01-01 00:00:00');
    INSERT INTO course_completion (id, completed_at, renewed_at) VALUES (1, '2010-01-01 00:00:00', '2011-01-01 00:00:00'),
        (2, '2010-01-01 00:00:00', '2025-01-01 00:00:00');
    INSERT INTO certificate (completion_id) VALUES (1), (1), (2);
    INSERT INTO quiz_attempt (id, started_at, finished_at) VALUES (1, '2020-01-01 00:00:00', '2020-01-01 01:00:00'),
        (2, '2025-01-01 00:00:00', '2025-12-01 00:00:00'), (3, '2020-01-01 00:00:00', NULL), (17, '2020-01-01 00:00:00', NULL);
    INSERT INTO quiz_answer (attempt_id) VALUES (1), (2);
    INSERT INTO discussion (id, root_id, deleted_at) VALUES (1, NULL, '2025-01-01 00:00:00'), (2, 1, NULL);
    INSERT INTO entry (id, discussion_id) VALUES (1, 1), (2, 2);
    INSERT INTO entry_participant (entry_id) VALUES (1), (2);
    INSERT INTO vote (entry_id) VALUES (1), (2);
    INSERT INTO comment (id, reply_to, posted_at) VALUES (1, NULL, '2024-01-01 00:00:00'), (2, 1, '2024-01-02 00:00:00'),
        (3, NULL, '2026-01-01 00:00:00');
    INSERT INTO visitor (last_seen_at, name, country, email, ip, born, phone) VALUES
        ('2025-01-01 00:00:00', 'Ann', 'DE', 'ann@example.org', '203.0.113.9', '1990-05-05 00:00:00', '+49 30 1'),
        ('2020-01-01 00:00:00', 'Ben', 'FR', 'ben@example.org', '203.0.113.9', '1990-05-05 00:00:00', '+49 30 2'),
        ('2020-01-01 00:00:00', 'Cyd', 'NO', 'cyd@example.org', '203.0.113.9', '1990-05-05 00:00:00', '+49 30 3'),
        ('2026-01-01 00:00:00', 'Dan', 'DE', 'dan@example.org', '203.0.113.9', '1990-05-05 00:00:00', '+49 30 4');
    INSERT INTO page_view (user_id, course_id, path, duration_s, viewed_at) VALUES
        (1, 1, '/a', 10, '2025-01-01 10:00:00'), (2, 1, '/a', 20, '2025-01-01 11:00:00'), (3, 1, '/a', 30, '2025-01-01 12:00:00'),
        (4, 1, '/a', 40, '2025-01-01 13:00:00'), (5, 1, '/a', 50, '2025-01-01 14:00:00'), (6, 2, '/b', 60, '2025-01-01 15:00:00'),
        (7, 1, '/a', 70, '2026-01-31 10:00:00');
";

/// The code blocks of the README with this info string, in its order.
pub fn blocks(info: &str) -> Vec<String> {
    let readme = include_str!("../../README.md");
    let fence = format!("\n```{info}\n");
    let found =
        readme.split(&fence).skip(1).map(|rest| rest.split_once("\n```").expect("a fence is closed").0.to_owned());
    let found: Vec<_> = found.collect();
    assert!(!found.is_empty(), "the README has no block `{info}`");
    found
}

/// All schedule examples as one schedule.
pub fn schedule() -> String {
    blocks("toml schedule").join("\n\n")
}

/// The README's campus with rows in it, and the target made by the statement that the check prints.
pub fn campus(db: &TestDb) {
    db.create(TABLES);
    db.script(ROWS);
    let checked = tenure(db.url()).run(&["check", "--json"]).expect_code(2).json();
    let findings = checked["findings"].as_array().unwrap();
    let errors: Vec<_> = findings.iter().filter(|finding| finding["severity"] == "error").collect();
    let [lacking] = errors.as_slice() else { panic!("{errors:#?}") };
    let (_, statement) = lacking["remedy"].as_str().unwrap().split_once('\n').unwrap();
    if db.dialect == Dialect::Postgres {
        assert_eq!(blocks("sql target"), [statement]);
    }
    db.script(statement);
}

/// tenure with the README's schedule and a key for its hashes.
pub fn tenure(url: &str) -> Tenure {
    let tenure = Tenure::at_url(url).schedule(&schedule());
    tenure.file("hmac.key", "0123456789abcdef0123456789abcdef").config("hmac_key_file = \"hmac.key\"\n")
}

/// The figures by which a dry run and a run are compared, by rule.
pub fn figures(document: &serde_json::Value, count: &str) -> Vec<(String, u64)> {
    let rules = document["rules"].as_array().unwrap();
    rules.iter().map(|rule| (rule["rule"].as_str().unwrap().to_owned(), rule[count].as_u64().unwrap())).collect()
}

on_every_database! {
    fn every_example_fits_a_schema_and_does_what_the_dry_run_said(db: TestDb) {
        campus(&db);
        let tenure = tenure(db.url());
        tenure.run(&["check"]).expect_code(0);
        let planned = tenure.run(&["plan", "--json", "--as-of", AS_OF]).expect_code(0).json();
        let done = tenure.run(&["run", "--json", "--as-of", AS_OF]).expect_code(0).json();
        assert_eq!(figures(&planned, "remaining"), figures(&done, "done"));
        assert!(figures(&done, "done").iter().all(|(_, rows)| *rows > 0), "a rule had nothing to do: {done:#}");
        let again = tenure.run(&["run", "--json", "--as-of", AS_OF]).expect_code(0).json();
        assert!(figures(&again, "done").iter().all(|(_, rows)| *rows == 0), "something was due twice: {again:#}");

        assert_eq!(db.scalar("SELECT id FROM course_completion"), 2, "the latest of the anchors counts");
        assert_eq!(db.count("import_job"), 2, "a text that is no time is kept");
        assert_eq!(db.scalar("SELECT count(*) FROM quiz_attempt WHERE id = 17"), 1, "held");
        assert_eq!(db.scalar("SELECT count(*) FROM discussion WHERE id = 2 AND root_id IS NULL"), 1, "let go");
        assert_eq!((db.count("entry"), db.count("entry_participant"), db.count("vote")), (1, 1, 1));
        assert_eq!(db.count("comment"), 1, "a tree goes whole");
        assert_eq!(db.scalar("SELECT count(*) FROM visitor WHERE name = 'Cyd' AND country = 'NO'"), 1, "held");
        assert_eq!(db.scalar("SELECT count(*) FROM visitor WHERE country = 'unknown' AND ip = '203.0.113.0'"), 1);
        assert_eq!(db.scalar("SELECT count(*) FROM visitor WHERE email LIKE 'deleted-%@invalid' AND name IS NULL"), 1);
        assert_eq!(db.scalar("SELECT count(*) FROM visitor WHERE name = 'Dan' AND phone = '+49 30 4'"), 1);
        assert_eq!(db.count("page_view"), 1);
        assert_eq!(db.scalar("SELECT CAST(sum(views) AS CHAR(9)) = '6' FROM page_view_daily"), 1);
    }
}

/// What the README's map of people speaks of: account 1 was closed long ago, 2 lately, 3 is open and 4 restricts.
const PEOPLE: &str = "
    CREATE TABLE account (id {pk}, email {text} NOT NULL UNIQUE, name {text}, created_at {ts}, closed_at {ts}, restricted_at {ts});
    CREATE TABLE quiz_attempt (id {pk}, account_id {bigint}, FOREIGN KEY (account_id) REFERENCES account (id));
    CREATE TABLE quiz_answer (id {pk}, attempt_id {bigint}, reviewer_id {bigint}, FOREIGN KEY (attempt_id) REFERENCES quiz_attempt (id),
        FOREIGN KEY (reviewer_id) REFERENCES account (id));
    CREATE TABLE newsletter (id {pk}, address {text});
    CREATE TABLE attachment (id {pk}, owner_type {text}, owner_id {bigint});
    CREATE TABLE payment (id {pk}, account_id {bigint}, billing_name {text}, paid_at {ts}, FOREIGN KEY (account_id) REFERENCES account (id));
    INSERT INTO account (id, email, name, closed_at, restricted_at) VALUES (1, 'ann@example.org', 'Ann', '2026-01-01 00:00:00', NULL),
        (2, 'ben@example.org', 'Ben', '2026-01-30 00:00:00', NULL), (3, 'cyd@example.org', 'Cyd', NULL, NULL),
        (4, 'dan@example.org', 'Dan', '2026-01-01 00:00:00', '2026-01-02 00:00:00');
    INSERT INTO quiz_attempt (id, account_id) VALUES (1, 1), (2, 2), (3, 3), (4, 4);
    INSERT INTO quiz_answer (id, attempt_id, reviewer_id) VALUES (1, 1, 3), (2, 2, 1), (3, 3, 1), (4, 4, 3);
    INSERT INTO newsletter (address) VALUES ('Ann@Example.org'), ('ben@example.org'), ('dan@example.org');
    INSERT INTO attachment (owner_type, owner_id) VALUES ('Account', 1), ('Course', 1), ('Account', 4);
    INSERT INTO payment (id, account_id, billing_name, paid_at) VALUES (1, 1, 'Ann', '2025-01-01 00:00:00'),
        (2, 3, 'Cyd', '2025-01-01 00:00:00'), (3, 4, 'Dan', '2025-01-01 00:00:00');
";

on_every_database! {
    fn the_map_of_the_readme_erases_who_is_due_and_nobody_else(db: TestDb) {
        db.create(PEOPLE);
        let tenure = Tenure::at(&db).schedule(&blocks("toml people")[0]).keyed("");
        let checked = tenure.run(&["check", "--json"]).expect_code(0).json();
        assert_eq!(checked["errors"], 0, "{checked:#}");
        tenure.run(&["run", "--yes", "--as-of", AS_OF]).expect_code(0);
        assert_eq!(db.scalar("SELECT count(*) FROM account WHERE name IS NULL"), 1);
        assert_eq!(db.scalar("SELECT count(*) FROM account WHERE id = 1 AND email = 'deleted-1@invalid'"), 1);
        assert_eq!(db.scalar("SELECT count(*) FROM quiz_answer WHERE reviewer_id IS NULL"), 2);
        assert_eq!((db.count("quiz_attempt"), db.count("quiz_answer"), db.count("newsletter")), (3, 3, 2));
        assert_eq!((db.count("attachment"), db.count("payment")), (2, 3));
        assert_eq!(db.scalar("SELECT count(*) FROM payment WHERE billing_name IS NULL AND account_id = 1"), 1);
        assert_eq!(db.scalar("SELECT count(*) FROM payment WHERE billing_name IS NOT NULL"), 2);
    }
}

#[test]
fn the_first_schedule_is_whole_by_itself() {
    let db = TestDb::new(Dialect::Sqlite);
    db.create(
        "CREATE TABLE access_log (id {pk}, logged_at {ts}); INSERT INTO access_log (logged_at) VALUES ('2020-01-01');",
    );
    let tenure = Tenure::at(&db).schedule(&blocks("toml schedule")[0]);
    for command in ["check", "plan", "run"] {
        tenure.run(&[command]).expect_code(0);
    }
    assert_eq!(db.count("access_log"), 0);
}

#[test]
fn the_config_of_the_readme_is_taken_as_it_stands() {
    let [config] = blocks("toml config").try_into().unwrap();
    let tenure = Tenure::alone()
        .file("schedules/logs.toml", &blocks("toml schedule")[0])
        .file("hmac.key", "0123456789abcdef0123456789abcdef")
        .file("db.password", "geheim")
        .file("smtp.password", "geheim")
        .file("ledger.key", &tenure::base::signing::Signer::generate().unwrap().to_pem().unwrap())
        .env("AUDITOR_PASSWORD", "auch-geheim")
        .config(&config);
    tenure.run(&["check", "--offline"]).expect_code(0);
}

#[test]
fn the_readme_names_every_command_and_every_option_and_none_that_is_not_there() {
    let readme = include_str!("../../README.md");
    let commands = readme.split_once("## Commands").unwrap().1;
    let help = Tenure::alone().run(&["--help"]).expect_code(0).stdout;
    let named = |line: &str| line.split_whitespace().next().unwrap().to_owned();
    let listed = help.split_once("Commands:\n").unwrap().1.split("\n\n").next().unwrap().lines().map(named);
    for command in listed.filter(|command| command != "help") {
        assert!(commands.contains(&format!("| `tenure {command}")), "`{command}` is not in the README's table");
        let help = Tenure::alone().run(&[&command, "--help"]).expect_code(0).stdout;
        let options = help.lines().filter(|line| line.starts_with("  ") && line.contains("--"));
        for option in options.filter_map(|line| line.split_whitespace().find(|word| word.starts_with("--"))) {
            let known = ["--quiet", "--verbose...", "--help", "--version"].contains(&option);
            assert!(known || commands.contains(option), "{command}: `{option}` is not in the README");
        }
    }
    let rows = commands.lines().filter_map(|line| line.strip_prefix("| `tenure "));
    for row in rows {
        let command = row.split([' ', '`']).next().unwrap();
        Tenure::alone().run(&[command, "--help"]).expect_code(0);
    }
}

#[test]
fn the_json_of_the_readme_has_the_fields_of_a_run() {
    let db = TestDb::new(Dialect::Sqlite);
    db.create("CREATE TABLE access_log (id {pk}, logged_at {ts}); CREATE TABLE payment (id {pk}, paid_at {ts});");
    let schedule = format!("{}\n{}", blocks("toml schedule")[0], HOLD);
    let tenure = Tenure::at(&db).schedule(&schedule);
    let runs = [(); 2].map(|()| tenure.run(&["run", "--json"]).expect_code(0).json());
    let real = &runs[1];
    let shown: serde_json::Value = serde_json::from_str(&blocks("json")[0]).unwrap();
    let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    for place in ["", "/schedule", "/rules/0", "/rules/0/trend/0", "/holds/0", "/ledger", "/since"] {
        let [shown, real] = [&shown, real].map(|document| keys(document.pointer(place).unwrap()));
        assert_eq!(shown, real, "{place}");
    }
}

const HOLD: &str = "[[hold]]\nname = \"tax\"\ntable = \"payment\"\nreason = \"tax\"\n";

#[test]
fn every_file_that_the_architecture_names_is_there_and_every_dependency_is_argued_for() {
    let architecture = include_str!("../../ARCHITECTURE.md");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let in_backticks = architecture.split('`').skip(1).step_by(2);
    for path in in_backticks.clone().filter(|text| text.ends_with(".rs") || text.starts_with("tests/")) {
        let found = ["", "src", "tests/suite"].iter().any(|dir| root.join(dir).join(path).exists());
        assert!(found, "`{path}` is not there");
    }
    let manifest: toml::Table = include_str!("../../Cargo.toml").parse().unwrap();
    let (_, table) = architecture.split_once("## Dependencies").unwrap();
    for section in ["dependencies", "dev-dependencies"] {
        for name in manifest[section].as_table().unwrap().keys() {
            assert!(table.contains(&format!("`{name}`")), "nothing argues for `{name}`");
        }
    }
}
