//! Channels and servers between our own services: gRPC under mutual TLS. A service that listens makes its own
//! authority at the first start and a certificate for whoever is to ask; nobody without one is heard.

use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity, Server, ServerTlsConfig};

use crate::files;

/// Why two services cannot speak.
#[derive(Debug, thiserror::Error)]
pub enum RpcError {
    /// A file of the identity cannot be read or written.
    #[error(
        "{path}: {cause}. Copy ca.pem, client.pem and client.key from the folder `rpc` in the state folder of the \
         registrar into `rpc` in this process's own state folder, for its owner to read only"
    )]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// A certificate cannot be made.
    #[error("a certificate cannot be made: {0}")]
    Make(#[from] rcgen::Error),
    /// The address cannot be listened at.
    #[error("{address}: {cause}; choose another under [rpc] listen")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        cause: io::Error,
    },
    /// The address to ask cannot be read.
    #[error("{uri:?} is no address of a service; write https://10.0.0.5:5070")]
    Uri {
        /// What was written.
        uri: String,
    },
    /// A service beyond this machine without TLS.
    #[error("{uri} would send calls in clear; write https://, or 127.0.0.1 for a service of this machine")]
    Clear {
        /// What was written.
        uri: String,
    },
    /// TLS cannot be set up with these files.
    #[error("TLS between services: {0}")]
    Tls(#[from] tonic::transport::Error),
}

/// A certificate, its key and the authority that both ends trust, PEM.
#[derive(Clone)]
pub struct Trust {
    authority: String,
    certificate: String,
    key: String,
}

impl Trust {
    /// What a server shows. At the first start an authority, a certificate for the server and one for its clients
    /// are made in `folder`.
    pub fn of_server(folder: &Path) -> Result<Self, RpcError> {
        if !folder.join("ca.pem").exists() {
            make(folder)?;
        }
        Self::read(folder, "server")
    }

    /// What a client shows whose authority is its own: made at the first start, for the services that it asks to be
    /// given their part of.
    pub fn of_asker(folder: &Path) -> Result<Self, RpcError> {
        if !folder.join("ca.pem").exists() {
            make(folder)?;
        }
        Self::of_client(folder)
    }

    /// What a client shows: files that the server's operator handed out.
    pub fn of_client(folder: &Path) -> Result<Self, RpcError> {
        Self::read(folder, "client")
    }

    fn read(folder: &Path, end: &str) -> Result<Self, RpcError> {
        let read = |name: String| {
            let path = folder.join(name);
            fs::read_to_string(&path).map_err(|cause| RpcError::File { path, cause })
        };
        Ok(Self {
            authority: read("ca.pem".into())?,
            certificate: read(format!("{end}.pem"))?,
            key: read(format!("{end}.key"))?,
        })
    }

    fn identity(&self) -> Identity {
        Identity::from_pem(&self.certificate, &self.key)
    }
}

/// Listens for other services; only those with a certificate of our authority are heard.
pub fn listen(address: SocketAddr, trust: &Trust) -> Result<(Server, TcpIncoming), RpcError> {
    let tls = ServerTlsConfig::new()
        .identity(trust.identity())
        .client_ca_root(Certificate::from_pem(&trust.authority));
    let server = Server::builder()
        .tls_config(tls)?
        .http2_keepalive_interval(Some(KEEP_ALIVE))
        .http2_keepalive_timeout(Some(KEEP_ALIVE));
    let incoming = TcpIncoming::bind(address).map_err(|cause| RpcError::Listen { address, cause })?;
    Ok((server, incoming.with_nodelay(Some(true))))
}

/// A channel to another service. It connects when it is first used, and again whenever it must. Without TLS
/// (`http://`) only services of this machine are reached.
pub fn channel(uri: &str, trust: &Trust) -> Result<Channel, RpcError> {
    let wrong = || RpcError::Uri { uri: uri.to_owned() };
    let mut endpoint = Endpoint::from_shared(uri.to_owned()).map_err(|_| wrong())?;
    match endpoint.uri().scheme_str() {
        Some("https") => {
            let tls = ClientTlsConfig::new()
                .ca_certificate(Certificate::from_pem(&trust.authority))
                .identity(trust.identity())
                .domain_name(SERVER_NAME);
            endpoint = endpoint.tls_config(tls)?;
        }
        Some("http") if is_here(endpoint.uri().host().unwrap_or_default()) => {}
        Some("http") => return Err(RpcError::Clear { uri: uri.to_owned() }),
        _ => return Err(wrong()),
    }
    let endpoint = endpoint
        .tcp_nodelay(true)
        .connect_timeout(CONNECT)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE)
        .keep_alive_while_idle(true);
    Ok(endpoint.connect_lazy())
}

fn is_here(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

fn make(folder: &Path) -> Result<(), RpcError> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "Carillon services");
    let key = KeyPair::generate()?;
    let authority = params.self_signed(&key)?;
    let issuer = Issuer::new(params, key);
    for end in ["server", "client"] {
        let mut params = CertificateParams::new(vec![SERVER_NAME.to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, end);
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &issuer)?;
        keep(&folder.join(format!("{end}.key")), &key.serialize_pem())?;
        keep(&folder.join(format!("{end}.pem")), &certificate.pem())?;
    }
    // Last, since its presence says that the rest is there.
    keep(&folder.join("ca.pem"), &authority.pem())
}

fn keep(path: &Path, text: &str) -> Result<(), RpcError> {
    files::keep(path, text.as_bytes()).map_err(|cause| RpcError::File { path: path.to_owned(), cause })
}

impl std::fmt::Debug for Trust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Trust(***)")
    }
}

/// The name that our own certificates hold, whatever the machine is called.
const SERVER_NAME: &str = "registrar.carillon.internal";
const KEEP_ALIVE: Duration = Duration::from_secs(5);
const CONNECT: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_made_once_and_a_missing_one_says_what_to_copy() {
        let folder = std::env::temp_dir().join(format!("carillon-rpc-{}", std::process::id()));
        let said = Trust::of_client(&folder).expect_err("nothing is there").to_string();
        assert!(said.contains("ca.pem") && said.contains("Copy"), "{said}");
        let first = Trust::of_server(&folder).expect("it is made");
        let again = Trust::of_server(&folder).expect("it is read");
        assert_eq!(first.certificate, again.certificate);
        let client = Trust::of_client(&folder).expect("it was made beside");
        assert_ne!(client.certificate, first.certificate);
        assert_eq!(client.authority, first.authority);
        assert_eq!(Trust::of_asker(&folder).expect("it is there").certificate, client.certificate);
        fs::remove_dir_all(&folder).expect("our own folder");
    }

    #[tokio::test]
    async fn in_clear_a_service_is_reached_on_this_machine_alone() {
        let folder = std::env::temp_dir().join(format!("carillon-rpc-clear-{}", std::process::id()));
        let trust = Trust::of_asker(&folder).expect("it is made");
        for uri in
            ["https://10.0.0.5:5070", "http://127.0.0.1:5072", "http://[::1]:5072", "http://localhost:1"]
        {
            assert!(channel(uri, &trust).is_ok(), "{uri}");
        }
        let said = channel("http://10.0.0.5:5072", &trust).expect_err("in clear").to_string();
        assert!(said.contains("https://"), "{said}");
        for uri in ["10.0.0.5:5072", "ftp://127.0.0.1:1", "registrar"] {
            assert!(matches!(channel(uri, &trust), Err(RpcError::Uri { .. })), "{uri}");
        }
        fs::remove_dir_all(&folder).expect("our own folder");
    }
}
