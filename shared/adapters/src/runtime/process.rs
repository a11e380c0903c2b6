//! Release folders and supervised processes of this machine.
