//! The laboratory: what tests of whole devices, relays and crashes share. Each module is one instrument.

pub mod apple;
pub mod canary;
pub mod chance;
pub mod cloud;
pub mod commands;
pub mod devices;
pub mod dice;
pub mod evil;
pub mod faults;
pub mod generator;
pub mod hospital;
pub mod household;
pub mod inprocess;
pub mod measure;
pub mod network;
pub mod paths;
pub mod play;
pub mod relays;
pub mod sources;
pub mod thief;
