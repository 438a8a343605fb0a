//! A TCP proxy between tenure and a server, which can cut the line at any message.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use tenure::db::Dialect;

use crate::harness::TestDb;

/// What becomes of a message from tenure to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Pass,
    /// The line is cut before the server hears of it.
    Lost,
    /// The server does it and answers; the line is cut before tenure hears of that.
    Unanswered,
    /// Tenure's line is cut at once; the server hears of it later, once [`Proxy::let_arrive`] lets it.
    Late,
}

/// Decides over each message, of all connections, in the order in which they come.
pub type Judge = Box<dyn FnMut(&[u8]) -> Fate + Send>;

/// Listens until the test ends.
pub struct Proxy {
    url: String,
    late: Arc<Late>,
}

/// Whether messages that are late may arrive now.
#[derive(Default)]
struct Late {
    may_arrive: Mutex<bool>,
    changed: Condvar,
}

impl Late {
    fn wait(&self) {
        let may_arrive = self.may_arrive.lock().expect("nobody panics with it");
        let _arrives = self.changed.wait_while(may_arrive, |may| !*may).expect("nobody panics with it");
    }
}

impl Proxy {
    /// In front of the database's server.
    pub fn before(db: &TestDb, judge: Judge) -> Self {
        let mut url = url::Url::parse(db.url()).expect("the database has a URL");
        let server = format!("127.0.0.1:{}", url.port().expect("the server has a port of its own"));
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let judge = Arc::new(Mutex::new(judge));
        let dialect = db.dialect;
        let late = Arc::new(Late::default());
        let arrival = Arc::clone(&late);
        thread::spawn(move || {
            for tenure in listener.incoming().flatten() {
                let (judge, server, late) = (Arc::clone(&judge), server.clone(), Arc::clone(&arrival));
                thread::spawn(move || relay(&tenure, Requests::of(dialect), &server, &judge, &late));
            }
        });
        url.set_port(Some(port)).expect("the URL has a host");
        if db.dialect == Dialect::Postgres {
            // What is enciphered cannot be told apart.
            url.set_query(Some("sslmode=disable"));
        }
        Self { url: url.into(), late }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Lets the server hear of messages that are late.
    pub fn let_arrive(&self) {
        *self.late.may_arrive.lock().expect("nobody panics with it") = true;
        self.late.changed.notify_all();
    }
}

/// What tenure sends, message by message: their number must not depend on how the network packed them.
enum Requests {
    /// libpq writes a request with one call and waits for its answer, so what one read returns is one.
    Postgres,
    /// A packet of MySQL's is its length in three bytes, a number, and so many bytes. Some have no answer, and come
    /// together with the next.
    Mysql(Vec<u8>),
}

impl Requests {
    fn of(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Sqlite => panic!("SQLite has no server"),
            Dialect::Postgres => Self::Postgres,
            Dialect::Mysql => Self::Mysql(Vec::new()),
        }
    }

    /// The messages that are whole now.
    fn hear(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let heard = match self {
            Self::Postgres => return vec![bytes.to_vec()],
            Self::Mysql(heard) => heard,
        };
        heard.extend(bytes);
        let mut messages = Vec::new();
        while let [low, middle, high, _, ..] = heard[..] {
            let length = 4 + u32::from_le_bytes([low, middle, high, 0]) as usize;
            if heard.len() < length {
                break;
            }
            messages.push(heard.drain(..length).collect());
        }
        messages
    }
}

/// Ends with the connection, whichever side ends it; where the server is away, the connection is refused.
fn relay(tenure: &TcpStream, mut requests: Requests, server: &str, judge: &Mutex<Judge>, late: &Late) {
    let Ok(server) = TcpStream::connect(server) else { return hang_up(tenure) };
    for socket in [tenure, &server] {
        socket.set_nodelay(true).expect("a socket can be told not to wait for more");
    }
    let muted = Arc::new(Mutex::new(false));
    let answers = {
        let (from, to) = (clone(&server), clone(tenure));
        let muted = Arc::clone(&muted);
        thread::spawn(move || pass_answers(from, to, &muted))
    };
    let mut buffer = vec![0; 1 << 20];
    'connection: while let Ok(length @ 1..) = clone(tenure).read(&mut buffer) {
        for message in requests.hear(&buffer[..length]) {
            // Its panic, if any, is the test's to tell: the line is cut.
            let Ok(fate) = judge.lock().map(|mut judge| judge(&message)) else { break 'connection };
            match fate {
                Fate::Pass if clone(&server).write_all(&message).is_ok() => continue,
                Fate::Pass | Fate::Lost => {}
                Fate::Unanswered | Fate::Late => {
                    *muted.lock().expect("nobody panics with it") = true;
                    if fate == Fate::Late {
                        hang_up(tenure);
                        late.wait();
                    }
                    if clone(&server).write_all(&message).is_ok() && server.shutdown(Shutdown::Write).is_ok() {
                        // The server does what it was asked, answers where there is an answer, and hangs up.
                        let _ = answers.join();
                    }
                }
            }
            break 'connection;
        }
    }
    hang_up(tenure);
    hang_up(&server);
}

/// From the server to tenure, until the server hangs up; answers that are muted are read and dropped.
fn pass_answers(mut server: TcpStream, mut tenure: TcpStream, muted: &Mutex<bool>) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(length @ 1..) = server.read(&mut buffer) {
        let is_muted = *muted.lock().expect("nobody panics with it");
        if !is_muted && tenure.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    hang_up(&tenure);
}

fn clone(stream: &TcpStream) -> TcpStream {
    stream.try_clone().expect("a socket can be cloned")
}

fn hang_up(stream: &TcpStream) {
    let hung_up: io::Result<()> = stream.shutdown(Shutdown::Both);
    // It may be closed already, which is as well.
    let _ = hung_up;
}

/// Is this the message that commits a transaction?
pub fn is_commit(message: &[u8]) -> bool {
    holds(message, "COMMIT")
}

/// Does it hold these words, in SQL's own letters?
pub fn holds(message: &[u8], words: &str) -> bool {
    message.windows(words.len()).any(|window| window == words.as_bytes())
}
