use super::*;

const LOG: &str =
    "CREATE TABLE log (id INTEGER PRIMARY KEY, at DATETIME, status TEXT); CREATE INDEX log_at ON log (at);";

#[test]
fn a_rule_that_fits_its_table_is_met_with_silence() {
    assert_eq!(Lab::sqlite(LOG).findings(&purge("where = \"status <> 'open'\"")), [""; 0]);
}

#[test]
fn what_cannot_be_resolved_is_an_error_with_the_nearest_name() {
    let lab = Lab::sqlite("CREATE TABLE logs (id INTEGER PRIMARY KEY, at DATETIME);");
    assert_eq!(
        lab.findings(&purge("")),
        ["error 3 rule `r`: there is no table `log` in database `main` (did you mean `logs`?)"]
    );
}

#[test]
fn an_age_that_no_index_leads_with_is_told_with_its_cost_and_the_statement_that_mends_it() {
    let lab = Lab::sqlite(
        "CREATE TABLE log (id INTEGER PRIMARY KEY, at INTEGER, x TEXT); CREATE INDEX x_first ON log (x, at);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1234) INSERT INTO log SELECT i, i, '' FROM n;
         ANALYZE;",
    );
    let rule = purge("").replace("\"at\"", "{ column = \"at\", as = \"epoch-seconds\" }");
    assert_eq!(
        lab.findings(&rule),
        [
            "warning 4 rule `r`: no index of `log` begins with `at`; without one every plan reads the whole table, about \
          1,234 rows by the statistics (CREATE INDEX \"log_at\" ON \"log\" (\"at\");)"
        ]
    );
    lab.script("CREATE INDEX \"log_at\" ON \"log\" (\"at\");");
    assert_eq!(lab.findings(&rule), [""; 0]);
}

#[test]
fn a_condition_that_the_database_does_not_understand_is_an_error_under_its_line() {
    let found = Lab::sqlite(LOG).findings(&purge("where = \"statsu <> 'open'\""));
    assert_eq!(
        found,
        [
            "error 7 rule `r`: SQLite refuses the condition: no such column: statsu (write it in the database's own SQL, as it \
          could stand behind `SELECT … FROM log WHERE`)"
        ]
    );
}

#[test]
fn the_condition_of_a_hold_is_tried_also_where_no_rule_meets_the_hold() {
    let lab = Lab::sqlite(&format!("{LOG} CREATE TABLE payment (id INTEGER PRIMARY KEY);"));
    let hold = "[[hold]]\nname = \"tax\"\ntable = \"payment\"\nwhere = \"nope(id)\"\nreason = \"tax\"\n";
    let found = lab.findings(&format!("{}{hold}", purge("")));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].starts_with("error 11 hold `tax`: SQLite refuses the condition: no such function: nope"),
        "{found:#?}"
    );
}

#[test]
fn a_condition_that_asks_the_clock_is_a_warning() {
    let found = Lab::sqlite(LOG).findings(&purge("where = \"at < datetime('now')\""));
    assert_eq!(
        found,
        [
            "warning 7 rule `r`: `'now'` answers otherwise each time, so a run may meet other rows than its dry run did (let \
          an anchor and a period tell the age, and the condition speak of columns alone)"
        ]
    );
}

const FAMILY: &str = "
    CREATE TABLE log (id INTEGER PRIMARY KEY, at DATETIME, parent INTEGER REFERENCES log);
    CREATE INDEX log_at ON log (at); CREATE INDEX log_parent ON log (parent);
    CREATE TABLE certificate (id INTEGER PRIMARY KEY, log_id INTEGER REFERENCES log ON DELETE RESTRICT);
    CREATE INDEX certificate_log ON certificate (log_id);
    CREATE TABLE tag (id INTEGER PRIMARY KEY, log_id INTEGER REFERENCES log ON DELETE CASCADE);
    CREATE INDEX tag_log ON tag (log_id);
    CREATE TABLE note (id INTEGER PRIMARY KEY, log_id INTEGER REFERENCES log ON DELETE SET NULL);
    CREATE INDEX note_log ON note (log_id);
    CREATE TABLE copy (id INTEGER PRIMARY KEY, certificate_id INTEGER REFERENCES certificate);
    CREATE INDEX copy_certificate ON copy (certificate_id);";

