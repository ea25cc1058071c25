using System.CommandLine;
using OnnxMka.Compensation;
using OnnxMka.Jobs;
using OnnxMka.Planning;
using OnnxMka.Selection;

namespace OnnxMka.Cli.Verbs;

/// <summary>Options of what keeps quality: which blocks go, and what makes up for them.</summary>
internal sealed class QualityFlags
{
    /// <summary>Far more than change anything.</summary>
    private const int MostPasses = 16;

    private static readonly string[] Kinds = [.. Enum.GetValues<CompensationKind>().Select(k => k.ToString().ToLowerInvariant())];

    private readonly Option<string?> _select = new("--select") { HelpName = string.Join('|', SelectionNames.All), Description = "How the blocks that go are chosen (default: npib)" };
    private readonly Option<string> _compensate = new("--compensate") { HelpName = string.Join('|', Kinds), Description = "Closed-form correction of what is left", DefaultValueFactory = _ => "none" };
    private readonly Option<double?> _ridge = new("--ridge") { Description = "First ridge of the correction, in units of the mean diagonal (default: 1e-2 for refit, else 1e-3)" };
    private readonly Option<int> _passes = new("--refit-passes") { Description = "How often a refit goes over the weights of each block", DefaultValueFactory = _ => 1 };
    private readonly Option<string> _budget = new("--budget") { Description = "Time in which --method best starts new trials, such as 90s, 10m or 1h", DefaultValueFactory = _ => "5m" };

    public QualityFlags()
    {
        _select.AcceptOnlyFromAmong([.. SelectionNames.All]);
        _compensate.AcceptOnlyFromAmong(Kinds);
    }

    public IEnumerable<Option> All => [_select, _compensate, _ridge, _passes, _budget];

    public CompressionOptions Apply(ParseResult parsed, CompressionOptions options)
    {
        SelectionKind? select = parsed.GetValue(_select) is { } name ? SelectionNames.Parse(name) : null;
        var kind = Enum.Parse<CompensationKind>(parsed.GetValue(_compensate)!, ignoreCase: true);
        var ridge = parsed.GetValue(_ridge);
        if (ridge is { } value && !(value > 0 && double.IsFinite(value))) throw new UsageException($"--ridge is {value}; it must be above 0.");
        var passes = parsed.GetValue(_passes);
        if (passes is < 1 or > MostPasses) throw new UsageException($"--refit-passes is {passes}; it must be 1 to {MostPasses}.");
        var given = options.ReadyPlan is not null || !options.Plan.Named.IsDefaultOrEmpty || !options.Plan.NamedHalves.IsDefaultOrEmpty;
        if (select is not null && given) throw new UsageException("--select chooses blocks; with --blocks or --plan they are chosen already.");
        if (options.Plan.Method == Method.Best && (select is not null || kind != CompensationKind.None || passes != 1 || options.ReadyPlan is not null))
            throw new UsageException("--method best chooses blocks and correction itself: give it none of --select, --compensate, --refit-passes and --plan.");
        return options with
        {
            Select = select,
            Plan = options.Plan with { Order = select switch { SelectionKind.Tail => Order.Tail, SelectionKind.Npib => Order.Similarity, _ => options.Plan.Order } },
            Compensate = new CompensationOptions { Kind = kind, Ridge = ridge, Passes = passes },
            Budget = Time(parsed.GetValue(_budget)!),
        };
    }

    private static TimeSpan Time(string text)
    {
        double? unit = text.Length == 0 ? null : text[^1] switch { 's' => 1, 'm' => 60, 'h' => 3600, _ => null };
        return unit is { } seconds && double.TryParse(text.AsSpan(0, text.Length - 1), System.Globalization.CultureInfo.InvariantCulture, out var number) && number > 0 && number * seconds < 1e6
            ? TimeSpan.FromSeconds(number * seconds)
            : throw new UsageException($"--budget {text}: give a time such as 90s, 10m or 1h.");
    }
}
