//! Support vector machines, one against one.

/// Box constraint of each machine.
pub const BOX: f64 = 3.0;

/// The class that most pairwise machines vote for; ties go to the greater sum of margins.
pub(super) fn answer(shown: &[&[f32]], labels: &[u32], query: &[f32], gaussian: bool) -> u32 {
    let n = shown.len();
    let Some(&first) = labels.first() else { return 0 };
    let mut mean = vec![0f64; query.len()];
    shown.iter().for_each(|row| mean.iter_mut().zip(*row).for_each(|(m, v)| *m += f64::from(*v) / n as f64));
    let centred = |row: &[f32]| -> Vec<f64> { row.iter().zip(&mean).map(|(v, m)| f64::from(*v) - m).collect() };
    let rows: Vec<Vec<f64>> = shown.iter().map(|row| centred(row)).chain([centred(query)]).collect();
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let square: Vec<f64> = rows.iter().map(|row| product(row, row)).collect();
    let scale = (square[..n].iter().sum::<f64>() / n as f64).max(1e-12);
    // [n, n + 1], the query last; 1 beside a kernel is a bias that is held small like every other weight
    let kernel: Vec<f64> = (0..n * (n + 1))
        .map(|e| {
            let (i, j) = (e / (n + 1), e % (n + 1));
            let dot = product(&rows[i], &rows[j]) / scale;
            let of = if gaussian { (-((square[i] + square[j]) / scale - 2.0 * dot)).exp() } else { dot };
            of + 1.0
        })
        .collect();
    let mut seen: Vec<u32> = labels.to_vec();
    seen.sort_unstable();
    seen.dedup();
    if seen.len() == 1 {
        return first;
    }
    let mut votes = vec![0f64; seen.len()];
    for a in 0..seen.len() {
        for b in a + 1..seen.len() {
            let members: Vec<usize> = (0..n).filter(|&i| labels[i] == seen[a] || labels[i] == seen[b]).collect();
            let side: Vec<f64> = members.iter().map(|&i| if labels[i] == seen[a] { 1.0 } else { -1.0 }).collect();
            let m = members.len();
            let own: Vec<f64> = (0..m * m).map(|e| kernel[members[e / m] * (n + 1) + members[e % m]]).collect();
            let alpha = dual(&own, &side, BOX);
            let margin: f64 = (0..m).map(|i| alpha[i] * side[i] * kernel[members[i] * (n + 1) + n]).sum();
            // a whole vote, and less than a third of one for its margin
            let soft = margin / (3.0 * (1.0 + margin.abs()));
            votes[a] += f64::from(u8::from(margin > 0.0)) + soft;
            votes[b] += f64::from(u8::from(margin <= 0.0)) - soft;
        }
    }
    seen[(0..votes.len()).fold(0, |best, k| if votes[k] > votes[best] { k } else { best })]
}

/// Maximises Σα − ½ΣΣ α_i α_j y_i y_j K_ij over 0 ≤ α ≤ `most` by coordinate ascent (Hsieh et al., 2008, with a kernel),
/// until no coordinate can gain more than 10⁻⁴.
///
/// # Shapes
/// `kernel` [N, N], `side` `[N]` of ±1 → α `[N]`.
fn dual(kernel: &[f64], side: &[f64], most: f64) -> Vec<f64> {
    let n = side.len();
    let mut alpha = vec![0f64; n];
    // Σ_j α_j y_j K_ij
    let mut value = vec![0f64; n];
    for _ in 0..1_000 {
        let mut worst = 0f64;
        for i in 0..n {
            let slope = 1.0 - side[i] * value[i];
            let to = (alpha[i] + slope / kernel[i * n + i].max(1e-12)).clamp(0.0, most);
            let change = to - alpha[i];
            if change != 0.0 {
                worst = worst.max((change * slope).abs());
                alpha[i] = to;
                value.iter_mut().zip(&kernel[i * n..(i + 1) * n]).for_each(|(v, k)| *v += change * side[i] * k);
            }
        }
        if worst < 1e-4 {
            break;
        }
    }
    alpha
}

#[cfg(test)]
mod tests {
    use super::*;
    use shaders::random;
    use tasks::Episode;
    use tasks::projection::normals;

    /// Three clouds of points around corners.
    fn clouds(t: usize, x: usize, spread: f32) -> Episode {
        let mut stream = random::stream(1, "clouds", 0);
        let corners = normals(3 * x, &mut stream);
        let labels: Vec<u32> = (0..t).map(|i| (i * 7 % 3) as u32).collect();
        let noise = normals(t * x, &mut stream);
        let inputs = (0..t * x).map(|e| corners[labels[e / x] as usize * x + e % x] + spread * noise[e]).collect();
        Episode { inputs, labels }
    }

    #[test]
    fn a_machine_meets_the_conditions_of_its_optimum() {
        let episode = clouds(40, 4, 1.5);
        let keep: Vec<usize> = (0..40).filter(|&i| episode.labels[i] < 2).collect();
        let n = keep.len();
        let side: Vec<f64> = keep.iter().map(|&i| if episode.labels[i] == 0 { 1.0 } else { -1.0 }).collect();
        let row = |i: usize| &episode.inputs[keep[i] * 4..keep[i] * 4 + 4];
        let dot = |i: usize, j: usize| row(i).iter().zip(row(j)).map(|(a, b)| f64::from(a * b)).sum::<f64>();
        let kernel: Vec<f64> = (0..n * n).map(|e| 1.0 + dot(e / n, e % n)).collect();
        let alpha = dual(&kernel, &side, BOX);
        for i in 0..n {
            let margin = side[i] * (0..n).map(|j| alpha[j] * side[j] * kernel[i * n + j]).sum::<f64>();
            match alpha[i] {
                a if a <= 0.0 => assert!(margin > 0.95, "{margin}"),
                a if a >= BOX => assert!(margin < 1.05, "{margin}"),
                _ => assert!((margin - 1.0).abs() < 0.05, "{margin}"),
            }
        }
        assert!(alpha.contains(&BOX) && alpha.contains(&0.0), "overlapping clouds bind some and free others");
    }
}
