//! A relay that lies in every way a relay can, by seeds ([`carnet_tests::play::malice`]): nothing that nobody wrote is ever
//! shown, nothing is lost once an honest relay is there, and no answer makes a phone panic.
//!
//! `CARNET_HOSTILE_SEEDS` seeds are played (100), from `CARNET_SEED` on (1).

use carnet_tests::chance;
use carnet_tests::paths::scale;
use carnet_tests::play::play_all;

#[test]
fn a_lying_relay_forges_nothing_and_loses_nothing() {
    if !chance::is_seeded() {
        return chance::rerun_seeded(
            "hostile_relay::a_lying_relay_forges_nothing_and_loses_nothing",
        );
    }
    play_all(
        scale("CARNET_SEED", 1),
        scale("CARNET_HOSTILE_SEEDS", 100),
        true,
    );
}
