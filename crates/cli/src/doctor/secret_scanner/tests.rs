use std::path::Path;

use terra_auth::{Environment, credentials::API_KEY};

use super::{MatchKind, SecretScanner, StoredCredential};

/// A deterministic value that looks random.
fn random_value(length: u32) -> String {
    (1..=length).map(|n| char::from_digit(n.wrapping_mul(2_654_435_761) >> 28, 16).unwrap()).collect()
}

fn scanner() -> SecretScanner {
    let location = ".env.terra.staging:2".to_owned();
    let known = StoredCredential {
        environment: Some(Environment::Staging),
        key: API_KEY,
        value: "a plain pass phrase".into(),
        location,
    };
    SecretScanner::new(&[known]).unwrap()
}

/// Short descriptions of the findings in `text`, in a file with this name.
fn found_in(name: &str, text: &str) -> Vec<String> {
    let short = |found: super::ScanMatch| match found.key_match {
        MatchKind::Key { what, .. } => format!("{} {what}", found.line),
        MatchKind::Redirect { url, .. } => format!("{} {url}", found.line),
        MatchKind::DeprecatedCall => format!("{} deprecated", found.line),
    };
    scanner().scan(Path::new(name), text.as_bytes()).into_iter().map(short).collect()
}

fn found(text: &str) -> Vec<String> {
    found_in("app.py", text)
}

#[test]
fn keys_are_found_in_every_notation() {
    let key = random_value(32);
    for line in [
        format!("TERRA_API_KEY={key}"),
        format!("export TERRA_SIGNING_SECRET='{key}'"),
        format!("terra = Terra(api_key=\"{key}\", dev_id=\"acme\")"),
        format!("  TERRA_API_KEY: {key}"),
        format!("{{\"terra\": {{\"apiKey\": \"{key}\"}}}}"),
        format!("headers['x-api-key'] = '{key}' # terra"),
        format!("curl -H \"x-api-key: {key}\" https://api.tryterra.co/v2/subscriptions"),
        format!("os.environ.setdefault(\"TERRA_API_KEY\", \"{key}\")"),
        format!("const TERRA_API_KEY: &str = \"ta_testing_{key}\";"),
        format!("token: terra_dt_{key}"),
    ] {
        assert_eq!(found(&line).len(), 1, "{line}");
    }
}

#[test]
fn a_known_secret_is_found_in_any_text() {
    assert_eq!(found("\n\n// try: a plain pass phrase\n"), ["3 the TERRA_API_KEY of staging"]);
}

#[test]
fn code_that_reads_a_key_contains_none() {
    let key = random_value(32);
    for line in [
        "TERRA_API_KEY=".to_owned(),
        "TERRA_API_KEY=test-key-not-a-secret".to_owned(),
        "TERRA_API_KEY=${SECRET_TERRA_API_KEY_2024}".to_owned(),
        "terra_api_key = os.environ[\"TERRA_API_KEY_V2_2024\"]".to_owned(),
        "api_key: settings.terra_api_key_for_2024_and_2025()".to_owned(),
        format!("etag = \"{key}\" # terra"),
        format!("stripe_api_key = \"{key}\""),
        "ta_testing_<64 hex digits>".to_owned(),
    ] {
        assert_eq!(found(&line), [""; 0], "{line}");
    }
}

#[test]
fn a_key_that_is_marked_as_fake_is_ignored() {
    let key = random_value(32);
    assert_eq!(found(&format!("TERRA_API_KEY={key} # terra-auth: fake")), [""; 0]);
    assert_eq!(found(&format!("// terra-auth: fake\nTERRA_API_KEY={key}\n")), [""; 0]);
    assert_eq!(found(&format!("# terra-auth: all fake\n\n\nTERRA_API_KEY={key}\n")), [""; 0]);
    assert_eq!(found(&format!("# terra-auth: fake\n\nTERRA_API_KEY={key}\n")).len(), 1);
    assert_eq!(found(&format!("\n# terra-auth: all fake\n\n\nTERRA_API_KEY={key}\n")).len(), 1);
}

#[test]
fn a_dotenv_file_may_contain_a_key_that_looks_like_a_word() {
    assert_eq!(found_in("app/.env.local", "TERRA_API_KEY=swordfish").len(), 1);
    assert_eq!(found_in("app/.env.example", "TERRA_API_KEY=swordfish"), [""; 0]);
    assert_eq!(found_in("app/.env.local", "TERRA_API_KEY=your-key-here"), [""; 0]);
}

#[test]
fn redirects_and_deprecated_calls_are_found() {
    let text = "client.post('/auth/generateWidgetSession', {\n\"auth_success_redirect_url\": \"http://app.example.com/a\"\n\
                TERRA_REDIRECT_URL=http://app.example.com/b\nauth_failure_redirect_url=https://app.example.com\n\
                client.authentication.generatewidgetsession()\n";
    let expected = ["1 deprecated", "2 http://app.example.com/a", "3 http://app.example.com/b", "5 deprecated"];
    assert_eq!(found(text), expected);
    assert_eq!(found("client.generate_widget_session(&request)"), [""; 0]);
}

#[test]
fn a_very_long_line_is_scanned_around_each_hint() {
    let (filler, key) = ("x=1;".repeat(50_000), random_value(32));
    let text = format!("{filler}TERRA_API_KEY='{key}';{filler}\nb");
    assert_eq!(found(&text), ["1 the value of TERRA_API_KEY"]);
}
