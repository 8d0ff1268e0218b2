//! Switches of a headless Chromium, for tests and benchmarks.

/// What every one of them begins with.
pub const HEADLESS: [&str; 8] = [
    "--headless=new",
    // Our own pages, and the sandbox does not start for root.
    "--no-sandbox",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--disable-dev-shm-usage",
];

/// WebGPU on the adapter of the machine.
pub const WEBGPU: &str = "--enable-unsafe-webgpu";

/// With [`WEBGPU`], on Chromium's own software adapter.
pub const SOFTWARE_ADAPTER: &str = "--use-webgpu-adapter=swiftshader";
