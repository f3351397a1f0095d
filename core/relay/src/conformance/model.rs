//! Random histories against the simplest thing that could be right: lists in memory.
//!
//! Every answer and everything readable must be the model's after each step, over restarts and power cuts too.

use super::*;
use std::collections::BTreeMap;

/// Histories in one check.
pub(super) const SEEDS: u64 = 6;
const STEPS: u64 = 250;
const QUOTA: Quota = Quota {
    bytes: 400,
    objects: 60,
};

/// A mailbox as the model has it.
#[derive(Default)]
struct Model {
    id: u8,
    is_closed: bool,
    log: Vec<Kept>,
    blobs: BTreeMap<u8, (u64, Option<u64>)>,
}

struct Kept {
    text: String,
    retired: Option<u64>,
    is_purged: bool,
}

impl Model {
    fn bytes(&self) -> u64 {
        let kept = self.log.iter().filter(|kept| !kept.is_purged);
        let envelopes: u64 = kept.map(|kept| kept.text.len() as u64).sum();
        envelopes + self.blobs.values().map(|blob| blob.0).sum::<u64>()
    }

    fn objects(&self) -> u64 {
        (self.log.len() + self.blobs.len()) as u64
    }

    fn append(&mut self, text: &str) -> Result<u64, RelayError> {
        if let Some(at) = self.log.iter().position(|kept| kept.text == text) {
            return Ok(at as u64 + 1);
        }
        if self.is_closed {
            return Err(RelayError::CLOSED);
        }
        if self.bytes() + text.len() as u64 > QUOTA.bytes || self.objects() >= QUOTA.objects {
            return Err(RelayError::QUOTA);
        }
        self.log.push(Kept {
            text: text.to_owned(),
            retired: None,
            is_purged: false,
        });
        Ok(self.log.len() as u64)
    }

    fn reserve(&mut self, blob: u8, size: u64) -> Result<(), RelayError> {
        if self.is_closed {
            return Err(RelayError::CLOSED);
        }
        let known = self.blobs.get(&blob).map(|blob| blob.0);
        let more = size.saturating_sub(known.unwrap_or(0));
        let over =
            self.bytes() + more > QUOTA.bytes || known.is_none() && self.objects() >= QUOTA.objects;
        if over && (more > 0 || known.is_none()) {
            return Err(RelayError::QUOTA);
        }
        self.blobs
            .insert(blob, (size.max(known.unwrap_or(0)), None));
        Ok(())
    }

    fn retire(&mut self, texts: &[String], blobs: &[u8], now: u64) -> u64 {
        let mut count = 0;
        for kept in &mut self.log {
            if kept.retired.is_none() && texts.contains(&kept.text) {
                kept.retired = Some(now);
                count += 1;
            }
        }
        for (id, blob) in &mut self.blobs {
            if blob.1.is_none() && blobs.contains(id) {
                blob.1 = Some(now);
                count += 1;
            }
        }
        count
    }

    fn bring_back(&mut self, since: u64) -> u64 {
        let log = self.log.iter_mut().filter(|kept| !kept.is_purged);
        let retired = log.map(|kept| &mut kept.retired);
        let retired = retired.chain(self.blobs.values_mut().map(|blob| &mut blob.1));
        let back = retired.filter(|retired| retired.is_some_and(|at| at >= since));
        back.map(|retired| *retired = None).count() as u64
    }

    fn purge(&mut self, before: u64) {
        let passed = self.log.len().saturating_sub(1);
        for kept in self.log.iter_mut().take(passed) {
            kept.is_purged |= kept.retired.is_some_and(|at| at <= before);
        }
    }

    fn served(&self) -> Vec<Entry> {
        let last = self.log.len();
        let all = self.log.iter().zip(1..);
        all.filter(|(kept, seq)| kept.retired.is_none() || *seq == last as u64)
            .map(|(kept, seq)| entry(seq, &kept.text))
            .collect()
    }
}

/// A small generator: the suite has no dependency for it.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn text(&mut self) -> String {
        let number = self.below(40);
        format!("{number}{}", "x".repeat(number as usize % 23))
    }
}

/// One history.
pub(super) fn follow(backend: &mut dyn Backend, seed: u64) {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) + 1);
    let mut name = format!("model {seed}");
    let mut storage = backend.open(&name, QUOTA);
    let mut models: BTreeMap<MailboxNumber, Model> = BTreeMap::new();
    for id in 1..=3 {
        let number = register(&*storage, registration(id));
        let model = Model {
            id,
            ..Model::default()
        };
        models.insert(number, model);
    }
    for step in 0..STEPS {
        let now = NOW + step;
        let picked = dice.below(3) as usize;
        let Some(number) = models.keys().nth(picked).copied() else {
            return;
        };
        let at = format!("seed {seed}, step {step}");
        act(&*storage, &mut models, number, &mut dice, now, &at);
        if dice.below(40) == 0 {
            let copy = format!("{name}+");
            match dice.below(2) {
                0 => storage.close(),
                _ => {
                    backend.cut(&name, &copy);
                    storage.close();
                    name = copy;
                }
            }
            drop(storage);
            storage = backend.open(&name, QUOTA);
        }
        compare(&*storage, &models, now, &at);
    }
    storage.close();
}

