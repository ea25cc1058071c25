# Takes out of a report or a stream what differs from run to run: times, speeds, measured memory. Everything else stays as it is.

BEGIN { number = "[0-9][0-9.,]*" }

# Tables: figures in the columns that hold such, and the width of these columns. Two tables may follow each other without a line between.
/^\|/ || (/^\+-/ && rows == 0) { row[++rows] = $0; next }
/^\+-/ { row[++rows] = $0; table(); next }
rows > 0 { table() }

# Reports.
/"(tokensPerSecond|peakMemoryBytes|memoryBytes|speedup)": [0-9]/ { sub(/: [0-9.eE+-]+/, ": #") }
/"onSpeedFront": / { sub(/: (true|false)/, ": #") }
/"(prefill|decode)": \{/ { speeds = 3 }
speeds > 0 && /"(median|low|high)": [0-9]/ { sub(/: [0-9.eE+-]+/, ": #"); speeds-- }
/"seconds": [0-9]/ { sub(/: [0-9.eE+-]+/, ": #") }
/"seconds": \{/ { times = 1 }
times && /": [0-9]/ { sub(/: [0-9.eE+-]+/, ": #") }
/\}/ { times = 0 }

# Streams.
/(, |^time: .* )([0-9]+ min )?[0-9.]+ s$/ { sub(/([0-9]+ min )?[0-9.]+ s$/, "# s") }
/ items, [0-9.]+ s, peak memory / { sub(/[0-9.]+ s, peak memory [0-9.]+ [kMG]?B/, "# s, peak memory #") }
/ MB free on disk/ { sub(/[0-9.,]+ MB free on disk/, "# MB free on disk") }
/original's [0-9.,]+ tokens\/s/ { sub(/[0-9.,]+ tokens\/s/, "# tokens/s") }
{ print }

END { if (rows > 0) table() }

function table(  i, j, n, head, cell, kind, any, border, text) {
    head = row[1] ~ /^\+/ ? row[2] : row[1]
    n = split(head, cell, "|")
    for (j = 2; j < n; j++) {
        kind[j] = cell[j] ~ /tokens\/s|^ *(memory|speed|seconds) *$/ ? 1 : cell[j] ~ /^ *Pareto front *$/ ? 2 : 0
        if (kind[j]) any = 1
    }
    for (i = 1; i <= rows; i++) {
        if (!any) { print row[i]; continue }
        border = row[i] ~ /^(\+-|\|-)/
        text = ""
        n = split(row[i], cell, border ? "[|+]" : "|")
        for (j = 2; j < n; j++) {
            if (kind[j] && border) cell[j] = "-"
            else if (kind[j]) {
                if (kind[j] == 1) gsub(number "( [kMG]?B)?", "#", cell[j])
                else if (i > 1) gsub(/(, )?speed/, "", cell[j])
                gsub(/^ +| +$/, "", cell[j])
            }
            text = text "|" cell[j]
        }
        print text "|"
    }
    rows = 0
}
