//! How wrong averaging A and B separately is: ||sum p_i B_i A_i - mean(B) mean(A)||_F relative to
//! ||sum p_i B_i A_i||_F, without ever forming a d x k product. Called by `aggregate` for each module.
//!
//! With G_B[i,j] = B_i^T B_j and G_A[i,j] = A_i A_j^T (r x r each):
//!   ||sum p_i B_i A_i||^2 = sum_ij p_i p_j <G_B[i,j], G_A[i,j]>
//! and because sum p_i B_i A_i - mean(B) mean(A) = sum p_i (B_i - mean(B))(A_i - mean(A)), the error is
//! the same sum over the Gram matrices of the centred factors. Centring is done on the Gram matrices
//! (H G H^T with H = I - 1 p^T), so each factor is read once. Cost O(N^2 r^2 (d + k)); memory
//! 2 (N r)^2 f64 for one module: 2 x (100 x 16)^2 x 8 B = 41 MB for 100 sites at rank 16.

/// Gram matrices of one module over all sites, filled panel by panel.
#[derive(Debug)]
pub(super) struct ModuleGram {
    sites: usize,
    rank: usize,
    /// `[(i, p), (j, q)]` = column p of B_i times column q of B_j; only i <= j is filled.
    b: Vec<f64>,
    /// `[(i, p), (j, q)]` = row p of A_i times row q of A_j; only i <= j is filled.
    a: Vec<f64>,
}

/// Squared norms of one module, to be summed over modules.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct SquaredNorms {
    /// ||sum p_i B_i A_i||^2
    pub(super) exact: f64,
    /// ||sum p_i B_i A_i - mean(B) mean(A)||^2
    pub(super) error: f64,
}

impl SquaredNorms {
    /// Adds another module.
    pub(super) fn add(&mut self, other: Self) {
        self.exact += other.exact;
        self.error += other.error;
    }

    /// The relative error; 0 where the exact product vanishes (the first A times a zero B).
    pub(super) fn relative_error(&self) -> f64 {
        if self.exact > 0.0 { (self.error.max(0.0) / self.exact).sqrt() } else { 0.0 }
    }
}

impl ModuleGram {
    /// Empty matrices for `sites` factors of rank `rank`.
    pub(super) fn new(sites: usize, rank: usize) -> Self {
        let size = sites * rank;
        Self { sites, rank, b: vec![0.0; size * size], a: vec![0.0; size * size] }
    }

    /// Adds a panel of rows of every site's B: each slice is `[rows, rank]`, row-major.
    pub(super) fn add_b_rows(&mut self, panels: &[Vec<f32>]) {
        let (rank, size) = (self.rank, self.sites * self.rank);
        let columns: Vec<Vec<f64>> = panels.iter().flat_map(|panel| transpose(panel, rank)).collect();
        accumulate(&mut self.b, size, rank, &columns);
    }

    /// Adds a panel of columns of every site's A: each slice is `[rank, columns]`, row-major.
    pub(super) fn add_a_columns(&mut self, panels: &[Vec<f32>]) {
        let (rank, size) = (self.rank, self.sites * self.rank);
        let rows: Vec<Vec<f64>> = panels.iter().flat_map(|panel| widen_rows(panel, rank)).collect();
        accumulate(&mut self.a, size, rank, &rows);
    }

    /// The norms under the weights `p` (one per site, summing to 1).
    pub(super) fn norms(mut self, p: &[f64]) -> SquaredNorms {
        let exact = self.weighted_inner_product(p);
        centre(&mut self.a, self.sites, self.rank, p);
        centre(&mut self.b, self.sites, self.rank, p);
        SquaredNorms { exact, error: self.weighted_inner_product(p) }
    }

