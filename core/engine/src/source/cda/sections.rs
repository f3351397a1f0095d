//! The body: sections in sections, each with its narrative and its entries.
//!
//! A section is known by its LOINC code, never by its title. Every section stands in the Composition, with its narrative, the
//! resources of its entries, and what else it holds as a remainder.

use super::extensions::{REMAINDER, SOURCE};
use super::header::secrets_of;
use super::identity::is_statement;
use super::narrative::to_xhtml;
use super::people::{put, put_list};
use super::reader::{PART_TOO_LARGE, Place, Reader, Section};
use super::statements::Above;
use super::tree::Element;
use super::values::{absent_reason, coding, concept};
use serde_json::{Map, Value, json};

/// Most bytes of narrative in one document: a Composition is one resource.
pub const MAX_NARRATIVE: usize = 4 << 20;

impl<'a, 'd> Reader<'a, 'd> {
    /// All sections, and their number.
    pub fn read_sections(&mut self) -> (Vec<Value>, usize) {
        let mut count = 0;
        let mut sections = Vec::new();
        let bodies: Vec<_> = self.document.steps();
        for (component, step) in bodies {
            let Some(body) = component.at("structuredBody") else {
                continue;
            };
            for (inner, inner_step) in body.steps() {
                let path = format!("{step}/structuredBody/{inner_step}");
                sections.extend(self.section_in(&inner, &path, &mut count));
            }
        }
        (sections, count)
    }

    fn section_in(
        &mut self,
        component: &Element<'a, 'd>,
        path: &str,
        count: &mut usize,
    ) -> Option<Value> {
        let section = component.at("section")?;
        *count += 1;
        Some(self.section(&section, &format!("{path}/section"), count))
    }

    fn section(&mut self, element: &Element<'a, 'd>, path: &str, count: &mut usize) -> Value {
        let code = element.at("code");
        let title = element
            .at("title")
            .map(|title| title.whole_text())
            .filter(|title| !title.is_empty());
        let kind = code.and_then(|code| concept(&code, &self.narrative));
        let div = self.section_narrative(element);
        let section = Section {
            coding: code.and_then(|code| coding(&code)),
            code: code
                .and_then(|code| code.peek("code"))
                .unwrap_or_default()
                .to_owned(),
            title: title
                .clone()
                .or_else(|| Some(code?.peek("displayName")?.to_owned())),
        };
        element.all("id").for_each(|id| id.mark_read());
        let authors = self.people_of(element, "author");
        let outside = self.security.clone();
        self.security.extend(secrets_of(element));
        let entries = self.entries(element, path, &section);
        let mut inner = Vec::new();
        for (component, step) in element.steps() {
            if component.name() == "component" {
                inner.extend(self.section_in(&component, &format!("{path}/{step}"), count));
            }
        }
        self.security = outside;
        let source = json!({"url": SOURCE, "extension": [{"url": "path", "valueString": path}]});
        let mut extensions = vec![source];
        let remainder = element.take_remainder_beside(&["entry", "component"]);
        if !remainder.is_empty() {
            extensions.push(json!({"url": REMAINDER, "valueString": remainder.concat()}));
        }
        let mut out = Map::new();
        put_list(&mut out, "extension", extensions);
        put(&mut out, "title", section.title.map(Value::String));
        put(&mut out, "code", kind);
        put_list(&mut out, "author", authors);
        put(
            &mut out,
            "text",
            div.map(|div| json!({"status": "additional", "div": div})),
        );
        put_list(
            &mut out,
            "entry",
            entries
                .iter()
                .map(|urn| json!({"reference": urn}))
                .collect(),
        );
        put(
            &mut out,
            "emptyReason",
            element.peek("nullFlavor").map(absent_reason),
        );
        put_list(&mut out, "section", inner);
        Value::Object(out)
    }

    fn section_narrative(&mut self, section: &Element<'a, 'd>) -> Option<String> {
        let text = section.at("text")?;
        self.narrative_bytes += text.node().range().len();
        if self.narrative_bytes > MAX_NARRATIVE {
            text.mark_all();
            self.warn(PART_TOO_LARGE);
            return None;
        }
        to_xhtml(&text)
    }

    fn entries(&mut self, section: &Element<'a, 'd>, path: &str, of: &Section) -> Vec<String> {
        let mut found = Vec::new();
        for (entry, step) in section.steps() {
            if entry.name() != "entry" || self.is_too_much() {
                continue;
            }
            entry
                .all("templateId")
                .for_each(|template| template.mark_read());
            self.entries += 1;
            for (statement, inner) in entry
                .steps()
                .into_iter()
                .filter(|(inner, _)| is_statement(inner.name()))
            {
                let place = Place {
                    section: of,
                    path: format!("{path}/{step}/{inner}"),
                    entry: self.entries,
                };
                found.extend(self.statement(&statement, &place, &Above::default()));
            }
            self.flush();
        }
        found
    }
}