#[test]
fn references_that_keep_rows_and_references_that_are_followed_unsaid_are_named() {
    let expected = [
        "warning 3 rule `r`: `certificate.log_id` refers to these rows (ON DELETE RESTRICT); what is referred to stays (add \
         `cascade = [\"certificate\"]`, or keep them)",
        "warning 3 rule `r`: `log.parent` refers to rows of the same table (ON DELETE NO ACTION); a row stays as long as one \
         that refers to it (keep it so, or add `{ table = \"log\", column = \"parent\", then = \"null\" }` to `cascade`)",
        "warning 3 rule `r`: rows of `tag` go with these, by the key `tag.log_id` (ON DELETE CASCADE), and count like its own \
         (say that it is meant with `cascade = [\"tag\"]`, or change the key)",
        "warning 3 rule `r`: the reference `note.log_id` to rows that go becomes NULL (ON DELETE SET NULL) (say that it is \
         meant with `cascade = [{ table = \"note\", column = \"log_id\", then = \"null\" }]`, or change the key)",
    ];
    let mut found = Lab::sqlite(FAMILY).findings(&purge(""));
    found.sort();
    assert_eq!(found, expected);
}

#[test]
fn the_remedies_for_references_lead_to_silence_step_by_step() {
    let lab = Lab::sqlite(FAMILY);
    let said = "cascade = [\"certificate\", \"tag\", { table = \"note\", column = \"log_id\", then = \"null\" }, \
                { table = \"log\", column = \"parent\", then = \"null\" }]";
    assert_eq!(
        lab.findings(&purge(said)),
        [
            "warning 7 rule `r`: `copy.certificate_id` refers to rows of `certificate`, which go with these (ON DELETE NO \
          ACTION); what is referred to stays (add \"copy\" to `cascade`, or keep them)"
        ]
    );
    assert_eq!(lab.findings(&purge(&said.replace("\"tag\"", "\"tag\", \"copy\""))), [""; 0]);
}

#[test]
fn children_that_each_batch_would_read_as_a_whole_are_named_once_with_their_index() {
    let lab = Lab::sqlite(&format!(
        "{LOG} CREATE TABLE tag (id INTEGER PRIMARY KEY, log_id INTEGER REFERENCES log, other INTEGER);
         CREATE INDEX tag_some ON tag (log_id) WHERE other > 0; CREATE INDEX tag_other ON tag (other, log_id);"
    ));
    assert_eq!(
        lab.findings(&purge("cascade = [\"tag\"]")),
        [
            "warning 3 rule `r`: no index of `tag` begins with `log_id`; without one each batch reads that whole table, whose size \
          the statistics do not tell (CREATE INDEX \"tag_log_id\" ON \"tag\" (\"log_id\");)"
        ]
    );
}

#[test]
fn a_trigger_that_fires_before_the_act_is_told_and_one_that_fires_after_or_on_another_act_is_not() {
    let lab = Lab::sqlite(&format!(
        "{LOG} CREATE TRIGGER no_delete BEFORE DELETE ON log BEGIN SELECT RAISE(IGNORE); END;
         CREATE TRIGGER no_update BEFORE UPDATE ON log BEGIN SELECT RAISE(IGNORE); END;
         CREATE TRIGGER noted AFTER DELETE ON log BEGIN SELECT 1; END;"
    ));
    let found = lab.findings(&purge(""));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].starts_with("warning 3 rule `r`: `no_delete` on `log` fires before each DELETE"), "{found:#?}");
    let redaction = purge("redact = { status = \"null\" }").replace("\"delete\"", "\"redact\"");
    let found = lab.findings(&redaction);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].starts_with("warning 3 rule `r`: `no_update` on `log` fires before each UPDATE"), "{found:#?}");
}

#[test]
fn a_table_without_a_key_goes_in_one_transaction_and_that_is_told() {
    let lab = Lab::sqlite(
        "CREATE TABLE log (at DATETIME, rowid TEXT, _rowid_ TEXT, oid TEXT); CREATE INDEX log_at ON log (at);",
    );
    assert_eq!(
        lab.findings(&purge("")),
        [
            "warning 3 rule `r`: `log` has no usable key, so all that is due goes in one transaction (add a primary key, or a \
          unique index over columns that are NOT NULL)"
        ]
    );
}

