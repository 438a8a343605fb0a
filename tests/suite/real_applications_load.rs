//! The schemas load as they were shipped, and the rows lie where the fills say.

use jiff::Timestamp;
use tenure::db::Dialect;

use crate::harness::TestDb;
use crate::real::{Filled, mediawiki, request_tracker, zabbix};

const ROWS: i64 = 1_234;

fn cutoff() -> Timestamp {
    "2026-03-01T00:00:00Z".parse().unwrap()
}

fn assert_rows_lie_where(db: &TestDb, filled: &Filled) {
    for table in &filled.tables {
        let [name, around, cutoff] = [table.table, &format!("{:?}", table.around), &filled.cutoff];
        assert!(table.around.before > 0 && table.around.on > 0 && table.around.after > 0, "{name}: {around}");
        assert_eq!(db.count(name), table.around.total(), "{name}: {around}");
        let Some(anchor) = table.anchor else { continue };
        let count = |condition: &str| db.scalar(&format!("SELECT count(*) FROM {name} WHERE {anchor} {condition}"));
        assert_eq!(count(&format!("< {cutoff}")), table.around.before, "{name} before: {around}");
        assert_eq!(count(&format!("= {cutoff}")), table.around.on, "{name} on: {around}");
        let beyond = count(&format!("> {cutoff}")) + count("IS NULL");
        assert_eq!(beyond, table.around.after + table.around.never, "{name} after or never: {around}");
    }
}

/// Loads a schema, and checks that each table that it speaks of is there.
fn load(db: &TestDb, schema: &str) {
    db.script(schema);
    let wanted = schema.lines().filter(|line| line.to_uppercase().starts_with("CREATE TABLE ")).count();
    let there = db.tables_dump().lines().filter(|line| !line.starts_with(' ')).count();
    assert_eq!(there, wanted);
    assert!(wanted > 30, "{wanted} tables are no such application");
}

on_every_database! {
    fn mediawiki_loads_and_its_rows_lie_around_the_cutoff(db: TestDb) {
        load(&db, &mediawiki::schema(db.dialect));
        assert_rows_lie_where(&db, &mediawiki::fill(&db, ROWS, cutoff()));
    }

    fn zabbix_loads_and_its_rows_lie_around_the_cutoff(db: TestDb) {
        load(&db, &zabbix::schema(db.dialect));
        let filled = zabbix::fill(&db, ROWS, cutoff());
        assert_rows_lie_where(&db, &filled);
        db.script(&format!("DELETE FROM events WHERE clock < {}", filled.cutoff));
        for child in ["problem", "event_recovery"] {
            let around = filled.of(child);
            assert_eq!(db.count(child), around.total() - around.before, "{child} goes with its event");
        }
    }

    fn request_tracker_loads_and_its_rows_lie_around_the_cutoff(db: TestDb) {
        load(&db, &request_tracker::schema(db.dialect));
        let filled = request_tracker::fill(&db, ROWS, cutoff());
        assert_rows_lie_where(&db, &filled);
        assert!(filled.of("Tickets").never > 0, "some tickets are still open");
    }
}

#[test]
fn the_packages_ship_three_schemas_of_one_application_each_in_its_own_words() {
    for schema in [mediawiki::schema, zabbix::schema, request_tracker::schema] {
        let [sqlite, postgres, mysql] = [Dialect::Sqlite, Dialect::Postgres, Dialect::Mysql].map(schema);
        assert!(sqlite != postgres && postgres != mysql && mysql != sqlite);
        for marker in ["/*_*/", "/*$wg"] {
            assert!(!format!("{sqlite}{postgres}{mysql}").contains(marker), "{marker} was not replaced");
        }
    }
}
