//! Many plays on all processors, and what they cost.

use super::family::Families;
use super::{Costs, Stage, play};
use crate::measure::own_cpu;
use crate::paths::scratch;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::available_parallelism;

/// Plays `seeds` seeds from `first` on, says which fail, and fails if any does. Needs a process whose chance is seeded.
pub fn play_all(first: u64, seeds: u64, stage: Stage) {
    let scratch = scratch();
    let families = Families::make(scratch.path());
    let (next, failed) = (AtomicU64::new(first), AtomicU64::new(0));
    let (costs, before) = (Mutex::new(Costs::new()), own_cpu());
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + seeds {
                return;
            }
            if play(&families, scratch.path(), (seed, stage), &costs).is_none() {
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
    let failed = failed.into_inner();
    assert_eq!(failed, 0, "seeds failed");
    let each = 1_000.0 * (own_cpu() - before) / seeds as f64;
    println!("{seeds} seeds from {first}: all phones agree; {each:.1} ms of CPU a seed");
    print_costs(&costs.into_inner().expect("costs"), seeds);
}

fn print_costs(costs: &Costs, seeds: u64) {
    for (part, (times, seconds)) in costs {
        if *seconds == 0.0 {
            println!("  {part:<18} {times:>8}");
            continue;
        }
        let (a_seed, a_time) = (seconds / seeds as f64, seconds / *times as f64);
        println!(
            "  {part:<18} {times:>8} times {:>7.2} ms each {:>7.2} ms a seed",
            a_time * 1e3,
            a_seed * 1e3
        );
    }
}
