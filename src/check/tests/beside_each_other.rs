use super::*;

fn told_offline(schedules: &[&Schedule]) -> Vec<String> {
    told(&offline(schedules, now()))
}

fn told_across(lab: &Lab, schedules: &[&Schedule]) -> Vec<String> {
    told(&across(schedules, &lab.catalog(), |_| true))
}

#[test]
fn a_rule_name_that_two_files_bear_is_told_at_the_later_one() {
    let (one, other) = (read("a.toml", &purge("")), read("b.toml", &purge("")));
    let found = told(&offline(&[&one, &other], now()));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].starts_with("error 2 rule `r`: a rule of `a.toml` bears this name already"), "{found:#?}");
}

#[test]
fn a_promise_is_one_word() {
    let good = read("a.toml", &purge("promise = [\"A1\", \"GDPR-17.1\", \"inarax/I4\"]"));
    assert_eq!(told_offline(&[&good]), [""; 0]);
    let bad = read("a.toml", &purge("promise = [\"A1\", \"we delete logs\", \"-\"]"));
    let found = told_offline(&[&bad]);
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found[0].starts_with("error 7 rule `r`: `we delete logs` is no id of a promise"), "{found:#?}");
}

#[test]
fn a_published_sentence_is_kept_by_something_and_an_id_has_its_sentence() {
    let sentence = |id: &str| format!("[[promise]]\nid = \"{id}\"\ntext = \"Logs are purged.\"\n");
    let found = |ids: &str, cited: &str| {
        let sentences: String = ids.split_whitespace().map(sentence).collect();
        told_offline(&[&read("a.toml", &(purge(&format!("promise = \"{cited}\"")) + &sentences))])
    };
    assert_eq!(found("", "A1"), [""; 0], "nobody need publish sentences");
    assert_eq!(found("A1", "A1"), [""; 0]);
    let both = found("A12", "A1");
    assert_eq!(both.len(), 2, "{both:#?}");
    assert!(both[0].starts_with("warning 9 promise `A12`: nothing in this schedule keeps it"), "{both:#?}");
    let unsaid = "warning 7 rule `r`: no [[promise]] says what `A1` is (did you mean \"A12\"?";
    assert!(both[1].starts_with(unsaid), "{both:#?}");
    assert!(found("A1 two*words", "A1")[1].contains("`two*words` is no id of a promise"));
}

#[test]
fn a_cron_expression_must_mean_something_and_come_true_some_day() {
    let found = |cron: &str| told_offline(&[&read("a.toml", &purge(&format!("cron = \"{cron}\"")))]);
    for good in ["15 2 * * *", "0 0 29 2 *", "*/5 1-4 * * MON-FRI", "@daily"] {
        assert_eq!(found(good), [""; 0], "{good}");
    }
    assert!(found("15 2 * *")[0].starts_with("error 7 rule `r`: `15 2 * *` is no cron expression: "));
    assert!(found("0 15 2 * * *")[0].contains("is no cron expression"), "seconds are refused");
    assert_eq!(found("0 0 30 2 *"), ["error 7 rule `r`: `0 0 30 2 *` never comes true (name a day that exists)"]);
}

#[test]
fn rules_of_two_files_may_not_act_on_the_same_rows_at_the_same_age() {
    let lab = Lab::sqlite("CREATE TABLE log (id INTEGER PRIMARY KEY, at DATETIME);");
    let one = read("a.toml", &purge(""));
    let named = |table: &str, period: &str| {
        purge("").replace("\"r\"", "\"s\"").replace("\"log\"", table).replace("30 days", period)
    };
    let other = read("b.toml", &named("\"LOG\"", "30 days"));
    assert_eq!(
        told_across(&lab, &[&one, &other]),
        [
            "error 5 rule `s`: rule `r` of `a.toml` acts on the same rows of `log` at the same age (join the two, give them \
          different periods, or tell their rows apart by `where`)"
        ]
    );
    let later = read("b.toml", &named("\"log\"", "60 days"));
    assert_eq!(told_across(&lab, &[&one, &later]), [""; 0]);
    let both = read("c.toml", &format!("{}{}", purge(""), named("\"Log\"", "30 days")));
    assert_eq!(told_across(&lab, &[&both]).len(), 1, "one file can spell a table in two ways");
    let elsewhere = |named: Option<&str>| named.is_none();
    let billing = read("b.toml", &format!("{}database = \"billing\"\n", named("\"log\"", "30 days")));
    assert_eq!(told(&across(&[&one, &billing], &lab.catalog(), elsewhere)), [""; 0]);
}

