# Reads what `cargo test --no-fail-fast` prints, and prints a line for each test program that failed: cargo's own words to
# run it again, and the names of its tests that failed; no name where the program died without telling.
#   -p gates --test postgres|queries::a_query_that_goes_on queries::another

/^test .* \.\.\. FAILED$/ { names = names " " $2 }
/^     Running |^   Doc-tests / { names = "" }
match($0, /^error: (test|doctest) failed, to rerun pass `[^`]+`/) {
    split($0, quoted, "`")
    sub(/^ /, "", names)
    print quoted[2] "|" names
    names = ""
}
