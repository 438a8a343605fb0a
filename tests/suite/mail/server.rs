//! A mail server in the test's own process: it speaks SMTP over real sockets and real TLS, and does at each step what the
//! test tells it to.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

pub const USER: &str = "tenure";
pub const PASSWORD: &str = "smtp-s3cret-never-shown";
/// Both, as PLAIN sends them: `printf '\0tenure\0smtp-s3cret-never-shown' | base64`.
pub const LOGIN: &str = "AHRlbnVyZQBzbXRwLXMzY3JldC1uZXZlci1zaG93bg==";

/// How the server is entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    Starttls,
    Implicit,
    /// Plain text, without a login.
    Plain,
    /// Plain text where TLS should be: it offers no STARTTLS.
    Stripped,
}

/// Where in the conversation the server asks what to do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    Greeting,
    Starttls,
    Login,
    Sender,
    Recipient(String),
    Data,
    /// After the mail's last line.
    End,
}

/// What it does there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// What a willing server does.
    GoOn,
    /// Answers this, and takes nothing.
    Say(&'static str),
    /// The same in bytes that may be no UTF-8.
    SayBytes(&'static [u8]),
    /// Writes a line that never ends.
    Flood,
    /// Writes a digit every so many milliseconds, and never a whole answer.
    Drip(u64),
    /// Does what a willing server does, after so many seconds.
    Dawdle(u64),
    /// Says nothing until the client has gone.
    Stall,
    HangUp,
    /// Goes on, and puts this behind its answer, as somebody on the way to it could.
    Smuggle(&'static str),
    /// Takes the mail, and hangs up without saying so.
    TakeAndHangUp,
    /// Takes the mail, and says nothing until the client has gone.
    TakeAndStall,
}

/// Called with a step and how often that step was reached before.
pub type Script = Box<dyn Fn(&Step, usize) -> Act + Send + Sync>;

/// A mail as the server took it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    pub from: String,
    pub to: String,
    /// Without the dots that SMTP puts before dots.
    pub bytes: Vec<u8>,
    pub encrypted: bool,
    /// Who had logged in.
    pub user: Option<String>,
}

pub struct Server {
    pub port: u16,
    /// The authority that signed its certificate.
    pub ca_pem: String,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

struct Shared {
    door: Door,
    script: Script,
    tls: Arc<ServerConfig>,
    counts: Mutex<BTreeMap<Step, usize>>,
    taken: Mutex<Vec<Taken>>,
    /// Everything that clients said, without TLS around it.
    heard: Mutex<Vec<u8>>,
    /// To be shut when the server stops, so that nobody waits for it.
    sockets: Mutex<Vec<TcpStream>>,
    stopped: AtomicBool,
}

impl Server {
    /// A server that takes everything.
    pub fn willing(door: Door) -> Self {
        Self::scripted(door, |_, _| Act::GoOn)
    }

    pub fn scripted(door: Door, script: impl Fn(&Step, usize) -> Act + Send + Sync + 'static) -> Self {
        let (ca_pem, own, key) = certificate();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            door,
            script: Box::new(script),
            tls: Arc::new(tls_config(&own, &key)),
            counts: Mutex::default(),
            taken: Mutex::default(),
            heard: Mutex::default(),
            sockets: Mutex::default(),
            stopped: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        let acceptor = thread::spawn(move || accept(&listener, &accepting));
        Self { port, ca_pem, shared, acceptor: Some(acceptor) }
    }

    /// What it has taken so far, in order.
    pub fn taken(&self) -> Vec<Taken> {
        self.shared.taken.lock().unwrap().clone()
    }

    /// How often a step was reached.
    pub fn count(&self, step: &Step) -> usize {
        self.shared.counts.lock().unwrap().get(step).copied().unwrap_or(0)
    }

    /// All that clients said.
    pub fn heard(&self) -> String {
        String::from_utf8_lossy(&self.shared.heard.lock().unwrap()).into_owned()
    }

    /// The `[mail]` of a config that leads here; the file of the authority is `ca.pem`.
    pub fn config(&self) -> String {
        let port = self.port;
        let way = match self.shared.door {
            Door::Starttls | Door::Stripped => {
                format!(
                    "smtp = \"smtp://{USER}@localhost:{port}\"\nca_file = \"ca.pem\"\npassword_file = \"smtp.password\"\n"
                )
            }
            Door::Implicit => {
                format!(
                    "smtp = \"smtps://{USER}@localhost:{port}\"\nca_file = \"ca.pem\"\npassword_file = \"smtp.password\"\n"
                )
            }
            Door::Plain => format!("smtp = \"smtp://127.0.0.1:{port}\"\ntls = \"none\"\n"),
        };
        format!("[mail]\nfrom = \"tenure <tenure@example.org>\"\n{way}timeout = 1\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // Wakes the acceptor.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        for socket in self.shared.sockets.lock().unwrap().drain(..) {
            let _ = socket.shutdown(Shutdown::Both);
        }
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

/// An authority of its own and a certificate of it for `localhost`: the authority in PEM, the certificate and its key.
fn certificate() -> (String, Certificate, KeyPair) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let ca_pem = authority.self_signed(&authority_key).unwrap().pem();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    (ca_pem, own, key)
}

/// The same for a server that reads files: authority, certificate and key.
pub fn certificate_pems() -> (String, String, String) {
    let (ca_pem, own, key) = certificate();
    (ca_pem, own.pem(), key.serialize_pem())
}

fn tls_config(own: &Certificate, key: &KeyPair) -> ServerConfig {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    config.with_no_client_auth().with_single_cert(vec![own.der().clone()], key).unwrap()
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for socket in listener.incoming() {
        if shared.stopped.load(Ordering::SeqCst) {
            return;
        }
        let Ok(socket) = socket else { continue };
        shared.sockets.lock().unwrap().push(socket.try_clone().unwrap());
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            // A client that goes away, or one that is hung up on, ends its conversation and nothing else.
            let _ = Talk::new(socket, shared).hold();
        });
    }
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Stream {
    fn over_tls(self, tls: &Arc<ServerConfig>) -> Self {
        match self {
            Stream::Plain(socket) => {
                let connection = ServerConnection::new(Arc::clone(tls)).unwrap();
                Stream::Tls(Box::new(StreamOwned::new(connection, socket)))
            }
            tls => tls,
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(socket) => socket.read(buffer),
            Stream::Tls(stream) => stream.read(buffer),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Stream::Plain(socket) => socket.write_all(bytes),
            Stream::Tls(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
        }
    }
}

/// One conversation.
struct Talk {
    stream: Option<Stream>,
    pending: Vec<u8>,
    shared: Arc<Shared>,
    user: Option<String>,
    from: String,
    to: String,
}

/// Why a conversation is over.
fn over() -> io::Error {
    io::ErrorKind::ConnectionAborted.into()
}

impl Talk {
    fn new(socket: TcpStream, shared: Arc<Shared>) -> Self {
        let (pending, from, to) = (Vec::new(), String::new(), String::new());
        Self { stream: Some(Stream::Plain(socket)), pending, shared, user: None, from, to }
    }

    fn hold(mut self) -> io::Result<()> {
        if self.shared.door == Door::Implicit {
            self.encrypt();
        }
        self.answer(Step::Greeting, "220 localhost ESMTP at your service")?;
        loop {
            let line = self.line()?;
            let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
            match verb.to_ascii_uppercase().as_str() {
                "EHLO" => self.say(&self.capabilities())?,
                "STARTTLS" => self.turn_to_tls()?,
                "AUTH" => self.log_in(rest)?,
                "MAIL" => {
                    self.from = address(rest);
                    self.answer(Step::Sender, "250 sender fine")?;
                }
                "RCPT" => {
                    let to = address(rest);
                    if self.answer(Step::Recipient(to.clone()), "250 recipient fine")? {
                        self.to = to;
                    }
                }
                "DATA" => self.take()?,
                "RSET" | "NOOP" => self.say("250 fine")?,
                "QUIT" => return self.say("221 bye"),
                _ => self.say("502 what?")?,
            }
        }
    }

    fn capabilities(&self) -> String {
        let encrypted = self.is_encrypted();
        let mut words = vec!["localhost", "8BITMIME"];
        if self.shared.door == Door::Starttls && !encrypted {
            words.push("STARTTLS");
        }
        if encrypted {
            words.push("AUTH PLAIN LOGIN");
        }
        let last = words.pop().unwrap();
        words.iter().map(|word| format!("250-{word}\r\n")).collect::<String>() + "250 " + last
    }

    fn turn_to_tls(&mut self) -> io::Result<()> {
        let smuggled = match self.act(Step::Starttls) {
            Act::Smuggle(words) => words,
            _ => "",
        };
        self.stream().write(format!("220 go ahead\r\n{smuggled}").as_bytes())?;
        self.encrypt();
        Ok(())
    }

    fn log_in(&mut self, rest: &str) -> io::Result<()> {
        let right = rest == format!("PLAIN {LOGIN}");
        if right && self.answer(Step::Login, "235 welcome")? {
            self.user = Some(USER.to_owned());
        } else if !right {
            self.say("535 5.7.8 wrong credentials")?;
        }
        Ok(())
    }

    fn take(&mut self) -> io::Result<()> {
        if !self.answer(Step::Data, "354 go on")? {
            return Ok(());
        }
        let mut bytes = Vec::new();
        loop {
            let line = self.raw_line()?;
            if line == b".\r\n" {
                break;
            }
            bytes.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
        let taken = Taken {
            from: self.from.clone(),
            to: self.to.clone(),
            bytes,
            encrypted: self.is_encrypted(),
            user: self.user.clone(),
        };
        let act = self.act(Step::End);
        if let Act::Dawdle(seconds) = act {
            thread::sleep(Duration::from_secs(seconds));
        }
        match act {
            Act::GoOn | Act::Dawdle(_) => {
                self.shared.taken.lock().unwrap().push(taken);
                self.say("250 2.0.0 taken")
            }
            Act::TakeAndHangUp => {
                self.shared.taken.lock().unwrap().push(taken);
                Err(over())
            }
            Act::TakeAndStall => {
                self.shared.taken.lock().unwrap().push(taken);
                self.refuse(Act::Stall)
            }
            act => self.refuse(act),
        }
    }

    /// Goes on with `usual`, or does what the script says; whether it went on.
    fn answer(&mut self, step: Step, usual: &str) -> io::Result<bool> {
        match self.act(step) {
            Act::GoOn => self.say(usual).map(|()| true),
            act => self.refuse(act).map(|()| false),
        }
    }

    fn act(&self, step: Step) -> Act {
        let before = {
            let mut counts = self.shared.counts.lock().unwrap();
            let count = counts.entry(step.clone()).or_default();
            *count += 1;
            *count - 1
        };
        (self.shared.script)(&step, before)
    }

    fn refuse(&mut self, act: Act) -> io::Result<()> {
        match act {
            Act::Say(words) => self.say(words),
            Act::SayBytes(bytes) => self.stream().write(bytes),
            Act::Flood => loop {
                self.stream().write(&[b'2'; 65_536])?;
            },
            Act::Drip(pause) => loop {
                self.stream().write(b"2")?;
                thread::sleep(Duration::from_millis(pause));
            },
            Act::Stall => {
                while self.stream().read(&mut [0; 512])? > 0 {}
                Err(over())
            }
            Act::GoOn | Act::HangUp | Act::Smuggle(_) | Act::Dawdle(_) | Act::TakeAndHangUp | Act::TakeAndStall => {
                Err(over())
            }
        }
    }

    fn encrypt(&mut self) {
        assert!(self.pending.is_empty(), "the client spoke in plain text behind STARTTLS");
        self.stream = self.stream.take().map(|stream| stream.over_tls(&self.shared.tls));
    }

    fn is_encrypted(&self) -> bool {
        matches!(self.stream, Some(Stream::Tls(_)))
    }

    fn stream(&mut self) -> &mut Stream {
        self.stream.as_mut().expect("a conversation has a stream")
    }

    fn say(&mut self, words: &str) -> io::Result<()> {
        let line = format!("{words}\r\n");
        self.stream().write(line.as_bytes())
    }

    fn line(&mut self) -> io::Result<String> {
        let line = self.raw_line()?;
        Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
    }

    /// With its end.
    fn raw_line(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some(end) = self.pending.iter().position(|byte| *byte == b'\n') {
                return Ok(self.pending.drain(..=end).collect());
            }
            let mut buffer = [0; 4096];
            let read = self.stream().read(&mut buffer)?;
            if read == 0 {
                return Err(over());
            }
            self.shared.heard.lock().unwrap().extend_from_slice(&buffer[..read]);
            self.pending.extend_from_slice(&buffer[..read]);
        }
    }
}

/// What stands between the angle brackets.
fn address(rest: &str) -> String {
    let inner = rest.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inner.map_or(String::new(), |(address, _)| address.to_owned())
}
