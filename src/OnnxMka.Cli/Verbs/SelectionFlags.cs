using System.CommandLine;
using OnnxMka.Bench;
using OnnxMka.Steps;
using OnnxMka.Steps.Reaching;
using OnnxMka.Steps.Searching;
using OnnxMka.Structure;

namespace OnnxMka.Cli.Verbs;

/// <summary>Options of how much goes and in what pieces, beside the plain numbers.</summary>
internal sealed class SelectionFlags
{
    private readonly Option<string?> _size = new("--target-size")
    {
        HelpName = "SIZE",
        Description = "Remove as few blocks as bring the output within this size, such as 600MB",
    };
    private readonly Option<string?> _increase = new("--max-ppl-increase")
    {
        HelpName = "SHARE",
        Description = "Remove as many blocks as keep the perplexity on held-out calibration text within this rise, such as 10%; "
            + "exit code 5 where none can go",
    };
    private readonly Option<Granularity> _granularity = ChoiceOption.Of<Granularity>(
        "--granularity", "sublayer removes attention and MLP of a layer separately");
    private readonly Option<string> _merge = new("--merge")
    {
        HelpName = "auto|never",
        Description = "auto: greedy-loss weighs merging a block against dropping it, and takes the better",
        DefaultValueFactory = _ => "never",
    };
    private readonly Option<FileInfo?> _resume = new("--resume")
    {
        Description = "File that keeps the rounds of greedy-loss: the same command goes on where it was interrupted (.json)",
    };

    public SelectionFlags() => _merge.AcceptOnlyFromAmong("auto", "never");

    public IEnumerable<Option> Sugar => [_size, _increase, _granularity, _merge];

    public IEnumerable<Option> All => [.. Sugar, _resume];

    /// <summary>Ways to say how much goes.</summary>
    public Option[] Goals => [_size, _increase];

    /// <summary>Of the ways to say how much goes, those given here.</summary>
    public int Amounts(ParseResult parsed) => (parsed.GetValue(_size) is null ? 0 : 1) + (parsed.GetValue(_increase) is null ? 0 : 1);

    public bool TakesHalves(ParseResult parsed) => parsed.GetValue(_granularity) == Granularity.Sublayer;

    public bool WeighsDrops(ParseResult parsed) => parsed.GetValue(_merge) == "auto";

    /// <summary>
    /// File that keeps what a search has found; null for none. Throws <see cref="UsageException"/> where no step searches.
    /// </summary>
    public string? Journal(ParseResult parsed, IEnumerable<Step> steps)
    {
        if (parsed.GetValue(_resume) is not { } file) return null;
        return steps.SelectMany(s => s is Reach reach ? reach.Steps : [s]).Any(s => s is Best or Removal { Select: "greedy-loss" })
            ? file.FullName
            : throw new UsageException("--resume keeps the rounds of --select greedy-loss or --method best.");
    }

    /// <summary>Size or loss that decides how much goes; null where a number or the blocks are given.</summary>
    public Reach? Goal(ParseResult parsed)
    {
        var (size, increase) =
            (UsageRange.Bytes(parsed.GetValue(_size), "--target-size"), UsageRange.Share(parsed.GetValue(_increase), "--max-ppl-increase"));
        return size is null && increase is null ? null : new Reach { Bytes = size, MaxIncrease = increase };
    }

    /// <summary>Throws <see cref="UsageException"/> where an option does not go with the method or the selection.</summary>
    public void Check(ParseResult parsed, RemovalMethod method, string? select)
    {
        var isGreedy = select == "greedy-loss";
        if (WeighsDrops(parsed) && (!isGreedy || method != RemovalMethod.Mka))
            throw new UsageException("--merge auto belongs to --method mka --select greedy-loss.");
        if (TakesHalves(parsed) && method == RemovalMethod.Mka)
            throw new UsageException("--granularity sublayer deletes halves of layers: use --method drop or best.");
    }
}
