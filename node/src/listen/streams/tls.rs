//! Certificates: read from files and read again when these change, or made on the first run.

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rcgen::{CertificateParams, DnType, KeyPair};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme};

use crate::config::Stamp;
use crate::files;
use crate::listen::config::Tls;

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Only one of certificate and key is given.
    #[error("[sip.tls] needs both `certificate` and `key`, or none of them")]
    Pair,
    /// A file cannot be read, or holds no PEM of the kind.
    #[error("[sip.tls] {option}: cannot read {path}: {cause}")]
    File {
        /// The option that names it.
        option: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// Certificate and key do not fit, or the library refuses them.
    #[error("[sip.tls]: {0}")]
    Refused(#[from] rustls::Error),
    /// The authorities for clients are of no use.
    #[error("[sip.tls] client_authorities: {0}")]
    Authorities(#[from] rustls::server::VerifierBuilderError),
    /// The self-signed certificate could not be made.
    #[error("cannot make a certificate: {0}")]
    Make(#[from] rcgen::Error),
    /// The self-signed certificate could not be kept.
    #[error("cannot keep the certificate that was made in {path}: {cause}")]
    Keep {
        /// The folder.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
}

/// What TLS needs, as it is now.
#[derive(Debug)]
pub(crate) struct Certificates {
    config: Tls,
    server: ArcSwap<ServerConfig>,
    client: ArcSwap<ClientConfig>,
}

impl Certificates {
    /// Reads the files, or makes a certificate for `names` and keeps it in `folder`.
    pub(crate) fn load(config: &Tls, folder: Option<&Path>, names: &[String]) -> Result<Self, TlsError> {
        let mut config = config.clone();
        let made = match (&config.certificate, &config.key) {
            (Some(_), Some(_)) => None,
            (None, None) => Some(self_signed(&mut config, folder, names)?),
            _ => return Err(TlsError::Pair),
        };
        let server = match made {
            Some((chain, key)) => server(&config, chain, key)?,
            None => server_from_files(&config)?,
        };
        let client = client(&config)?;
        let (server, client) = (ArcSwap::from_pointee(server), ArcSwap::from_pointee(client));
        Ok(Self { config, server, client })
    }

    /// For connections that we accept.
    pub(crate) fn server(&self) -> Arc<ServerConfig> {
        self.server.load_full()
    }

    /// For connections that we make.
    pub(crate) fn client(&self) -> Arc<ClientConfig> {
        self.client.load_full()
    }

    /// The files that are read.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let Tls { certificate, key, client_authorities, authorities, .. } = &self.config;
        [certificate, key, client_authorities, authorities].into_iter().flatten().cloned().collect()
    }

    /// Reads the files again; on an error what was read before stays.
    pub(crate) fn reload(&self) -> Result<(), TlsError> {
        let server = server_from_files(&self.config)?;
        let client = client(&self.config)?;
        self.server.store(Arc::new(server));
        self.client.store(Arc::new(client));
        Ok(())
    }

    /// Looks at the files each `period`, for ever.
    pub(crate) async fn watch(&self, period: std::time::Duration) {
        let files = self.files();
        if files.is_empty() {
            return std::future::pending().await;
        }
        let mut known = Stamp::of(&files);
        loop {
            tokio::time::sleep(period).await;
            let now = Stamp::of(&files);
            if now == known {
                continue;
            }
            match self.reload() {
                Ok(()) => {
                    tracing::info!(certificate = ?self.config.certificate, "the certificates were read again")
                }
                Err(error) => {
                    tracing::error!(%error, "the changed certificates are refused; those from before stay")
                }
            }
            known = now;
        }
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn server_from_files(config: &Tls) -> Result<ServerConfig, TlsError> {
    let (Some(certificate), Some(key)) = (&config.certificate, &config.key) else {
        return Err(TlsError::Pair);
    };
    let chain = read_certificates("certificate", certificate)?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|cause| TlsError::File {
        option: "key",
        path: key.clone(),
        cause: cause.to_string(),
    })?;
    server(config, chain, key)
}

fn server(
    config: &Tls,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, TlsError> {
    let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    let builder = match &config.client_authorities {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let roots = Arc::new(roots("client_authorities", path)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider());
            let verifier = if config.client_required { verifier } else { verifier.allow_unauthenticated() };
            builder.with_client_cert_verifier(verifier.build()?)
        }
    };
    Ok(builder.with_single_cert(chain, key)?)
}

fn client(config: &Tls) -> Result<ClientConfig, TlsError> {
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    let builder = if config.verify_servers == Some(false) {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody(provider())))
    } else {
        let roots = match &config.authorities {
            Some(path) => roots("authorities", path)?,
            None => system_roots(),
        };
        builder.with_root_certificates(roots)
    };
    // RFC 5922 §4: what we show to servers that ask for it is the certificate of our own domain.
    let client = match (&config.certificate, &config.key) {
        (Some(certificate), Some(key)) => {
            let chain = read_certificates("certificate", certificate)?;
            let key = PrivateKeyDer::from_pem_file(key).map_err(|cause| TlsError::File {
                option: "key",
                path: key.clone(),
                cause: cause.to_string(),
            })?;
            builder.with_client_auth_cert(chain, key)?
        }
        _ => builder.with_no_client_auth(),
    };
    Ok(client)
}

fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    let (taken, _) = roots.add_parsable_certificates(found.certs);
    if taken == 0 {
        tracing::warn!("the system has no certificate authorities; TLS to other servers will be refused");
    }
    roots
}

fn roots(option: &'static str, path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in read_certificates(option, path)? {
        roots.add(certificate)?;
    }
    Ok(roots)
}

