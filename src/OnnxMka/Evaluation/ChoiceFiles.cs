using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using OnnxMka.Calibration;

namespace OnnxMka.Evaluation;

/// <summary>What an MMLU answer is ranked by.</summary>
public enum MmluRanking
{
    /// <summary>The letter, with its leading blank.</summary>
    Letter,

    /// <summary>The answer's text.</summary>
    Text,
}

/// <summary>Question files to items.</summary>
public static class ChoiceFiles
{
    public const int MostShots = 5;

    /// <summary>
    /// MMLU as published: <c>dev/SUBJECT_dev.csv</c> with worked examples and <c>test/SUBJECT_test.csv</c>; columns question, four answers,
    /// letter; no header.
    /// </summary>
    public static (ImmutableArray<ChoiceItem> Items, string Sha256) Mmlu(string folder, int shots, MmluRanking ranking)
    {
        var test = Path.Combine(folder, "test");
        if (!Directory.Exists(test)) throw new RefusedException("MKA070", folder, "it has no folder test/", "Give the folder with dev/ and test/ of MMLU as published");
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var items = ImmutableArray.CreateBuilder<ChoiceItem>();
        foreach (var file in Directory.GetFiles(test, "*_test.csv").Order(StringComparer.Ordinal))
        {
            var subject = Path.GetFileName(file)[..^"_test.csv".Length];
            var examples = shots > 0 ? Questions(Path.Combine(folder, "dev", subject + "_dev.csv"), hash).Take(shots).Select(q => q.Text + ' ' + q.Solution(ranking)).ToArray() : [];
            var head = $"The following are multiple choice questions (with answers) about {subject.Replace('_', ' ')}.\n\n";
            foreach (var question in Questions(file, hash))
            {
                var prompts = Enumerable.Range(0, examples.Length + 1).Select(left => head + string.Concat(examples.Take(examples.Length - left).Select(e => e + "\n\n")) + question.Text);
                items.Add(new ChoiceItem(subject, [.. prompts], [.. Enumerable.Range(0, 4).Select(c => ' ' + question.Choice(c, ranking))], question.Answer));
            }
        }

        if (items.Count == 0) throw new RefusedException("MKA070", test, "it holds no *_test.csv", "Give the folder with dev/ and test/ of MMLU as published");
        return (items.ToImmutable(), Convert.ToHexStringLower(hash.GetHashAndReset()));
    }

    /// <summary>
    /// JSON lines with <c>question</c>, <c>choices</c> and <c>answer</c> (number from 0, or a letter from A). A choice without leading blank
    /// gets one.
    /// </summary>
    public static (ImmutableArray<ChoiceItem> Items, string Sha256) JsonLines(string path)
    {
        var name = Path.GetFileNameWithoutExtension(path);
        var items = Evaluation.JsonLines.Read(path, "question, choices and answer", row => Item(row, name));
        if (items.Count == 0) throw new RefusedException("MKA070", path, "it has no questions", "See docs/evaluation.md for the layout");
        return ([.. items], Convert.ToHexStringLower(SHA256.HashData(TextSource.ReadAllBytes(path))));
    }

    private static ChoiceItem Item(JsonElement row, string name)
    {
        var choices = row.GetProperty("choices").EnumerateArray().Select(Text).Select(c => c.StartsWith(' ') ? c : ' ' + c).ToImmutableArray();
        var answer = row.GetProperty("answer");
        var number = answer.ValueKind == JsonValueKind.String && answer.GetString() is [>= 'A' and <= 'Z'] letter ? letter[0] - 'A' : answer.GetInt32();
        if (choices.Length < 2 || number < 0 || number >= choices.Length) throw new FormatException("answer is none of the choices");
        return new ChoiceItem(name, [Text(row.GetProperty("question")).TrimEnd()], choices, number);
    }

    private static string Text(JsonElement value) => value.GetString() ?? throw new FormatException("it is null");

    private static IEnumerable<Question> Questions(string file, IncrementalHash hash)
    {
        var bytes = TextSource.ReadAllBytes(file);
        hash.AppendData(bytes);
        var number = 0;
        foreach (var row in Csv.Rows(Encoding.UTF8.GetString(bytes)))
        {
            number++;
            if (row is not [_, _, _, _, _, [>= 'A' and <= 'D']])
                throw new RefusedException("MKA072", $"{Path.GetFileName(file)} row {number}", "it is not question, four answers and a letter from A to D", "Give MMLU's files as published");
            yield return new Question(row);
        }
    }

    private sealed record Question(string[] Row)
    {
        public int Answer => Row[5][0] - 'A';

        public string Text => $"{Row[0].Trim()}\nA. {Row[1]}\nB. {Row[2]}\nC. {Row[3]}\nD. {Row[4]}\nAnswer:";

        public string Choice(int number, MmluRanking ranking) => ranking == MmluRanking.Letter ? ((char)('A' + number)).ToString() : Row[1 + number];

        public string Solution(MmluRanking ranking) => Choice(Answer, ranking);
    }
}

/// <summary>Comma-separated values with quoted fields, which may hold commas, line breaks and doubled quotes (RFC 4180).</summary>
internal static class Csv
{
    public static IEnumerable<string[]> Rows(string text)
    {
        var row = new List<string>();
        var field = new StringBuilder();
        var quoted = false;
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (quoted && c == '"' && i + 1 < text.Length && text[i + 1] == '"') field.Append(text[++i]);
            else if (c == '"' && (quoted || field.Length == 0)) quoted = !quoted;
            else if (!quoted && c is ',' or '\n')
            {
                row.Add(Take());
                if (c == '\n' && row is not [""]) yield return [.. row];
                if (c == '\n') row.Clear();
            }
            else if (quoted || c != '\r') field.Append(c);
        }

        row.Add(Take());
        if (row is not [""]) yield return [.. row];

        string Take()
        {
            var value = field.ToString();
            field.Clear();
            return value;
        }
    }
}
