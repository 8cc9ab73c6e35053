//! Scalar and short-vector mathematics written so that the compiler can vectorise it.
//!
//! Used by the row kernels. No fused multiply-add and a fixed number of partial sums: the same
//! result on every instruction set.

/// Partial sums of a reduction; 16 f32 fill one AVX-512 register.
pub const LANES: usize = 16;

/// `e^x` with a relative error below 2 units in the last place; 0 below -87.3, infinity above 88.7.
/// Cephes `expf`: range reduction by ln 2 in two parts, then a degree-5 polynomial.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23: adding it rounds to an integer
    let clamped = x.clamp(-87.336_54, 88.722_83);
    let shifted = clamped * core::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = clamped - n * LN2_HIGH - n * LN2_LOW;
    let p = 1.987_569_1e-4;
    let p = p * r + 1.398_199_9e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_5e-1;
    let p = p * r + 0.5;
    let value = p * r * r + r + 1.0;
    // 2^n in two factors, because n = 128 does not fit the exponent of one.
    let bits = shifted.to_bits() as i32 - ROUND.to_bits() as i32;
    let half = bits >> 1;
    let scaled = value * power_of_two(half) * power_of_two(bits - half);
    if x < -87.336_54 {
        0.0
    } else if x > 88.722_83 {
        f32::INFINITY
    } else {
        scaled
    }
}

/// `e^x` for the kernels of one instruction set: fused, so not the bits of [`exp`], with the same error.
/// Below -87.3 it stays at 1.2e-38, above 88.3 at 2.2e38.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub fn exp_fused(x: f32) -> f32 {
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    const ROUND: f32 = 12_582_912.0;
    let clamped = x.clamp(-87.336_54, 88.3);
    let shifted = clamped.mul_add(core::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = n.mul_add(-LN2_LOW, n.mul_add(-LN2_HIGH, clamped));
    let p = 1.987_569_1e-4f32.mul_add(r, 1.398_199_9e-3);
    let p = p.mul_add(r, 8.333_452e-3).mul_add(r, 4.166_579_6e-2);
    let p = p.mul_add(r, 1.666_666_5e-1).mul_add(r, 0.5);
    let value = (p * r).mul_add(r, r) + 1.0;
    value * power_of_two(shifted.to_bits() as i32 - ROUND.to_bits() as i32)
}

#[inline(always)]
const fn power_of_two(n: i32) -> f32 {
    f32::from_bits(((n + 127) << 23) as u32)
}

/// [`sigmoid`] from [`exp_fused`].
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub fn sigmoid_fused(x: f32) -> f32 {
    1.0 / (1.0 + exp_fused(-x))
}

/// `x / (1 + e^-x)`'s second factor.
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// Partial sums added in halves, which takes four steps instead of sixteen.
#[inline(always)]
pub fn total(mut partial: [f32; LANES]) -> f32 {
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            partial[lane] += partial[lane + width];
        }
        width /= 2;
    }
    partial[0]
}

/// Sum of `f(i)` over `0..n` with [`LANES`] interleaved partial sums.
#[inline(always)]
pub fn sum_by(n: usize, f: impl Fn(usize) -> f32) -> f32 {
    let mut partial = [0.0f32; LANES];
    let whole = n - n % LANES;
    let mut start = 0;
    while start < whole {
        for (lane, sum) in partial.iter_mut().enumerate() {
            *sum += f(start + lane);
        }
        start += LANES;
    }
    let mut sum = total(partial);
    for index in whole..n {
        sum += f(index);
    }
    sum
}

/// Largest element, negative infinity for none.
#[inline(always)]
pub fn max(values: &[f32]) -> f32 {
    let mut partial = [f32::NEG_INFINITY; LANES];
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for (largest, value) in partial.iter_mut().zip(chunk) {
            *largest = if *value > *largest { *value } else { *largest };
        }
    }
    let larger = |a: f32, b: f32| if b > a { b } else { a };
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            partial[lane] = larger(partial[lane], partial[lane + width]);
        }
        width /= 2;
    }
    rest.iter().fold(partial[0], |largest, value| larger(largest, *value))
}

/// Replaces each value with `e^(value - shift)` and returns their sum.
#[inline(always)]
pub fn exp_shifted_sum(values: &mut [f32], shift: f32) -> f32 {
    let mut partial = [0.0f32; LANES];
    let (chunks, rest) = values.as_chunks_mut::<LANES>();
    for chunk in chunks {
        for (sum, value) in partial.iter_mut().zip(chunk) {
            *value = exp(*value - shift);
            *sum += *value;
        }
    }
    let mut sum = total(partial);
    for value in rest {
        *value = exp(*value - shift);
        sum += *value;
    }
    sum
}

/// The bf16 nearest to a value (ties to even) in the upper half; a NaN stays one.
#[inline(always)]
pub fn round_bits(value: f32) -> u32 {
    let bits = value.to_bits();
    let rounded = bits.wrapping_add(0x7fff + (bits >> 16 & 1));
    if bits & 0x7fff_ffff > 0x7f80_0000 { bits | 0x0040_0000 } else { rounded }
}
