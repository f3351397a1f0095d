//! The narrative: what a person reads of a section, and what entries point into with `#id`.
//!
//! It becomes FHIR's XHTML by a fixed list of elements; a script or an image address is not on it. A text that is pointed at
//! is looked up once and cut at [`MAX_REFERENCED`], so that a thousand pointers to one long text stay cheap.

use super::tree::Element;
use roxmltree::Node;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// Longest text taken over where an entry points into the narrative, in bytes.
pub const MAX_REFERENCED: usize = 8 << 10;

/// The elements that carry an `ID`.
pub struct Narrative<'a, 'd> {
    named: HashMap<&'a str, Element<'a, 'd>>,
    texts: RefCell<HashMap<&'a str, Rc<str>>>,
}

impl<'a, 'd> Narrative<'a, 'd> {
    /// Finds the named elements of a document. The first of two with one name counts.
    pub fn of(document: &Element<'a, 'd>) -> Self {
        let mut named = HashMap::new();
        for element in document.descendants() {
            if let Some(id) = element.peek("ID") {
                named.entry(id).or_insert(element);
            }
        }
        Self {
            named,
            texts: RefCell::default(),
        }
    }

    /// The element of that name.
    pub fn element(&self, reference: &str) -> Option<(&'a str, Element<'a, 'd>)> {
        let id = reference.strip_prefix('#').unwrap_or(reference);
        self.named
            .get_key_value(id)
            .map(|(id, element)| (*id, *element))
    }

    /// The text at `#id`.
    pub fn text(&self, reference: &str) -> Option<Rc<str>> {
        let (id, element) = self.element(reference)?;
        let known = self.texts.borrow().get(id).cloned();
        let text = known.unwrap_or_else(|| {
            let whole = element.peek_text();
            let cut = whole.floor_char_boundary(MAX_REFERENCED);
            let text: Rc<str> = whole.get(..cut).unwrap_or_default().into();
            self.texts.borrow_mut().insert(id, text.clone());
            text
        });
        (!text.is_empty()).then_some(text)
    }

    /// What an `ED` says: its own text, or the text it points at. Marks it.
    pub fn said(&self, element: &Element<'a, 'd>) -> Option<String> {
        let pointed = element
            .at("reference")
            .and_then(|reference| self.text(reference.attribute("value")?));
        let own = element.own_text();
        match (pointed, own.is_empty()) {
            (_, false) => Some(own),
            (Some(text), true) => Some(text.to_string()),
            (None, true) => None,
        }
    }
}

/// The narrative block as XHTML; marks it.
pub fn to_xhtml(block: &Element<'_, '_>) -> Option<String> {
    block.mark_all();
    let mut out = String::from("<div xmlns=\"http://www.w3.org/1999/xhtml\">");
    let empty = out.len();
    block
        .node()
        .children()
        .for_each(|child| write(child, &mut out));
    let says_something = out
        .get(empty..)
        .is_some_and(|inside| !inside.trim().is_empty());
    out.push_str("</div>");
    says_something.then_some(out)
}

fn write(node: Node<'_, '_>, out: &mut String) {
    if let Some(text) = node.text().filter(|_| node.is_text()) {
        escape(text, out);
    }
    if !node.is_element() {
        return;
    }
    let Some(tag) = tag_of(node) else {
        node.children().for_each(|child| write(child, out));
        return;
    };
    out.push('<');
    out.push_str(tag);
    for (name, value) in attributes_of(node, tag) {
        out.push(' ');
        out.push_str(name);
        out.push_str("=\"");
        escape(value, out);
        out.push('"');
    }
    if tag == "br" {
        out.push_str("/>");
        return;
    }
    out.push('>');
    node.children().for_each(|child| write(child, out));
    out.push_str("</");
    out.push_str(tag);
    out.push('>');
}

