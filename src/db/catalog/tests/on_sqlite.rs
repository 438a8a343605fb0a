use super::*;

#[test]
fn system_tables_and_our_own_are_left_out_and_views_and_virtual_tables_are_told_apart() {
    let catalog = sqlite(
        "CREATE TABLE log (id INTEGER PRIMARY KEY AUTOINCREMENT);
         CREATE TABLE tenure_run (id TEXT, holder, started, finished, plan, record); CREATE TABLE tenure_due (id); CREATE TABLE __diesel_schema_migrations (version TEXT);
         CREATE VIEW broken AS SELECT * FROM gone;
         CREATE VIRTUAL TABLE search USING fts5(body);
         PRAGMA writable_schema = ON;
         INSERT INTO sqlite_schema VALUES ('table', 'ghost', 'ghost', 0, 'CREATE VIRTUAL TABLE ghost USING absent(x)');",
    );
    assert!(catalog.version.starts_with("SQLite 3."));
    assert_eq!(catalog.version_number.0, 3);
    assert!(catalog.tables.iter().all(|t| t.name.schema.is_none() && t.rights == ALL_RIGHTS));
    let unlike_search: Vec<_> = table_names(&catalog).into_iter().filter(|name| !name.starts_with("search_")).collect();
    assert_eq!(unlike_search, ["broken", "ghost", "log", "search", "tenure_due"]);
    assert_eq!(table(&catalog, "ghost").kind, TableKind::Other);
    assert_eq!(table(&catalog, "LOG").kind, TableKind::Ordinary);
    assert_eq!(table(&catalog, "broken").kind, TableKind::View);
    assert_eq!(table(&catalog, "search").kind, TableKind::FullText);
    assert_eq!(table(&catalog, "search_data").kind, TableKind::Other);
}

#[test]
fn an_index_of_words_that_a_trigger_on_deletes_speaks_of_is_told_from_one_that_grows_only() {
    let catalog = sqlite(
        "CREATE TABLE log (id INTEGER PRIMARY KEY, body TEXT);
         CREATE VIRTUAL TABLE \"it's kept\" USING fts5(body, content = 'log', content_rowid = 'id');
         CREATE TRIGGER out AFTER DELETE ON log BEGIN
             INSERT INTO \"It's kept\" (\"it's kept\", rowid, body) VALUES ('delete', OLD.id, OLD.body); END;
         CREATE VIRTUAL TABLE grows USING fts4(body);
         CREATE TRIGGER \"in\" AFTER INSERT ON log BEGIN INSERT INTO grows (body) VALUES (NEW.body); END;
         CREATE VIRTUAL TABLE places USING rtree(id, low, high);",
    );
    let kinds = ["it's kept", "grows", "places"].map(|name| table(&catalog, name).kind);
    assert_eq!(kinds, [TableKind::Other, TableKind::FullText, TableKind::Other]);
}

#[test]
fn declared_types_are_read_as_times_first_and_by_affinity_else() {
    let catalog = sqlite(
        "CREATE TABLE t (a DATE, b datetime, c TIMESTAMP NOT NULL, d BOOLEAN, e BIGINT UNSIGNED, f VARCHAR(45), g BLOB,
                         h DOUBLE PRECISION, i DECIMAL(10,2), j, k JSON, l UUID,
                         m INT GENERATED ALWAYS AS (e + 1) VIRTUAL, n INT AS (e + 2) STORED);",
    );
    let table = table(&catalog, "t");
    use ColumnKind::*;
    let expected = [
        ("a", Date),
        ("b", Timestamp),
        ("c", Timestamp),
        ("d", Boolean),
        ("e", Integer),
        ("f", Text),
        ("g", Binary),
        ("h", Float),
        ("i", Decimal),
        ("j", Other),
        ("k", Json),
        ("l", Text),
        ("m", Integer),
        ("n", Integer),
    ];
    assert_eq!(kinds(table), expected);
    assert_eq!(table.columns[5].sql_type, "VARCHAR(45)");
    let nullable: Vec<&str> = table.columns.iter().filter(|c| !c.nullable).map(|c| c.name.as_str()).collect();
    assert_eq!(nullable, ["c"]);
    let generated: Vec<&str> = table.columns.iter().filter(|c| c.generated).map(|c| c.name.as_str()).collect();
    assert_eq!(generated, ["m", "n"]);
}

