//! The bytes between us and a mail server. A stranger writes half of them: so no answer is longer than [`LONGEST_ANSWER`], and
//! no wait outlasts the instant that was set for it, however slowly the bytes come.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// Bytes of one line of an answer. The standard has 512; Postfix writes up to 2,048.
const LONGEST_LINE: usize = 4_096;

/// Bytes of all lines of an answer together.
const LONGEST_ANSWER: usize = 65_536;

/// A server's answer to one command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub code: u16,
    /// The words of each line.
    pub lines: Vec<String>,
}

impl Answer {
    /// 2xx, and 3xx where the server waits for more.
    pub fn is_positive(&self) -> bool {
        (200..400).contains(&self.code)
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Fault {
    /// The connection failed, or the time for the answer is over (`TimedOut`).
    Io(io::Error),
    Closed,
    /// A line, or all of them together, is longer than any answer needs to be.
    TooLong,
    /// The line does not begin with three digits.
    Unreadable,
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Fault::Io(error)
    }
}

/// A socket whose every read and write ends by `until`.
#[derive(Debug)]
struct Timed {
    socket: TcpStream,
    until: Instant,
}

impl Timed {
    fn left(&self) -> io::Result<Duration> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.set_read_timeout(Some(self.left()?))?;
        self.socket.read(buffer)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.set_write_timeout(Some(self.left()?))?;
        self.socket.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

#[derive(Debug)]
enum Stream {
    Plain(Timed),
    Tls(Box<StreamOwned<ClientConnection, Timed>>),
}

/// A connection to a mail server.
#[derive(Debug)]
pub(super) struct Wire {
    stream: Stream,
    /// What was read and belongs to no answer yet.
    pending: Vec<u8>,
}

impl Wire {
    /// Connects to the first address that answers by `until`.
    ///
    /// # Errors
    /// The last one, where none does.
    pub fn connect(addresses: &[SocketAddr], each: Duration, until: Instant) -> io::Result<Self> {
        let mut last = io::Error::from(ErrorKind::TimedOut);
        for address in addresses {
            let left = until.saturating_duration_since(Instant::now()).min(each);
            if left.is_zero() {
                break;
            }
            match TcpStream::connect_timeout(address, left) {
                Ok(socket) => {
                    socket.set_nodelay(true)?;
                    return Ok(Self { stream: Stream::Plain(Timed { socket, until }), pending: Vec::new() });
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// All reads and writes from now on end by then.
    pub fn wait_until(&mut self, until: Instant) {
        match &mut self.stream {
            Stream::Plain(timed) => timed.until = until,
            Stream::Tls(stream) => stream.sock.until = until,
        }
    }

    /// Something was said that nobody had asked for.
    pub fn has_more(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Turns to TLS. The server must hold a certificate for `host`.
    ///
    /// # Errors
    /// `InvalidData` where the certificate is not to be believed, in the words of the TLS library.
    pub fn encrypt(self, config: Arc<ClientConfig>, host: &str) -> io::Result<Self> {
        let Stream::Plain(mut timed) = self.stream else { return Ok(self) };
        let name =
            ServerName::try_from(host.to_owned()).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        let mut connection =
            ClientConnection::new(config, name).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        while connection.is_handshaking() {
            connection.complete_io(&mut timed)?;
        }
        let stream = Stream::Tls(Box::new(StreamOwned::new(connection, timed)));
        Ok(Self { stream, pending: Vec::new() })
    }

    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.stream {
            Stream::Plain(timed) => timed.write_all(bytes).and_then(|()| timed.flush()),
            Stream::Tls(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
        }
    }

    /// The next answer. Bytes that are no UTF-8 become the replacement character: what a server says in another encoding is
    /// an answer all the same.
    pub fn answer(&mut self) -> Result<Answer, Fault> {
        let (mut lines, mut read) = (Vec::new(), 0);
        loop {
            let line = self.line()?;
            read += line.len();
            if read > LONGEST_ANSWER {
                return Err(Fault::TooLong);
            }
            let (code, is_last, words) = parsed(&line).ok_or(Fault::Unreadable)?;
            lines.push(words);
            if is_last {
                return Ok(Answer { code, lines });
            }
        }
    }

    fn line(&mut self) -> Result<Vec<u8>, Fault> {
        loop {
            if let Some(end) = self.pending.iter().position(|byte| *byte == b'\n') {
                return Ok(self.pending.drain(..=end).collect());
            }
            if self.pending.len() > LONGEST_LINE {
                return Err(Fault::TooLong);
            }
            let mut buffer = [0; 1_024];
            let read = match &mut self.stream {
                Stream::Plain(timed) => timed.read(&mut buffer),
                Stream::Tls(stream) => stream.read(&mut buffer),
            };
            match read {
                Ok(0) => return Err(Fault::Closed),
                Ok(read) => self.pending.extend_from_slice(&buffer[..read]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // A peer that hangs up without TLS's own good-bye.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Err(Fault::Closed),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// `250-words` or `250 words`: the number, whether no line follows, and the words.
fn parsed(line: &[u8]) -> Option<(u16, bool, String)> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let digits = line.get(..3).filter(|digits| digits.iter().all(u8::is_ascii_digit))?;
    let code = std::str::from_utf8(digits).ok()?.parse().ok()?;
    let is_last = match line.get(3) {
        Some(b'-') => false,
        Some(b' ') | None => true,
        Some(_) => return None,
    };
    let words = line.get(4..).unwrap_or_default();
    Some((code, is_last, String::from_utf8_lossy(words).into_owned()))
}

/// How TLS is spoken: these authorities are believed, or the host's own where none is named.
///
/// # Errors
/// Why there is nobody to believe, in a sentence.
pub(super) fn tls(authorities: Option<&[CertificateDer<'static>]>) -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    match authorities {
        Some(named) => drop(roots.add_parsable_certificates(named.iter().cloned())),
        None => drop(roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
    }
    if roots.is_empty() {
        return Err(
            "this host knows no authority that signs certificates; install ca-certificates, or name one as `ca_file`"
                .to_owned(),
        );
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// What comes of the answer of a server that writes so, with a pause before each piece.
    fn answer(pieces: &'static [&'static [u8]], pause: Duration) -> (Result<Answer, Fault>, Duration) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            for piece in pieces.iter().cycle().take(if pause.is_zero() { pieces.len() } else { 1_000 }) {
                thread::sleep(pause);
                if socket.write_all(piece).is_err() {
                    return;
                }
            }
        });
        let begun = Instant::now();
        let mut wire = Wire::connect(&[address], Duration::from_secs(5), begun + Duration::from_millis(400)).unwrap();
        (wire.answer(), begun.elapsed())
    }

    #[test]
    fn an_answer_is_read_whatever_its_lines_and_letters() {
        let words = |pieces| {
            let Answer { code, lines } = answer(pieces, Duration::ZERO).0.unwrap();
            (code, lines.join("|"))
        };
        assert_eq!(words(&[b"250-a\r\n250-\r\n250 b c\r\n"]), (250, "a||b c".to_owned()));
        assert_eq!(words(&[b"22", b"0\r", b"\n"]), (220, String::new()));
        assert_eq!(words(&[b"550 Empf\xe4nger unbekannt\n"]), (550, "Empf\u{fffd}nger unbekannt".to_owned()));
    }

    #[test]
    fn an_answer_without_an_end_is_given_up_and_never_kept() {
        static ONE: [&[u8]; 1] = [&[b'2'; 300_000]];
        static MANY: [&[u8]; 10_000] = [b"250-more\r\n"; 10_000];
        assert!(matches!(answer(&ONE, Duration::ZERO).0, Err(Fault::TooLong)));
        assert!(matches!(answer(&MANY, Duration::ZERO).0, Err(Fault::TooLong)));
    }

    #[test]
    fn letters_that_come_one_by_one_do_not_put_the_end_off() {
        let (answer, took) = answer(&[b"2"], Duration::from_millis(50));
        assert!(
            matches!(answer, Err(Fault::Io(error)) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock))
        );
        assert!(took < Duration::from_secs(2), "{took:?}");
    }

    #[test]
    fn what_is_no_answer_is_told_from_one() {
        for pieces in [&[b"hello\r\n" as &[u8]], &[b"250"], &[b"25x no\r\n"], &[b"250_no\r\n"], &[b""]] {
            assert!(answer(pieces, Duration::ZERO).0.is_err(), "{pieces:?}");
        }
    }
}
