//! What a config means, what is wrong with one, and that no secret of it is ever shown.

use super::*;
use crate::diagnostic::mistake::render;

/// A folder with files in it; the config is `tenure.toml`.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    folder
}

fn environment(name: &str) -> Option<String> {
    match name {
        "DB_PASSWORD" => Some("s3cret".to_owned()),
        "CREDENTIALS_DIRECTORY" => Some("credentials".to_owned()),
        _ => None,
    }
}

fn read_in(folder: &tempfile::TempDir) -> Result<Config, Vec<Mistake>> {
    read(&folder.path().join("tenure.toml"), &environment)
}

/// The messages of a config that is wrong, and what would be shown of it.
fn refused(files: &[(&str, &str)]) -> (Vec<String>, String) {
    let mistakes = read_in(&folder(files)).expect_err("this config is wrong");
    (mistakes.iter().map(|mistake| mistake.message.clone()).collect(), render(&mistakes, false))
}

fn database(lines: &str) -> Result<DatabaseConfig, Vec<String>> {
    database_beside(lines, &[])
}

fn database_beside(lines: &str, files: &[(&str, &str)]) -> Result<DatabaseConfig, Vec<String>> {
    let text = format!("[database.main]\n{lines}\n");
    let files = [files, &[("tenure.toml", text.as_str())]].concat();
    match read_in(&folder(&files)) {
        Ok(config) => Ok(config.databases["main"].clone()),
        Err(mistakes) => Err(mistakes.into_iter().map(|mistake| mistake.message).collect()),
    }
}

#[test]
fn a_config_is_read_with_its_paths_beginning_at_its_folder() {
    let folder = folder(&[
        (
            "tenure.toml",
            r#"
            schedules = ["schedules/*.toml", "schedules/b.toml"]
            state_dir = "state"
            hmac_key_file = "key"
            former_hmac_key_files = ["key-2024", "key-2025"]
            [database.main]
            url = "postgres://tenure@db.internal/campus?sslmode=verify-full"
            read_only_url = "postgres://tenure_ro@db.internal/campus"
            workers = 2
            naive_timezone = "America/Los_Angeles"
            [database.billing]
            url = "sqlite:///srv/billing.db"
            vacuum_up_to_mib = 500
            [guard]
            max_share = 0.5
            max_rows = 5000000
            "#,
        ),
        ("schedules/b.toml", ""),
        ("schedules/a.toml", ""),
        ("schedules/notes.txt", ""),
        ("key", "0123456789abcdef\n"),
        ("key-2024", "0123456789abcde4\n"),
        ("key-2025", "0123456789abcde5\n"),
    ]);
    let config = read_in(&folder).unwrap();
    let base = folder.path();
    assert_eq!(config.schedules, [base.join("schedules/a.toml"), base.join("schedules/b.toml")]);
    assert_eq!(config.state_dir, base.join("state"));
    assert_eq!(config.hmac_key.as_ref().unwrap().reveal(), "0123456789abcdef");
    let former: Vec<_> = config.former_hmac_keys.iter().map(|key| key.reveal()).collect();
    assert_eq!(former, ["0123456789abcde4", "0123456789abcde5"]);
    assert_eq!(config.guard, Guard { max_rows: Some(5_000_000), max_share: Some(0.5) });
    assert!(config.warnings.is_empty());
    let main = &config.databases["main"];
    assert_eq!(main.url.reveal(), "postgres://tenure@db.internal/campus?sslmode=verify-full");
    assert_eq!(main.read_only_url.as_ref().unwrap().reveal(), "postgres://tenure_ro@db.internal/campus");
    assert_eq!((main.workers, main.naive_timezone.iana_name()), (2, Some("America/Los_Angeles")));
    let billing = &config.databases["billing"];
    assert_eq!((billing.workers, &billing.naive_timezone), (1, &TimeZone::UTC));
    assert_eq!(billing.read_only_url, None);
    assert_eq!((main.vacuum_up_to_mib, billing.vacuum_up_to_mib), (64, 500));
}