#[test]
fn a_type_that_would_end_a_cast_is_quoted() {
    let catalog = sqlite("CREATE TABLE t (a DECIMAL(10, 2), b \"x), (y\", c [it's \"a\" TEXT]);");
    let types: Vec<&str> = table(&catalog, "t").columns.iter().map(|c| c.sql_type.as_str()).collect();
    assert_eq!(types[0], "DECIMAL(10, 2)");
    assert!(types[1..].iter().all(|written| written.starts_with('"') && written.ends_with('"')), "{types:?}");
    for written in types {
        sqlite(&format!("SELECT CAST(1 AS {written})"));
    }
}

#[test]
fn a_primary_key_counts_only_where_it_cannot_be_null() {
    let catalog = sqlite(
        "CREATE TABLE by_rowid (id INTEGER PRIMARY KEY, x);
         CREATE TABLE by_text (id TEXT PRIMARY KEY, x);
         CREATE TABLE by_firm_text (id TEXT PRIMARY KEY NOT NULL, x);
         CREATE TABLE downwards (id INTEGER PRIMARY KEY DESC, x);
         CREATE TABLE without_rowid (a TEXT, b INT, x, PRIMARY KEY (b, a)) WITHOUT ROWID;
         CREATE TABLE hidden (rowid TEXT NOT NULL UNIQUE);
         CREATE TABLE named_so (rowid INTEGER PRIMARY KEY);",
    );
    let key = |name| texts(&table(&catalog, name).primary_key);
    let has_rowid = |name| table(&catalog, name).has_rowid;
    assert_eq!((key("by_rowid"), has_rowid("by_rowid")), (vec!["id"], true));
    assert_eq!((key("by_text"), has_rowid("by_text")), (vec![], true));
    assert_eq!((key("by_firm_text"), has_rowid("by_firm_text")), (vec!["id"], true));
    assert_eq!((key("downwards"), has_rowid("downwards")), (vec![], true));
    assert_eq!((key("without_rowid"), has_rowid("without_rowid")), (vec!["b", "a"], false));
    assert_eq!((key("hidden"), has_rowid("hidden")), (vec![], false));
    assert_eq!((key("named_so"), has_rowid("named_so")), (vec!["rowid"], true));

    assert!(!table(&catalog, "by_rowid").columns[0].nullable);
    assert!(table(&catalog, "by_text").columns[0].nullable);
    assert!(catalog.tables.iter().all(|t| t.unique_keys.is_empty() || t.name.table.as_str() == "hidden"));
    let id = Name::new("id").unwrap();
    assert!(table(&catalog, "by_rowid").index_led_by(&id).is_some(), "the rowid is an index of its own");
}

#[test]
fn unique_keys_are_whole_and_never_null_and_indexes_end_at_an_expression() {
    let catalog = sqlite(
        "CREATE TABLE t (a INT NOT NULL, b TEXT NOT NULL, c TEXT, at DATETIME);
         CREATE UNIQUE INDEX ab ON t (a, b); CREATE UNIQUE INDEX c ON t (c);
         CREATE UNIQUE INDEX some_b ON t (b) WHERE a > 0; CREATE UNIQUE INDEX lower_b ON t (a, lower(b));
         CREATE INDEX at ON t (at, a); CREATE INDEX lower_c ON t (lower(c), a);",
    );
    let table = table(&catalog, "t");
    assert_eq!(table.unique_keys.iter().map(|key| texts(key)).collect::<Vec<_>>(), [["a", "b"]]);
    assert_eq!(table.row_key().map(texts), Some(vec!["a", "b"]));
    assert_eq!(texts(&index(table, "at").columns), ["at", "a"]);
    assert_eq!(texts(&index(table, "lower_b").columns), ["a"]);
    assert!(index(table, "lower_c").columns.is_empty());
    assert!(index(table, "some_b").partial);
    assert_eq!(table.index_led_by(&Name::new("b").unwrap()).map(|i| &i.name), None, "it holds only some rows");
}

#[test]
fn a_key_that_may_hold_null_tells_no_row_apart_but_can_be_referred_to() {
    let catalog = sqlite(
        "CREATE TABLE t (id TEXT PRIMARY KEY, mail TEXT NOT NULL UNIQUE); CREATE TABLE u (id INTEGER PRIMARY KEY)",
    );
    assert_eq!(table(&catalog, "t").row_key().map(texts), Some(vec!["mail"]));
    assert_eq!(table(&catalog, "t").referred_key().map(texts), Some(vec!["id"]));
    assert_eq!(table(&catalog, "u").referred_key().map(texts), Some(vec!["id"]));
}