#[test]
fn what_is_kept_on_purpose_may_neither_be_purged_nor_go_with_what_is() {
    let lab = Lab::sqlite(
        "CREATE TABLE log (id INTEGER PRIMARY KEY, at DATETIME);
         CREATE TABLE tag (id INTEGER PRIMARY KEY, log_id INTEGER REFERENCES log ON DELETE CASCADE);
         CREATE TABLE mark (id INTEGER PRIMARY KEY, tag_id INTEGER REFERENCES tag ON DELETE CASCADE);",
    );
    let keep = |table: &str| read("k.toml", &format!("[[keep]]\ntable = \"{table}\"\nreason = \"tax law\"\n"));
    let rule = read("a.toml", &purge(""));
    let remedy = "(take the table out of [[keep]], or the rule out; a [[hold]] keeps some of the rows)";
    assert_eq!(
        told_across(&lab, &[&rule, &keep("log")]),
        [format!("error 3 rule `r`: it takes rows of `log` away, but `k.toml` keeps `log`: tax law {remedy}")]
    );
    assert_eq!(
        told_across(&lab, &[&rule, &keep("mark")]),
        [format!("error 3 rule `r`: rows of `mark` go with its own, but `k.toml` keeps `mark`: tax law {remedy}")]
    );
    let for_ever = read("a.toml", &purge("").replace("30 days", "forever"));
    assert_eq!(told_across(&lab, &[&for_ever, &keep("log")]), [""; 0]);
    let redaction = read("a.toml", &purge("redact = { id = \"null\" }").replace("\"delete\"", "\"redact\""));
    assert_eq!(told_across(&lab, &[&redaction, &keep("log")]), [""; 0], "its rows stay");
}

#[test]
fn two_maps_of_the_same_people_and_rules_that_delete_them_are_named() {
    let lab = Lab::sqlite(
        "CREATE TABLE account (id INTEGER PRIMARY KEY, email TEXT, at DATETIME);
         CREATE TABLE house (id INTEGER PRIMARY KEY, at DATETIME);
         CREATE TABLE lodger (id INTEGER PRIMARY KEY REFERENCES house ON DELETE CASCADE);",
    );
    let map = |table: &str, condition: &str| {
        format!(
            "[subject]\ntable = \"{table}\"\nkey = \"id\"\nwithin = \"30 days\"\n{condition}[[subject.data]]\n\
             table = \"{table}\"\ncolumn = \"id\"\naction = \"delete\"\n"
        )
    };
    let one = read("a.toml", &map("account", ""));
    let second = |condition: &str| read("b.toml", &map("ACCOUNT", condition));
    for condition in ["", "where = \"id > 9\"\n"] {
        assert_eq!(
            told_across(&lab, &[&one, &second(condition)]),
            [
                "error 2 subject: `b.toml` maps the people of `account`, and so does `a.toml`; each table of people has one map (move the \
                 entries of the one into the other, and take its [subject] out)"
            ]
        );
    }
    let rule =
        |table: &str, action: &str| read("r.toml", &purge("").replace("\"log\"", table).replace("\"delete\"", action));
    let found = told_across(&lab, &[&one, &rule("\"Account\"", "\"delete\"")]);
    let message = "warning 3 rule `r`: it deletes rows of `account`, and `a.toml` maps the people in it; whom the rule takes the map finds \
                   no more, and what it maps of them stays";
    assert!(found.len() == 1 && found[0].starts_with(message), "{found:#?}");
    let along = told_across(&lab, &[&read("a.toml", &map("lodger", "")), &rule("\"house\"", "\"delete\"")]);
    assert!(along.len() == 1 && along[0].contains("rows of `lodger` go with its own"), "{along:#?}");
    let redacts = rule("\"account\"", "\"redact\"\nredact = { email = \"null\" }");
    assert_eq!(told_across(&lab, &[&one, &redacts]), [""; 0], "its rows stay");
}

