//! How a shard sleeps: until a socket has something, its bell rings, or a time has come.
//!
//! Plain epoll instead of a runtime's: that one also wakes for room to send, which on UDP is each time the kernel has
//! let go of a datagram, and it writes to itself whenever its timer moves. Measured at 600 calls a second, it slept and
//! woke twice as often.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::{EfdFlags, EventFd};

use crate::listen::UdpPort;

/// Wakes one shard from other threads.
#[derive(Debug)]
pub(crate) struct Bell(EventFd);

impl Bell {
    pub(crate) fn ring(&self) {
        // It fails only when it has been rung 2^64 times unheard.
        let _ = self.0.write(1);
    }
}

/// The sockets and the bell of one shard.
#[derive(Debug)]
pub(crate) struct Watch {
    epoll: Epoll,
    bell: Arc<Bell>,
    events: [EpollEvent; EVENTS],
}

impl Watch {
    /// Watches these ports; the place of a port names it.
    pub(crate) fn new(ports: &[UdpPort]) -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let bell = Arc::new(Bell(EventFd::from_value_and_flags(0, flags)?));
        // Each ring is an edge of its own, so the bell need not be read.
        epoll.add(&bell.0, EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLET, BELL))?;
        for (place, port) in ports.iter().enumerate() {
            // Errors are reported unasked.
            epoll.add(port.socket(), EpollEvent::new(EpollFlags::EPOLLIN, place as u64))?;
        }
        Ok(Self { epoll, bell, events: [EpollEvent::empty(); EVENTS] })
    }

    /// What others ring.
    pub(crate) fn bell(&self) -> Arc<Bell> {
        Arc::clone(&self.bell)
    }

    /// Sleeps until something has come, for `most` at the longest, and tells the ports what they have. Without
    /// `most`, as long as it takes.
    pub(crate) fn wait(&mut self, most: Option<Duration>, ports: &mut [UdpPort]) {
        let timeout = most.map_or(EpollTimeout::NONE, |most| {
            // Rounded up, so that nothing wakes just before its time to sleep again.
            let millis = most.as_nanos().div_ceil(1_000_000).min(MILLIS_MAX.into());
            EpollTimeout::from(u16::try_from(millis).unwrap_or(MILLIS_MAX))
        });
        // An interrupted sleep is a short one.
        let found = self.epoll.wait(&mut self.events, timeout).unwrap_or(0);
        for event in &self.events[..found] {
            let Some(port) = usize::try_from(event.data()).ok().and_then(|place| ports.get_mut(place)) else {
                continue;
            };
            port.note(
                event.events().contains(EpollFlags::EPOLLIN),
                event.events().contains(EpollFlags::EPOLLERR),
            );
        }
    }
}

/// Events of one wait; more of them wait for the next.
const EVENTS: usize = 32;
const BELL: u64 = u64::MAX;
/// The longest sleep that has an end; behind it an empty turn.
const MILLIS_MAX: u16 = 60_000;
