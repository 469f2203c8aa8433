//! What outlives a process: users that tools have added, mailboxes, and recorded sound. No other room speaks SQL. What is kept here is plain text,
//! octets and numbers; what they mean in SIP is known by those who ask.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod archive;
mod database;
mod directory;
mod error;
mod mailboxes;
mod records;
mod rows;
mod server;
mod user;

pub use archive::{Archive, Bucket};
pub use directory::{Directory, LISTED_MAX};
pub use error::{Cause, DatabaseError, DirectoryError, Key};
pub use mailboxes::{
    Delivery, MailboxCounts, MailboxSettings, MailboxUse, Mailboxes, MessageMark, Recording, StoredMessage,
    Take, Tries,
};
pub use records::{Carried, Recorded, Records};
pub use user::{
    Credentials, DISPLAY_NAME_BYTES_MAX, Entry, Ha1, Lookup, NAME_BYTES_MAX, NewUser, REALM_BYTES_MAX, User,
};
