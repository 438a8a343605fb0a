use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::db::{Access, Mode};

/// A fresh database on a server that the environment names, and its catalog as one role or another sees it. Databases and
/// roles are left behind: `make test` throws its servers away.
struct Lab {
    admin: url::Url,
    /// Names the database, and starts the names of its roles, which belong to the whole server.
    name: String,
}

impl Lab {
    fn postgres(script: &str) -> Self {
        Self::new("TENURE_TEST_POSTGRES", script)
    }

    fn mysql(script: &str) -> Self {
        Self::new("TENURE_TEST_MYSQL", script)
    }

    fn new(variable: &str, script: &str) -> Self {
        let lab = Self::unmade(variable);
        let mut server = Connection::open(lab.admin.as_str(), Access::ReadWrite).unwrap();
        server.script(&format!("CREATE DATABASE {}", lab.name)).unwrap();
        lab.script(script);
        lab
    }

    fn unmade(variable: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let admin = std::env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set: run `make test`"));
        let name = format!("catalog_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        Self { admin: admin.parse().unwrap(), name }
    }

    /// `{}` in the script stands for the name of the database.
    fn script(&self, script: &str) {
        let mut connection = Connection::open(self.url().as_str(), Access::ReadWrite).unwrap();
        connection.script(&script.replace("{}", &self.name)).unwrap();
    }

    fn url(&self) -> url::Url {
        let mut url = self.admin.clone();
        url.set_path(&self.name);
        url
    }

    fn catalog(&self) -> Catalog {
        read_only(self.url().as_str())
    }

    /// As the role `{}_role` with the password `secret`, which the script made.
    fn catalog_of_role(&self) -> Catalog {
        let mut url = self.url();
        url.set_username(&format!("{}_role", self.name)).unwrap();
        url.set_password(Some("secret")).unwrap();
        read_only(url.as_str())
    }
}

fn sqlite(script: &str) -> Catalog {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.db");
    std::fs::write(&path, "").unwrap();
    let url = format!("sqlite://{}", path.display());
    Connection::open(&url, Access::ReadWrite).unwrap().script(script).unwrap();
    read_only(&url)
}

/// As a dry run reads it: in a read-only session and a read-only transaction.
fn read_only(url: &str) -> Catalog {
    let mut connection = Connection::open(url, Access::ReadOnly).unwrap();
    connection.transaction(Mode::ReadOnly, read).unwrap()
}

fn table<'a>(catalog: &'a Catalog, name: &str) -> &'a Table {
    let named = TableName::parse(name).unwrap();
    catalog.find(&named).unwrap_or_else(|| panic!("{name} is not among {:?}", table_names(catalog)))
}

fn table_names(catalog: &Catalog) -> Vec<String> {
    catalog.tables.iter().map(|table| table.name.table.to_string()).collect()
}

fn texts(names: &[Name]) -> Vec<&str> {
    names.iter().map(Name::as_str).collect()
}

fn kinds(table: &Table) -> Vec<(&str, ColumnKind)> {
    table.columns.iter().map(|column| (column.name.as_str(), column.kind)).collect()
}

fn leaves(table: &Table) -> Vec<String> {
    table.leaves.iter().map(|leaf| leaf.table.to_string()).collect()
}

/// `child(columns) -> parent(columns) RULE`, with `deferred` where it is.
fn keys(table: &Table) -> Vec<String> {
    let key = |key: &ForeignKey| {
        let deferred = if key.deferred { " deferred" } else { "" };
        let (own, other) = (texts(&key.columns).join(","), texts(&key.parent_columns).join(","));
        format!("{own} -> {}({other}) {:?}{deferred}", key.parent.table, key.on_delete)
    };
    table.foreign_keys.iter().map(key).collect()
}

/// The tables whose foreign keys point at rows of `name`.
fn referrers(catalog: &Catalog, name: &str) -> Vec<String> {
    let mut names: Vec<String> =
        catalog.referring(&table(catalog, name).name).map(|(table, _)| table.name.table.to_string()).collect();
    names.sort();
    names
}

fn index<'a>(table: &'a Table, name: &str) -> &'a Index {
    table.indexes.iter().find(|index| index.name == name).unwrap()
}

fn trigger_flags(table: &Table) -> Vec<(&str, bool, bool, bool)> {
    table.triggers.iter().map(|t| (t.name.as_str(), t.on_delete, t.on_update, t.before)).collect()
}

const ALL_RIGHTS: Rights = Rights { select: true, insert: true, update: true, delete: true };
const NO_RIGHTS: Rights = Rights { select: false, insert: false, update: false, delete: false };

