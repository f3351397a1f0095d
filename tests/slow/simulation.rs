//! Families of 2 to 8 phones in bad weather, by seeds ([`carnet_tests::play`]): whatever happens, when the weather clears all
//! of them hold the same record with nothing lost.
//!
//! `CARNET_SEEDS` seeds are played (300), from `CARNET_SEED` on (1). A failure prints its seed and its story;
//! `CARNET_SEED=n CARNET_SEEDS=1` plays it again, to the byte. `CARNET_HTTP_SEEDS` (10) are played with relays that are
//! programs, through sockets.

use carnet_tests::chance;
use carnet_tests::paths::{scale, scratch};
use carnet_tests::play::family::Families;
use carnet_tests::play::{Costs, Stage, play, play_all};
use std::sync::Mutex;

#[test]
fn phones_that_have_seen_the_same_hold_the_same_record() {
    if !chance::is_seeded() {
        return chance::rerun_seeded(
            "simulation::phones_that_have_seen_the_same_hold_the_same_record",
        );
    }
    play_all(
        scale("CARNET_SEED", 1),
        scale("CARNET_SEEDS", 300),
        Stage::Honest,
    );
}

/// A seed that failed fails again: ids, keys and hashes are the same, whatever thread plays it and whatever else was played.
#[test]
fn a_seed_plays_the_same_every_time() {
    if !chance::is_seeded() {
        return chance::rerun_seeded("simulation::a_seed_plays_the_same_every_time");
    }
    let prints = [(); 2].map(|()| {
        let scratch = scratch();
        let families = Families::make(scratch.path());
        let costs = Mutex::new(Costs::new());
        (1..=8)
            .map(|seed| {
                play(&families, scratch.path(), (seed, Stage::Honest), &costs).expect("a play")
            })
            .collect::<Vec<_>>()
    });
    assert_eq!(prints[0], prints[1]);
    assert_ne!(
        prints[0][0], prints[0][1],
        "seeds that all go the same way prove nothing"
    );
}

#[test]
fn the_same_holds_over_http() {
    if !chance::is_seeded() {
        return chance::rerun_seeded("simulation::the_same_holds_over_http");
    }
    let seeds = scale("CARNET_HTTP_SEEDS", 10);
    play_all(scale("CARNET_SEED", 1), seeds, Stage::Http);
}
