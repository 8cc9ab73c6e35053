//! `parts.cdx.json`: the parts that this program was built from, as CycloneDX 1.5. Called by `made`; its hash
//! of the list is in `facts.json`. Source: https://cyclonedx.org/docs/1.5/json/. Invariant: the list is the
//! lock file of the build, which is compiled in.

use common::id::Digest;
use serde::Deserialize;
use serde_json::{Value, json};

use super::files;
use crate::error::{Error, Result};

/// The list of all parts, with their checksums.
const LOCK: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock"));

#[derive(Deserialize)]
struct Lock {
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    checksum: Option<String>,
}

/// SHA-256 of the list.
pub(super) fn digest() -> Digest {
    Digest::of(LOCK.as_bytes())
}

/// The file.
///
/// # Errors
/// The list cannot be read, which is our fault.
pub(super) fn render() -> Result<Vec<u8>> {
    let lock: Lock = toml::from_str(LOCK).map_err(|error| Error::Internal(error.message().to_owned()))?;
    let components: Vec<Value> = lock.package.iter().map(component).collect();
    files::to_json(&json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": { "type": "application", "name": "coordinator", "version": env!("CARGO_PKG_VERSION") },
        },
        "components": components,
    }))
}

fn component(package: &Package) -> Value {
    let Package { name, version, checksum } = package;
    let hashes = checksum.iter().map(|checksum| json!({ "alg": "SHA-256", "content": checksum }));
    json!({
        "type": "library",
        "name": name,
        "version": version,
        "purl": format!("pkg:cargo/{name}@{version}"),
        "hashes": hashes.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_the_build_is_listed_with_its_checksum() {
        let bill: Value = serde_json::from_slice(&render().unwrap()).unwrap();
        let parts = bill["components"].as_array().unwrap();
        assert_eq!(parts.len(), LOCK.matches("[[package]]").count());
        let serde = parts.iter().find(|part| part["name"] == "serde").unwrap();
        assert_eq!(serde["hashes"][0]["content"].as_str().unwrap().len(), 64);
        assert!(serde["purl"].as_str().unwrap().starts_with("pkg:cargo/serde@"));
    }
}