fn act(
    storage: &dyn Storage,
    models: &mut BTreeMap<MailboxNumber, Model>,
    mailbox: MailboxNumber,
    dice: &mut Dice,
    now: u64,
    at: &str,
) {
    let Some(model) = models.get_mut(&mailbox) else {
        return;
    };
    match dice.below(21) {
        0..=8 => {
            let texts: Vec<_> = (0..=dice.below(4)).map(|_| dice.text()).collect();
            let envelopes = texts.iter().map(|text| envelope(mailbox, text)).collect();
            let expected = texts.iter().map(|text| model.append(text)).collect();
            assert_eq!(settle(storage.append(envelopes, now)), Ok(expected), "{at}");
        }
        9..=12 => {
            let texts: Vec<_> = (0..dice.below(5)).map(|_| dice.text()).collect();
            let blobs: Vec<_> = (0..dice.below(3)).map(|_| dice.below(5) as u8).collect();
            let retirement = Retirement {
                mailbox,
                ids: texts
                    .iter()
                    .map(|it| EnvelopeId::derive(it.as_bytes()))
                    .collect(),
                blobs: blobs.iter().map(|id| BlobId([*id; 32])).collect(),
            };
            let expected = Ok(model.retire(&texts, &blobs, now));
            assert_eq!(settle(storage.retire(retirement, now)), expected, "{at}");
        }
        13..=15 => {
            let (id, size) = (dice.below(5) as u8, dice.below(120));
            let blob = BlobPlace {
                mailbox,
                blob: BlobId([id; 32]),
            };
            let expected = model.reserve(id, size);
            assert_eq!(settle(storage.reserve(blob, size, now)), expected, "{at}");
        }
        16 => {
            let since = now - dice.below(30);
            let expected = Ok(model.bring_back(since));
            assert_eq!(settle(storage.bring_back(mailbox, since)), expected, "{at}");
        }
        17 => {
            let before = now - dice.below(30);
            while settle(storage.purge(before)) != Ok(true) {}
            models.values_mut().for_each(|model| model.purge(before));
        }
        18 => {
            for blob in storage.retired_blobs(now, 100).unwrap_or_default() {
                assert_eq!(settle(storage.release(blob, Some(now))), Ok(true), "{at}");
                if let Some(model) = models.get_mut(&blob.mailbox) {
                    let released = model.blobs.remove(&blob.blob.0[0]);
                    assert!(released.is_some_and(|blob| blob.1.is_some()), "{at}");
                }
            }
            let retired = |model: &Model| model.blobs.values().any(|blob| blob.1.is_some());
            assert!(
                !models.values().any(retired),
                "{at}: a retired blob was not named"
            );
        }
        19 => {
            model.is_closed = true;
            let closing = Closing {
                mailbox,
                read_key: [7; 32],
                retire_key: [8; 32],
            };
            assert_eq!(
                settle(storage.close_mailboxes(vec![closing])),
                Ok(()),
                "{at}"
            );
        }
        _ => {
            let id = model.id;
            assert_eq!(settle(storage.delete(mailbox, now)), Ok(()), "{at}");
            models.remove(&mailbox);
            assert_eq!(
                settle(storage.register(vec![registration(id)], now)),
                Ok(()),
                "{at}"
            );
            let again = number(storage, MailboxId([id; 32]), now).unwrap_or(mailbox);
            assert_ne!(again, mailbox, "{at}");
            let model = Model {
                id,
                ..Model::default()
            };
            models.insert(again, model);
            while settle(storage.forget(vec![mailbox])) != Ok(true) {}
        }
    }
}

fn compare(storage: &dyn Storage, models: &BTreeMap<MailboxNumber, Model>, now: u64, at: &str) {
    for (mailbox, model) in models {
        let page = read(storage, *mailbox, 0, EVERYTHING);
        let head = model.log.len() as u64;
        assert_eq!((page.head, page.entries), (head, model.served()), "{at}");
        assert_eq!(
            storage.heads(&[*mailbox], now),
            Ok(vec![Some(head)]),
            "{at}"
        );
        for (id, (size, retired)) in &model.blobs {
            let blob = BlobPlace {
                mailbox: *mailbox,
                blob: BlobId([*id; 32]),
            };
            let expected = retired.is_none().then_some(*size);
            assert_eq!(storage.reserved(blob, now), Ok(expected), "{at}");
        }
    }
}
