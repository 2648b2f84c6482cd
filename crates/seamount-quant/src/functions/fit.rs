//! Least maximum fits: the coefficients whose largest weighted error over points is least.
//!
//! Source: C. L. Lawson, *Contributions to the theory of linear least maximum approximation*, 1961: least squares,
//! repeated with each point's weight times its error until the largest errors are alike. Unlike Remez exchange it asks
//! nothing of the basis, so that constrained fits need no code of their own.

/// Repetitions; errors are then within some percent of the least.
const N_ROUNDS: usize = 64;

/// What is to be fitted, at points.
pub(super) struct Problem {
    /// Values of each basis function.
    pub(super) basis: Vec<Vec<f64>>,
    /// What their sum is to be.
    pub(super) target: Vec<f64>,
    /// What an error counts.
    pub(super) weight: Vec<f64>,
}

/// The coefficients, and the largest weighted error that they leave.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fit {
    pub(super) coefficients: Vec<f64>,
    pub(super) error: f64,
}

impl Problem {
    /// Over `points`: each basis function, target and weight of a point.
    pub(super) fn over(points: &[f64], n_basis: usize, at: impl Fn(f64) -> (Vec<f64>, f64, f64)) -> Self {
        let mut problem = Self { basis: vec![Vec::new(); n_basis], target: Vec::new(), weight: Vec::new() };
        for &point in points {
            let (values, target, weight) = at(point);
            problem.basis.iter_mut().zip(values).for_each(|(column, value)| column.push(value));
            problem.target.push(target);
            problem.weight.push(weight);
        }
        problem
    }

    pub(super) fn fit(&self) -> Fit {
        let n = self.target.len();
        let mut emphasis = vec![1.0; n];
        let mut best = Fit { coefficients: vec![0.0; self.basis.len()], error: f64::INFINITY };
        for _ in 0..N_ROUNDS {
            let coefficients = self.least_squares(&emphasis);
            let errors: Vec<f64> = (0..n).map(|at| self.error(&coefficients, at).abs() * self.weight[at]).collect();
            let error = errors.iter().copied().fold(0.0, f64::max);
            if error < best.error {
                best = Fit { coefficients, error };
            }
            emphasis.iter_mut().zip(&errors).for_each(|(emphasis, error)| *emphasis *= error);
            let total: f64 = emphasis.iter().sum();
            if total <= 0.0 {
                break;
            }
            emphasis.iter_mut().for_each(|emphasis| *emphasis /= total);
        }
        best
    }

    fn error(&self, coefficients: &[f64], at: usize) -> f64 {
        let sum: f64 = self.basis.iter().zip(coefficients).map(|(column, c)| column[at] * c).sum();
        sum - self.target[at]
    }

    /// By orthogonalization, each column twice, so that powers up to the tenth lose no digits that matter.
    fn least_squares(&self, emphasis: &[f64]) -> Vec<f64> {
        let scale: Vec<f64> = emphasis.iter().zip(&self.weight).map(|(e, w)| e.sqrt() * w).collect();
        let weighted = |column: &[f64]| -> Vec<f64> { column.iter().zip(&scale).map(|(x, s)| x * s).collect() };
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let n = self.basis.len();
        let mut orthonormal: Vec<Vec<f64>> = Vec::with_capacity(n);
        let mut upper = vec![vec![0.0; n]; n];
        for (j, column) in self.basis.iter().enumerate() {
            let mut v = weighted(column);
            for _ in 0..2 {
                for (i, q) in orthonormal.iter().enumerate() {
                    let along = dot(q, &v);
                    upper[i][j] += along;
                    v.iter_mut().zip(q).for_each(|(v, q)| *v -= along * q);
                }
            }
            let length = dot(&v, &v).sqrt().max(f64::MIN_POSITIVE);
            upper[j][j] = length;
            v.iter_mut().for_each(|v| *v /= length);
            orthonormal.push(v);
        }
        let target = weighted(&self.target);
        let mut coefficients = vec![0.0; n];
        for j in (0..n).rev() {
            let known: f64 = (j + 1..n).map(|k| upper[j][k] * coefficients[k]).sum();
            coefficients[j] = (dot(&orthonormal[j], &target) - known) / upper[j][j];
        }
        coefficients
    }
}

/// Points from `start` to `end`, denser at both ends, where the errors of polynomials are.
pub(super) fn points(start: f64, end: f64, n: u32) -> Vec<f64> {
    let at = |k: u32| (1.0 - (std::f64::consts::PI * f64::from(k) / f64::from(n - 1)).cos()) / 2.0;
    (0..n).map(|k| start + (end - start) * at(k)).collect()
}

/// The argument at which a function with one valley between two ends is least, nearly.
pub(super) fn least(mut lo: f64, mut hi: f64, value: impl Fn(f64) -> f64) -> f64 {
    const GOLDEN: f64 = 0.618_033_988_749_895;
    let inner = |lo: f64, hi: f64| (hi - GOLDEN * (hi - lo), lo + GOLDEN * (hi - lo));
    let (mut a, mut b) = inner(lo, hi);
    let (mut at_a, mut at_b) = (value(a), value(b));
    for _ in 0..12 {
        if at_a < at_b {
            (hi, b, at_b) = (b, a, at_a);
            a = inner(lo, hi).0;
            at_a = value(a);
        } else {
            (lo, a, at_a) = (a, b, at_b);
            b = inner(lo, hi).1;
            at_b = value(b);
        }
    }
    f64::midpoint(lo, hi)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The line of least largest error for a square on 0 to 1 is `x - 1/8`.
    #[test]
    fn a_parabola_has_the_known_best_line() {
        let fit = Problem::over(&points(0.0, 1.0, 201), 2, |x| (vec![1.0, x], x * x, 1.0)).fit();
        assert!((fit.error - 0.125).abs() < 2e-3, "{fit:?}");
        assert!((fit.coefficients[0] + 0.125).abs() < 4e-3 && (fit.coefficients[1] - 1.0).abs() < 4e-3, "{fit:?}");
    }

    #[test]
    fn what_the_basis_has_is_found() {
        let at = |x: f64| (vec![x, x.powi(3), x.powi(9)], 2.0 * x - 3.0 * x.powi(9), 1.0);
        let fit = Problem::over(&points(0.0, 1.0, 101), 3, at).fit();
        assert!(fit.error < 1e-12, "{fit:?}");
    }

    #[test]
    fn valleys_are_found() {
        assert!((least(0.0, 10.0, |x| (x - 3.0) * (x - 3.0)) - 3.0).abs() < 0.05);
    }
}
