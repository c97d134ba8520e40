# Writes every fenced yaml block of a Markdown file that is a whole workflow (it has `jobs:`) to
# <folder>/<file>-<line>.yml, so that the examples people copy are linted as workflows.
# -v folder=DIR. A fence that is indented (in a list) is taken with its indentation removed.
function flush_block() {
    if (block ~ /(^|\n)jobs:/) {
        name = FILENAME
        gsub(/[^A-Za-z0-9._-]/, "_", name)
        path = folder "/" name "-" start ".yml"
        printf "%s", block > path
        close(path)
    }
}
/^ *```ya?ml *$/ && !inside { inside = 1; start = FNR; block = ""; match($0, /^ */); indent = RLENGTH; next }
/^ *```/ && inside { inside = 0; flush_block(); next }
inside { block = block substr($0, indent + 1) "\n" }
