//! The floor: what the datagrams of a unit cost when nothing is done with them. One thread receives each and
//! sends it on; its own processor time is the figure.

use std::fs;
use std::io;
use std::net::UdpSocket;
use std::time::Duration;

use crate::Kind;

/// Microseconds that the datagrams of one such unit cost on this machine, just now.
pub fn of(kind: Kind) -> io::Result<f64> {
    let one = datagram()?;
    Ok(one
        * match kind {
            Kind::Options | Kind::Register => 1.0,
            Kind::RegisterDigest => 2.0,
            // Six in and seven out, 100 Trying among them; a conducted call has as many.
            Kind::Call | Kind::Conducted | Kind::Relayed => 6.5,
        })
}

/// One datagram of 600 octets in and out.
fn datagram() -> io::Result<f64> {
    let relay = UdpSocket::bind("127.0.0.1:0")?;
    let peer = UdpSocket::bind("127.0.0.1:0")?;
    peer.set_read_timeout(Some(Duration::from_secs(1)))?;
    relay.set_read_timeout(Some(Duration::from_secs(1)))?;
    let address = relay.local_addr()?;
    let worker = std::thread::spawn(move || -> io::Result<u64> {
        let mut buffer = [0; 2048];
        let before = own_time();
        for _ in 0..COUNT {
            let (length, from) = relay.recv_from(&mut buffer)?;
            relay.send_to(&buffer[..length], from)?;
        }
        Ok(own_time().saturating_sub(before))
    });
    let (octets, mut buffer) = ([b'x'; 600], [0; 2048]);
    for _ in 0..COUNT / WINDOW {
        for _ in 0..WINDOW {
            peer.send_to(&octets, address)?;
        }
        for _ in 0..WINDOW {
            peer.recv_from(&mut buffer)?;
        }
    }
    let spent = worker.join().map_err(|_| io::Error::other("the relay thread panicked"))??;
    Ok(spent as f64 / 1_000.0 / f64::from(COUNT))
}

/// Nanoseconds that this thread has been on a processor.
fn own_time() -> u64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split_ascii_whitespace().next().and_then(|figure| figure.parse().ok()).unwrap_or(0)
}

const COUNT: u32 = 8_000;
const WINDOW: u32 = 8;
