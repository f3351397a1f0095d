//! Blobs over HTTP: resumed uploads, ranges, corruption.

use crate::client::{Answer, Client, MAILBOX, TestRelay};
use carnet_wire::relay::code;
use carnet_wire::{BlobId, MailboxId, limits};

struct Upload {
    client: Client,
    path: String,
    whole: Vec<u8>,
}

impl Upload {
    fn new(relay: &TestRelay, length: usize) -> Self {
        let whole: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
        Self {
            client: Client::entered(relay.address, MAILBOX),
            path: format!("/v1/blobs/{MAILBOX}/{}", BlobId::derive(&whole)),
            whole,
        }
    }

    fn put(&mut self, from: usize, to: usize) -> Answer {
        let part = self.whole[from..to].to_vec();
        self.put_bytes(from, &part)
    }

    fn put_bytes(&mut self, offset: usize, part: &[u8]) -> Answer {
        let headers = [
            ("upload-offset", offset.to_string()),
            ("upload-length", self.whole.len().to_string()),
        ];
        self.client.request("PUT", &self.path, &headers, part)
    }

    fn head(&mut self) -> (u16, Option<String>, Option<String>) {
        let answer = self.client.request("HEAD", &self.path, &[], b"");
        let header = |name| answer.header(name).map(str::to_owned);
        (
            answer.status,
            header("upload-offset"),
            header("content-length"),
        )
    }

    fn get(&mut self, range: &str) -> Answer {
        let headers = [("range", range.to_owned())];
        self.client.request("GET", &self.path, &headers, b"")
    }
}

fn text(number: usize) -> Option<String> {
    Some(number.to_string())
}

#[test]
fn an_upload_is_resumed_after_a_restart_and_read_in_ranges() {
    let folder = tempfile::tempdir().unwrap();
    let relay = TestRelay::start(folder.path());
    let length = 2 * limits::MAX_BLOB_PART_BYTES + 1_000;
    let part = limits::MAX_BLOB_PART_BYTES;
    let mut upload = Upload::new(&relay, length);
    assert_eq!((upload.head().0, upload.head().1), (404, text(0)));
    let answer = upload.put(0, part);
    assert_eq!(
        (answer.status, answer.header("upload-offset")),
        (200, Some("4194304"))
    );
    drop(upload);
    relay.stop();

    let relay = TestRelay::start(folder.path());
    let mut upload = Upload::new(&relay, length);
    assert_eq!((upload.head().0, upload.head().1), (404, text(part)));
    assert_eq!(upload.get("bytes=0-9").problem(), code::NOT_FOUND);
    assert_eq!(upload.put(0, part).problem(), code::WRONG_OFFSET);
    assert_eq!(upload.put(part, 2 * part).status, 200);
    assert_eq!(upload.put(2 * part, length).status, 200);
    assert_eq!(upload.head(), (200, text(length), text(length)));

    let answer = upload.get("bytes=10-19");
    assert_eq!(
        (answer.status, answer.body.as_slice()),
        (206, &upload.whole[10..20])
    );
    let expected = format!("bytes 10-19/{length}");
    assert_eq!(answer.header("content-range"), Some(expected.as_str()));
    let mut downloaded = Vec::new();
    while downloaded.len() < length {
        let answer = upload.get(&format!("bytes={}-", downloaded.len()));
        assert_eq!(answer.status, 206);
        downloaded.extend(answer.body);
    }
    assert!(downloaded == upload.whole);
    let path = upload.path.clone();
    let whole = upload.client.request("GET", &path, &[], b"");
    assert_eq!((whole.status, whole.problem()), (413, code::TOO_LARGE));
}

#[test]
fn a_small_blob_is_read_whole() {
    let folder = tempfile::tempdir().unwrap();
    let relay = TestRelay::start(folder.path());
    let mut upload = Upload::new(&relay, 1_000);
    upload.put(0, 1_000);
    let path = upload.path.clone();
    let answer = upload.client.request("GET", &path, &[], b"");
    assert_eq!((answer.status, answer.body), (200, upload.whole.clone()));
    let outside = upload.get("bytes=1000-");
    assert_eq!((outside.status, outside.problem()), (416, code::MALFORMED));
}

#[test]
fn corrupt_bytes_are_found_and_the_upload_starts_over() {
    let folder = tempfile::tempdir().unwrap();
    let relay = TestRelay::start(folder.path());
    let mut upload = Upload::new(&relay, 100);
    let answer = upload.put_bytes(0, &[0; 100]);
    assert_eq!((answer.status, answer.problem()), (422, code::WRONG_HASH));
    assert_eq!((upload.head().0, upload.head().1), (404, text(0)));
    assert_eq!(upload.put(0, 100).status, 200);
    assert_eq!(upload.head().0, 200);
}

#[test]
fn impossible_uploads_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let relay = TestRelay::start(folder.path());
    let mut upload = Upload::new(&relay, 10);
    let path = upload.path.clone();
    let mut put = |offset: &str, length: &str, body: &[u8]| {
        let headers = [
            ("upload-offset", offset.to_owned()),
            ("upload-length", length.to_owned()),
        ];
        upload
            .client
            .request("PUT", &path, &headers, body)
            .problem()
    };
    assert_eq!(put("-1", "10", b"x"), code::MALFORMED);
    assert_eq!(put("+0", "10", b"x"), code::MALFORMED);
    assert_eq!(put("0", "", b"x"), code::MALFORMED);
    assert_eq!(put("99999999999999999999", "10", b"x"), code::MALFORMED);
    assert_eq!(put("18446744073709551615", "10", b"x"), code::MALFORMED);
    assert_eq!(put("10", "10", b"x"), code::MALFORMED);
    assert_eq!(put("0", "1073741825", b"x"), code::TOO_LARGE);
    let without = upload.client.request("PUT", &path, &[], b"x");
    assert_eq!(without.problem(), code::MALFORMED);
    let large = vec![0; limits::MAX_BLOB_PART_BYTES + 1];
    let headers = [
        ("upload-offset", "0".to_owned()),
        ("upload-length", large.len().to_string()),
    ];
    let refused = upload.client.try_request("PUT", &path, &headers, &large);
    // The relay may hang up on a body it will not read.
    assert!(refused.is_err() || refused.is_ok_and(|it| it.problem() == code::TOO_LARGE));
}

#[test]
fn a_blob_of_another_mailbox_is_out_of_reach() {
    let folder = tempfile::tempdir().unwrap();
    let relay = TestRelay::start(folder.path());
    let mut upload = Upload::new(&relay, 10);
    upload.put(0, 10);
    let mut stranger = Client::entered(relay.address, MailboxId([2; 32]));
    let answer = stranger.request("GET", &upload.path, &[], b"");
    assert_eq!((answer.status, answer.problem()), (403, code::FORBIDDEN));
}
