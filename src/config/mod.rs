//! `tenure.toml`: databases, state directory, guards, mail and where secrets come from.
//!
//! A secret is read when the config is, and from then on it is a [`Secret`]. No mistake shows one: neither its message nor
//! the line under which it stands, which is covered up unless its key is known to hold none.

pub mod daemon;
pub mod database_url;
pub mod mail;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::tz::TimeZone;
use url::Url;

use self::daemon::Daemon;
use self::mail::Mail;
use crate::base::dialect::Dialect;
use crate::base::pseudonym::Pseudonyms;
use crate::base::signing::Signer;
use crate::base::time::Period;
use crate::diagnostic::document::{self, Item, Table};
use crate::diagnostic::mistake::Mistake;
use crate::diagnostic::place::Source;
use crate::schedule::{Guard, check, notation};

pub use crate::base::secret::Secret;

/// The checked config. Every secret in it was read from its file, environment variable or credential already.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file it was read from; `None` where everything came from the command line.
    pub path: Option<PathBuf>,
    /// Schedule files, patterns expanded, sorted.
    pub schedules: Vec<PathBuf>,
    /// Where reports are written.
    pub state_dir: PathBuf,
    pub databases: BTreeMap<String, DatabaseConfig>,
    /// Guards for rules that state none of their own.
    pub guard: Guard,
    /// Key of the `hmac` redaction, where one is configured (`hmac_key_file`).
    pub hmac_key: Option<Secret>,
    /// Keys that were used before it (`former_hmac_key_files`): people who were erased under them are still known by them.
    pub former_hmac_keys: Vec<Secret>,
    /// Where reports are mailed to; `None` where they are not.
    pub mail: Option<Mail>,
    /// Signs the ledger's entries; `None` where they are not signed.
    pub signer: Option<Arc<Signer>>,
    /// How long the ledger keeps the batches of closed runs, beside their digests.
    pub ledger_retain: Period,
    /// When the daemon may work, and how much.
    pub daemon: Daemon,
    /// What is odd about the file and stops nothing.
    pub warnings: Vec<Mistake>,
}

#[derive(Debug, Clone)]
pub struct DatabaseConfig {
    pub name: String,
    pub url: Secret,
    /// For plans and checks, where given.
    pub read_only_url: Option<Secret>,
    /// Connections over which a run may erase people at a time, where the database lets several write.
    pub workers: u32,
    /// What naive timestamps in it mean.
    pub naive_timezone: TimeZone,
    /// SQLite: up to this size, in MiB, the file is written anew after people were erased; 0 for never.
    pub vacuum_up_to_mib: u64,
}

impl DatabaseConfig {
    /// A database of which nothing else is said.
    fn for_url(url: &str) -> Self {
        Self {
            name: MAIN.to_owned(),
            url: Secret::new(url),
            read_only_url: None,
            workers: 1,
            naive_timezone: TimeZone::UTC,
            vacuum_up_to_mib: VACUUM_UP_TO_MIB,
        }
    }
}

impl Config {
    /// The database that is meant where none is named: `main`, else the only one.
    pub fn default_database(&self) -> Option<&DatabaseConfig> {
        let only = || self.databases.values().next().filter(|_| self.databases.len() == 1);
        self.databases.get(MAIN).or_else(only)
    }

    /// The same for a database that was named on the command line, instead of those of the file. It is the file's by that very
    /// URL or, by another one, that which is meant where none is named: so its naive times mean what they mean there. What
    /// is read by `read_only_url` there may be another database.
    pub(crate) fn on(self, url: &str) -> Self {
        let by_url = self.databases.values().find(|database| database.url.reveal() == url);
        let database = match by_url.or_else(|| self.default_database()) {
            Some(known) => DatabaseConfig { url: Secret::new(url), read_only_url: None, ..known.clone() },
            None => DatabaseConfig::for_url(url),
        };
        Self { databases: BTreeMap::from([(database.name.clone(), database)]), ..self }
    }

