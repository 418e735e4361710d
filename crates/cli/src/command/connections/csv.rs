//! Parses one line of CSV. No field may contain a line break, so each line is a record.
//!
//! Source: RFC 4180.

/// Splits a line into its fields, or returns what is wrong with it.
pub(crate) fn split_line(line: &str) -> Result<Vec<String>, &'static str> {
    let (mut fields, mut rest) = (Vec::new(), line);
    loop {
        let (field, after) = match rest.strip_prefix('"') {
            Some(quoted) => read_quoted(quoted)?,
            None => read_unquoted(rest)?,
        };
        fields.push(field);
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None if after.is_empty() => return Ok(fields),
            None => return Err("CSV: text after the closing quote of a field"),
        }
    }
}

/// Quotes a field, so any CSV reader reads it as one field.
pub(crate) fn quote(field: &str) -> String {
    format!("\"{}\"", field.replace('"', "\"\""))
}

fn read_unquoted(rest: &str) -> Result<(String, &str), &'static str> {
    let (field, after) = rest.split_at(rest.find(',').unwrap_or(rest.len()));
    if field.contains('"') { Err("CSV: a quote inside an unquoted field") } else { Ok((field.into(), after)) }
}

/// A field up to its closing quote, and the text after it. Two quotes encode one.
fn read_quoted(quoted: &str) -> Result<(String, &str), &'static str> {
    let (mut field, mut rest) = (String::new(), quoted);
    loop {
        let (text, after) = rest.split_once('"').ok_or("CSV: a quote is not closed on the same line")?;
        field.push_str(text);
        match after.strip_prefix('"') {
            Some(next) => {
                field.push('"');
                rest = next;
            }
            None => return Ok((field, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{quote, split_line};

    #[test]
    fn a_quoted_field_is_read_back_unchanged() {
        for text in ["", "alice", "a,b", "say \"hi\"", "\""] {
            assert_eq!(split_line(&format!("{},x", quote(text))).unwrap(), [text, "x"]);
        }
    }

    #[test]
    fn a_line_is_split_at_commas_outside_quotes() {
        for (line, expected) in [
            ("a,b", Ok(vec!["a", "b"])),
            ("", Ok(vec![""])),
            ("a,,", Ok(vec!["a", "", ""])),
            (r#""a,b","say ""hi""","""#.trim_end_matches('"'), Ok(vec!["a,b", "say \"hi\"", ""])),
            (r#""","ü""#, Ok(vec!["", "ü"])),
            (r#""a"#, Err("CSV: a quote is not closed on the same line")),
            (r#""a"b"#, Err("CSV: text after the closing quote of a field")),
            (r#"a"b"#, Err("CSV: a quote inside an unquoted field")),
        ] {
            let expected = expected.map(|fields| fields.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(split_line(line), expected, "{line}");
        }
    }
}
