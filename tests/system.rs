//! Whole systems, in seconds: the program as people type it, hostile files, and what others could read.

#[path = "system/acquire.rs"]
mod acquire;
#[path = "system/cli.rs"]
mod cli;
#[path = "system/corpus.rs"]
mod corpus;
#[path = "system/deadline.rs"]
mod deadline;
#[path = "system/hostile.rs"]
mod hostile;
#[path = "system/mutations.rs"]
mod mutations;
#[path = "system/paths.rs"]
mod paths;
#[path = "system/people.rs"]
mod people;
#[path = "system/privacy.rs"]
mod privacy;
#[path = "system/pull.rs"]
mod pull;
#[path = "system/readers.rs"]
mod readers;
#[path = "system/removed.rs"]
mod removed;
#[path = "system/safety.rs"]
mod safety;
#[path = "system/secret.rs"]
mod secret;
#[path = "system/snapshot.rs"]
mod snapshot;
#[path = "system/sync.rs"]
mod sync;
#[path = "system/walk.rs"]
mod walk;