    /// What people are called in the ledger; `None` where there is no key to call them by.
    pub fn pseudonyms(&self) -> Option<Pseudonyms> {
        Some(Pseudonyms::new(self.hmac_key.clone()?, self.former_hmac_keys.clone()))
    }
}

/// What rules mean that name no database.
const MAIN: &str = "main";

/// Where a config is looked for when neither the command line nor the environment names one.
const USUAL_PLACES: [&str; 2] = ["tenure.toml", "/etc/tenure/tenure.toml"];

/// The folder for reports where nothing names one.
const DEFAULT_STATE_DIR: &str = "tenure-state";

/// Parallel connections of one database: more of them would only wait for each other.
const MOST_WORKERS: u64 = 64;

/// A SQLite file cannot be larger.
const MOST_MIB: u64 = 281_474_976;

/// Written anew in about a second, for which writers wait.
const VACUUM_UP_TO_MIB: u64 = 64;

/// The shortest key of the `hmac` redaction, in bytes: a shorter one can be guessed from a few known values.
const SHORTEST_HMAC_KEY: usize = 16;

/// Environment variables by name; tests bring their own.
type Environment<'e> = &'e dyn Fn(&str) -> Option<String>;

impl Config {
    /// Reads the config: `explicit`, else `$TENURE_CONFIG`, else `./tenure.toml`, else `/etc/tenure/tenure.toml`; `None`
    /// where there is none of them. A file that was named and is not there is a mistake.
    ///
    /// # Errors
    /// All mistakes of the file, in its order.
    pub fn load(explicit: Option<&Path>) -> Result<Option<Config>, Vec<Mistake>> {
        let environment = |name: &str| std::env::var(name).ok();
        find(explicit, &environment).map(|path| read(&path, &environment)).transpose()
    }

    /// The config of a command that was given a database and no file: that database, called `main`, and defaults.
    pub fn for_url(url: &str) -> Config {
        let database = DatabaseConfig::for_url(url);
        Config {
            path: None,
            schedules: Vec::new(),
            state_dir: default_state_dir(Path::new("."), &|name| std::env::var(name).ok()),
            databases: BTreeMap::from([(database.name.clone(), database)]),
            guard: Guard::default(),
            hmac_key: None,
            former_hmac_keys: Vec::new(),
            signer: None,
            ledger_retain: default_ledger_retain(),
            mail: None,
            daemon: Daemon::default(),
            warnings: Vec::new(),
        }
    }
}

fn find(explicit: Option<&Path>, environment: Environment) -> Option<PathBuf> {
    let named = || environment("TENURE_CONFIG").filter(|path| !path.is_empty()).map(PathBuf::from);
    let usual = || USUAL_PLACES.iter().map(PathBuf::from).find(|path| path.exists());
    explicit.map(Path::to_owned).or_else(named).or_else(usual)
}

/// `$STATE_DIRECTORY`, which systemd sets (to several folders with colons between them), else a folder in `base`.
fn default_state_dir(base: &Path, environment: Environment) -> PathBuf {
    let given = environment("STATE_DIRECTORY").and_then(|list| list.split(':').next().map(PathBuf::from));
    given.filter(|path| !path.as_os_str().is_empty()).unwrap_or_else(|| base.join(DEFAULT_STATE_DIR))
}

fn read(path: &Path, environment: Environment) -> Result<Config, Vec<Mistake>> {
    let file =
        Source::read("config", path).map_err(|mistake| vec![mistake.remedy("name another with --config FILE")])?;
    let shown = Arc::new(Source { path: file.path, text: covered(&file.text) });
    let reader = Reader { folder: path.parent().unwrap_or(Path::new("")), environment };
    let (config, warnings) = document::read(shown, &file.text, "config", |root| reader.config(path, root))?;
    Ok(Config { warnings, ..config })
}

