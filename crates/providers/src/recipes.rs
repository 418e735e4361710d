//! Reads recipes from TOML.

use std::collections::HashSet;

use serde::Deserialize;
use terra_auth_model::provider::Logo;
use toml::Spanned;
use url::Url;

use crate::{
    builtin::BUILTIN,
    recipe::{Recipe, login::Login},
};

/// The providers of a server, in the order of the widget.
#[derive(Clone, Debug)]
pub struct Recipes(pub(crate) Vec<Recipe>);

/// Why a recipe cannot be used, and the position of the error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {reason}")]
pub struct RecipeError {
    /// The name of the file.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// The problem.
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
    /// A provider without a `login` is connected on the device. An `identity` without a `url` is a field of the token
    /// response, and `{ jwt_claim = "sub" }` is a claim of the access token. Without an identity, the reference id replaces it.
    /// With `granted_scopes = { url = "https://acme.example/permissions", field = "granted" }`, the server calls the URL;
    /// without `field`, the complete response is the list. Headers of an app, such as a subscription key, are configured with
    /// its secret and sent with every call.
    ///
    /// All keys of a recipe, with their defaults in the comments:
    ///
    /// ```
    /// # let text = r#"
    /// [[provider]]
    /// provider = "ACME"                                   # its name in requests
    /// name = "Acme Health"                                # its name for people
    /// types = ["activity", "body", "daily", "menstruation", "nutrition", "sleep"]
    /// logo = "acme.svg"                                   # none: a monogram; a file beside this one
    /// shutdown = { on = "2031-01-01", why = "sold" }      # none; from that day (UTC) no login succeeds
    /// app_limits = ["100 users until the app is reviewed"] # none: what the provider withholds from an app
    /// sources = ["https://acme.example/docs"]             # none: where the facts were read
    /// unverified = ["how long a refresh token lives"]     # none: what is not confirmed, or was not found
    ///
    /// [provider.login]
    /// authorize_url = "https://acme.example/authorize"
    /// authorize_params = { access_type = "offline" }      # none
    /// token_url = "https://acme.example/token"
    /// token_params = { action = "requesttoken" }          # none: more parameters for the exchange of a code
    /// token_request = "json"                              # "form"; or "json", "query", "get"
    /// client_auth = "basic"                               # or "body"
    /// pkce = true                                         # true; false for a provider that refuses it
    /// https_only_callback = true                          # false
    /// scopes = ["activity", "sleep"]                      # none: the parameter is left out
    /// required_scopes = ["sleep"]                         # none: without these a connection is of no use
    /// scope_parameter = "scope"                           # "scope"
    /// scope_separator = ","                               # a space
    /// granted_scopes = "scope"                            # "scope", of the token answer; { redirect = "scope" }; "none"
    /// access_ttl_s = 3600                                 # 3600 where tokens are refreshed: if `expires_in` is missing or absurd
    /// access_ttl_max_s = 86400                            # 90 days where tokens are refreshed: a longer `expires_in` counts as this
    /// identity = { url = "https://acme.example/me", field = "athlete.id" } # none
    /// issuer = "https://acme.example"                     # none: `iss` is not checked
    ///
    /// [provider.login.answer]                             # none: token answers are as RFC 6749 says
    /// inside = "body"                                     # none: the answer proper is in this field
    /// status = "status"                                   # "error": a refusal's code, in a 200 too; ["a", "b"]: "x/y"
    /// ok = [0]                                            # none: codes that are no refusal
    /// codes = { throttled = [601], invalid_grant = ["gone"], invalid_client = [], no_verdict = ["invalid_grant"] } # none
    ///
    /// [provider.login.after_consent]                      # none: a call with the access token, before the connection is made
    /// url = "https://acme.example/users/{account}"        # places: {account}, {reference_id}, {client_id}
    /// method = "POST"                                     # "POST"; or "GET", "DELETE"
    /// body = { json = { member-id = "{reference_id}" } }  # none; or { form = { … } }
    /// success = [200, 409]                                # [200]
    ///
    /// [provider.login.refresh]                            # none: tokens are not refreshed
    /// rotation = "single_use"                             # or "kept"
    /// grace_s = 120                                       # none: how long a spent refresh token is still answered
    /// reuse_ends_grant = true                             # false: a second use ends the whole grant
    /// ahead_s = 600                                       # 600: how long before the expiry
    /// token_life_s = 7776000                              # none: how long an unused refresh token lives
    /// at_once = 4                                         # 4
    /// per_minute = 100                                    # none: as many as fit
    /// url = "https://acme.example/refresh"                # token_url
    /// params = { action = "requesttoken" }                # none
    /// scopes = ["offline"]                                # none: what to ask for again
    /// client_auth = "body"                                # as above
    /// request = "query"                                   # "form"; or "json", "query", "get"
    /// confirm_url = "https://acme.example/me"             # none: after each refresh, GET this with the new access token
    /// untouched = [503]                                   # none: statuses that say, without a code, that nothing was done
    ///
    /// [provider.login.revoke]                             # none: no call at a revocation
    /// url = "https://acme.example/revoke"                 # places: {account}, {client_id}
    /// method = "POST"                                     # "POST"; or "GET", "DELETE"
    /// client_auth = "basic"                               # none: the token alone is enough
    /// token = "refresh"                                   # "refresh", and "access" where there is none
    /// sent = { form = "token" }                           # { form = "token" }; or { query = "…" }, "bearer"
    /// success = [200]                                     # [200]
    /// gone = [401]                                        # none: statuses of a grant that is gone already
    /// gone_errors = ["invalid_token"]                     # none: error codes that say the same
    /// ends = "grant"                                      # "account": all that it has granted to the app
    ///
    /// [provider.login.notice]                             # none: the provider does not tell when access is taken back
    /// list = "events"                                     # the whole body, a list or one thing that happened
    /// account = "owner.id"                                # in each
    /// when = { kind = "revoked" }                         # none: fields that have these values, if it is meant
    /// status = 204                                        # 200: what the provider takes for an answer
    /// greeting = "hub"                                    # none; or "verify": how it asks for the notice token
    ///
    /// [provider.login.profiles.new_portal]                # none: an app names the profile that it uses, or none
    /// about = "apps registered at new.acme.example"       # one endpoint at least differs
    /// authorize_url = "https://new.acme.example/authorize" # as above
    /// token_url = "https://new.acme.example/token"        # as above
    /// refresh_url = "https://new.acme.example/refresh"    # refresh.url, or the token_url of the profile
    /// revoke_url = "https://new.acme.example/revoke"      # revoke.url
    /// # "#;
    /// # terra_auth_providers::Recipes::from_toml(text, "own.toml").unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// See [`RecipeError`], for the first error.
    pub fn from_toml(text: &str, file_name: &str) -> Result<Self, RecipeError> {
        let at = |offset, reason: &str| RecipeError::at(text, file_name, offset, reason);
        let file: File =
            toml::from_str(text).map_err(|error| at(error.span().map_or(0, |span| span.start), error.message()))?;
        let mut names = HashSet::new();
        for recipe in &file.provider {
            if !names.insert(&recipe.get_ref().provider) {
                return Err(at(recipe.span().start, "this provider already has a recipe"));
            }
            if let Some(scope) = recipe.get_ref().login.as_ref().and_then(Login::unasked_scope) {
                return Err(at(scope.span().start, "a required scope must be among the scopes"));
            }
        }
        let ends: Vec<_> = file.provider.iter().skip(1).map(|next| next.span().start).chain([text.len()]).collect();
        let as_written = |(recipe, end): (Spanned<Recipe>, usize)| {
            let start = recipe.span().start;
            recipe.into_inner().written(file_name, text.get(start..end).unwrap_or_default())
        };
        Ok(Self(file.provider.into_iter().zip(ends).map(as_written).collect()))
    }

