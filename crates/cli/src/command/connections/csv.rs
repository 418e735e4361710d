//! One line of CSV. No field of ours may hold a line break, so a line is a record.
//!
//! Source: RFC 4180.

/// The fields of a line, or what is wrong with it.
pub(crate) fn fields(line: &str) -> Result<Vec<String>, &'static str> {
    let (mut fields, mut rest) = (Vec::new(), line);
    loop {
        let (field, after) = match rest.strip_prefix('"') {
            Some(quoted) => unquoted(quoted)?,
            None => plain(rest)?,
        };
        fields.push(field);
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None if after.is_empty() => return Ok(fields),
            None => return Err("CSV: text after a closing quote"),
        }
    }
}

/// A field that any reader takes for one.
pub(crate) fn quoted(field: &str) -> String {
    format!("\"{}\"", field.replace('"', "\"\""))
}

fn plain(rest: &str) -> Result<(String, &str), &'static str> {
    let (field, after) = rest.split_at(rest.find(',').unwrap_or(rest.len()));
    if field.contains('"') { Err("CSV: a quote inside a field that is not quoted") } else { Ok((field.into(), after)) }
}

/// A field up to its closing quote, and what follows. Two quotes stand for one.
fn unquoted(quoted: &str) -> Result<(String, &str), &'static str> {
    let (mut field, mut rest) = (String::new(), quoted);
    loop {
        let (text, after) = rest.split_once('"').ok_or("CSV: a quote is not closed on its line")?;
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
    use super::{fields, quoted};

    #[test]
    fn what_is_quoted_is_read_as_it_was() {
        for text in ["", "alice", "a,b", "say \"hi\"", "\""] {
            assert_eq!(fields(&format!("{},x", quoted(text))).unwrap(), [text, "x"]);
        }
    }

    #[test]
    fn a_line_is_divided_at_commas_outside_quotes() {
        for (line, expected) in [
            ("a,b", Ok(vec!["a", "b"])),
            ("", Ok(vec![""])),
            ("a,,", Ok(vec!["a", "", ""])),
            (r#""a,b","say ""hi""","""#.trim_end_matches('"'), Ok(vec!["a,b", "say \"hi\"", ""])),
            (r#""","ü""#, Ok(vec!["", "ü"])),
            (r#""a"#, Err("CSV: a quote is not closed on its line")),
            (r#""a"b"#, Err("CSV: text after a closing quote")),
            (r#"a"b"#, Err("CSV: a quote inside a field that is not quoted")),
        ] {
            let expected = expected.map(|fields| fields.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(fields(line), expected, "{line}");
        }
    }
}
