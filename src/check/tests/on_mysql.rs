use super::*;

const LOG: &str = "CREATE TABLE log (id INT PRIMARY KEY, at DATETIME, status TEXT); CREATE INDEX log_at ON log (at);";

#[test]
fn conditions_and_statements_are_tried_in_a_session_that_refuses_writes() {
    let lab = Lab::mysql(&format!(
        "{LOG} CREATE TABLE tag (id INT PRIMARY KEY, log_id INT, FOREIGN KEY (log_id) REFERENCES log (id));"
    ));
    assert_eq!(lab.findings(&purge("where = \"status <> 'open'\"\ncascade = [\"tag\"]")), [""; 0]);
    let found = lab.findings(&purge("where = \"statsu <> 'open'\"\ncascade = [\"tag\"]"));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].starts_with("error 7 rule `r`: MySQL refuses the condition: Unknown column 'statsu'"),
        "{found:#?}"
    );
}

#[test]
fn an_index_is_proposed_in_the_quotation_of_the_dialect_and_mends_the_finding() {
    let lab = Lab::mysql("CREATE TABLE log (id INT PRIMARY KEY, at DATETIME);");
    let found = lab.findings(&purge(""));
    let statement = format!("CREATE INDEX `log_at` ON `{}`.`log` (`at`);", lab.name);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].ends_with(&format!("({statement})")), "{found:#?}");
    lab.script(&statement);
    assert_eq!(lab.findings(&purge("")), [""; 0]);
}

#[test]
fn what_the_role_lacks_is_named_with_the_grants_that_mend_it() {
    let lab = Lab::mysql(&format!(
        "{LOG} CREATE USER `{{}}_role`@`%` IDENTIFIED BY 'secret'; GRANT SELECT ON {{}}.* TO `{{}}_role`@`%`;
         GRANT PROCESS ON *.* TO `{{}}_role`@`%`;"
    ));
    let grant = format!("GRANT DELETE ON `{0}`.`log` TO `{0}_role`@`%`;", lab.name);
    assert_eq!(
        lab.of_role().ask(&purge(""), true),
        [format!(
            "error 3 rule `r`: the role `{}_role`@`%` lacks DELETE on `log` (let an owner run:\n{grant})",
            lab.name
        )]
    );
    assert_eq!(lab.of_role().ask(&purge(""), false), [""; 0]);
    lab.script(&grant);
    assert_eq!(lab.of_role().ask(&purge(""), true), [""; 0]);
}

#[test]
fn a_role_that_does_not_see_every_table_could_cascade_where_nobody_counts() {
    let lab = Lab::mysql(&format!(
        "{LOG} CREATE TABLE unseen (log_id INT, FOREIGN KEY (log_id) REFERENCES log (id) ON DELETE CASCADE);
         CREATE USER `{{}}_role`@`%` IDENTIFIED BY 'secret'; GRANT SELECT, DELETE ON {{}}.log TO `{{}}_role`@`%`;
         GRANT PROCESS ON *.* TO `{{}}_role`@`%`;"
    ));
    let found = lab.of_role().ask(&purge(""), true);
    let unseen = found.iter().find(|said| said.contains("does not see every table of")).unwrap();
    let grant = unseen.rsplit("let an owner run:\n").next().unwrap().trim_end_matches(')');
    lab.script(grant);
    let found = lab.of_role().ask(&purge(""), true);
    assert!(found.iter().any(|said| said.contains("rows of `unseen` go with these")), "now it is seen: {found:#?}");
}

#[test]
fn a_role_that_may_not_ask_for_the_keys_of_other_databases_removes_nothing() {
    let lab = Lab::mysql(&format!(
        "{LOG} CREATE DATABASE {{}}_crm;
         CREATE TABLE {{}}_crm.contract (log_id INT, FOREIGN KEY (log_id) REFERENCES {{}}.log (id) ON DELETE CASCADE);
         CREATE USER `{{}}_role`@`%` IDENTIFIED BY 'secret'; GRANT SELECT, DELETE ON {{}}.* TO `{{}}_role`@`%`;"
    ));
    let found = lab.of_role().ask(&purge(""), true);
    assert_eq!(found.len(), 1, "{found:#?}");
    let grant = format!("GRANT PROCESS ON *.* TO `{}_role`@`%`;", lab.name);
    assert!(
        found[0].contains("which foreign keys of other databases lead here") && found[0].contains(&grant),
        "{found:#?}"
    );
    lab.script(&grant);
    let found = lab.of_role().ask(&purge(""), true);
    let lacks = format!("lacks DELETE, SELECT on `{}_crm.contract`", lab.name);
    assert!(found.iter().any(|said| said.contains("lacks") && said.contains("_crm.contract")), "{lacks}: {found:#?}");
    lab.script("DROP DATABASE {}_crm");
}

#[test]
fn epochs_in_integer_columns_count_as_times_for_the_coverage() {
    let lab =
        Lab::mysql("CREATE TABLE mdl_log (id BIGINT PRIMARY KEY, userid BIGINT, timecreated BIGINT, sortorder INT);");
    let found = lab.coverage(&[&read("a.toml", "")]);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].contains("people (`userid`) and times (`timecreated`)"), "{found:#?}");
}

#[test]
fn a_tree_that_goes_with_its_roots_is_told_unless_it_is_meant() {
    let lab = Lab::mysql(
        "CREATE TABLE log (id INT PRIMARY KEY, at DATETIME, parent INT, FOREIGN KEY (parent) REFERENCES log (id) ON DELETE CASCADE);
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