mod on_sqlite {
    use super::*;

    #[test]
    fn system_tables_and_our_own_are_left_out_and_views_and_virtual_tables_are_told_apart() {
        let catalog = sqlite(
            "CREATE TABLE log (id INTEGER PRIMARY KEY AUTOINCREMENT);
             CREATE TABLE tenure_run (id TEXT); CREATE TABLE __diesel_schema_migrations (version TEXT);
             CREATE VIEW broken AS SELECT * FROM gone;
             CREATE VIRTUAL TABLE search USING fts5(body);
             PRAGMA writable_schema = ON;
             INSERT INTO sqlite_schema VALUES ('table', 'ghost', 'ghost', 0, 'CREATE VIRTUAL TABLE ghost USING absent(x)');",
        );
        assert!(catalog.version.starts_with("SQLite 3."));
        assert_eq!(catalog.version_number.0, 3);
        assert!(catalog.tables.iter().all(|t| t.name.schema.is_none() && t.rights == ALL_RIGHTS));
        let unlike_search: Vec<_> =
            table_names(&catalog).into_iter().filter(|name| !name.starts_with("search_")).collect();
        assert_eq!(unlike_search, ["broken", "ghost", "log", "search"]);
        assert_eq!(table(&catalog, "ghost").kind, TableKind::Other);
        assert_eq!(table(&catalog, "LOG").kind, TableKind::Ordinary);
        assert_eq!(table(&catalog, "broken").kind, TableKind::View);
        assert_eq!(table(&catalog, "search").kind, TableKind::Other);
        assert_eq!(table(&catalog, "search_data").kind, TableKind::Other);
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
                FOREIGN KEY (y, x) REFERENCES pair ON DELETE RESTRICT,
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
            "y,x -> pair(b,a) Restrict",
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
        let expected =
            [("a_delete", true, false, true), ("before", false, true, false), ("c_insert", false, false, true)];
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
        assert_eq!(
            kinds(table(&catalog, "order")),
            [("group", ColumnKind::Integer), ("we\"ird.one", ColumnKind::Text)]
        );
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
}

mod on_postgres {
    use super::*;

    #[test]
    fn tables_are_found_along_the_search_path_and_system_schemas_and_our_own_are_left_out() {
        let lab = Lab::postgres(
            "CREATE SCHEMA audit; CREATE SCHEMA tenure; CREATE SCHEMA \"Mixed Case\";
             CREATE TABLE public.log (id int PRIMARY KEY); CREATE TABLE audit.log (id bigint PRIMARY KEY);
             CREATE TABLE tenure.run (id int); CREATE TABLE __diesel_schema_migrations (version text);
             CREATE TABLE \"Mixed Case\".\"Order\" (\"group\" int, \"we\"\"ird\" text, PRIMARY KEY (\"group\"));
             CREATE VIEW v AS SELECT * FROM log; CREATE MATERIALIZED VIEW mv AS SELECT * FROM log;
             CREATE TEMP TABLE fleeting (id int);
             ALTER DATABASE {} SET search_path = audit, public;",
        );
        let catalog = lab.catalog();
        assert!(catalog.version.starts_with("PostgreSQL "), "{}", catalog.version);
        assert!(catalog.version_number.0 >= 13);
        assert_eq!(texts(&catalog.search_path), ["audit", "public"]);
        assert_eq!(catalog.tables.len(), 5, "{:?}", table_names(&catalog));
        assert_eq!(table(&catalog, "log").name.to_string(), "audit.log");
        assert_eq!(table(&catalog, "public.log").columns[0].sql_type, "integer");
        let order = table(&catalog, "\"Mixed Case\".Order");
        assert_eq!(kinds(order), [("group", ColumnKind::Integer), ("we\"ird", ColumnKind::Text)]);
        assert_eq!(texts(&order.primary_key), ["group"]);
        assert!(catalog.find(&TableName::parse("\"Mixed Case\".order").unwrap()).is_none(), "case counts");
        assert_eq!(table(&catalog, "v").kind, TableKind::View);
        assert_eq!(table(&catalog, "mv").kind, TableKind::View);
        assert_eq!(catalog.nearest_table(&TableName::parse("lgo").unwrap()).as_deref(), Some("log"));
        assert_eq!(catalog.nearest_table(&TableName::parse("Ordr").unwrap()).as_deref(), Some("Mixed Case.Order"));
    }

