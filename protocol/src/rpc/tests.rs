//! Frames, heads and status codes.

mod frames;
mod heads;
mod statuses;
