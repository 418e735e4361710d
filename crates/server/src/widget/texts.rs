//! Looks up texts in the compiled-in Fluent files. A language is parsed for its first page.

use std::sync::OnceLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};

use super::Language;

type Bundle = FluentBundle<FluentResource>;

/// Formats the text `key`, which is `message` or `message.attribute`.
///
/// A missing text or variable is shown as its name, and panics in a debug build. A test proves that there is none.
pub(super) fn format(language: Language, key: &str, args: &FluentArgs) -> String {
    let bundle = bundle(language);
    let pattern = match key.split_once('.') {
        Some((id, name)) => bundle.get_message(id).and_then(|text| text.get_attribute(name)).map(|part| part.value()),
        None => bundle.get_message(key).and_then(|text| text.value()),
    };
    debug_assert!(pattern.is_some(), "no text {key} in {}", language.tag());
    let Some(pattern) = pattern else { return key.to_owned() };
    let mut errors = Vec::new();
    let text = bundle.format_pattern(pattern, Some(args), &mut errors).into_owned();
    debug_assert!(errors.is_empty(), "text {key} in {}: {errors:?}", language.tag());
    text
}

fn bundle(language: Language) -> &'static Bundle {
    static BUNDLES: [OnceLock<Bundle>; Language::ALL.len()] = [const { OnceLock::new() }; Language::ALL.len()];
    BUNDLES[language as usize].get_or_init(|| parse(language))
}

fn parse(language: Language) -> Bundle {
    // Skips invalid lines, so that one bad line affects one text only.
    let resource = FluentResource::try_new(source(language).to_owned()).unwrap_or_else(|(resource, _)| resource);
    let mut bundle = Bundle::new_concurrent(vec![language.id()]);
    bundle.set_use_isolating(false); // the isolation marks would be visible in titles and attributes
    bundle.add_resource_overriding(resource);
    bundle
}

pub(super) const fn source(language: Language) -> &'static str {
    match language {
        Language::English => include_str!("../../locales/en/widget.ftl"),
        Language::French => include_str!("../../locales/fr/widget.ftl"),
        Language::German => include_str!("../../locales/de/widget.ftl"),
        Language::Spanish => include_str!("../../locales/es/widget.ftl"),
        Language::Italian => include_str!("../../locales/it/widget.ftl"),
        Language::Portuguese => include_str!("../../locales/pt/widget.ftl"),
        Language::Japanese => include_str!("../../locales/ja/widget.ftl"),
        Language::Chinese => include_str!("../../locales/zh-CN/widget.ftl"),
    }
}
