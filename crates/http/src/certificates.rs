use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::sync::watch;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        self, InconsistentKeys, ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

/// The certificate chain and key of a server, read from two PEM files and reloadable.
///
/// TLS 1.2 and 1.3 without client certificates. The only ALPN protocol is `http/1.1`.
pub struct Certificates {
    files: Files,
    current: watch::Sender<Arc<ServerConfig>>,
}

impl Certificates {
    /// Reads the chain (the server's own certificate first) and its unencrypted key (PKCS#8, PKCS#1 or SEC1).
    pub fn read(cert_pem: &Path, key_pem: &Path) -> Result<Self, CertificateError> {
        let files = Files { certificate: cert_pem.to_owned(), key: key_pem.to_owned() };
        let current = watch::Sender::new(files.read()?);
        Ok(Self { files, current })
    }

    /// Reads both files again. New connections get the new pair; open ones continue. After an error, new connections get the
    /// old pair.
    pub fn reload(&self) -> Result<(), CertificateError> {
        self.current.send_replace(self.files.read()?);
        Ok(())
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        Arc::clone(&self.current.borrow()).into()
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates").field("files", &self.files).finish_non_exhaustive()
    }
}

/// Why a certificate and its key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file does not exist or is not readable.
    #[error("could not read {}", path.display())]
    NotReadable {
        /// The certificate's file or the key's.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A file is truncated, or has lost its line breaks.
    #[error("{} is not valid PEM: a line is missing, joined to another, or not base64", .0.display())]
    NotPem(PathBuf),
    /// The certificate file has no certificate.
    #[error("{} contains no certificate", .0.display())]
    NoCertificate(PathBuf),
    /// The key file has no key, or an encrypted one.
    #[error("{} contains no unencrypted private key", .0.display())]
    NoKey(PathBuf),
    /// Both are valid, but not a pair.
    #[error("the key in {} does not belong to the certificate in {}", key.display(), certificate.display())]
    WrongKey {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// The certificate or the key is malformed, or of a type that TLS does not support.
    #[error("cannot use the certificate in {} with the key in {}", certificate.display(), key.display())]
    Unusable {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// The error of one of the two.
        source: rustls::Error,
    },
}

#[derive(Debug)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

impl Files {
    fn read(&self) -> Result<Arc<ServerConfig>, CertificateError> {
        let chain: Vec<CertificateDer<'static>> = read_pem(&self.certificate)?;
        if chain.is_empty() {
            return Err(CertificateError::NoCertificate(self.certificate.clone()));
        }
        let keys: Vec<PrivateKeyDer<'static>> = read_pem(&self.key)?;
        let key = keys.into_iter().next().ok_or_else(|| CertificateError::NoKey(self.key.clone()))?;
        server_config(chain, key).map(Arc::new).map_err(|error| self.refused(error))
    }

    fn refused(&self, error: rustls::Error) -> CertificateError {
        let (certificate, key) = (self.certificate.clone(), self.key.clone());
        match error {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                CertificateError::WrongKey { certificate, key }
            }
            source => CertificateError::Unusable { certificate, key, source },
        }
    }
}

fn read_pem<T: PemObject>(path: &Path) -> Result<Vec<T>, CertificateError> {
    let text = std::fs::read(path).map_err(|source| CertificateError::NotReadable { path: path.to_owned(), source })?;
    // The parser's error contains the invalid line, which may be the complete key.
    T::pem_slice_iter(&text).collect::<Result<_, _>>().map_err(|_| CertificateError::NotPem(path.to_owned()))
}

fn server_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
