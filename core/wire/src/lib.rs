//! What crosses the network between Carnet devices and their relay: the protocol, version 1.
//!
//! This page is the protocol; the code below it is one implementation, and `tests/vectors` holds what a second one, written
//! from this page alone, made of it. If you use the engine you need none of this. There is no I/O in this crate and there
//! are no keys: the engine's `seal` room signs and seals, the relay stores.
//!
//! # The parties
//! A **device** is an Ed25519 key pair in a phone, a tablet or a computer. A device that was restored from a copy begins a
//! new life, its **incarnation**, so that two copies never write as one. Device and incarnation together are an **author**.
//! A **record** is one person's health record. It is divided into **compartments**, each with its own keys and its own
//! log: the unit of sharing. Its **roster** says who belongs to it; roster and account are compartments like the others.
//! A **relay** keeps what devices leave for each other. It is not trusted with anything but availability.
//!
//! Every author writes one hash-linked **chain** of **changes** per compartment. A change is sealed into an **envelope** and
//! put into the compartment's **mailbox**. Whoever has the same changes has the same record, whatever path they took and
//! in whatever order they came: the relay is one path, a second relay, a cable or a file on a stick are others.
//!
//! # What the relay sees
//! For each mailbox: an id, three public keys (read, write, retire), and a list of envelopes with their epoch id, suite,
//! padded size, and the time they came; who asks from which address and when. It cannot tell which record, compartment,
//! device, author, member or kind of change a mailbox or envelope belongs to: all of that is inside the ciphertext. It
//! cannot link the mailboxes of two epochs by their ids, but it sees which are asked for in one session. It cannot write:
//! whatever it makes up fails to open, and whatever it puts elsewhere fails too, since its place is authenticated. It can
//! withhold, delay, repeat and reorder; the invariants say what becomes of that.
//!
//! # Three invariants
//! **INV-7: an acknowledged envelope is durable; a cursor and the rows it covers are one transaction; sending twice is
//! harmless; order does not matter.** The relay answers [`relay::Pushed::Stored`] only after the envelope would survive a
//! power cut, and numbers the envelopes of a mailbox 1, 2, 3… without gaps, in the statement that inserts them. The same
//! bytes sent again get the number they have. A device moves its cursor in the transaction that keeps what the cursor
//! passes. The relay's numbers are positions in a mailbox and nothing else: the chains inside the envelopes are the truth.
//!
//! **INV-8: what cannot be opened or is not yet authorised is kept, retried and visible, never skipped.** An envelope of an
//! unknown suite, under an epoch whose key has not arrived, with a header of a newer version, an unknown kind or an author
//! the roster does not know yet goes to the device's quarantine, whole. It is retried when keys or roster advance. A
//! device never lists in `seen` what it only holds in quarantine.
//!
//! **INV-9: a gap, a fork, a rollback or an omission by the relay is detected at the next contact with any honest witness,
//! reported, and healed by the devices.** A missing change leaves a gap in its author's numbers, or a change by another
//! author lists in `seen` what has not come. Two different changes of one author with one number are a fork, and so is a
//! change whose `prev` is not the one before it: two signed headers that anybody can check. The chain stops where the fork
//! is found: what contradicts it and all that follows is kept and not merged; a device that finds its own chain forked goes
//! on under a new incarnation. A relay put back from a backup shows a new [`relay::ExchangeReply::generation`], or a `head`
//! below a device's cursor: the device then reads its mailboxes from the start. Whatever a relay that was read to its end
//! does not list, any device that has it sends there again, sealed anew under the current epoch, its own changes and
//! others': a change keeps its [`ChangeId`], so who has it knows it again. A device that sees a change of another author rest
//! on changes that name one it lacks sends that one again even if the relay lists it.
//!
//! # The layers
//! ```text
//! change      what a person or an import wrote                      the engine's record/change.rs, or roster operations
//! body        compression byte ‖ payload
//! header      whose, where in which chain, what it had seen, hash of the body
//! inner       what travels of the header, signature by the device over the header, body
//! plaintext   length ‖ inner ‖ zeros up to one of few lengths
//! envelope    [ version, suite, mailbox, epoch, nonce, ciphertext ]
//! mailbox     envelopes, numbered by the relay
//! exchange    one request that pushes to and pulls from many mailboxes
//! ```
//! A receiver goes from the bottom to the top and stops at the first refusal: parse the envelope, open it, check the padding,
//! read the header, check the signature, then the chain and the roster; only then inflate the body. Nobody but members' devices
//! can reach the code behind the signature.
//!
//! # Encoding
//! Every structure is deterministic CBOR (RFC 8949 §4.2.1) made of unsigned and negative integers, byte strings, text,
//! arrays, `false`, `true` and `null`: definite lengths, shortest heads, no maps, tags or floats. A structure is an array of
//! its fields in the order given here. A list is an array. A value has exactly one encoding; a receiver refuses every other
//! one, bytes after the value included, and arrays nested deeper than [`limits::MAX_DEPTH`]. What is signed or hashed is
//! that one encoding. `bstr32` is a byte string of 32 bytes; `‖` joins bytes; `u8` to
//! `u64` are unsigned integers of that range.
//!
//! # Ids
//! | id | length | is |
//! |---|---|---|
//! | [`DeviceId`] | 32 | the device's Ed25519 public key |
//! | [`Incarnation`] | 8 | random, drawn again when a database was put back from a copy |
//! | [`RecordId`], [`AccountId`] | 32 | hash of the operation that founded it (the engine's `roster` room) |
//! | [`CompartmentId`] | 16 | first 16 bytes of BLAKE3 `derive_key("carnet/1 compartment-id", record ‖ name in UTF-8)` |
//! | [`ChangeId`] | 32 | BLAKE3 `derive_key("carnet/1 change-id", header bytes)`: lasting, whatever envelope carried it |
//! | [`EnvelopeId`] | 32 | BLAKE3 of the envelope's bytes: another one when the same change is sealed again |
//! | [`BlobId`] | 32 | BLAKE3 of a sealed attachment's bytes |
//! | [`MailboxId`], [`EpochId`] | 32 | derived from the epoch's key, below |
//!
//! As text an id is lower-case hexadecimal.
//!
//! # Keys of an epoch
//! A compartment's key lives for an **epoch**, which ends when somebody is removed, on suspicion, or after 90 days. Whoever
//! mints an epoch draws three secrets of 32 bytes from the operating system: the *read secret* R for every member, the
//! *write secret* W for those who may write, the *retire secret* O for owners. Everything else is HKDF-SHA-256 (RFC 5869)
//! with an empty salt, the secret as input key material, and 32 bytes of output:
//!
//! | from | info | gives |
//! |---|---|---|
//! | R | `carnet/1 mailbox` | the [`MailboxId`]: it rotates with the epoch |
//! | R | `carnet/1 relay read` | seed of the Ed25519 key that reads the mailbox |
//! | R | `carnet/1 content` | XChaCha20-Poly1305 key of the epoch's envelopes |
//! | R | `carnet/1 commit` | the commitment |
//! | R | `carnet/1 previous` | key that seals the previous epoch's read secret, for those who join later |
//! | R | `carnet/1 peer` | K of the direct stream |
//! | W | `carnet/1 relay write` | seed of the Ed25519 key that writes to the mailbox |
//! | O | `carnet/1 relay retire` | seed of the Ed25519 key that retires its envelopes |
//!
//! ```text
//! EpochId = BLAKE3 derive_key( "carnet/1 epoch-id",
//!                              record(32) ‖ compartment(16) ‖ commitment(32) ‖ parents (32 each, sorted) )
//! ```
//! The parents are the epochs this one follows: none for the first, several where concurrent epochs are merged. Everybody who
//! unwraps R recomputes the epoch id and refuses R if it differs. XChaCha20-Poly1305 does not commit to its key: without
//! this a malicious member could give two people different keys under one id and show each another record.
//!
//! How the secrets are wrapped for members (HPKE with X-Wing), how devices pair and how attachments are sealed stands with
//! the engine's `seal` and `roster` rooms. The new secret is never sealed under the old one, only the old under the new.
//!
//! # Body
//! ```text
//! body = compression: 1 byte ‖ payload        0 stored · 1 one zstd frame · 2 one zstd frame with dictionary 1
//! ```
//! Nothing follows the frame. A reader inflates at most [`limits::MAX_BODY_BYTES`], whatever size the frame claims. Bodies are
//! compressed before they are padded and padded before they are sealed, so that what the padding hides is the size that
//! counts. What the payload means is for the header's kind to say. Dictionary 1 stands in the engine's `seal` room and never
//! changes; a build that does not carry it treats 2 as it treats a value it does not know.
//!
//! # Header and signature
//! ```text
//! header = [ version = 1: u8, record: bstr32, compartment: bstr16, author, seq: u64, prev: bstr32,
//!            seen: [ [ author, seq: u64 ] … ], frontier: [ bstr32 … ], lamport: u64, kind: u8, body_hash: bstr32 ]
//! author = [ device: bstr32, incarnation: bstr8 ]
//! signature = Ed25519( device key, "carnet/1 change\0" ‖ header )
//! inner  = [ version, author, seq, prev, seen, frontier, lamport, kind, signature: bstr64, body: bstr ]
//! ```
//! What the receiver knows does not travel: `record` and `compartment` are those of the epoch whose key opened the envelope,
//! `body_hash` is the hash of the body beside it. The receiver puts them in, writes the header (it has one encoding), and
//! checks the signature over that. So a change that was put elsewhere, or that got another body, is one whose signature
//! does not hold, and each envelope is 85 bytes shorter.
//!
//! * `seq` counts the author's changes in this compartment from 1 without gaps, across epochs. `prev` is the [`ChangeId`] of
//!   change `seq` − 1, and 32 zeros exactly when `seq` is 1.
//! * `seen` is the author's version vector of this compartment: of each author it has merged, the last number. Its own place
//!   is `seq` − 1 and readers rely on that alone. Entries are sorted by author as bytes (device, then incarnation), and no
//!   author is there twice.
//! * `frontier` holds the heads of the roster the author knew, sorted, none twice.
//! * `lamport` is one more than the greatest the author had merged. It puts versions in an order without a clock; equal ones
//!   are ordered by [`ChangeId`]. A wall clock orders and authorises nothing.
//! * `kind` is 1 for a record change, 2 for a snapshot, 3 for roster or account operations.
//! * `body_hash` is BLAKE3 of the body as it travels, so nothing is inflated before the signature holds.
//!
//! A **snapshot** lists, in its body, exactly which changes it stands for, as a number and a [`ChangeId`] for each author, and
//! the sealed pieces that hold them; the layout stands with the engine's `record` room. Only one that an owner's device signed
//! is taken. A receiver that lacks some of what it covers goes on behind it in each author's chain, and does not name those
//! authors in `seen` beyond what it has until every piece is merged. A change whose `seen` covers a snapshot's own place
//! acknowledges it. After another device's acknowledgement, or 30 days, an owner's device has the relay retire the envelopes
//! that carried what the snapshot covers, by their ids, and the pieces no snapshot lists any more.
//!
//! Signatures are Ed25519 (RFC 8032) checked strictly: the scalar is below the group order, neither the key nor R is of small
//! order, and the equation holds without the cofactor. There is one signature per change, never one per operation.
//!
//! A receiver takes an author's changes in the order of `seq`. A number it has, with the same [`ChangeId`], is a repetition
//! and ignored; with another one, a fork. The next number is taken if `prev` is the [`ChangeId`] it has for the one before,
//! and is a fork otherwise. A number further on waits for those before it.
//!
//! # Padding
//! ```text
//! plaintext = length of inner: u32 big-endian ‖ inner ‖ zeros up to padded_len(4 + length)
//! padded_len(n) = n raised to a multiple of 128, at least 128                                    n ≤ 4096
//!               = n raised to a multiple of 2^(E − S),  E = ⌊log2 n⌋,  S = ⌊log2 E⌋ + 1          n > 4096   (Padmé)
//! ```
//! Padmé (Nikitin et al., PETS 2019) costs at most 6.3 % above 4 KiB. A receiver refuses padding that is not zero and a
//! plaintext of any other length. The longest inner is [`limits::MAX_INNER_BYTES`].
//!
//! # Envelope
//! ```text
//! envelope   = [ version = 1: u8, suite = 1: u16, mailbox: bstr32, epoch: bstr32, nonce: bstr24, ciphertext: bstr ]
//! associated = "carnet/1 envelope\0" ‖ [ version, suite, mailbox, epoch, nonce ]
//! ciphertext = XChaCha20-Poly1305( key "carnet/1 content", nonce, associated, plaintext ), tag of 16 bytes last
//! ```
//! Suite 1 is XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03), HKDF-SHA-256, BLAKE3, Ed25519, and HPKE (RFC 9180) with
//! X-Wing. The suite is fixed for an epoch by a signed operation and not negotiated, so there is nothing to downgrade.
//!
//! The nonce is made by the sender; a receiver only uses it:
//! ```text
//! nonce = first 24 bytes of BLAKE3 keyed_hash( device secret, random(32) ‖ BLAKE3(plaintext) )
//! ```
//! All writers of an epoch share its key, and 24 random bytes are enough as long as they are random. The device secret, 32
//! bytes that never leave the device, and the plaintext's hash keep nonces apart even on two devices whose random
//! generators were cloned. A key per device would do that too, but the author is inside the ciphertext: a reader could not
//! know which key to use. Nonces are never counters, because a restored backup would repeat them.
//!
//! An unsent change is sealed again when the epoch has changed meanwhile. Its header, signature and [`ChangeId`] stay.
//!
//! # Mailbox and relay
//! Requests are `POST` with CBOR bodies (`application/cbor`) over HTTPS; [`relay`] lists the paths.
//! ```text
//! challenge      = [ nonce: bstr32, expires_in: u32 ]
//! open session   = [ nonce: bstr32, origin: text, register: [ registration … ], proofs: [ proof … ] ]
//! registration   = [ mailbox: bstr32, read key: bstr32, write key: bstr32, retire key: bstr32, lifetime: u32 ]
//! proof          = [ mailbox: bstr32, access: u8, signature: bstr64 ]              access: 0 read · 1 write · 2 retire
//! session        = [ token: bstr32, expires_in: u32, refused: [ mailbox … ] ]
//! exchange       = [ push: [ envelope as bstr … ], pull: [ [ mailbox, after: u64 ] … ], max_bytes: u32 ]
//! exchange reply = [ generation: u64, pushed: [ pushed … ], pulled: [ pulled … ] ]
//! pushed         = [ 0, [ seq: u64 ] ] stored  |  [ 1, [ code: u16 ] ] refused
//! pulled         = [ mailbox, refused: u16, head: u64, entries: [ [ seq: u64, envelope as bstr ] … ] ]
//! wait           = [ pulls: [ [ mailbox, after: u64 ] … ], seconds: u16 ]
//! waited         = [ generation: u64, moved: [ mailbox … ] ]
//! retire         = [ mailbox, ids: [ envelope id as bstr32 … ], blobs: [ blob id as bstr32 … ] ]
//! retired        = [ retired: u64 ]
//! close          = [ [ [ mailbox, read key: bstr32, retire key: bstr32 ] … ] ]
//! closed         = [ refused: [ mailbox … ] ]
//! delete         = [ mailbox ]
//! deleted        = [ ]
//! problem        = [ code: u16, title: text ]
//! ```
//! A session is opened by signing the relay's challenge with the key of each mailbox and access wanted:
//! ```text
//! signature = Ed25519( mailbox key, "carnet/1 session\0" ‖ [ nonce: bstr32, origin: text, mailbox: bstr32, access: u8 ] )
//! ```
//! `origin` is the scheme, host and port the device connected to (`https://relay.example`, the port only where it is not the
//! scheme's own). A relay checks that it is its own, so no relay can use the answer at another. The token, as hexadecimal
//! after `Authorization: Bearer`, then stands for all keys proved. The first registration of a mailbox holds; since its
//! id is derived from R, nobody outside can be first on purpose.
//!
//! One exchange pushes and pulls. The pull is read before the push is stored, so that a device does not get back what it
//! just sent: `entries` follow `after` in the order of their numbers, `head` is the last number the mailbox had given by
//! then, and a device asks again while its cursor is below. Numbers are missing only where an
//! owner retired envelopes. Sealed attachments travel beside the envelopes, in parts, and are checked against their id.
//!
//! **Waiting.** A `wait` is answered at once when a mailbox has moved (its head is not `after`, in either direction) or cannot be read (the
//! next exchange says why), else as soon as one moves, and with nothing when the seconds are over or the relay stops.
//! It carries no content: a lost or a false answer costs one exchange.
//!
//! **Retirement** is soft. What is retired is no longer served, its bytes are kept for 30 days in case the owner was
//! wrong (the relay's operator can bring them back), and then they go. It names hashes, never numbers: after a relay was put
//! back from a backup its numbers name other envelopes. Numbers stay used and the head does not move back. A push of the same
//! bytes answers the number they had and does not revive them, not even after the 30 days. The envelope at the head is
//! served although it is retired, until another one takes the head: so a cursor always gets there.
//! Only the keys from O can retire or delete, so a member who may write cannot take away what others wrote.
//!
//! **Closing.** Somebody who was removed keeps the keys of the epochs they had, and with them could fill the old mailboxes
//! and fetch what still lies there. So once a new epoch is known at the relay, an owner's device *closes* the mailboxes of
//! the compartment's earlier ones, under their retire key: nothing is written there any more, and the keys of the **new**
//! epoch read and retire what lies there. Nothing moves, nothing is sent again. At the next epoch they are closed again, to its
//! keys. A relay ends every session that had a right to the mailbox (but the one that closed it), and answers who lacks
//! the keys with [`relay::code::CLOSED`]; a registration of a closed mailbox changes nothing and is no conflict. A device
//! proves what it can: for each mailbox the keys of its own epoch and of a few that follow. A proof that does not hold costs
//! nothing.
//!
//! *Who has not heard* (a phone that was off for two years) has the same keys as who was removed, and the relay cannot tell
//! them apart. It finds the way on in the mailboxes of rosters and accounts, which are **never closed**: there lies the
//! operation that minted the new epoch, wrapped to its account. It keeps what is refused as closed, seals it again under the
//! new epoch, as for any other change a relay lacks, and reads the old mailbox with the new keys. So with an honest relay nothing more
//! is written that the removed one could open, not even by who has not heard. What the removed one still reads in rosters and
//! accounts was written before the removal, or is the removal. What they write there fails (no author the roster knows), and
//! is bounded by the quota.
//!
//! *A relay that ignores it* leaves things as they were without it: devices go on reading the old mailboxes, believe nothing
//! there that the roster does not allow, and lose nothing. *One that says closed of what is not* withholds, as it can anyway. *An
//! owner who closes a mailbox in use, or to keys that nobody has*, denies it to the others as by deleting it: they keep
//! everything, say so, and draw a new epoch.
//!
//! **Deletion** of a mailbox is at once for all who ask, and within minutes for the bytes. Its id is free again: whoever
//! registers it begins an empty mailbox at number 1, which devices see as a relay that lost what it had.
//!
//! **Limits of a relay.** Each operator sets how many bytes and objects a mailbox may hold ([`relay::code::QUOTA`], and what is
//! retired counts until it goes) and how often a session or a network may ask ([`relay::code::RATE_LIMITED`]). Both come with
//! `Retry-After`. A refused envelope takes no number, so a device keeps it and tries later.
//!
//! # Direct stream
//! Two devices exchange directly over any ordered byte stream: TCP in one network, Bluetooth, Wi-Fi Aware, USB. Nothing is
//! assumed of it but order; who reads, changes, cuts or repeats what passes is as hostile as a relay. Layouts stand in
//! [`stream`]. All bytes are **frames** of at most [`limits::MAX_STREAM_FRAME_BYTES`]. Who opened the stream is the
//! *initiator* (role byte 0), the other one the *responder* (1). They speak in turn, never at once, so that neither has to
//! hold more than one message and a half-duplex radio will do:
//! ```text
//! initiator                                      responder
//! hello (nonce n₀) ──────────────────────────►
//!                  ◄────────────────────────── hello (nonce n₁), tags
//! tags, summary    ──────────────────────────►
//!                  ◄────────────────────────── summary            equal, and nobody wants a document: the end
//! turn             ──────────────────────────►
//!                  ◄────────────────────────── turn               … until both are done
//! ```
//! **Finding what is in common.** For every epoch it holds, a side derives K = HKDF(R, `carnet/1 peer`) and sends
//! ```text
//! tag = first 16 bytes of BLAKE3 keyed_hash( K, "carnet/1 stream tag\0" ‖ role ‖ n₀ ‖ n₁ )
//! ```
//! among as many random ones as make their number a multiple of 8, sorted. Who does not hold the epoch sees noise that never
//! comes again: no mailbox, device or person can be recognised by it, and neither role's tags can be used as the other's.
//! The epochs whose tags both sent are *in common*, and are numbered from 0 in the order of the initiator's tags. A
//! responder that has none in common with the tags it gets ends the stream, as does an initiator.
//!
//! **Channel.** Everything after the tags is sealed, in frames of at most [`limits::MAX_STREAM_FRAME_BYTES`]:
//! ```text
//! part_i  = BLAKE3 keyed_hash( K_i, "carnet/1 stream key\0" ‖ n₀ ‖ n₁ )             for every epoch in common, in order
//! clear   = BLAKE3( initiator's hello ‖ responder's hello ‖ responder's tags ‖ initiator's tags )      without lengths
//! channel = BLAKE3 derive_key( "carnet/1 stream channel", clear ‖ part_0 ‖ part_1 ‖ … )
//! sealed  = nonce: 24 random bytes ‖ XChaCha20-Poly1305( channel, nonce, associated, more: 1 byte ‖ bytes )
//! associated = "carnet/1 stream frame\0" ‖ role of the sender ‖ count: u64 big-endian
//! ```
//! The count begins at 0 for each side and grows by one with each of its sealed frames, so that a frame repeated, left out,
//! put elsewhere or sent back does not open, and whoever it does not open for ends the stream. So it is with whoever
//! changed or took away a tag: the two sides then have different keys. `more` is 1 when the message
//! goes on in the next frame; a message is at most [`limits::MAX_STREAM_MESSAGE_BYTES`]. Whoever speaks on the channel has
//! shown that it holds *every* epoch in common; a member of one compartment alone cannot read what passes of others. Both
//! nonces are in the key, so nothing of an earlier connection opens. What is kept by a listener who gets the epoch's
//! secret later tells the chains; the envelopes would open to them anyway.
//!
//! **Summary.** `digest` is BLAKE3 of the canonical list of one byte string for each epoch in common: the canonical list of
//! tips, where the epoch is the side's current one of its log; nothing, where another epoch in common is; 32 random
//! bytes where neither is, because this side has gone on and the other cannot know. Equal digests mean equal chains.
//!
//! **Turns.** A side's first turn tells its tips of each log whose current epoch is in common. It is told no more: under an
//! epoch that has ended here, somebody who was removed may be listening. The other side then sends the changes whose
//! numbers lie beyond the tips, sealed under that same current epoch, those of devices, keys and rosters first, then by
//! `lamport`, at most some 256 KiB a turn. Where the tips tell another change at the same number, it sends its own one of
//! that number: the proof of a fork. Of a log whose current epoch is not in common it sends only envelopes that it had
//! sealed under the one that is, as they are: the operations that lead to the new epoch are among them. `done` says that
//! the turn carries nothing, and that nothing more is to come but answers. After a turn that is done has been answered by
//! one that is done, the round is over; if either said `again`, because it has learned of epochs meanwhile, both begin
//! another one with a new hello. Documents are asked for by id and offset and checked against their id; a side gives
//! only those that a change in a log in common names.
//!
//! What arrives is trusted no more than what a relay gives. It goes the same way into the record, or into quarantine.
//!
//! # Sync file
//! A file (`.carnet-sync`) is a relay without a program: it goes from device to device on a stick or by any messenger, and each
//! takes out what it lacks and puts in what the file lacks.
//! ```text
//! file   = "carnet-sync\0" ‖ version = 1: 1 byte ‖ record …
//! record = kind: 1 byte ‖ length: u32 big-endian ‖ bytes ‖ check: first 8 bytes of BLAKE3( kind ‖ length ‖ bytes )
//! kind   = 1 an envelope · 2 a document: id (32) ‖ sealed bytes
//! ```
//! Whoever finds it sees what a relay sees, and no keys. The check tells damage from another's envelopes; it proves nothing.
//! A device keeps what it cannot open, unknown kinds too, byte for byte and in order, and writes a new file beside the old
//! one that then takes its place. It changes nothing in a file that is damaged or cut short.
//!
//! # Domain strings
//! No key, hash or signature of one purpose can be taken for one of another. A string in this table has one use; those that
//! end in a zero byte precede what is signed or authenticated, and none is the beginning of another.
//!
//! | string | use | over |
//! |---|---|---|
//! | `carnet/1 compartment-id` | BLAKE3 derive_key | record ‖ name |
//! | `carnet/1 change-id` | BLAKE3 derive_key | header |
//! | `carnet/1 epoch-id` | BLAKE3 derive_key | record ‖ compartment ‖ commitment ‖ parents |
//! | `carnet/1 change\0` | Ed25519, device key | header |
//! | `carnet/1 session\0` | Ed25519, mailbox key | nonce, origin, mailbox, access |
//! | `carnet/1 envelope\0` | associated data | all of the envelope but its ciphertext |
//! | `carnet/1 stream tag\0` | BLAKE3 keyed_hash, K | role, both nonces |
//! | `carnet/1 stream key\0` | BLAKE3 keyed_hash, K | both nonces |
//! | `carnet/1 stream channel` | BLAKE3 derive_key | clear, the parts of the key |
//! | `carnet/1 stream frame\0` | associated data | role, count |
//! | `carnet/1 mailbox` | HKDF info | R |
//! | `carnet/1 relay read` | HKDF info | R |
//! | `carnet/1 content` | HKDF info | R |
//! | `carnet/1 commit` | HKDF info | R |
//! | `carnet/1 previous` | HKDF info | R |
//! | `carnet/1 peer` | HKDF info | R |
//! | `carnet/1 relay write` | HKDF info | W |
//! | `carnet/1 relay retire` | HKDF info | O |
//!
//! What never crosses the network in the clear (wraps, pairing, the device's own storage) has its strings in the engine's
//! `seal` and `roster` rooms. They begin with `carnet/1 ` too.
//!
//! # Versions
//! Envelope and header begin with their version, and a reader looks at it before anything else, so that a newer layout is
//! told apart from damage ([`WireError::UnknownVersion`]: update the app).
//! * A newer **envelope version** may name its mailbox elsewhere, so a relay refuses it until it is updated.
//! * An unknown **suite** is stored by the relay, and quarantined and reported by a device.
//! * A newer **header version** and an unknown **compression** or **kind** are quarantined and reported in the same way. What
//!   its author wrote after it waits behind it, because `seen` never names what was not merged.
//! * An unknown **problem code** is treated like [`relay::code::INTERNAL`]: keep everything, try later.
//! * A layout, a domain string or a limit never changes its meaning under one version. A limit may be raised only together
//!   with a version, since a change that some devices refuse would divide the record.
//!
//! # Limits
//! | limit | value | of |
//! |---|---|---|
//! | [`limits::MAX_ENVELOPE_BYTES`] | 4194304 | an envelope |
//! | [`limits::MAX_INNER_BYTES`] | 4128764 | header, signature and body, encoded |
//! | [`limits::MAX_BODY_BYTES`] | 33554432 | a body once inflated |
//! | [`limits::MAX_HEADER_BYTES`] | 65536 | a header |
//! | [`limits::MAX_SEEN_AUTHORS`] | 1000 | authors in `seen` |
//! | [`limits::MAX_FRONTIER`] | 100 | heads in `frontier` |
//! | [`limits::MAX_PUSHED_ENVELOPES`] | 1000 | envelopes in one push |
//! | [`limits::MAX_PULLED_ENTRIES`] | 65536 | envelopes in one answer |
//! | [`limits::MAX_MAILBOXES`] | 1000 | mailboxes in one pull, registrations in one session |
//! | [`limits::MAX_PROOFS`] | 3000 | proofs in one session |
//! | [`limits::MAX_RETIRED`] | 10000 | envelopes, and blobs, in one retirement |
//! | [`limits::MAX_WAIT_SECONDS`] | 55 | seconds a relay keeps a device waiting |
//! | [`limits::MAX_EXCHANGE_BYTES`] | 8388608 | body of a request or an answer |
//! | [`limits::EXCHANGE_BATCH_BYTES`] | 4194304 | envelope bytes a device sends or asks for at once |
//! | [`limits::MAX_BLOB_PART_BYTES`] | 4194304 | a part of a blob |
//! | [`limits::MAX_BLOB_BYTES`] | 1073741824 | a blob |
//! | [`limits::MAX_NAME_BYTES`] | 256 | a name of a device, person or compartment |
//! | [`limits::MAX_STREAM_FRAME_BYTES`] | 65535 | a frame of a direct stream |
//! | [`limits::MAX_STREAM_MESSAGE_BYTES`] | 5242880 | a message of a direct stream |
//! | [`limits::MAX_STREAM_TAGS`] | 2048 | tags, and compartments in a turn |
//! | [`limits::MAX_STREAM_TIPS`] | 10000 | chains in a vector |
//! | [`limits::MAX_STREAM_WANTS`] | 8 | parts of documents in a turn |
//! | [`limits::MAX_SYNC_FILE_BYTES`] | 68719476736 | a sync file |
//! | [`limits::MAX_DEPTH`] | 32 | nested arrays |
//!
//! Over a limit is [`WireError::TooLarge`], or [`relay::code::TOO_LARGE`] from a relay.

