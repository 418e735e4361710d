//! Reads recipes from TOML.

use std::collections::HashSet;

use serde::Deserialize;
use toml::Spanned;
use url::Url;

use crate::recipe::Recipe;

/// The providers of a server, in the order in which the widget shows them.
#[derive(Clone, Debug)]
pub struct Recipes(pub(crate) Vec<Recipe>);

/// A recipe cannot be used, and where it says so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {reason}")]
pub struct RecipeError {
    /// The file, as the caller named it.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What is wrong there.
    pub reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    provider: Vec<Spanned<Recipe>>,
}

impl Recipes {
    /// Reads recipes: one `[[provider]]` table each. `file_name` is for the error.
    ///
    /// A provider without a `login` is connected on the device. All that a recipe can say, and what holds if it does not:
    ///
    /// ```
    /// # let text = r#"
    /// [[provider]]
    /// provider = "ACME"                                   # its name in requests
    /// name = "Acme Health"                                # its name for people
    /// types = ["activity", "body", "daily", "menstruation", "nutrition", "sleep"]
    ///
    /// [provider.login]
    /// authorize_url = "https://acme.example/authorize"
    /// authorize_params = { access_type = "offline" }      # none
    /// token_url = "https://acme.example/token"
    /// client_auth = "basic"                               # or "body"
    /// pkce = true                                         # true; false for a provider that refuses it
    /// scopes = ["activity", "sleep"]                      # none: the parameter is left out
    /// scope_separator = ","                               # a space
    /// granted_scopes = "scope"                            # "scope": a field of the token answer
    /// identity = { url = "https://acme.example/me", field = "athlete.id" } # without url: in the token answer
    /// issuer = "https://acme.example"                     # none: `iss` is not checked
    ///
    /// [provider.login.revoke]                             # none: nobody to tell
    /// url = "https://acme.example/revoke"
    /// method = "POST"                                     # "POST"; or "GET", "DELETE"
    /// client_auth = "basic"                               # none: the token alone is enough
    /// token = "refresh"                                   # "refresh", and "access" where there is none
    /// sent = { form = "token" }                           # { form = "token" }; or { query = "…" }, "bearer"
    /// success = [200]                                     # [200]
    /// gone = [401]                                        # none: statuses of a grant that is gone already
    /// gone_errors = ["invalid_token"]                     # none: error codes that say the same
    /// # "#;
    /// # terra_auth_outbound::Recipes::from_toml(text, "own.toml").unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// [`RecipeError`] for the first thing that is wrong.
    pub fn from_toml(text: &str, file_name: &str) -> Result<Self, RecipeError> {
        let at = |offset, reason: &str| RecipeError::at(text, file_name, offset, reason);
        let file: File =
            toml::from_str(text).map_err(|error| at(error.span().map_or(0, |span| span.start), error.message()))?;
        let mut names = HashSet::new();
        for recipe in &file.provider {
            if !names.insert(&recipe.get_ref().provider) {
                return Err(at(recipe.span().start, "this provider has a recipe already"));
            }
        }
        Ok(Self(file.provider.into_iter().map(Spanned::into_inner).collect()))
    }

    /// The faces of the sandbox server at `base`, and the on-device sources.
    ///
    /// # Errors
    ///
    /// [`RecipeError`] if `base` is not an `http` or `https` URL.
    pub fn sandbox(base: &Url) -> Result<Self, RecipeError> {
        let text = include_str!("../recipes/sandbox.toml").replace("{base}", base.as_str().trim_end_matches('/'));
        Self::from_toml(&text, "sandbox.toml")
    }
}

impl RecipeError {
    fn at(text: &str, file: &str, offset: usize, reason: &str) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line = before.rsplit('\n').next().unwrap_or_default();
        Self {
            file: file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: line.chars().count() + 1,
            reason: reason.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{RecipeError, Recipes};

    const GOOD: &str = r#"
[[provider]]
provider = "ACME"
name = "Acme"
types = ["sleep"]

[provider.login]
authorize_url = "https://acme.example/authorize"
token_url = "https://acme.example/token"
client_auth = "basic"
identity = { field = "user_id" }
"#;

    fn refusal(text: &str) -> RecipeError {
        Recipes::from_toml(text, "own.toml").unwrap_err()
    }

    #[test]
    fn a_bad_recipe_is_refused_where_it_is_bad() {
        for (good, bad, line, reason) in [
            ("\"ACME\"", "\"A B\"", 3, "invalid provider name"),
            ("\"sleep\"", "\"dreams\"", 5, "unknown variant `dreams`"),
            ("https://acme.example/authorize", "acme", 8, "not an absolute http or https URL"),
            ("https://acme.example/authorize", "ftp://acme.example/", 8, "not an absolute http or https URL"),
            ("https://acme.example/token", "https://a:b@acme.example/", 9, "must not contain a user name"),
            ("\"basic\"", "\"digest\"", 10, "unknown variant `digest`"),
            ("user_id", "user.", 11, "a field is named like `user_id`"),
            (
                "client_auth = \"basic\"",
                "client_secret = \"test-key-not-a-secret\"",
                10,
                "unknown field `client_secret`",
            ),
            ("client_auth", "authorize_params = { state = \"x\" }\nclient_auth", 10, "`state` is set by the server"),
        ] {
            let error = refusal(&GOOD.replace(good, bad));
            assert_eq!((error.file.as_str(), error.line), ("own.toml", line), "{error}");
            assert!(error.reason.contains(reason), "{error}");
            assert!(!error.to_string().contains("not-a-secret"), "{error}");
        }
    }

    #[test]
    fn an_error_says_file_line_and_column() {
        let error = refusal(&GOOD.replace("\"ACME\"", "7"));
        assert_eq!(error.to_string(), "own.toml:3:12: invalid type: integer `7`, expected a string");
    }

    #[test]
    fn a_provider_has_one_recipe() {
        let twice = format!("{GOOD}{}", GOOD.replace("ACME", "acme"));
        let error = refusal(&twice);
        assert_eq!((error.line, error.reason.as_str()), (13, "this provider has a recipe already"));
    }

    #[test]
    fn the_sandbox_needs_an_address_that_can_be_called() {
        assert!(Recipes::sandbox(&"http://127.0.0.1:8787/sandbox".parse().unwrap()).is_ok());
        assert!(Recipes::sandbox(&"acme:sandbox".parse().unwrap()).is_err());
    }
}
