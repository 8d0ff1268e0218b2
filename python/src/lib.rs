//! `learner_in_a_file._native`: what the estimator in `learner_in_a_file` computes with.

mod context;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use pyo3::buffer::PyBuffer;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes};

use crate::context::{Context, Form};

/// The learners inside the wheel. `quick` is as large as the rest together, and on tables well below `general`.
const SHIPPED: [(&str, &[u8]); 2] = [
    ("general", include_bytes!("../../models/general.safetensors")),
    ("drawing", include_bytes!("../../models/drawing.safetensors")),
];

/// Computes without holding Python's lock. A panic is a fault of ours, but PyO3's own exception for it is no `Exception`:
/// it would pass by every handler of the user's.
fn apart<T: Send>(py: Python<'_>, work: impl FnOnce() -> Result<T, String> + Send) -> PyResult<T> {
    let done = py.detach(|| catch_unwind(AssertUnwindSafe(work)));
    match done {
        Ok(done) => done.map_err(PyValueError::new_err),
        Err(_) => Err(PyRuntimeError::new_err("the learner failed by a fault of its own; please report it")),
    }
}

/// The numbers of an array that holds them row after row.
fn numbers(py: Python<'_>, array: &Bound<'_, PyAny>) -> PyResult<Vec<f64>> {
    let buffer = PyBuffer::<f64>::get(array)?;
    if !buffer.is_c_contiguous() {
        return Err(PyValueError::new_err("expected an array in C order"));
    }
    buffer.to_vec(py)
}

/// A learner's weights and what they are for.
#[pyclass(frozen, name = "Model")]
struct PyModel(Arc<shaders::Model>);

#[pymethods]
impl PyModel {
    #[new]
    fn new(py: Python<'_>, bytes: &[u8]) -> PyResult<PyModel> {
        let model = apart(py, || shaders::Model::from_bytes(bytes).map_err(|error| error.to_string()))?;
        Ok(PyModel(Arc::new(model)))
    }

    /// Most classes.
    #[getter]
    fn classes(&self) -> usize {
        self.0.spec.most_classes()
    }

    /// Most rows of a context.
    #[getter]
    fn capacity(&self) -> usize {
        self.0.spec.longest - 1
    }
}

/// Rows that a learner was shown.
#[pyclass(frozen, name = "Context")]
struct PyContext(Context);

#[pymethods]
impl PyContext {
    /// `values` `[N, D]`; `words` of each column, 0 for numbers; `picture` height, width, channels, instead of columns.
    #[new]
    #[pyo3(signature = (model, values, words, labels, classes, picture=None))]
    fn new(
        py: Python<'_>,
        model: &PyModel,
        values: &Bound<'_, PyAny>,
        words: Vec<u32>,
        labels: Vec<u32>,
        classes: usize,
        picture: Option<(usize, usize, usize)>,
    ) -> PyResult<PyContext> {
        let values = numbers(py, values)?;
        let form = match picture {
            Some((height, width, channels)) => Form::Picture(height, width, channels),
            None => Form::Columns(words),
        };
        let context =
            apart(py, || Context::new(&model.0, form, &values, labels, classes).map_err(|error| error.to_string()))?;
        Ok(PyContext(context))
    }

    /// The same rows, for the probability that a row belongs to none of their classes.
    fn or_none(&self, py: Python<'_>) -> PyResult<PyContext> {
        Ok(PyContext(apart(py, || self.0.or_none().map_err(|error| error.to_string()))?))
    }

    /// Probabilities as the bytes of `[Q, C]` float64, or `[Q]` after `or_none`, for values `[Q, D]`.
    fn predict<'py>(
        &self,
        py: Python<'py>,
        values: &Bound<'py, PyAny>,
        threads: usize,
    ) -> PyResult<Bound<'py, PyByteArray>> {
        let values = numbers(py, values)?;
        let (context, width) = (&self.0, self.0.width());
        if width == 0 || values.len() % width != 0 {
            return Err(PyValueError::new_err(format!("expected rows of {width} values")));
        }
        let mut bytes = Vec::with_capacity(values.len() / width * context.numbers() * size_of::<f64>());
        for round in values.chunks(Context::round(threads) * width) {
            let found = apart(py, || context.ask(round).map_err(|error| error.to_string()))?;
            bytes.extend(found.iter().flat_map(|value| value.to_ne_bytes()));
            // Ctrl-C
            py.check_signals()?;
        }
        Ok(PyByteArray::new(py, &bytes))
    }
}

/// The file of a shipped learner; none of that name is a `None`.
#[pyfunction]
fn shipped<'py>(py: Python<'py>, name: &str) -> Option<Bound<'py, PyBytes>> {
    SHIPPED.iter().find(|(known, _)| *known == name).map(|(_, bytes)| PyBytes::new(py, bytes))
}

/// Names of the shipped learners.
#[pyfunction]
fn shipped_names() -> Vec<&'static str> {
    SHIPPED.iter().map(|(name, _)| *name).collect()
}

/// At most `most` rows, each class in proportion and none left out as long as there is room; in their order.
#[pyfunction]
fn stratified(labels: Vec<u32>, most: usize, seed: u64) -> Vec<usize> {
    let labels: Vec<Option<u32>> = labels.into_iter().map(Some).collect();
    tables::sample::stratified(&labels, most, seed)
}

/// The module.
#[pymodule(gil_used = false)]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("MOST_WORDS", tables::column::MOST_WORDS)?;
    module.add_class::<PyModel>()?;
    module.add_class::<PyContext>()?;
    module.add_function(wrap_pyfunction!(shipped, module)?)?;
    module.add_function(wrap_pyfunction!(shipped_names, module)?)?;
    module.add_function(wrap_pyfunction!(stratified, module)?)?;
    Ok(())
}
