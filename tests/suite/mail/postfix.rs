//! A real mail server: Debian's postfix, unpacked and not installed, with directories, port and users of its own.
//!
//! It asks two services of ours: who may log in (in the words of Dovecot's authentication protocol, since Cyrus's would
//! want files in /etc), and whether a recipient is welcome (its policy protocol).

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use tempfile::TempDir;

use super::server::{LOGIN, USER, certificate_pems};
use super::{await_until, parsed};
use crate::real::package;

/// Users of every Debian that own nothing that matters: postfix wants one that is not root, and a group.
const OWNER: u32 = 9;
const GROUP: u32 = 10;

/// What it says to recipients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    Welcoming,
    /// Puts every recipient off whom it has not seen in this mood.
    Greylisting,
    Refusing,
}

pub struct Postfix {
    dir: TempDir,
    root: PathBuf,
    pub port: u16,
    pub ca_pem: String,
    mood: Arc<Mutex<Mood>>,
    master: Option<Child>,
}

impl Postfix {
    /// Up and running; `None` where only root could start it.
    pub fn start() -> Option<Self> {
        if fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) != 0) {
            return None;
        }
        let root = package::unpacked("postfix", "./usr/*").join("usr");
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let mood = Arc::new(Mutex::new(Mood::Welcoming));
        let policy = serve_policy(Arc::clone(&mood));
        serve_logins(&dir.path().join("logins"));
        let (ca_pem, certificate, key) = certificate_pems();
        fs::write(dir.path().join("server.pem"), certificate).unwrap();
        fs::write(dir.path().join("server.key"), key).unwrap();
        let port = free_port();
        let mut postfix = Self { dir, root, port, ca_pem, mood, master: None };
        postfix.write_config(policy);
        postfix.come_back();
        Some(postfix)
    }

    /// The `[mail]` of a config that leads here; the file of the authority is `ca.pem`.
    pub fn config(&self) -> String {
        format!(
            "[mail]\nfrom = \"tenure <tenure@example.org>\"\nsmtp = \"smtp://{USER}@localhost:{}\"\n\
             ca_file = \"ca.pem\"\npassword_file = \"smtp.password\"\ntimeout = 2\n",
            self.port
        )
    }

    pub fn be(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    /// Ends it, as `systemctl stop` does.
    pub fn go_away(&mut self) {
        if let Some(mut master) = self.master.take() {
            signal(&master, "TERM");
            master.wait().unwrap();
        }
    }

    pub fn come_back(&mut self) {
        let config = self.dir.path().join("etc");
        let mut master = Command::new(self.root.join("lib/postfix/sbin/master"));
        master.arg("-c").arg(&config).arg("-d");
        master.env("MAIL_CONFIG", &config).env("LD_LIBRARY_PATH", self.root.join("lib/postfix"));
        master.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.master = Some(master.spawn().unwrap());
        await_until(|| TcpStream::connect(("127.0.0.1", self.port)).is_ok());
    }

    /// Stops all its processes where they are: who connects is connected, and hears nothing.
    pub fn stall(&self) {
        signal(self.master.as_ref().unwrap(), "STOP");
    }

    pub fn wake(&self) {
        signal(self.master.as_ref().unwrap(), "CONT");
    }

    /// The mails that it has delivered.
    pub fn delivered(&self) -> Vec<Vec<u8>> {
        let entries = fs::read_dir(self.dir.path().join("mail/all/new")).into_iter().flatten();
        entries.map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect()
    }

    /// The Message-IDs and recipients of what it has delivered, sorted, as soon as there are `count` of them.
    pub fn arrived(&self, count: usize) -> Vec<(String, String)> {
        await_until(|| self.delivered().len() >= count);
        let mails = self.delivered();
        let id_and_recipient = |bytes: &Vec<u8>| {
            let mail = parsed(bytes);
            let header = |name: &str| mail.header_raw(name).unwrap_or_default().trim().to_owned();
            (mail.message_id().unwrap_or_default().to_owned(), header("Delivered-To"))
        };
        let mut all: Vec<_> = mails.iter().map(id_and_recipient).collect();
        all.sort();
        all
    }

    fn write_config(&self, policy: u16) {
        let dir = self.dir.path();
        for name in ["etc", "data", "mail", "queue"] {
            fs::create_dir(dir.join(name)).unwrap();
        }
        for name in ["data", "mail"] {
            chown(dir.join(name), Some(OWNER), None).unwrap();
        }
        for name in
            "active bounce corrupt defer deferred flush hold incoming maildrop private public saved trace".split(' ')
        {
            let queue = dir.join("queue").join(name);
            fs::create_dir(&queue).unwrap();
            let group = ["maildrop", "public"].contains(&name).then_some(GROUP);
            chown(queue, Some(OWNER), group).unwrap();
        }
        fs::create_dir(dir.join("queue/pid")).unwrap();
        let (here, usr, port) = (dir.display(), self.root.display(), self.port);
        fs::write(
            dir.join("etc/main.cf"),
            format!(
                "compatibility_level = 3.6\nmyhostname = localhost\nmydestination =\ninet_interfaces = 127.0.0.1\n\
                 inet_protocols = ipv4\nqueue_directory = {here}/queue\ndata_directory = {here}/data\n\
                 daemon_directory = {usr}/lib/postfix/sbin\ncommand_directory = {usr}/sbin\n\
                 shlib_directory = {usr}/lib/postfix\nmeta_directory = {here}/etc\nmail_owner = news\n\
                 setgid_group = uucp\ndefault_database_type = texthash\nalias_maps =\nalias_database =\n\
                 maillog_file = {here}/log\nmaillog_file_prefixes = {here}\n\
                 import_environment = MAIL_CONFIG MAIL_LOGTAG TZ LD_LIBRARY_PATH\n\
                 virtual_mailbox_domains = example.org\nvirtual_mailbox_maps = static:all/\n\
                 virtual_mailbox_base = {here}/mail\nvirtual_uid_maps = static:{OWNER}\n\
                 virtual_gid_maps = static:{OWNER}\nvirtual_minimum_uid = 1\n\
                 smtpd_tls_security_level = encrypt\nsmtpd_tls_auth_only = yes\n\
                 smtpd_tls_cert_file = {here}/server.pem\nsmtpd_tls_key_file = {here}/server.key\n\
                 smtpd_sasl_auth_enable = yes\nsmtpd_sasl_type = dovecot\nsmtpd_sasl_path = {here}/logins\n\
                 smtpd_recipient_restrictions = reject_unauth_destination,\n\
                 \x20   check_policy_service inet:127.0.0.1:{policy}, permit_sasl_authenticated, reject\n"
            ),
        )
        .unwrap();
        fs::write(
            dir.join("etc/master.cf"),
            format!(
                "127.0.0.1:{port} inet n - n - - smtpd\ncleanup unix n - n - 0 cleanup\nqmgr unix n - n 300 1 qmgr\n\
                 tlsmgr unix - - n 1000? 1 tlsmgr\nrewrite unix - - n - - trivial-rewrite\nbounce unix - - n - 0 bounce\n\
                 defer unix - - n - 0 bounce\ntrace unix - - n - 0 bounce\nvirtual unix - n n - - virtual\n\
                 anvil unix - - n - 1 anvil\nproxymap unix - - n - - proxymap\nerror unix - - n - - error\n\
                 retry unix - - n - - error\npostlog unix-dgram n - n - 1 postlogd\n"
            ),
        )
        .unwrap();
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        if thread::panicking() {
            let log = fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
            eprintln!("postfix's log:\n{log}");
        }
        if let Some(master) = &self.master {
            signal(master, "CONT");
        }
        self.go_away();
    }
}

