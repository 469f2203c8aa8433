//! Hosts of other domains by the system's resolver: A and AAAA, the port of the URI or the usual one.

use std::net::SocketAddr;
use std::sync::Arc;

use proto::{Asked, Reply, ServiceError};
use proxy::Names;
use proxy::core::effect::Resolve;
use sip::transport::{NextHop, Transport};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

/// Asks the system's resolver on the I/O runtime.
pub struct SystemNames {
    runtime: Handle,
    under_way: Arc<Semaphore>,
}

impl SystemNames {
    /// Looks up on this runtime.
    pub fn new(runtime: Handle) -> Self {
        Self { runtime, under_way: Arc::new(Semaphore::new(LOOKUPS_MAX)) }
    }
}

impl Names for SystemNames {
    fn resolve(&self, ask: &Resolve<'_>, reply: Reply<Vec<NextHop>>) -> Asked<Vec<NextHop>> {
        // RFC 3263 §4.1: what the URI says, else TLS for sips and UDP for sip.
        let usual = if ask.secure { Transport::Tls } else { Transport::Udp };
        let transport = ask.transport.unwrap_or(usual);
        let port = ask.port.unwrap_or(transport.default_port());
        let Ok(place) = Arc::clone(&self.under_way).try_acquire_owned() else {
            return reply.now(Err(ServiceError::Unavailable("too many names are being looked up".into())));
        };
        let host: Arc<str> = ask.host.into();
        self.runtime.spawn(async move {
            let found = tokio::net::lookup_host((&*host, port)).await;
            drop(place);
            let hop = |remote: SocketAddr| {
                let host = transport.is_secure().then(|| Arc::clone(&host));
                NextHop::Address { transport, remote, host, listener: None }
            };
            reply.send(match found {
                Ok(addresses) => Ok(addresses.map(hop).collect()),
                Err(why) => Err(ServiceError::Unavailable(format!("{host}: {why}"))),
            });
        });
        Asked::Later
    }
}

/// Look-ups at once; more are answered as a name that is not found.
const LOOKUPS_MAX: usize = 256;
