//! Database URLs: what one may look like, and what of it may be shown.
//!
//! Drivers quote the piece of a URL that they stumble over, and where a password holds a character that it should not,
//! that piece is a piece of the password. So no driver sees a URL in which anything could be taken for something else.

use std::net::IpAddr;

use thiserror::Error;

use crate::base::dialect::Dialect;

/// The parts of a server's URL, as they are written.
struct Parts<'u> {
    scheme: &'u str,
    /// User and password; empty where there is none.
    login: &'u str,
    /// One host with its port, or (PostgreSQL) several with commas between them.
    hosts: &'u str,
    /// With its slash; empty where there is none.
    path: &'u str,
    query: Option<&'u str>,
}

const ENCODE: &str = "percent-encode what is special in user and password: `@` as %40, `:` as %3A, `/` as %2F, `?` as \
                      %3F, `#` as %23, `%` as %25; or name the password's file as `password_file`";

/// What libmariadb is told by a URL, through Diesel. Anything else would be ignored in silence, TLS that was asked for in
/// the words of another driver included.
const KNOWN_TO_MYSQL: [&str; 5] = ["ssl_ca", "ssl_cert", "ssl_key", "ssl_mode", "unix_socket"];

/// Why a URL must not reach a driver, without a piece of the URL.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{reason}; {remedy}")]
pub struct UrlFlaw {
    pub reason: &'static str,
    pub remedy: String,
}

impl UrlFlaw {
    fn new(reason: &'static str, remedy: impl Into<String>) -> Self {
        Self { reason, remedy: remedy.into() }
    }
}

/// The kind of database behind a URL that a driver may see.
///
/// # Errors
/// What is wrong with any other one.
pub fn check(url: &str) -> Result<Dialect, UrlFlaw> {
    let dialect = Dialect::of_url(url).filter(|_| url.contains("://")).ok_or_else(|| {
        UrlFlaw::new(
            "this is no URL of a database that tenure knows",
            "begin it with sqlite://, postgres://, mysql:// or mariadb://",
        )
    })?;
    if dialect == Dialect::Sqlite {
        return Ok(dialect);
    }
    let parts = split(url).ok_or_else(|| UrlFlaw::new("the URL is malformed", ENCODE))?;
    if dialect == Dialect::Mysql {
        check_mysql(&parts)?;
    }
    Ok(dialect)
}

/// `None` where it is not plain what each character belongs to.
fn split(url: &str) -> Option<Parts<'_>> {
    let (scheme, rest) = url.split_once("://")?;
    if rest.contains('#') || rest.contains(char::is_whitespace) || !escapes_are_whole(rest) {
        return None;
    }
    let (before_query, query) = match rest.split_once('?') {
        Some((before, query)) => (before, Some(query)),
        None => (rest, None),
    };
    let (authority, path) = before_query.split_at(before_query.find('/').unwrap_or(before_query.len()));
    let (login, hosts) = authority.split_once('@').unwrap_or(("", authority));
    let stray = [hosts, path, query.unwrap_or_default()].iter().any(|part| part.contains('@'));
    let pairs_are_whole = query.is_none_or(|query| query.split('&').all(|pair| pair.matches('=').count() == 1));
    let whole = !stray && pairs_are_whole && hosts.split(',').all(port_is_a_number);
    whole.then_some(Parts { scheme, login, hosts, path, query })
}

/// Every `%` stands before two hexadecimal digits, and none of them means the byte that ends C's strings.
fn escapes_are_whole(text: &str) -> bool {
    text.split('%').skip(1).all(|after| {
        let digits = after.as_bytes();
        digits.len() >= 2 && digits[..2].iter().all(u8::is_ascii_hexdigit) && &digits[..2] != b"00"
    })
}

fn port_is_a_number(host: &str) -> bool {
    // An IPv6 address stands in brackets, and its colons are its own.
    let behind = host.rsplit_once(']').map_or(host, |(_, behind)| behind);
    behind.split_once(':').is_none_or(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()))
}

