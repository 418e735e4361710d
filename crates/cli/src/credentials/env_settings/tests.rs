use crate::credentials::env_settings::{EnvSettings, EnvSettingsError};

const COMPLETE: &str = r##"
name = "Acme"
logo_url = "https://app.example.com/logo.png"
accent = "#00aa77"
user_limit = 50
providers = ["FITBIT", "GARMIN"]
redirect_allow_list = ["https://app.example.com/"]
destination = "https://app.example.com/hooks"
keep_user_id = true
bound_tokens_only = true
"##;

fn parse(text: &str) -> EnvSettings {
    EnvSettings::parse(text).unwrap()
}

fn shown(left: &str, right: &str) -> Vec<(&'static str, [String; 2])> {
    let differences = parse(left).differences(&parse(right));
    differences.iter().map(|difference| (difference.setting, difference.shown())).collect()
}

#[test]
fn equal_settings_do_not_differ() {
    assert!(shown(COMPLETE, COMPLETE).is_empty());
    assert!(shown(r#"providers = ["FITBIT", "GARMIN"]"#, r#"providers = ["GARMIN", "FITBIT"]"#).is_empty());
    assert!(shown(r#"name = "Acme""#, "user_limit = 50").is_empty(), "an absent setting cannot differ");
}

#[test]
fn every_setting_is_compared_in_one_order() {
    let other = COMPLETE
        .replace("Acme", "Other")
        .replace("app.", "other.")
        .replace("00aa", "11bb")
        .replace("50", "60")
        .replace("true", "false");
    let other = other.replace("GARMIN", "OURA");
    let settings: Vec<_> = shown(COMPLETE, &other).into_iter().map(|(setting, _)| setting).collect();
    let all = [
        "name",
        "logo_url",
        "accent",
        "user_limit",
        "providers",
        "redirect_allow_list",
        "destination",
        "keep_user_id",
        "bound_tokens_only",
    ];
    assert_eq!(settings, all);
}

#[test]
fn of_two_lists_only_the_different_items_are_shown() {
    let one = |left: &str, right: &str| shown(left, right).remove(0).1;
    let (left, right) = (r#"providers = ["FITBIT", "GARMIN"]"#, r#"providers = ["OURA", "FITBIT", "WITHINGS"]"#);
    assert_eq!(one(left, right), ["GARMIN", "OURA, WITHINGS"]);
    assert_eq!(one(left, r#"providers = "all""#), ["FITBIT, GARMIN", "all"]);
    assert_eq!(
        one("redirect_allow_list = []", r#"redirect_allow_list = ["https://a.example/"]"#),
        ["–", "https://a.example/"]
    );
    assert_eq!(one("user_limit = 50", r#"user_limit = "none""#), ["50", "none"]);
    assert_eq!(one(r##"accent = "#00aa77""##, r#"accent = """#), ["#00aa77", "–"]);
}

#[test]
fn an_invalid_setting_is_named_in_the_error() {
    let error = |text: &str| EnvSettings::parse(text).unwrap_err();
    let invalid = [
        ("name = \" \"", "name must be a non-empty string"),
        ("logo_url = \"logo.png\"", "logo_url must be an address or \"\""),
        ("accent = \"red\"", "accent must be #rrggbb or \"\""),
        ("user_limit = -1", "user_limit must be a number or \"none\""),
        ("providers = [\"FITBIT\", 1]", "providers must be a list of names or \"all\""),
        ("redirect_allow_list = [\"app\"]", "redirect_allow_list must be a list of addresses"),
        ("destination = false", "destination must be an address or \"\""),
        ("keep_user_id = \"yes\"", "keep_user_id must be true or false"),
        ("bound_tokens_only = 1", "bound_tokens_only must be true or false"),
    ];
    for (text, message) in invalid {
        assert_eq!(error(text).to_string(), message);
    }
    assert_eq!(error("signing_secret = \"a\""), EnvSettingsError::Unknown("signing_secret".to_owned()));
    let broken = error("name = \"Acme\"\nuser_limit = not-a-secret\n").to_string();
    assert!(broken.starts_with("is not valid TOML: line 2: ") && !broken.contains("not-a-secret"), "{broken}");
}
