//! Fetches the made-up data set as `trainer data fetch` fetches real ones, into the data directory of `GPICL_DATA`.

use std::process::ExitCode;

use tests::downloads::made_up;
use trainer::data::{Event, data_dir, fetch};

fn main() -> ExitCode {
    let mut failed = |file: &str, event| {
        if let Event::Failed { reason } = event {
            eprintln!("{file}: {reason}");
        }
    };
    let fetched = data_dir(None).and_then(|dir| fetch::fetch_set(&made_up(), &dir, false, &mut failed));
    match fetched {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