    #[test]
    fn types_are_those_beneath_all_domains_and_generated_columns_are_marked() {
        let lab = Lab::postgres(
            "CREATE DOMAIN short AS varchar(20) NOT NULL; CREATE DOMAIN shorter AS short CHECK (length(value) < 5);
             CREATE DOMAIN moment AS timestamptz; CREATE TYPE mood AS ENUM ('good');
             CREATE TABLE t (
                a boolean, b smallint, c bigint, d real, e numeric(10, 2), f text, g varchar(45), h char(3), i bytea, j date,
                k timestamp, l timestamptz(3), m uuid, n inet, o jsonb, p int[], q mood, r shorter, s moment,
                t int GENERATED ALWAYS AS (b + 1) STORED, u int GENERATED ALWAYS AS IDENTITY,
                v int GENERATED BY DEFAULT AS IDENTITY, w text COLLATE \"C\" NOT NULL);",
        );
        let catalog = lab.catalog();
        let table = table(&catalog, "t");
        use ColumnKind::*;
        let expected = [
            Boolean,
            Integer,
            Integer,
            Float,
            Decimal,
            Text,
            Text,
            Text,
            Binary,
            Date,
            Timestamp,
            TimestampTz,
            Uuid,
            Inet,
            Json,
            Other,
            Other,
            Text,
            TimestampTz,
            Integer,
            Integer,
            Integer,
            Text,
        ];
        assert_eq!(table.columns.iter().map(|c| c.kind).collect::<Vec<_>>(), expected);
        let column = |name: &str| table.column(Dialect::Postgres, &Name::new(name).unwrap()).unwrap();
        assert_eq!(column("g").sql_type, "character varying(45)");
        assert_eq!(column("l").sql_type, "timestamp(3) with time zone");
        let longest = ["f", "g", "h", "r"].map(|name| column(name).max_chars);
        assert_eq!(longest, [None, Some(45), Some(3), Some(20)]);
        let generated: Vec<&str> = table.columns.iter().filter(|c| c.generated).map(|c| c.name.as_str()).collect();
        assert_eq!(generated, ["t", "u"]);
        assert_eq!(column("w").collation.as_deref(), Some("C"));
        assert_eq!(column("f").collation, None);
        let nullable = ["f", "r", "s", "w"].map(|name| column(name).nullable);
        assert_eq!(nullable, [true, false, true, false]);
    }

    #[test]
    fn an_inheritance_parent_that_holds_rows_is_one_of_its_own_leaves() {
        let lab = Lab::postgres(
            "CREATE TABLE event (id int PRIMARY KEY, at timestamptz);
             CREATE TABLE event_click (x int) INHERITS (event); CREATE TABLE event_buy (y int) INHERITS (event);
             CREATE TABLE event_both () INHERITS (event_click, event_buy);
             CREATE TABLE note (event int REFERENCES event);",
        );
        let catalog = lab.catalog();
        let event = table(&catalog, "event");
        assert_eq!(event.kind, TableKind::Ordinary);
        let mut all = leaves(event);
        all.sort();
        assert_eq!(all, ["event", "event_both", "event_buy", "event_click"], "each once, though two ways lead to one");
        assert_eq!(table(&catalog, "event_click").kind, TableKind::Leaf);
        assert_eq!(leaves(table(&catalog, "event_click")), ["event_click", "event_both"]);
        assert!(leaves(table(&catalog, "event_both")).is_empty());
        assert_eq!(catalog.leaves_of(event).len(), 4);
        assert_eq!(catalog.leaves_of(table(&catalog, "note"))[0].name.table.as_str(), "note");
        assert!(table(&catalog, "event_click").primary_key.is_empty(), "keys are not inherited");
        assert_eq!(referrers(&catalog, "event"), ["note"]);
        assert!(referrers(&catalog, "event_click").is_empty(), "a key of the parent is none of its children's");
    }

    #[test]
    fn partitions_are_found_two_levels_deep_and_keys_are_found_from_root_and_partition() {
        let lab = Lab::postgres(
            "CREATE TABLE log (id int, region text, at timestamptz, PRIMARY KEY (id, region, at)) PARTITION BY LIST (region);
             CREATE TABLE log_eu PARTITION OF log FOR VALUES IN ('eu') PARTITION BY RANGE (at);
             CREATE TABLE log_eu_2024 PARTITION OF log_eu FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
             CREATE TABLE log_eu_2025 PARTITION OF log_eu FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
             CREATE TABLE log_us PARTITION OF log FOR VALUES IN ('us');
             CREATE TABLE of_root (a int, b text, c timestamptz,
                FOREIGN KEY (a, b, c) REFERENCES log (id, region, at) ON DELETE CASCADE) PARTITION BY LIST (b);
             CREATE TABLE of_root_1 PARTITION OF of_root DEFAULT;
             CREATE TABLE of_leaf (a int, b text, c timestamptz, FOREIGN KEY (a, b, c) REFERENCES log_us (id, region, at));
             CREATE INDEX ON log (at);
             INSERT INTO log SELECT n, 'us', '2025-06-01' FROM generate_series(1, 100) n; ANALYZE log_us;",
        );
        let catalog = lab.catalog();
        let kind = |name| table(&catalog, name).kind;
        assert_eq!(["log", "log_eu", "log_eu_2024", "log_us"].map(kind), {
            use TableKind::*;
            [Partitioned, Partitioned, Leaf, Leaf]
        });
        let mut all = leaves(table(&catalog, "log"));
        all.sort();
        assert_eq!(all, ["log_eu_2024", "log_eu_2025", "log_us"]);
        assert_eq!(leaves(table(&catalog, "log_eu")).len(), 2);
        assert_eq!(table(&catalog, "log").estimated_rows, Some(100), "the root's rows are those of its leaves");
        assert_eq!(table(&catalog, "log").estimated_bytes, table(&catalog, "log_us").estimated_bytes);

        assert_eq!(keys(table(&catalog, "of_root")), ["a,b,c -> log(id,region,at) Cascade"]);
        assert!(keys(table(&catalog, "of_root_1")).is_empty(), "copies of a key are left out");
        assert_eq!(referrers(&catalog, "log"), ["of_leaf", "of_root"]);
        assert_eq!(referrers(&catalog, "log_us"), ["of_leaf", "of_root"]);
        assert_eq!(referrers(&catalog, "log_eu"), ["of_root"]);
        assert_eq!(referrers(&catalog, "log_eu_2025"), ["of_root"]);

        let at = Name::new("at").unwrap();
        assert!(table(&catalog, "log_eu_2024").index_led_by(&at).is_some());
        assert_eq!(table(&catalog, "log_us").row_key().map(texts), Some(vec!["id", "region", "at"]));
    }

    #[test]
    fn references_keep_the_order_of_their_columns_their_rule_and_whether_they_wait_for_commit() {
        let lab = Lab::postgres(
            "CREATE TABLE account (id int PRIMARY KEY, region text, nr int, UNIQUE (region, nr));
             CREATE SCHEMA other;
             CREATE TABLE other.post (
                id int PRIMARY KEY,
                parent int CONSTRAINT a_parent REFERENCES other.post ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED,
                later int CONSTRAINT b_later REFERENCES account ON DELETE SET DEFAULT DEFERRABLE,
                nr int, region text,
                CONSTRAINT c_pair FOREIGN KEY (nr, region) REFERENCES account (nr, region) ON DELETE RESTRICT);",
        );
        let catalog = lab.catalog();
        let expected = [
            "parent -> post(id) SetNull deferred",
            "later -> account(id) SetDefault",
            "nr,region -> account(nr,region) Restrict",
        ];
        let post = table(&catalog, "other.post");
        assert_eq!(keys(post), expected);
        assert_eq!(post.foreign_keys[2].name, "c_pair");
        assert_eq!(post.foreign_keys[2].parent.to_string(), "public.account");
        assert_eq!(referrers(&catalog, "other.post"), ["post"]);
    }

    #[test]
    fn only_indexes_over_all_rows_in_the_order_of_the_type_are_walked() {
        let lab = Lab::postgres(
            "CREATE TABLE t (a int NOT NULL, b text NOT NULL, c text, at timestamptz, d text NOT NULL);
             CREATE UNIQUE INDEX two ON t (a, b); CREATE UNIQUE INDEX one ON t (d) INCLUDE (c);
             CREATE UNIQUE INDEX may_be_null ON t (c);
             CREATE UNIQUE INDEX b_some ON t (b) WHERE a > 0; CREATE UNIQUE INDEX expression ON t (a, lower(b));
             CREATE INDEX at_hash ON t USING hash (at); CREATE INDEX at_brin ON t USING brin (at);
             CREATE INDEX at_some ON t (at) WHERE a > 0; CREATE INDEX lower_first ON t (lower(c), at);
             CREATE INDEX c_pattern ON t (c text_pattern_ops); CREATE INDEX at_down ON t (at DESC, a);",
        );
        let catalog = lab.catalog();
        let table = table(&catalog, "t");
        let mut unique: Vec<_> = table.unique_keys.iter().map(|key| texts(key)).collect();
        unique.sort();
        assert_eq!(unique, [vec!["a", "b"], vec!["d"]]);
        assert_eq!(table.row_key().map(texts), Some(vec!["d"]), "the shorter one");
        assert_eq!(table.index_led_by(&Name::new("at").unwrap()).map(|i| i.name.as_str()), Some("at_down"));
        assert_eq!(texts(&index(table, "expression").columns), ["a"]);
        assert!(index(table, "lower_first").columns.is_empty());
        assert!(!index(table, "c_pattern").ordered && !index(table, "at_brin").ordered);
        assert!(index(table, "b_some").partial);
    }

    #[test]
    fn triggers_that_fire_and_rewrite_rules_are_read_and_disabled_ones_are_not() {
        let lab = Lab::postgres(
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
             CREATE TABLE t (a int PRIMARY KEY); CREATE TABLE u (a int REFERENCES t ON DELETE CASCADE);
             CREATE TRIGGER a_both BEFORE DELETE OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f();
             CREATE TRIGGER b_after AFTER DELETE ON t FOR EACH STATEMENT EXECUTE FUNCTION f();
             CREATE TRIGGER c_off BEFORE DELETE ON t FOR EACH ROW EXECUTE FUNCTION f();
             ALTER TABLE t DISABLE TRIGGER c_off;
             CREATE RULE d_never AS ON DELETE TO t DO INSTEAD NOTHING;",
        );
        let catalog = lab.catalog();
        let expected = [("a_both", true, true, true), ("b_after", true, false, false), ("d_never", true, false, true)];
        assert_eq!(trigger_flags(table(&catalog, "t")), expected);
        assert!(table(&catalog, "u").triggers.is_empty(), "those of foreign keys are none of ours");
    }

    #[test]
    fn a_plain_role_sees_everything_and_learns_what_it_may_not_do_and_what_it_cannot_see() {
        let lab = Lab::postgres(
            "CREATE ROLE {}_role LOGIN PASSWORD 'secret'; CREATE SCHEMA shut;
             CREATE TABLE read (id int PRIMARY KEY, at timestamptz); GRANT SELECT, DELETE ON read TO {}_role;
             CREATE TABLE part (id int, ip inet); GRANT SELECT, UPDATE (ip) ON part TO {}_role;
             CREATE TABLE none (id int REFERENCES read); CREATE TABLE shut.all (id int);
             GRANT ALL ON shut.all TO {}_role;
             CREATE TABLE veiled (id int); GRANT ALL ON veiled TO {}_role; ALTER TABLE veiled ENABLE ROW LEVEL SECURITY;",
        );
        let catalog = lab.catalog_of_role();
        let rights = |name| table(&catalog, name).rights;
        assert_eq!(rights("read"), Rights { select: true, delete: true, ..NO_RIGHTS });
        assert_eq!(rights("part"), Rights { select: true, update: true, ..NO_RIGHTS });
        assert_eq!(rights("none"), NO_RIGHTS);
        assert_eq!(rights("shut.all"), NO_RIGHTS, "without USAGE on the schema");
        assert_eq!(rights("veiled"), ALL_RIGHTS);
        assert!(table(&catalog, "veiled").row_security && !table(&catalog, "read").row_security);
        assert_eq!(referrers(&catalog, "read"), ["none"], "also references of tables that it may not read");
        assert_eq!(table(&catalog, "none").columns.len(), 1);

        let administrator = lab.catalog();
        assert!(administrator.tables.iter().all(|t| t.rights == ALL_RIGHTS && !t.row_security));
    }

    #[test]
    fn a_table_that_somebody_else_has_locked_does_not_hold_up_the_catalog() {
        let lab = Lab::postgres("CREATE TABLE t (id int); INSERT INTO t SELECT generate_series(1, 1000); ANALYZE t;");
        let mut other = Connection::open(lab.url().as_str(), Access::ReadWrite).unwrap();
        other.script("BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE").unwrap();
        let catalog = lab.catalog();
        assert_eq!(table(&catalog, "t").estimated_rows, Some(1000));
        assert!(table(&catalog, "t").estimated_bytes.unwrap() >= 8192);
        other.script("ROLLBACK").unwrap();
    }

    #[test]
    fn foreign_tables_are_not_ordinary() {
        let lab = Lab::postgres(
            "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w; CREATE FOREIGN TABLE far (id int) SERVER s;",
        );
        assert_eq!(table(&lab.catalog(), "far").kind, TableKind::Other);
    }
}

mod on_mysql {
    use super::*;