/// The text with every line covered by asterisks but headers and those keys that hold no secret. Bytes keep their places,
/// so that mistakes are still shown under the right line.
fn covered(text: &str) -> String {
    const OPEN_KEYS: [&str; 28] = [
        "schedules",
        "state_dir",
        "hmac_key_file",
        "former_hmac_key_files",
        "signing_key_file",
        "retain",
        "url_file",
        "password_file",
        "read_only_password_file",
        "workers",
        "naive_timezone",
        "vacuum_up_to_mib",
        "max_share",
        "max_rows",
        "transport",
        "tls",
        "ca_file",
        "timeout",
        "sendmail",
        "folder",
        "on",
        "policy",
        "window",
        "budget",
        "budget_rows",
        "jitter",
        "max_gap",
        "metrics",
    ];
    let cover = |line: &str| {
        let (key, value) = line.split_once('=').unwrap_or(("", line));
        let header = line.trim_start().starts_with('[') && !line.contains(['=', '"', '\'', ',', '@']);
        if header || OPEN_KEYS.contains(&key.trim()) {
            return line.to_owned();
        }
        let stars: String =
            value.bytes().map(|byte| if byte.is_ascii_whitespace() { char::from(byte) } else { '*' }).collect();
        line[..line.len() - value.len()].to_owned() + &stars
    };
    text.split_inclusive('\n').map(cover).collect()
}

/// What a config file is read with: the folder that its paths start from, and the environment.
struct Reader<'e> {
    folder: &'e Path,
    environment: Environment<'e>,
}

