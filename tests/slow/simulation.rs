//! Families of 2 to 8 phones in bad weather, by seeds ([`carnet_tests::play`]): whatever happens, when the weather clears all
//! of them hold the same record with nothing lost.
//!
//! `CARNET_SEEDS` seeds are played (300), from `CARNET_SEED` on (1). A failure prints its seed and its story;
//! `CARNET_SEED=n CARNET_SEEDS=1` plays it again, to the byte.

use carnet_tests::chance;
use carnet_tests::measure::own_cpu;
use carnet_tests::paths::{scale, scratch};
use carnet_tests::play::family::Families;
use carnet_tests::play::{Costs, play};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::available_parallelism;

#[test]
fn phones_that_have_seen_the_same_hold_the_same_record() {
    if !chance::is_seeded() {
        return chance::rerun_seeded(
            "simulation::phones_that_have_seen_the_same_hold_the_same_record",
        );
    }
    let (first, seeds) = (scale("CARNET_SEED", 1), scale("CARNET_SEEDS", 300));
    let scratch = scratch();
    let families = Families::make(scratch.path());
    println!("families: {:.1} s of CPU", own_cpu());
    let (next, failed) = (AtomicU64::new(first), AtomicU64::new(0));
    let (costs, before) = (Mutex::new(Costs::new()), own_cpu());
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + seeds || failed.load(Ordering::Relaxed) > 0 {
                return;
            }
            if play(&families, scratch.path(), seed, &costs).is_err() {
                eprintln!("FAILED: replay with CARNET_SEED={seed} CARNET_SEEDS=1");
                failed.fetch_add(1, Ordering::Relaxed);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..available_parallelism().map_or(2, usize::from) {
            scope.spawn(work);
        }
    });
    assert_eq!(failed.into_inner(), 0, "seeds failed");
    let each = 1_000.0 * (own_cpu() - before) / seeds as f64;
    println!("{seeds} seeds from {first}: all phones agree; {each:.1} ms of CPU a seed");
    print_costs(&costs.into_inner().expect("costs"), seeds);
}

fn print_costs(costs: &Costs, seeds: u64) {
    for (part, (times, seconds)) in costs {
        let (a_seed, a_time) = (seconds / seeds as f64, seconds / *times as f64);
        println!(
            "  {part:<9} {times:>8} times {:>7.2} ms each {:>7.2} ms a seed",
            a_time * 1e3,
            a_seed * 1e3
        );
    }
}