    /// sum_ij p_i p_j <G_B[i,j], G_A[i,j]>, using that the (j,i) term equals the (i,j) term.
    fn weighted_inner_product(&self, p: &[f64]) -> f64 {
        let (rank, size) = (self.rank, self.sites * self.rank);
        let mut sum = 0.0;
        for i in 0..self.sites {
            for j in i..self.sites {
                let mut inner = 0.0;
                for row in i * rank..(i + 1) * rank {
                    let range = row * size + j * rank..row * size + (j + 1) * rank;
                    inner += dot(&self.b[range.clone()], &self.a[range]);
                }
                sum += if i == j { p[i] * p[i] * inner } else { 2.0 * p[i] * p[j] * inner };
            }
        }
        sum
    }
}

/// gram[x][y] += <vectors[x], vectors[y]> for site(x) <= site(y).
fn accumulate(gram: &mut [f64], size: usize, rank: usize, vectors: &[Vec<f64>]) {
    for x in 0..size {
        let first = x / rank * rank;
        for y in first..size {
            gram[x * size + y] += dot(&vectors[x], &vectors[y]);
        }
    }
}

/// Gram matrix of the centred factors: subtracts the weighted means over i, over j, and adds the
/// mean over both. Fills the lower half first: G[(j,q),(i,p)] = G[(i,p),(j,q)].
fn centre(gram: &mut [f64], sites: usize, rank: usize, p: &[f64]) {
    let size = sites * rank;
    for x in 0..size {
        for y in 0..x / rank * rank {
            gram[x * size + y] = gram[y * size + x];
        }
    }
    for x in 0..size {
        for q in 0..rank {
            let mean: f64 = (0..sites).map(|j| p[j] * gram[x * size + j * rank + q]).sum();
            (0..sites).for_each(|j| gram[x * size + j * rank + q] -= mean);
        }
    }
    for y in 0..size {
        for q in 0..rank {
            let mean: f64 = (0..sites).map(|i| p[i] * gram[(i * rank + q) * size + y]).sum();
            (0..sites).for_each(|i| gram[(i * rank + q) * size + y] -= mean);
        }
    }
}

fn dot(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).map(|(x, y)| x * y).sum()
}

fn transpose(panel: &[f32], rank: usize) -> Vec<Vec<f64>> {
    (0..rank)
        .map(|column| panel.iter().skip(column).step_by(rank).map(|&value| f64::from(value)).collect())
        .collect()
}

