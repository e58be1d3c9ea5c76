//! Certificates of authorities, as people keep them: PEM files.

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject as _, SectionKind};

/// Why a file gives no certificates.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// There is no PEM in it.
    #[error("it is no PEM: there is no line `-----BEGIN CERTIFICATE-----` in it")]
    NotPem,
    /// It is a certificate in binary form.
    #[error("it is in DER, the binary form, and not in PEM")]
    Der,
    /// It is PEM, of something else.
    #[error("it holds {0}, and no certificate")]
    Other(&'static str),
    /// The PEM is damaged.
    #[error("its PEM is damaged after {whole} whole certificates: {reason}")]
    Damaged {
        /// How many certificates come before.
        whole: usize,
        /// What is wrong.
        reason: String,
    },
    /// What stands in the PEM is no certificate.
    #[error("certificate {at} in it cannot be used: {source}")]
    Certificate {
        /// Which one, from 1.
        at: usize,
        /// What is wrong with it.
        source: rustls::Error,
    },
}

/// The certificates of a PEM file, in DER; there is at least one. Other things in it, such as a
/// text before each, are passed over.
///
/// # Errors
///
/// [`CertificateError`] when it holds none, or it is damaged.
pub fn certificates_from_pem(file: &[u8]) -> Result<Vec<Vec<u8>>, CertificateError> {
    let mut certificates = Vec::new();
    let mut other = None;
    for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(file) {
        match section {
            Ok((SectionKind::Certificate, der)) => certificates.push(der),
            Ok((kind, _)) => other = Some(described(kind)),
            Err(error) => {
                return Err(CertificateError::Damaged {
                    whole: certificates.len(),
                    reason: reason(&error),
                });
            }
        }
    }
    match other {
        _ if !certificates.is_empty() => Ok(certificates),
        Some(other) => Err(CertificateError::Other(other)),
        // A sequence with a length in two bytes, as every certificate begins.
        None if file.starts_with(&[0x30, 0x82]) => Err(CertificateError::Der),
        None => Err(CertificateError::NotPem),
    }
}

/// As [`certificates_from_pem`], and each of them is one that TLS can trust.
///
/// # Errors
///
/// [`CertificateError`].
pub fn authorities_from_pem(file: &[u8]) -> Result<Vec<Vec<u8>>, CertificateError> {
    let certificates = certificates_from_pem(file)?;
    let mut store = RootCertStore::empty();
    for (at, certificate) in (1..).zip(&certificates) {
        store
            .add(CertificateDer::from_slice(certificate))
            .map_err(|source| CertificateError::Certificate { at, source })?;
    }
    Ok(certificates)
}

fn described(kind: SectionKind) -> &'static str {
    match kind {
        SectionKind::PrivateKey | SectionKind::RsaPrivateKey | SectionKind::EcPrivateKey => {
            "a private key"
        }
        SectionKind::PublicKey => "a public key",
        SectionKind::Csr => "a request for a certificate",
        SectionKind::Crl => "a list of revoked certificates",
        _ => "something else",
    }
}

/// Without the bytes of the file, which may be a key.
fn reason(error: &pem::Error) -> String {
    match error {
        pem::Error::MissingSectionEnd { .. } => "there is no line `-----END …-----`".to_owned(),
        pem::Error::IllegalSectionStart { .. } => "a line `-----BEGIN …` has no end".to_owned(),
        pem::Error::Base64Decode(_) => "what it holds is no Base64".to_owned(),
        _ => "it is too large".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{authorities_from_pem, certificates_from_pem};

    #[test]
    fn what_is_no_certificate_is_told_as_what_it_is() {
        let cases: [(&[u8], &str); 8] = [
            (b"", "it is no PEM"),
            (b"hello\n", "it is no PEM"),
            (&[0x30, 0x82, 1, 2, 3], "DER"),
            (
                b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
                "it holds a private key, and no certificate",
            ),
            (
                b"-----BEGIN CERTIFICATE-----\nAAAA\n",
                "damaged after 0 whole certificates: there is no line `-----END",
            ),
            (
                b"-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
                "no Base64",
            ),
            (b"-----BEGIN CERTIFICATE\nAAAA\n", "has no end"),
            (
                b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                "certificate 1 in it cannot be used",
            ),
        ];
        for (file, told) in cases {
            let error = authorities_from_pem(file).expect_err("no certificate");
            assert!(error.to_string().contains(told), "{told}: {error}");
        }
        let text = b"An authority\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert_eq!(
            certificates_from_pem(text).expect("one"),
            [[0_u8, 0, 0].to_vec()]
        );
    }
}
