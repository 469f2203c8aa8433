//! Media as data and machines: session descriptions, packets, digits, codecs. No I/O, no clock, no randomness of its own.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

pub mod codec;
pub mod conceal;
pub mod dtmf;
pub mod error;
pub mod fuzz;
pub mod interval;
pub mod jitter;
pub mod mix;
pub mod ntp;
pub mod packet;
pub mod playout;
pub mod quality;
pub mod reception;
pub mod resample;
pub mod rewriter;
pub mod rtcp;
pub mod sdp;
pub mod tone;
pub mod wav;
