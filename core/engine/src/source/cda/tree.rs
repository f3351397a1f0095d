//! The tree as a mapper sees it, and the memory of what was read of it.
//!
//! Every element whose attribute or text a mapper reads is marked. What no mapper read is a *remainder*: it is kept, as the
//! XML it was, on the resource of the statement it stands in. So a mapper cannot drop anything by forgetting it; only
//! [`Element::peek`] looks without marking, to decide what something is.

use roxmltree::{Node, NodeId};
use std::cell::Cell;

/// What became of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// Nobody looked.
    None,
    /// Something inside it was read.
    Touched,
    /// It was read.
    Read,
    /// It is a statement with a resource of its own.
    Mapped,
    /// It was kept as XML.
    Kept,
}

/// A document while it is read.
pub struct Marks {
    marks: Vec<Cell<Mark>>,
}

impl Marks {
    /// For a tree of that many nodes.
    pub fn new(nodes: usize) -> Self {
        Self {
            marks: vec![Cell::new(Mark::None); nodes],
        }
    }

    fn cell(&self, id: NodeId) -> Option<&Cell<Mark>> {
        self.marks.get(id.get_usize())
    }

    fn get(&self, id: NodeId) -> Mark {
        self.cell(id).map_or(Mark::None, Cell::get)
    }

    fn raise(&self, id: NodeId, mark: Mark) {
        if let Some(cell) = self.cell(id) {
            cell.set(cell.get().max(mark));
        }
    }
}

/// An element of a document, by local names: documents use any prefix, and forget namespaces.
#[derive(Clone, Copy)]
pub struct Element<'a, 'd> {
    node: Node<'a, 'd>,
    marks: &'a Marks,
}

impl<'a, 'd> Element<'a, 'd> {
    /// The element of a node.
    pub fn new(node: Node<'a, 'd>, marks: &'a Marks) -> Self {
        Self { node, marks }
    }

    /// Its local name.
    pub fn name(&self) -> &'a str {
        self.node.tag_name().name()
    }

    /// The child elements.
    pub fn elements(&self) -> impl Iterator<Item = Element<'a, 'd>> + use<'a, 'd> {
        let marks = self.marks;
        let children = self.node.children().filter(Node::is_element);
        children.map(move |node| Element { node, marks })
    }

    /// The child elements of that name.
    pub fn all<'n>(
        &self,
        name: &'n str,
    ) -> impl Iterator<Item = Element<'a, 'd>> + use<'a, 'd, 'n> {
        self.elements().filter(move |child| child.name() == name)
    }

    /// The first element at a path of names separated by `/`.
    pub fn at(&self, path: &str) -> Option<Element<'a, 'd>> {
        match path.split_once('/') {
            None => self.all(path).next(),
            Some((name, rest)) => self.all(name).find_map(|child| child.at(rest)),
        }
    }

    /// The child elements, each with its step in a path: `entry[2]` is the second of that name.
    pub fn steps(&self) -> Vec<(Element<'a, 'd>, String)> {
        let mut counts: Vec<(&str, u32)> = Vec::new();
        let mut steps = Vec::new();
        for child in self.elements() {
            let name = child.name();
            let at = match counts.iter().position(|(other, _)| *other == name) {
                Some(at) => at,
                None => {
                    counts.push((name, 0));
                    counts.len() - 1
                }
            };
            let Some((_, count)) = counts.get_mut(at) else {
                continue;
            };
            *count += 1;
            steps.push((child, format!("{name}[{count}]")));
        }
        steps
    }

    /// All elements inside, in document order.
    pub fn descendants(&self) -> impl Iterator<Item = Element<'a, 'd>> + use<'a, 'd> {
        let marks = self.marks;
        let inside = self.node.descendants().filter(Node::is_element);
        inside.map(move |node| Element { node, marks })
    }

    /// The element it stands in.
    pub fn parent(&self) -> Option<Element<'a, 'd>> {
        let node = self.node.parent_element()?;
        Some(Element { node, ..*self })
    }

    /// An attribute, looked at to decide what the element is. Says nothing of an empty one.
    pub fn peek(&self, name: &str) -> Option<&'a str> {
        let found = self.node.attributes().find(|other| other.name() == name)?;
        Some(found.value().trim()).filter(|value| !value.is_empty())
    }

    /// An attribute, read: the element is marked whether it has it or not.
    pub fn attribute(&self, name: &str) -> Option<&'a str> {
        self.mark_read();
        self.peek(name)
    }

    /// `xsi:type` without its prefix.
    pub fn kind(&self) -> Option<&'a str> {
        let kind = self.peek("type")?;
        Some(kind.rsplit(':').next().unwrap_or(kind))
    }

    /// The texts of the element itself, white space collapsed; marks it.
    pub fn own_text(&self) -> String {
        self.mark_read();
        let texts = self.node.children().filter(Node::is_text);
        collapse(texts.filter_map(|text| text.text()))
    }

    /// The texts of the element and of all inside, white space collapsed; marks them all.
    pub fn whole_text(&self) -> String {
        self.mark_all();
        self.peek_text()
    }

    /// The same without marking.
    pub fn peek_text(&self) -> String {
        let texts = self.node.descendants().filter(Node::is_text);
        collapse(texts.filter_map(|text| text.text()))
    }

    /// Marks the element as read.
    pub fn mark_read(&self) {
        self.raise(Mark::Read);
    }

    /// Marks the element and all inside as read.
    pub fn mark_all(&self) {
        self.mark_read();
        self.descendants()
            .for_each(|inside| inside.marks.raise(inside.node.id(), Mark::Read));
    }

    /// Marks a statement that has a resource.
    pub fn mark_mapped(&self) {
        self.raise(Mark::Mapped);
    }

    /// Its mark.
    pub fn mark(&self) -> Mark {
        self.marks.get(self.node.id())
    }

    /// Each ancestor is touched once, so that all marking together costs one visit of each node.
    fn raise(&self, mark: Mark) {
        let id = self.node.id();
        let fresh = self.marks.get(id) == Mark::None;
        self.marks.raise(id, mark);
        if !fresh {
            return;
        }
        for above in self.node.ancestors().skip(1) {
            if self.marks.get(above.id()) != Mark::None {
                break;
            }
            self.marks.raise(above.id(), Mark::Touched);
        }
    }

    /// The children that nobody read, as XML, marked as kept. Statements with a resource of their own look after themselves.
    pub fn take_remainder(&self) -> Vec<&'a str> {
        self.take_remainder_beside(&[])
    }

    /// The same, but for the children of those names.
    pub fn take_remainder_beside(&self, names: &[&str]) -> Vec<&'a str> {
        let mut found = Vec::new();
        let children = self
            .elements()
            .filter(|child| !names.contains(&child.name()));
        children.for_each(|child| child.collect(&mut found));
        found
    }

    fn collect(&self, found: &mut Vec<&'a str>) {
        match self.mark() {
            Mark::None if self.says_nothing() => self.mark_all(),
            Mark::None => found.extend(self.keep()),
            Mark::Touched | Mark::Read => self.elements().for_each(|child| child.collect(found)),
            Mark::Mapped | Mark::Kept => (),
        }
    }

    /// The element as XML, marked as kept.
    fn keep(&self) -> Option<&'a str> {
        self.raise(Mark::Kept);
        self.descendants()
            .for_each(|inside| inside.marks.raise(inside.node.id(), Mark::Kept));
        self.xml()
    }

    /// The element as it stands in the text.
    pub fn xml(&self) -> Option<&'a str> {
        let text: &'a str = self.node.document().input_text();
        text.get(self.node.range())
    }

    /// An element that only says that something is not known, or which template it follows.
    fn says_nothing(&self) -> bool {
        const SILENT: [&str; 6] = [
            "nullFlavor",
            "type",
            "typeCode",
            "classCode",
            "determinerCode",
            "operator",
        ];
        let silent = |name: &str| SILENT.contains(&name);
        let mut texts = self.node.children().filter(|child| child.is_text());
        self.name() == "templateId"
            || (self.node.attributes().all(|other| silent(other.name()))
                && texts.all(|text| text.text().is_none_or(|text| text.trim().is_empty()))
                && self.elements().all(|child| child.says_nothing()))
    }

    /// The node, for what needs the tree itself.
    pub fn node(&self) -> Node<'a, 'd> {
        self.node
    }
}

