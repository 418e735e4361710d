use std::path::Path;

use terra_auth::{Environment, credentials::API_KEY};

use super::{Eye, Held, Sight};

/// Drawn by nobody, but it looks as if.
fn drawn(length: u32) -> String {
    (1..=length).map(|n| char::from_digit(n.wrapping_mul(2_654_435_761) >> 28, 16).unwrap()).collect()
}

fn eye() -> Eye {
    let place = ".env.terra.staging:2".to_owned();
    let known =
        Held { environment: Some(Environment::Staging), key: API_KEY, value: "a plain pass phrase".into(), place };
    Eye::new(&[known]).unwrap()
}

/// What is seen in `text` in a file with this name, in short.
fn seen_in(name: &str, text: &str) -> Vec<String> {
    let short = |seen: super::Seen| match seen.sight {
        Sight::Key { what, .. } => format!("{} {what}", seen.line),
        Sight::Redirect { url, .. } => format!("{} {url}", seen.line),
        Sight::DeprecatedCall => format!("{} deprecated", seen.line),
    };
    eye().look(Path::new(name), text.as_bytes()).into_iter().map(short).collect()
}

fn seen(text: &str) -> Vec<String> {
    seen_in("app.py", text)
}

#[test]
fn keys_are_seen_however_they_are_written() {
    let key = drawn(32);
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
        assert_eq!(seen(&line).len(), 1, "{line}");
    }
}

#[test]
fn a_known_secret_is_seen_wherever_it_stands() {
    assert_eq!(seen("\n\n// try: a plain pass phrase\n"), ["3 the TERRA_API_KEY of staging"]);
}

#[test]
fn code_that_reads_a_key_shows_none() {
    let key = drawn(32);
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
        assert_eq!(seen(&line), [""; 0], "{line}");
    }
}

#[test]
fn a_key_that_is_marked_as_fake_is_passed_by() {
    let key = drawn(32);
    assert_eq!(seen(&format!("TERRA_API_KEY={key} # terra-auth: fake")), [""; 0]);
    assert_eq!(seen(&format!("// terra-auth: fake\nTERRA_API_KEY={key}\n")), [""; 0]);
    assert_eq!(seen(&format!("# terra-auth: all fake\n\n\nTERRA_API_KEY={key}\n")), [""; 0]);
    assert_eq!(seen(&format!("# terra-auth: fake\n\nTERRA_API_KEY={key}\n")).len(), 1);
    assert_eq!(seen(&format!("\n# terra-auth: all fake\n\n\nTERRA_API_KEY={key}\n")).len(), 1);
}

#[test]
fn a_dotenv_file_may_hold_a_key_that_looks_like_a_word() {
    assert_eq!(seen_in("app/.env.local", "TERRA_API_KEY=swordfish").len(), 1);
    assert_eq!(seen_in("app/.env.example", "TERRA_API_KEY=swordfish"), [""; 0]);
    assert_eq!(seen_in("app/.env.local", "TERRA_API_KEY=your-key-here"), [""; 0]);
}

#[test]
fn redirects_and_deprecated_calls_are_seen() {
    let text = "client.post('/auth/generateWidgetSession', {\n\"auth_success_redirect_url\": \"http://app.example.com/a\"\n\
                TERRA_REDIRECT_URL=http://app.example.com/b\nauth_failure_redirect_url=https://app.example.com\n\
                client.authentication.generatewidgetsession()\n";
    let expected = ["1 deprecated", "2 http://app.example.com/a", "3 http://app.example.com/b", "5 deprecated"];
    assert_eq!(seen(text), expected);
    assert_eq!(seen("client.generate_widget_session(&request)"), [""; 0]);
}

#[test]
fn a_line_as_long_as_a_program_is_looked_at_around_each_hint() {
    let (filler, key) = ("x=1;".repeat(50_000), drawn(32));
    let text = format!("{filler}TERRA_API_KEY='{key}';{filler}\nb");
    assert_eq!(seen(&text), ["1 what is assigned to TERRA_API_KEY"]);
}
