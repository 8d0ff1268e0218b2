//! A session on either engine behind one type.

use std::sync::Arc;

use crate::cpu;
#[cfg(feature = "gpu")]
use crate::gpu;
use crate::model::file::Model;
use crate::session::attention::Attention;
use crate::session::context::Context;
use crate::session::error::SessionError;

/// Which engine a session runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Plain Rust on this thread.
    Cpu,
    /// WGSL kernels.
    Gpu,
}

/// A session of either engine behind one type.
pub enum Engine {
    /// Plain Rust on this thread.
    Cpu(Box<cpu::session::Session>),
    /// WGSL kernels.
    #[cfg(feature = "gpu")]
    Gpu(Box<gpu::session::Session>),
}

impl Engine {
    /// A session on this thread.
    pub fn cpu(model: Arc<Model>) -> Self {
        Engine::Cpu(Box::new(cpu::session::Session::new(model)))
    }

    /// A session on a GPU.
    ///
    /// # Errors
    /// The device is lost, out of memory, or too small for the model.
    #[cfg(feature = "gpu")]
    pub async fn gpu(gpu: &gpu::device::Gpu, model: &Model) -> Result<Self, SessionError> {
        Ok(Engine::Gpu(Box::new(gpu::session::Session::new(gpu, model).await?)))
    }

    /// Which engine this is.
    pub fn kind(&self) -> Kind {
        match self {
            Engine::Cpu(_) => Kind::Cpu,
            #[cfg(feature = "gpu")]
            Engine::Gpu(_) => Kind::Gpu,
        }
    }

    /// The examples shown, and what the model allows.
    pub fn context(&self) -> &Context {
        match self {
            Engine::Cpu(session) => &session.context,
            #[cfg(feature = "gpu")]
            Engine::Gpu(session) => &session.context,
        }
    }

    fn context_mut(&mut self) -> &mut Context {
        match self {
            Engine::Cpu(session) => &mut session.context,
            #[cfg(feature = "gpu")]
            Engine::Gpu(session) => &mut session.context,
        }
    }

    /// See [`Context::len`].
    pub fn len(&self) -> usize {
        self.context().len()
    }

    /// See [`Context::is_empty`].
    pub fn is_empty(&self) -> bool {
        self.context().is_empty()
    }

    /// See [`Context::capacity`].
    pub fn capacity(&self) -> usize {
        self.context().capacity()
    }

    /// Labels shown so far, `[N]`.
    pub fn labels(&self) -> &[u32] {
        &self.context().examples().labels
    }

    /// See [`Context::observe`].
    ///
    /// # Errors
    /// As there.
    pub fn observe(&mut self, inputs: &[f32], labels: &[u32]) -> Result<(), SessionError> {
        self.context_mut().observe(inputs, labels)
    }

    /// See [`Context::remove`].
    ///
    /// # Errors
    /// As there.
    pub fn remove(&mut self, index: usize) -> Result<(), SessionError> {
        self.context_mut().remove(index)
    }

    /// See [`Context::relabel`].
    ///
    /// # Errors
    /// As there.
    pub fn relabel(&mut self, index: usize, label: u32) -> Result<(), SessionError> {
        self.context_mut().relabel(index, label)
    }

    /// See [`Context::truncate`].
    ///
    /// # Errors
    /// As there.
    pub fn truncate(&mut self, count: usize) -> Result<(), SessionError> {
        self.context_mut().truncate(count)
    }

    /// See [`Context::clear`].
    pub fn clear(&mut self) {
        self.context_mut().clear();
    }

    /// See [`Context::set_classes`].
    ///
    /// # Errors
    /// As there.
    pub fn set_classes(&mut self, classes: usize) -> Result<(), SessionError> {
        self.context_mut().set_classes(classes)
    }

    /// See [`Context::set_images`].
    pub fn set_images(&mut self, images: bool) {
        self.context_mut().set_images(images);
    }

    /// See [`Context::save`].
    pub fn save(&self) -> Vec<u8> {
        self.context().save()
    }

    /// See [`Context::restore`].
    ///
    /// # Errors
    /// As there.
    pub fn restore(&mut self, bytes: &[u8]) -> Result<(), SessionError> {
        self.context_mut().restore(bytes)
    }

    /// Log-probabilities of every class for every query, each asked on its own after the examples shown (there
    /// may be none). Nothing of the queries is kept.
    ///
    /// # Shapes
    /// `queries` `[Q, X]`; the result `[Q, C]`.
    ///
    /// # Errors
    /// Queries of a wrong length or not finite; a device that is lost or failed.
    pub async fn predict(&mut self, queries: &[f32]) -> Result<Vec<f32>, SessionError> {
        match self {
            Engine::Cpu(session) => session.predict(queries),
            #[cfg(feature = "gpu")]
            Engine::Gpu(session) => session.predict(queries).await,
        }
    }

    /// Where one query looks.
    ///
    /// # Shapes
    /// `query` `[X]`.
    ///
    /// # Errors
    /// As [`Engine::predict`].
    pub async fn attention(&mut self, query: &[f32]) -> Result<Attention, SessionError> {
        Ok(self.predict_with_attention(query).await?.1)
    }

    /// The answer of [`Engine::predict`] to one query and where that looked, in one pass.
    ///
    /// # Shapes
    /// `query` `[X]`; log-probabilities `[C]`.
    ///
    /// # Errors
    /// As [`Engine::predict`].
    pub async fn predict_with_attention(&mut self, query: &[f32]) -> Result<(Vec<f32>, Attention), SessionError> {
        match self {
            Engine::Cpu(session) => session.predict_with_attention(query),
            #[cfg(feature = "gpu")]
            Engine::Gpu(session) => session.predict_with_attention(query).await,
        }
    }
}