    /// The built-in recipes. A recipe lists the facts that are unknown.
    ///
    /// # Errors
    ///
    /// See [`RecipeError`]: a built-in recipe is invalid.
    pub fn builtin() -> Result<Self, RecipeError> {
        let read = |(file, text)| Ok(Self::from_toml(text, &format!("built-in {file}"))?.0);
        Ok(Self(BUILTIN.into_iter().map(read).collect::<Result<Vec<_>, _>>()?.concat()))
    }

    /// Adds the recipes of `over`, which replace recipes for the same provider.
    #[must_use]
    pub fn with(mut self, over: Self) -> Self {
        for recipe in over.0 {
            match self.0.iter_mut().find(|ours| ours.provider == recipe.provider) {
                Some(ours) => *ours = recipe,
                None => self.0.push(recipe),
            }
        }
        self
    }

    /// All recipes, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Recipe> {
        self.0.iter()
    }

    /// Adds logos. Calls `logo_of` once for each recipe; `None` uses the monogram.
    ///
    /// # Errors
    ///
    /// The first error of `logo_of`.
    pub fn with_logos<E>(mut self, logo_of: impl Fn(&Recipe) -> Result<Option<Logo>, E>) -> Result<Self, E> {
        for recipe in &mut self.0 {
            if let Some(logo) = logo_of(recipe)? {
                recipe.image = Some(logo);
            }
        }
        Ok(self)
    }

    /// The profiles of the practice provider at `base`, and the on-device sources.
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
            ("user_id", "user.", 11, "a field has a name such as `user_id`"),
            (
                "client_auth = \"basic\"",
                "client_secret = \"test-key-not-a-secret\"",
                10,
                "unknown field `client_secret`",
            ),
            ("client_auth", "authorize_params = { state = \"x\" }\nclient_auth", 10, "`state` is set by the server"),
            ("client_auth", "token_params = { code = \"x\" }\nclient_auth", 10, "`code` is set by the server"),
            ("client_auth", "required_scopes = [\"a\"]\nclient_auth", 10, "must be among the scopes"),
            ("client_auth", "granted_scopes = { redirect = \"x\" }\nclient_auth", 10, "unknown variant `x`"),
            ("client_auth", "granted_scopes = 7\nclient_auth", 10, "a field's name"),
            ("client_auth", "granted_scopes = {}\nclient_auth", 10, "in a `field`, in the `redirect`, or at a `url`"),
            ("client_auth", "granted_scopes = { url = \"/me\" }\nclient_auth", 10, "not an absolute http"),
            ("client_auth", "token_request = \"soap\"\nclient_auth", 10, "unknown variant `soap`"),
            ("client_auth", "answer = { status = [] }\nclient_auth", 10, "at least one field"),
            ("client_auth", "answer = { status = [\"a.\"] }\nclient_auth", 10, "a field has a name such as `user_id`"),
            ("client_auth", "answer = { status = 7 }\nclient_auth", 10, "a field's name, or a list of names"),
            ("client_auth", "answer = { ok = [[0]] }\nclient_auth", 10, "a code is a number or a short text"),
            ("client_auth", "refresh = { rotation = \"kept\", grace_s = 1 }\nclient_auth", 10, "need rotation"),
            ("client_auth", "refresh = { rotation = \"kept\", at_once = 0 }\nclient_auth", 10, "nonzero"),
            ("client_auth", "refresh = { rotation = \"kept\", token_life_s = 0 }\nclient_auth", 10, "nonzero"),
            ("client_auth", "refresh = { ahead_s = 1 }\nclient_auth", 10, "missing field `rotation`"),
            ("client_auth", "revoke = { url = \"https://{account}/\" }\nclient_auth", 10, "not in the host name"),
            (
                "client_auth",
                "after_consent = { url = \"https://a/{x}\" }\nclient_auth",
                10,
                "a placeholder is `{account}`",
            ),
            ("client_auth", "profiles.new = { about = \"\" }\nclient_auth", 10, "a profile has at least one endpoint"),
            (
                "client_auth",
                "profiles.New = { about = \"\", token_url = \"https://a/\" }\nclient_auth",
                10,
                "lower-case letters",
            ),
            ("{ field = \"user_id\" }", "{ field = \"id\", jwt_claim = \"sub\" }", 11, "an identity is a `field`"),
            ("types = [\"sleep\"]", "types = []\napp_limits = 10", 6, "expected a sequence"),
            ("types = [\"sleep\"]", "types = []\nshutdown = { on = \"soon\", why = \"\" }", 6, "failed to parse"),
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
        assert_eq!((error.line, error.reason.as_str()), (13, "this provider already has a recipe"));
    }

    #[test]
    fn the_sandbox_needs_an_address_that_can_be_called() {
        assert!(Recipes::sandbox(&"http://127.0.0.1:8787/sandbox".parse().unwrap()).is_ok());
        assert!(Recipes::sandbox(&"acme:sandbox".parse().unwrap()).is_err());
    }
}
