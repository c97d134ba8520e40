//! Compares action.yml and README with the table. Not responsible for writing them.
