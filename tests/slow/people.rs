//! Two to five people who share a record, by seeds ([`carnet_tests::play::people`]): roles change, people come and go, phones are
//! lost and recovered, and in the end everybody holds what they may hold.
//!
//! `CARNET_PEOPLE_SEEDS` seeds are played (100), from `CARNET_SEED` on (1). A failure prints its seed and its story;
//! `CARNET_SEED=n CARNET_PEOPLE_SEEDS=1` plays it again, to the byte.

use carnet_tests::chance;
use carnet_tests::paths::{scale, scratch};
use carnet_tests::play::people::cast::Casts;
use carnet_tests::play::people::{Counts, play_all_people, play_people};
use std::sync::Mutex;

#[test]
fn people_who_share_a_record_hold_what_they_may_hold() {
    if !chance::is_seeded() {
        return chance::rerun_seeded("people::people_who_share_a_record_hold_what_they_may_hold");
    }
    play_all_people(scale("CARNET_SEED", 1), scale("CARNET_PEOPLE_SEEDS", 100));
}

#[test]
fn a_seed_of_people_plays_the_same_every_time() {
    if !chance::is_seeded() {
        return chance::rerun_seeded("people::a_seed_of_people_plays_the_same_every_time");
    }
    let prints = [(); 2].map(|()| {
        let scratch = scratch();
        let casts = Casts::make(scratch.path());
        let counts = Mutex::new(Counts::new());
        [1, 2, 3].map(|seed| play_people(&casts, scratch.path(), seed, &counts).expect("a play"))
    });
    assert_eq!(prints[0], prints[1]);
    assert_ne!(
        prints[0][0], prints[0][1],
        "seeds that all go the same way prove nothing"
    );
}
