//! The notification of a provider that access was revoked.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use terra_auth_model::provider::{ProviderNotification as Read, SubscriptionChallenge};

use crate::field::{FieldPath, id};

/// The maximum number of accounts per notification. Others wait for their next refresh.
const MAX_ACCOUNTS: usize = 100;

/// A notification is posted as JSON. Its content is only a hint: a refresh verifies it at the provider.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NotificationRecipe {
    /// The field with the list of entries; `None` is the complete body, a list or one entry.
    list: Option<FieldPath>,
    /// The field of an entry with the account id.
    account: FieldPath,
    /// Fields of an entry with their required values. Other entries are ignored.
    #[serde(default)]
    when: BTreeMap<FieldPath, String>,
    /// The response status that the provider expects.
    #[serde(default = "ok")]
    status: u16,
    greeting: Option<ChallengeFormat>,
}

/// How the provider verifies the URL, with a configured token.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ChallengeFormat {
    /// `hub.verify_token`; the response returns `hub.challenge` as JSON.
    Hub,
    /// `verify`: 204 if it equals the token, otherwise 404.
    Verify,
}

impl NotificationRecipe {
    pub(crate) fn read(&self, body: &[u8]) -> Read {
        let mut accounts = serde_json::from_slice(body).map_or_else(|_| Vec::new(), |body| self.accounts(&body));
        accounts.sort_unstable();
        accounts.dedup();
        accounts.truncate(MAX_ACCOUNTS);
        Read { accounts, status: self.status }
    }

    fn accounts(&self, body: &Value) -> Vec<String> {
        let told = self.list.as_ref().map_or(Some(body), |list| list.find(body));
        let one = told.map(std::slice::from_ref).unwrap_or_default();
        let items = told.and_then(Value::as_array).map_or(one, Vec::as_slice);
        items.iter().filter(|item| self.is_meant(item)).filter_map(|item| id(self.account.find(item)?)).collect()
    }

    fn is_meant(&self, item: &Value) -> bool {
        let has = |(field, value): (&FieldPath, &String)| {
            field.find(item).and_then(text).is_some_and(|found| found == *value)
        };
        self.when.iter().all(has)
    }

    /// `None` if the provider does not verify the URL.
    pub(crate) fn greet(
        &self,
        token: Option<&SecretString>,
        query: &[(String, String)],
    ) -> Option<SubscriptionChallenge> {
        let asked = self.greeting?;
        let find = |name| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let (shown, challenge) = match asked {
            ChallengeFormat::Hub => (find("hub.verify_token"), find("hub.challenge")),
            ChallengeFormat::Verify => (find("verify"), None),
        };
        let is_known = shown.zip(token).is_some_and(|(shown, token)| same(shown, token.expose_secret()));
        Some(match (asked, challenge) {
            _ if !is_known => SubscriptionChallenge::WrongToken,
            (ChallengeFormat::Hub, Some(challenge)) => {
                SubscriptionChallenge::Echo("hub.challenge", challenge.to_owned())
            }
            (ChallengeFormat::Hub, None) => SubscriptionChallenge::WrongToken,
            (ChallengeFormat::Verify, _) => SubscriptionChallenge::Accepted,
        })
    }
}

/// Compares digests in constant time.
fn same(shown: &str, token: &str) -> bool {
    Sha256::digest(shown) == Sha256::digest(token)
}

/// Like [`id`], or a boolean.
fn text(value: &Value) -> Option<String> {
    value.as_bool().map(|flag| flag.to_string()).or_else(|| id(value))
}

const fn ok() -> u16 {
    200
}

#[cfg(test)]
mod tests {
    use super::NotificationRecipe;

    fn accounts(recipe: &str, body: &str) -> Vec<String> {
        toml::from_str::<NotificationRecipe>(recipe).unwrap().read(body.as_bytes()).accounts
    }

    #[test]
    fn a_notification_may_have_accounts_at_any_path() {
        let strava = "account = \"owner_id\"\nwhen = { object_type = \"athlete\", \"updates.authorized\" = \"false\" }";
        let fitbit = "account = \"ownerId\"\nwhen = { collectionType = \"userRevokedAccess\" }";
        let garmin = "list = \"deregistrations\"\naccount = \"userId\"";
        for (recipe, body, expected) in [
            (strava, r#"{"object_type": "athlete", "owner_id": 7, "updates": {"authorized": "false"}}"#, &["7"][..]),
            (strava, r#"{"object_type": "athlete", "owner_id": 7, "updates": {"authorized": false}}"#, &["7"]),
            (strava, r#"{"object_type": "athlete", "owner_id": 7, "updates": {"authorized": "true"}}"#, &[]),
            (strava, r#"{"object_type": "activity", "owner_id": 7, "updates": {"title": "Ride"}}"#, &[]),
            (
                fitbit,
                r#"[{"collectionType": "userRevokedAccess", "ownerId": "b"}, {"collectionType": "sleep", "ownerId": "c"}]"#,
                &["b"],
            ),
            (fitbit, r#"{"collectionType": "userRevokedAccess", "ownerId": "b"}"#, &["b"]),
            (garmin, r#"{"deregistrations": [{"userId": "d"}, {"userId": "c"}, {"userId": "d"}, {}]}"#, &["c", "d"]),
            (garmin, r#"{"userPermissionsChange": [{"userId": "d"}]}"#, &[]),
            (garmin, "not JSON", &[]),
            (garmin, r#"{"deregistrations": [{"userId": ""}, {"userId": {}}, 7, null]}"#, &[]),
        ] {
            assert_eq!(accounts(recipe, body), expected, "{body}");
        }
    }

    #[test]
    fn a_notice_that_looks_nowhere_is_refused() {
        for bad in ["account = \"a..b\"", "account = \"a\"\nwhen = { \"b.\" = \"c\" }", "list = \"a\""] {
            assert!(toml::from_str::<NotificationRecipe>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_notice_has_an_end() {
        let ids: Vec<_> = (0..1000).map(|id| format!("{{\"userId\": {id}}}")).collect();
        let body = format!("{{\"deregistrations\": [{}]}}", ids.join(","));
        assert_eq!(accounts("list = \"deregistrations\"\naccount = \"userId\"", &body).len(), 100);
    }
}
