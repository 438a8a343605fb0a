//! The book's roles: the GRANT lines that stand there are enough, and no more than enough.

use tenure::db::{Dialect, ErrorKind};

use crate::harness::{Tenure, TestDb};
use crate::readme::{self, AS_OF, blocks, campus, figures};

const SERVERS: [Dialect; 2] = [Dialect::Postgres, Dialect::Mysql];

/// The statements of the book's block for this role, with the placeholders of [`TestDb::role`].
fn grants(dialect: Dialect, role: &str) -> Vec<String> {
    let server = if dialect == Dialect::Postgres { "postgres" } else { "mysql" };
    let [block] = blocks(&format!("sql {server} {role}")).try_into().unwrap();
    let named = if dialect == Dialect::Postgres { role.to_owned() } else { format!("'{role}'@'%'") };
    let statement = |line: &str| line.replace(&named, "{role}").replace("campus.", "{db}.");
    let statements: Vec<_> = block.lines().filter(|line| !line.is_empty()).map(statement).collect();
    assert!(statements.iter().all(|line| line.starts_with("GRANT ") && line.ends_with("TO {role};")), "{statements:?}");
    statements
}

fn role(db: &TestDb, name: &str, grants: &[String]) -> String {
    db.role(name, &grants.iter().map(String::as_str).collect::<Vec<_>>())
}

/// With the control tables, made by the owner.
fn migrated_campus(dialect: Dialect) -> TestDb {
    let db = TestDb::new(dialect);
    campus(&db);
    Tenure::at(&db).run(&["migrate"]).expect_code(0);
    db
}

#[test]
fn the_role_that_runs_can_do_everything_that_the_schedule_says() {
    for dialect in SERVERS {
        let db = migrated_campus(dialect);
        let janitor = readme::tenure(&role(&db, "janitor", &grants(dialect, "janitor")));
        janitor.run(&["check"]).expect_code(0);
        let planned = janitor.run(&["plan", "--json", "--as-of", AS_OF]).expect_code(0).json();
        let done = janitor.run(&["run", "--json", "--as-of", AS_OF]).expect_code(0).json();
        assert_eq!(figures(&planned, "remaining"), figures(&done, "done"));
        assert!(figures(&done, "done").iter().all(|(_, rows)| *rows > 0), "{done:#}");
        let id = done["run"].as_str().unwrap();
        janitor.run(&["report", id]).expect_code(0);
        janitor.run(&["migrate"]).expect_code(0);
    }
}

#[test]
fn the_role_that_runs_cannot_rewrite_what_it_did() {
    for dialect in SERVERS {
        let db = migrated_campus(dialect);
        let url = role(&db, "janitor", &grants(dialect, "janitor"));
        readme::tenure(&url).run(&["run", "--as-of", AS_OF]).expect_code(0);
        let prefix = if dialect == Dialect::Postgres { "tenure." } else { "tenure_" };
        for statement in [
            "UPDATE {}batch SET done = 0",
            "UPDATE {}entry SET body = ''",
            "DELETE FROM {}batch",
            "DELETE FROM {}entry",
            "DELETE FROM {}run",
            "DROP TABLE {}entry",
            "DELETE FROM account",
            "UPDATE payment SET paid_at = NULL",
        ] {
            let refused = db.open_as(&url).script(&statement.replace("{}", prefix)).unwrap_err();
            assert_eq!(refused.kind, ErrorKind::Privilege, "{dialect:?}: {statement}");
        }
    }
}

#[test]
fn the_role_that_plans_sees_what_a_run_would_do_and_can_change_nothing() {
    for dialect in SERVERS {
        let db = migrated_campus(dialect);
        let url = role(&db, "auditor", &grants(dialect, "auditor"));
        let auditor = readme::tenure(&url);
        let before = db.tables_dump();
        let by_owner = readme::tenure(db.url()).run(&["plan", "--json", "--as-of", AS_OF]).expect_code(0).json();
        let planned = auditor.run(&["plan", "--json", "--as-of", AS_OF]).expect_code(0).json();
        assert_eq!(figures(&planned, "remaining"), figures(&by_owner, "remaining"));
        auditor.run(&["runs"]).expect_code(0);
        let run = auditor.run(&["run", "--as-of", AS_OF, "--yes"]);
        assert_eq!(run.code, 1, "{run:?}");
        for table in ["access_log", "payment", "visitor", "page_view"] {
            let refused = db.open_as(&url).script(&format!("DELETE FROM {table}")).unwrap_err();
            assert_eq!(refused.kind, ErrorKind::Privilege);
        }
        assert_eq!(db.tables_dump(), before);
    }
}