fn widen_rows(panel: &[f32], rank: usize) -> Vec<Vec<f64>> {
    let columns = panel.len() / rank;
    (0..rank)
        .map(|row| panel[row * columns..(row + 1) * columns].iter().map(|&value| f64::from(value)).collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// B [d, r] times A [r, k] in f64.
    fn product(b: &[f64], a: &[f64], d: usize, r: usize, k: usize) -> Vec<f64> {
        let mut out = vec![0.0; d * k];
        for row in 0..d {
            for inner in 0..r {
                for column in 0..k {
                    out[row * k + column] += b[row * r + inner] * a[inner * k + column];
                }
            }
        }
        out
    }

    fn norm(values: &[f64]) -> f64 {
        values.iter().map(|value| value * value).sum::<f64>().sqrt()
    }

    fn wide(values: &[f32]) -> Vec<f64> {
        values.iter().map(|&value| f64::from(value)).collect()
    }

    fn mean(factors: &[Vec<f32>], p: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; factors[0].len()];
        for (factor, weight) in factors.iter().zip(p) {
            out.iter_mut().zip(factor).for_each(|(sum, &value)| *sum += weight * f64::from(value));
        }
        out
    }

    /// (relative error by dense computation, by the covariance identity) of the same factors.
    fn dense(b: &[Vec<f32>], a: &[Vec<f32>], p: &[f64], (d, r, k): (usize, usize, usize)) -> (f64, f64) {
        let (mean_b, mean_a) = (mean(b, p), mean(a, p));
        let mut exact = vec![0.0; d * k];
        let mut covariance = vec![0.0; d * k];
        for ((b, a), weight) in b.iter().zip(a).zip(p) {
            let (b, a) = (wide(b), wide(a));
            let drift_b: Vec<f64> = b.iter().zip(&mean_b).map(|(x, mean)| x - mean).collect();
            let drift_a: Vec<f64> = a.iter().zip(&mean_a).map(|(x, mean)| x - mean).collect();
            exact.iter_mut().zip(product(&b, &a, d, r, k)).for_each(|(sum, x)| *sum += weight * x);
            covariance
                .iter_mut()
                .zip(product(&drift_b, &drift_a, d, r, k))
                .for_each(|(sum, x)| *sum += weight * x);
        }
        let naive = product(&mean_b, &mean_a, d, r, k);
        let error: Vec<f64> = exact.iter().zip(&naive).map(|(x, y)| x - y).collect();
        (norm(&error) / norm(&exact), norm(&covariance) / norm(&exact))
    }

    fn by_gram(
        b: &[Vec<f32>],
        a: &[Vec<f32>],
        p: &[f64],
        (_, r, k): (usize, usize, usize),
        panel: usize,
    ) -> f64 {
        let mut gram = ModuleGram::new(b.len(), r);
        let rows = b[0].len() / r;
        for start in (0..rows).step_by(panel) {
            let end = rows.min(start + panel);
            gram.add_b_rows(&b.iter().map(|b| b[start * r..end * r].to_vec()).collect::<Vec<_>>());
        }
        for start in (0..k).step_by(panel) {
            let end = k.min(start + panel);
            let cut =
                |a: &Vec<f32>| (0..r).flat_map(|row| a[row * k + start..row * k + end].to_vec()).collect();
            gram.add_a_columns(&a.iter().map(cut).collect::<Vec<Vec<f32>>>());
        }
        let mut total = SquaredNorms::default();
        total.add(gram.norms(p));
        total.relative_error()
    }

    proptest! {
        #[test]
        fn equals_the_dense_computation_and_the_covariance_identity(
            sites in 1_usize..5, d in 1_usize..9, r in 1_usize..4, k in 1_usize..9, panel in 1_usize..5,
            values in prop::collection::vec(-2.0_f32..2.0, 5 * 3 * 18), weights in prop::collection::vec(1_u32..50, 5),
        ) {
            let total: f64 = weights[..sites].iter().map(|&weight| f64::from(weight)).sum();
            let p: Vec<f64> = weights[..sites].iter().map(|&weight| f64::from(weight) / total).collect();
            let mut values = values.into_iter().cycle();
            let b: Vec<Vec<f32>> = (0..sites).map(|_| values.by_ref().take(d * r).collect()).collect();
            let a: Vec<Vec<f32>> = (0..sites).map(|_| values.by_ref().take(r * k).collect()).collect();
            let (error, covariance) = dense(&b, &a, &p, (d, r, k));
            prop_assume!(error.is_finite() && error < 1e3);
            let gram = by_gram(&b, &a, &p, (d, r, k), panel);
            prop_assert!((gram - error).abs() < 1e-7 * (1.0 + error), "gram {gram} dense {error}");
            prop_assert!((gram - covariance).abs() < 1e-7 * (1.0 + error), "gram {gram} covariance {covariance}");
        }
    }

    #[test]
    fn a_common_factor_or_a_single_site_has_no_error() {
        let b = vec![vec![1.0, 2.0, 3.0, 4.0], vec![-1.0, 0.5, 2.0, 9.0]];
        let a = vec![vec![0.5, 0.25, 1.0, 3.0]; 2];
        assert!(by_gram(&b, &a, &[0.25, 0.75], (2, 2, 2), 1) < 1e-8);
        assert!(by_gram(&b[..1], &a[..1], &[1.0], (2, 2, 2), 2) < 1e-8);
    }

    #[test]
    fn a_zero_product_is_no_division_by_zero() {
        assert_eq!(by_gram(&[vec![0.0; 4]], &[vec![1.0; 4]], &[1.0], (2, 2, 2), 2), 0.0);
    }
}
