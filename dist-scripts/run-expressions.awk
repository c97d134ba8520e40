# Prints every line of a `run:` value that holds "${{": an expression is pasted into the script before the shell
# reads it, so foreign text becomes code. Values go through env: instead. Exits 1 when it found one.
function indentation(line) { match(line, /^ */); return RLENGTH }
FNR == 1 { block = -1 }
{
    if (block >= 0 && $0 !~ /^ *$/ && indentation($0) <= block) block = -1
    if (block < 0 && match($0, /^ *(- +)?["']?run["']?: */)) {
        # The key's own column: after "- " it stands two or more further right.
        prefix = $0
        sub(/["']?run["']?:.*/, "", prefix)
        block = length(prefix)
        text = substr($0, RLENGTH + 1)
    } else if (block >= 0) text = $0
    else if ($0 ~ /[{,] *["']?run["']?: /) text = $0 # a mapping on one line
    else next
    if (index(text, "${{")) { printf "%s:%d:%s\n", FILENAME, FNR, $0; found = 1 }
}
END { exit found }
