using OnnxMka.Measuring;

namespace OnnxMka.Tests.Measuring;

/// <summary>Generated facts: the questions can be answered from what they say they can, and from nothing else.</summary>
public sealed class FactsTests
{
    private const int Count = 240;

    [Fact]
    public void Equal_seeds_give_equal_questions()
    {
        Assert.Equal(Hashes(5), Hashes(5));
        Assert.Empty(Hashes(5).Intersect(Hashes(6)));
        // A question does not depend on how many there are, so a longer run contains the shorter one.
        Assert.Equal(
            Facts.Generate(10, 5)[1].Items.Select(i => i.Prompts[0]), Facts.Generate(20, 5)[1].Items.Take(10).Select(i => i.Prompts[0]));

        static string[] Hashes(int seed) => [.. Facts.Generate(Count, seed).Select(s => s.Sha256)];
    }

    [Fact]
    public void The_right_choice_stands_equally_often_at_each_place()
    {
        foreach (var set in Facts.Generate(Count, 1))
        {
            Assert.Equal([60, 60, 60, 60], set.Items.CountBy(i => i.Answer).OrderBy(c => c.Key).Select(c => c.Value));
            Assert.All(set.Items, i => Assert.Equal(4, i.Choices.Distinct().Count()));
        }
    }

    [Fact]
    public void Reading_the_prompt_answers_what_was_told_and_guessing_nothing_more()
    {
        var sets = Facts.Generate(Count, 2);
        // Whoever looks up the sentence that begins like the question is always right.
        Assert.Equal(1, Share(sets[1], Read));
        // Whoever takes a value that was told, whoever's it is, is right by chance: four values were told, and the first told of them
        // is right with 1/4. 4 standard errors of 240 draws, 4 sqrt(3/16/240) = 0.11.
        Assert.InRange(Share(sets[1], FirstTold), 0.14, 0.36);
        Assert.All(sets[1].Items, i => Assert.All(i.Choices, c => Assert.Contains(c + ".", i.Prompts[0], StringComparison.Ordinal)));
        // The same question, and nothing of the answer in it.
        Assert.All(sets[1].Items.Zip(sets[2].Items), p =>
        {
            Assert.EndsWith(p.Second.Prompts[0], p.First.Prompts[0], StringComparison.Ordinal);
            Assert.Equal(p.First.Choices.AsEnumerable(), p.Second.Choices);
            Assert.DoesNotContain(p.Second.Choices, c => p.Second.Prompts[0].Contains(c, StringComparison.Ordinal));
        });
        Assert.Equal(["told early", "told late"], sets[1].Items.Select(i => i.Group).Distinct().Order());
    }

    [Fact]
    public void Known_facts_are_right()
    {
        var items = Facts.Generate(Count, 3)[0].Items;
        var france = items.First(i => i.Prompts[0] == "The capital of France is");
        Assert.Equal(" Paris", france.Choices[france.Answer]);
        var gold = items.First(i => i.Prompts[0] == "The chemical symbol for gold is");
        Assert.Equal(" Au", gold.Choices[gold.Answer]);
        Assert.Equal(["capitals", "chemical symbols"], items.Select(i => i.Group).Distinct().Order());
    }

    private static double Share(FactSet set, Func<ChoiceItem, int> answer) => set.Items.Average(i => answer(i) == i.Answer ? 1.0 : 0);

    private static int Read(ChoiceItem item)
    {
        var sentences = item.Prompts[0].Split(". ");
        var told = sentences[..^1].Single(s => s.StartsWith(sentences[^1], StringComparison.Ordinal));
        return item.Choices.IndexOf(told[sentences[^1].Length..]);
    }

    private static int FirstTold(ChoiceItem item) =>
        item.Choices.Index().MinBy(c => item.Prompts[0].IndexOf(c.Item + ".", StringComparison.Ordinal)).Index;
}
