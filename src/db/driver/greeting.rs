//! MySQL: no password before TLS.
//!
//! libmariadb goes on in plain text where the server's greeting offers no TLS, whatever the URL asks for. So the connection is
//! made here, the greeting is looked at, and only then libmariadb gets it, greeting and all, through a socket of this host: what
//! it believes is what was looked at. TLS itself is between libmariadb and the server.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream, ToSocketAddrs};
use std::thread;
use std::time::Duration;

/// For the connection, and for the greeting.
const PATIENCE: Duration = Duration::from_secs(10);

/// The bit of a greeting that offers TLS.
const CLIENT_SSL: u16 = 0x0800;

/// Connects to a server that offers TLS; the port of this host that leads to it, for one connection.
///
/// # Errors
/// Where it cannot be reached, and where it offers none.
pub(super) fn port_of_encrypted(host: &str, port: u16) -> io::Result<u16> {
    let mut server = connect(host, port)?;
    server.set_read_timeout(Some(PATIENCE))?;
    let greeting = read_packet(&mut server)?;
    server.set_read_timeout(None)?;
    if !offers_tls(&greeting[4..]) {
        return Err(io::Error::other("the URL asks for TLS, and the server offers plain text only"));
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let here = listener.local_addr()?.port();
    thread::spawn(move || {
        let (mut client, _) = listener.accept()?;
        drop(listener);
        client.write_all(&greeting)?;
        pass_on(client, server)
    });
    Ok(here)
}

fn connect(host: &str, port: u16) -> io::Result<TcpStream> {
    let mut failed = io::Error::other("the name of the host is known nowhere");
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

/// A packet with its head: three bytes of length and a number.
fn read_packet(server: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut packet = vec![0; 4];
    server.read_exact(&mut packet)?;
    let length = u32::from_le_bytes([packet[0], packet[1], packet[2], 0]) as usize;
    packet.resize(4 + length, 0);
    server.read_exact(&mut packet[4..])?;
    Ok(packet)
}

/// Version 10 of the protocol: the version, the server's name up to a zero, 4 bytes of the session's number, 9 of a nonce, and
/// what the server can. An error in its place ends the conversation before a password is sent.
fn offers_tls(greeting: &[u8]) -> bool {
    match greeting.split_first() {
        Some((0xff, _)) => true,
        Some((10, rest)) => {
            let end_of_name = rest.iter().position(|byte| *byte == 0);
            let abilities = end_of_name.and_then(|end| rest.get(end + 14..end + 16));
            abilities.is_some_and(|bytes| u16::from_le_bytes([bytes[0], bytes[1]]) & CLIENT_SSL != 0)
        }
        _ => false,
    }
}

/// Both ways, until one side ends.
fn pass_on(client: TcpStream, server: TcpStream) -> io::Result<()> {
    client.set_nodelay(true)?;
    let (mut from_server, mut to_client) = (server.try_clone()?, client.try_clone()?);
    thread::spawn(move || {
        let ended = io::copy(&mut from_server, &mut to_client);
        let _ = to_client.shutdown(Shutdown::Both);
        let _ = from_server.shutdown(Shutdown::Both);
        ended
    });
    let (mut from_client, mut to_server) = (client, server);
    let ended = io::copy(&mut from_client, &mut to_server);
    let _ = to_server.shutdown(Shutdown::Both);
    ended.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn greeting(abilities: u16) -> Vec<u8> {
        let mut bytes = b"\x0a8.0.99\0\x01\0\0\0abcdefgh\0".to_vec();
        bytes.extend(abilities.to_le_bytes());
        bytes.extend([0x21, 2, 0]);
        bytes
    }

    #[test]
    fn only_a_greeting_that_offers_tls_or_an_error_is_passed_on() {
        assert!(offers_tls(&greeting(CLIENT_SSL | 1)));
        assert!(!offers_tls(&greeting(!CLIENT_SSL)));
        assert!(offers_tls(b"\xff\x10\x04Too many connections"));
        for odd in [&b""[..], b"\x09old", b"\x0a8.0.99", b"HTTP/1.1 400"] {
            assert!(!offers_tls(odd), "{odd:?}");
        }
    }
}
