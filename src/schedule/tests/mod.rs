//! The language of the schedule, told by schedules: what they mean, and every mistake with its line and its remedy.

use super::*;
use crate::base::name::{Name, TableName};
use crate::diagnostic::mistake::Mistake;
use crate::diagnostic::place::Places;
use jiff::tz::TimeZone;

const POLICY: &str = "[policy]\nname = \"House policy\"\n";

fn parsed(text: &str) -> Result<Schedule, Vec<Mistake>> {
    parse(Source { path: "s.toml".into(), text: text.into() })
}

fn checked(text: &str) -> Schedule {
    parsed(text).unwrap_or_else(|mistakes| panic!("{}", crate::diagnostic::mistake::render(&mistakes, false)))
}

/// Each mistake as `line:column message (remedy)`.
fn mistakes(text: &str) -> Vec<String> {
    let line = |mistake: &Mistake| {
        let (line, column) = mistake.position().expect("every mistake of a text has a place");
        let remedy = mistake.remedy.as_ref().map(|remedy| format!(" ({remedy})")).unwrap_or_default();
        format!("{line}:{column} {}{remedy}", mistake.message)
    };
    parsed(text).expect_err("this schedule is wrong").iter().map(line).collect()
}

/// The only mistake of a rule with these lines below its name (line 4) in a policy; lines count from the rule's header.
fn mistake_of_rule(lines: &str) -> String {
    let found = mistakes(&format!("[[rule]]\nname = \"r\"\n{lines}\n{POLICY}"));
    assert_eq!(found.len(), 1, "{found:#?}");
    found.into_iter().next().unwrap_or_default()
}

/// The same with a rule that is whole but for `lines`.
fn mistake_in(lines: &str) -> String {
    mistake_of_rule(&format!("table = \"log\"\nanchor = \"at\"\nretain = \"30 days\"\naction = \"delete\"\n{lines}"))
}

