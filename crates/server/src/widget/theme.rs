//! The stylesheet of an environment's accent colour.

use std::str::FromStr;

use super::color::Rgb;

/// The backgrounds of `assets/widget.css` with the least contrast: the darkest light one and the lightest dark one.
const LIGHT: Rgb = Rgb([0xec, 0xee, 0xf6]);
const DARK: Rgb = Rgb([0x24, 0x28, 0x38]);

/// The colour of an environment's buttons, written `#rrggbb`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accent(Rgb);

/// The text is not a colour such as `#rrggbb`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a colour of the form #rrggbb")]
pub struct AccentError;

impl FromStr for Accent {
    type Err = AccentError;

    fn from_str(text: &str) -> Result<Self, AccentError> {
        let digits = text.strip_prefix('#').ok_or(AccentError)?;
        if digits.len() != 6 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(AccentError);
        }
        let [_, r, g, b] = u32::from_str_radix(digits, 16).map_err(|_| AccentError)?.to_be_bytes();
        Ok(Self(Rgb([r, g, b])))
    }
}

impl Accent {
    /// The path of the stylesheet of this colour, `/assets/theme/rrggbb.css`. Its content never changes.
    #[must_use]
    pub fn stylesheet_path(&self) -> String {
        format!("/assets/theme/{}.css", self.0.to_string().trim_start_matches('#'))
    }
}

/// The stylesheet of an accent: the colour, the text on it, and the colour as text in both schemes, all at AA.
#[must_use]
pub fn theme_css(accent: &Accent) -> String {
    let Accent(color) = accent;
    format!(
        ":root{{--accent:{color};--on-accent:{};--accent-text:{}}}\
         @media (prefers-color-scheme:dark){{:root{{--accent-text:{}}}}}",
        color.text(),
        color.readable_on(LIGHT),
        color.readable_on(DARK),
    )
}

/// The stylesheet for the last segment of [`Accent::stylesheet_path`], `rrggbb.css`; `None` for any other file name.
#[must_use]
pub fn theme_for(file_name: &str) -> Option<String> {
    let accent = format!("#{}", file_name.strip_suffix(".css")?).parse().ok()?;
    Some(theme_css(&accent))
}

#[cfg(test)]
mod tests {
    use super::{Accent, AccentError, theme_css, theme_for};

    fn accent(text: &str) -> Accent {
        text.parse().expect("a colour")
    }

    #[test]
    fn only_six_hex_digits_are_a_colour() {
        for text in ["", "#fff", "1b6e5a", "#1b6e5", "#1b6e5a0", "#+12345", "#gggggg", "#12345é", "#1b6e5a;}body{"] {
            assert_eq!(text.parse::<Accent>(), Err(AccentError), "{text}");
        }
        assert_eq!(accent("#1B6E5A"), accent("#1b6e5a"));
    }

    #[test]
    fn text_on_an_accent_is_picked_for_contrast() {
        assert_eq!(
            theme_css(&accent("#ffe14d")),
            ":root{--accent:#ffe14d;--on-accent:#000000;--accent-text:#736523}\
             @media (prefers-color-scheme:dark){:root{--accent-text:#ffe14d}}"
        );
        assert!(theme_css(&accent("#20306b")).contains("--on-accent:#ffffff"));
    }

    #[test]
    fn a_theme_is_found_by_the_path_the_pages_use() {
        let accent = accent("#1b6e5a");
        let path = accent.stylesheet_path();
        let file = path.strip_prefix("/assets/theme/").expect("the folder");
        assert_eq!(theme_for(file), Some(theme_css(&accent)));
        for file in ["1b6e5a", "x.css", ".css", "../1b6e5a.css", "#1b6e5a.css"] {
            assert_eq!(theme_for(file), None, "{file}");
        }
    }

    #[test]
    fn the_grounds_are_those_of_the_stylesheet() {
        let css = include_str!("../../assets/widget.css");
        for ground in [super::LIGHT, super::DARK] {
            assert!(css.contains(&format!("--hover: {ground};")), "{ground}");
        }
    }
}
