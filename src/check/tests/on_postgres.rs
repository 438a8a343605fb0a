use super::*;

const LOG: &str = "CREATE TABLE log (id int PRIMARY KEY, at timestamptz, status text); CREATE INDEX ON log (at);";

#[test]
fn types_that_do_not_compare_are_found_before_a_row_is_read() {
    let lab = Lab::postgres(LOG);
    assert_eq!(lab.findings(&purge("where = \"status <> 'open'\"")), [""; 0]);
    let found = lab.findings(&purge("where = \"status < id\""));
    assert_eq!(
        found,
        [
            "error 7 rule `r`: PostgreSQL refuses the condition: operator does not exist: text < integer (write it in the \
          database's own SQL, as it could stand behind `SELECT … FROM log WHERE`)"
        ]
    );
}

#[test]
fn a_cascade_over_columns_of_different_types_is_refused() {
    let lab = Lab::postgres(&format!("{LOG} CREATE TABLE tag (log_id text); CREATE INDEX ON tag (log_id);"));
    let found = lab.findings(&purge("cascade = [{ table = \"tag\", column = \"log_id\" }]"));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].starts_with(
            "error 7 rule `r`: `public.tag.log_id` is of type `text` and `public.log.id` is of type `integer`"
        ),
        "{found:#?}"
    );
}

#[test]
fn a_roll_up_whose_target_has_the_columns_but_not_their_types_is_found() {
    let lab =
        Lab::postgres(&format!("{LOG} CREATE TABLE log_daily (bucket timestamptz, n date, folded smallint NOT NULL);"));
    let rule = purge("[rule.aggregate]\ninto = \"log_daily\"\nbucket = \"day\"\nmeasures = { n = \"count\" }")
        .replace("\"delete\"", "\"aggregate\"");
    let found = lab.findings(&rule);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].contains("cannot hold all that goes into them: `n`"), "{found:#?}");
    lab.script("ALTER TABLE log_daily DROP n; ALTER TABLE log_daily ADD n bigint;");
    assert_eq!(lab.findings(&rule), [""; 0]);
}

#[test]
fn what_the_role_lacks_is_named_with_the_grants_that_mend_it() {
    let lab = Lab::postgres(&format!(
        "{LOG} CREATE SCHEMA other; CREATE TABLE other.tag (id int PRIMARY KEY, log_id int REFERENCES log);
         CREATE INDEX ON other.tag (log_id);
         CREATE ROLE {{}}_role LOGIN PASSWORD 'secret'; GRANT SELECT ON log TO {{}}_role;"
    ));
    let rule = purge("cascade = [\"other.tag\"]");
    let role = format!("{}_role", lab.name);
    let usage = format!("GRANT USAGE ON SCHEMA \"other\" TO {role};");
    assert_eq!(
        lab.of_role().ask(&rule, true),
        [format!(
            "error 3 rule `r`: the role {role} lacks SELECT, DELETE on `other.tag`; DELETE on `log` (let an owner run:\n{usage}\n\
             GRANT SELECT, DELETE ON \"other\".\"tag\" TO {role};\nGRANT DELETE ON \"public\".\"log\" TO {role};)"
        )]
    );
    lab.script(&format!("{usage} GRANT SELECT ON \"other\".\"tag\" TO {role};"));
    assert_eq!(lab.of_role().ask(&rule, false), [""; 0], "a plan only reads");
    lab.script(&format!("GRANT DELETE ON \"other\".\"tag\" TO {role}; GRANT DELETE ON \"public\".\"log\" TO {role};"));
    assert_eq!(lab.of_role().ask(&rule, true), [""; 0]);
}

#[test]
fn row_security_is_an_error_on_the_table_itself_and_on_what_refers_to_it() {
    let lab = Lab::postgres(&format!(
        "{LOG} CREATE TABLE tag (id int PRIMARY KEY, log_id int REFERENCES log); CREATE INDEX ON tag (log_id);
         ALTER TABLE tag ENABLE ROW LEVEL SECURITY; CREATE ROLE {{}}_role LOGIN PASSWORD 'secret';
         GRANT ALL ON ALL TABLES IN SCHEMA public TO {{}}_role;"
    ));
    let found = lab.of_role().findings(&purge("cascade = [\"tag\"]"));
    assert!(found[0].starts_with("error 7 rule `r`: `public.tag` is under row-level security"), "{found:#?}");
    let found = lab.of_role().findings(&purge(""));
    assert_eq!(found.len(), 2, "beside the warning that what is referred to stays: {found:#?}");
    assert!(
        found[0].starts_with("error 3 rule `r`: row-level security hides rows of `tag` from this role"),
        "{found:#?}"
    );
    lab.script("ALTER TABLE log ENABLE ROW LEVEL SECURITY;");
    let found = lab.of_role().findings(&purge(""));
    assert!(found[0].starts_with("error 3 rule `r`: `public.log` is under row-level security"), "{found:#?}");
}

