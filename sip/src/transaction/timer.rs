//! The timers of RFC 3261 §17 (table 4) with those of RFC 6026 and RFC 4320, and the intervals behind them.

use std::time::Duration;

use crate::transport::Transport;

/// The basic intervals, from which all timers are made (RFC 3261 §17.1.1.1, table 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intervals {
    /// An estimate of the round trip. Default 500 ms. Below the real one, each request is sent several times;
    /// a transaction lives at most 64 times as long.
    pub t1: Duration,
    /// The longest wait between repeats of a non-INVITE request or an INVITE response. Default 4 s.
    pub t2: Duration,
    /// How long a message may stay in the network. Default 5 s. Below it, late repeats look like new requests.
    pub t4: Duration,
}

impl Default for Intervals {
    fn default() -> Self {
        Self { t1: Duration::from_millis(500), t2: Duration::from_secs(4), t4: Duration::from_secs(5) }
    }
}

impl Intervals {
    /// 64*T1, the life of timers B, D, F, H, J, L and M.
    pub fn lifetime(&self) -> Duration {
        self.t1.saturating_mul(64)
    }

    /// T1 doubled `doublings` times, at most T2: timers E and G.
    pub(crate) fn capped(&self, doublings: u8) -> Duration {
        self.doubled(doublings).min(self.t2)
    }

    /// T1 doubled `doublings` times: timer A.
    pub(crate) fn doubled(&self, doublings: u8) -> Duration {
        self.t1.saturating_mul(1_u32.checked_shl(u32::from(doublings)).unwrap_or(u32::MAX))
    }

    /// When a client's timer E has been reset to T2 (RFC 4320 §4.1): the first moment for a 100 to a non-INVITE
    /// request over a lossy transport, and the last one over any. 3.5 s by default.
    pub(crate) fn until_patience(&self) -> Duration {
        let mut sum = Duration::ZERO;
        for doublings in 0..32 {
            if self.doubled(doublings) >= self.t2 {
                break;
            }
            sum += self.doubled(doublings);
        }
        sum
    }
}

/// How long the user of an INVITE may think before the layer answers 100 itself (RFC 3261 §17.2.1).
pub(crate) const TRYING_AFTER: Duration = Duration::from_millis(200);

/// Whether the transport repeats what was lost, so that the machines need not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reliability {
    Reliable,
    Unreliable,
}

impl Reliability {
    pub(crate) fn of(transport: Transport) -> Self {
        if transport.is_reliable() { Self::Reliable } else { Self::Unreliable }
    }
}

/// A timer by its letter, or by what it waits for where the RFCs gave none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timer {
    /// INVITE client, Calling: repeat the request.
    A,
    /// INVITE client, Calling: nobody answers.
    B,
    /// INVITE client, Completed: absorb repeated responses.
    D,
    /// Client: repeat the request.
    E,
    /// Client: nobody answers.
    F,
    /// INVITE server, Completed: repeat the response.
    G,
    /// INVITE server, Completed: no ACK came.
    H,
    /// INVITE server, Confirmed: absorb repeated ACKs.
    I,
    /// Server, Completed: absorb repeated requests.
    J,
    /// Client, Completed: absorb repeated responses.
    K,
    /// INVITE server, Accepted: absorb repeated INVITEs (RFC 6026 §7.1).
    L,
    /// INVITE client, Accepted: pass repeated 2xx (RFC 6026 §7.2).
    M,
    /// Server: the user still thinks, say 100 (RFC 3261 §17.2.1; RFC 4320 §4.1).
    Trying,
    /// Server: the client has stopped waiting (RFC 4320 §4.2).
    Unanswered,
    /// INVITE client: a CANCEL was sent and no final response came (RFC 3261 §9.1).
    Cancelled,
}

impl Timer {
    /// A transaction has at most two timers at once: one that repeats and one that ends.
    pub(crate) fn lane(self) -> usize {
        match self {
            Self::A | Self::E | Self::G | Self::Trying => 0,
            Self::B | Self::D | Self::F | Self::H | Self::I | Self::J => 1,
            Self::K | Self::L | Self::M | Self::Unanswered | Self::Cancelled => 1,
        }
    }
}