impl Reader<'_> {
    fn config(&self, path: &Path, root: &Table) -> Option<Config> {
        root.knows(&[
            "schedules",
            "state_dir",
            "hmac_key_file",
            "former_hmac_key_files",
            "database",
            "guard",
            "mail",
            "daemon",
            "ledger",
        ]);
        let schedules = root.get("schedules").map(|item| self.schedules(&item)).unwrap_or_default();
        let state_dir = match root.get("state_dir") {
            Some(item) => item.text().map(|text| self.folder.join(text)),
            None => Some(default_state_dir(self.folder, self.environment)),
        };
        let databases = root.get("database").map(|item| self.databases(&item)).unwrap_or_default();
        let guard = root.get("guard").and_then(|item| check::guard(&item)).unwrap_or_default();
        let hmac_key = root.get("hmac_key_file").and_then(|item| self.hmac_key(&item));
        let former_hmac_keys =
            root.get("former_hmac_key_files").map(|item| self.former_hmac_keys(&item, hmac_key.is_some()));
        let ledger = root.get("ledger").and_then(|item| item.table());
        let signer = ledger.as_ref().and_then(|table| self.signer(table));
        let ledger_retain = ledger.as_ref().and_then(ledger_retain).unwrap_or_else(default_ledger_retain);
        let mail = root.get("mail").and_then(|item| self.mail(&item, state_dir.as_deref()));
        let daemon = root.get("daemon").and_then(|item| self.daemon(&item)).unwrap_or_default();
        let path = Some(path.to_owned());
        Some(Config {
            path,
            schedules,
            state_dir: state_dir?,
            databases,
            guard,
            hmac_key,
            former_hmac_keys: former_hmac_keys.unwrap_or_default(),
            mail,
            signer,
            ledger_retain,
            daemon,
            warnings: Vec::new(),
        })
    }

    /// The files that the patterns match, sorted, each once.
    fn schedules(&self, item: &Item) -> Vec<PathBuf> {
        let mut files: Vec<_> = item.one_or_more().iter().flat_map(|pattern| self.matches(pattern)).collect();
        files.sort();
        files.dedup();
        files
    }

    fn matches(&self, item: &Item) -> Vec<PathBuf> {
        let Some(pattern) = item.text() else { return Vec::new() };
        let folder = PathBuf::from(glob::Pattern::escape(&self.folder.to_string_lossy()));
        let files: Vec<_> = match glob::glob(&folder.join(pattern).to_string_lossy()) {
            Ok(paths) => paths.flatten().filter(|path| path.is_file()).collect(),
            Err(error) => {
                item.refuse(format!("this is no pattern: {}", error.msg), "write for example \"schedules/*.toml\"");
                return Vec::new();
            }
        };
        if files.is_empty() {
            let remedy = "patterns start from the folder of this file; correct it, or take it out";
            item.refuse(format!("no file matches `{pattern}`"), remedy);
        }
        files
    }

    fn databases(&self, item: &Item) -> BTreeMap<String, DatabaseConfig> {
        let entries = item.table().map(|table| table.items()).unwrap_or_default();
        entries
            .iter()
            .filter_map(|entry| self.database(entry))
            .map(|database| (database.name.clone(), database))
            .collect()
    }

    fn database(&self, item: &Item) -> Option<DatabaseConfig> {
        let name = notation::label(item.name()).map_err(|flaw| item.refuse(flaw.message, &flaw.remedy)).ok();
        let table = item.table()?.called(format!("database `{}`", item.name()));
        table.knows(&[
            "url",
            "url_file",
            "password_file",
            "read_only_url",
            "read_only_password_file",
            "workers",
            "naive_timezone",
            "vacuum_up_to_mib",
        ]);
        let url = self.url(&table);
        let read_only_url = self.read_only_url(&table);
        let workers = table.get("workers").and_then(|item| item.whole(1..=MOST_WORKERS)).unwrap_or(1);
        let naive_timezone = match table.get("naive_timezone") {
            Some(item) => item.parse(notation::timezone),
            None => Some(TimeZone::UTC),
        };
        let largest = table.get("vacuum_up_to_mib");
        let vacuum_up_to_mib = match largest.as_ref().map(|item| item.whole(0..=MOST_MIB)) {
            Some(given) => given?,
            None => VACUUM_UP_TO_MIB,
        };
        Some(DatabaseConfig {
            name: name?,
            url: url?,
            read_only_url,
            workers: u32::try_from(workers).expect("MOST_WORKERS fits"),
            naive_timezone: naive_timezone?,
            vacuum_up_to_mib,
        })
    }

    fn url(&self, table: &Table) -> Option<Secret> {
        let (item, url) = match (table.get("url"), table.get("url_file")) {
            (Some(_), Some(file)) => {
                file.refuse("`url` is there too", "take one of the two out");
                return None;
            }
            (Some(item), None) => self.expand(&item).map(|url| (item, url))?,
            (None, Some(item)) => self.secret_file(&item).map(|url| (item, url))?,
            (None, None) => {
                table.refuse("it has no URL", "write `url = \"postgres://user@host/database\"` or `url_file`");
                return None;
            }
        };
        check_url(&item, &url)?;
        self.with_password(url, table.get("password_file"))
    }

    fn read_only_url(&self, table: &Table) -> Option<Secret> {
        let password_file = table.get("read_only_password_file");
        let Some(item) = table.get("read_only_url") else {
            if let Some(file) = password_file {
                file.refuse("there is no `read_only_url` that it belongs to", "add the URL, or take it out");
            }
            return None;
        };
        let url = self.expand(&item)?;
        check_url(&item, &url)?;
        self.with_password(url, password_file)
    }

    /// The URL with the password of a file in it, where one is named.
    fn with_password(&self, url: String, password_file: Option<Item>) -> Option<Secret> {
        let Some(item) = password_file else { return Some(Secret::new(url)) };
        let password = self.secret_file(&item)?;
        match put_password(&url, &password) {
            Ok(url) => Some(Secret::new(url)),
            Err(message) => {
                let remedy = "write the URL as postgres://user@host/database, a socket's folder as %2Frun%2Fpostgresql";
                item.refuse(message, remedy);
                None
            }
        }
    }

    /// `[ledger]`: the key that signs its entries.
    fn signer(&self, table: &Table) -> Option<Arc<Signer>> {
        table.knows(&["signing_key_file", "retain"]);
        let item = table.get("signing_key_file")?;
        let signer = Signer::from_pem(&(self.secret_file(&item)? + "\n"));
        if signer.is_none() {
            item.refuse("the file holds no Ed25519 key", "make one with `tenure keys generate --out FILE`");
        }
        signer.map(Arc::new)
    }

    fn hmac_key(&self, item: &Item) -> Option<Secret> {
        let key = self.secret_file(item)?;
        if key.len() < SHORTEST_HMAC_KEY {
            let message = format!("the key is shorter than {SHORTEST_HMAC_KEY} bytes");
            item.refuse(message, "make one with `openssl rand -hex 32`");
            return None;
        }
        Some(Secret::new(key))
    }

    fn former_hmac_keys(&self, item: &Item, has_current: bool) -> Vec<Secret> {
        if !has_current {
            item.refuse("there is no `hmac_key_file` that came after them", "name the key of today as `hmac_key_file`");
        }
        item.one_or_more().iter().filter_map(|file| self.hmac_key(file)).collect()
    }

    /// The text of the file that an item names, without the newline at its end.
    ///
    /// Mistakes show the path as it was written: a variable in it may turn out to hold the secret itself.
    fn secret_file(&self, item: &Item) -> Option<String> {
        let written = item.text()?;
        let path = self.folder.join(self.expand(item)?);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text.trim_end_matches(['\n', '\r']).to_owned(),
            Err(reason) => {
                let remedy = "it must be a file of UTF-8 text that tenure's user may read";
                item.refuse(format!("cannot read `{written}`: {reason}"), remedy);
                return None;
            }
        };
        if text.is_empty() {
            item.refuse(format!("`{written}` is empty"), "put the secret into it, on one line");
            return None;
        }
        warn_if_public(item, written, &path);
        Some(text)
    }

    /// The text with every `${NAME}` replaced from the environment.
    fn expand(&self, item: &Item) -> Option<String> {
        let mut rest = item.text()?;
        let mut out = String::new();
        while let Some((before, after)) = rest.split_once("${") {
            let Some((name, behind)) = after.split_once('}') else {
                item.refuse("a `${` is not closed", "write `${NAME}`");
                return None;
            };
            let Some(value) = (self.environment)(name) else {
                item.refuse(format!("the environment variable `{name}` is not set"), "set it, or write the value here");
                return None;
            };
            out.push_str(before);
            out.push_str(&value);
            rest = behind;
        }
        out.push_str(rest);
        Some(out)
    }
}

