//! CDA documents: the mix of the corpus, read again and again, beside quick-xml merely tokenising the same bytes.

use crate::Line;
use crate::child::{run_child, tell, tell_cost};
use carnet::source::cda::{read_cda, sniff};
use carnet_tests::measure::own_cpu;
use carnet_tests::paths::{corpus, files_below};
use quick_xml::Reader;
use quick_xml::events::Event;

/// Each subject reads the mix this often.
const ROUNDS: usize = 20;

/// The whole documents of the corpus; fragments are none.
fn documents() -> Vec<Vec<u8>> {
    let Some(corpus) = corpus("documents") else {
        return Vec::new();
    };
    let folders = [corpus.join("cda-fr"), corpus.join("ccda")];
    let files = folders.iter().flat_map(|folder| files_below(folder));
    let bytes = files.map(|file| std::fs::read(file).expect("a document"));
    bytes.filter(|bytes| sniff(bytes)).collect()
}

/// The child's side; `false` for another's subject.
pub fn serve(arguments: &[&str]) -> bool {
    match arguments {
        ["documents"] => read(),
        ["document-tokens"] => tokenise(),
        _ => return false,
    }
    true
}

/// Reads the mix into drafts.
fn read() {
    let documents = documents();
    let from = own_cpu();
    let mut drafts = 0;
    for document in std::iter::repeat_n(&documents, ROUNDS).flatten() {
        let read = read_cda(document).expect("a document");
        drafts += read.drafts.len();
    }
    tell("documents", (documents.len() * ROUNDS) as f64);
    tell("drafts", drafts as f64);
    tell_cost(from);
}

/// Tokenises the mix and does nothing with it.
fn tokenise() {
    let documents = documents();
    let from = own_cpu();
    let mut events = 0;
    for document in std::iter::repeat_n(&documents, ROUNDS).flatten() {
        let mut reader = Reader::from_reader(document.as_slice());
        while !matches!(reader.read_event().expect("an event"), Event::Eof) {
            events += 1;
        }
    }
    tell("events", f64::from(events));
    tell_cost(from);
}

/// The lines of the table; none without a corpus.
pub fn lines() -> Vec<Line> {
    let (read, plain) = (run_child(&["documents"]), run_child(&["document-tokens"]));
    let count = read["documents"];
    if count == 0.0 {
        return Vec::new();
    }
    let (rate, reference) = (count / read["cpu"], count / plain["cpu"]);
    let peak = read["peak_kib"] / 1024.0;
    vec![
        Line {
            what: "CDA documents of the corpus into drafts",
            measured: format!(
                "{rate:.0} documents/s, {:.0} drafts/s",
                read["drafts"] / read["cpu"]
            ),
            reference: format!("quick-xml, tokenising only: {reference:.0} documents/s"),
            ratio: Some(rate / reference),
            target: ">= 300 documents/s",
            reached: rate >= 300.0,
        },
        Line {
            what: "CDA documents: peak memory of the process",
            measured: format!("{peak:.0} MB"),
            reference: format!("{:.0} MB", plain["peak_kib"] / 1024.0),
            ratio: None,
            target: "<= 100 MB",
            reached: peak <= 100.0,
        },
    ]
}
