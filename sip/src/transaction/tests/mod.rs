//! The transaction layer in virtual time.

mod invite_client;
mod invite_server;
mod ladder;
mod pair;
mod plain;
mod storm;
mod table;