fn default_ledger_retain() -> Period {
    Period::parse("7 years").expect("this is a period")
}

fn ledger_retain(table: &Table) -> Option<Period> {
    table.get("retain").and_then(|item| item.parse(notation::period))
}

fn check_url(item: &Item, url: &str) -> Option<()> {
    database_url::check(url).map_err(|flaw| item.refuse(flaw.reason, &flaw.remedy)).is_ok().then_some(())
}

fn put_password(url: &str, password: &str) -> Result<String, String> {
    if Dialect::of_url(url) == Some(Dialect::Sqlite) {
        return Err("SQLite takes no password".to_owned());
    }
    let mut url = Url::parse(url).map_err(|reason| format!("the URL cannot take the password: {reason}"))?;
    if url.password().is_some() {
        return Err("the URL holds a password already".to_owned());
    }
    // The crate leaves a percent sign as it is, but the driver would read it as the start of an escape.
    let escaped = password.replace('%', "%25");
    url.set_password(Some(&escaped))
        .map_err(|()| "the URL names no host, so it cannot take the password".to_owned())?;
    Ok(url.into())
}

fn warn_if_public(item: &Item, written: &str, path: &Path) {
    const READABLE_BY_EVERYBODY: u32 = 0o004;
    let public = fs::metadata(path).is_ok_and(|file| file.permissions().mode() & READABLE_BY_EVERYBODY != 0);
    if public {
        item.warn(format!("everybody on this host may read `{written}`"), &format!("run `chmod 600 {written}`"));
    }
}

#[cfg(test)]
mod tests;
