//! Whether `xmllint` takes the CHAI model card under its schema. Called by `papers`. The schema is the
//! caller's: it imports that of XML signatures from the network, which nobody is asked for here, so that a
//! catalogue puts a stub in its place; a card of ours has no such signature.
#![allow(clippy::print_stdout)] // the demo talks to the person who started it

use std::path::Path;
use std::process::{Command, Stdio};

use super::{COMMAND, Story};
use crate::failure::Failure;
use crate::process;

/// All that the schema asks for of XML signatures.
const STUB: &str = r#"<?xml version="1.0"?>
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="http://www.w3.org/2000/09/xmldsig#">
  <xs:element name="Signature" type="xs:anyType"/>
</xs:schema>
"#;

/// Says whether it holds, or that nobody looked.
pub(super) fn validate(story: &Story<'_>, card: &Path) -> Result<(), Failure> {
    let Some(schema) = &story.settings.chai_schema else {
        println!("The CHAI model card was not held against its schema: no --chai-schema was given.\n");
        return Ok(());
    };
    let asked = Command::new("xmllint").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !asked.is_ok_and(|status| status.success()) {
        return Err(Failure::Input {
            sentence: "xmllint is not installed".to_owned(),
            hint: "install it (libxml2-utils), or leave --chai-schema out".to_owned(),
        });
    }
    let (stub, catalogue) = (story.path("xmldsig-stub.xsd"), story.path("catalogue.xml"));
    let write = |path: &str, text: &str| std::fs::write(path, text).map_err(Failure::file("write", path));
    write(&stub, STUB)?;
    write(
        &catalogue,
        &format!(
            "<catalog xmlns=\"urn:oasis:names:tc:entity:xmlns:xml:catalog\">\n  \
         <system systemId=\"http://www.w3.org/TR/xmldsig-core/xmldsig-core-schema.xsd\" uri=\"file://{stub}\"/>\n  \
         <uri name=\"http://www.w3.org/TR/xmldsig-core/xmldsig-core-schema.xsd\" uri=\"file://{stub}\"/>\n\
         </catalog>\n"
        ),
    )?;
    let mut command = Command::new("xmllint");
    command.args(["--noout", "--nonet", "--schema"]).arg(schema).arg(card);
    command.env("XML_CATALOG_FILES", &catalogue);
    process::run(command, "xmllint", story.consortium().logs(), COMMAND, story.interrupt)?.success()?;
    println!("xmllint takes the CHAI model card under {}\n", schema.display());
    Ok(())
}