#[test]
fn references_are_read_whole_in_the_parents_spelling_and_deferred_where_the_statement_says_so() {
    let catalog = sqlite(
        "CREATE TABLE Account (Id INTEGER PRIMARY KEY, Region TEXT, Nr INT, UNIQUE (Region, Nr));
         CREATE TABLE pair (a TEXT, b TEXT, PRIMARY KEY (b, a));
         CREATE TABLE post (
            id INTEGER PRIMARY KEY,
            account INT REFERENCES account ON DELETE CASCADE,           -- REFERENCES nothing DEFERRABLE INITIALLY DEFERRED
            parent INT REFERENCES post (id) ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED,
            late INT REFERENCES account (id) NOT DEFERRABLE INITIALLY DEFERRED,
            \"references\" TEXT DEFAULT 'REFERENCES x DEFERRABLE INITIALLY DEFERRED',
            x TEXT, y TEXT, nr INT, region TEXT,
            lost INT REFERENCES gone,
            FOREIGN KEY (y, x) REFERENCES pair ON DELETE RESTRICT ON UPDATE SET NULL,
            FOREIGN KEY (region, nr) REFERENCES ACCOUNT (REGION, NR) DEFERRABLE INITIALLY DEFERRED);",
    );
    let mut read = keys(table(&catalog, "post"));
    read.sort();
    let expected = [
        "account -> Account(Id) Cascade",
        "late -> Account(Id) NoAction",
        "lost -> gone() NoAction",
        "parent -> post(id) SetNull deferred",
        "region,nr -> Account(Region,Nr) NoAction deferred",
        "y,x -> pair(b,a) Restrict/SetNull",
    ];
    assert_eq!(read, expected);
    assert_eq!(referrers(&catalog, "account"), ["post", "post", "post"]);
    assert_eq!(referrers(&catalog, "post"), ["post"]);
}

#[test]
fn triggers_fire_before_where_they_do_not_say_when() {
    let catalog = sqlite(
        "CREATE TABLE t (a INT); CREATE VIEW v AS SELECT a FROM t;
         CREATE TRIGGER a_delete DELETE ON T BEGIN SELECT 1; END;
         CREATE TRIGGER IF NOT EXISTS main.\"before\" AFTER UPDATE OF a ON t BEGIN SELECT 1; END;
         CREATE TRIGGER c_insert BEFORE INSERT ON t BEGIN DELETE FROM t; END;
         CREATE TRIGGER d INSTEAD OF DELETE ON v BEGIN SELECT 1; END;",
    );
    let expected = [("a_delete", true, false, true), ("before", false, true, false), ("c_insert", false, false, true)];
    assert_eq!(trigger_flags(table(&catalog, "t")), expected);
    assert_eq!(trigger_flags(table(&catalog, "v")), [("d", true, false, true)]);
}

#[test]
fn rows_are_estimated_once_analyze_has_run() {
    let script = "CREATE TABLE t (a INT); CREATE INDEX i ON t (a); INSERT INTO t VALUES (1), (2), (3);";
    assert_eq!(table(&sqlite(script), "t").estimated_rows, None);
    assert_eq!(table(&sqlite(&format!("{script} ANALYZE;")), "t").estimated_rows, Some(3));
}

#[test]
fn names_that_are_words_of_sql_or_hold_quotes_are_read_to_the_letter() {
    let catalog = sqlite(
        "CREATE TABLE \"order\" (\"group\" INT NOT NULL, \"we\"\"ird.one\" TEXT, PRIMARY KEY (\"group\")) WITHOUT ROWID;
         CREATE TABLE \"O'Brien\" (\"key\" INT REFERENCES \"order\" (\"group\"));
         CREATE INDEX \"an'index\" ON \"O'Brien\" (\"key\");",
    );
    assert_eq!(kinds(table(&catalog, "order")), [("group", ColumnKind::Integer), ("we\"ird.one", ColumnKind::Text)]);
    assert_eq!(keys(table(&catalog, "O'Brien")), ["key -> order(group) NoAction"]);
    assert_eq!(texts(&index(table(&catalog, "O'Brien"), "an'index").columns), ["key"]);
}

#[test]
fn a_name_with_a_control_character_is_left_out_but_not_where_it_would_hide_a_reference() {
    let catalog = sqlite("CREATE TABLE \"a\nb\" (x INT); CREATE TABLE t (\"c\nd\" INT, e INT);");
    assert_eq!(table_names(&catalog), ["t"]);
    assert_eq!(kinds(table(&catalog, "t")), [("e", ColumnKind::Integer)]);

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.db");
    std::fs::write(&path, "").unwrap();
    let mut connection = Connection::open(&format!("sqlite://{}", path.display()), Access::ReadWrite).unwrap();
    connection.script("CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE \"a\nb\" (p REFERENCES p);").unwrap();
    let error = read(&mut connection).unwrap_err();
    assert!(error.message.contains("\"a\\nb\"") && error.message.contains("rename it"), "{error}");
}
