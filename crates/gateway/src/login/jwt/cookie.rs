use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, header::COOKIE};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::setup::SetupError;

/// The maximum number of cookies that one token is split into.
const MAX_PIECES: usize = 16;

/// Supabase's prefix of an encoded session.
const ENCODED: &str = "base64-";

/// The cookie that contains a token.
pub(super) struct Cookie(String);

impl Cookie {
    pub(super) fn new(name: &str) -> Result<Self, SetupError> {
        let is_name = |c: char| c.is_ascii_graphic() && !"=;,\"\\".contains(c);
        if name.is_empty() || !name.chars().all(is_name) {
            return Err(SetupError::invalid("login.jwt.cookie", format!("{name:?} is not a valid cookie name")));
        }
        Ok(Self(name.to_owned()))
    }

    /// Finds the token: as the cookie's value, split into pieces (`name.0`, `name.1`, …), or in a
    /// session with an `access_token`. If several cookies have the name, the first is used, which
    /// browsers send for the longest path.
    ///
    /// Source: RFC 6265, section 5.4.
    pub(super) fn token(&self, headers: &HeaderMap) -> Option<String> {
        let text = find(headers, &self.0).map(str::to_owned).or_else(|| {
            let piece = |index| find(headers, &format!("{}.{index}", self.0));
            let pieces: Vec<_> = (0..MAX_PIECES).map_while(piece).collect();
            (!pieces.is_empty()).then(|| pieces.concat())
        })?;
        if is_token(&text) { Some(text) } else { of_session(&text) }
    }
}

fn find<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs.find(|(own, _)| *own == name)?;
    Some(value.trim_matches('"'))
}

/// Whether the text has the form of a token: three parts separated by dots.
pub(super) fn is_token(text: &str) -> bool {
    text.bytes().filter(|byte| *byte == b'.').count() == 2 && !text.bytes().any(|byte| b"%{[\" ".contains(&byte))
}

fn of_session(text: &str) -> Option<String> {
    let text = percent_decode_str(text).decode_utf8().ok()?;
    let json = match text.strip_prefix(ENCODED) {
        Some(encoded) => URL_SAFE_NO_PAD.decode(encoded.trim_end_matches('=')).ok()?,
        None => text.as_bytes().to_vec(),
    };
    let session: Value = serde_json::from_slice(&json).ok()?;
    let token = session.get("access_token").or_else(|| session.get(0))?.as_str()?;
    is_token(token).then(|| token.to_owned())
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    use http::{HeaderMap, HeaderValue, header::COOKIE};

    use super::Cookie;

    fn token(cookies: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for cookies in cookies {
            headers.append(COOKIE, HeaderValue::from_str(cookies).unwrap());
        }
        Cookie::new("session").unwrap().token(&headers)
    }

    #[test]
    fn a_token_is_found_in_one_cookie_in_pieces_and_in_a_session() {
        let session = r#"{"access_token":"a.b.c","refresh_token":"r"}"#;
        let encoded = URL_SAFE_NO_PAD.encode(session);
        let (first, second) = encoded.split_at(20);
        for cookies in [
            &["session=a.b.c"][..],
            &["other=1; session=a.b.c; session=x.y.z"],
            &["other=1", "session=\"a.b.c\""],
            &["session.1=b.c; session.0=a."],
            &[&*format!("session=base64-{encoded}")],
            &[&*format!("session.0=base64-{first}; session.1={second}")],
            &["session=%7B%22access_token%22%3A%22a.b.c%22%7D"],
            &["session=%5B%22a.b.c%22%2C%22r%22%5D"],
        ] {
            assert_eq!(token(cookies).as_deref(), Some("a.b.c"), "{cookies:?}");
        }
        for cookies in [&[][..], &["session="], &["session=opaque"], &["my-session=a.b.c"], &["session=base64-x"]] {
            assert_eq!(token(cookies), None, "{cookies:?}");
        }
    }

    #[test]
    fn an_invalid_cookie_name_is_rejected() {
        for name in ["", "a b", "a=b", "a;b", "é"] {
            assert!(Cookie::new(name).is_err(), "{name:?}");
        }
    }
}
