//! stub
use crate::arguments::Demo;
use crate::console::Console;
use crate::error::CliResult;
pub fn run(_: &Demo, _: &mut Console) -> CliResult {
    Ok(())
}
