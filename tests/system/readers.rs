//! A generated Apple Health export, read in one go and read by a reader that is stopped again and again.

use carnet::record::series::SampleId;
use carnet::source::apple::read_apple;
use carnet::source::series::{Checkpoint, Found};
use carnet_tests::apple::{SOURCES, write_export};
use carnet_tests::paths::scale;
use std::collections::BTreeSet;
use std::ops::ControlFlow;

/// Series and sample: what a record holds, each reading once.
type Held = BTreeSet<(String, String, SampleId)>;

/// Reads on from a checkpoint until the reading has been told so many checkpoints, or to the end; the last checkpoint.
fn read(
    export: &[u8],
    from: Option<Checkpoint>,
    most: u64,
    held: &mut Held,
) -> (Option<Checkpoint>, u64) {
    let (mut place, mut told, mut samples) = (from.clone(), 0, 0);
    let summary = read_apple(export, from.as_ref(), &mut |found| match found {
        Found::Batch(batch) => {
            samples += batch.samples.len() as u64;
            for sample in &batch.samples {
                let series = (batch.metric.key().to_owned(), batch.source.key.clone());
                held.insert((series.0, series.1, sample.identity()));
            }
            ControlFlow::Continue(())
        }
        Found::Checkpoint(checkpoint) => {
            place = Some(checkpoint);
            told += 1;
            if told >= most {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        }
    });
    assert!(summary.expect("the export").refused.is_empty());
    (place, samples)
}

#[test]
fn an_export_with_changing_addresses_and_duplicates_is_read_once_however_often_it_is_stopped() {
    let mut export = Vec::new();
    let answers =
        write_export(&mut export, scale("CARNET_APPLE_RECORDS", 450_000), 7).expect("an export");
    let mut whole = Held::new();
    let (_, samples) = read(&export, None, u64::MAX, &mut whole);
    assert_eq!(samples, answers.records);
    assert_eq!(whole.len() as u64, answers.records - answers.duplicates);
    let devices: BTreeSet<&String> = whole.iter().map(|(_, source, _)| source).collect();
    assert_eq!(
        (devices.len(), answers.devices.len()),
        (SOURCES.len(), SOURCES.len())
    );

    // Stopped three times: after one part, two parts, one part; each time the reading goes on from the last place it was told.
    let (mut held, mut place) = (Held::new(), None);
    for parts in [1, 2, 1] {
        place = read(&export, place, parts, &mut held).0;
    }
    assert!(
        held.len() < whole.len(),
        "the export is too short to be stopped in"
    );
    let (_, rest) = read(&export, place, u64::MAX, &mut held);
    assert!(rest < samples, "reading began anew");
    assert_eq!(held, whole);

    // Without its last place it reads everything again, and adds nothing.
    read(&export, None, u64::MAX, &mut held);
    assert_eq!(held, whole);
}