fn check_mysql(parts: &Parts<'_>) -> Result<(), UrlFlaw> {
    let settings =
        || parts.query.into_iter().flat_map(|query| query.split('&')).filter_map(|pair| pair.split_once('='));
    if settings().any(|(key, _)| !KNOWN_TO_MYSQL.contains(&key)) {
        let remedy = format!("it knows {}", KNOWN_TO_MYSQL.join(", "));
        return Err(UrlFlaw::new("the URL holds a setting that the driver would ignore", remedy));
    }
    if settings().any(asks) && !settings().any(|(key, value)| key == "ssl_ca" && !value.is_empty()) {
        return Err(UrlFlaw::new(
            "the URL asks for TLS and names no authority, and libmariadb would speak in plain text then",
            "name the server's certificate authority with `ssl_ca=/path/ca.pem`, which forces and verifies TLS",
        ));
    }
    if settings().any(|(key, value)| key == "ssl_mode" && value.eq_ignore_ascii_case("verify_identity")) {
        return Err(UrlFlaw::new(
            "the URL asks that the server's name be verified, but libmariadb verifies only who signed its certificate",
            "write `ssl_mode=VERIFY_CA` and `ssl_ca=` with an authority that signs nothing but your database servers",
        ));
    }
    Ok(())
}

/// The URL as it may be shown: without password and query, where keys and passwords can stand; of a malformed one only
/// the scheme.
pub fn redacted(url: &str) -> String {
    if Dialect::of_url(url) == Some(Dialect::Sqlite) {
        return url.split('?').next().unwrap_or_default().to_owned();
    }
    match split(url) {
        Some(Parts { scheme, login, hosts, path, .. }) => {
            let user = login.split(':').next().filter(|user| !user.is_empty());
            format!("{scheme}://{}{hosts}{path}", user.map(|user| format!("{user}@")).unwrap_or_default())
        }
        None => url.split_once("://").map_or("the database", |(scheme, _)| scheme).to_owned(),
    }
}

/// Does a MySQL URL ask for TLS?
pub fn asks_for_tls(url: &str) -> bool {
    settings(url).any(asks)
}

fn asks((key, value): (&str, &str)) -> bool {
    match key {
        "ssl_mode" => !["disabled", "preferred"].iter().any(|word| value.eq_ignore_ascii_case(word)),
        "ssl_ca" | "ssl_cert" => true,
        _ => false,
    }
}

fn settings(url: &str) -> impl Iterator<Item = (&str, &str)> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    query.split('&').filter_map(|pair| pair.split_once('='))
}

/// Where the data of a connection can be read on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// It does not leave this host.
    Here,
    /// Encrypted, to a server whose certificate is verified.
    Verified,
    /// In plain text, or to a server that anybody can stand in for.
    Open,
}

/// The way that a URL leads, whatever the server would offer.
pub fn way(url: &str) -> Way {
    let Some(Parts { hosts, .. }) = split(url) else { return Way::Here };
    let is = |wanted: &str, words: &[&str]| {
        settings(url).any(|(key, value)| key == wanted && words.iter().any(|word| value.eq_ignore_ascii_case(word)))
    };
    let (is_verified, elsewhere) = match Dialect::of_url(url) {
        Some(Dialect::Postgres) => {
            let named: Vec<&str> = settings(url)
                .filter(|(key, _)| ["host", "hostaddr", "service"].contains(key))
                .flat_map(|(_, value)| value.split(','))
                .chain(hosts.split(','))
                .collect();
            (is("sslmode", &["verify-full", "verify-ca"]), named.into_iter().any(|host| !is_here(host)))
        }
        Some(Dialect::Mysql) => {
            let is_socket = settings(url).any(|(key, _)| key == "unix_socket");
            (settings(url).any(|(key, _)| key == "ssl_ca"), !is_socket && !is_here(hosts))
        }
        Some(Dialect::Sqlite) | None => return Way::Here,
    };
    match (elsewhere, is_verified) {
        (false, _) => Way::Here,
        (true, true) => Way::Verified,
        (true, false) => Way::Open,
    }
}

