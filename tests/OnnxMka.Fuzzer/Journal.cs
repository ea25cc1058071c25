namespace OnnxMka.Fuzzer;

/// <summary>
/// A file in which a child says which case it begins and how it ended, so that whoever finds the child dead knows the case.
/// <code>
/// 17
/// 17 Refused MKA011
/// 18
/// </code>
/// </summary>
internal static class Journal
{
    public static void Begin(StreamWriter journal, int seed)
    {
        journal.WriteLine(seed);
        journal.Flush();
    }

    public static void End(StreamWriter journal, CaseOutcome outcome)
    {
        journal.WriteLine($"{outcome.Seed} {outcome.End} {outcome.Detail.ReplaceLineEndings("\u2028")}");
        journal.Flush();
    }

    /// <summary>Cases that came to an end, and the one that had begun when the child ended; null where none had.</summary>
    public static (List<CaseOutcome> Ended, int? Begun) Read(string path)
    {
        var ended = new List<CaseOutcome>();
        int? begun = null;
        foreach (var line in File.Exists(path) ? File.ReadLines(path) : [])
        {
            var words = line.Split(' ', 3);
            begun = words.Length == 1 ? int.Parse(words[0]) : null;
            if (words.Length == 3)
                ended.Add(new CaseOutcome(int.Parse(words[0]), Enum.Parse<CaseEnd>(words[1]), words[2].Replace('\u2028', '\n')));
        }

        return (ended, begun);
    }
}
