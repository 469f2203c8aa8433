//! A bucket of an S3-compatible store, where records are kept beside the local folder.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use object_store::{ClientOptions, Error, ObjectStore, ObjectStoreExt as _, RetryConfig};
use tokio::runtime::Handle;

/// Where a bucket is, and who asks.
#[derive(Debug, Clone, Default)]
pub struct Bucket<'a> {
    /// The bucket.
    pub name: &'a str,
    /// What the names of all records there begin with; may be empty.
    pub prefix: &'a str,
    /// `https://s3.example.org`, or `http://` on this machine; `None` for Amazon's own of the region.
    pub endpoint: Option<&'a str>,
    /// Such as `eu-west-3`.
    pub region: &'a str,
    /// The key's name.
    pub access_key: &'a str,
    /// The key.
    pub secret_key: &'a str,
}

/// One bucket. Every method waits for the network, and so wants a thread that may.
#[derive(Clone)]
pub struct Archive {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    runtime: Handle,
}

impl Archive {
    /// Nothing is asked before it is needed.
    ///
    /// # Errors
    /// The endpoint is no URL, or the bucket no name.
    pub fn new(bucket: &Bucket<'_>, runtime: &Handle) -> io::Result<Self> {
        let is_here = bucket.endpoint.is_some_and(|endpoint| endpoint.starts_with("http://"));
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(bucket.name)
            .with_region(bucket.region)
            .with_access_key_id(bucket.access_key)
            .with_secret_access_key(bucket.secret_key)
            .with_client_options(
                ClientOptions::new()
                    .with_allow_http(is_here)
                    .with_connect_timeout(CONNECT_MAX)
                    .with_timeout(ANSWER_MAX),
            )
            // Whoever asks tries again, and callers wait for what they hear.
            .with_retry(RetryConfig { max_retries: 1, retry_timeout: ANSWER_MAX, ..RetryConfig::default() });
        if let Some(endpoint) = bucket.endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        let store = Arc::new(builder.build().map_err(told)?);
        Ok(Self { store, prefix: Path::from(bucket.prefix), runtime: runtime.clone() })
    }

    /// One of this process, for tests.
    #[cfg(test)]
    pub(crate) fn in_memory(runtime: &Handle) -> Self {
        let store = Arc::new(object_store::memory::InMemory::new());
        Self { store, prefix: Path::from("site-1"), runtime: runtime.clone() }
    }

    /// Keeps these octets under a name; those of before are replaced.
    pub(crate) fn put(&self, name: &str, octets: Vec<u8>) -> io::Result<()> {
        let put = async { self.store.put(&self.place(name), octets.into()).await };
        self.runtime.block_on(put).map(|_| ()).map_err(told)
    }

    /// The octets under a name.
    pub(crate) fn get(&self, name: &str) -> io::Result<Vec<u8>> {
        let get = async { self.store.get(&self.place(name)).await?.bytes().await };
        self.runtime.block_on(get).map(Into::into).map_err(told)
    }

    /// The first octets under a name, and how many there are.
    pub(crate) fn begin(&self, name: &str, octets: usize) -> io::Result<(Vec<u8>, u64)> {
        let begin = async {
            let place = self.place(name);
            let size = self.store.head(&place).await?.size;
            let range = 0..size.min(octets as u64);
            Ok((self.store.get_range(&place, range).await?.into(), size))
        };
        self.runtime.block_on(begin).map_err(told)
    }

    /// Forgets a name; one that is not there is forgotten.
    pub(crate) fn delete(&self, name: &str) -> io::Result<()> {
        let delete = async { self.store.delete(&self.place(name)).await };
        match self.runtime.block_on(delete).map_err(told) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => Err(why),
            _ => Ok(()),
        }
    }

    fn place(&self, name: &str) -> Path {
        name.split('/').fold(self.prefix.clone(), Path::join)
    }
}

impl fmt::Debug for Archive {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Archive").field("store", &self.store.to_string()).finish_non_exhaustive()
    }
}

fn told(why: Error) -> io::Error {
    match why {
        Error::NotFound { .. } => io::Error::new(io::ErrorKind::NotFound, why),
        why => io::Error::other(why),
    }
}

const CONNECT_MAX: Duration = Duration::from_secs(3);
const ANSWER_MAX: Duration = Duration::from_secs(10);