#[test]
fn without_a_file_one_database_is_called_main() {
    let config = Config::for_url("sqlite://app.db");
    assert_eq!(config.databases["main"].url.reveal(), "sqlite://app.db");
    assert_eq!(config.databases.len(), 1);
    assert_eq!((config.path, config.guard), (None, Guard::default()));
}

#[test]
fn reports_go_where_systemd_says_unless_the_file_says_otherwise() {
    let state = |list: &'static str| default_state_dir(Path::new("etc"), &|_| Some(list.to_owned()));
    assert_eq!(state("/var/lib/tenure:/var/lib/other"), Path::new("/var/lib/tenure"));
    assert_eq!(state(""), Path::new("etc/tenure-state"));
    assert_eq!(default_state_dir(Path::new("etc"), &|_| None), Path::new("etc/tenure-state"));
}

#[test]
fn the_command_line_goes_before_the_environment() {
    let named = |name: &str| (name == "TENURE_CONFIG").then(|| "/named.toml".to_owned());
    assert_eq!(find(Some(Path::new("mine.toml")), &named), Some("mine.toml".into()));
    assert_eq!(find(None, &named), Some("/named.toml".into()));
}

#[test]
fn a_config_that_was_named_and_is_not_there_is_a_mistake() {
    let mistakes = Config::load(Some(Path::new("/no/such/tenure.toml"))).unwrap_err();
    assert!(mistakes[0].message.starts_with("cannot read the config `/no/such/tenure.toml`: "));
}

#[test]
fn a_password_from_a_file_reaches_the_url_whatever_it_is_made_of() {
    let with = |url: &str, password: &str| {
        let lines = format!("url = \"{url}\"\npassword_file = \"pw\"");
        database_beside(&lines, &[("pw", password)]).unwrap().url.reveal().to_owned()
    };
    assert_eq!(
        with("postgres://tenure@db/campus?sslmode=require", "s3cret\n"),
        "postgres://tenure:s3cret@db/campus?sslmode=require"
    );
    assert_eq!(
        with("mysql://tenure@db:3307/campus", "p@s:s/w?r#d%41\r\n"),
        "mysql://tenure:p%40s%3As%2Fw%3Fr%23d%2541@db:3307/campus"
    );
    assert_eq!(
        with("postgres://t@%2Frun%2Fpostgresql/campus", "ä b"),
        "postgres://t:%C3%A4%20b@%2Frun%2Fpostgresql/campus"
    );
}

#[test]
fn a_password_that_was_put_into_a_url_comes_out_of_it_as_it_was() {
    let password: String = (' '..='~').chain("äß€😀".chars()).collect();
    let url = put_password("postgres://tenure@db/campus", &password).unwrap();
    let escaped = Url::parse(&url).unwrap().password().unwrap().to_owned();
    let mut bytes = Vec::new();
    let mut rest = escaped.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let escape =
            (*byte == b'%').then(|| u8::from_str_radix(std::str::from_utf8(&after[..2]).unwrap(), 16).unwrap());
        rest = if escape.is_some() { &after[2..] } else { after };
        bytes.push(escape.unwrap_or(*byte));
    }
    assert_eq!(String::from_utf8(bytes).unwrap(), password);
}

#[test]
fn variables_are_replaced_in_urls_and_in_the_paths_of_secrets() {
    let url = database("url = \"postgres://tenure:${DB_PASSWORD}@db/campus\"").unwrap().url;
    assert_eq!(url.reveal(), "postgres://tenure:s3cret@db/campus");
    let lines = "url_file = \"${CREDENTIALS_DIRECTORY}/db\"";
    let url = database_beside(lines, &[("credentials/db", "mysql://u:p@db/x\n")]).unwrap().url;
    assert_eq!(url.reveal(), "mysql://u:p@db/x");
    let unset = database("url = \"postgres://${NO_SUCH}@db/campus\"").unwrap_err();
    assert_eq!(unset, ["database `main`, `url`: the environment variable `NO_SUCH` is not set"]);
    let open = database("url = \"postgres://${OPEN@db/campus\"").unwrap_err();
    assert_eq!(open, ["database `main`, `url`: a `${` is not closed"]);
}