    #[test]
    fn only_tables_of_the_current_database_with_transactions_are_ordinary() {
        let lab = Lab::mysql(
            "CREATE TABLE log (id INT PRIMARY KEY) ENGINE=InnoDB; CREATE TABLE old (id INT PRIMARY KEY) ENGINE=MyISAM;
             CREATE VIEW v AS SELECT * FROM log; CREATE TABLE tenure_run (id INT); CREATE TABLE __diesel_schema_migrations (v INT);
             CREATE TABLE parts (id INT, y INT) PARTITION BY RANGE (y) (PARTITION a VALUES LESS THAN (2024),
                PARTITION b VALUES LESS THAN MAXVALUE);",
        );
        let catalog = lab.catalog();
        assert!(
            catalog.version.starts_with("MariaDB ") || catalog.version.starts_with("MySQL "),
            "{}",
            catalog.version
        );
        assert!(catalog.version_number.0 >= 8);
        assert_eq!(texts(&catalog.search_path), [lab.name.as_str()]);
        assert_eq!(table_names(&catalog), ["log", "old", "parts", "v"]);
        assert_eq!(["log", "old", "parts", "v"].map(|name| table(&catalog, name).kind), {
            use TableKind::*;
            [Ordinary, Other, Ordinary, View]
        });
        assert_eq!(table(&catalog, "log").name.schema.as_ref().map(Name::as_str), Some(lab.name.as_str()));
        assert!(table(&catalog, "parts").leaves.is_empty());
    }

