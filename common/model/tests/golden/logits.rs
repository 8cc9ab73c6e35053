//! Logits and losses of a reference folder: f32 and NF4, with and without adapter.

use model::{Adapter, BaseModel, WeightFormat, evaluate};

use crate::folder::{Folder, largest_difference};

/// The reference's own tolerance for f32 arithmetic in another order.
const TOLERANCE: f32 = 1e-4;

pub(crate) fn check(folder: &Folder) {
    let dense = folder.base("model", WeightFormat::F32);
    let adapter = folder.adapter("adapter-init", &dense);
    compare(folder, &dense, None, "base", TOLERANCE);
    compare(folder, &dense, Some(&adapter), "adapter", TOLERANCE);
    for weights in [WeightFormat::Nf4, WeightFormat::F32] {
        let stored = folder.base("model-bnb-nf4", weights);
        compare(folder, &stored, None, "nf4", TOLERANCE);
        compare(folder, &stored, Some(&adapter), "nf4.adapter", TOLERANCE);
    }
    // Our own quantisation follows bitsandbytes' CUDA rule for the 8-bit code of a block's scale; the
    // reference was made on the CPU, which picks the neighbouring code for about one block in 600. All else
    // is equal, so the logits stay far closer to the reference than to the unquantised model's.
    let ours = folder.base("model", WeightFormat::Nf4);
    compare(folder, &ours, None, "nf4", 0.1);
    assert_eq!(ours.fingerprint(), folder.base("model", WeightFormat::Nf4).fingerprint());
    assert_ne!(ours.fingerprint(), dense.fingerprint());
}

fn compare(folder: &Folder, base: &BaseModel, adapter: Option<&Adapter>, name: &str, tolerance: f32) {
    let expected = folder.floats(&format!("logits.{name}"));
    let vocabulary = base.config().vocab_size;
    let rows = folder.rows();
    for (index, row) in rows.iter().enumerate() {
        let found = base.logits(adapter, &row.tokens).unwrap();
        let expected = &expected[index * folder.width() * vocabulary..][..row.tokens.len() * vocabulary];
        let worst = largest_difference(&found, expected);
        assert!(worst < tolerance, "{name} row {index}: logits differ by {worst}");
    }
    let expected = f64::from(folder.floats(&format!("loss.{name}"))[0]);
    for batch_size in [1, 2] {
        let found = evaluate(base, adapter, &rows, batch_size, &mut |_, _| {}).unwrap();
        let worst = (found.loss - expected).abs();
        assert!(worst < f64::from(tolerance), "{name}: loss {} instead of {expected}", found.loss);
        assert!((found.perplexity.ln() - found.loss).abs() < 1e-9);
    }
}
