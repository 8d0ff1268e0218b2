//! An authority of one's own, and its certificates.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;

/// Signs certificates for any host.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its own certificate, in PEM.
    pub pem: String,
}

impl Authority {
    /// A new one, which nobody trusts yet.
    pub fn new() -> Authority {
        let mut own = CertificateParams::new(Vec::new()).expect("no names are good names");
        own.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let pem = own.self_signed(&key).expect("it signs itself").pem();
        Authority { issuer: Issuer::new(own, key), pem }
    }

    /// What a server needs to be taken for `host` by those who trust this authority; none where that is no name.
    pub fn stand_in(&self, host: &str) -> Option<Arc<ServerConfig>> {
        let key = KeyPair::generate().expect("a key");
        let leaf = CertificateParams::new(vec![host.to_owned()]).ok()?.signed_by(&key, &self.issuer).ok()?;
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key as it was made");
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider knows them")
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], key)
            .expect("key and certificate belong together");
        Some(Arc::new(config))
    }
}