    #[test]
    fn a_table_that_keeps_its_history_is_none_to_purge_from() {
        let lab = Lab::mysql("CREATE TABLE t (id INT PRIMARY KEY) WITH SYSTEM VERSIONING;");
        assert_eq!(table(&lab.catalog(), "t").kind, TableKind::Other);
    }

    #[test]
    fn types_are_told_apart_by_sign_and_zone() {
        let lab = Lab::mysql(
            "CREATE TABLE t (
                a TINYINT(1), b BIGINT UNSIGNED NOT NULL, c INT, d DOUBLE, e DECIMAL(10,2), f VARCHAR(45), g LONGTEXT,
                h ENUM('x','y'), i VARBINARY(16), j BINARY(8), k BLOB, l DATE, m DATETIME(6), n TIMESTAMP NULL, o TIME, p UUID,
                q INET6, r INT GENERATED ALWAYS AS (c + 1) VIRTUAL, s INT GENERATED ALWAYS AS (c + 2) STORED,
                t CHAR(2) CHARACTER SET latin1 COLLATE latin1_bin, u INT UNSIGNED DEFAULT (1 + 1)) DEFAULT CHARSET = utf8mb4;",
        );
        let catalog = lab.catalog();
        let table = table(&catalog, "t");
        use ColumnKind::*;
        let expected = [
            Integer,
            UnsignedInteger,
            Integer,
            Float,
            Decimal,
            Text,
            Text,
            Text,
            Binary,
            Binary,
            Binary,
            Date,
            Timestamp,
            TimestampTz,
            Other,
            Uuid,
            Inet,
            Integer,
            Integer,
            Text,
            UnsignedInteger,
        ];
        assert_eq!(table.columns.iter().map(|c| c.kind).collect::<Vec<_>>(), expected);
        let generated: Vec<&str> = table.columns.iter().filter(|c| c.generated).map(|c| c.name.as_str()).collect();
        assert_eq!(generated, ["r", "s"]);
        let column = |name: &str| table.column(Dialect::Mysql, &Name::new(name).unwrap()).unwrap();
        assert_eq!(column("B").sql_type, "bigint(20) unsigned");
        assert!(!column("b").nullable && column("c").nullable);
        assert_eq!((column("f").max_chars, column("g").max_chars), (Some(45), None));
        assert_eq!(column("t").collation.as_deref(), Some("latin1_bin"));
    }

