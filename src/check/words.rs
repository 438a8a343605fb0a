//! What the name of a column says of its values: word by word, so that `zip` holds no `ip` and `update` no `date`.

/// The words of a name, in lower case: split where the case, a digit or a mark says so.
pub(super) fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut lower_before = false;
    for c in name.chars() {
        let begins = !c.is_alphabetic() || (c.is_uppercase() && lower_before);
        if begins {
            words.push(String::new());
        }
        if c.is_alphabetic() {
            words.last_mut().expect("there is always one word").extend(c.to_lowercase());
        }
        lower_before = c.is_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// These mean a time by themselves.
const TIMES: &str = "\
    at created creation date datetime expiration expires expiry inserted logged modified registered time \
    timestamp updated";

/// These mean a time beside `time`, `date`, `last` or `first`; else they are as often a flag, a count or a place.
const EVENTS: &str = "\
    access accessed changed closed completed deleted due end ended expired finish finished issued joined login \
    opened paid published received seen sent start started submitted visit visited";

/// Beside these a word of time means a length, a zone or something else about time.
const NO_MOMENT: &str = "by count duration elapsed format id limit ms spent taken zone timezone";

/// Does a column of this name tell when something was, whatever its type?
pub(super) fn names_a_time(column: &str) -> bool {
    let words = words(column);
    let by_itself = |word: &String| is_among(TIMES, word) || is_timed_event(word);
    let in_pairs = words.windows(2).any(|pair| is_timed_event(&pair.concat()));
    (words.iter().any(by_itself) || in_pairs) && !words.iter().any(|word| is_among(NO_MOMENT, word))
}

/// `timecreated`, `firstaccess`, `startdate`, also where the two stood apart.
fn is_timed_event(word: &str) -> bool {
    let ahead = ["time", "date", "last", "first"].iter().filter_map(|start| word.strip_prefix(start));
    let behind = ["time", "date"].iter().filter_map(|end| word.strip_suffix(end));
    ahead.chain(behind).any(|rest| is_among(TIMES, rest) || is_among(EVENTS, rest))
}

/// These speak of a person wherever they stand.
const PERSONAL: &str = "\
    address birth birthdate birthday browser cookie dob email fax fingerprint firstname fullname gender iban ip \
    ipaddress ipaddr ipv lastname latitude longitude mail middlename mobile nickname passport phone postcode \
    realname sessid session ssn surname telephone token useragent userid userip username";

/// These are people, and a column that ends with one, or names its key or agent, points at a person.
const PEOPLE: &str = "\
    account applicant author client contact creator customer employee guardian guest learner member owner participant \
    patient person pupil recipient sender student subscriber teacher user visitor";

/// People by what they did.
const REVIEWERS: &str = "approver assignee editor grader inviter manager mentor moderator reporter reviewer";

/// What may follow one of [`PEOPLE`].
const OF_A_PERSON: &str = "agent guid hash id key name no number uuid";

/// What stands before `name` in the name of a person.
const NAME_PARTS: &str = "billing display family first full given last maiden middle nick real";

/// Does a column of this name hold something of a person? `table` tells whose a bare `name` is.
pub(super) fn names_a_person(table: &str, column: &str) -> bool {
    let words = words(column);
    let follows = |at: usize| words.get(at + 1).map(String::as_str);
    let is_person = |(at, word): (usize, &String)| {
        is_one_of(PERSONAL, word)
            || is_run_together(word)
            || (is_one_of(PEOPLE, word) && follows(at).is_none_or(|next| is_one_of(OF_A_PERSON, next)))
            || (is_among(NAME_PARTS, word) && follows(at) == Some("name"))
    };
    let by_somebody = words.windows(2).any(|pair| pair[0].ends_with("ed") && pair[1] == "by");
    let bare_name = words == ["name"] && self::words(table).iter().any(|word| is_one_of(PEOPLE, word));
    words.iter().enumerate().any(is_person) || by_somebody || bare_name
}

/// `emailaddress`, `workphone`: databases that fold the case of names leave no mark between their words.
fn is_run_together(word: &str) -> bool {
    word.starts_with("email") || word.ends_with("email") || word.ends_with("phone")
}

/// Does a column of this name hold the key of a person: `user_id`, `reviewer`, `account_uuid`?
pub(super) fn names_a_key_of_a_person(column: &str) -> bool {
    const KEYS: &str = "guid id key uuid";
    let words = words(column);
    match words.as_slice() {
        [] => false,
        [.., word] if is_among(PEOPLE, word) || is_among(REVIEWERS, word) => true,
        [.., before, key] => is_among(KEYS, key) && (is_among(PEOPLE, before) || is_among(REVIEWERS, before)),
        [word] => PEOPLE.split(' ').any(|person| word.strip_suffix("id") == Some(person)),
    }
}

/// Is the column called after a table of people, as its references are: `angler_id`, `fk_angler`, `anglerref`, `angler`?
pub(super) fn is_called_after(table: &str, column: &str) -> bool {
    const OF_A_KEY: &str = "code fk guid hash id key no nr num number oid ref reference uid uuid";
    let (table, column) = (words(table), words(column));
    let Some(noun) = table.last().map(|word| singular(word)) else { return false };
    let is_key = |word: &str| is_among(OF_A_KEY, word);
    let is_noun = |word: &String| {
        let parts = [word.strip_prefix(noun), word.strip_suffix(noun)];
        singular(word) == noun || parts.into_iter().flatten().any(is_key)
    };
    let last = column.iter().rposition(is_noun);
    noun.len() > 2 && last.is_some_and(|at| column[at + 1..].iter().all(|word| is_key(word)))
}

/// Does the name say that somebody did something with the row, which need not be theirs: `closed_by`, `reviewer_id`?
pub(super) fn names_who_did_it(column: &str) -> bool {
    words(column).iter().any(|word| word == "by" || is_one_of(REVIEWERS, word))
}

fn singular(word: &str) -> &str {
    match word {
        "people" => "person",
        _ => word.strip_suffix('s').unwrap_or(word),
    }
}

/// In the singular or the plural.
fn is_one_of(list: &str, word: &str) -> bool {
    is_among(list, word) || word.strip_suffix('s').is_some_and(|singular| is_among(list, singular))
}

/// Is the word one of a list that spaces part?
fn is_among(list: &str, word: &str) -> bool {
    list.split(' ').any(|known| known == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_called_after_the_table_that_they_lead_to() {
        for (table, column) in [
            ("angler", "angler_id"),
            ("anglers", "angler_ref"),
            ("tbl_angler", "fkAngler"),
            ("angler", "angler"),
            ("Angler", "anglerid"),
            ("people", "person_id"),
            ("angler", "guiding_angler_no"),
        ] {
            assert!(is_called_after(table, column), "{table} {column}");
        }
        for (table, column) in
            [("angler", "angler_count"), ("angler", "tangler_id"), ("lake", "angler_id"), ("id", "id")]
        {
            assert!(!is_called_after(table, column), "{table} {column}");
        }
    }

    #[test]
    fn names_fall_into_words_at_marks_digits_and_capitals() {
        assert_eq!(words("userId2_lastSeen-AT"), ["user", "id", "last", "seen", "at"]);
        assert_eq!(words("IPAddress"), ["ipaddress"]);
        assert!(words("_1").is_empty());
    }

    #[test]
    fn times_are_told_by_words_and_not_by_letters() {
        for name in [
            "created_at",
            "ship_date",
            "timecreated",
            "lastLogin",
            "startdate",
            "time_due",
            "timestamp",
            "expires",
            "time",
        ] {
            assert!(names_a_time(name), "{name}");
        }
        for name in [
            "update",
            "timezone",
            "time_spent",
            "created_by",
            "candidate",
            "status",
            "date_format",
            "lifetime",
            "cat",
            "bytes_sent",
            "deleted",
            "range_end",
        ] {
            assert!(!names_a_time(name), "{name}");
        }
    }

    #[test]
    fn people_are_told_by_words_and_not_by_letters() {
        for name in [
            "email",
            "e-mail",
            "user_id",
            "userid",
            "author",
            "ip",
            "ip_address",
            "ipv4",
            "last_name",
            "lastName",
            "modified_by",
            "session_id",
            "userAgent",
            "user_agent",
            "phone2",
            "customer_ids",
            "date_of_birth",
            "access_token",
            "emailaddress",
            "workphone",
            "RealName",
        ] {
            assert!(names_a_person("t", name), "{name}");
        }
        for name in ["zip", "ship_date", "trip", "name", "user_count", "account_type", "parent_id", "description", "by"]
        {
            assert!(!names_a_person("course", name), "{name}");
        }
        assert!(names_a_person("students", "name") && !names_a_person("course", "name"));
    }
}
