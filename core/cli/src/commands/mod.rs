//! One file per family of commands. Each reads its arguments, asks the engine once, and shows the answer: as JSON for
//! programs, else for people in their language.

mod ble;
mod browser;
mod demo;
mod device;
mod documents;
mod edit;
mod emergency;
mod export;
mod guardians;
mod import;
mod init;
mod log;
mod ownership;
mod person;
mod pull;
mod recovery;
mod show;
mod source;
mod sync;
mod tools;
mod upkeep;
mod view;

use crate::arguments::Command;
use crate::context::Context;
use crate::error::CliResult;

/// Runs one command.
pub fn run(command: Command, context: &mut Context) -> CliResult {
    match command {
        Command::Init(arguments) => init::run(&arguments, context),
        Command::Person(arguments) => person::run(&arguments.action, context),
        Command::Import(arguments) => import::run(&arguments, context),
        Command::Timeline(arguments) => view::timeline(&arguments, context),
        Command::Search(arguments) => view::search(&arguments, context),
        Command::Show(arguments) => show::run(&arguments, context),
        Command::List(arguments) => view::list(&arguments, context),
        Command::Annotate(arguments) => edit::annotate(&arguments, context),
        Command::Correct(arguments) => edit::correct(&arguments, context),
        Command::Conflicts => edit::conflicts(context),
        Command::Stats(arguments) => upkeep::stats(&arguments, context),
        Command::Documents(arguments) => documents::list(&arguments, context),
        Command::Attachment(arguments) => documents::attachment(&arguments, context),
        Command::Export(arguments) => export::run(&arguments, context),
        Command::Device(arguments) => device::run(&arguments.action, context),
        Command::Recovery(arguments) => recovery::run(&arguments.action, context),
        Command::Guardians(arguments) => guardians::run(&arguments.action, context),
        Command::Emergency(arguments) => emergency::run(&arguments.action, context),
        Command::HandoverOwnership(arguments) => ownership::run(&arguments.action, context),
        Command::Sync(arguments) => sync::run(&arguments, context),
        Command::Log(arguments) => log::run(&arguments, context),
        Command::Source(arguments) => source::run(&arguments.action, context),
        Command::Pull(arguments) => pull::run(&arguments, context),
        Command::Verify(arguments) => upkeep::verify(&arguments, context),
        Command::Compact(arguments) => upkeep::compact(&arguments, context),
        Command::Ble(arguments) => ble::run(&arguments.action, &mut context.console),
        Command::Demo(arguments) => demo::run(&arguments, &mut context.console),
        Command::Completions(arguments) => tools::completions(&arguments, &mut context.console),
        Command::Help(arguments) => tools::help(&arguments, &mut context.console),
    }
}
