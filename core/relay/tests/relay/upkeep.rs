//! Retirement and deletion over HTTP.

use crate::client::{Answer, Client, MAILBOX, TestRelay, envelope, exchange};
use carnet_wire::relay::{Delete, Retire, Retired, code};
use carnet_wire::{BlobId, Canonical, EnvelopeId, MailboxId, limits};

fn retire(client: &mut Client, texts: &[&str], blobs: &[BlobId]) -> Answer {
    let ids = texts
        .iter()
        .map(|text| EnvelopeId::derive(&envelope(MAILBOX, text)));
    let retire = Retire {
        mailbox: MAILBOX,
        ids: ids.collect(),
        blobs: blobs.to_vec(),
    };
    client.post("/v1/retire", &retire.to_canonical())
}

fn numbers(client: &mut Client) -> (u64, Vec<u64>) {
    let reply = client.exchange(&exchange(vec![], &[(MAILBOX, 0)]));
    let pulled = &reply.pulled[0];
    (
        pulled.head,
        pulled.entries.iter().map(|it| it.seq).collect(),
    )
}

#[test]
fn an_owner_retires_and_a_restart_remembers() {
    let folder = tempfile::tempdir().unwrap();
    let relay = TestRelay::start(folder.path());
    let mut owner = Client::owner(relay.address, MAILBOX);
    let all = ["a", "b", "c"].map(|text| envelope(MAILBOX, text)).to_vec();
    owner.exchange(&exchange(all.clone(), &[]));
    let mut member = Client::entered(relay.address, MAILBOX);
    let refused = retire(&mut member, &["a"], &[]);
    assert_eq!((refused.status, refused.problem()), (403, code::FORBIDDEN));
    let answer: Retired = retire(&mut owner, &["a", "b", "unknown"], &[]).decode();
    assert_eq!(answer.retired, 2);
    assert_eq!(numbers(&mut member), (3, vec![3]));
    relay.stop();
    let relay = TestRelay::start(folder.path());
    let mut member = Client::entered(relay.address, MAILBOX);
    assert_eq!(numbers(&mut member), (3, vec![3]));
    member.exchange(&exchange(all, &[]));
    assert_eq!(numbers(&mut member), (3, vec![3]));
}

#[test]
fn the_most_that_one_request_may_retire_goes_in_one_request() {
    let folder = tempfile::tempdir().unwrap();
    let relay = TestRelay::start(folder.path());
    let mut owner = Client::owner(relay.address, MAILBOX);
    let names: Vec<u64> = (0..limits::MAX_RETIRED as u64).collect();
    for some in names.chunks(1_000) {
        let push = some.iter().map(|n| envelope(MAILBOX, &n.to_string()));
        owner.exchange(&exchange(push.collect(), &[]));
    }
    let texts: Vec<String> = names.iter().map(u64::to_string).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let blobs = vec![BlobId([1; 32]); limits::MAX_RETIRED];
    let answer: Retired = retire(&mut owner, &texts, &blobs).decode();
    assert_eq!(answer.retired, limits::MAX_RETIRED as u64);
    let most = limits::MAX_RETIRED as u64;
    assert_eq!(numbers(&mut owner), (most, vec![most]));
    let over = vec![BlobId([1; 32]); limits::MAX_RETIRED + 1];
    let refused = retire(&mut owner, &[], &over);
    assert_eq!((refused.status, refused.problem()), (413, code::TOO_LARGE));
}

#[test]
fn an_owner_deletes_a_mailbox() {
    let folder = tempfile::tempdir().unwrap();
    let relay = TestRelay::start(folder.path());
    let mut owner = Client::owner(relay.address, MAILBOX);
    let mut member = Client::entered(relay.address, MAILBOX);
    owner.exchange(&exchange(vec![envelope(MAILBOX, "a")], &[]));
    let delete = |client: &mut Client, mailbox| {
        client.post("/v1/delete", &Delete { mailbox }.to_canonical())
    };
    assert_eq!(delete(&mut member, MAILBOX).problem(), code::FORBIDDEN);
    assert_eq!(
        delete(&mut owner, MailboxId([2; 32])).problem(),
        code::FORBIDDEN
    );
    let answer = delete(&mut owner, MAILBOX);
    assert_eq!((answer.status, &answer.body[..]), (200, &b"\x80"[..]));
    let gone = delete(&mut owner, MAILBOX);
    assert_eq!((gone.status, gone.problem()), (404, code::NOT_FOUND));
    let reply = member.exchange(&exchange(vec![], &[(MAILBOX, 0)]));
    assert_eq!(reply.pulled[0].refused, code::NOT_FOUND);
    let mut again = Client::entered(relay.address, MAILBOX);
    assert_eq!(numbers(&mut again), (0, vec![]));
}

#[test]
fn what_is_no_request_is_refused_without_a_session_first() {
    let folder = tempfile::tempdir().unwrap();
    let relay = TestRelay::start(folder.path());
    let mut stranger = Client::new(relay.address);
    let mut owner = Client::owner(relay.address, MAILBOX);
    for path in ["/v1/retire", "/v1/close", "/v1/delete", "/v1/wait"] {
        assert_eq!(stranger.post(path, b"\x80").problem(), code::NO_SESSION);
        for body in [&b""[..], b"\x80", b"\xff", &[0x84; 50]] {
            assert_eq!(owner.post(path, body).status / 100, 4, "{path}");
        }
        assert_eq!(owner.request("GET", path, &[], b"").status, 405);
    }
}