    #[test]
    fn keys_and_indexes_are_read_in_order_and_prefixes_and_ignored_indexes_are_not_walked() {
        let lab = Lab::mysql(
            "CREATE TABLE t (a BIGINT UNSIGNED NOT NULL, b VARCHAR(99) NOT NULL, c VARCHAR(99), at DATETIME, d INT NOT NULL,
                PRIMARY KEY (b, a), UNIQUE KEY u_d (d), UNIQUE KEY u_c (c), UNIQUE KEY u_prefix (b(10)),
                KEY k_at (at, a), KEY k_prefix (c(5)), KEY k_off (d) IGNORED, FULLTEXT KEY k_words (b));",
        );
        let catalog = lab.catalog();
        let table = table(&catalog, "t");
        assert_eq!(table.row_key().map(texts), Some(vec!["b", "a"]));
        assert_eq!(table.unique_keys.iter().map(|key| texts(key)).collect::<Vec<_>>(), [["d"]]);
        assert_eq!(texts(&index(table, "k_at").columns), ["at", "a"]);
        assert!(index(table, "k_at").ordered && !index(table, "k_at").unique);
        assert!(index(table, "k_prefix").columns.is_empty());
        assert!(!index(table, "k_off").ordered && !index(table, "k_words").ordered);
    }

