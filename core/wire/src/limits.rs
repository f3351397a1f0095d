//! Every limit of the protocol, in one place. Each has an error: [`crate::WireError::TooLarge`] or a relay problem.

/// Longest envelope, ciphertext included.
pub const MAX_ENVELOPE_BYTES: usize = 4 << 20;
/// Longest encoded [`crate::Inner`]: what still fits the longest envelope once framed, padded and sealed.
pub const MAX_INNER_BYTES: usize = (4 << 20) - (64 << 10) - 4;
/// Longest body of a change after decompression.
pub const MAX_BODY_BYTES: usize = 32 << 20;
/// Longest header of a change.
pub const MAX_HEADER_BYTES: usize = 64 << 10;
/// Most authors in a version vector.
pub const MAX_SEEN_AUTHORS: usize = 1_000;
/// Most operations a roster frontier may name.
pub const MAX_FRONTIER: usize = 100;
/// Most envelopes one exchange may push.
pub const MAX_PUSHED_ENVELOPES: usize = 1_000;
/// Most mailboxes one exchange may pull from, and one session may open.
pub const MAX_MAILBOXES: usize = 1_000;
/// Most proofs one session may be opened with: three keys each.
pub const MAX_PROOFS: usize = 3 * MAX_MAILBOXES;
/// Longest request or answer body of an exchange.
pub const MAX_EXCHANGE_BYTES: usize = 8 << 20;
/// Most envelope bytes a device asks for, or sends, in one exchange.
pub const EXCHANGE_BATCH_BYTES: usize = 4 << 20;
/// Most envelopes one answer may carry, over all mailboxes.
pub const MAX_PULLED_ENTRIES: usize = MAX_EXCHANGE_BYTES / 128;
/// Most envelopes, and most blobs, one request may retire.
pub const MAX_RETIRED: usize = 10_000;
/// Longest wait for news, in seconds: under the minute after which proxies and carriers drop a silent connection.
pub const MAX_WAIT_SECONDS: u16 = 55;
/// Deepest nesting of arrays in a canonical encoding.
pub const MAX_DEPTH: usize = 32;
/// Longest part of a blob in one upload or ranged download.
pub const MAX_BLOB_PART_BYTES: usize = 4 << 20;
/// Longest blob.
pub const MAX_BLOB_BYTES: u64 = 1 << 30;
/// Longest name of a device, a person or a compartment.
pub const MAX_NAME_BYTES: usize = 256;
/// Longest frame of a direct stream, its length not counted.
pub const MAX_STREAM_FRAME_BYTES: usize = 65_535;
/// Longest message of a direct stream: the longest envelope beside a part of a document.
pub const MAX_STREAM_MESSAGE_BYTES: usize = 5 << 20;
/// Most tags a side of a direct stream sends: epochs, and random ones among them.
pub const MAX_STREAM_TAGS: usize = 2_048;
/// Most chains a vector of a direct stream names.
pub const MAX_STREAM_TIPS: usize = 10_000;
/// Most parts of documents one turn asks for, or brings.
pub const MAX_STREAM_WANTS: usize = 8;
/// Longest sync file.
pub const MAX_SYNC_FILE_BYTES: u64 = 64 << 30;
