using System.CommandLine;
using OnnxMka.Alignment;
using OnnxMka.Jobs;
using OnnxMka.Running.Activations;
using OnnxMka.Running.Parts;
using OnnxMka.Running.Sessions;
using OnnxMka.Running.Tokens;

namespace OnnxMka.Cli.Verbs;

/// <summary>Options of everything that runs calibration text.</summary>
internal sealed class CalibrationFlags
{
    private readonly Option<string?> _calib = new("--calib") { Description = "Calibration text (default: built-in prose)" };
    private readonly Option<string?> _ids =
        new("--calib-ids") { Description = "Calibration token ids, JSON lines, for models without a tokenizer" };
    private readonly Option<int?> _samples = new("--calib-samples")
    {
        Description = "Calibration sequences, at least 32 (default: 256, and more where wide weights are refitted and time allows)",
    };
    private readonly Option<int> _length = new("--seq-len") { Description = "Tokens of a sequence", DefaultValueFactory = _ => 128 };
    private readonly Option<Pooling> _pool = ChoiceOption.Of<Pooling>("--pool", "How a sequence becomes one point: mean or last token");
    private readonly Option<int> _batch = new("--batch-size") { Description = "Sequences that run at once", DefaultValueFactory = _ => 8 };
    private readonly Option<RunMode?> _run = ChoiceOption.OrNone<RunMode>(
        "--run", "Run the whole model at once, or one block at a time (default: what --memory allows)");
    private readonly Option<string?> _memory =
        new("--memory") { Description = "Memory that running the model may take, such as 8GB (default: four fifths of the machine's)" };
    private readonly Option<int> _seed =
        new("--seed") { Description = "Chooses among the windows of the text", DefaultValueFactory = _ => 0 };
    private readonly Option<string> _ep = new("--ep") { Description = "auto, cpu or cuda", DefaultValueFactory = _ => "auto" };
    private readonly Option<int> _device = new("--device-id") { Description = "Which GPU", DefaultValueFactory = _ => 0 };
    private readonly Option<bool> _isolate =
        new("--isolate") { Description = "Run the model in a child process first: a crash or a hang of the runtime is a refusal then" };
    private readonly AlignmentFlags _alignment = new();

    public CalibrationFlags() => _ep.AcceptOnlyFromAmong("auto", "cpu", "cuda");

    public IEnumerable<Option> All =>
        [_calib, _ids, _samples, _length, _pool, _batch, _run, _memory, _seed, _ep, _device, _isolate, .. _alignment.All];

    /// <summary>Those that a recipe takes the place of.</summary>
    public IEnumerable<Option> Sugar => [_calib, _ids, _samples, _length, _pool, _seed, .. _alignment.All];

    public CompressionOptions Apply(ParseResult parsed, CompressionOptions options)
    {
        options = ApplyRunning(parsed, options);
        var (text, ids) = (parsed.GetValue(_calib), parsed.GetValue(_ids));
        if (text is not null && ids is not null) throw new UsageException("Give --calib or --calib-ids, not both.");
        return options with
        {
            Output = options.Output with { Files = options.Output.Files.Reads("--calib", text).Reads("--calib-ids", ids) },
            Recipe = options.Recipe with
            {
                Calibration = options.Recipe.Calibration with
                {
                    TextFile = text,
                    IdsFile = ids,
                    Samples = UsageRange.Within<CalibrationOptions, int>(
                        parsed.GetValue(_samples), nameof(CalibrationOptions.Samples), "--calib-samples"),
                    Length = UsageRange.Within<CalibrationOptions, int>(
                        parsed.GetValue(_length), nameof(CalibrationOptions.Length), "--seq-len"),
                    Seed = parsed.GetValue(_seed),
                },
                Scoring = options.Recipe.Scoring with
                {
                    Pooling = parsed.GetValue(_pool),
                    Alignment = _alignment.Value(parsed),
                },
            },
        };
    }

    /// <summary>Where and how it runs alone: the rest a recipe says.</summary>
    public CompressionOptions ApplyRunning(ParseResult parsed, CompressionOptions options)
    {
        var running = options.Running with
        {
            BatchSize = UsageRange.AtLeast(parsed.GetValue(_batch), 1, "--batch-size"),
            Mode = parsed.GetValue(_run),
            Memory = UsageRange.Bytes(parsed.GetValue(_memory), "--memory"),
            Target = ExecutionTarget.Choose(
                parsed.GetValue(_ep)!, parsed.GetValue(_device)) with
            { Isolate = parsed.GetValue(_isolate) },
        };
        var kernels = ScoringDevice.For(parsed.GetValue(_ep)!, parsed.GetValue(_device), running.Target);
        return options with
        {
            Recipe = options.Recipe with { Scoring = options.Recipe.Scoring with { Kernels = kernels } },
            Running = running,
        };
    }
}

/// <summary>Options of the scoring itself.</summary>
internal sealed class AlignmentFlags
{
    private readonly Option<int> _neighbours =
        new("--neighbours") { Description = "k of the nearest-neighbour estimates", DefaultValueFactory = _ => 5 };
    private readonly Option<int> _dimension =
        new("--embedding-dim") { Description = "Diffusion coordinates", DefaultValueFactory = _ => 2 };
    private readonly Option<double> _time =
        new("--diffusion-time") { Description = "Power of the eigenvalues", DefaultValueFactory = _ => 1 };
    private readonly Option<double?> _sigma = new("--sigma") { Description = "Kernel width (default: median distance)" };

    public IEnumerable<Option> All => [_neighbours, _dimension, _time, _sigma];

    public AlignmentOptions Value(ParseResult parsed)
    {
        try
        {
            return new AlignmentOptions
            {
                Neighbours = parsed.GetValue(_neighbours),
                EmbeddingDimension = parsed.GetValue(_dimension),
                DiffusionTime = parsed.GetValue(_time),
                Sigma = parsed.GetValue(_sigma),
            };
        }
        catch (ArgumentOutOfRangeException e)
        {
            throw new UsageException(e.Message.Split('(')[0].Trim());
        }
    }
}
