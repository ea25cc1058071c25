using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text.Json;
using OnnxMka.Running.Tokens;

namespace OnnxMka.Measuring;

/// <summary>What an MMLU answer is ranked by.</summary>
internal enum MmluRanking
{
    /// <summary>The letter, with its leading blank.</summary>
    Letter,

    /// <summary>The answer's text.</summary>
    Text,
}

/// <summary>Question files to items.</summary>
internal static class ChoiceFiles
{
    public const int MostShots = 5;

    /// <summary>
    /// MMLU as published: <c>dev/SUBJECT_dev.csv</c> with worked examples and <c>test/SUBJECT_test.csv</c>; columns question, four answers,
    /// letter; no header.
    /// </summary>
    public static (ImmutableArray<ChoiceItem> Items, string Sha256) Mmlu(string folder, int shots, MmluRanking ranking)
    {
        var test = Path.Combine(folder, "test");
        if (!Directory.Exists(test))
        {
            throw new RefusedException(
                "MKA070", folder, "it has no folder test/", "Give the folder with dev/ and test/ of MMLU as published");
        }

        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var items = ImmutableArray.CreateBuilder<ChoiceItem>();
        foreach (var file in Directory.GetFiles(test, "*_test.csv").Order(StringComparer.Ordinal))
        {
            var subject = Path.GetFileName(file)[..^"_test.csv".Length];
            var solved = shots > 0 ? Questions(Path.Combine(folder, "dev", subject + "_dev.csv"), hash).Take(shots) : [];
            var examples = solved.Select(q => q.Text + ' ' + q.Solution(ranking)).ToArray();
            var head = $"The following are multiple choice questions (with answers) about {subject.Replace('_', ' ')}.\n\n";
            foreach (var question in Questions(file, hash))
            {
                var prompts = Enumerable.Range(0, examples.Length + 1).Select(
                    left => head + string.Concat(examples.Take(examples.Length - left).Select(e => e + "\n\n")) + question.Text);
                var choices = Enumerable.Range(0, 4).Select(c => ' ' + question.Choice(c, ranking));
                items.Add(new ChoiceItem(subject, [.. prompts], [.. choices], question.Answer));
            }
        }

        if (items.Count == 0)
        {
            throw new RefusedException(
                "MKA070", test, "it holds no *_test.csv", "Give the folder with dev/ and test/ of MMLU as published");
        }

        return (items.ToImmutable(), Convert.ToHexStringLower(hash.GetHashAndReset()));
    }

    /// <summary>
    /// JSON lines with <c>question</c>, <c>choices</c> and <c>answer</c> (number from 0, or a letter from A); or with <c>contexts</c>, one
    /// <c>continuation</c> for all of them, and <c>answer</c>. What follows a question or a context gets a leading blank where it has none.
    /// </summary>
    public static (ImmutableArray<ChoiceItem> Items, string Sha256) JsonLines(string path)
    {
        var source = TextSource.FromFile(path);
        var name = Path.GetFileNameWithoutExtension(path);
        var items = OnnxMka.Measuring.JsonLines.Read(source, row => Item(row, name));
        if (items.Count == 0) throw new RefusedException("MKA070", path, "it has no questions", "See docs/evaluation.md for the layout");
        return ([.. items], source.Sha256);
    }

    private static ChoiceItem Item(JsonElement row, string name)
    {
        if (!row.TryGetProperty("contexts", out _))
        {
            var choices = Texts(row, "choices").Select(Following).ToImmutableArray();
            return new ChoiceItem(name, [JsonRow.Text(row, "question").TrimEnd()], choices, Answer(row, choices.Length));
        }

        if (row.TryGetProperty("question", out _) || row.TryGetProperty("choices", out _))
            throw new FormatException("contexts and choices exclude each other");
        var contexts = Texts(row, "contexts").Select(c => c.TrimEnd()).ToImmutableArray();
        var continuation = Following(JsonRow.Text(row, "continuation"));
        return new ChoiceItem(name, [], [.. contexts.Select(_ => continuation)], Answer(row, contexts.Length)) { Contexts = contexts };
    }

    private static ImmutableArray<string> Texts(JsonElement row, string field)
    {
        var texts = JsonRow.Texts(row, field);
        return texts.Length >= 2 ? texts : throw new FormatException($"{field} has fewer than two entries");
    }

    private static string Following(string text) => text.StartsWith(' ') ? text : ' ' + text;

    private static int Answer(JsonElement row, int choices)
    {
        var answer = JsonRow.Field(row, "answer");
        var text = answer.ValueKind == JsonValueKind.String ? JsonRow.Text(row, "answer") : null;
        var number = text is [>= 'A' and <= 'Z'] ? text[0] - 'A'
            : answer.ValueKind == JsonValueKind.Number && answer.TryGetInt32(out var given) ? given
            : (int?)null;
        if (number is null && text is not null && int.TryParse(text, out _))
        {
            throw new FormatException(
                $"answer is the text \"{text}\": labels that are texts count from 0 in some collections and from 1 in others, "
                + "so write a number from 0, or a letter from A");
        }

        if (number is not { } place) throw new FormatException("answer is neither a number from 0 nor a letter from A");
        return place >= 0 && place < choices
            ? place
            : throw new FormatException($"answer is {place}, which is none of the {choices} choices");
    }

    private static IEnumerable<Question> Questions(string file, IncrementalHash hash)
    {
        var number = 0;
        foreach (var row in Csv.Rows(TextSource.FromFile(file, hash).Text))
        {
            number++;
            if (row is not [_, _, _, _, _, [>= 'A' and <= 'D']])
            {
                throw new RefusedException(
                    "MKA072",
                    $"{Path.GetFileName(file)} row {number}",
                    "it is not question, four answers and a letter from A to D",
                    "Give MMLU's files as published");
            }

            yield return new Question(row);
        }
    }

    private sealed record Question(string[] Row)
    {
        public int Answer => Row[5][0] - 'A';

        public string Text => $"{Row[0].Trim()}\nA. {Row[1]}\nB. {Row[2]}\nC. {Row[3]}\nD. {Row[4]}\nAnswer:";

        public string Choice(int number, MmluRanking ranking) =>
            ranking == MmluRanking.Letter ? ((char)('A' + number)).ToString() : Row[1 + number];

        public string Solution(MmluRanking ranking) => Choice(Answer, ranking);
    }
}