mod canonical;
mod envelope;
mod ids;
mod inner;
pub mod limits;
pub mod relay;
#[cfg(test)]
mod samples;
mod scan;
pub mod stream;

pub use canonical::{Canonical, WireError};
pub use envelope::{ENVELOPE_VERSION, Envelope, SUITE_1};
pub use ids::{
    AccountId, Author, BlobId, ChangeId, CompartmentId, DeviceId, EnvelopeId, EpochId, Incarnation,
    MailboxId, RecordId,
};
pub use inner::{HEADER_VERSION, Header, Inner, Seen, kind, padded_len, signed_bytes};

#[cfg(test)]
mod tests {
    use super::limits::*;

    const BOOK: &str = include_str!("lib.rs");

    #[test]
    fn the_book_gives_every_limit_as_it_is() {
        let limits = [
            ("MAX_ENVELOPE_BYTES", MAX_ENVELOPE_BYTES),
            ("MAX_INNER_BYTES", MAX_INNER_BYTES),
            ("MAX_BODY_BYTES", MAX_BODY_BYTES),
            ("MAX_HEADER_BYTES", MAX_HEADER_BYTES),
            ("MAX_SEEN_AUTHORS", MAX_SEEN_AUTHORS),
            ("MAX_FRONTIER", MAX_FRONTIER),
            ("MAX_PUSHED_ENVELOPES", MAX_PUSHED_ENVELOPES),
            ("MAX_PULLED_ENTRIES", MAX_PULLED_ENTRIES),
            ("MAX_MAILBOXES", MAX_MAILBOXES),
            ("MAX_PROOFS", MAX_PROOFS),
            ("MAX_RETIRED", MAX_RETIRED),
            ("MAX_WAIT_SECONDS", MAX_WAIT_SECONDS.into()),
            ("MAX_EXCHANGE_BYTES", MAX_EXCHANGE_BYTES),
            ("EXCHANGE_BATCH_BYTES", EXCHANGE_BATCH_BYTES),
            ("MAX_BLOB_PART_BYTES", MAX_BLOB_PART_BYTES),
            ("MAX_BLOB_BYTES", MAX_BLOB_BYTES as usize),
            ("MAX_NAME_BYTES", MAX_NAME_BYTES),
            ("MAX_STREAM_FRAME_BYTES", MAX_STREAM_FRAME_BYTES),
            ("MAX_STREAM_MESSAGE_BYTES", MAX_STREAM_MESSAGE_BYTES),
            ("MAX_STREAM_TAGS", MAX_STREAM_TAGS),
            ("MAX_STREAM_TIPS", MAX_STREAM_TIPS),
            ("MAX_STREAM_WANTS", MAX_STREAM_WANTS),
            ("MAX_SYNC_FILE_BYTES", MAX_SYNC_FILE_BYTES as usize),
            ("MAX_DEPTH", MAX_DEPTH),
        ];
        for (name, value) in limits {
            let row = format!("//! | [`limits::{name}`] | {value} |");
            assert!(BOOK.contains(&row), "{row}");
        }
        let constants = include_str!("limits.rs").matches("pub const ").count();
        assert_eq!(constants, limits.len(), "a limit is missing here");
    }

    #[test]
    fn the_book_lists_every_domain_string_of_this_crate() {
        let sources = [
            include_str!("envelope.rs"),
            include_str!("ids.rs"),
            include_str!("inner.rs"),
            include_str!("relay.rs"),
            include_str!("stream.rs"),
            include_str!("relay/upkeep.rs"),
        ];
        let mut found = 0;
        for source in sources {
            let code = source.lines().filter(|line| !line.trim().starts_with("//"));
            for line in code.take_while(|line| !line.starts_with("mod tests")) {
                let Some((_, rest)) = line.split_once("\"carnet/1 ") else {
                    continue;
                };
                let name = rest.split('"').next().unwrap_or_default();
                let row = format!("//! | `carnet/1 {name}` |");
                assert!(BOOK.contains(&row), "{row}");
                found += 1;
            }
        }
        assert_eq!(found, 8, "the search no longer finds the strings");
    }
}
