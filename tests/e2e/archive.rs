//! Recordings in a bucket, kept by a store that others wrote: s3rver.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Stdio};

use store::{Archive, Bucket, Recorded, Records};

use super::exchange::Exchange;
use super::ground::Ground;
use super::needs::{S3RVER, s3rver};

tests! {
    S3RVER => recordings_go_to_a_bucket_and_come_back;
}

fn recordings_go_to_a_bucket_and_come_back() {
    let ground = Ground::loopback();
    let endpoint = format!("http://{}:9000", ground.address(9));
    let more = format!(
        "[voicemail]\nextension = \"6099\"\n[voicemail.archive]\nbucket = \"company\"\nprefix = \"site-1\"\n\
         endpoint = \"{endpoint}\"\naccess_key = \"S3RVER\"\nsecret_key = \"S3RVER\"\n"
    );
    let mut exchange = Exchange::start(ground, &more);
    // While there is no store, what is said waits in the folder.
    let recordings = exchange.folder.join("state/recordings");
    fs::create_dir_all(recordings.join("voicemail/6002")).expect("our own folder");
    fs::write(recordings.join("voicemail/6002/r-1.wav"), sound()).expect("our own folder");
    exchange.wait_for("the archive of voicemail does not take recordings");
    let mut bucket = Server::start(&exchange);
    let object = bucket.data.join("company/site-1/voicemail/6002/r-1.wav._S3rver_object");
    exchange.until("bindings", |_| fs::read(&object).is_ok_and(|octets| octets == sound()));
    exchange.wait_for("the archive of voicemail is back");

    // Another machine, whose folder is empty.
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let asked = Bucket {
        name: "company",
        prefix: "site-1",
        endpoint: Some(&endpoint),
        region: "us-east-1",
        access_key: "S3RVER",
        secret_key: "S3RVER",
    };
    let archive = Archive::new(&asked, runtime.handle()).expect("a bucket");
    let records = Records::new(exchange.folder.join("elsewhere")).archived(archive);
    let length = records.state("voicemail/6002/r-1").expect("the store answers");
    assert_eq!(length, Recorded::Whole(std::time::Duration::from_secs(1)));
    assert!(records.read("voicemail/6002/r-1").expect("the store has it") == sound());
    records.remove("voicemail/6002/r-1").expect("our own folder");
    records.carry("voicemail", std::time::Duration::MAX, 0).expect("the store answers");
    assert!(!object.exists(), "the store has forgotten it");
    assert_eq!(records.state("voicemail/6002/r-2").expect("the store answers"), Recorded::Nothing);
    bucket.end();
    exchange.end();
}

/// A second of sound as the media server writes it.
fn sound() -> Vec<u8> {
    let mut octets = vec![0x55; 46 + 16_000];
    octets[28..32].copy_from_slice(&16_000_u32.to_le_bytes());
    octets
}

/// A store that runs; it ends when this is dropped.
struct Server {
    child: Child,
    data: PathBuf,
}

impl Server {
    fn start(exchange: &Exchange) -> Self {
        let data = exchange.folder.join("buckets");
        let address = exchange.ground.address(9).to_string();
        let mut command = exchange.ground.command(s3rver());
        command.args(["-a", &address, "-p", "9000", "--configure-bucket", "company", "-d"]).arg(&data);
        let log = fs::File::create(exchange.folder.join("s3rver.log")).expect("our own folder");
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("our own file")).stderr(log);
        Self { child: command.spawn().expect("s3rver starts"), data }
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}