#[test]
fn a_rule_that_takes_sooner_what_a_map_keeps_for_some_time_is_named() {
    let lab = Lab::sqlite(
        "CREATE TABLE account (id INTEGER PRIMARY KEY, at DATETIME);
         CREATE TABLE log (id INTEGER PRIMARY KEY, account_id INTEGER, at DATETIME);
         CREATE TABLE batch (id INTEGER PRIMARY KEY, at DATETIME);
         CREATE TABLE kin (id INTEGER PRIMARY KEY REFERENCES batch ON DELETE CASCADE, at DATETIME);",
    );
    let map = |table: &str, condition: &str| {
        read(
            "a.toml",
            &format!(
                "[subject]\ntable = \"account\"\nkey = \"id\"\nwithin = \"30 days\"\n[[subject.data]]\ntable = \"{table}\"\n\
                 column = \"id\"\naction = \"keep\"\nreason = \"tax law\"\nfor = \"12 months\"\nanchor = \"at\"\n{condition}"
            ),
        )
    };
    let rule = |retain: &str| read("r.toml", &purge("").replace("30 days", retain));
    let hold = |more: &str| {
        read("h.toml", &format!("[[hold]]\nname = \"h\"\ntable = \"log\"\nreason = \"x\"\nanchor = \"at\"\n{more}\n"))
    };
    let told = "rule `r`: it takes rows of `log` after 30 days, which `log.id` of the map of people in `a.toml` keeps for 12 months: tax law \
                (let the rule wait for 12 months, or keep the rows from it by a [[hold]] with `for = \"12 months\"`)";
    assert_eq!(told_across(&lab, &[&map("log", ""), &rule("30 days")]), [format!("error 5 {told}")]);
    let of_some = map("log", "where = \"id > 9\"\n");
    assert_eq!(told_across(&lab, &[&of_some, &rule("30 days")]), [format!("warning 5 {told}")]);
    assert_eq!(told_across(&lab, &[&map("log", ""), &rule("1 year")]), [""; 0]);
    assert_eq!(
        told_across(&lab, &[&map("log", ""), &rule("30 days"), &hold("for = \"1 year\"")]),
        [""; 0],
        "it is held"
    );
    for short in ["for = \"90 days\"", "for = \"1 year\"\nwhere = \"id > 9\""] {
        assert_eq!(told_across(&lab, &[&map("log", ""), &rule("30 days"), &hold(short)]).len(), 1, "{short}");
    }
    let along = read("r.toml", &purge("").replace("\"log\"", "\"batch\""));
    assert_eq!(told_across(&lab, &[&map("kin", ""), &along]).len(), 1, "they go along");
    let redaction = read("r.toml", &purge("redact = { account_id = \"null\" }").replace("\"delete\"", "\"redact\""));
    assert_eq!(told_across(&lab, &[&map("log", ""), &redaction]), [""; 0], "its rows stay");
}

