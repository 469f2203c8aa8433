//! The edge in a small world: phones as scripts, services as tables, virtual time. A flow is a ladder in text: the
//! millisecond, who, `>` for what he sends and `<` for what he gets. After each, the tables must be empty.

mod admission;
mod applications;
mod applications_early;
mod applications_legs;
mod applications_races;
mod applications_transfers;
mod calls;
mod cancel;
mod conducted;
mod conducted_parks;
mod conducted_pickups;
mod conducted_races;
mod conducted_reliable;
mod conducted_sessions;
mod conducted_shards;
mod conducted_slots;
mod conducted_straight;
mod conducted_takeovers;
mod conducted_transfers;
mod dialogs;
mod divert;
mod failover;
mod forking;
mod lamps;
mod notifier;
mod phone;
mod plan;
mod registration;
mod services;
mod storm;
mod world;
