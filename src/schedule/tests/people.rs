//! The map of people: what it means, and every mistake in it.

use jiff::civil::{Weekday, date};

use super::*;
use crate::base::time::Term as Allowance;

const MAP: &str = r#"
    [policy]
    name = "House policy"
    timezone = "Europe/Berlin"

    [subject]
    promise = ["A4", "A5"]
    database = "campus"
    table = "account"
    key = "id"
    closed = { column = "closed_at", as = "epoch-seconds" }
    created = "created_at"
    grace = "7 days"
    within = "30 days"
    requests_within = "7 business days"
    weekend = ["friday", "saturday"]
    holidays = [2026-12-25, 2027-01-01]
    where = "kind = 'person'"
    cron = "0 3 * * *"
    guard = { max_rows = 100000, max_share = 0.25, max_people = 500 }

    [[subject.data]]
    table = "quiz_answer"
    column = "attempt_id -> quiz_attempt(attempt_no).account_id"
    action = "delete"
    redact = { answer = "null" }
    cascade = ["quiz_file"]
    category = "learning"

    [[subject.data]]
    promise = "A6"
    table = "payment"
    column = "account_id"
    action = "keep"
    reason = "tax records"
    for = "10 years"
    anchor = "paid_at"
    redact = { billing_name = "null" }

    [[subject.data]]
    table = "newsletter"
    column = "address"
    matches = "email"
    ignore_case = true
    where = "list = 'news'"
    action = "delete"

    [[subject.data]]
    table = "account"
    column = "id"
    action = "redact"
    redact = { email = { placeholder = "deleted-{id}" }, name = "null" }

    [subject.requests]
    table = "deletion_request"
    key = "account_id"
    requested = "created_at"
    verified = "verified_at IS NOT NULL"
    done = "done_at IS NOT NULL"
    mark = { done_at = "now", state = "done" }

    [[hold]]
    name = "restricted"
    subject = true
    where = "restricted_at IS NOT NULL"
    reason = "the person restricted the processing"
"#;

#[test]
fn a_map_says_whose_data_it_is_where_it_stands_and_what_becomes_of_it() {
    let schedule = checked(MAP);
    let subject = schedule.subject.expect("there is a map");
    assert_eq!(subject.promises, ["A4", "A5"]);
    assert_eq!((subject.table, subject.key), (table("account"), name("id")));
    assert_eq!(subject.closed.map(|anchor| anchor.reading), Some(Reading::EpochSeconds));
    assert_eq!(subject.grace.map(|grace| grace.to_string()).as_deref(), Some("7 days"));
    assert_eq!(subject.deadline.to_string(), "30 days");
    assert!(matches!(subject.request_deadline.term, Allowance::Business(7)));
    assert_eq!(subject.request_deadline.weekend, [Weekday::Friday, Weekday::Saturday]);
    assert!(subject.request_deadline.holidays.contains(&date(2027, 1, 1)));
    assert_eq!((subject.guard.max_rows, subject.max_people), (Some(100_000), Some(500)));
    let names: Vec<_> = subject.data.iter().map(Data::name).collect();
    assert_eq!(names, ["quiz_answer.attempt_id", "payment.account_id", "newsletter.address", "account.id"]);
    assert_eq!(subject.data[0].path.to_string(), "attempt_id -> quiz_attempt(attempt_no).account_id");
    assert!(matches!(&subject.data[0].act, DataAct::Delete { redact_first } if redact_first.len() == 1));
    let DataAct::Keep { reason, until: Some((period, anchors)), redact } = &subject.data[1].act else {
        panic!("{:?}", subject.data[1])
    };
    assert_eq!(
        (reason.as_str(), period.to_string().as_str(), anchors.len(), redact.len()),
        ("tax records", "10 years", 1, 1)
    );
    assert_eq!((&subject.data[2].matches, subject.data[2].ignore_case), (&Some(name("email")), true));
    let requests = subject.requests.expect("there is a table of requests");
    assert_eq!(
        requests.mark,
        [(name("done_at"), MarkWith::Now), (name("state"), MarkWith::Set(Scalar::Text("done".into())))]
    );
    let hold = &schedule.holds[0];
    assert!(hold.of_people && hold.table == table("account") && hold.database.as_deref() == Some("campus"));
}

