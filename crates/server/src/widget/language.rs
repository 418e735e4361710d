//! The languages of the pages, and the selection of one.

use std::cmp::Reverse;

use fluent_langneg::{NegotiationStrategy, negotiate_languages};
use unic_langid::LanguageIdentifier;

/// The number of entries that are read of an `Accept-Language` header. No browser sends more.
const MAX_ACCEPTED: usize = 32;

/// A language. Every text exists in each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English, the fallback.
    #[default]
    English,
    /// French.
    French,
    /// German.
    German,
    /// Spanish.
    Spanish,
    /// Italian.
    Italian,
    /// Portuguese.
    Portuguese,
    /// Japanese.
    Japanese,
    /// Chinese in simplified characters, used for every Chinese locale.
    Chinese,
}

impl Language {
    /// All languages, in the order of the variants.
    pub const ALL: [Self; 8] = [
        Self::English,
        Self::French,
        Self::German,
        Self::Spanish,
        Self::Italian,
        Self::Portuguese,
        Self::Japanese,
        Self::Chinese,
    ];

    /// Selects the language of a page.
    ///
    /// `requested` is the language of the session (`ja`, `zh_cn`, `pt-BR`, in any case) and takes precedence if it is
    /// supported. Otherwise the weights of the browser's `Accept-Language` decide. The fallback is English.
    #[must_use]
    pub fn negotiate(requested: Option<&str>, accept_language: Option<&str>) -> Self {
        let mut wanted: Vec<LanguageIdentifier> =
            requested.and_then(|code| code.trim().parse().ok()).into_iter().collect();
        wanted.extend(accept_language.map(by_weight).unwrap_or_default());
        let available: Vec<LanguageIdentifier> = Self::ALL.map(Self::id).into();
        negotiate_languages(&wanted, &available, None, NegotiationStrategy::Lookup)
            .first()
            .and_then(|id| Self::ALL.into_iter().find(|language| language.id() == **id))
            .unwrap_or_default()
    }

    /// The BCP 47 tag for `lang` and `Content-Language`; also the folder of the texts.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::French => "fr",
            Self::German => "de",
            Self::Spanish => "es",
            Self::Italian => "it",
            Self::Portuguese => "pt",
            Self::Japanese => "ja",
            Self::Chinese => "zh-CN",
        }
    }

    pub(super) fn id(self) -> LanguageIdentifier {
        self.tag().parse().unwrap_or_default()
    }
}

/// The languages of an `Accept-Language` header, highest weight first. Weight 0 excludes a language (RFC 9110, 12.4.2).
fn by_weight(header: &str) -> Vec<LanguageIdentifier> {
    let mut weighted: Vec<(u16, LanguageIdentifier)> = header.split(',').take(MAX_ACCEPTED).filter_map(weigh).collect();
    weighted.sort_by_key(|(weight, _)| Reverse(*weight));
    weighted.into_iter().map(|(_, id)| id).collect()
}

/// Reads `de-CH;q=0.8` as (800, de-CH). `None` for `*`, for weight 0 and for anything that is not a language.
fn weigh(entry: &str) -> Option<(u16, LanguageIdentifier)> {
    let (tag, weight) = entry.split_once(';').unwrap_or((entry, "q=1"));
    let weight: f32 = weight.trim().strip_prefix("q=")?.parse().ok()?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0–1000")]
    let thousandths = (weight.clamp(0.0, 1.0) * 1000.0) as u16;
    let id: LanguageIdentifier = tag.trim().parse().ok()?;
    (thousandths > 0 && !id.language.is_empty()).then_some((thousandths, id))
}

#[cfg(test)]
mod tests {
    use super::Language::{self, Chinese, English, French, German, Japanese, Portuguese, Spanish};

    #[test]
    fn a_requested_language_overrides_the_browsers() {
        for (requested, expected) in [
            ("en", English),
            ("fr", French),
            ("ja", Japanese),
            ("zh_cn", Chinese),
            ("zh-CN", Chinese),
            ("ZH_CN", Chinese),
            ("zh-TW", Chinese),
            ("zh", Chinese),
            ("pt-BR", Portuguese),
            ("de_AT", German),
            (" ES ", Spanish),
        ] {
            assert_eq!(Language::negotiate(Some(requested), Some("it")), expected, "{requested}");
        }
    }

    #[test]
    fn an_unsupported_request_falls_back_to_the_browser() {
        for requested in ["", "tlh", "nl-NL", "../../en", "und", "x".repeat(10_000).as_str()] {
            assert_eq!(Language::negotiate(Some(requested), Some("de-CH, fr;q=0.9")), German, "{requested:.20}");
        }
    }

    #[test]
    fn the_browsers_weights_decide_and_not_its_order() {
        assert_eq!(Language::negotiate(None, Some("fr;q=0.3, nl, ja;q=0.8")), Japanese);
        assert_eq!(Language::negotiate(None, Some("fr;q=0, es;q=0.001")), Spanish);
    }

    #[test]
    fn english_is_left_when_nothing_fits() {
        for header in [None, Some(""), Some("*"), Some("nl, sv;q=0.5"), Some("fr;q=x"), Some(";;;,,,")] {
            assert_eq!(Language::negotiate(None, header), English, "{header:?}");
        }
    }

    #[test]
    fn a_header_without_end_is_not_read_to_the_end() {
        let header = "nl,".repeat(super::MAX_ACCEPTED) + "fr";
        assert_eq!(Language::negotiate(None, Some(&header)), English);
    }
}
