use proptest::prelude::*;

use crate::credentials::env_file::{EnvFile, EnvFileError};

fn changed(text: &str, key: &str, value: &str) -> String {
    let mut file = EnvFile::parse(text).unwrap();
    file.set(key, value);
    file.to_string()
}

fn read(text: &str) -> Vec<(String, String)> {
    dotenvy::from_read_iter(text.as_bytes()).collect::<Result<_, _>>().unwrap()
}

#[test]
fn only_the_value_changes() {
    let cases = [
        ("# ours\nexport TERRA_DEV_ID = 'old' # note\nB=2\n", "# ours\nexport TERRA_DEV_ID = new # note\nB=2\n"),
        ("TERRA_DEV_ID=old\r\nB=2\r\n", "TERRA_DEV_ID=new\r\nB=2\r\n"),
        ("B=2\r\n", "B=2\r\nTERRA_DEV_ID=new\r\n"),
        ("B=2", "B=2\nTERRA_DEV_ID=new\n"),
        ("", "TERRA_DEV_ID=new\n"),
        ("TERRA_DEV_ID=\nB=2\n", "TERRA_DEV_ID=new\nB=2\n"),
        ("TERRA_DEV_ID= # note\n", "TERRA_DEV_ID=new # note\n"),
        ("TERRA_DEV_ID=#note\n", "TERRA_DEV_ID=new #note\n"),
        ("\u{feff}TERRA_DEV_ID=\"o\nl\nd\"\n\n", "\u{feff}TERRA_DEV_ID=new\n\n"),
        (
            "A='\nTERRA_DEV_ID=no\n'\n#TERRA_DEV_ID=no\n",
            "A='\nTERRA_DEV_ID=no\n'\n#TERRA_DEV_ID=no\nTERRA_DEV_ID=new\n",
        ),
        ("TERRA_DEV_ID = \"new\"  # note\n", "TERRA_DEV_ID = \"new\"  # note\n"),
    ];
    for (before, after) in cases {
        assert_eq!(changed(before, "TERRA_DEV_ID", "new"), after, "{before:?}");
    }
}

#[test]
fn a_value_gets_the_simplest_quotes_that_can_represent_it() {
    let cases = [
        ("test-key-not-a-secret", "K=test-key-not-a-secret\n"),
        ("http://127.0.0.1:8080/v2", "K=http://127.0.0.1:8080/v2\n"),
        ("two words", "K='two words'\n"),
        ("a#b$c", "K='a#b$c'\n"),
        ("it's", "K=\"it's\"\n"),
        (r"a\b", "K='a\\b'\n"),
        ("it's $5", "K='it'\"'\"'s $5'\n"),
        (r"end\", "K=\"end\\\\\"\n"),
        (r#"it's "so""#, "K=\"it's \\\"so\\\"\"\n"),
    ];
    for (value, line) in cases {
        assert_eq!(changed("", "K", value), line);
    }
}

#[test]
fn a_line_that_is_not_an_entry_is_named() {
    let error = |text| EnvFile::parse(text).err();
    assert_eq!(error("A=1\n\nTERRA_API_KEY\n"), Some(EnvFileError::Malformed(3)));
    assert_eq!(error("A='1\n2'\nB='never closed\n"), Some(EnvFileError::Malformed(3)));
    let twice = EnvFileError::Twice("TERRA_API_KEY".to_owned(), 3);
    assert_eq!(error("TERRA_API_KEY=a\n# b\nTERRA_API_KEY=b\n"), Some(twice));
}

/// A line of a dotenv file, valid or slightly broken.
fn line() -> impl Strategy<Value = String> {
    let broken = r#"[ A-Za-z=#'"\\$\t]{0,12}"#;
    let entry = r#"(export )?[A-D] ?= ?([a-z]{0,4}|'[a-z"\\ \n#]{0,6}'|"[a-z' \n#]{0,6}")( {1,2}#[a-z' ]{0,5})?"#;
    let comment = "[ \t]{0,2}#[a-z'\" ]{0,6}";
    (prop_oneof![3 => entry, 1 => comment, 1 => Just(String::new()), 1 => broken], "(\n|\r\n)")
        .prop_map(|(line, line_break)| line + &line_break)
}

proptest! {
    #[test]
    fn a_written_value_is_read_back(value in any::<String>()) {
        let text = changed("A=1\n", "TERRA_API_KEY", &value);
        prop_assert_eq!(&read(&text)[1], &("TERRA_API_KEY".to_owned(), value));
    }

    #[test]
    fn a_replaced_value_is_read_back(old in any::<String>(), new in any::<String>()) {
        let text = changed(&changed("", "K", &old), "K", &new);
        prop_assert_eq!(read(&text), [("K".to_owned(), new)]);
    }

    #[test]
    fn a_dollar_is_always_inside_single_quotes(value in r#"[a-z'"\\]{0,4}\$[a-z'"\\]{0,4}"#) {
        prop_assert!(changed("", "K", &value).starts_with("K='"));
    }

    #[test]
    fn all_other_lines_stay_unchanged(lines in proptest::collection::vec(line(), 0..8), value in "[ -~]{0,8}") {
        let before = lines.concat();
        let Ok(mut file) = EnvFile::parse(&before) else { return Ok(()) };
        prop_assert_eq!(file.to_string(), before.clone());
        let entries = read(&before);
        file.set("Z_1", &value); // no generated line has this key
        let after = file.to_string();
        prop_assert!(after.starts_with(&before));
        prop_assert_eq!(read(&after), [entries, vec![("Z_1".to_owned(), value)]].concat());
    }

    #[test]
    fn a_replaced_value_leaves_the_other_lines_unchanged(
        before in proptest::collection::vec(line(), 0..4),
        after in proptest::collection::vec(line(), 0..4),
        value in "[ -~]{0,8}",
    ) {
        let with = |entry: &str| [before.concat().as_str(), entry, after.concat().as_str()].concat();
        let Ok(mut file) = EnvFile::parse(&with("Z_1=old # note\n")) else { return Ok(()) };
        prop_assume!(file.get("Z_1") == Some("old"));
        file.set("Z_1", &value);
        prop_assert_eq!(file.to_string(), with(&format!("Z_1={} # note\n", crate::credentials::env_file::quoted(&value))));
    }

    #[test]
    fn the_editor_reads_the_same_values_as_the_library(lines in proptest::collection::vec(line(), 0..8)) {
        let text = lines.concat();
        let theirs = dotenvy::from_read_iter(text.as_bytes()).collect::<Result<Vec<_>, _>>().ok();
        let ours = EnvFile::parse(&text).ok();
        prop_assert_eq!(theirs.is_some(), ours.is_some());
        let entries = |file: EnvFile| file.pieces.into_iter().filter_map(|piece| piece.entry).collect::<Vec<_>>();
        prop_assume!(!text.contains('$')); // the library expands variables, which the client rejects
        prop_assert_eq!(theirs, ours.map(entries));
    }
}
