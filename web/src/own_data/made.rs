//! Tables that the page can make by itself, for whoever has none at hand.

use shaders::input::strokes::normal;
use shaders::random;

/// Tables that the page can make by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// Two arms that wind around each other, two columns.
    Spirals,
    /// Clouds around five centres in six columns.
    Clouds,
    /// One ring in another, in a plane that lies askew in ten columns of noise.
    Rings,
}

impl Made {
    /// In the order of the page.
    pub const ALL: [Made; 3] = [Made::Spirals, Made::Clouds, Made::Rings];

    /// For people, and for test ids in lower case.
    pub fn title(self) -> &'static str {
        match self {
            Made::Spirals => "Spirals",
            Made::Clouds => "Clouds",
            Made::Rings => "Rings",
        }
    }

    /// What it is.
    pub fn words(self) -> &'static str {
        match self {
            Made::Spirals => "two intertwined arms, 2 columns",
            Made::Clouds => "five overlapping clouds, 6 columns",
            Made::Rings => "a ring inside a ring, hidden in 10 columns",
        }
    }

    /// The table as a file: always the same.
    pub fn csv(self) -> String {
        let mut stream = random::stream(self as u64, "page made table", 0);
        let (rows, width, classes): (usize, usize, &[&str]) = match self {
            Made::Spirals => (240, 2, &["left arm", "right arm"]),
            Made::Clouds => (240, 6, &["amber", "blue", "coral", "dune", "elm"]),
            Made::Rings => (240, 10, &["inner", "outer"]),
        };
        let fixed: Vec<f32> = (0..classes.len().max(2) * width).map(|_| normal(&mut stream)).collect();
        let (mut values, mut labels) = (Vec::new(), Vec::new());
        for row in 0..rows {
            let label = row % classes.len();
            let part = random::below(10_000, &mut stream) as f32 / 10_000.0;
            match self {
                Made::Spirals => {
                    let turn = std::f32::consts::TAU * (1.1 * part.sqrt() + 0.12);
                    let sign = if label == 0 { 1.0 } else { -1.0 };
                    let noise = [normal(&mut stream), normal(&mut stream)];
                    values.push(sign * turn * turn.cos() + 0.25 * noise[0]);
                    values.push(sign * turn * turn.sin() + 0.25 * noise[1]);
                }
                Made::Clouds => values.extend((0..width).map(|x| {
                    // columns of very different scales, as tables have them
                    let scale = [1.0, 10.0, 0.01, 1000.0, 3.0, 0.2][x];
                    scale * (1.1 * fixed[label * width + x] + normal(&mut stream))
                })),
                Made::Rings => {
                    let (sin, cos) = (std::f32::consts::TAU * part).sin_cos();
                    let radius = if label == 0 { 1.0 } else { 2.4 } + 0.15 * normal(&mut stream);
                    values.extend(
                        (0..width)
                            .map(|x| radius * (cos * fixed[x] + sin * fixed[width + x]) + 0.15 * normal(&mut stream)),
                    );
                }
            }
            labels.push(label);
        }
        let mut text: String = (1..=width).map(|column| format!("x{column},")).collect();
        text += "class\n";
        for (row, label) in values.chunks_exact(width).zip(labels) {
            row.iter().for_each(|value| text += &format!("{value},"));
            text += classes[label];
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_tables_have_their_rows_and_classes() {
        for (made, width, classes) in [(Made::Spirals, 2, 2), (Made::Clouds, 6, 5), (Made::Rings, 10, 2)] {
            let text = made.csv();
            let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
            assert_eq!(rows.len(), 241, "{}", made.title());
            assert!(rows.iter().all(|row| row.len() == width + 1));
            let mut names: Vec<&str> = rows[1..].iter().map(|row| row[width]).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), classes);
            assert!(rows[1..].iter().flat_map(|row| &row[..width]).all(|cell| cell.parse::<f32>().is_ok()));
        }
    }
}