/// A socket's folder, this host by name or number, or nothing, which means one of them.
fn is_here(host: &str) -> bool {
    let without_port = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.split_once(':').map_or(host, |(name, _)| name),
    };
    let is_folder = without_port.to_ascii_lowercase().starts_with("%2f") || without_port.starts_with(['/', '@']);
    let is_loopback = without_port.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    without_port.is_empty() || is_folder || is_loopback || without_port.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_could_be_read_in_two_ways_is_refused_without_a_piece_of_it() {
        for url in [
            "postgres://u:se%zzcret@h/db",
            "postgres://u:secret%@h/db",
            "postgres://u:secret%00@h/db",
            "postgres://u:se@secret@h/db",
            "postgres://u:secret/x@h/db",
            "postgres://u:secret/x",
            "postgres://u:12#secret@h/db",
            "postgres://u:12?secret@h/db",
            "postgres://u:secret x@h/db",
            "postgres://u@h/db?secret",
            "postgres://u@h/db?password=se=cret",
            "mysql://u:se@secret@h/db",
            "mysql://u@h/db?sslmode=secret",
            "u:secret@h/db",
            "secret",
        ] {
            let told = format!("{} {}", check(url).expect_err(url), redacted(url));
            assert!(!told.contains("cret"), "{url}: {told}");
        }
    }

    #[test]
    fn a_url_that_can_be_read_in_one_way_is_taken_and_shown_without_its_secrets() {
        for (url, shown) in [
            ("postgres://u:secret@h:5432/db?sslmode=require&password=secret", "postgres://u@h:5432/db"),
            ("postgres://u:se:c%2Fret@h1:1,h2:2/db", "postgres://u@h1:1,h2:2/db"),
            ("postgresql://u@%2Frun%2Fpostgresql/db", "postgresql://u@%2Frun%2Fpostgresql/db"),
            ("postgres:///db", "postgres:///db"),
            ("mysql://u:secret@[::1]:3306/db?ssl_ca=/etc/ca.pem&ssl_mode=VERIFY_CA", "mysql://u@[::1]:3306/db"),
            ("mariadb://:secret@h", "mariadb://h"),
            ("sqlite:///a/b.db", "sqlite:///a/b.db"),
            ("sqlite://rel/a b@c.db", "sqlite://rel/a b@c.db"),
        ] {
            assert_eq!(check(url).ok(), Dialect::of_url(url), "{url}");
            assert_eq!(redacted(url), shown);
        }
    }

    #[test]
    fn what_the_driver_would_ignore_or_not_keep_is_refused() {
        let remedy = |query: &str| check(&format!("mysql://u@h/db?{query}")).err().map(|flaw| flaw.remedy);
        assert!(remedy("sslmode=verify-full").is_some_and(|remedy| remedy.starts_with("it knows ssl_ca, ")));
        assert!(remedy("ssl_mode=VERIFY_IDENTITY&ssl_ca=x").is_some_and(|remedy| remedy.contains("VERIFY_CA")));
        assert_eq!(remedy("ssl_mode=VERIFY_CA&ssl_ca=x&unix_socket=/run/s"), None);
    }

    #[test]
    fn another_host_is_reached_encrypted_and_verified_or_in_the_open() {
        for (url, expected) in [
            ("sqlite:///a.db", Way::Here),
            ("postgres:///db", Way::Here),
            ("postgres://u:p@localhost:5432/db", Way::Here),
            ("postgres://u@127.3.2.1/db?sslmode=disable", Way::Here),
            ("postgres://u@[::1]:5432/db", Way::Here),
            ("postgres://u@%2Frun%2Fpostgresql/db", Way::Here),
            ("postgres:///db?host=/run/postgresql", Way::Here),
            ("postgres:///db?host=db.internal", Way::Open),
            ("postgres://u@localhost,db.internal/db", Way::Open),
            ("postgres://u@db.internal/db?sslmode=require", Way::Open),
            ("postgres://u@db.internal/db?sslmode=verify-full", Way::Verified),
            ("postgres://u@10.0.0.7/db?sslmode=verify-ca&connect_timeout=3", Way::Verified),
            ("mysql://u:p@db.internal/db", Way::Open),
            ("mariadb://u:p@db.internal/db?ssl_ca=/ca.pem", Way::Verified),
            ("mysql://u:p@localhost/db?unix_socket=/run/s", Way::Here),
            ("mysql://u:p@127.0.0.1:3307/db", Way::Here),
        ] {
            assert_eq!(way(url), expected, "{url}");
        }
    }

    #[test]
    fn tls_is_asked_for_by_every_word_but_two() {
        for (query, asks) in [
            ("", false),
            ("?ssl_mode=DISABLED", false),
            ("?ssl_mode=preferred", false),
            ("?ssl_mode=required", true),
            ("?unix_socket=/s&ssl_ca=/ca.pem", true),
            ("?ssl_cert=/c.pem", true),
        ] {
            assert_eq!(asks_for_tls(&format!("mysql://u@h/db{query}")), asks, "{query}");
        }
    }
}
