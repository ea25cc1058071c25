using System.Collections.Immutable;
using System.CommandLine;
using OnnxMka.Bench;
using OnnxMka.Planning;
using OnnxMka.Recipes;
using OnnxMka.Steps;
using OnnxMka.Steps.Caching;
using OnnxMka.Steps.Cutting;
using OnnxMka.Steps.Dropping;
using OnnxMka.Steps.Merging;
using OnnxMka.Steps.Reaching;
using OnnxMka.Steps.Searching;
using OnnxMka.Structure;

namespace OnnxMka.Cli.Verbs;

/// <summary>What is removed, by words of the command line.</summary>
internal enum RemovalMethod
{
    Mka,
    Drop,
    Best,
    Cut,
}

/// <summary>Options that are sugar for the steps of a recipe.</summary>
internal sealed class RecipeFlags
{
    private readonly Option<double?> _ratio = new("--ratio") { Description = "Share of the blocks to remove, 0 up to 1" };
    private readonly Option<int?> _count = new("--layers-removed") { Description = "Number of blocks to remove" };
    private readonly Option<string?> _blocks =
        new("--blocks") { Description = "Blocks to remove, such as 3,7 (numbers start at 0); of halves, such as 3.mlp,7.attention" };
    private readonly Option<RemovalMethod> _method = ChoiceOption.Of<RemovalMethod>(
        "--method",
        "mka merges, drop deletes, best tries several ways and takes what loses least, cut takes widths, ranks, halves and blocks where "
            + "they are missed least: --ratio is then the share of the blocks' parameters");
    private readonly Option<string?> _allow = new("--allow")
    {
        HelpName = "KIND,...",
        Description = $"What --method cut may take: {string.Join(", ", Enum.GetNames<CutPart>()).ToLowerInvariant()} (default: all)",
    };
    private readonly Option<bool> _uniform = new("--uniform")
    {
        Description = "With --method cut: one width for all MLPs, as config.json can say it; loses more",
    };
    private readonly Option<string?> _kvRatio = new("--kv-ratio")
    {
        HelpName = "SHARE",
        Description = "Share of the caches' bytes to remove, such as 25%: alone, or with what else is done; values get narrower heads",
    };
    private readonly Option<Order> _order = ChoiceOption.Of<Order>(
        "--order", "similarity takes the most similar neighbours, tail the last");
    private readonly Option<MergedHalf> _only = ChoiceOption.Of<MergedHalf>(
        "--only", "Mix only that half of each merged block; the other stays the kept block's own");
    private readonly QualityFlags _quality = new();
    private readonly SelectionFlags _selection = new();
    private readonly MergeFlags _merge = new();
    private readonly Option<int> _protectFirst =
        new("--protect-first") { Description = "Blocks at the start that stay as they are", DefaultValueFactory = _ => 1 };
    private readonly Option<int> _protectLast =
        new("--protect-last") { Description = "Blocks at the end that stay as they are", DefaultValueFactory = _ => 1 };

    public IEnumerable<Option> All => Options(_selection.All);

    /// <summary>Those that a recipe takes the place of.</summary>
    public IEnumerable<Option> Sugar => Options(_selection.Sugar);

    /// <inheritdoc cref="SelectionFlags.Journal"/>
    public string? Journal(ParseResult parsed, Recipe recipe) => _selection.Journal(parsed, recipe.Steps);

    /// <inheritdoc cref="QualityFlags.Budget"/>
    public TimeSpan? Budget(ParseResult parsed) => _quality.Budget(parsed);

    /// <summary>Steps and granularity. Throws <see cref="UsageException"/> where options contradict each other.</summary>
    /// <param name="plan">One that was given; null for none.</param>
    public Recipe Recipe(ParseResult parsed, MergePlan? plan)
    {
        if (UsageRange.Share(parsed.GetValue(_kvRatio), "--kv-ratio") is not { } share) return Removing(parsed, plan);
        var kv = new Kv { Ratio = UsageRange.Within<Kv, double>(share, nameof(Kv.Ratio), "--kv-ratio") };
        if (plan is null && !Sugar.Any(o => o != _kvRatio && IsGiven(parsed, o))) return new Recipe { Steps = [kv] };
        var recipe = Removing(parsed, plan);
        // A cut may leave an output projection as two matrices, which heads cannot be told from.
        return recipe with { Steps = recipe.IsCut ? [kv, .. recipe.Steps] : [.. recipe.Steps, kv] };
    }