/// To it and all its children.
fn signal(master: &Child, name: &str) {
    let _ = Command::new("sh").arg("-c").arg(format!("kill -{name} -{}", master.id())).status();
}

/// Below the kernel's ephemeral range, so that nobody takes it while the server is away.
fn free_port() -> u16 {
    let start = std::process::id() as u16 % 6_000;
    let mut ports = (0..6_000).map(|offset| 26_000 + (start + offset) % 6_000);
    ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).expect("a port is free")
}

/// Postfix's policy protocol: lines up to an empty one are a question.
fn serve_policy(mood: Arc<Mutex<Mood>>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = Arc::new(Mutex::new(BTreeSet::new()));
    thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let (mood, seen) = (Arc::clone(&mood), Arc::clone(&seen));
            thread::spawn(move || {
                let mut answers = socket.try_clone().unwrap();
                let mut recipient = String::new();
                for line in BufReader::new(socket).lines().map_while(Result::ok) {
                    if let Some(named) = line.strip_prefix("recipient=") {
                        recipient = named.to_owned();
                    } else if line.is_empty() {
                        let mood = *mood.lock().unwrap();
                        let action = match mood {
                            Mood::Welcoming => "DUNNO",
                            Mood::Refusing => "REJECT not today",
                            Mood::Greylisting if seen.lock().unwrap().insert(recipient.clone()) => "DEFER greylisted",
                            Mood::Greylisting => "DUNNO",
                        };
                        let _ = write!(answers, "action={action}\n\n");
                    }
                }
            });
        }
    });
    port
}

/// Dovecot's authentication protocol, as much of it as a login by PLAIN takes.
fn serve_logins(path: &Path) {
    let listener = UnixListener::bind(path).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o666)).unwrap();
    thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut answers = socket.try_clone().unwrap();
                let greeting = "VERSION\t1\t1\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\n\
                                COOKIE\t00112233445566778899aabbccddeeff\nDONE\n";
                let _ = answers.write_all(greeting.as_bytes());
                for line in BufReader::new(socket).lines().map_while(Result::ok) {
                    let fields: Vec<_> = line.split('\t').collect();
                    if fields[0] == "AUTH" {
                        let right = fields.contains(&format!("resp={LOGIN}").as_str());
                        let answer = if right { "OK" } else { "FAIL" };
                        let _ = writeln!(answers, "{answer}\t{}\tuser={USER}", fields[1]);
                    }
                }
            });
        }
    });
}
