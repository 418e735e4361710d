/// Whether text in the place of a user id means that no user is logged in. Proxies, frameworks and
/// apps have many forms: an empty variable as Apache, nginx and others print it, a placeholder that
/// was not filled in, or one name for all visitors without a login. If such a text were accepted as
/// an id, all these visitors would share one user and see the user's connections.
pub(crate) fn is_anonymous_name(text: &str) -> bool {
    let text = text.trim();
    let letters: String = text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    letters.chars().all(|c| c == '0') // "", "-", "{}", 0, 0.0, 00000000-0000-0000-0000-000000000000
        || NAMES.contains(&&*letters)
        || EXACT.iter().any(|exact| text.eq_ignore_ascii_case(exact))
        || PLACEHOLDERS.iter().any(|start| text.starts_with(start))
}

/// Compared in lower case, letters and digits only.
const NAMES: [&str; 22] = [
    "anonymous",
    "anonymoususer",
    "empty",
    "false",
    "guest",
    "guestuser",
    "loggedout",
    "nil",
    "nobody",
    "none",
    "notauthenticated",
    "notloggedin",
    "nouser",
    "novalue",
    "null",
    "objectobject",
    "unauthenticated",
    "unauthenticateduser",
    "undefined",
    "unknown",
    "unknownuser",
    "anon",
];

const EXACT: [&str; 3] = ["-1", "n/a", "nan"];

/// Unfilled variables of Apache, of shells and nginx, of templates, and of Caddy.
const PLACEHOLDERS: [&str; 4] = ["%{", "$", "{{", "{http."];

#[cfg(test)]
mod tests {
    use super::is_anonymous_name;

    #[test]
    fn anonymous_names_are_recognized_and_user_ids_are_not_mistaken_for_them() {
        for text in [
            "",
            " ",
            "\t",
            "-",
            "--",
            "(null)",
            "null",
            "NULL",
            "<nil>",
            "None",
            "(none)",
            "undefined",
            "\"\"",
            "{}",
            "[]",
            "0",
            "-0",
            "0.0",
            "-1",
            "00000000-0000-0000-0000-000000000000",
            "false",
            "NaN",
            "n/a",
            "anonymous",
            "Anonymous",
            "anonymousUser",
            "Anonymous User",
            "guest",
            "nobody",
            "unknown",
            "not logged in",
            "unauthenticated",
            "<no value>",
            "[object Object]",
            "${REMOTE_USER}",
            "$remote_user",
            "%{REMOTE_USER}e",
            "{{ user.id }}",
            "{http.auth.user.id}",
        ] {
            assert!(is_anonymous_name(text), "{text:?}");
        }
        for text in [
            "7",
            "10",
            "1",
            "alice",
            "0a",
            "-7",
            "anonymous@example.com",
            "guest-7",
            "user_null",
            "nullius",
            "é",
            "{6f9619ff-8b86-d011-b42d-00c04fc964ff}",
            "00000000-0000-0000-0000-000000000001",
        ] {
            assert!(!is_anonymous_name(text), "{text:?}");
        }
    }
}
