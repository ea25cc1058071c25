using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using OnnxMka.Running.Tokens;

namespace OnnxMka.Measuring;

/// <summary>One set of questions about facts.</summary>
internal sealed record FactSet(string Name, string Settings, ImmutableArray<ChoiceItem> Items)
{
    public string Sha256 => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(
        string.Join('\n', Items.Select(i => $"{i.Prompts[0]}|{string.Join('|', i.Choices)}|{i.Answer}")))));
}

/// <summary>
/// Facts made up by a seed, to tell what a smaller model lost: what it knew, or the reading of what stands before it.
/// <list type="bullet">
/// <item><b>closed book</b>: capitals and chemical symbols, which are in the weights or nowhere;</item>
/// <item><b>in context</b>: people and places that do not exist, told in the prompt among others of the same kind;</item>
/// <item><b>untold</b>: the same questions without the telling. No model can know these, so they show what guessing gives.</item>
/// </list>
/// Every question has four choices; the right one stands equally often at each place.
/// </summary>
internal static class Facts
{
    private const int Choices = 4;

    /// <summary>Facts told in a prompt, the one asked for among them.</summary>
    private const int Told = 8;

    private static readonly string[] Onsets =
    [
        "b", "br", "d", "dr", "f", "g", "gr", "h", "k", "l", "m", "n", "p", "r", "s", "t", "tr", "v",
    ];

    private static readonly string[] Vowels = ["a", "e", "i", "o", "u", "ai", "or", "an"];
    private static readonly string[] Ends = ["n", "l", "r", "sk", "th", "m", "nd", "v"];

    /// <summary>What is said of a person, and its possible ends; places are made up too.</summary>
    private static readonly (string Says, string[]? Ends)[] Relations =
    [
        ("lives in", null),
        ("works as a",
        [
            "baker", "doctor", "farmer", "lawyer", "miller", "painter", "sailor", "smith", "soldier", "tailor", "teacher", "weaver",
        ]),
        ("owns a", ["boat", "carriage", "clock", "cottage", "dog", "garden", "gun", "horse", "library", "mill", "piano", "ship"]),
    ];

    /// <summary>The three sets, <paramref name="count"/> questions each.</summary>
    public static ImmutableArray<FactSet> Generate(int count, int seed)
    {
        var made = Enumerable.Range(0, count).Select(i => MakeUp(i, seed)).ToArray();
        return
        [
            new FactSet(
                "facts, closed book",
                "capitals and chemical symbols by likelihood",
                [.. Enumerable.Range(0, count).Select(i => Known(i, seed))]),
            new FactSet("facts, in context", $"made-up facts told among {Told}, seed {seed}, by likelihood", [.. made.Select(m => m.Told)]),
            new FactSet("facts, untold", $"the same questions without the telling, seed {seed}: guessing", [.. made.Select(m => m.Untold)]),
        ];
    }

    private static ChoiceItem Known(int number, int seed)
    {
        var random = Random(number, seed, 1);
        var (group, says, pairs) = KnownFacts.All[number % KnownFacts.All.Length];
        var (subject, right) = pairs[Below(random, pairs.Length)];
        var others = Shuffled(random, pairs.Select(p => p.Value).Where(v => v != right)).Take(Choices - 1);
        return Item(group, says.Replace("*", subject, StringComparison.Ordinal), right, [.. others], number);
    }

    private static (ChoiceItem Told, ChoiceItem Untold) MakeUp(int number, int seed)
    {
        var random = Random(number, seed, 2);
        var (says, ends) = Relations[number % Relations.Length];
        var people = Distinct(random, Told, r => $"{Word(r)} {Word(r)}");
        var values = ends is null ? Distinct(random, Told, Word) : [.. Shuffled(random, ends).Take(Told)];
        var asked = Below(random, Told);
        var telling = string.Concat(people.Zip(values, (p, v) => $"{p} {says} {v}. "));
        var others = Shuffled(random, values.Where((_, i) => i != asked)).Take(Choices - 1).ToArray();
        var group = asked < Told / 2 ? "told early" : "told late";
        var (question, right) = ($"{people[asked]} {says}", values[asked]);
        return (Item(group, telling + question, right, others, number), Item("untold", question, right, others, number));
    }

    private static ChoiceItem Item(string group, string prompt, string right, string[] others, int number)
    {
        var place = number / Relations.Length % Choices;
        string[] choices = [.. others[..place], right, .. others[place..]];
        return new ChoiceItem(group, [prompt], [.. choices.Select(c => ' ' + c)], place);
    }

    private static SeededRandom Random(int number, int seed, int stream) =>
        new(((ulong)(uint)seed << 32) ^ ((ulong)(uint)number << 2) ^ (ulong)stream);

    private static int Below(SeededRandom random, int bound) => (int)(random.Next() % (ulong)bound);

    private static string Word(SeededRandom random)
    {
        string One(string[] sounds) => sounds[Below(random, sounds.Length)];
        var word = One(Onsets) + One(Vowels) + One(Onsets) + One(Vowels) + One(Ends);
        return char.ToUpperInvariant(word[0]) + word[1..];
    }

    private static string[] Distinct(SeededRandom random, int count, Func<SeededRandom, string> make)
    {
        var found = new List<string>();
        while (found.Count < count)
        {
            var word = make(random);
            if (!found.Contains(word)) found.Add(word);
        }

        return [.. found];
    }

    private static string[] Shuffled(SeededRandom random, IEnumerable<string> source)
    {
        string[] items = [.. source];
        for (var i = items.Length - 1; i > 0; i--)
        {
            var j = Below(random, i + 1);
            (items[i], items[j]) = (items[j], items[i]);
        }

        return items;
    }
}
