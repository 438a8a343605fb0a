//! No personal data in what tenure keeps: whatever a database holds, and whatever its errors quote, nothing of it is in
//! what tenure prints, logs, reports or writes into its ledger.

use std::collections::{BTreeSet, HashMap};
use std::fs;

use mail_parser::MessageParser;
use tenure::db::Dialect;
use tenure::demo::{self, SCHEDULES, Size};

use crate::harness::{Output, Tenure, TestDb};

/// Of the shortest text that is looked for, in bytes: a word of tenure's own could be shorter.
const LENGTH: usize = 9;

/// Every run is mailed, into files.
const MAIL: &str = "[mail]\ntransport = \"file\"\nfrom = \"tenure@example.org\"\nto = [\"privacy@example.org\"]\n";

/// What makes databases quote rows: a trigger with a sentence of its own, a unique key, a cast.
const PROVOKING: &str = r#"
    [policy]
    name = "provoking"

    [[rule]]
    name = "told-by-a-trigger"
    table = "login"
    anchor = { column = "at", as = "epoch-seconds" }
    retain = "1 day"
    action = "delete"
    guard = { max_share = 1.0 }

    [[rule]]
    name = "told-by-a-unique-key"
    table = "account"
    anchor = "created_at"
    retain = "1 day"
    action = "redact"
    guard = { max_share = 1.0 }
    [rule.redact]
    email = { placeholder = "{family_name}" }

    [[rule]]
    name = "told-by-a-cast"
    table = "support_message"
    anchor = "sent_at"
    retain = "1 day"
    where = "CAST(body AS CAST_TYPE) < 0"
    action = "delete"
"#;

const TRIGGER_SQLITE: &str = "CREATE TRIGGER tell BEFORE DELETE ON login
    BEGIN SELECT RAISE(ABORT, 'login of ' || OLD.user_agent || ' from ' || OLD.ip); END";

const TRIGGER_POSTGRES: &str = "
    CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'login of % from %', OLD.user_agent, OLD.ip USING DETAIL = OLD::text, HINT = OLD.ip; END $$;
    CREATE TRIGGER tell BEFORE DELETE ON login FOR EACH ROW EXECUTE FUNCTION tell();";

const TRIGGER_MYSQL: &str = "CREATE TRIGGER tell BEFORE DELETE ON login FOR EACH ROW BEGIN
    DECLARE said VARCHAR(120) DEFAULT LEFT(CONCAT('login of ', OLD.user_agent, ' from ', OLD.ip), 120);
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = said; END";

on_every_database! {
    fn no_value_of_a_row_is_in_anything_that_is_kept_or_said(db: TestDb) {
        let as_of = "2026-06-01T00:00:00Z";
        let mut conn = db.open();
        demo::create(&mut conn).unwrap();
        demo::generate(&mut conn, &Size::new(10_000, 7).unwrap(), as_of.parse().unwrap()).unwrap();
        mark_every_text(&db);
        let values = texts(&db.tables_dump());
        assert!(values.len() > 500, "{} texts", values.len());
        for (name, schedule) in SCHEDULES {
            let tenure = Tenure::at(&db).schedule(schedule).keyed(MAIL);
            let run = &["run", "-v", "-v", "--yes", "--sql", "--as-of", as_of];
            for command in [&["check"][..], &["plan", "-v", "-v", "--sql"], run] {
                let output = tenure.run(command);
                assert_ne!(output.code, 2, "{name} does not fit: {}", output.stderr);
                assert_nothing_told(&values, schedule, &everything(&db, &tenure, &output));
            }
            assert!(!mails(&tenure).is_empty(), "the run of {name} was mailed");
        }
    }

    fn no_value_that_a_database_error_quotes_is_repeated(db: TestDb) {
        let mut conn = db.open();
        demo::create(&mut conn).unwrap();
        demo::generate(&mut conn, &Size::new(10_000, 7).unwrap(), "2026-06-01T00:00:00Z".parse().unwrap()).unwrap();
        db.script("UPDATE account SET family_name = 'Ambrosius-Gleich'");
        db.script(match db.dialect {
            Dialect::Sqlite => TRIGGER_SQLITE,
            Dialect::Postgres => TRIGGER_POSTGRES,
            Dialect::Mysql => TRIGGER_MYSQL,
        });
        let values = texts(&db.tables_dump());
        let schedule = PROVOKING.replace("CAST_TYPE", if db.dialect == Dialect::Mysql { "SIGNED" } else { "integer" });
        let tenure = Tenure::at(&db).schedule(&schedule).keyed(MAIL).env("TENURE_LOG", "trace");
        let rows = db.count("login");
        for command in [&["plan", "-v", "-v"][..], &["run", "-v", "-v", "--yes", "--json"]] {
            let output = tenure.run(command);
            assert_nothing_told(&values, &schedule, &everything(&db, &tenure, &output));
            if command[0] == "run" {
                let failed = output.expect_code(1).json();
                let all = failed["rules"].as_array().unwrap();
                let has_failed = |name: &str| all.iter().any(|rule| rule["rule"] == name && rule["status"] == "failed");
                assert!(has_failed("told-by-a-trigger") && has_failed("told-by-a-unique-key"), "{failed}");
                assert_eq!(has_failed("told-by-a-cast"), db.dialect == Dialect::Postgres, "{failed}");
            }
        }
        assert!(mails(&tenure).contains("told-by-a-trigger"), "the failures were mailed");
        assert_eq!(db.count("login"), rows);
    }
}

