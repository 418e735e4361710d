use std::error::Error as _;

use terra_auth_http::Certificates;

use crate::support::{PairFiles, pair};

/// What is said about these two files, with its source; `…` is their folder.
fn complaint(certificate: Option<&str>, key: Option<&str>) -> String {
    let files = PairFiles::new(&pair());
    for (path, text) in [(&files.certificate, certificate), (&files.key, key)] {
        match text {
            Some(text) => std::fs::write(path, text).unwrap(),
            None => std::fs::remove_file(path).unwrap(),
        }
    }
    let error = Certificates::read(&files.certificate, &files.key).unwrap_err();
    let source = error.source().map(|source| format!(": {source}")).unwrap_or_default();
    format!("{error}{source}").replace(&files.folder.path().display().to_string(), "…")
}

#[test]
fn an_error_names_the_file_and_the_problem() {
    let (pair, other) = (pair(), pair());
    let (certificate, key) = (pair.cert.pem(), pair.signing_key.serialize_pem());
    let cases = [
        (None, Some(&*key), "could not read …/cert.pem: No such file or directory (os error 2)"),
        (Some(&*certificate), None, "could not read …/key.pem: No such file or directory (os error 2)"),
        (Some(&*key), Some(&*key), "…/cert.pem contains no certificate"),
        (Some(&*certificate), Some(&*certificate), "…/key.pem contains no unencrypted private key"),
        (
            Some(&*certificate),
            Some(&*other.signing_key.serialize_pem()),
            "the key in …/key.pem does not belong to the certificate in …/cert.pem",
        ),
    ];
    for (certificate, key, expected) in cases {
        assert_eq!(complaint(certificate, key), expected);
    }
}

#[test]
fn pem_around_something_else_is_refused() {
    let pair = pair();
    let (certificate, key) = (pair.cert.pem(), pair.signing_key.serialize_pem());
    let rubbish = |label| format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n");
    for (certificate, key) in [(&rubbish("CERTIFICATE"), &key), (&certificate, &rubbish("PRIVATE KEY"))] {
        let complaint = complaint(Some(certificate), Some(key));
        assert!(
            complaint.starts_with("cannot use the certificate in …/cert.pem with the key in …/key.pem: "),
            "{complaint}"
        );
    }
}

#[test]
fn a_key_that_lost_its_line_breaks_is_not_shown() {
    let pair = pair();
    let files = PairFiles::new(&pair);
    let joined = pair.signing_key.serialize_pem().replace(['\r', '\n'], "");
    for broken in [joined.as_str(), &joined[..joined.len() - 40]] {
        std::fs::write(&files.key, broken).unwrap();
        let error = Certificates::read(&files.certificate, &files.key).unwrap_err();
        assert!(error.to_string().contains("key.pem is not valid PEM"), "{error}");
        assert!(error.source().is_none() && format!("{error:?}").len() < 200, "{error:?}");
    }
}
