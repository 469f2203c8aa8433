//! TLS: self-signed, from files, reloaded, with certificates of clients, and towards servers.

use super::*;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("carillon-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("the temporary folder is writable");
        Self(folder)
    }

    /// Makes a certificate and key, and gives the files' names.
    fn certificate(&self, name: &str) -> (PathBuf, PathBuf) {
        let (certificate, key) = make_self_signed(name, &["127.0.0.1".to_owned()]).expect("a certificate");
        let files = (self.0.join(format!("{name}.pem")), self.0.join(format!("{name}-key.pem")));
        std::fs::write(&files.0, certificate).expect("writable");
        std::fs::write(&files.1, key).expect("writable");
        files
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

type Phone = tokio_rustls::client::TlsStream<TcpStream>;

/// Connects as a phone that trusts only `authority`, and shows a certificate when it has one.
async fn dial(
    address: SocketAddr,
    authority: &PathBuf,
    own: Option<&(PathBuf, PathBuf)>,
) -> std::io::Result<Phone> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority).expect("PEM")).expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots);
    let config = match own {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => builder
            .with_client_auth_cert(
                vec![CertificateDer::from_pem_file(certificate).expect("PEM")],
                PrivateKeyDer::from_pem_file(key).expect("PEM"),
            )
            .expect("they fit"),
    };
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("127.0.0.1").expect("a name");
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

