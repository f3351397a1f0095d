//! Whole systems, in minutes: crashes at every kind of write, damaged files, two processes, many devices in bad weather.
//! How long each works is set by the environment; `tests/run` says how.

#[path = "slow/crash.rs"]
mod crash;
#[path = "slow/damage.rs"]
mod damage;
#[path = "slow/disk_full.rs"]
mod disk_full;
#[path = "slow/hostile_relay.rs"]
mod hostile_relay;
#[path = "slow/people.rs"]
mod people;
#[path = "slow/relay_crash.rs"]
mod relay_crash;
#[path = "slow/simulation.rs"]
mod simulation;
#[path = "slow/two_processes.rs"]
mod two_processes;
