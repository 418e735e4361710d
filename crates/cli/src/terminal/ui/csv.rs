//! Results as comma-separated values (RFC 4180): one line for each element of a list.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{MapAccess, SeqAccess, Visitor},
};

/// A JSON value that preserves the order of its fields, which is the order of the columns.
enum Node {
    Object(Vec<(String, Node)>),
    List(Vec<Node>),
    Leaf(String),
}

/// A header of field names, then one line for each object of a list, or for one object. A nested
/// field is named `outer.inner`; a list inside a field is joined with spaces.
pub(super) fn of(json: &impl Serialize) -> serde_json::Result<String> {
    let rows = match serde_json::from_str(&serde_json::to_string(json)?)? {
        Node::List(rows) => rows,
        other => vec![other],
    };
    let rows: Vec<_> = rows.into_iter().map(cells).collect();
    let mut columns: Vec<&str> = Vec::new();
    for (name, _) in rows.iter().flatten() {
        if !columns.contains(&name.as_str()) {
            columns.push(name);
        }
    }
    let value = |row: &[(String, String)], column: &str| {
        let cell = row.iter().find(|(name, _)| name == column);
        cell.map(|(_, value)| quoted(value)).unwrap_or_default()
    };
    let line =
        |row: &Vec<(String, String)>| columns.iter().map(|column| value(row, column)).collect::<Vec<_>>().join(",");
    let header = columns.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(",");
    Ok([header].into_iter().chain(rows.iter().map(line)).collect::<Vec<_>>().join("\n"))
}

fn cells(row: Node) -> Vec<(String, String)> {
    let mut cells = Vec::new();
    flatten("", row, &mut cells);
    cells
}

fn flatten(name: &str, node: Node, cells: &mut Vec<(String, String)>) {
    match node {
        Node::Object(fields) => {
            for (field, node) in fields {
                let name = if name.is_empty() { field } else { format!("{name}.{field}") };
                flatten(&name, node, cells);
            }
        }
        node => {
            let name = if name.is_empty() { "value" } else { name };
            cells.push((name.to_owned(), text(node)));
        }
    }
}

fn text(node: Node) -> String {
    match node {
        Node::Leaf(text) => text,
        Node::List(nodes) => nodes.into_iter().map(text).collect::<Vec<_>>().join(" "),
        Node::Object(fields) => {
            fields.into_iter().map(|(name, node)| format!("{name}={}", text(node))).collect::<Vec<_>>().join(" ")
        }
    }
}

fn quoted(value: &str) -> String {
    if value.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", value.replace('"', "\"\""))
    } else {
        value.to_owned()
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Node::Object(fields))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = list.next_element()? {
            nodes.push(node);
        }
        Ok(Node::List(nodes))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Leaf(text.to_owned()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Leaf(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Leaf(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Leaf(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Leaf(value.to_string()))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Leaf(String::new()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::of;

    #[test]
    fn a_list_has_a_line_for_each_element_under_all_names() {
        let list =
            json!([{ "a": 1, "b": { "c": "x,y" } }, { "a": null, "d": ["one", "two"] }, { "a": "say \"hi\"\n" }]);
        assert_eq!(of(&list).unwrap(), "a,b.c,d\n1,\"x,y\",\n,,one two\n\"say \"\"hi\"\"\n\",,");
    }

    #[test]
    fn a_struct_keeps_the_order_of_its_fields() {
        #[derive(serde::Serialize)]
        struct Row {
            z: bool,
            a: f64,
        }
        assert_eq!(of(&[Row { z: true, a: 1.5 }]).unwrap(), "z,a\ntrue,1.5");
        assert_eq!(of(&["FITBIT"]).unwrap(), "value\nFITBIT");
        assert_eq!(of(&json!([])).unwrap(), "");
    }
}
