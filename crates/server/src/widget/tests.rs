//! Every page in every language, the texts, and what untrusted names can do.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use askama::Template;

use super::{Connected, Failure, Frame, Language, assets, provider_icon_svg, samples, texts, theme_for};

const ATTACK: &str = r#"<script>alert("1")</script>'&{$app}"#;

fn frame(language: Language) -> Frame {
    Frame { language, ..samples::frame() }
}

#[test]
fn every_page_renders_in_every_language_without_a_missing_text() {
    let english: BTreeMap<String, String> = samples::gallery(&frame(Language::English)).into_iter().collect();
    for language in Language::ALL {
        for (name, html) in samples::gallery(&frame(language)) {
            let page = format!("{name} in {}", language.tag());
            assert!(html.starts_with(&format!("<!doctype html>\n<html lang=\"{}\">", language.tag())), "{page}");
            assert_eq!(html.matches("<h1>").count(), 1, "{page}");
            assert!(!html.contains("{ $") && !html.contains("{$"), "{page}");
            assert!(language == Language::English || html != english[&name], "{page} is English");
        }
    }
}

#[test]
fn no_page_contains_a_script_or_an_inline_style() {
    for (name, html) in samples::gallery(&frame(Language::English)) {
        for forbidden in ["<script", "<style", " style=", "javascript:", " onclick", " onload", " onerror"] {
            assert!(!html.contains(forbidden), "{forbidden} in {name}");
        }
    }
}

#[test]
fn untrusted_names_are_escaped_everywhere() {
    let mut frame = frame(Language::English);
    frame.brand.as_mut().expect("a brand").name = Some(ATTACK.into());
    let mut choose = samples::choose(frame.clone());
    choose.providers[3].name = ATTACK.into();
    choose.query = ATTACK.into();
    let nothing = choose.render().expect("a page");
    choose.query.clear();
    let denied = samples::failed(&frame, Failure::Denied { provider: ATTACK.into() });
    let connected = Connected { provider: ATTACK.into(), ..samples::connected(&frame, &[ATTACK]) };
    let pages = [
        nothing,
        choose.render().expect("a page"),
        denied.render().expect("a page"),
        connected.render().expect("a page"),
        provider_icon_svg("X", ATTACK),
    ];
    for html in pages {
        assert!(!html.contains("<script") && !html.contains("alert(\"1\")"), "{html}");
    }
}

#[test]
fn an_app_without_a_name_is_your_app_in_every_language() {
    for (language, texts) in [
        (
            Language::English,
            ["Your app never sees your password.", "decide what your app may see", "Continue to your app"],
        ),
        (Language::German, ["Ihre App erfährt Ihr Passwort nie.", "was Ihre App sehen darf", "Weiter zu Ihrer App"]),
        (Language::French, ["Votre app ne voit jamais", "ce que votre app peut voir", "Continuer vers votre app"]),
        (Language::Italian, ["La tua app non vede mai", "che cosa può vedere la tua app", "Continua sulla tua app"]),
    ] {
        let brand = super::Brand { name: None, logo_url: None, accent: None };
        let frame = Frame { language, brand: Some(brand) };
        let pages = samples::choose(frame.clone()).render().expect("a page")
            + &samples::connected(&frame, &[]).render().expect("a page");
        for text in texts {
            assert!(pages.contains(text), "{text}: {pages}");
        }
    }
}

#[test]
fn a_search_keeps_the_query_of_its_page() {
    let html = samples::choose(frame(Language::English)).render().expect("a page");
    assert!(html.contains(r#"<form class="search" role="search" action="/session/1">"#));
    assert!(html.contains(r#"<input type="hidden" name="secret" value="s">"#));
}

#[test]
fn without_a_way_on_a_page_says_that_it_can_be_closed() {
    let frame = frame(Language::English);
    let close = "You can close this page now.";
    let connected = Connected { proceed: None, ..samples::connected(&frame, &[]) };
    let failed = super::Failed { return_to_app: None, ..samples::failed(&frame, Failure::Expired) };
    assert!(connected.render().expect("a page").contains(close));
    assert!(failed.render().expect("a page").contains(close));
    assert!(!samples::failed(&frame, Failure::Expired).render().expect("a page").contains(close));
}

#[test]
fn every_language_has_the_same_texts_with_the_same_variables() {
    let english = texts_of(Language::English);
    assert!(english.len() > 50);
    for language in Language::ALL {
        assert_eq!(texts_of(language), english, "{}", language.tag());
    }
}

#[test]
fn every_text_is_used() {
    let code: String = ["src/widget", "templates/widget"].iter().map(|folder| read_all(folder)).collect();
    for key in texts_of(Language::English).into_keys() {
        let message = key.trim_end_matches(".what").trim_end_matches(".next").trim_end_matches(".unnamed");
        assert!(code.contains(&format!("\"{key}\"")) || code.contains(&format!("\"{message}\"")), "{key} is not used");
    }
}

/// Writes `target/widget-gallery`, to be looked at: serve the folder and open it.
#[test]
fn the_gallery_has_every_page_and_its_files() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/widget-gallery");
    let mut loaded = BTreeSet::new();
    for language in Language::ALL {
        for (name, html) in samples::gallery(&frame(language)) {
            loaded.extend(html.split('"').filter(|part| part.starts_with("/assets/")).map(str::to_owned));
            write(&root.join(language.tag()).join(name + ".html"), html.as_bytes());
        }
    }
    for path in loaded {
        let bytes = serve(&path).unwrap_or_else(|| panic!("no file is served at {path}"));
        write(&root.join(path.trim_start_matches('/')), &bytes);
    }
}

fn serve(path: &str) -> Option<Vec<u8>> {
    if let Some(asset) = assets().iter().find(|asset| asset.path == path) {
        return Some(asset.bytes.to_vec());
    }
    if let Some(file) = path.strip_prefix("/assets/theme/") {
        return theme_for(file).map(String::into_bytes);
    }
    let slug = path.strip_prefix("/assets/provider/")?.strip_suffix(".svg")?;
    Some(provider_icon_svg(slug, &slug.replace('_', " ")).into_bytes())
}

fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, bytes).expect("a file");
}

fn read_all(folder: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    fs::read_dir(folder)
        .expect("a folder")
        .map(|file| fs::read_to_string(file.expect("a file").path()).expect("text"))
        .collect()
}

/// Each text's key, `message` or `message.attribute`, with the variables it uses.
fn texts_of(language: Language) -> BTreeMap<String, BTreeSet<String>> {
    let mut texts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let (mut message, mut key) = (String::new(), String::new());
    for line in texts::source(language).lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some((head, _)) = line.split_once(" =") {
            if line.starts_with(|c: char| c.is_ascii_lowercase()) {
                head.clone_into(&mut message);
                key.clone_from(&message);
            } else if let Some(attribute) = head.trim_start().strip_prefix('.') {
                key = format!("{message}.{attribute}");
            }
            assert!(texts.insert(key.clone(), BTreeSet::new()).is_none(), "{key} twice in {}", language.tag());
        }
        let variables = line.split('$').skip(1).map(|rest| rest.split(|c: char| !c.is_ascii_lowercase()).next());
        texts.entry(key.clone()).or_default().extend(variables.flatten().map(str::to_owned));
    }
    texts
}
