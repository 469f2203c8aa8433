//! Ladders of dialogues: what comes in, and all that goes out for it, in order.

mod deposit;
mod forward;
mod ladder;
mod retrieve;