#[test]
fn tables_with_times_or_people_that_nothing_names_are_listed_with_the_columns_that_say_so() {
    let lab = Lab::sqlite(
        "CREATE TABLE log (id INTEGER PRIMARY KEY, at DATETIME);
         CREATE TABLE login (id INTEGER PRIMARY KEY, user_id INTEGER, ip TEXT, timecreated INTEGER);
         CREATE TABLE shipment (id INTEGER PRIMARY KEY, ship_date DATE, zip TEXT);
         CREATE TABLE mail (id INTEGER PRIMARY KEY, a_email TEXT, b_email TEXT, c_email TEXT, d_email TEXT, e_email TEXT,
                            f_email TEXT, g_email TEXT, email_sent BOOLEAN);
         CREATE TABLE country (id INTEGER PRIMARY KEY, name TEXT, update_count INTEGER); CREATE VIEW v AS SELECT * FROM login;",
    );
    let remedy = |table: &str| {
        format!("(write a rule for it, or keep it on purpose:\n[[keep]]\ntable = \"{table}\"\nreason = \"…\")")
    };
    let login = format!(
        "warning table `login` seems to hold something of people (`user_id`, `ip`) and times (`timecreated`), and no rule, hold \
         or keep names it {}",
        remedy("login")
    );
    let found = lab.coverage(&[&read("a.toml", &purge(""))]);
    assert_eq!(found.len(), 3, "{found:#?}");
    assert_eq!(found[0], login);
    assert!(found[1].contains("`f_email` and 1 more), and no rule"), "{found:#?}");
    assert!(found[2].starts_with("warning table `shipment` seems to hold times (`ship_date`), and"), "{found:#?}");
}

#[test]
fn rules_holds_keeps_cascades_targets_and_paths_all_cover_the_tables_that_they_name() {
    let tables = ["log", "cascaded", "parent", "target", "held", "held_parent", "kept", "forgotten"];
    let script: String =
        tables.iter().map(|name| format!("CREATE TABLE {name} (id INTEGER PRIMARY KEY, at DATETIME);")).collect();
    let lab = Lab::sqlite(&script);
    let deletion =
        purge("cascade = [{ table = \"cascaded\", column = \"id\" }]").replace("\"at\"", "\"id -> parent.at\"");
    let rollup = purge("[rule.aggregate]\ninto = \"target\"\nbucket = \"day\"\nmeasures = { n = \"count\" }")
        .replace("\"r\"", "\"s\"")
        .replace("\"delete\"", "\"aggregate\"");
    let hold = "[[hold]]\nname = \"h\"\ntable = \"held\"\nanchor = \"id -> held_parent.at\"\nfor = \"1 year\"\nreason = \"x\"\n";
    let keep = "[[keep]]\ntables = [\"kept\"]\nreason = \"x\"\n";
    let schedule = read("a.toml", &format!("{deletion}{rollup}{hold}{keep}"));
    let found = lab.coverage(&[&schedule]);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].contains("`forgotten`"), "{found:#?}");
    assert_eq!(told(&coverage(&[&schedule], &lab.catalog(), |_| false)).len(), tables.len(), "of another database");
}

#[test]
fn a_hold_that_asks_for_what_a_rule_changes_is_told_and_one_that_asks_for_what_stays_is_not() {
    on_all_three(
        "CREATE TABLE log (id int PRIMARY KEY, at timestamp, note varchar(9), kind varchar(9));
         CREATE TABLE act (id int PRIMARY KEY, log_id int);",
        |lab| {
            let redaction = purge("[rule.redact]\nnote = \"null\"").replace("\"delete\"", "\"redact\"");
            let told = |rule: &str, asks: &str| {
                let hold = format!(
                    "[[hold]]\nname = \"h\"\ntable = \"act\"\nreason = \"x\"\n\
                     where = \"log_id IN (SELECT id FROM log WHERE {asks} = 'x')\"\n"
                );
                let found = lab.findings(&format!("{rule}{hold}"));
                found.into_iter().filter(|line| line.contains("hold `h`")).collect::<Vec<_>>()
            };
            let deleted = told(&purge(""), "kind");
            assert!(
                deleted[0].starts_with("warning") && deleted[0].contains("it looks at rows of `log`"),
                "{deleted:?}"
            );
            assert!(told(&redaction, "note")[0].contains("it looks at `log.note`, which is redacted"));
            assert_eq!(told(&redaction, "kind"), [""; 0]);
        },
    );
}
