//! The locked child of `site-agent train`: takes its job over the pipe and the worker's locks before it opens
//! a record.
//!
//! Run by the hidden subcommand `trainer`. Invariant: closing the pipe asks it to stop at the next step; it
//! then leaves a checkpoint.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use common::places::readable;
use model::Device;
use sandbox::FileRules;
use sandbox::enter::quiet_panics;
use sandbox::gpu::GpuFiles;

use super::folds;
use super::job::{TrainJob, TrainingReport};
use super::training;
use crate::error::SiteError;
use crate::locks::lock_command;
use crate::pipe::{read_message, write_message};

/// The body of the child: reads the job, takes the locks, works, and says what happened.
///
/// # Errors
/// `Pipe` when the command is gone. What goes wrong with the job is said in [`TrainingReport::Failed`].
pub fn run() -> Result<(), SiteError> {
    quiet_panics();
    sandbox::process::die_with_parent().map_err(|source| SiteError::Internal(source.to_string()))?;
    // The command is told of it, and asks for the end in good order.
    sandbox::process::ignore_hangups().map_err(|source| SiteError::Internal(source.to_string()))?;
    let text: Option<String> = read_message(&mut io::stdin().lock())?;
    let text = text.ok_or_else(|| SiteError::Pipe("no job came".to_owned()))?;
    let job: TrainJob = serde_json::from_str(&text).map_err(|error| SiteError::Pipe(error.to_string()))?;
    let result = lock_command(&rules(&job), &job.allow_missing).and_then(|()| {
        let stop = stop_when_closed()?;
        let say = &mut |message: &TrainingReport| write_message(&mut io::stdout().lock(), message);
        match job.folds {
            Some(scheme) => folds::work(&job, scheme, &stop, say),
            None => training::work(&job, &stop, say),
        }
    });
    match result {
        // Nobody is left to be told.
        Err(error @ SiteError::Pipe(_)) => Err(error),
        Err(error) => {
            let failed = TrainingReport::Failed {
                sentence: error.to_string(),
                hint: error.hint(),
                is_user_error: error.is_user_error(),
            };
            write_message(&mut io::stdout().lock(), &failed)
        }
        Ok(()) => Ok(()),
    }
}

fn rules(job: &TrainJob) -> FileRules {
    let mut read = readable(&job.model);
    read.extend(job.start.iter().flat_map(|folder| readable(folder)));
    read.extend(job.data.iter().chain(&job.validation).chain(&job.mapping).cloned());
    FileRules { read, write: vec![job.out.clone()], gpu: GpuFiles::needed(job.device != Device::Cpu) }
}

/// A flag that is set when the command closes the pipe, or dies.
fn stop_when_closed() -> Result<Arc<AtomicBool>, SiteError> {
    let flag = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&flag);
    std::thread::Builder::new()
        .name("stop".into())
        .spawn(move || {
            // No further message is ever sent: whatever comes, it is the end.
            let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
            seen.store(true, Ordering::SeqCst);
        })
        .map_err(|source| SiteError::Internal(source.to_string()))?;
    Ok(flag)
}
