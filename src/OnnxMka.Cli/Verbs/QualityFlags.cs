using System.CommandLine;
using OnnxMka.Bench;
using OnnxMka.Outcomes;
using OnnxMka.Selection;
using OnnxMka.Steps.Comparing;
using OnnxMka.Steps.Correcting;
using OnnxMka.Steps.Refitting;
using OnnxMka.Steps.Searching;

namespace OnnxMka.Cli.Verbs;

/// <summary>Options of what keeps quality: which blocks go, and what makes up for them.</summary>
internal sealed class QualityFlags
{
    private static readonly string[] Kinds = ["none", .. CorrectionNames.All];

    private readonly Option<string?> _select = new("--select")
    {
        HelpName = string.Join('|', Selectors.BuiltIn.Names),
        Description = "How the blocks that go are chosen (default: npib)",
    };
    private readonly Option<string?> _compensate = new("--compensate")
    {
        HelpName = string.Join('|', Kinds),
        Description = "Closed-form correction of what is left (default: refit, where it can be done)",
    };
    private readonly Option<double?> _ridge = new("--ridge")
    {
        Description = "First ridge of the correction, in units of the mean diagonal (default: 1e-2 for refit, else 1e-3)",
    };
    private readonly Option<int> _passes =
        new("--refit-passes") { Description = "How often a refit goes over the weights of each block", DefaultValueFactory = _ => 1 };
    private readonly Option<string> _budget = new("--budget")
    {
        Description = "Time in which --method best starts new trials, such as 90s, 10m or 1h; elsewhere what calibration and correction "
            + "should take: as many windows as fit it, or a note where --calib-samples says how many",
        DefaultValueFactory = _ => "5m",
    };

    public QualityFlags()
    {
        _select.AcceptOnlyFromAmong([.. Selectors.BuiltIn.Names]);
        _compensate.AcceptOnlyFromAmong(Kinds);
    }

    public IEnumerable<Option> All => [_select, _compensate, _ridge, _passes, _budget];

    /// <summary>Time that calibration and correction should take; null where none was given.</summary>
    public TimeSpan? Budget(ParseResult parsed) =>
        parsed.GetResult(_budget) is { Implicit: false } ? Durations.Parse(parsed.GetValue(_budget)!) : null;

    /// <summary>How blocks are chosen, what corrects what is left (null for nothing), and the search for the best of both.</summary>
    /// <param name="isNamed">The blocks are named, or a plan is given.</param>
    public (string? Select, Step? Correction, Best Best) Value(ParseResult parsed, RemovalMethod method, bool isNamed, bool planGiven)
    {
        var (select, name) = (parsed.GetValue(_select), parsed.GetValue(_compensate));
        var ridge = UsageRange.Within<CorrectionStep, double>(parsed.GetValue(_ridge), nameof(CorrectionStep.Ridge), "--ridge");
        var passes = UsageRange.Within<Refit, int>(parsed.GetValue(_passes), nameof(Refit.Passes), "--refit-passes");
        if (select is not null && isNamed)
            throw new UsageException("--select chooses blocks; with --blocks or --plan they are chosen already.");
        if (method == RemovalMethod.Best && (select is not null || name is not (null or "none") || passes != 1 || planGiven))
        {
            throw new UsageException(
                "--method best chooses blocks and correction itself: give it none of --select, --compensate, --refit-passes and --plan.");
        }

        var budget = parsed.GetValue(_budget)!;
        var time = Durations.Parse(budget) ?? throw new UsageException($"--budget {budget}: give a time such as 90s, 10m or 1h.");
        // A plan says all that is to be done.
        Step? correction = name switch
        {
            "none" => null,
            null => planGiven || method == RemovalMethod.Best ? null : new Refit { Ridge = ridge, Passes = passes, WherePossible = true },
            _ => CorrectionNames.Step(name, ridge, passes),
        };
        return (select, correction, new Best { Ridge = ridge, Budget = time });
    }
}
