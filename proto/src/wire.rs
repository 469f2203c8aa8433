//! What tonic generates of the `.proto` files. Nothing outside this crate needs it, except tools in other languages.
#![allow(missing_docs, clippy::all, clippy::pedantic, rustdoc::all)]

include!(concat!(env!("OUT_DIR"), "/wire.rs"));
