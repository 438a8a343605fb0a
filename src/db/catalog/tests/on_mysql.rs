use super::*;

#[test]
fn only_tables_of_the_current_database_with_transactions_are_ordinary() {
    let lab = Lab::mysql(
        "CREATE TABLE log (id INT PRIMARY KEY) ENGINE=InnoDB; CREATE TABLE old (id INT PRIMARY KEY) ENGINE=MyISAM;
         CREATE VIEW v AS SELECT * FROM log; CREATE TABLE tenure_hold (id INT);
         CREATE TABLE tenure_run (id INT, holder INT, started INT, finished INT, plan INT, record INT); CREATE TABLE __diesel_schema_migrations (v INT);
         CREATE TABLE parts (id INT, y INT) PARTITION BY RANGE (y) (PARTITION a VALUES LESS THAN (2024),
            PARTITION b VALUES LESS THAN MAXVALUE);",
    );
    let catalog = lab.catalog();
    assert!(catalog.version.starts_with("MariaDB ") || catalog.version.starts_with("MySQL "), "{}", catalog.version);
    assert!(catalog.version_number.0 >= 8);
    assert_eq!(texts(&catalog.search_path), [lab.name.as_str()]);
    assert_eq!(table_names(&catalog), ["log", "old", "parts", "tenure_hold", "v"]);
    assert_eq!(["log", "old", "parts", "v"].map(|name| table(&catalog, name).kind), {
        use TableKind::*;
        [Ordinary, Engine, Ordinary, View]
    });
    assert_eq!(table(&catalog, "log").name.schema.as_ref().map(Name::as_str), Some(lab.name.as_str()));
    assert!(table(&catalog, "parts").leaves.is_empty());
}

#[test]
fn a_key_of_another_database_is_known_to_whom_innodb_tells_it() {
    let lab = Lab::mysql(
        "CREATE TABLE log (id INT PRIMARY KEY); CREATE DATABASE `{}_far-off`;
         CREATE TABLE `{}_far-off`.`a tag` (log INT, FOREIGN KEY (log) REFERENCES {}.log (id) ON DELETE CASCADE);
         CREATE USER `{}_role`@`%` IDENTIFIED BY 'secret'; GRANT SELECT ON {}.* TO `{}_role`@`%`;",
    );
    let catalog = lab.catalog_of_role();
    assert!(catalog.sees_every_table && !catalog.sees_every_reference);
    assert_eq!(referrers(&catalog, "log"), [""; 0]);
    lab.script("GRANT PROCESS ON *.* TO `{}_role`@`%`");
    for catalog in [lab.catalog_of_role(), lab.catalog()] {
        assert!(catalog.sees_every_reference);
        assert_eq!(referrers(&catalog, "log"), ["a tag"]);
        let tag = catalog.tables.iter().find(|table| table.name.table.as_str() == "a tag").unwrap();
        assert_eq!(keys(tag), ["log -> log(id) Cascade"]);
        let schema = tag.name.schema.as_ref().map(ToString::to_string);
        assert_eq!(schema, Some(format!("{}_far-off", lab.name)));
    }
    lab.script("DROP DATABASE `{}_far-off`");
}

#[test]
fn a_table_that_keeps_its_history_is_of_a_kind_of_its_own() {
    let lab = Lab::mysql("CREATE TABLE t (id INT PRIMARY KEY) WITH SYSTEM VERSIONING;");
    assert_eq!(table(&lab.catalog(), "t").kind, TableKind::Versioned);
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
const FAMILY_KEYS: [&str; 3] = [
    "parent -> post(id) SetNull",
    "account -> account(id) Cascade/Cascade",
    "region,nr -> account(region,nr) Restrict/Cascade",
];

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
fn references_spell_columns_as_the_parent_does_and_keep_apart_tables_that_differ_in_case() {
    let lab = Lab::mysql(
        "CREATE TABLE parent (Id INT PRIMARY KEY); CREATE TABLE Parent (Id INT PRIMARY KEY);
         CREATE TABLE child (p INT, FOREIGN KEY (P) REFERENCES parent (ID));",
    );
    let catalog = lab.catalog();
    assert_eq!(keys(table(&catalog, "child")), ["p -> parent(Id) Restrict"]);
    assert!(referrers(&catalog, "Parent").is_empty());
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

#[test]
fn columns_that_the_server_sets_to_the_time_of_a_change_are_known() {
    let catalog = Lab::mysql(
        "CREATE TABLE t (id INT PRIMARY KEY, a TIMESTAMP NULL ON UPDATE CURRENT_TIMESTAMP, b TIMESTAMP NULL DEFAULT NULL,
            c DATETIME(6) DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6), d DATETIME DEFAULT CURRENT_TIMESTAMP);",
    )
    .catalog();
    assert_eq!(texts(&table(&catalog, "t").stamped()), ["a", "c"]);
}
