//! The outside world: the engine or processes that run the application, its production
//! database, the sandbox a feature was built in, and the repository it is proposed to.
//! Nothing here knows of runs, leases or queues.

pub mod change_set;
pub mod database;
pub mod disk;
pub mod github;
pub mod installation;
pub mod probe;
pub mod runtime;
pub mod secret;