    const FAMILY: &str = "
        CREATE TABLE account (id BIGINT UNSIGNED PRIMARY KEY, region CHAR(2) NOT NULL, nr INT NOT NULL, UNIQUE (region, nr));
        CREATE TABLE post (
            id INT PRIMARY KEY, parent INT, account BIGINT UNSIGNED, nr INT, region CHAR(2), note TEXT COMMENT 'it''s ON DELETE',
            CONSTRAINT a_self FOREIGN KEY (parent) REFERENCES post (id) ON DELETE SET NULL,
            CONSTRAINT b_cascade FOREIGN KEY (account) REFERENCES account (id) ON UPDATE CASCADE ON DELETE CASCADE,
            CONSTRAINT c_pair FOREIGN KEY (region, nr) REFERENCES account (region, nr) ON UPDATE CASCADE,
            CONSTRAINT d_check CHECK (id > 0));";
    const FAMILY_KEYS: [&str; 3] =
        ["parent -> post(id) SetNull", "account -> account(id) Cascade", "region,nr -> account(region,nr) Restrict"];

    #[test]
    fn references_are_read_with_all_their_columns_and_rules() {
        let catalog = Lab::mysql(FAMILY).catalog();
        assert_eq!(keys(table(&catalog, "post")), FAMILY_KEYS);
        assert_eq!(referrers(&catalog, "account"), ["post", "post"]);
    }

    #[test]
    fn a_role_that_may_only_read_learns_the_rules_of_references_all_the_same() {
        let lab = Lab::mysql(&format!(
            "{FAMILY} CREATE USER '{{}}_role'@'%' IDENTIFIED BY 'secret'; GRANT SELECT ON `{{}}`.* TO '{{}}_role'@'%';"
        ));
        let catalog = lab.catalog_of_role();
        assert_eq!(keys(table(&catalog, "post")), FAMILY_KEYS);
        assert_eq!(table(&catalog, "post").rights, Rights { select: true, ..NO_RIGHTS });
    }