async fn echo<S: AsyncRead + AsyncWrite + Unpin>(phone: &mut S) {
    let text = message(1, 1);
    phone.write_all(text.as_bytes()).await.expect("sent");
    assert_eq!(read_exactly(phone, text.len()).await, text.as_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_self_signed_certificate_is_made_once_and_kept() {
    let folder = Folder::new("self-signed");
    let state = Some(folder.0.clone());
    let world = World::new("tls:127.0.0.1:0", |config| config.state_folder.clone_from(&state));
    let kept = folder.0.join("sip-certificate.pem");
    echo(&mut dial(world.address, &kept, None).await.expect("it trusts the file")).await;
    let first = std::fs::read(&kept).expect("it is kept");
    drop(world);
    let world = World::new("tls:127.0.0.1:0", |config| config.state_folder.clone_from(&state));
    echo(&mut dial(world.address, &kept, None).await.expect("it trusts the file")).await;
    assert_eq!(std::fs::read(&kept).expect("it is kept"), first);
    use std::os::unix::fs::PermissionsExt as _;
    let key = std::fs::metadata(folder.0.join("sip-key.pem")).expect("it is kept");
    assert_eq!(key.permissions().mode() & 0o777, 0o600);
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_read_again_when_their_files_change() {
    let folder = Folder::new("reload");
    let (certificate, key) = folder.certificate("first");
    let (second, second_key) = folder.certificate("second");
    let world = World::new("tls:127.0.0.1:0", |config| {
        config.tls.certificate = Some(certificate.clone());
        config.tls.key = Some(key.clone());
        config.tls.watch_period = Some(millis(2));
    });
    let mut old = dial(world.address, &certificate, None).await.expect("the first certificate");
    assert!(dial(world.address, &second, None).await.is_err(), "not yet the second");
    // A half-done change is refused and the old certificate stays.
    std::fs::write(&key, "no key").expect("writable");
    std::fs::copy(&second, &certificate).expect("writable");
    std::fs::copy(&second_key, &key).expect("writable");
    let begun = Instant::now();
    while dial(world.address, &second, None).await.is_err() {
        assert!(begun.elapsed() < PATIENCE, "the second certificate is taken in time");
    }
    echo(&mut old).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_without_a_certificate_are_refused_where_one_is_required() {
    let folder = Folder::new("clients");
    let own = folder.certificate("server");
    let phone = folder.certificate("phone");
    let stranger = folder.certificate("stranger");
    let world = World::new("tls:127.0.0.1:0", |config| {
        config.tls.certificate = Some(own.0.clone());
        config.tls.key = Some(own.1.clone());
        config.tls.client_authorities = Some(phone.0.clone());
        config.tls.client_required = true;
    });
    echo(&mut dial(world.address, &own.0, Some(&phone)).await.expect("a known phone")).await;
    for other in [None, Some(&stranger)] {
        // With TLS 1.3 the client hears of it when it reads.
        if let Ok(mut stream) = dial(world.address, &own.0, other).await {
            ends(&mut stream).await;
        }
    }
    assert_eq!(world.counters().handshake_failed.read(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_never_speaks_tls_is_closed_at_the_deadline() {
    let world = World::new("tls:127.0.0.1:0", |config| config.connect_timeout = millis(30));
    ends(&mut world.connect().await).await;
    assert_eq!(world.counters().handshake_failed.read(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_are_judged_by_their_certificate_and_name() {
    let folder = Folder::new("servers");
    let own = folder.certificate("own");
    let (certificate, key) = folder.certificate("server");
    let mut world = World::new("tls:127.0.0.1:0", |config| {
        config.tls.certificate = Some(own.0.clone());
        config.tls.key = Some(own.1.clone());
        config.tls.authorities = Some(certificate.clone());
    });
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_file(&certificate).expect("PEM")],
            PrivateKeyDer::from_pem_file(&key).expect("PEM"),
        )
        .expect("they fit");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let server = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let remote = server.local_addr().expect("bound");
    let text = message(1, 1);
    for (slot, host, good) in
        [(1, Some("localhost"), true), (2, None, true), (3, Some("sip.example.org"), false)]
    {
        world.order(towards(Transport::Tls, remote, host), slot, text.as_bytes());
        let (stream, _) = timeout(PATIENCE, server.accept()).await.expect("in time").expect("accepted");
        let accepted = acceptor.accept(stream).await;
        if good {
            let mut stream = accepted.expect("the name fits");
            assert_eq!(read_exactly(&mut stream, text.len()).await, text.as_bytes());
        } else {
            assert!(accepted.is_err());
        }
        assert_eq!(world.failed().await.0, slot);
        assert!(matches!(world.next().await, Met::Closed(_)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_never_speaks_tls_fails_at_the_deadline() {
    let mut world = World::new("tls:127.0.0.1:0", |config| config.connect_timeout = millis(30));
    let server = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let remote = server.local_addr().expect("bound");
    world.order(towards(Transport::Tls, remote, None), 1, message(1, 1).as_bytes());
    let _silent = timeout(PATIENCE, server.accept()).await.expect("in time").expect("accepted");
    assert_eq!(world.failed().await, (1, "TLS or WebSocket could not be agreed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_files_are_named() {
    let folder = Folder::new("wrong");
    let own = folder.certificate("own");
    let start = |certificate: Option<PathBuf>, key: Option<PathBuf>| {
        let sockets = listen::Config {
            listen: vec!["tls:127.0.0.1:0".parse().expect("an address")],
            tls: listen::Tls { certificate, key, ..listen::Tls::default() },
            ..listen::Config::default()
        };
        let (tell, _) = unbounded_channel();
        let started = shard::start(&shard::Config::default(), &sockets, |_| Echo {
            tell: tell.clone(),
            gate: None,
            silent: true,
        });
        started.expect_err("wrong").to_string()
    };
    let missing = folder.0.join("missing.pem");
    for (certificate, key, said) in [
        (Some(own.0.clone()), None, "needs both `certificate` and `key`"),
        (Some(missing.clone()), Some(own.1.clone()), "[sip.tls] certificate: cannot read"),
        (Some(own.0.clone()), Some(missing), "[sip.tls] key: cannot read"),
        (Some(own.0.clone()), Some(folder.certificate("other").1), "[sip.tls]: "),
    ] {
        let error = start(certificate, key);
        assert!(error.contains(said), "{error}");
    }
}