const PARTS: &str = "
    CREATE TABLE log (id int, at timestamptz, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
    CREATE TABLE log_2024 PARTITION OF log FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
    CREATE TABLE log_2025 PARTITION OF log FOR VALUES FROM ('2025-01-01') TO ('2026-01-01') PARTITION BY RANGE (at);
    CREATE TABLE log_2025_1 PARTITION OF log_2025 FOR VALUES FROM ('2025-01-01') TO ('2025-07-01');";

#[test]
fn partitions_share_the_index_the_coverage_and_the_conflicts_of_their_root() {
    let lab = Lab::postgres(PARTS);
    let statement = "CREATE INDEX ON \"public\".\"log\" (\"at\");";
    let found = lab.findings(&purge(""));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].starts_with("warning 4 rule `r`: no index of `log` begins with `at`; without one every plan and run")
    );
    assert!(found[0].ends_with(&format!("({statement})")), "{found:#?}");
    lab.script(statement);
    assert_eq!(lab.findings(&purge("")), [""; 0]);

    let nothing = read("a.toml", "");
    let uncovered = lab.coverage(&[&nothing]);
    assert!(uncovered.len() == 1 && uncovered[0].contains("table `log` seems"), "{uncovered:#?}");
    let of_a_partition = read("b.toml", &purge("").replace("\"log\"", "\"log_2025_1\"").replace("\"r\"", "\"s\""));
    assert_eq!(lab.coverage(&[&of_a_partition]), [""; 0]);

    let of_the_root = read("a.toml", &purge(""));
    let found = told(&across(&[&of_the_root, &of_a_partition], &lab.catalog(), |_| true));
    assert_eq!(found.len(), 1, "{found:#?}");
    let clash =
        "error 5 rule `s`: rule `r` of `a.toml` acts on `log`, which shares rows with `log_2025_1`, at the same age";
    assert!(found[0].starts_with(clash), "{found:#?}");
}

#[test]
fn inheritance_children_need_an_index_each() {
    let lab = Lab::postgres(&format!(
        "{LOG} CREATE TABLE log_old () INHERITS (log); CREATE TABLE log_new () INHERITS (log);"
    ));
    let found = lab.findings(&purge(""));
    let line = |table: &str| format!("CREATE INDEX CONCURRENTLY ON \"public\".\"{table}\" (\"at\");");
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].ends_with(&format!("({}\n{})", line("log_new"), line("log_old"))), "{found:#?}");
    lab.script(&line("log_new"));
    assert!(lab.findings(&purge(""))[0].ends_with(&format!("({})", line("log_old"))));
}

#[test]
fn a_trigger_that_each_partition_repeats_is_told_once() {
    let lab = Lab::postgres(&format!(
        "{PARTS} CREATE INDEX ON log (at); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
         CREATE TRIGGER stop BEFORE DELETE ON log FOR EACH ROW EXECUTE FUNCTION f();"
    ));
    let found = lab.findings(&purge(""));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].contains("`stop` on `log` fires before each DELETE"), "{found:#?}");
}

#[test]
fn a_redaction_with_every_kind_of_column_can_be_tried_without_a_row() {
    let lab = Lab::postgres(
        "CREATE TABLE log (id int PRIMARY KEY, at timestamptz, ip inet, born date, email text UNIQUE); CREATE INDEX ON log (at);",
    );
    let redact = "redact = { ip = \"truncate-ip\", born = \"year\", email = { placeholder = \"deleted-{id}\" } }";
    assert_eq!(lab.findings(&purge(redact).replace("\"delete\"", "\"redact\"")), [""; 0]);
}

#[test]
fn a_tree_that_goes_with_its_roots_is_told_unless_it_is_meant() {
    let lab = Lab::postgres(
        "CREATE TABLE log (id int PRIMARY KEY, at timestamptz, parent int, FOREIGN KEY (parent) REFERENCES log (id) ON DELETE CASCADE);
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
    let lab =
        Lab::postgres(&format!("{LOG} INSERT INTO log VALUES (1, '2020-01-01', 'ann@example.org'); ANALYZE log;"));
    assert_eq!(lab.findings(&purge("where = \"status::int > 0\"")), [""; 0]);
}
