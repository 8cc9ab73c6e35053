//! What the corpus can do to a file: `[FILE, WHAT, ...]`. Used by `corpus`. Lines are counted from 0.
//!
//! `delete N`, `swap N M`, `repeat N`, `insert N TEXT`, `keep COUNT` work on lines; `replace N OLD NEW` in
//! one line, `sub OLD NEW` in the file, both at the first place where OLD is; `cut COUNT`, `add TEXT`, `flip
//! AT BIT` on bytes; `use FILE` and `drop` on files. `link` makes a ledger's chain anew, `number` its numbers
//! too, as a forger does. `sign` signs the file anew with the key that signed it first.

use anyhow::{Context as _, Result, bail, ensure};
use certs::{LedgerKey, ReceiptSigningKey};
use common::id::Digest;
use common::ledger::line_digest;
use common::run::signature_to_digits;
use serde_json::Value;

use super::verdict::receipts_of;
use super::{Files, Keys};

pub(super) fn apply(files: &mut Files, change: &[Value], keys: &Keys) -> Result<()> {
    let [Value::String(name), Value::String(what), rest @ ..] = change else { bail!("no change") };
    if what == "drop" {
        files.remove(name).context("no such file")?;
        return Ok(());
    }
    if what == "use" {
        let other = files.get(text(rest, 0)?).context("no such file")?.clone();
        files.insert(name.clone(), other);
        return Ok(());
    }
    let bytes = files.get_mut(name).context("no such file")?;
    *bytes = match what.as_str() {
        "cut" => bytes[..bytes.len().checked_sub(number(rest, 0)?).context("so many bytes")?].to_vec(),
        "add" => [bytes, text(rest, 0)?.as_bytes()].concat(),
        "flip" => {
            let mut flipped = bytes.clone();
            *flipped.get_mut(number(rest, 0)?).context("so many bytes")? ^= 1 << number(rest, 1)?;
            flipped
        }
        "sub" => replaced(bytes, text(rest, 0)?, text(rest, 1)?)?,
        "link" => chained(bytes, false)?,
        "number" => chained(bytes, true)?,
        "sign" => signed(name, bytes, keys)?,
        what => by_line(bytes, what, rest)?,
    };
    Ok(())
}

fn text(rest: &[Value], at: usize) -> Result<&str> {
    rest.get(at).and_then(Value::as_str).context("a text is missing")
}

fn number(rest: &[Value], at: usize) -> Result<usize> {
    Ok(usize::try_from(rest.get(at).and_then(Value::as_u64).context("a number is missing")?)?)
}

fn replaced(bytes: &[u8], old: &str, new: &str) -> Result<Vec<u8>> {
    let old = old.as_bytes();
    let at = bytes.windows(old.len()).position(|part| part == old).context("the text is not there")?;
    Ok([&bytes[..at], new.as_bytes(), &bytes[at + old.len()..]].concat())
}

/// The lines without their ends; every one has an end.
fn lines(bytes: &[u8]) -> Result<Vec<Vec<u8>>> {
    let mut lines: Vec<Vec<u8>> = bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    ensure!(lines.pop() == Some(Vec::new()), "the last line has no end");
    Ok(lines)
}

fn joined(lines: &[Vec<u8>]) -> Vec<u8> {
    lines.iter().flat_map(|line| line.iter().copied().chain([b'\n'])).collect()
}

fn by_line(bytes: &[u8], what: &str, rest: &[Value]) -> Result<Vec<u8>> {
    let mut lines = lines(bytes)?;
    let at = number(rest, 0)?;
    ensure!(at <= lines.len(), "so many lines");
    match what {
        "delete" => drop(lines.remove(at)),
        "swap" => lines.swap(at, number(rest, 1)?),
        "repeat" => lines.insert(at, lines[at].clone()),
        "insert" => lines.insert(at, text(rest, 1)?.as_bytes().to_vec()),
        "keep" => lines.truncate(at),
        "replace" => lines[at] = replaced(&lines[at], text(rest, 1)?, text(rest, 2)?)?,
        other => bail!("nothing is called {other}"),
    }
    Ok(joined(&lines))
}

/// With every `previous` that of the line before, as a forger would write it, whatever the lines say.
fn chained(bytes: &[u8], numbered: bool) -> Result<Vec<u8>> {
    const START: &str = "{\"sequence\":";
    let mut previous = Digest([0; 32]);
    let mut lines = lines(bytes)?;
    for (number, line) in lines.iter_mut().enumerate() {
        let mut text = String::from_utf8(std::mem::take(line))?;
        if numbered {
            let after = text.strip_prefix(START).and_then(|rest| rest.split_once(','));
            text = format!("{START}{number},{}", after.context("no number")?.1);
        }
        ensure!(text.ends_with("\"}") && text.len() > 66, "no hash at the end");
        text.truncate(text.len() - 66);
        *line = format!("{text}{previous}\"}}").into_bytes();
        previous = line_digest(line);
    }
    Ok(joined(&lines))
}

fn signed(name: &str, bytes: &[u8], keys: &Keys) -> Result<Vec<u8>> {
    let text = std::str::from_utf8(bytes)?;
    let key = ReceiptSigningKey::from_text(&keys.receipt_seed)?;
    if name.starts_with("checkpoint") {
        return checkpoint(text, keys);
    }
    if name == "arrivals" {
        let end = text.trim_end().rfind('\n').context("one line")? + 1;
        let statement = [common::ledger::ARRIVALS_CONTEXT, &Digest::of(&bytes[..end]).0].concat();
        let signature = signature_to_digits(&key.sign(&statement)?);
        return Ok(format!("{}{{\"signature\":\"{signature}\"}}\n", &text[..end]).into_bytes());
    }
    ensure!(name == "receipts", "nobody signs {name}");
    let mut document: Value = serde_json::from_str(text)?;
    let signatures: Vec<String> = receipts_of(&document)
        .context("receipts")?
        .iter()
        .map(|receipt| Ok(signature_to_digits(&key.sign(&receipt.body.signed_bytes())?)))
        .collect::<Result<_>>()?;
    for (at, signature) in signatures.into_iter().enumerate() {
        document["receipts"][at]["signature"] = signature.into();
    }
    Ok(serde_json::to_vec(&document)?)
}

/// As whoever has the site's key signs any text: under the name of the key, whatever the text says.
fn checkpoint(text: &str, keys: &Keys) -> Result<Vec<u8>> {
    let key = LedgerKey::from_text(&format!("consilium-ledger-key {}", keys.ledger_seed))?;
    let name = keys.verifier_key.split('+').next().context("a name")?;
    let body = &text[..=text.rfind("\n\n").context("an empty line")?];
    let first = body.lines().next().context("a line")?;
    let note = key.sign(first, body)?;
    // The signature is over the text alone; the line names the key.
    let ours = key.verifier(name)?.id();
    let line = note.lines().last().and_then(|line| line.rsplit(' ').next()).context("a line")?;
    let signature = data_encoding::BASE64.decode(line.as_bytes())?.split_off(4);
    let line = data_encoding::BASE64.encode(&[&ours[..], &signature].concat());
    Ok(format!("{body}\n\u{2014} {name} {line}\n").into_bytes())
}