#[test]
fn a_database_says_its_url_and_its_password_once() {
    let wrong = |lines: &str| database_beside(lines, &[("pw", "s3cret"), ("empty", "\n")]).unwrap_err();
    assert_eq!(wrong(""), ["database `main`: it has no URL"]);
    assert_eq!(wrong("url = \"sqlite://a\"\nurl_file = \"pw\""), ["database `main`, `url_file`: `url` is there too"]);
    assert_eq!(
        wrong("url = \"oracle://db\""),
        ["database `main`, `url`: this is no URL of a database that tenure knows"]
    );
    assert_eq!(
        wrong("url = \"postgres://u:p@db/x\"\npassword_file = \"pw\""),
        ["database `main`, `password_file`: the URL holds a password already"]
    );
    assert_eq!(
        wrong("url = \"postgres:///x\"\npassword_file = \"pw\""),
        ["database `main`, `password_file`: the URL names no host, so it cannot take the password"]
    );
    assert_eq!(
        wrong("url = \"sqlite://x\"\npassword_file = \"pw\""),
        ["database `main`, `password_file`: SQLite takes no password"]
    );
    assert_eq!(
        wrong("url = \"sqlite://x\"\nread_only_password_file = \"pw\""),
        ["database `main`, `read_only_password_file`: there is no `read_only_url` that it belongs to"]
    );
    assert_eq!(wrong("url_file = \"empty\""), ["database `main`, `url_file`: `empty` is empty"]);
    assert_eq!(wrong("url = \"sqlite://x\"\nworkers = 0"), ["database `main`, `workers`: 0 is out of range"]);
}

#[test]
fn every_mistake_of_a_config_is_found_at_once() {
    let text = r#"schedule = ["x.toml"]
schedules = ["none/*.toml"]
hmac_key_file = "short"
[database."two words"]
url = "sqlite://x"
[guard]
max_share = 50
[mail]
smtp = "smtp://mail"
[daemon]
windows = "01:00-05:00"
"#;
    let (messages, shown) = refused(&[("tenure.toml", text), ("short", "abc")]);
    assert_eq!(
        messages,
        [
            "config: unknown key `schedule`",
            "config, `schedules`: no file matches `none/*.toml`",
            "config, `hmac_key_file`: the key is shorter than 16 bytes",
            "config, `database.two words`: `two words` is no good name",
            "config, `guard.max_share`: a share lies above 0 and is at most 1",
            "mail: `from` is missing",
            "mail: it names no recipient",
            "daemon: unknown key `windows`",
        ]
    );
    assert!(shown.contains("tenure.toml:2:14") && shown.contains("schedules = [\"none/*.toml\"]"), "{shown}");
}

#[test]
fn a_secret_is_never_shown_wherever_in_the_file_somebody_put_it() {
    let files = [
        "[database.main]\nurl = \"oracle://u:hunter2@db\"",
        "[database.main]\nurl = \"oracle://u:hun\\\"ter2@db\" # hunter2",
        "[database.main]\npassword = \"hunter2\"\nurl = \"sqlite://x\"",
        "[database.main]\nurl = \"postgres://u:hunter2@db/x",
        "[database.main]\nurl = \"postgres://u:hunter2@db/x\"\npassword_file = \"pw\"",
        "[database.main]\nurl = \"postgres://u:hunter2@db:x/x\"\npassword_file = \"pw\"",
        "[database.main]\nurl = [\n\"postgres://u:hunter2@db\",\n]",
        "database.main = { url = \"oracle://u:hunter2@db\" }",
        "database = { main = { urll = \"oracle://u:hunter2@db\" } }",
        "[database.main]\nurl_file = \"url\"",
        "[database.main]\nurl = \"sqlite://x\"\nurl_file = \"${DB_PASSWORD}\"",
        "[database.main]\nurl_file = \"${DB_PASSWORD}\"",
        "url = \"\"\"\npostgres://u:hunter2@db\n\"\"\"\n[\"hunter2\"",
    ];
    for text in files {
        let (_, shown) = refused(&[("tenure.toml", text), ("pw", "hunter2"), ("url", "oracle://hunter2\n")]);
        assert!(!shown.contains("hunter2") && !shown.contains("ter2") && !shown.contains("s3cret"), "{text}\n{shown}");
        assert!(shown.contains("tenure.toml:"), "{shown}");
    }
    let config = Config::for_url("postgres://u:hunter2@db/x");
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn a_secret_that_everybody_may_read_is_a_warning() {
    let folder = folder(&[
        ("tenure.toml", "[database.main]\nurl = \"postgres://u@db/x\"\npassword_file = \"pw\""),
        ("pw", "s3cret"),
    ]);
    assert!(read_in(&folder).unwrap().warnings.is_empty());
    fs::set_permissions(folder.path().join("pw"), fs::Permissions::from_mode(0o644)).unwrap();
    let warnings = read_in(&folder).unwrap().warnings;
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0].message, "database `main`, `password_file`: everybody on this host may read `pw`");
    assert_eq!((warnings[0].is_error(), warnings[0].position()), (false, Some((3, 17))));
}