#[test]
fn a_roll_up_is_asked_for_its_target_and_told_that_it_takes_nothing_along() {
    let lab = Lab::sqlite(&format!(
        "{LOG} CREATE TABLE tag (id INTEGER PRIMARY KEY, log_id INTEGER REFERENCES log ON DELETE CASCADE);
         CREATE INDEX tag_log ON tag (log_id);"
    ));
    let rule = purge("[rule.aggregate]\ninto = \"log_daily\"\nbucket = \"day\"\nmeasures = { n = \"count\" }")
        .replace("\"delete\"", "\"aggregate\"");
    let found = lab.findings(&rule);
    assert_eq!(found.len(), 1, "{found:#?}");
    let statement = found[0].split_once("make it:\n").unwrap().1.trim_end_matches(')');
    lab.script(statement);
    assert_eq!(
        lab.findings(&rule),
        [
            "warning 3 rule `r`: `tag.log_id` refers to these rows (ON DELETE CASCADE); what is referred to stays (let a rule of \
          its own take the rows of `tag` first, or keep them)"
        ]
    );
}

#[test]
fn a_rule_that_keeps_for_ever_has_nothing_in_its_way_but_a_condition_that_means_nothing() {
    let lab = Lab::sqlite(&FAMILY.replace("CREATE INDEX log_at ON log (at);", ""));
    let keep = purge("").replace("30 days", "forever");
    assert_eq!(lab.findings(&keep), [""; 0]);
    let found = lab.findings(&format!("{keep}where = \"nope\"\n"));
    assert!(found.len() == 1 && found[0].contains("no such column: nope"), "{found:#?}");
}

#[test]
fn findings_come_in_the_order_of_the_file_errors_before_warnings() {
    let lab = Lab::sqlite("CREATE TABLE log (id INTEGER PRIMARY KEY, at DATETIME);");
    let second = purge("where = \"nope = 1\"").replace("\"r\"", "\"s\"").replace("30 days", "60 days");
    let found = lab.findings(&format!("{}{second}", purge("where = \"id > 1\"")));
    let starts: Vec<_> = found.iter().map(|line| line.split(':').next().unwrap()).collect();
    assert_eq!(starts, ["warning 4 rule `r`", "warning 11 rule `s`", "error 14 rule `s`"]);
}

#[test]
fn a_quoted_name_that_is_no_column_is_not_taken_for_a_text() {
    let lab = Lab::sqlite(LOG);
    assert_eq!(lab.findings(&purge("where = '\"status\" <> \"id\"'")), [""; 0]);
    let found = lab.findings(&purge("where = '\"statsu\" <> \"id\"'"));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].starts_with("error 7 rule `r`: SQLite refuses the condition: no such column: statsu"),
        "{found:#?}"
    );
}

#[test]
fn a_tree_that_goes_with_its_roots_is_told_unless_it_is_meant() {
    let lab = Lab::sqlite(
        "CREATE TABLE log (id INTEGER PRIMARY KEY, at DATETIME, parent INTEGER, FOREIGN KEY (parent) REFERENCES log (id) ON DELETE CASCADE);
         CREATE INDEX log_at ON log (at); CREATE INDEX log_parent ON log (parent);",
    );
    let meant = "cascade = [{ table = \"log\", column = \"parent\", then = \"delete\" }]";
    assert_eq!(
        lab.findings(&purge("")),
        [format!(
            "warning 3 rule `r`: rows that refer to these by `log.parent` go too, whatever their age (ON DELETE CASCADE) (say \
             that it is meant with `{meant}`, or change the key)"
        )]
    );
    assert_eq!(lab.findings(&purge(meant)), [""; 0]);
}

#[test]
fn no_row_is_read_so_none_can_make_a_condition_fail_or_stand_in_a_message() {
    let lab = Lab::sqlite(&format!("{LOG} INSERT INTO log VALUES (1, '2020-01-01', 'ann@example.org');"));
    assert_eq!(lab.findings(&purge("where = \"json(status) IS NOT NULL\"")), [""; 0]);
}
