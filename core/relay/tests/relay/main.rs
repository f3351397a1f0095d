//! The relay as devices and attackers meet it: over TCP.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod blobs;
mod client;
mod concurrency;
mod hostile;
mod http;
mod operator;
mod speed;
mod stop;
mod upkeep;
mod waiting;