    #[test]
    fn references_from_other_databases_are_found_with_the_tables_that_bear_them_and_no_others() {
        let lab = Lab::mysql(&format!("{FAMILY} CREATE DATABASE {{}}_b; CREATE DATABASE {{}}_c;"));
        lab.script(
            "CREATE TABLE {}_b.badge (id INT PRIMARY KEY, account BIGINT UNSIGNED,
                FOREIGN KEY (account) REFERENCES {}.account (id) ON DELETE CASCADE);
             CREATE TABLE {}_b.unrelated (id INT PRIMARY KEY);
             CREATE TABLE {}_c.badge_use (badge INT, FOREIGN KEY (badge) REFERENCES {}_b.badge (id) ON DELETE CASCADE);",
        );
        let catalog = lab.catalog();
        assert_eq!(table_names(&catalog), ["account", "post", "badge", "badge_use"]);
        assert_eq!(referrers(&catalog, "account"), ["badge", "post", "post"]);
        assert_eq!(referrers(&catalog, &format!("{}_b.badge", lab.name)), ["badge_use"]);
        assert!(catalog.find(&TableName::parse("badge").unwrap()).is_none(), "only its full name reaches it");
    }

    #[test]
    fn triggers_are_read_with_their_time_and_event() {
        let lab = Lab::mysql(
            "CREATE TABLE t (a INT); CREATE TRIGGER a_before BEFORE DELETE ON t FOR EACH ROW SET @x = 1;
             CREATE TRIGGER b_after AFTER UPDATE ON t FOR EACH ROW SET @x = 1;",
        );
        let expected = [("a_before", true, false, true), ("b_after", false, true, false)];
        assert_eq!(trigger_flags(table(&lab.catalog(), "t")), expected);
    }

    #[test]
    fn rights_are_those_of_all_grants_on_server_database_table_and_columns() {
        let lab = Lab::mysql(
            "CREATE TABLE a (id INT, ip TEXT); CREATE TABLE b (id INT); CREATE TABLE unseen (id INT);
             CREATE USER '{}_role'@'%' IDENTIFIED BY 'secret';
             GRANT SELECT, UPDATE (ip) ON `{}`.a TO '{}_role'@'%'; GRANT SELECT, DELETE ON `{}`.b TO '{}_role'@'%';",
        );
        let catalog = lab.catalog_of_role();
        assert_eq!(table_names(&catalog), ["a", "b"]);
        assert_eq!(table(&catalog, "a").rights, Rights { select: true, update: true, ..NO_RIGHTS });
        assert_eq!(table(&catalog, "b").rights, Rights { select: true, delete: true, ..NO_RIGHTS });
        assert_eq!(table(&lab.catalog(), "a").rights, ALL_RIGHTS, "the administrator's");
    }

    #[test]
    fn rights_that_come_from_an_enabled_role_and_a_pattern_of_databases_count() {
        let lab = Lab::mysql("CREATE TABLE a (id INT);");
        let pattern = lab.name.replace('_', "\\_");
        lab.script(&format!(
            "CREATE ROLE '{{}}_job'; GRANT SELECT, DELETE ON `{pattern}`.* TO '{{}}_job';
             CREATE USER '{{}}_role'@'%' IDENTIFIED BY 'secret'; GRANT '{{}}_job' TO '{{}}_role'@'%';
             SET DEFAULT ROLE '{{}}_job' FOR '{{}}_role'@'%';"
        ));
        assert_eq!(table(&lab.catalog_of_role(), "a").rights, Rights { select: true, delete: true, ..NO_RIGHTS });
    }

    #[test]
    fn names_that_are_words_of_sql_or_hold_quotes_are_read_to_the_letter() {
        let lab = Lab::mysql(
            "CREATE TABLE `Order` (`group` INT NOT NULL, `key` TIMESTAMP NULL, PRIMARY KEY (`group`));
             CREATE TABLE `it``s` (`time` INT, KEY `an'index` (`time`), FOREIGN KEY (`time`) REFERENCES `Order` (`group`));",
        );
        let catalog = lab.catalog();
        let order = table(&catalog, "Order");
        assert_eq!(kinds(order), [("group", ColumnKind::Integer), ("key", ColumnKind::TimestampTz)]);
        assert_eq!(keys(table(&catalog, "it`s")), ["time -> Order(group) Restrict"]);
        assert_eq!(texts(&index(table(&catalog, "it`s"), "an'index").columns), ["time"]);
    }

    #[test]
    fn a_url_without_a_database_is_refused_with_the_remedy() {
        let mut url = Lab::unmade("TENURE_TEST_MYSQL").admin;
        url.set_path("");
        let mut connection = Connection::open(url.as_str(), Access::ReadOnly).unwrap();
        let error = read(&mut connection).unwrap_err();
        assert!(error.message.contains("mysql://user@host/database"), "{error}");
    }
}

mod questions {
    use super::*;

    fn catalog() -> Catalog {
        sqlite("CREATE TABLE page_view (id INTEGER PRIMARY KEY, viewed_at DATETIME); CREATE TABLE login (at DATETIME);")
    }

    #[test]
    fn the_nearest_table_is_named_and_a_far_one_is_not() {
        let nearest = |name: &str| catalog().nearest_table(&TableName::parse(name).unwrap());
        assert_eq!(nearest("pageview").as_deref(), Some("page_view"));
        assert_eq!(nearest("Logins").as_deref(), Some("login"));
        assert_eq!(nearest("certificate"), None);
    }

    #[test]
    fn the_nearest_column_is_named_and_a_far_one_is_not() {
        let catalog = catalog();
        let nearest = |name: &str| table(&catalog, "page_view").nearest_column(&Name::new(name).unwrap());
        assert_eq!(nearest("veiwed_at").map(Name::as_str), Some("viewed_at"));
        assert_eq!(nearest("payload"), None);
    }

    #[test]
    fn a_table_without_any_key_has_no_row_key() {
        assert_eq!(table(&catalog(), "login").row_key(), None);
    }

    #[test]
    fn versions_are_read_from_what_servers_say() {
        assert_eq!(version_number("15.18"), (15, 18));
        assert_eq!(version_number("10.11.19"), (10, 11));
        assert_eq!(version_number("17beta1"), (17, 0));
        assert_eq!(version_number("18"), (18, 0));
    }
}
