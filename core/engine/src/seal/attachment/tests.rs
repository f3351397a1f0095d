#![allow(clippy::unwrap_used)]
use super::*;

const KEY: [u8; 32] = [3; 32];

fn sealed(document: &[u8]) -> (Sealed, Vec<u8>) {
    let mut bytes = Vec::new();
    let sealed = seal_attachment(&KEY, &mut &document[..], &mut bytes).unwrap();
    (sealed, bytes)
}

fn opened(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut document = Vec::new();
    let size = open_attachment(&KEY, &mut &bytes[..], &mut document)?;
    assert_eq!(size, document.len() as u64);
    Ok(document)
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 31 % 251) as u8).collect()
}

#[test]
fn documents_of_every_awkward_length_come_back() {
    let edges = [
        0,
        1,
        127,
        128,
        4095,
        CHUNK_BYTES,
        2 * CHUNK_BYTES,
        3 * CHUNK_BYTES + 5,
    ];
    for edge in edges {
        for length in edge.saturating_sub(2)..=edge + 2 {
            let document = pattern(length);
            let (sealed, bytes) = sealed(&document);
            assert_eq!(sealed.size, length as u64);
            assert_eq!(sealed.sealed_size, bytes.len() as u64);
            assert_eq!(sealed.blob, BlobId::derive(&bytes));
            assert_eq!(opened(&bytes).unwrap(), document, "length {length}");
        }
    }
}

/// A document may end as the padding does, and hold its marker and long runs of zeros.
#[test]
fn documents_that_look_like_padding_come_back() {
    for zeros in [0, 1, 500, CHUNK_BYTES - 1, CHUNK_BYTES, 200_000] {
        let documents = [
            [&[END_MARKER][..], &vec![0; zeros]].concat(),
            vec![0; zeros],
            [&[END_MARKER][..], &vec![0; zeros], &[1]].concat(),
            [&vec![0; zeros][..], &[END_MARKER; 3]].concat(),
            [&[END_MARKER][..], &vec![0; zeros], &[END_MARKER]].concat(),
        ];
        for document in documents {
            assert_eq!(opened(&sealed(&document).1).unwrap(), document);
        }
    }
}

#[test]
fn close_sizes_look_alike() {
    assert_eq!(sealed(&pattern(1)).1.len(), sealed(&pattern(127)).1.len());
    assert_eq!(
        sealed(&pattern(200_000)).1.len(),
        sealed(&pattern(200_500)).1.len()
    );
    assert_ne!(sealed(&pattern(127)).1.len(), sealed(&pattern(128)).1.len());
}

#[test]
fn every_changed_region_is_noticed() {
    let bytes = sealed(&pattern(3 * CHUNK_BYTES)).1;
    let chunk = |at: usize| PREFIX_BYTES + at * SEALED_CHUNK_BYTES;
    let places = [
        0,
        PREFIX_BYTES - 1,
        chunk(0),
        chunk(1) - 1,
        chunk(1),
        chunk(3),
        bytes.len() - 1,
    ];
    for at in places {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        assert!(
            matches!(opened(&changed), Err(Error::Unsealable)),
            "byte {at}"
        );
    }
}

#[test]
fn cut_swapped_doubled_and_lengthened_files_are_noticed() {
    let bytes = sealed(&pattern(3 * CHUNK_BYTES)).1;
    let chunk = |at: usize| PREFIX_BYTES + at * SEALED_CHUNK_BYTES;
    for length in [
        0,
        5,
        PREFIX_BYTES,
        chunk(0) + 9,
        chunk(1),
        chunk(2),
        chunk(3),
        bytes.len() - 1,
    ] {
        assert!(opened(&bytes[..length]).is_err(), "length {length}");
    }
    let part = |from: usize, to: usize| bytes[chunk(from)..chunk(to)].to_vec();
    let tail = bytes[chunk(2)..].to_vec();
    let head = bytes[..PREFIX_BYTES].to_vec();
    let swapped = [head.clone(), part(1, 2), part(0, 1), tail.clone()].concat();
    let doubled = [
        head.clone(),
        part(0, 1),
        part(0, 1),
        part(1, 2),
        tail.clone(),
    ]
    .concat();
    let missing = [head, part(0, 1), tail].concat();
    let longer = [bytes.clone(), vec![0]].concat();
    for changed in [swapped, doubled, missing, longer] {
        assert!(matches!(opened(&changed), Err(Error::Unsealable)));
    }
}

#[test]
fn another_key_opens_nothing() {
    let bytes = sealed(b"report").1;
    let mut document = Vec::new();
    let result = open_attachment(&[4; 32], &mut &bytes[..], &mut document);
    assert!(matches!(result, Err(Error::Unsealable)));
    assert!(document.is_empty());
}

#[test]
fn a_full_disk_and_a_failing_reader_are_reported() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let result = seal_attachment(&KEY, &mut &b"report"[..], &mut Full);
    assert!(matches!(result, Err(Error::DiskFull)));
}

#[test]
fn a_stream_without_end_is_refused_at_the_limit() {
    let mut written = std::io::sink();
    let result = seal_attachment(&KEY, &mut std::io::repeat(1), &mut written);
    assert!(matches!(result, Err(Error::TooLarge(_))));
}

#[test]
fn the_id_depends_on_the_record_and_the_document() {
    let id = derive_attachment_id(RecordId([1; 32]), &[2; 32]);
    assert_eq!(id, derive_attachment_id(RecordId([1; 32]), &[2; 32]));
    assert_ne!(id, derive_attachment_id(RecordId([2; 32]), &[2; 32]));
    assert_ne!(id, derive_attachment_id(RecordId([1; 32]), &[1; 32]));
}