    private Recipe Removing(ParseResult parsed, MergePlan? plan)
    {
        var method = parsed.GetValue(_method);
        if (method == RemovalMethod.Cut) return CutRecipe(parsed);
        if (new Option[] { _allow, _uniform }.FirstOrDefault(o => IsGiven(parsed, o)) is { } stray)
            throw new UsageException($"{stray.Name} belongs to --method cut.");
        var merge = Merge(parsed, method, plan is not null);
        var wanted = With(merge, parsed);
        var isNamed = wanted.Blocks.Length > 0 || plan is not null;
        var (select, correction, best) = _quality.Value(parsed, method, isNamed, plan is not null);
        _selection.Check(parsed, method, select);
        select ??= parsed.GetValue(_order) == Order.Tail ? "tail" : null;
        Removal removal = plan is not null ? PlannedStep.Of(plan) : method switch
        {
            RemovalMethod.Drop => wanted.As(new Drop()),
            RemovalMethod.Best => wanted.As(best),
            _ => wanted,
        };
        if (plan is null && method != RemovalMethod.Best && !isNamed) removal = removal with { Select = select };
        if (removal is Merge { Plan: null } weighed) removal = weighed with { WeighDrops = _selection.WeighsDrops(parsed) };
        if (removal is Merge { Plan: null, WeighDrops: false } merged
            && !IsGiven(parsed, _method)
            && !merged.FitAlpha
            && merged.Align == AlignUnits.None
            && merged.Only == MergedHalf.Both
            && merged.Alpha is null)
            removal = merged with { OrDrop = true };
        ImmutableArray<Step> steps = correction is null ? [removal] : [removal, correction];
        if (_selection.Goal(parsed) is { } goal) steps = [goal with { Steps = steps }];
        return new Recipe
        {
            Steps = steps,
            Granularity = plan is { Units: not null } || _selection.TakesHalves(parsed) ? Granularity.Sublayer : Granularity.Block,
        };
    }

    /// <summary>A cut chooses what goes, and corrects it, by itself.</summary>
    private Recipe CutRecipe(ParseResult parsed)
    {
        Option[] known = [_ratio, _method, _allow, _uniform, _kvRatio, .. _selection.Goals];
        var other = Sugar.FirstOrDefault(o => !known.Contains(o) && IsGiven(parsed, o));
        if (other is not null) throw new UsageException($"--method cut chooses what goes itself: leave {other.Name} out.");
        var ratio = UsageRange.Within<Cut, double>(parsed.GetValue(_ratio), nameof(Cut.Ratio), "--ratio");
        if ((ratio is null ? 0 : 1) + _selection.Amounts(parsed) != 1)
            throw new UsageException("Say how much goes with exactly one of --ratio, --target-size and --max-ppl-increase.");
        var cut = new Cut { Ratio = ratio, Uniform = parsed.GetValue(_uniform) };
        if (parsed.GetValue(_allow) is { } allow) cut = cut with { Allow = Parts(allow) };
        return new Recipe { Steps = [_selection.Goal(parsed) is { } goal ? goal with { Steps = [cut] } : cut] };
    }

    private static ImmutableArray<CutPart> Parts(string allow)
    {
        string[] words = allow.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        var unknown = words.FirstOrDefault(w => !Array.Exists(Enum.GetNames<CutPart>(), p => IsWord(p, w)));
        return words.Length > 0 && unknown is null
            ? [.. Enum.GetValues<CutPart>().Where(p => Array.Exists(words, w => IsWord($"{p}", w)))]
            : throw new UsageException(
                $"--allow {unknown}: give some of {string.Join(", ", Enum.GetNames<CutPart>()).ToLowerInvariant()}.");
    }

    private static bool IsWord(string part, string word) => string.Equals(part, word, StringComparison.OrdinalIgnoreCase);

    private static bool IsGiven(ParseResult parsed, Option option) => parsed.GetResult(option) is { Implicit: false };

    private Option[] Options(IEnumerable<Option> selection) =>
    [
        _ratio, _count, _blocks, _method, _allow, _uniform, _kvRatio, _order, _only, .. _quality.All, .. selection, .. _merge.All,
        _protectFirst, _protectLast,
    ];

    private Merge Merge(ParseResult parsed, RemovalMethod method, bool planGiven)
    {
        var amounts = new[]
        {
            parsed.GetValue(_ratio) is not null,
            parsed.GetValue(_count) is not null,
            parsed.GetValue(_blocks) is not null,
            planGiven,
        }.Count(given => given);
        if (amounts + _selection.Amounts(parsed) != 1)
        {
            throw new UsageException(
                "Say how much goes with exactly one of --ratio, --layers-removed, --blocks, --target-size, --max-ppl-increase or --plan.");
        }

        UsageRange.Within<Removal, double>(parsed.GetValue(_ratio), nameof(Removal.Ratio), "--ratio");
        if (parsed.GetValue(_only) != MergedHalf.Both && (planGiven || method != RemovalMethod.Mka))
        {
            throw new UsageException(
                "--only says what a merge mixes: it goes with --method mka, and not with --plan, which says so itself.");
        }

        return _merge.Apply(parsed, planGiven, method, new Merge { Only = parsed.GetValue(_only) });
    }

    private Merge With(Merge merge, ParseResult parsed)
    {
        var blocks = parsed.GetValue(_blocks);
        return merge with
        {
            Ratio = parsed.GetValue(_ratio),
            Count = UsageRange.Within<Removal, int>(parsed.GetValue(_count), nameof(Removal.Count), "--layers-removed"),
            Blocks = _selection.TakesHalves(parsed)
                ? [.. (blocks ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)]
                : [.. UsageRange.Numbers(blocks, "--blocks").Select(b => b.ToString(System.Globalization.CultureInfo.InvariantCulture))],
            ProtectFirst = UsageRange.Within<Removal, int>(parsed.GetValue(_protectFirst), nameof(Removal.ProtectFirst), "--protect-first"),
            ProtectLast = UsageRange.Within<Removal, int>(parsed.GetValue(_protectLast), nameof(Removal.ProtectLast), "--protect-last"),
        };
    }
}