fn table(text: &str) -> TableName {
    TableName::parse(text).unwrap()
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

const FULL: &str = r#"
    [policy]
    name = "Aalalux data tracking policy"
    timezone = "Europe/Berlin"
    cron = "15 2 * * *"
    effective = 2026-01-01
    database = "campus"

    [[rule]]
    name = "analytics"
    promise = ["A2", "A10"]
    table = "stats.page_view"
    anchor = ["viewed_at", { column = "session_id -> session.ended", as = "epoch-millis" }]
    retain = "90 days"
    action = "aggregate"
    cron = "0 3 * * *"
    database = "warehouse"
    [rule.aggregate]
    into = "page_view_daily"
    bucket = "day"
    keep = ["course_id", "path"]
    measures = { views = "count", seconds = "sum(duration_s)", average = "avg(duration_s)" }
    people = "user_id"

    [[rule]]
    name = "old-ip-addresses"
    table = "login"
    anchor = { column = "at", as = "text", format = "%Y%m%d" }
    retain = "6 months"
    action = "redact"
    redact.ip = "truncate-ip"
    redact.user_agent = "null"
    redact.born = "year"
    redact.email = { placeholder = "deleted-{id}" }
    redact.score = { set = 0 }
    redact.session = "hmac"

    [[rule]]
    name = "transcripts"
    promise = "A3"
    table = "course_completion"
    anchor = "completed_at"
    retain = "7 years"
    action = "delete"
    cascade = ["certificate", { table = "note", column = "completion_id", parent = "certificate", then = "null" }]
    where = "status <> 'verification_pending'"
    guard = { max_rows = 100_000, max_share = 0.25 }

    [[rule]]
    name = "blocks"
    table = "ip_block"
    expires = "expires_at"
    action = "delete"

    [[hold]]
    name = "tax"
    promise = "A6"
    table = "payment"
    anchor = "paid_at"
    for = "10 years"
    reason = "tax records"

    [[hold]]
    name = "audit"
    table = "login"
    until = 2026-12-31
    where = "course_id = 7"
    reason = "an audit"

    [[hold]]
    name = "lawsuit"
    table = "discussion"
    reason = "a lawsuit"

    [[keep]]
    tables = ["course", "staff.teacher"]
    promise = "A4"
    reason = "no personal data"
"#;

#[test]
fn a_policy_says_zone_time_first_day_and_database() {
    let policy = checked(FULL).policy;
    assert_eq!(policy.name, "Aalalux data tracking policy");
    assert_eq!(policy.timezone.iana_name(), Some("Europe/Berlin"));
    assert_eq!(policy.cron.as_deref(), Some("15 2 * * *"));
    assert_eq!(policy.effective, Some(jiff::civil::date(2026, 1, 1)));
    assert_eq!(policy.database.as_deref(), Some("campus"));
    let least = checked(POLICY).policy;
    assert_eq!((least.timezone, least.cron, least.effective), (TimeZone::UTC, None, None));
}

const PROMISES: &str = r#"
[[promise]]
id = "A1"
text = "Technical logs are purged after 30 days."
url = "https://example.org/privacy#logs"
since = 2026-01-01
[[promise]]
id = "A2"
text = "Nobody is tracked."
"#;

#[test]
fn a_schedule_says_what_was_published() {
    let promises = checked(&format!("{POLICY}{PROMISES}")).promises;
    let [logs, tracked] = promises.as_slice() else { panic!("{promises:?}") };
    assert_eq!((logs.id.as_str(), logs.text.as_str()), ("A1", "Technical logs are purged after 30 days."));
    assert_eq!(logs.url.as_deref(), Some("https://example.org/privacy#logs"));
    assert_eq!(logs.since, Some(jiff::civil::date(2026, 1, 1)));
    assert_eq!((&tracked.url, tracked.since), (&None, None));
}

#[test]
fn a_promise_has_an_id_of_its_own_a_sentence_and_no_other_key() {
    let found = mistakes(&format!(
        "{POLICY}{}\n[[promise]]\nname = \"A3\"\n",
        PROMISES.replace("A2", "A1").replace("https:", "ftp:").replace("Nobody is tracked.", "Two\\nlines")
    ));
    let expected = [
        "7:7 promise, `url`: `ftp://example.org/privacy#logs` is no address of the web (write an address such as \
         \"https://example.org/privacy\", up to 300 characters)",
        "10:6 promise, `id`: line 5 bears this name already (give each one a name of its own)",
        "11:8 promise, `text`: this is too long, or on several lines (use up to 300 characters on one line)",
        "13:1 promise `A3`: `id` is missing (write the id that `promise` cites, for example `id = \"A1\"`)",
        "13:1 promise `A3`: `text` is missing (write the sentence as it was published)",
        "14:1 promise `A3`: unknown key `name` (known here: id, text, url, since)",
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_rule_and_an_entry_may_have_a_title_for_people() {
    assert_eq!(checked(FULL).rules[0].title, None);
    let titled = FULL.replace("name = \"analytics\"", "name = \"analytics\"\ntitle = \"Page views\"");
    assert_eq!(checked(&titled).rules[0].title.as_deref(), Some("Page views"));
    let long = "x".repeat(101);
    let said = mistake_in(&format!("title = \"{long}\""));
    assert!(said.contains("`title`: this is too long") && said.contains("up to 100 characters"), "{said}");
}

#[test]
fn a_roll_up_keeps_its_dimensions_and_measures_in_the_order_of_the_file() {
    let rule = &checked(FULL).rules[0];
    assert_eq!((rule.name.as_str(), rule.table.to_string().as_str()), ("analytics", "stats.page_view"));
    assert_eq!(rule.promises, ["A2", "A10"]);
    assert_eq!((rule.database.as_deref(), rule.cron.as_deref()), (Some("warehouse"), Some("0 3 * * *")));
    let readings: Vec<_> = rule.age.anchors().iter().map(|a| (a.path.to_string(), a.reading.clone())).collect();
    assert_eq!(
        readings,
        [("viewed_at".to_owned(), Reading::Native), ("session_id -> session.ended".to_owned(), Reading::EpochMillis),]
    );
    let Action::Aggregate(aggregate) = &rule.action else { panic!("{:?}", rule.action) };
    assert_eq!((&aggregate.into, aggregate.bucket), (&table("page_view_daily"), Bucket::Day));
    assert_eq!(aggregate.keep, [name("course_id"), name("path")]);
    let measure = |text: &str, function| Measure { name: name(text), function };
    assert_eq!(
        aggregate.measures,
        [
            measure("views", MeasureFunction::Count),
            measure("seconds", MeasureFunction::Sum(name("duration_s"))),
            measure("average", MeasureFunction::Avg(name("duration_s"))),
        ]
    );
    assert_eq!((&aggregate.people, aggregate.at_least), (&Some(name("user_id")), 5));
}

#[test]
fn a_redaction_says_for_each_column_what_stays() {
    let rule = &checked(FULL).rules[1];
    let Action::Redact(redactions) = &rule.action else { panic!("{:?}", rule.action) };
    let expected = [
        ("ip", Redact::TruncateIp),
        ("user_agent", Redact::Null),
        ("born", Redact::Year),
        (
            "email",
            Redact::Placeholder(vec![TemplatePart::Literal("deleted-".into()), TemplatePart::Column(name("id"))]),
        ),
        ("score", Redact::Set(Scalar::Integer(0))),
        ("session", Redact::Hmac),
    ];
    assert_eq!(*redactions, expected.map(|(column, how)| Redaction { column: name(column), how }));
    assert!(matches!(&rule.age.anchors()[0].reading, Reading::Text(format) if format.pattern == "%Y%m%d"));
}

#[test]
fn a_deletion_says_what_goes_with_it_and_where_it_must_stop() {
    let schedule = checked(FULL);
    let rule = &schedule.rules[2];
    assert_eq!(rule.condition.as_deref(), Some("status <> 'verification_pending'"));
    assert_eq!(rule.guard, Guard { max_rows: Some(100_000), max_share: Some(0.25), ..Guard::default() });
    let [certificate, note] = &rule.cascade[..] else { panic!("{:?}", rule.cascade) };
    assert_eq!((&certificate.table, certificate.then), (&table("certificate"), Then::Delete));
    assert_eq!((&note.column, &note.parent), (&Some(name("completion_id")), &Some(table("certificate"))));
    assert_eq!(note.then, Then::Null);
    assert_eq!(&schedule.source.text[certificate.span.clone()], "\"certificate\"");
    assert!(matches!(&schedule.rules[3].age, Age::Expires(anchor) if anchor.path.to_string() == "expires_at"));
}

#[test]
fn a_hold_lasts_for_a_period_until_a_day_or_without_end() {
    let schedule = checked(FULL);
    let [tax, audit, lawsuit] = &schedule.holds[..] else { panic!("{:?}", schedule.holds) };
    assert!(matches!(&tax.term, Term::For { anchors, period }
        if anchors[0].path.to_string() == "paid_at" && period.to_string() == "10 years"));
    assert!(matches!(audit.term, Term::Until(day) if day == jiff::civil::date(2026, 12, 31)));
    assert_eq!(audit.condition.as_deref(), Some("course_id = 7"));
    assert!(matches!(lawsuit.term, Term::Open));
    assert_eq!((tax.reason.as_str(), &tax.promises[..]), ("tax records", &["A6".to_owned()][..]));
    assert_eq!(schedule.keeps[0].tables, [table("course"), table("staff.teacher")]);
}

#[test]
fn every_part_knows_its_place_in_the_file() {
    let schedule = checked(FULL);
    let at = |places: &Places, key: &str| schedule.source.text[places.span(key)].to_owned();
    let redaction = &schedule.rules[1].places;
    assert_eq!(at(redaction, "redact.ip"), "\"truncate-ip\"");
    assert_eq!(at(redaction, ""), "[[rule]]");
    assert_eq!(at(&schedule.rules[0].places, "aggregate.people"), "\"user_id\"");
    assert_eq!(at(&schedule.rules[0].places, "aggregate"), "[rule.aggregate]");
    assert_eq!(at(&schedule.holds[0].places, "for"), "\"10 years\"");
    assert_eq!(at(&schedule.policy.places, "timezone"), "\"Europe/Berlin\"");
}

#[test]
fn the_digest_is_the_sha_256_of_the_bytes_of_the_file() {
    // printf '[policy]\nname = "House policy"\n' | sha256sum
    assert_eq!(checked(POLICY).digest, "28d70927e7edf3689004b1aa853f034a98997b03a42007d9a7bd44f2375eedb7");
}

#[test]
fn all_mistakes_of_a_file_are_found_at_once_in_its_order() {
    let found = mistakes(
        r#"[policy]
timezone = "Europe/Berln"
efective = 2026-01-01

[[rule]]
name = "logs"
tabel = "access_log"
anchor = 7
retain = "30 dayz"
action = "delte"

[[rule]]
name = "logs"
table = "login"
anchor = "a.b"
retain = "0 days"
action = "delete"
guard = { max_share = 1.5, max_rows = -1 }

[[hold]]
name = "tax"
table = "payment"
for = "10 years"

[subject]
table = "account"
"#,
    );
    let expected = [
        "1:1 policy: `name` is missing (name the policy as it was published)",
        "2:12 policy, `timezone`: \"Europe/Berln\" is no time zone that this host knows (did you mean \"Europe/Berlin\"?)",
        "3:1 policy: unknown key `efective` (did you mean `effective`?)",
        "5:1 rule `logs`: `table` is missing (name the table that it is about)",
        "7:1 rule `logs`: unknown key `tabel` (did you mean `table`?)",
        "8:10 rule `logs`, `anchor`: this must be a text in quotes, and is a whole number",
        "9:10 rule `logs`, `retain`: `30 dayz` is no period (write it in days, weeks, months and years, as \"30 days\", \
         \"7 years 3 months\" or \"P30D\")",
        "10:10 rule `logs`, `action`: \"delte\" is not known (did you mean \"delete\"?)",
        "13:8 rule `logs`, `name`: line 6 bears this name already (give each one a name of its own)",
        "15:10 rule `logs`, `anchor`: `a.b` is no path to a column (write `column`, or `reference -> table.column` for a \
         column of a parent, `reference -> table(key).column` where it holds another column of that parent than its \
         primary key; put names with dots or brackets in double quotes)",
        "16:10 rule `logs`, `retain`: a period of zero would act on every row (where a column tells when a row is due, \
         say `expires` instead of `anchor` and `retain`)",
        "18:23 rule `logs`, `guard.max_share`: a share lies above 0 and is at most 1 (write for example 0.25 for a \
         quarter of the table)",
        "18:39 rule `logs`, `guard.max_rows`: -1 is out of range (write 0 or more)",
        "20:1 hold `tax`: `reason` is missing (say why: reports and certificates show it)",
        "23:7 hold `tax`, `for`: from when the period counts is not said (name the column as `anchor`)",
        "25:1 subject: `key` is missing (name the column that tells one person from every other)",
        "25:1 subject: `within` is missing (write the promise: `within = \"30 days\"`, or \"7 business days\")",
        "25:1 subject: `data` is missing (add a [[subject.data]] for each table that holds something of a person)",
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_file_that_is_no_toml_is_one_mistake_where_it_stops_making_sense() {
    assert_eq!(
        mistakes("[policy]\nname = \"x\" timezone = \"UTC\"\n[[rule]\n"),
        ["2:12 this is no TOML: unexpected key or value, expected newline, `#`"]
    );
    assert_eq!(mistakes("[policy]\nname = \"x\"\nname = \"y\"\n"), ["3:1 this is no TOML: duplicate key"]);
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let mistakes = load(Path::new("no/such/schedule.toml")).unwrap_err();
    assert_eq!(mistakes.len(), 1);
    assert!(mistakes[0].message.starts_with("cannot read the schedule `no/such/schedule.toml`: "));
}

#[test]
fn a_schedule_without_a_policy_and_with_single_brackets_is_corrected() {
    let found = mistakes("[rule]\nname = \"x\"\n");
    assert_eq!(
        found,
        [
            "1:1 schedule: `policy` is missing (begin with [policy] and its `name`)",
            "1:1 schedule, `rule`: there can be several of `rule` (write [[rule]], with two brackets)",
        ]
    );
}

#[test]
fn a_rule_says_once_when_its_rows_are_due() {
    let rule = |lines: &str| mistake_of_rule(&format!("table = \"log\"\naction = \"delete\"\n{lines}"));
    assert_eq!(
        rule(""),
        "1:1 rule `r`: it does not say when a row is due (write `anchor` and `retain`, or `expires` where a column holds \
         the time itself)"
    );
    assert_eq!(rule("retain = \"1 day\""), "1:1 rule `r`: `anchor` is missing (name the column whose age counts)");
    assert_eq!(
        rule("retain = \"1 day\"\nexpires = \"at\""),
        "6:11 rule `r`, `expires`: `retain` and `expires` exclude each other (take one of the two out)"
    );
    assert_eq!(
        rule("anchor = \"at\"\nexpires = \"at\""),
        "5:10 rule `r`, `anchor`: `expires` already names the column that counts (take one of the two out)"
    );
    assert_eq!(
        rule("expires = [\"a\", \"b\"]"),
        "5:11 rule `r`, `expires`: this must be a text in quotes, and is a list"
    );
    assert_eq!(
        rule("retain = \"1 day\"\nanchor = []"),
        "6:10 rule `r`, `anchor`: this may not be empty (name at least one)"
    );
    assert_eq!(
        rule("anchor = \"at\"\nretain = \"24 hours\""),
        "6:10 rule `r`, `retain`: a retention period has no unit smaller than a day (write it in days, weeks, months and \
         years, as \"30 days\", \"7 years 3 months\" or \"P30D\")"
    );
}

#[test]
fn a_period_may_be_for_ever() {
    let text = format!(
        "{POLICY}[[rule]]\nname = \"r\"\ntable = \"t\"\nanchor = \"at\"\nretain = \"forever\"\naction = \"delete\"\n"
    );
    assert!(matches!(&checked(&text).rules[0].age, Age::Retain { period, .. } if period.is_forever()));
}

#[test]
fn an_anchor_that_is_no_native_time_says_how_it_is_read() {
    let rule = |anchor: &str| {
        mistake_of_rule(&format!("table = \"log\"\naction = \"delete\"\nretain = \"1 day\"\nanchor = {anchor}"))
    };
    assert_eq!(
        rule("{ column = \"at\", as = \"epoch-second\" }"),
        "6:32 rule `r`, `anchor.as`: \"epoch-second\" is not known (did you mean \"epoch-seconds\"?)"
    );
    assert_eq!(
        rule("{ column = \"at\", format = \"%Y%m%d\" }"),
        "6:36 rule `r`, `anchor.format`: only a text has a format (write `as = \"text\"`, or take `format` out)"
    );
    assert_eq!(
        rule("{ column = \"at\", as = \"text\", format = \"%D\" }"),
        "6:49 rule `r`, `anchor.format`: `%D` is no field of fixed width (known: %Y, %m, %d, %H, %M, %S, %6f \
         (microseconds), all of fixed width, and %% for a percent sign)"
    );
    assert_eq!(rule("{ as = \"text\" }"), "6:10 rule `r`: `anchor.column` is missing (name the column)");
}

#[test]
fn the_table_of_an_action_stands_with_that_action_and_with_no_other() {
    let rule = |lines: &str| mistake_of_rule(&format!("table = \"log\"\nanchor = \"at\"\nretain = \"1 day\"\n{lines}"));
    assert_eq!(
        rule("action = \"aggregate\""),
        "1:1 rule `r`: the action \"aggregate\" needs a [rule.aggregate] (add one below the rule)"
    );
    assert_eq!(
        rule("action = \"redact\""),
        "1:1 rule `r`: the action \"redact\" needs a [rule.redact] (add one below the rule)"
    );
    assert_eq!(
        rule("action = \"delete\"\n[rule.redact]\nip = \"null\""),
        "7:1 rule `r`, `redact`: another action is named (write `action = \"redact\"`, or take [rule.redact] out)"
    );
    assert_eq!(
        rule("action = \"redact\"\n[rule.redact]"),
        "7:1 rule `r`, `redact`: this names no column (write for example `ip = \"truncate-ip\"`)"
    );
    assert_eq!(
        rule("action = \"redact\"\ncascade = [\"child\"]\n[rule.redact]\nip = \"null\""),
        "7:11 rule `r`, `cascade`: a redacted row stays, so nothing goes with it (redact those tables by rules of their own)"
    );
}

#[test]
fn a_roll_up_is_told_what_it_lacks() {
    let aggregate = |lines: &str| {
        mistake_of_rule(&format!(
            "table = \"log\"\nanchor = \"at\"\nretain = \"1 day\"\naction = \"aggregate\"\n[rule.aggregate]\n{lines}"
        ))
    };
    let rest = "into = \"daily\"\nbucket = \"day\"\n";
    assert_eq!(
        aggregate("into = \"daily\"\nbucket = \"dya\"\nmeasures = { n = \"count\" }"),
        "9:10 rule `r`, `aggregate.bucket`: \"dya\" is not known (did you mean \"day\"?)"
    );
    assert_eq!(
        aggregate(&format!("{rest}measures = {{}}")),
        "10:12 rule `r`, `aggregate.measures`: this names no measure (write for example `measures = { rows = \"count\" }`)"
    );
    assert_eq!(
        aggregate(&format!("{rest}measures = {{ n = \"cuont\" }}")),
        "10:18 rule `r`, `aggregate.measures.n`: `cuont` is no measure (did you mean `count`? It counts rows and takes no \
         column)"
    );
    assert_eq!(
        aggregate(&format!("{rest}measures = {{ n = \"count\" }}\nat_least = 5")),
        "11:12 rule `r`, `aggregate.at_least`: whose number this is, is not said (name the column that tells people apart \
         as `people`)"
    );
    assert_eq!(
        aggregate(&format!("{rest}measures = {{ n = \"count\" }}\nkeep = [\"n\"]")),
        "7:1 rule `r`, `aggregate`: two things would stand in the column `n` (name the measure otherwise)"
    );
}

#[test]
fn a_redaction_that_is_not_known_is_answered_with_the_nearest() {
    let redact = |line: &str| {
        mistake_of_rule(&format!(
            "table = \"log\"\nanchor = \"at\"\nretain = \"1 day\"\naction = \"redact\"\n[rule.redact]\n{line}"
        ))
    };
    assert_eq!(
        redact("ip = \"trucate-ip\""),
        "8:6 rule `r`, `redact.ip`: \"trucate-ip\" is not known (did you mean \"truncate-ip\"?)"
    );
    assert_eq!(
        redact("ip = { sett = 1, set = 2 }"),
        "8:8 rule `r`: unknown key `redact.ip.sett` (did you mean `set`?)"
    );
    assert_eq!(
        redact("ip = {}"),
        "8:6 rule `r`, `redact.ip`: it takes one of `set` and `placeholder` (write `{ set = \"…\" }` or \
         `{ placeholder = \"deleted-{id}\" }`)"
    );
    assert_eq!(
        redact("ip = { placeholder = \"deleted-{id\" }"),
        "8:22 rule `r`, `redact.ip.placeholder`: `deleted-{id` has a brace without its partner (double a brace that is \
         meant as text)"
    );
    assert_eq!(
        redact("ip = { set = [1] }"),
        "8:14 rule `r`, `redact.ip.set`: this cannot be put into a column (write a text, a number, true or false)"
    );
}

#[test]
fn names_conditions_and_cascades_are_checked_for_shape() {
    assert_eq!(
        mistake_in("where = \" \""),
        "7:9 rule `r`, `where`: this may not be empty (write something, or take the key out)"
    );
    assert_eq!(
        mistake_in("cascade = [{ table = \"t\", then = \"nul\" }]"),
        "7:34 rule `r`, `cascade.then`: \"nul\" is not known (did you mean \"null\"?)"
    );
    assert_eq!(
        mistake_in("cascade = [\"a.b.c\"]"),
        "7:12 rule `r`, `cascade`: `a.b.c` has more parts than schema and table (write `table` or `schema.table`)"
    );
    assert_eq!(mistake_in("cascade = \"t\""), "7:11 rule `r`, `cascade`: this must be a list, and is a text");
    assert_eq!(
        mistake_in("guard = { max_share = 0 }"),
        "7:23 rule `r`, `guard.max_share`: a share lies above 0 and is at most 1 (write for example 0.25 for a quarter of \
         the table)"
    );
    let spaced = mistakes(&format!("{POLICY}[[keep]]\ntable = \"a\"\ntables = [\"b\"]\nreason = \"r\"\n"));
    assert_eq!(spaced, ["5:10 keep, `tables`: `table` is there too (name all of them in `tables`)"]);
    let named = mistakes(&format!("{POLICY}[[hold]]\nname = \"two words\"\ntable = \"a\"\nreason = \"r\"\n"));
    assert_eq!(
        named,
        [
            "4:8 hold `two words`, `name`: `two words` is no good name (use up to 100 letters, digits, `-`, `_` and `.`, a \
          letter or digit first)"
        ]
    );
}

#[test]
fn a_hold_says_how_long_it_lasts_in_one_way() {
    let hold = |lines: &str| {
        let found = mistakes(&format!("{POLICY}[[hold]]\nname = \"h\"\ntable = \"t\"\nreason = \"r\"\n{lines}\n"));
        assert_eq!(found.len(), 1, "{found:#?}");
        found[0].clone()
    };
    assert_eq!(
        hold("anchor = \"at\""),
        "7:10 hold `h`, `anchor`: how long the hold lasts is not said (add `for = \"10 years\"`)"
    );
    assert_eq!(
        hold("until = 2026-01-01\nfor = \"1 year\""),
        "7:9 hold `h`, `until`: `until` stands alone (take `anchor` and `for` out, or `until`)"
    );
    assert_eq!(
        hold("until = \"2026-01-01\""),
        "7:9 hold `h`, `until`: this must be a date without quotes, as 2026-01-31, and is a text"
    );
    assert_eq!(
        hold("until = 2026-01-01T10:00:00"),
        "7:9 hold `h`, `until`: this must be a date without quotes, as 2026-01-31, and is a date or time"
    );
    assert_eq!(
        hold("anchor = \"at\"\nfor = \"forever\""),
        "8:7 hold `h`, `for`: a hold without end needs no period (take `anchor` and `for` out)"
    );
}

/// A rule on the table `log`, by its anchor `at`.
fn stage(name: &str, period: &str, action: &str) -> String {
    let action = match action {
        "redact" => "action = \"redact\"\nredact = { ip = \"null\" }",
        "aggregate" => {
            "action = \"aggregate\"\naggregate = { into = \"daily\", bucket = \"day\", measures = { n = \"count\" } }"
        }
        other => &format!("action = \"{other}\""),
    };
    format!("[[rule]]\nname = \"{name}\"\ntable = \"log\"\nanchor = \"at\"\nretain = \"{period}\"\n{action}\n")
}

fn stages(stages: &[String]) -> String {
    format!("{POLICY}{}", stages.concat())
}

#[test]
fn stages_of_different_ages_stand_side_by_side() {
    checked(&stages(&[stage("a", "1 year", "redact"), stage("b", "10 years", "delete")]));
    checked(&stages(&[stage("b", "10 years", "delete"), stage("a", "1 year", "redact")]));
    checked(&stages(&[stage("a", "90 days", "aggregate"), stage("b", "1 year", "delete")]));
    checked(&stages(&[stage("a", "forever", "redact"), stage("b", "1 year", "delete")]));
}

#[test]
fn two_rules_for_the_same_row_at_the_same_age_are_refused() {
    assert_eq!(
        mistakes(&stages(&[stage("a", "1 year", "redact"), stage("b", "12 months", "delete")])),
        ["14:10 rule `b`: rule `a` acts on the same rows of `log` at the same age (join the two, give them different \
          periods, or tell their rows apart by `where`)"]
    );
    let conditional =
        |name: &str, condition: &str| stage(name, "1 year", "delete") + &format!("where = \"{condition}\"\n");
    assert_eq!(mistakes(&stages(&[conditional("a", "x = 1"), conditional("b", " x = 1 ")])).len(), 1);
    assert_eq!(mistakes(&stages(&[stage("a", "1 year", "delete"), conditional("b", "x = 1")])).len(), 1);
    checked(&stages(&[conditional("a", "x = 1"), conditional("b", "x = 2")]));
    let expiry =
        |name: &str| format!("[[rule]]\nname = \"{name}\"\ntable = \"log\"\nexpires = \"e\"\naction = \"delete\"\n");
    assert_eq!(mistakes(&stages(&[expiry("a"), expiry("b")])).len(), 1);
    checked(&stages(&[expiry("a"), stage("b", "1 year", "delete")]));
}

#[test]
fn the_same_table_in_another_database_is_another_table() {
    let elsewhere = stage("b", "1 year", "delete") + "database = \"billing\"\n";
    checked(&stages(&[stage("a", "1 year", "delete"), elsewhere.clone()]));
    let by_default =
        format!("[policy]\nname = \"p\"\ndatabase = \"billing\"\n{}{elsewhere}", stage("a", "1 year", "delete"));
    assert_eq!(mistakes(&by_default).len(), 1);
}

#[test]
fn a_stage_behind_a_deletion_of_everything_is_refused() {
    let refused = "7:10 rule `a`: it can never act, because rule `b` deletes every row of `log` after 1 year (redact before \
                   1 year, or take the rule out)";
    assert_eq!(mistakes(&stages(&[stage("a", "2 years", "redact"), stage("b", "1 year", "delete")])), [refused]);
    assert_eq!(mistakes(&stages(&[stage("b", "90 days", "delete"), stage("a", "1 year", "aggregate")])).len(), 1);
    let some = stage("b", "1 year", "delete") + "where = \"closed\"\n";
    checked(&stages(&[stage("a", "2 years", "redact"), some]));
    let other_anchor = stage("b", "1 year", "delete").replace("\"at\"", "\"seen_at\"");
    checked(&stages(&[stage("a", "2 years", "redact"), other_anchor]));
}

#[test]
fn a_column_that_tells_the_age_of_rows_may_not_be_redacted() {
    let cut = stage("a", "1 year", "redact").replace("ip = \"null\"", "seen = \"year\"");
    checked(&stages(std::slice::from_ref(&cut)));
    let deletion = stage("b", "10 years", "delete").replace("\"at\"", "[\"at\", \"seen\"]");
    assert_eq!(
        mistakes(&stages(&[cut.clone(), deletion])),
        [
            "9:19 rule `a`: `seen` may not be redacted, because it tells how old the rows of `log` are (let the column be, \
          or count the age by another one)"
        ]
    );
    let hold =
        "[[hold]]\nname = \"h\"\ntable = \"log\"\nanchor = \"seen\"\nfor = \"2 years\"\nreason = \"law\"\n".to_owned();
    assert_eq!(mistakes(&stages(&[cut, hold])).len(), 1);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_mutilated_schedule_is_never_refused_without_a_reason_that_can_be_shown(
        cut in 0..FULL.len(), length in 0usize..40, filling in "[a-z0-9 =\"{}\\[\\]%.>ä\n-]{0,6}",
    ) {
        let mut text = FULL.to_owned();
        text.replace_range(cut..(cut + length).min(FULL.len()), &filling);
        if let Err(mistakes) = parsed(&text) {
            proptest::prop_assert!(!mistakes.is_empty());
            proptest::prop_assert!(mistakes.iter().all(|mistake| mistake.position().is_some()));
            proptest::prop_assert!(crate::diagnostic::mistake::render(&mistakes, false).contains("s.toml:"));
        }
    }
}

mod people;