#[test]
fn the_password_of_a_mail_server_comes_from_where_those_of_databases_come_from() {
    use super::mail::{Tls, Transport};
    for (lines, port) in [
        ("smtp = \"smtp://tenure@mail.internal\"\npassword_file = \"smtp\"", 587),
        ("smtp = \"smtps://tenure:${DB_PASSWORD}@mail.internal\"", 465),
        ("smtp = \"smtp://tenure@mail.internal:2525\"\npassword_file = \"${CREDENTIALS_DIRECTORY}/smtp\"", 2525),
        ("smtp = \"smtp://tenure:s3%63ret@mail.internal\"", 587),
    ] {
        let text = format!("[mail]\n{lines}\nfrom = \"a@example.org\"\nto = \"b@example.org\"\n");
        let files = [("tenure.toml", text.as_str()), ("smtp", "s3cret\n"), ("credentials/smtp", "s3cret\n")];
        let mail = read_in(&folder(&files)).unwrap().mail.unwrap();
        assert!(!format!("{mail:?}").contains("s3cret"), "{mail:?}");
        let Transport::Smtp(smtp) = mail.transport else { panic!("smtp is what is written there") };
        let login = smtp.login.unwrap();
        assert_eq!((login.user.as_str(), login.password.reveal()), ("tenure", "s3cret"), "{lines}");
        assert_eq!((smtp.port, smtp.tls == Tls::Implicit), (port, lines.contains("smtps")), "{lines}");
    }
}

#[test]
fn a_database_of_the_command_line_is_the_one_of_the_file_that_it_stands_for() {
    let read = |text: &str| read_in(&folder(&[("tenure.toml", text)])).unwrap();
    let campus = "[database.campus]\nurl = \"postgres://a/campus\"\nread_only_url = \"postgres://r/campus\"\nworkers = 4\n\
                  naive_timezone = \"America/Los_Angeles\"\nvacuum_up_to_mib = 7\n";
    let billing = "[database.billing]\nurl = \"postgres://a/billing\"\nworkers = 3\n";
    let main = "[database.main]\nurl = \"postgres://a/main\"\nworkers = 2\n";
    let on = |text: &str, url: &str| {
        let [database] = read(text).on(url).databases.into_values().collect::<Vec<_>>().try_into().unwrap();
        assert_eq!((database.url.reveal(), &database.read_only_url), (url, &None));
        database
    };
    let only = on(campus, "postgres://b/campus");
    assert_eq!((only.name.as_str(), only.workers, only.vacuum_up_to_mib), ("campus", 4, 7));
    assert_eq!(only.naive_timezone.iana_name(), Some("America/Los_Angeles"));
    let named_main = on(&format!("{campus}{main}"), "postgres://b/main");
    assert_eq!((named_main.name.as_str(), named_main.workers), ("main", 2));
    let by_url = on(&format!("{campus}{billing}{main}"), "postgres://a/billing");
    assert_eq!((by_url.name.as_str(), by_url.workers), ("billing", 3));
    let neither = on(&format!("{campus}{billing}"), "postgres://b/else");
    assert_eq!((neither.name.as_str(), neither.workers, neither.naive_timezone), ("main", 1, TimeZone::UTC));
}