impl PartialEq for Element<'_, '_> {
    fn eq(&self, other: &Self) -> bool {
        self.node == other.node
    }
}

fn collapse<'t>(texts: impl Iterator<Item = &'t str>) -> String {
    let mut out = String::new();
    for text in texts {
        for word in text.split_whitespace() {
            if !out.is_empty() {
                out.push(' ');
            }
            out.push_str(word);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use roxmltree::Document;

    fn with(xml: &str, check: impl FnOnce(Element<'_, '_>)) {
        let tree = Document::parse(xml).unwrap();
        let marks = Marks::new(100);
        check(Element::new(tree.root_element(), &marks));
    }

    #[test]
    fn what_was_read_is_no_remainder_however_deep_and_what_was_not_is() {
        with(
            "<r><a><b x='1'><c/>t</b><d>2</d></a><e/><f nullFlavor='UNK'><g/></f></r>",
            |root| {
                root.at("a/b").unwrap().mark_all();
                assert_eq!(root.at("a").unwrap().mark(), Mark::Touched);
                assert_eq!(root.take_remainder(), ["<d>2</d>"]);
                assert_eq!(root.take_remainder(), [""; 0], "kept once");
            },
        );
    }

    #[test]
    fn looking_is_not_reading() {
        with("<r><a x=' 1 '/></r>", |root| {
            let a = root.at("a").unwrap();
            assert_eq!((a.peek("x"), a.mark()), (Some("1"), Mark::None));
            assert_eq!((a.attribute("x"), a.mark()), (Some("1"), Mark::Read));
            assert_eq!(root.mark(), Mark::Touched);
        });
    }

    #[test]
    fn a_statement_of_its_own_looks_after_itself() {
        with("<r><a><b>1</b></a></r>", |root| {
            let a = root.at("a").unwrap();
            a.mark_mapped();
            assert_eq!(root.take_remainder(), [""; 0]);
            assert_eq!(a.take_remainder(), ["<b>1</b>"]);
        });
    }

    #[test]
    fn steps_count_elements_of_one_name() {
        with("<r><a/><b/><a/></r>", |root| {
            let steps: Vec<String> = root.steps().into_iter().map(|(_, step)| step).collect();
            assert_eq!(steps, ["a[1]", "b[1]", "a[2]"]);
        });
    }
}
