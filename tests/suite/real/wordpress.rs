//! WordPress 6.1: no foreign keys, zero for nobody, and requests for erasure among the posts.

use super::filled::insert;
use super::package;
use super::people::{Person, entry};
use crate::harness::TestDb;

/// The tables of one site. They stand in a file of PHP as texts, into which WordPress puts its prefix, the charset and the
/// length of an index.
pub fn schema() -> String {
    const FILE: &str = "usr/share/wordpress/wp-admin/includes/schema.php";
    let php = package::text("wordpress", &format!("./{FILE}"), FILE);
    let text_of = |variable: &str| {
        let (_, after) =
            php.split_once(&format!("{variable} = \"")).unwrap_or_else(|| panic!("{FILE} has no {variable}"));
        after.split_once("\";").unwrap_or_else(|| panic!("{variable} does not end")).0.replace("\\n", "\n")
    };
    ["$blog_tables", "$users_single_table", "$usermeta_table"]
        .map(text_of)
        .concat()
        .replace("$wpdb->", "wp_")
        .replace("$max_index_length", "191")
        .replace("$charset_collate", "DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci")
}

/// Users with a profile, an article, a comment with its mark by a plugin, a comment from before they signed up, and a link;
/// those who are to go have asked for it as WordPress lets them, and one more has not yet answered the mail that asks who it was.
pub fn people(db: &TestDb) {
    let each = |row: fn(Person, i64) -> String| Person::all().map(move |person| row(person, person.key()));
    insert(
        db,
        "wp_users (ID, user_login, user_pass, user_nicename, user_email, display_name)",
        each(|person, key| {
            let [mark, email] = [person.mark(), person.email()];
            format!("({key}, '{mark}', 'hash', '{mark}', '{email}', 'Dr. {mark}')")
        }),
    );
    insert(
        db,
        "wp_usermeta (umeta_id, user_id, meta_key, meta_value)",
        each(|person, key| format!("({}, {key}, 'nickname', '{}')", person.0, person.mark())),
    );
    const POST: &str = "wp_posts (ID, post_author, post_date_gmt, post_content, post_title, post_excerpt, to_ping, pinged, \
                        post_content_filtered, post_status, post_type, post_name)";
    insert(
        db,
        POST,
        each(|person, key| {
            let rest = "'', '', '', '', 'publish', 'post'";
            format!("({}, {key}, '2026-01-01', 'An article', 'On roses', {rest}, 'on-roses-{}')", person.0, person.0)
        }),
    );
    insert(
        db,
        POST,
        Person::all().filter(|person| person.is_gone() || *person == Person(4)).map(|person| {
            let (key, email) = (person.key(), person.email());
            let status = if person.is_gone() { "request-confirmed" } else { "request-pending" };
            format!(
                "({}, {key}, '2026-06-10', '', '{email}', '', '', '', '', '{status}', 'user_request', 'remove_personal_data')",
                100 + person.0
            )
        }),
    );
    const COMMENT: &str = "wp_comments (comment_ID, comment_post_ID, comment_author, comment_author_email, \
                           comment_author_IP, comment_content, comment_agent, user_id)";
    insert(
        db,
        COMMENT,
        each(|person, key| {
            let [mark, email, row] = [person.mark(), person.email(), person.0.to_string()];
            format!("({row}, {row}, '{mark}', '{email}', '198.51.100.{row}', 'I agree', 'Browser of {mark}', {key})")
        }),
    );
    insert(
        db,
        COMMENT,
        each(|person, _| {
            let [mark, email] = [person.mark(), person.email().to_uppercase()];
            format!("({}, 1, '{mark}', '{email}', '198.51.100.7', 'Nice place', '', 0)", 100 + person.0)
        }),
    );
    insert(
        db,
        "wp_commentmeta (meta_id, comment_id, meta_key, meta_value)",
        each(|person, _| format!("({}, {}, 'checked', 'as {}')", person.0, person.0, person.mark())),
    );
    insert(
        db,
        "wp_links (link_id, link_url, link_name, link_owner, link_notes)",
        each(|person, key| format!("({}, 'https://example.net/', 'Example', {key}, '')", person.0)),
    );
}

pub fn map() -> String {
    let nameless = "redact = { comment_author = { set = \"Anonymous\" }, comment_author_email = { set = \"\" }, \
                    comment_author_url = { set = \"\" }, comment_author_IP = { set = \"\" }, \
                    comment_agent = { set = \"\" }, user_id = { set = 0 } }";
    let copies = format!("matches = \"user_email\"\nignore_case = true\nwhere = \"user_id = 0\"\n{nameless}");
    let entries = [
        entry("wp_users", "ID", "delete", ""),
        entry("wp_usermeta", "user_id", "delete", ""),
        entry(
            "wp_posts",
            "post_author",
            "redact",
            "where = \"post_type <> 'user_request'\"\nredact = { post_author = { set = 0 } }",
        ),
        // The author stays: by it the request is found when it is settled.
        entry(
            "wp_posts",
            "post_author",
            "redact",
            "where = \"post_type = 'user_request'\"\nredact = { post_title = { set = \"(erased)\" } }",
        ),
        entry("wp_comments", "user_id", "redact", nameless),
        entry("wp_comments", "comment_author_email", "redact", &copies),
        entry("wp_commentmeta", "comment_id -> wp_comments.user_id", "delete", ""),
        entry("wp_links", "link_owner", "redact", "redact = { link_owner = { set = 0 } }"),
    ];
    format!(
        r#"
[subject]
table = "wp_users"
key = "ID"
within = "30 days"

{}
[subject.requests]
table = "wp_posts"
key = "post_author"
requested = "post_date_gmt"
verified = "post_type = 'user_request' AND post_name = 'remove_personal_data' AND post_status = 'request-confirmed'"
done = "post_status = 'request-completed'"
mark = {{ post_status = "request-completed" }}
"#,
        entries.concat()
    )
}