/// As the config has both: the check asks whether the one role may run and the other may plan.
#[test]
fn a_check_looks_at_both_roles() {
    for dialect in SERVERS {
        let db = migrated_campus(dialect);
        let janitor = role(&db, "janitor", &grants(dialect, "janitor"));
        let config = |auditor: &str| {
            format!(
                "schedules = [\"s.toml\"]\nhmac_key_file = \"hmac.key\"\n[database.main]\nurl = \"{janitor}\"\n\
                 read_only_url = \"{auditor}\"\n"
            )
        };
        let check = |auditor: &str| {
            let tenure = Tenure::alone().file("s.toml", &readme::schedule()).file("hmac.key", &"k".repeat(32));
            tenure.config(&config(auditor)).run(&["check"])
        };
        check(&role(&db, "auditor", &grants(dialect, "auditor"))).expect_code(0);
        let blind = check(&db.role("blind", &["GRANT SELECT ON course TO {role}"])).expect_code(2);
        assert!(blind.stdout.contains(if dialect == Dialect::Postgres {
            "GRANT SELECT ON"
        } else {
            "there is no table"
        }));
    }
}

#[test]
fn a_run_names_the_grant_that_its_role_lacks_and_does_the_rest() {
    for dialect in SERVERS {
        let db = migrated_campus(dialect);
        let all = grants(dialect, "janitor");
        let without = |table: &str| -> Vec<String> {
            let part = |line: &String| line.replace(&format!(" {table},"), "");
            all.iter().map(part).filter(|line| !line.contains(&format!("{{db}}.{table} "))).collect()
        };
        let mut grants = without("access_log");
        grants.push(if dialect == Dialect::Postgres { "GRANT SELECT ON access_log TO {role};" } else { "" }.to_owned());
        grants.retain(|line| !line.is_empty());
        let janitor = readme::tenure(&role(&db, "janitor", &grants));
        let done = janitor.run(&["run", "--json", "--as-of", AS_OF]).expect_code(1).json();
        for rule in done["rules"].as_array().unwrap() {
            let lacks = rule["rule"] == "technical-logs";
            assert_eq!(rule["status"] == "failed", lacks, "{rule:#}");
            assert_eq!(rule["done"] == 0, lacks, "{rule:#}");
            if lacks {
                let error = rule["error"].as_str().unwrap();
                assert!(
                    error.contains("lacks DELETE on `access_log`") && error.contains("GRANT DELETE ON "),
                    "{error}"
                );
            }
        }
        assert_eq!(db.count("access_log"), 2);
    }
}

#[test]
fn a_run_without_its_control_tables_or_without_rights_on_them_names_the_remedy_and_does_nothing() {
    for dialect in SERVERS {
        let db = TestDb::new(dialect);
        campus(&db);
        let all = grants(dialect, "janitor");
        let on_control = |line: &String| line.contains("tenure");
        let of_data: Vec<_> = all.iter().filter(|line| !on_control(line)).cloned().collect();
        let janitor = readme::tenure(&role(&db, "janitor", &of_data));
        let refused = janitor.run(&["run", "--as-of", AS_OF]).expect_code(1);
        assert!(refused.stderr.contains("let their owner run `tenure migrate` once"), "{}", refused.stderr);

        Tenure::at(&db).run(&["migrate"]).expect_code(0);
        let refused = janitor.run(&["run", "--as-of", AS_OF]).expect_code(1);
        assert!(refused.stderr.contains("GRANT SELECT"), "{}", refused.stderr);

        for table in ["run", "gate", "batch", "entry"] {
            let name = if dialect == Dialect::Postgres { format!("tenure.{table}") } else { format!("tenure_{table}") };
            let lacking: Vec<_> = match dialect {
                Dialect::Postgres => all
                    .iter()
                    .map(|line| line.replace(&format!("{name}, "), "").replace(&format!(", {name}"), ""))
                    .collect(),
                _ => all.iter().filter(|line| !line.contains(&format!("{name} "))).cloned().collect(),
            };
            assert_ne!(lacking, all);
            let janitor = readme::tenure(&role(&db, &format!("without_{table}"), &lacking));
            let output = janitor.run(&["run", "technical-logs", "--as-of", AS_OF]);
            assert_eq!(output.code, 1, "{output:?}");
            let said = format!("{}{}", output.stdout, output.stderr).split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(said.contains("GRANT SELECT, INSERT"), "{table}: {said}");
            assert_eq!(db.count("access_log"), 2, "{table}: nothing goes without its record");
        }
    }
}
