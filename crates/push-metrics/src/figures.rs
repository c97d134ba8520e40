//! The figures of the last days for people: a table and a chart for the job summary, and JSON.