/// A word of its own in every text that no key and no reference holds, so that no text is too short or too common.
fn mark_every_text(db: &TestDb) {
    for (table, column) in [
        ("organisation", "name"),
        ("account", "given_name"),
        ("account", "family_name"),
        ("api_token", "label"),
        ("login", "user_agent"),
        ("course", "title"),
        ("lesson", "title"),
        ("quiz", "title"),
        ("quiz_answer", "answer"),
        ("support_message", "body"),
        ("access_log", "path"),
        ("access_log", "session"),
        ("generated_lesson", "title"),
        ("generated_lesson", "body"),
        ("payment", "billing_name"),
        ("payment", "billing_address"),
        ("support_ticket", "subject"),
        ("error_log", "message"),
        ("page_view", "path"),
    ] {
        db.script(&format!("UPDATE {table} SET {column} = 'planted-in-{table}-{column}' WHERE {column} IS NOT NULL"));
    }
}

/// Every text of the dump that is long enough to be told from a word of tenure's own.
fn texts(dump: &str) -> BTreeSet<String> {
    let quoted = |field: &str| {
        let text = field.trim().strip_prefix('"')?.strip_suffix('"')?;
        // SQLite's dump quotes once more, as SQL does.
        let text = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')).unwrap_or(text);
        Some(text.to_owned())
    };
    let is_time = |text: &str| text.starts_with(|c: char| c.is_ascii_digit()) && text.contains(':');
    let is_number = |text: &str| text.chars().all(|c| c.is_ascii_digit() || "-.+".contains(c));
    dump.lines()
        .filter(|line| line.starts_with("    "))
        .flat_map(|line| line.split(" | ").filter_map(quoted).collect::<Vec<_>>())
        .filter(|text| text.len() >= LENGTH && !is_time(text) && !is_number(text))
        .collect()
}

/// What was printed, the reports in every format and the ledger.
fn everything(db: &TestDb, tenure: &Tenure, output: &Output) -> String {
    let mut all = format!("{}{}", output.stdout, output.stderr);
    for entry in fs::read_dir(tenure.dir().join("tenure-state/reports")).into_iter().flatten() {
        all.push_str(&fs::read_to_string(entry.unwrap().path()).unwrap());
    }
    all.push_str(&mails(tenure));
    let prefix = if db.dialect == Dialect::Postgres { "tenure." } else { "tenure_" };
    let exists = match db.dialect {
        Dialect::Sqlite => "SELECT count(*) FROM sqlite_master WHERE name = 'tenure_entry'",
        Dialect::Postgres => "SELECT count(*) FROM pg_tables WHERE schemaname = 'tenure' AND tablename = 'entry'",
        Dialect::Mysql => {
            "SELECT count(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'tenure_entry'"
        }
    };
    if db.scalar(exists) == 1 {
        for select in [
            "SELECT id, holder, plan, record FROM {}run",
            "SELECT id, run, rule, consequences FROM {}batch",
            "SELECT rule, run, holder FROM {}gate",
            "SELECT kind, run, body, previous, hash FROM {}entry",
            "SELECT id, message_id, sender, addressees, recipient, trouble FROM {}outbox",
        ] {
            all.push_str(&format!("{:?}", db.rows(&select.replace("{}", prefix))));
        }
    }
    all
}

/// The mails' headers as they are, and every part as its readers see it.
fn mails(tenure: &Tenure) -> String {
    let mut all = String::new();
    for entry in fs::read_dir(tenure.dir().join("tenure-state/mail")).into_iter().flatten() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        let mail = MessageParser::default().parse(&bytes).unwrap();
        mail.headers_raw().for_each(|(name, value)| all.push_str(&format!("{name}:{value}")));
        let parts = mail.parts.iter().filter_map(|part| part.text_contents());
        all.extend(parts);
    }
    all
}

/// The schedule's own words may be repeated, also where a row holds them too.
#[track_caller]
fn assert_nothing_told(values: &BTreeSet<String>, schedule: &str, said: &str) {
    assert!(!said.is_empty());
    let mut by_head: HashMap<&[u8], Vec<&String>> = HashMap::new();
    for value in values.iter().filter(|value| !schedule.contains(*value)) {
        by_head.entry(&value.as_bytes()[..LENGTH]).or_default().push(value);
    }
    // One walk over what was said, which can be megabytes, instead of one for each of thousands of values.
    let said = said.as_bytes();
    let found = said.windows(LENGTH).enumerate().filter_map(|(at, head)| Some((at, by_head.get(head)?)));
    let told: BTreeSet<_> = found
        .flat_map(|(at, values)| values.iter().filter(move |value| said[at..].starts_with(value.as_bytes())))
        .collect();
    let beginning = String::from_utf8_lossy(&said[..said.len().min(20_000)]);
    assert!(told.is_empty(), "{told:?} in\n{beginning}");
}
