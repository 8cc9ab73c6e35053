//! The LoRA pairs of an adapter, how their long sides are read, and the squared norms that are found of them.
//! Used by `aggregation_error`, `exact` and `probes`. Invariant: a factor is read in lines of its long side,
//! so that both are treated alike.

use common::run::TensorSpec;

use crate::aggregate::error::AggregateError;
use crate::aggregate::panels::{Reader, read};

/// One LoRA pair: positions of its tensors, and its shape.
#[derive(Debug, Clone, Copy)]
pub(super) struct Module {
    pub(super) a: usize,
    pub(super) b: usize,
    pub(super) rank: usize,
    /// Columns of A.
    pub(super) columns: usize,
    /// Rows of B.
    pub(super) rows: usize,
}

/// The squared norms of one module, or of several.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct SquaredNorms {
    /// ||sum p_i B_i A_i||^2
    pub(super) exact: f64,
    /// ||sum p_i B_i A_i - mean(B) mean(A)||^2
    pub(super) error: f64,
}

impl SquaredNorms {
    pub(super) fn add(&mut self, other: Self) {
        self.exact += other.exact;
        self.error += other.error;
    }

    /// The relative error; 0 where the exact product vanishes (the first A times a zero B).
    pub(super) fn relative_error(&self) -> f64 {
        if self.exact > 0.0 { (self.error.max(0.0) / self.exact).sqrt() } else { 0.0 }
    }
}

/// What is averaged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Updates<'a> {
    pub(super) readers: &'a [Reader],
    /// Each update's weight; they sum to 1.
    pub(super) p: &'a [f64],
}

impl Updates<'_> {
    pub(super) fn each(&self) -> impl Iterator<Item = (&Reader, f64)> {
        self.readers.iter().zip(self.p.iter().copied())
    }
}

/// Which of a module's two factors. Their long dimension is walked along; across it they have `rank` lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Factor {
    A,
    B,
}

impl Module {
    pub(super) fn length(&self, factor: Factor) -> usize {
        match factor {
            Factor::A => self.columns,
            Factor::B => self.rows,
        }
    }
}

/// Places along a factor: columns of A, rows of B.
#[derive(Debug, Clone, Copy)]
pub(super) struct Places {
    pub(super) module: Module,
    pub(super) factor: Factor,
    pub(super) first: usize,
    pub(super) count: usize,
}

/// Reads places of a factor as `rank` lines of values, one after the other.
pub(super) fn read_lines(reader: &Reader, of: Places, lines: &mut Vec<f32>) -> Result<(), AggregateError> {
    let Places { module, factor, first, count } = of;
    let rank = module.rank;
    lines.resize(rank * count, 0.0);
    match factor {
        Factor::A => lines
            .chunks_exact_mut(count)
            .enumerate()
            .try_for_each(|(line, values)| read(reader, module.a, line * module.columns + first, values)),
        Factor::B => {
            let mut rows = vec![0.0; rank * count];
            read(reader, module.b, first * rank, &mut rows)?;
            for (place, row) in rows.chunks_exact(rank).enumerate() {
                row.iter().enumerate().for_each(|(line, value)| lines[line * count + place] = *value);
            }
            Ok(())
        }
    }
}

/// The modules of an adapter.
pub(super) fn modules(tensors: &[TensorSpec]) -> Result<Vec<Module>, AggregateError> {
    let position = |name: &str| tensors.iter().position(|spec| spec.name == name);
    let mut modules = Vec::with_capacity(tensors.len() / 2);
    for (index, spec) in tensors.iter().enumerate() {
        if let Some(stem) = spec.name.strip_suffix(A_SUFFIX) {
            let partner = position(&format!("{stem}{B_SUFFIX}"));
            let fits = |&b: &usize| tensors[b].shape[1] == spec.shape[0];
            let b = partner.filter(fits).ok_or_else(|| AggregateError::Unpaired(spec.name.clone()))?;
            let ([rank, columns], rows) = (spec.shape, tensors[b].shape[0]);
            modules.push(Module { a: index, b, rank, columns, rows });
        }
    }
    let unpaired = (modules.len() * 2 != tensors.len()).then(|| tensors.first()).flatten();
    unpaired.map_or(Ok(modules), |spec| Err(AggregateError::Unpaired(spec.name.clone())))
}

const A_SUFFIX: &str = ".lora_A.weight";
const B_SUFFIX: &str = ".lora_B.weight";