#[test]
fn all_mistakes_of_a_map_are_found_at_once_in_its_order() {
    let found = mistakes(
        r#"[policy]
name = "House policy"
[subject]
table = "account"
key = "id"
closed = "profile_id -> profile.closed_at"
grace = "7 days"
within = "5 business days"
requests_within = "soon"
weekend = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sundy"]
holidays = ["2026-12-25"]
gard = { max_people = 1 }
guard = { max_peeple = 1 }
[[subject.data]]
table = "payment"
column = "account_id"
action = "keep"
cascade = ["refund"]
for = "10 years"
[[subject.data]]
table = "post"
colum = "author_id"
action = "redact"
reason = "because"
[[subject.data]]
table = "mail"
column = "address"
ignore_case = true
matches = "email"
action = "erase"
[[subject.data]]
table = "vote"
column = "voter"
ignore_case = true
action = "delete"
[[subject.data]]
table = "vote"
column = "voter"
action = "redact"
redact = { voter = "null" }
[subject.requests]
table = "request"
key = "account_id"
requested = "at"
done = "done"
mark = { done_at = [] }
[[hold]]
name = "restricted"
subject = true
table = "account"
reason = "asked for"
"#,
    );
    let expected = [
        "6:10 subject, `closed`: this must stand in the table of people itself (name a column of that table)",
        "8:10 subject, `within`: an account that can come back for 7 days cannot surely be gone within 5 business days \
         (make `grace` shorter, or `within` longer)",
        "9:19 subject, `requests_within`: `soon` is no period (write it in days, weeks, months or business days, as \
         \"30 days\" or \"7 business days\")",
        "10:80 subject, `weekend`: \"sundy\" is not known (did you mean \"sunday\"?)",
        "11:13 subject, `holidays`: this must be a date without quotes, as 2026-01-31, and is a text",
        "12:1 subject: unknown key `gard` (did you mean `guard`?)",
        "13:11 subject: unknown key `guard.max_peeple` (did you mean `max_people`?)",
        "14:1 subject data `payment.account_id`: `reason` is missing (say why: reports and certificates show it)",
        "18:11 subject data `payment.account_id`, `cascade`: a row that is kept stays, so nothing goes with it (map those \
         tables by entries of their own)",
        "19:7 subject data `payment.account_id`, `for`: from when the period counts is not said (name the column as \
         `anchor`)",
        "20:1 subject data `post`: `column` is missing (name the column that leads to the person: `account_id`, or \
         `post_id -> post.author_id`)",
        "20:1 subject data `post`: the action \"redact\" needs a `redact` (write for example `redact = { name = \"null\" }`)",
        "22:1 subject data `post`: unknown key `colum` (did you mean `column`?)",
        "24:10 subject data `post`, `reason`: this tells why and how long rows are kept (write `action = \"keep\"`, or \
         take it out)",
        "30:10 subject data `mail.address`, `action`: \"erase\" is not known (known here: \"delete\", \"redact\", \"keep\")",
        "34:15 subject data `vote.voter`, `ignore_case`: a key is never compared without case (name the copied column: \
         as `matches`, or in the path as in `address -> user_email(email).user_id`)",
        "41:1 subject: `requests.verified` is missing (write which requests are known to be the person's own: nothing \
         else is acted on)",
        "46:20 subject, `requests.mark.done_at`: this cannot be put into a column (write a text, a number, true or false)",
        "50:9 hold `restricted`, `table`: a hold on people covers every table of the map (take `table` out, or `subject = \
         true`)",
    ];
    assert_eq!(found, expected);
}

#[test]
fn whoever_does_nothing_to_rows_need_not_say_what_becomes_of_kept_ones() {
    let found = mistakes(
        r#"[policy]
name = "House policy"
[subject]
table = "account"
key = "id"
within = "30 days"
[[subject.data]]
table = "payment"
column = "account_id"
action = "keep"
reason = "tax records"
kept_too = true
"#,
    );
    let expected = [
        "12:12 subject data `payment.account_id`, `kept_too`: nothing is done to these rows (take it out: whoever keeps a \
                     row need not say it of others)",
    ];
    assert_eq!(found, expected);
}

#[test]
fn what_is_right_in_itself_can_be_wrong_beside_the_rest_of_the_map() {
    let twice = MAP.replace(
        "table = \"quiz_answer\"\n    column = \"attempt_id -> quiz_attempt(attempt_no).account_id\"",
        "table = \"account\"\n    column = \"id\"",
    );
    assert_eq!(
        mistakes(&twice),
        [
            "50:14 subject data `account.id`: an entry before it maps the same rows in the same way (join the two, or tell \
          their rows apart by `where`)"
        ]
    );
    let no_rest = MAP.replace(
        "weekend = [\"friday\", \"saturday\"]",
        "weekend = [\"monday\", \"tuesday\", \"wednesday\", \"thursday\", \"friday\", \"saturday\", \"sunday\"]",
    );
    assert_eq!(
        mistakes(&no_rest),
        ["16:15 subject, `weekend`: no day of the week is left to work on (name the days on which nobody works)"]
    );
    let no_map = "[policy]\nname = \"p\"\n[[hold]]\nname = \"h\"\nsubject = true\nreason = \"r\"\n";
    assert_eq!(
        mistakes(no_map),
        ["3:1 hold `h`: there is no [subject] whose people it could hold (add one, or name a `table`)"]
    );
}

#[test]
fn no_rule_may_redact_the_column_that_tells_when_an_account_was_closed() {
    let rule = "[[rule]]\nname = \"r\"\ndatabase = \"campus\"\ntable = \"account\"\nanchor = \"seen_at\"\nretain = \"1 year\"\naction = \"redact\"\n\
                redact = { closed_at = \"null\" }\n";
    assert_eq!(
        mistakes(&format!("{rule}{MAP}")),
        [
            "8:24 rule `r`: `closed_at` may not be redacted, because it tells how old the rows of `account` are (let the \
          column be, or count the age by another one)"
        ]
    );
}
