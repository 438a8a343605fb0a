//! What somebody would try who wants tenure to take a row that must stay, to lose a total, or to keep quiet.

use tenure::db::Dialect;

use crate::harness::{Tenure, TestDb};

const AS_OF: [&str; 2] = ["--as-of", "2026-01-01"];

fn command<'a>(word: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&[word, "--json"], &AS_OF[..], more].concat()
}

/// A schedule with these rules and holds below its policy.
fn schedule(parts: &str) -> String {
    format!("[policy]\nname = \"Attack\"\ntimezone = \"UTC\"\n\n{parts}")
}

fn numbers(count: u32) -> String {
    (1..=count).map(|n| format!("({n})")).collect::<Vec<_>>().join(", ")
}

on_every_database! {
    fn a_guard_that_stops_one_rule_counts_its_rows_for_the_rules_behind_it(db: TestDb) {
        db.create("CREATE TABLE log (id {bigint} NOT NULL PRIMARY KEY, at {ts}, kind {text}); CREATE TABLE n (n {bigint});");
        db.script(&format!("INSERT INTO n VALUES {}", numbers(2000)));
        db.script("INSERT INTO log SELECT n, '2020-01-01 00:00:00', 'x' FROM n");
        let tenure = Tenure::at(&db).schedule(&schedule(r#"
            [[rule]]
            name = "short"
            table = "log"
            anchor = "at"
            retain = "1 year"
            action = "delete"
            [[rule]]
            name = "long"
            table = "log"
            anchor = "at"
            retain = "2 years"
            where = "kind = 'x'"
            action = "delete"
        "#));
        let plan = tenure.run(&command("plan", &[])).json();
        assert_eq!(plan["rules"][1]["status"], "guarded", "{plan:#}");
        let run = tenure.run(&command("run", &[])).expect_code(3).json();
        assert_eq!(db.count("log"), 2000, "{run:#}");
    }

    fn descendants_that_go_with_a_row_count_in_the_guard_of_its_table(db: TestDb) {
        db.create("CREATE TABLE post (id {bigint} NOT NULL PRIMARY KEY, root {bigint} REFERENCES post (id), at {ts}, \
                   FOREIGN KEY (root) REFERENCES post (id) ON DELETE CASCADE); CREATE TABLE n (n {bigint});");
        db.script(&format!("INSERT INTO n VALUES {}", numbers(1500)));
        db.script("INSERT INTO post VALUES (0, NULL, '2020-01-01 00:00:00')");
        db.script("INSERT INTO post SELECT n, 0, '2025-12-01 00:00:00' FROM n");
        let tenure = Tenure::at(&db).schedule(&schedule(r#"
            [[rule]]
            name = "posts"
            table = "post"
            anchor = "at"
            retain = "1 year"
            action = "delete"
            cascade = [{ table = "post", column = "root" }]
        "#));
        tenure.run(&command("run", &[])).expect_code(3);
        assert_eq!(db.count("post"), 1501);
    }

    fn a_guard_looks_at_the_tables_whose_rows_go_along(db: TestDb) {
        db.create("CREATE TABLE course (id {bigint} NOT NULL PRIMARY KEY, at {ts}); \
                   CREATE TABLE work (id {bigint} NOT NULL PRIMARY KEY, course {bigint}, \
                   FOREIGN KEY (course) REFERENCES course (id)); CREATE TABLE n (n {bigint});");
        db.script(&format!("INSERT INTO n VALUES {}", numbers(1500)));
        db.script("INSERT INTO course VALUES (1, '2020-01-01 00:00:00'), (2, '2025-12-01 00:00:00')");
        db.script("INSERT INTO work SELECT n, 1 FROM n");
        let tenure = Tenure::at(&db).schedule(&schedule(r#"
            [[rule]]
            name = "courses"
            table = "course"
            anchor = "at"
            retain = "1 year"
            action = "delete"
            cascade = ["work"]
        "#));
        tenure.run(&command("run", &[])).expect_code(3);
        assert_eq!(db.count("work"), 1500);
    }

    fn a_hold_of_one_schedule_stops_the_rules_of_another(db: TestDb) {
        db.create("CREATE TABLE pay (id {bigint} NOT NULL PRIMARY KEY, at {ts}); \
                   INSERT INTO pay VALUES (1, '2020-01-01 00:00:00');");
        let tenure = Tenure::at(&db).schedule(&schedule(r#"
            [[rule]]
            name = "pay"
            table = "pay"
            anchor = "at"
            retain = "1 year"
            action = "delete"
        "#)).schedule("[policy]\nname = \"Tax\"\n[[hold]]\nname = \"tax\"\ntable = \"pay\"\nreason = \"tax\"\n");
        let plan = tenure.run(&command("plan", &[])).expect_code(0);
        assert!(plan.stdout.contains("\"held\": 1"), "{}", plan.stdout);
        tenure.run(&command("run", &[])).expect_code(0);
        assert_eq!(db.count("pay"), 1);
    }

    fn a_hold_on_a_view_is_refused_for_it_would_hold_nothing(db: TestDb) {
        db.create("CREATE TABLE pay (id {bigint} NOT NULL PRIMARY KEY, at {ts}); \
                   INSERT INTO pay VALUES (1, '2020-01-01 00:00:00'); CREATE VIEW payments AS SELECT * FROM pay;");
        let tenure = Tenure::at(&db).schedule(&schedule(r#"
            [[rule]]
            name = "pay"
            table = "pay"
            anchor = "at"
            retain = "1 year"
            action = "delete"
            [[hold]]
            name = "tax"
            table = "payments"
            reason = "tax"
        "#));
        tenure.run(&command("run", &[])).expect_code(2);
        assert_eq!(db.count("pay"), 1);
    }

    fn a_hold_whose_condition_names_a_column_of_another_table_stops_every_rule(db: TestDb) {
        db.create("CREATE TABLE account (id {bigint} NOT NULL PRIMARY KEY, at {ts}, disputed {bigint}); \
                   CREATE TABLE pay (id {bigint} NOT NULL PRIMARY KEY, account {bigint}, \
                   FOREIGN KEY (account) REFERENCES account (id) ON DELETE CASCADE); \
                   INSERT INTO account VALUES (1, '2020-01-01 00:00:00', 0); INSERT INTO pay VALUES (1, 1);");
        let tenure = Tenure::at(&db).schedule(&schedule(r#"
            [[rule]]
            name = "accounts"
            table = "account"
            anchor = "at"
            retain = "1 year"
            action = "delete"
            [[hold]]
            name = "dispute"
            table = "pay"
            where = "disputed = 1"
            reason = "dispute"
        "#));
        let run = tenure.run(&command("run", &[]));
        assert_eq!(db.count("pay"), 1, "{}", run.stdout);
        assert_ne!(run.code, 0);
    }

    fn a_number_set_in_a_text_column_replaces_every_text(db: TestDb) {
        db.create("CREATE TABLE login (id {bigint} NOT NULL PRIMARY KEY, at {ts}, name {text}); \
                   INSERT INTO login VALUES (1, '2020-01-01 00:00:00', 'ann'), (2, '2020-01-01 00:00:00', '0');");
        let tenure = Tenure::at(&db).schedule(&schedule(r#"
            [[rule]]
            name = "names"
            table = "login"
            anchor = "at"
            retain = "1 year"
            action = "redact"
            [rule.redact]
            name = { set = 0 }
        "#));
        let run = tenure.run(&command("run", &[])).expect_code(0).json();
        assert_eq!(run["rules"][0]["done"], 1, "{run:#}");
        assert!(!db.tables_dump().contains("ann"));
    }

    fn a_text_that_only_begins_like_a_keyed_hash_is_hashed(db: TestDb) {
        db.create("CREATE TABLE login (id {bigint} NOT NULL PRIMARY KEY, at {ts}, agent {text}); \
                   INSERT INTO login VALUES (1, '2020-01-01 00:00:00', 'hmac:ann@example.org'), \
                   (2, '2020-01-01 00:00:00', 'HMAC:bob');");
        let url = db.url();
        let tenure = Tenure::alone().file("key", &"k".repeat(40)).config(&format!(
            "hmac_key_file = \"key\"\nschedules = [\"s.toml\"]\n[database.main]\nurl = \"{url}\"\n"
        )).file("s.toml", &schedule(r#"
            [[rule]]
            name = "agents"
            table = "login"
            anchor = "at"
            retain = "1 year"
            action = "redact"
            [rule.redact]
            agent = "hmac"
        "#));
        tenure.run(&command("run", &[])).expect_code(0);
        let dump = db.tables_dump();
        assert!(!dump.contains("ann") && !dump.contains("bob"), "{dump}");
        let again = tenure.run(&command("run", &[])).expect_code(0).json();
        assert_eq!(again["rules"][0]["eligible"], 0, "{again:#}");
    }

    fn a_placeholder_of_a_column_that_is_redacted_itself_is_refused(db: TestDb) {
        db.create("CREATE TABLE login (id {bigint} NOT NULL PRIMARY KEY, at {ts}, name {text}, mail {text}); \
                   INSERT INTO login VALUES (1, '2020-01-01 00:00:00', 'ann', 'ann@example.org');");
        let tenure = Tenure::at(&db).schedule(&schedule(r#"
            [[rule]]
            name = "names"
            table = "login"
            anchor = "at"
            retain = "1 year"
            action = "redact"
            [rule.redact]
            name = "null"
            mail = { placeholder = "was-{name}" }
        "#));
        let run = tenure.run(&command("run", &[]));
        assert_ne!(run.code, 0, "{}", run.stdout);
        assert!(db.tables_dump().contains("ann@example.org"));
    }

    fn a_roll_up_into_a_narrower_column_is_refused(db: TestDb) {
        db.create("CREATE TABLE view_log (id {bigint} NOT NULL PRIMARY KEY, at {ts}, cost decimal(10,3)); \
                   CREATE TABLE daily (bucket {ts}, cost {bigint}, folded smallint NOT NULL); \
                   INSERT INTO view_log VALUES (1, '2020-01-01 00:00:00', 1.4), (2, '2020-01-02 00:00:00', 1.4);");
        let tenure = Tenure::at(&db).schedule(&schedule(r#"
            [[rule]]
            name = "views"
            table = "view_log"
            anchor = "at"
            retain = "1 year"
            action = "aggregate"
            [rule.aggregate]
            into = "daily"
            bucket = "day"
            measures = { cost = "sum(cost)" }
        "#));
        let run = tenure.run(&command("run", &[]));
        if db.dialect == Dialect::Sqlite {
            // SQLite keeps what it is given, whatever the column is called.
            assert_eq!(db.scalar("SELECT CAST(round(10 * sum(cost)) AS integer) FROM daily"), 28);
        } else {
            assert_ne!(run.code, 0, "{}", run.stdout);
            assert_eq!(db.count("view_log"), 2);
        }
    }

    fn late_rows_of_groups_that_the_target_takes_for_one_lose_no_total(db: TestDb) {
        let (exact, folding) = match db.dialect {
            Dialect::Sqlite => ("text", "text COLLATE NOCASE"),
            Dialect::Postgres => ("text", "text"),
            Dialect::Mysql => ("varchar(50) COLLATE utf8mb4_bin", "varchar(50) COLLATE utf8mb4_general_ci"),
        };
        db.create(&format!("CREATE TABLE view_log (id {{bigint}} NOT NULL PRIMARY KEY, at {{ts}}, path {exact}, s {{bigint}}); \
                   CREATE TABLE daily (bucket {{ts}}, path {folding}, n {{bigint}}, s decimal(38,6), folded smallint NOT NULL); \
                   INSERT INTO view_log VALUES (1, '2020-01-01 00:00:00', 'A', 1);"));
        let tenure = Tenure::at(&db).schedule(&schedule(r#"
            [[rule]]
            name = "views"
            table = "view_log"
            anchor = "at"
            retain = "1 year"
            action = "aggregate"
            [rule.aggregate]
            into = "daily"
            bucket = "day"
            keep = ["path"]
            measures = { n = "count", s = "sum(s)" }
        "#));
        tenure.run(&command("run", &[])).expect_code(0);
        db.script("INSERT INTO view_log VALUES (2, '2020-01-01 00:00:00', 'A', 10), (3, '2020-01-01 00:00:00', 'a', 100)");
        tenure.run(&command("run", &[])).expect_code(0);
        assert_eq!(db.scalar("SELECT CAST(sum(n) AS char(9)) = '3' FROM daily"), 1, "{}", db.tables_dump());
        db.script("INSERT INTO view_log VALUES (4, '2020-01-01 00:00:00', 'A', 1000), (5, '2020-01-01 00:00:00', 'a', 10000)");
        tenure.run(&command("run", &[])).expect_code(0);
        assert_eq!(db.count("view_log"), 0);
        let total = match db.dialect {
            Dialect::Mysql => "SELECT CAST(sum(s) AS signed) FROM daily",
            _ => "SELECT CAST(sum(s) AS bigint) FROM daily",
        };
        assert_eq!(db.scalar(total), 11111, "{}", db.tables_dump());
    }

    fn a_target_that_holds_a_group_twice_is_not_added_to_twice(db: TestDb) {
        db.create("CREATE TABLE view_log (id {bigint} NOT NULL PRIMARY KEY, at {ts}); \
                   CREATE TABLE daily (bucket {ts}, n {bigint}, folded smallint NOT NULL); \
                   INSERT INTO daily VALUES ('2020-01-01 00:00:00', 1, 0), ('2020-01-01 00:00:00', 2, 0); \
                   INSERT INTO view_log VALUES (1, '2020-01-01 00:00:00');");
        let tenure = Tenure::at(&db).schedule(&schedule(r#"
            [[rule]]
            name = "views"
            table = "view_log"
            anchor = "at"
            retain = "1 year"
            action = "aggregate"
            [rule.aggregate]
            into = "daily"
            bucket = "day"
            measures = { n = "count" }
        "#));
        let run = tenure.run(&command("run", &[]));
        let total = match db.dialect {
            Dialect::Mysql => "SELECT CAST(sum(n) AS signed) FROM daily",
            _ => "SELECT CAST(sum(n) AS bigint) FROM daily",
        };
        let (sum, raw) = (db.scalar(total), db.count("view_log"));
        assert_eq!(sum + raw, 4, "{}", run.stdout);
        assert!(raw == 0 || run.code != 0);
    }

    fn the_repeated_hour_of_a_clock_change_is_rolled_up(db: TestDb) {
        db.create("CREATE TABLE view_log (id {bigint} NOT NULL PRIMARY KEY, at {ts}); \
                   CREATE TABLE hourly (bucket {ts}, n {bigint}, folded smallint NOT NULL); \
                   INSERT INTO view_log VALUES (1, '2020-11-01 00:30:00'), (2, '2020-11-01 01:30:00'), \
                   (3, '2020-11-01 03:30:00'), (4, '2021-03-14 02:30:00'), (5, '2021-03-14 04:30:00');");
        let url = db.url();
        let tenure = Tenure::alone().config(&format!(
            "schedules = [\"s.toml\"]\n[database.main]\nurl = \"{url}\"\nnaive_timezone = \"America/Los_Angeles\"\n"
        )).file("s.toml", &schedule(r#"
            [[rule]]
            name = "views"
            table = "view_log"
            anchor = "at"
            retain = "1 year"
            action = "aggregate"
            [rule.aggregate]
            into = "hourly"
            bucket = "hour"
            measures = { n = "count" }
        "#));
        tenure.run(&command("run", &[])).expect_code(0);
        assert_eq!(db.count("view_log"), 0);
        assert_eq!(db.count("hourly"), 5);
    }

    fn dates_are_rolled_up_whatever_the_zones_and_the_bucket(db: TestDb) {
        db.create("CREATE TABLE view_log (id {bigint} NOT NULL PRIMARY KEY, at date); \
                   CREATE TABLE summed (bucket {ts}, n {bigint}, folded smallint NOT NULL); \
                   INSERT INTO view_log VALUES (1, '2020-11-01'), (2, '2020-11-01'), (3, '2020-11-02'), (4, '2020-12-02');");
        for (zone, bucket) in [("America/Los_Angeles", "day"), ("Asia/Tokyo", "day"), ("UTC", "hour")] {
            let tenure = Tenure::at(&db).schedule(&schedule(&format!(r#"
                [[rule]]
                name = "views-{bucket}"
                table = "view_log"
                anchor = "at"
                retain = "1 year"
                action = "aggregate"
                [rule.aggregate]
                into = "summed"
                bucket = "{bucket}"
                measures = {{ n = "count" }}
            "#)).replace("UTC", zone));
            // Another bucket is asked about.
            tenure.run(&command("run", &["--yes"])).expect_code(0);
            assert_eq!(db.count("view_log"), 0, "{zone} {bucket}");
            db.script("INSERT INTO view_log VALUES (1, '2020-11-01'), (2, '2020-11-01'), (3, '2020-11-02'), (4, '2020-12-02')");
        }
    }

    fn an_application_table_that_is_called_like_ours_is_seen(db: TestDb) {
        db.create("CREATE TABLE professor (id {bigint} NOT NULL PRIMARY KEY, at {ts}); \
                   CREATE TABLE tenure_review (id {bigint} NOT NULL PRIMARY KEY, professor {bigint}, \
                   FOREIGN KEY (professor) REFERENCES professor (id) ON DELETE CASCADE); \
                   INSERT INTO professor VALUES (1, '2020-01-01 00:00:00'); INSERT INTO tenure_review VALUES (1, 1);");
        let tenure = Tenure::at(&db).schedule(&schedule(r#"
            [[rule]]
            name = "professors"
            table = "professor"
            anchor = "at"
            retain = "1 year"
            action = "delete"
            [[hold]]
            name = "reviews"
            table = "tenure_review"
            reason = "under review"
        "#));
        tenure.run(&command("run", &[])).expect_code(0);
        assert_eq!(db.count("tenure_review"), 1);
    }

    fn a_report_that_somebody_wrote_cannot_be_approved(db: TestDb) {
        db.create("CREATE TABLE log (id {bigint} NOT NULL PRIMARY KEY, at {ts}); CREATE TABLE n (n {bigint});");
        db.script(&format!("INSERT INTO n VALUES {}", numbers(1500)));
        db.script("INSERT INTO log SELECT n, '2020-01-01 00:00:00' FROM n");
        let parts = schedule(r#"
            [[rule]]
            name = "logs"
            table = "log"
            anchor = "at"
            retain = "1 year"
            action = "delete"
        "#);
        let tenure = Tenure::at(&db).schedule(&parts);
        tenure.run(&command("plan", &[])).expect_code(3);
        let reports = walk(tenure.dir()).into_iter().find(|path| path.ends_with(".json") && path.contains("reports")).unwrap();
        let text = std::fs::read_to_string(&reports).unwrap();
        let forged = text.replace("dry-run", "run");
        std::fs::write(&reports, &forged).unwrap();
        let run = serde_json::from_str::<serde_json::Value>(&forged).unwrap()["run"].as_str().unwrap().to_owned();
        let out = tenure.run(&["approve", &run]);
        assert_eq!(db.count("log"), 1500, "{}", out.stdout);
        assert_eq!(out.code, 2, "{} {}", out.stdout, out.stderr);
    }
}

fn walk(dir: &std::path::Path) -> Vec<String> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { all.extend(walk(&path)) } else { all.push(path.display().to_string()) }
    }
    all
}

#[test]
fn on_sqlite_a_parameter_in_a_condition_takes_no_value_of_ours() {
    for condition in ["kind = :x", "kind = @x", "kind = $x", "id > ?1"] {
        let db = TestDb::new(Dialect::Sqlite);
        db.create("CREATE TABLE log (id {pk}, at {ts}, kind {text}); INSERT INTO log VALUES (1, '2020-01-01', 'x');");
        let tenure = Tenure::at(&db).schedule(&schedule(&format!(
            "[[rule]]\nname = \"logs\"\ntable = \"log\"\nanchor = \"at\"\nretain = \"1 year\"\naction = \"delete\"\n\
             where = \"{condition}\"\n"
        )));
        let run = tenure.run(&command("run", &[]));
        assert_ne!(run.code, 0, "{condition}: {}", run.stdout);
        assert!(run.stdout.contains("condition") || run.stderr.contains("condition"), "{} {}", run.stdout, run.stderr);
    }
}

#[test]
fn on_mysql_a_condition_holds_no_version_comment_and_no_variable() {
    for condition in ["id > 0 /*!99999 AND kind = 'y' */", "id > 0 /*M!999999 AND kind = 'y' */", "(@a := id) > 0"] {
        let db = TestDb::new(Dialect::Mysql);
        db.create("CREATE TABLE log (id {pk}, at {ts}, kind {text}); INSERT INTO log VALUES (1, '2020-01-01', 'x');");
        let tenure = Tenure::at(&db).schedule(&schedule(&format!(
            "[[rule]]\nname = \"logs\"\ntable = \"log\"\nanchor = \"at\"\nretain = \"1 year\"\naction = \"delete\"\n\
             where = \"{condition}\"\n"
        )));
        let run = tenure.run(&command("run", &[]));
        assert_ne!(run.code, 0, "{condition}: {}", run.stdout);
        assert_eq!(db.count("log"), 1);
    }
}

#[test]
fn on_sqlite_a_reference_between_two_collations_takes_nobody_elses_rows_along() {
    for (key, reference) in [("NOCASE", "BINARY"), ("BINARY", "NOCASE")] {
        let db = TestDb::new(Dialect::Sqlite);
        db.create(&format!(
            "CREATE TABLE account (name text COLLATE {key} PRIMARY KEY NOT NULL, at {{ts}}); \
             CREATE TABLE pay (id {{pk}}, account text COLLATE {reference} REFERENCES account (name) ON DELETE CASCADE); \
             INSERT INTO account VALUES ('Ann', '2020-01-01'), ('ann ', '2025-12-01');",
        ));
        db.script("INSERT INTO account SELECT 'ann', '2025-12-01' WHERE NOT EXISTS (SELECT 1 FROM account WHERE name = 'ann')");
        db.script("INSERT INTO pay VALUES (1, 'ann')");
        let rule = "[[rule]]\nname = \"accounts\"\ntable = \"account\"\nanchor = \"at\"\nretain = \"1 year\"\naction = \"delete\"\n";
        for parts in [rule.to_owned(), format!("{rule}[[hold]]\nname = \"tax\"\ntable = \"pay\"\nreason = \"tax\"\n")] {
            let run = Tenure::at(&db).schedule(&schedule(&parts)).run(&command("run", &[])).expect_code(1).json();
            assert!(run["rules"][0]["error"].as_str().unwrap().contains("two collations"), "{run:#}");
            assert_eq!(db.count("pay"), 1);
        }
    }
}

#[test]
fn on_sqlite_a_number_that_refers_to_a_text_goes_with_no_other_text() {
    let db = TestDb::new(Dialect::Sqlite);
    db.create(
        "CREATE TABLE account (name text PRIMARY KEY NOT NULL, at {ts}); \
         CREATE TABLE pay (id {pk}, account integer REFERENCES account (name) ON DELETE CASCADE); \
         INSERT INTO account VALUES ('05', '2020-01-01'), ('5', '2025-12-01'); INSERT INTO pay VALUES (1, 5);",
    );
    let rule = "[[rule]]\nname = \"accounts\"\ntable = \"account\"\nanchor = \"at\"\nretain = \"1 year\"\naction = \"delete\"\n";
    let run = Tenure::at(&db).schedule(&schedule(rule)).run(&command("run", &[])).expect_code(1).json();
    assert!(run["rules"][0]["error"].as_str().unwrap().contains("two types"), "{run:#}");
    assert_eq!(db.count("pay"), 1);
}

#[test]
fn on_sqlite_a_reference_that_only_keeps_its_parent_is_found_by_the_collation_of_the_key() {
    let db = TestDb::new(Dialect::Sqlite);
    db.create(
        "CREATE TABLE account (name text COLLATE NOCASE PRIMARY KEY NOT NULL, at {ts}); \
         CREATE TABLE pay (id {pk}, account text REFERENCES account (name)); \
         INSERT INTO account VALUES ('Ann', '2020-01-01'); INSERT INTO pay VALUES (1, 'ann');",
    );
    let rule = "[[rule]]\nname = \"accounts\"\ntable = \"account\"\nanchor = \"at\"\nretain = \"1 year\"\naction = \"delete\"\n";
    let run = Tenure::at(&db).schedule(&schedule(rule)).run(&command("run", &[])).expect_code(0).json();
    assert_eq!(run["rules"][0]["blocked"], 1, "{run:#}");
}

#[test]
fn on_sqlite_bytes_that_are_no_text_are_no_time_and_stop_nothing() {
    let db = TestDb::new(Dialect::Sqlite);
    db.create(
        "CREATE TABLE log (id {pk}, at {ts}); INSERT INTO log VALUES (1, '2020-01-01'), (2, X'FFFE00FF'), \
         (3, CAST(X'32303230FF' AS text)), (4, 1577836800), (5, 2458849.5), (6, CAST(X'323032302d30312d303100' AS text));",
    );
    let tenure = Tenure::at(&db).schedule(&schedule(
        "[[rule]]\nname = \"logs\"\ntable = \"log\"\nanchor = \"at\"\nretain = \"1 year\"\naction = \"delete\"\n",
    ));
    let run = tenure.run(&command("run", &[])).expect_code(0).json();
    assert_eq!(run["rules"][0]["done"], 1, "{run:#}");
    assert_eq!(run["rules"][0]["no_anchor"], 5, "{run:#}");
}

#[test]
fn on_postgresql_a_key_that_sets_only_some_columns_null_leaves_the_others() {
    let db = TestDb::new(Dialect::Postgres);
    db.create(
        "CREATE TABLE course (tenant bigint, id bigint, at timestamp, PRIMARY KEY (tenant, id)); \
         CREATE TABLE work (id bigint PRIMARY KEY, tenant bigint, course bigint, \
         FOREIGN KEY (tenant, course) REFERENCES course (tenant, id) ON DELETE SET NULL (course)); \
         INSERT INTO course VALUES (7, 1, '2020-01-01'); INSERT INTO work VALUES (1, 7, 1);",
    );
    let tenure = Tenure::at(&db).schedule(&schedule(
        "[[rule]]\nname = \"courses\"\ntable = \"course\"\nanchor = \"at\"\nretain = \"1 year\"\naction = \"delete\"\n",
    ));
    tenure.run(&command("run", &[]));
    assert_eq!(db.scalar("SELECT count(*) FROM work WHERE tenant = 7"), 1);
}

#[test]
fn on_postgresql_children_that_row_security_hides_keep_their_parents() {
    let db = TestDb::new(Dialect::Postgres);
    db.create(
        "CREATE TABLE account (id bigint PRIMARY KEY, at timestamp); \
         CREATE TABLE pay (id bigint PRIMARY KEY, account bigint REFERENCES account (id) ON DELETE CASCADE); \
         INSERT INTO account VALUES (1, '2020-01-01'); INSERT INTO pay VALUES (1, 1); \
         ALTER TABLE pay ENABLE ROW LEVEL SECURITY;",
    );
    let url = db.role("janitor", &["GRANT ALL ON account, pay TO {role}", "GRANT CREATE ON DATABASE {db} TO {role}"]);
    let tenure = Tenure::at_url(&url).schedule(&schedule(
        "[[rule]]\nname = \"accounts\"\ntable = \"account\"\nanchor = \"at\"\nretain = \"1 year\"\naction = \"delete\"\n\
         [[hold]]\nname = \"tax\"\ntable = \"pay\"\nreason = \"tax\"\n",
    ));
    let run = tenure.run(&command("run", &[]));
    assert_eq!(db.count("pay"), 1, "{}", run.stdout);
    assert_ne!(run.code, 0);
}
