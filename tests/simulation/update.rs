//! The update of a site in the simulation: one-hot, so that an average spells out who is in it, how often
//! and with which weight. Its last element is the number of the training that made it: two trainings of one
//! round differ, as two trainings with noise would.

use common::wire::message::RoundKey;

/// Bytes before the elements.
const HEADER: usize = 16;

/// The update of site number `site` of `sites`.
pub(crate) fn one_hot(key: RoundKey, site: usize, sites: usize, training: u32) -> Vec<u8> {
    let mut elements = vec![0.0_f32; sites + 1];
    elements[site] = 1.0;
    elements[sites] = training as f32;
    let mut header = [0; HEADER];
    header[..8].copy_from_slice(&key.run.0);
    header[8..12].copy_from_slice(&key.round.0.to_le_bytes());
    header[12..].copy_from_slice(&u32::try_from(site).unwrap().to_le_bytes());
    with_header(&header, &elements)
}

/// What a run of so many sites begins with, and what is published.
pub(crate) fn adapter(elements: &[f32]) -> Vec<u8> {
    with_header(&[0; HEADER], elements)
}

fn with_header(header: &[u8; HEADER], elements: &[f32]) -> Vec<u8> {
    let mut bytes = header.to_vec();
    elements.iter().for_each(|element| bytes.extend_from_slice(&element.to_le_bytes()));
    bytes
}

/// The elements of either.
pub(crate) fn elements(bytes: &[u8]) -> Vec<f32> {
    let words = bytes[HEADER..].as_chunks::<4>().0;
    words.iter().map(|word| f32::from_le_bytes(*word)).collect()
}
