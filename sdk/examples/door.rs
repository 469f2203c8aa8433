//! A door with a code: who dials the right digits is put through to alice.
//!
//! ```text
//! cargo run -p sdk --example door -- 127.0.0.1:5072
//! ```
//! and in the configuration of the exchange:
//! ```toml
//! [rpc]
//! applications = { door = "http://127.0.0.1:5072" }
//!
//! [[route]]
//! extension = "7777"
//! steps = [{ application = "door" }]
//! ```

use std::time::Duration;

use sdk::{Call, Digits, Sound, Stopped, Tone};

const CODE: &str = "4711";

async fn door(mut call: Call) -> Result<(), Stopped> {
    println!("{} is at the door", call.started().caller.number);
    call.answer().await?;
    for _ in 0..3 {
        if call.ask(&[chime()], Digits::up_to(4)).await? == CODE {
            return call.transfer("alice").await;
        }
    }
    call.hang_up().await
}

fn chime() -> Sound {
    let (on, off) = (Duration::from_millis(400), Duration::from_millis(100));
    Sound::Tone(Tone { hz: [659, 523], on, off, times: 2 })
}

#[tokio::main]
async fn main() -> Result<(), sdk::ServeError> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:5072".to_owned());
    let address = address.parse().expect("an address such as 127.0.0.1:5072");
    println!("the door is at {address}");
    sdk::serve(address, None, door).await
}