/// The XHTML element of a narrative element; `None` for one whose content stands alone.
fn tag_of(node: Node<'_, '_>) -> Option<&'static str> {
    const SAME: [&str; 14] = [
        "table", "thead", "tbody", "tfoot", "tr", "th", "td", "caption", "br", "sub", "sup",
        "colgroup", "col", "p",
    ];
    let name = node.tag_name().name();
    if let Some(same) = SAME.iter().find(|same| **same == name) {
        return Some(same);
    }
    Some(match name {
        "paragraph" => "p",
        "content" | "footnote" | "footnoteRef" => "span",
        "list" if node.attribute("listType") == Some("ordered") => "ol",
        "list" => "ul",
        "item" => "li",
        "linkHtml" => "a",
        _ => return None,
    })
}

fn attributes_of<'a>(node: Node<'a, '_>, tag: &str) -> Vec<(&'static str, &'a str)> {
    let mut found = Vec::new();
    let mut take = |from: &str, to: &'static str| {
        if let Some(value) = node.attribute(from) {
            found.push((to, value));
        }
    };
    take("ID", "id");
    if matches!(tag, "td" | "th") {
        take("colspan", "colspan");
        take("rowspan", "rowspan");
    }
    if tag == "a" && node.attribute("href").is_some_and(is_link) {
        take("href", "href");
    }
    found
}

/// Links that open a page or a place in the text; `javascript:` and its kind are not among them.
fn is_link(href: &str) -> bool {
    ["http://", "https://", "mailto:", "tel:", "#"]
        .iter()
        .any(|scheme| href.starts_with(scheme))
}

fn escape(text: &str, out: &mut String) {
    for character in text.chars() {
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            other => out.push(other),
        }
    }
}

/// A plain text as XHTML.
pub fn div_of(text: &str) -> String {
    let mut out = String::from("<div xmlns=\"http://www.w3.org/1999/xhtml\">");
    escape(text, &mut out);
    out.push_str("</div>");
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::tree::Marks;
    use super::*;
    use roxmltree::Document;

    fn with<T>(xml: &str, check: impl FnOnce(Element<'_, '_>) -> T) -> T {
        let tree = Document::parse(xml).unwrap();
        let marks = Marks::new(100);
        check(Element::new(tree.root_element(), &marks))
    }

    #[test]
    fn a_narrative_becomes_xhtml_without_what_could_run() {
        let xml = "<text><paragraph>1 &lt; 2</paragraph><list listType=\"ordered\"><item>a<br/>b</item></list>\
            <table><tr><td colspan=\"2\" onclick=\"x()\" ID=\"t1\">c</td></tr></table><script>alert(1)</script>\
            <linkHtml href=\"javascript:x\">d</linkHtml><linkHtml href=\"https://e.example\">f</linkHtml></text>";
        let html = with(xml, |text| to_xhtml(&text).unwrap());
        assert_eq!(
            html,
            "<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>1 &lt; 2</p><ol><li>a<br/>b</li></ol>\
             <table><tr><td id=\"t1\" colspan=\"2\">c</td></tr></table>alert(1)<a>d</a>\
             <a href=\"https://e.example\">f</a></div>"
        );
        assert_eq!(with("<text> <br2/> </text>", |text| to_xhtml(&text)), None);
    }

    #[test]
    fn a_pointer_is_followed_and_cut() {
        let long = "é".repeat(MAX_REFERENCED);
        let xml = format!(
            "<s><text><content ID=\"a\">eins <content>zwei</content></content><content ID=\"b\">{long}</content></text>\
             <code><reference value=\"#a\"/></code><code>own<reference value=\"#a\"/></code><code><reference value=\"#none\"/></code></s>"
        );
        with(&xml, |root| {
            let narrative = Narrative::of(&root);
            let said: Vec<_> = root.all("code").map(|code| narrative.said(&code)).collect();
            assert_eq!(
                said,
                [Some("eins zwei".to_owned()), Some("own".to_owned()), None]
            );
            assert_eq!(narrative.text("#b").unwrap().len(), MAX_REFERENCED);
        });
    }
}
