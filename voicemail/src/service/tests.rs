//! The shell with a directory, a database and a conductor of its own.
