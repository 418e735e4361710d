//! Generated logos of providers. We ship no logos, so each is a monogram on a coloured tile.

use askama::Template;

use super::assets::fnv1a;
use super::color::Rgb;

/// Tile colours, each dark enough for white letters and visible on both schemes' surfaces.
const TILES: [Rgb; 12] = [
    Rgb([0x4a, 0x5f, 0xc1]),
    Rgb([0x2f, 0x6f, 0xb3]),
    Rgb([0x17, 0x76, 0x8c]),
    Rgb([0x1c, 0x7a, 0x6b]),
    Rgb([0x3a, 0x79, 0x4c]),
    Rgb([0x6b, 0x70, 0x2c]),
    Rgb([0x95, 0x62, 0x1c]),
    Rgb([0xb0, 0x52, 0x2f]),
    Rgb([0xb5, 0x48, 0x58]),
    Rgb([0xa8, 0x47, 0x80]),
    Rgb([0x86, 0x50, 0xa8]),
    Rgb([0x5d, 0x66, 0x7d]),
];

#[derive(Template)]
#[template(path = "widget/icon.svg", escape = "html")]
struct Icon {
    tile: Rgb,
    letters: String,
    size: u8,
}

/// A square SVG (`image/svg+xml`) with the provider's initials. The result depends on `slug` and `name` only.
///
/// `slug` selects the colour, and `name` gives the letters. Both may be any text.
#[must_use]
pub fn provider_icon_svg(slug: &str, name: &str) -> String {
    let letters = initials(name);
    let size = if letters.chars().count() > 1 { 36 } else { 48 };
    Icon { tile: tile(slug), letters, size }.render().unwrap_or_default()
}

fn tile(slug: &str) -> Rgb {
    let count = TILES.len() as u64;
    usize::try_from(fnv1a(slug.as_bytes()) % count).map_or(TILES[0], |index| TILES[index])
}

/// The first letters of the first two words, in upper case. A single word gives its first two letters, so that Strava and
/// Suunto differ; in scripts with wide characters, one.
fn initials(name: &str) -> String {
    let mut words = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let begin = first.chars().next().into_iter().flat_map(char::to_uppercase);
    match second.chars().next() {
        Some(letter) => begin.chain(letter.to_uppercase()).collect(),
        None => begin.chain(first.chars().nth(1).filter(char::is_ascii)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::{TILES, initials, provider_icon_svg};
    use crate::widget::color::{AA_TEXT, Rgb};

    #[test]
    fn a_monogram_is_the_first_letters_of_two_words() {
        for (name, letters) in [
            ("Fitbit", "Fi"),
            ("WHOOP", "WH"),
            ("Q", "Q"),
            ("Apple Health", "AH"),
            ("huawei-health kit", "HH"),
            ("悦动圈", "悦"),
            ("<&>", ""),
        ] {
            assert_eq!(initials(name), letters, "{name}");
        }
    }

    #[test]
    fn providers_with_similar_names_have_different_icons() {
        for (one, other) in
            [("Strava", "Suunto"), ("Withings", "WHOOP"), ("Garmin", "Google Fit"), ("Polar", "Peloton")]
        {
            let draw = |name: &str| provider_icon_svg("X", name);
            assert_ne!(draw(one), draw(other), "{one} and {other}");
        }
    }

    #[test]
    fn letters_are_readable_on_every_tile() {
        for tile in TILES {
            assert!(tile.contrast(Rgb::WHITE) >= AA_TEXT, "{tile} {}", tile.contrast(Rgb::WHITE));
        }
    }

    #[test]
    fn the_same_provider_gets_the_same_drawing() {
        assert_eq!(provider_icon_svg("FITBIT", "Fitbit"), provider_icon_svg("FITBIT", "Fitbit"));
        assert_ne!(provider_icon_svg("FITBIT", "Fitbit"), provider_icon_svg("OURA", "Fitbit"));
    }
}
