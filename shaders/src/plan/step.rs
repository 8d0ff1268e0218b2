//! One launch of a list: which kernel, with which parameters, on which buffers.

use super::buffer::Buffer;
use crate::kernel::common::Kernel;
use crate::kernel::{
    attention, convolve, embed, gram, key_shift, layer_norm, linear, local_scale, log_softmax, mean, pairwise, qkv,
    ridge_scores, set_attention, set_embed, set_logits, set_mlp, sweep,
};

/// Declares the steps: a variant for each kernel.
macro_rules! steps {
    ($($step:ident $kernel:ident),+ $(,)?) => {
        /// Which kernel runs, and its parameters.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Step {
            $(#[doc = concat!("See [`", stringify!($kernel), "`].")] $step($kernel::Params),)+
        }

        impl Step {
            /// The kernel.
            pub fn kernel(&self) -> &'static Kernel {
                match self {
                    $(Step::$step(_) => &$kernel::KERNEL,)+
                }
            }

            /// Its parameter block.
            pub fn params(&self) -> &[u8] {
                match self {
                    $(Step::$step(p) => bytemuck::bytes_of(p),)+
                }
            }

            /// Its workgroups.
            pub fn grid(&self) -> [u32; 3] {
                match self {
                    $(Step::$step(p) => $kernel::grid(p),)+
                }
            }
        }
    };
}

steps! {
    Embed embed,
    Linear linear,
    LayerNorm layer_norm,
    KeyShift key_shift,
    Attention attention,
    LogSoftmax log_softmax,
    Convolve convolve,
    Mean mean,
    Pairwise pairwise,
    LocalScale local_scale,
    Gram gram,
    Sweep sweep,
    RidgeScores ridge_scores,
    SetEmbed set_embed,
    Qkv qkv,
    SetAttention set_attention,
    SetMlp set_mlp,
    SetLogits set_logits,
}

/// One launch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// Kernel and parameters.
    pub step: Step,
    /// A buffer for each binding of the kernel, in order.
    pub buffers: Vec<Buffer>,
}