fn read_certificates(option: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let wrong = |cause: String| TlsError::File { option, path: path.to_owned(), cause };
    let read: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(path).map_err(|cause| wrong(cause.to_string()))?.collect();
    let read = read.map_err(|cause| wrong(cause.to_string()))?;
    if read.is_empty() { Err(wrong("it holds no certificate".to_owned())) } else { Ok(read) }
}

/// Makes a certificate, or takes the one of an earlier run; with a folder the configuration names its files.
fn self_signed(
    config: &mut Tls,
    folder: Option<&Path>,
    names: &[String],
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
    let files = folder.map(|folder| (folder.join("sip-certificate.pem"), folder.join("sip-key.pem")));
    if let Some((certificate, key)) = &files
        && let (Ok(chain), Ok(der)) =
            (read_certificates("certificate", certificate), PrivateKeyDer::from_pem_file(key))
    {
        (config.certificate, config.key) = (Some(certificate.clone()), Some(key.clone()));
        return Ok((chain, der));
    }
    let (certificate, key) = make_self_signed("Carillon", names)?;
    let der = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| TlsError::Pair)?;
    let chain = CertificateDer::pem_slice_iter(certificate.as_bytes()).collect::<Result<_, _>>();
    let chain = chain.map_err(|_| TlsError::Pair)?;
    match files {
        Some((certificate_file, key_file)) => {
            let kept = files::keep(&key_file, key.as_bytes())
                .and_then(|()| files::keep(&certificate_file, certificate.as_bytes()));
            kept.map_err(|cause| TlsError::Keep { path: certificate_file.clone(), cause })?;
            tracing::warn!(
                certificate = %certificate_file.display(),
                "no certificate is configured: a self-signed one was made. Phones will warn of it; name your own under [sip.tls]"
            );
            (config.certificate, config.key) = (Some(certificate_file), Some(key_file));
        }
        None => tracing::warn!("no certificate is configured: a self-signed one was made for this run"),
    }
    Ok((chain, der))
}

/// A self-signed certificate for host names and addresses, and its key, as PEM.
pub(crate) fn make_self_signed(title: &str, names: &[String]) -> Result<(String, String), rcgen::Error> {
    // A name that no certificate can hold is left out rather than stopping the exchange.
    let mut good: Vec<String> =
        names.iter().filter(|name| CertificateParams::new(vec![(*name).clone()]).is_ok()).cloned().collect();
    good.push("localhost".to_owned());
    good.dedup();
    let mut params = CertificateParams::new(good)?;
    params.distinguished_name.push(DnType::CommonName, title);
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

/// The name to ask of a server's certificate: the host of the URI, else the address (RFC 5922 §7.3).
pub(crate) fn server_name(host: Option<&str>, remote: IpAddr) -> ServerName<'static> {
    let named = host.and_then(|host| {
        let inner = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        ServerName::try_from(inner.trim_end_matches('.').to_owned()).ok()
    });
    named.unwrap_or_else(|| ServerName::from(remote.to_canonical()))
}

/// Believes every server: `verify_servers = false`.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
