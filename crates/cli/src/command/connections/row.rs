//! Reads one connection of an import file, field by field. An error names the field and never shows its value.

use jiff::Timestamp;
use serde_json::{Map, Value};
use terra_auth::{ProviderToken, wire::admin::PortableConnection};

/// The names of the fields.
pub(super) const FIELDS: [&str; 10] = [
    "provider",
    "account",
    "reference_id",
    "scopes",
    "access_token",
    "refresh_token",
    "expires_at",
    "created_at",
    "user_id",
    "active",
];

/// The last accepted second since 1970. Greater numbers are milliseconds or not times at all.
const MAX_UNIX_SECONDS: i64 = 99_999_999_999;

/// Why a row was rejected.
pub(super) type RejectionReason = String;

/// Reads a row from its fields. An empty field counts as absent.
pub(super) fn read(fields: Map<String, Value>) -> Result<PortableConnection, RejectionReason> {
    let mut fields = Fields(fields);
    let row = PortableConnection {
        provider: fields.parsed("provider", "1 to 64 letters, digits, _ or -")?.ok_or("provider: missing")?,
        account: fields.text("account")?.ok_or("account: missing")?,
        reference_id: fields.parsed("reference_id", "1 to 512 bytes of text")?,
        scopes: fields.scopes()?,
        access_token: Some(fields.token("access_token")?.ok_or("access_token: missing")?),
        refresh_token: fields.token("refresh_token")?,
        expires_at: fields.instant("expires_at")?,
        created_at: fields.instant("created_at")?,
        user_id: fields.parsed("user_id", "not a UUID")?,
        active: fields.parsed("active", "true or false")?,
    };
    if fields.0.is_empty() { Ok(row) } else { Err(format!("unknown field; the fields are {}", FIELDS.join(", "))) }
}

struct Fields(Map<String, Value>);

impl Fields {
    /// A string, or the text of a number or boolean.
    fn text(&mut self, name: &str) -> Result<Option<String>, RejectionReason> {
        match self.0.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text).filter(|text| !text.is_empty())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(Value::Bool(flag)) => Ok(Some(flag.to_string())),
            Some(Value::Array(_) | Value::Object(_)) => Err(format!("{name}: not a string")),
        }
    }

    fn parsed<T: std::str::FromStr>(&mut self, name: &str, wants: &str) -> Result<Option<T>, RejectionReason> {
        self.text(name)?.map(|text| text.parse().map_err(|_| format!("{name}: {wants}"))).transpose()
    }

    fn token(&mut self, name: &str) -> Result<Option<ProviderToken>, RejectionReason> {
        Ok(self.text(name)?.map(ProviderToken::from))
    }

    /// RFC 3339, or seconds since 1970.
    fn instant(&mut self, name: &str) -> Result<Option<Timestamp>, RejectionReason> {
        let wrong = || format!("{name}: neither RFC 3339 nor seconds since 1970");
        let Some(text) = self.text(name)? else { return Ok(None) };
        let read = match text.parse::<i64>() {
            Ok(seconds) if (0..=MAX_UNIX_SECONDS).contains(&seconds) => Timestamp::from_second(seconds).ok(),
            Ok(_) => None,
            Err(_) => text.parse().ok(),
        };
        read.map(Some).ok_or_else(wrong)
    }

    /// A list, or a string with commas or spaces between the scopes.
    fn scopes(&mut self) -> Result<Option<String>, RejectionReason> {
        if let Some(Value::Array(list)) = self.0.get_mut("scopes") {
            let list: Option<Vec<_>> = list.iter().map(Value::as_str).collect();
            let joined = list.ok_or("scopes: not a list of strings")?.join(",");
            self.0.insert("scopes".to_owned(), joined.into());
        }
        let scopes = self.text("scopes")?;
        let divided =
            |text: String| text.split([',', ' ']).filter(|scope| !scope.is_empty()).collect::<Vec<_>>().join(",");
        Ok(scopes.map(divided).filter(|scopes| !scopes.is_empty()))
    }
}

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
    use serde_json::{Value, json};

    use super::read;

    fn row(more: &Value) -> Result<Value, String> {
        let mut fields = json!({"provider": "oura", "account": 7, "access_token": "access-not-a-secret"});
        fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        read(fields.as_object().unwrap().clone()).map(|row| json!(row))
    }

    #[test]
    fn a_row_is_read_in_several_spellings() {
        let least = json!({"provider": "OURA", "account": "7", "access_token": "access-not-a-secret"});
        assert_eq!(row(&json!({"scopes": "", "expires_at": null, "active": ""})), Ok(least));
        for (name, value, expected) in [
            ("scopes", json!("daily  heartrate,sleep"), json!("daily,heartrate,sleep")),
            ("scopes", json!(["daily", "sleep"]), json!("daily,sleep")),
            ("expires_at", json!("2030-01-01T08:00:00+01:00"), json!("2030-01-01T07:00:00Z")),
            ("expires_at", json!("1893456000"), json!("2030-01-01T00:00:00Z")),
            ("created_at", json!(1_893_456_000), json!("2030-01-01T00:00:00Z")),
            ("active", json!("false"), json!(false)),
        ] {
            assert_eq!(row(&json!({name: value})).unwrap()[name], expected);
        }
    }

    #[test]
    fn an_error_names_the_field_without_showing_its_value() {
        for (name, wants) in [
            ("provider", "provider: 1 to 64 letters, digits, _ or -"),
            ("user_id", "user_id: not a UUID"),
            ("expires_at", "expires_at: neither RFC 3339 nor seconds since 1970"),
            ("active", "active: true or false"),
            ("surprise", "unknown field; the fields are provider, account, "),
        ] {
            let reason = row(&json!({name: "token, not-a-secret"})).unwrap_err();
            assert!(reason.starts_with(wants) && !reason.contains("not-a-secret"), "{reason}");
        }
        assert_eq!(
            row(&json!({"created_at": 1_893_456_000_000_i64})).unwrap_err().split(':').next(),
            Some("created_at")
        );
        assert_eq!(row(&json!({"account": ""})), Err("account: missing".to_owned()));
        assert_eq!(row(&json!({"access_token": {"a": 1}})), Err("access_token: not a string".to_owned()));
    }
}

#[cfg(test)]
mod csv_tests {
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
