using OnnxMka.Forge;
using OnnxMka.Jobs;
using OnnxMka.Measuring;
using OnnxMka.Outcomes;
using OnnxMka.Planning;
using OnnxMka.Running.Activations;
using OnnxMka.Running.Sessions;
using OnnxMka.Running.Tokens;
using OnnxMka.Scoring;
using OnnxMka.Selection;
using OnnxMka.Steps.Correcting;
using OnnxMka.Steps.Dropping;
using OnnxMka.Steps.Merging;
using OnnxMka.Steps.Refitting;
using OnnxMka.Steps.Searching;
using OnnxMka.Structure;

namespace OnnxMka.Tests.Running.Sessions;

/// <summary>
/// A model that loads and fails when it runs is refused in the runtime's own words, whoever runs it; and is made smaller where nobody does.
/// </summary>
public sealed class RuntimeFailureTests : IDisposable
{
    private readonly BuiltDecoder _form = new(nameof(LlamaPresets.TorchScriptLlama), Disguises.LateFailure);

    public static TheoryData<string> Ways => new(Runs.Keys);

    private static readonly Dictionary<string, Action<BuiltDecoder, CalibrationSet>> Runs = new(StringComparer.Ordinal)
    {
        ["calibration"] = (f, set) => Runners.Whole(8).Pooled(f.Map, set, Pooling.Mean, NoProgress.Instance),
        ["calibration by blocks"] = (f, set) => Runners.ByParts(f.Map, set, 8).Pooled(f.Map, set, Pooling.Mean, NoProgress.Instance),
        ["score"] = (f, set) => ModelScoring.Run(
            Runners.Whole(8), f.Map, set, new ScoringOptions(), "", NoProgress.Instance, default, new StageClock()),
        ["perplexity"] = (f, set) => Perplexity.Measure(Runners.Whole(8), f.Map, set),
        ["perplexity by blocks"] = (f, set) => Perplexity.Measure(Runners.ByParts(f.Map, set, 8), f.Map, set),
        ["step"] = (f, set) => Stepped(f, set.Samples[0]),
        ["speed"] = (f, set) => Speed.Measure([f.Map], set.Samples, null, ExecutionTarget.Cpu),
        ["verify"] = (f, _) => Compressed(f, o => o with { Verify = true }),
        ["evaluate"] = (f, _) => Compressed(f, o => o with { Evaluate = true }),
        ["merge"] = (f, _) => Compressed(f, o => o.With(new Merge { Count = 1 })),
        ["angular"] = (f, _) => Selected(f, "angular"),
        ["bi"] = (f, _) => Selected(f, "bi"),
        ["greedy"] = (f, _) => Selected(f, "greedy-loss"),
        ["refit"] = (f, _) => Compressed(f, o => o.With(new Drop { Blocks = ["1"] }, new Refit())),
        ["best"] = (f, _) => Compressed(f, o => o.With(new Best { Count = 1 })),
        ["eval"] = (f, _) => ModelEvaluation.Run(new EvaluationOptions { Model = f.Path, TextIds = f.IdFile(), Window = 16 }),
    };

    [Theory]
    [MemberData(nameof(Ways))]
    public void What_the_runtime_fails_at_is_a_refusal_in_its_words(string way)
    {
        var set = new CalibrationSet([.. Enumerable.Range(0, 32).Select(r => _form.Ids(16, r + 1))], 16, "ids", "");
        var refusal = Assert.Throws<RefusedException>(() => Runs[way](_form, set)).Refusal;
        Assert.Equal(("MKA026", "late_reshape"), (refusal.Code, refusal.Where));
        Assert.Contains("requested shape:{7,-1,5}", refusal.What, StringComparison.Ordinal);
        Assert.Contains("--no-eval --no-verify", refusal.Next, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_a_run_the_block_goes_all_the_same()
    {
        Compressed(_form, o => o);
        Assert.Equal(3, BlockDetector.Detect(OnnxMka.Graph.OnnxModel.Load(_form.Other)).Count);
    }

    [Fact]
    public void The_command_says_so_in_one_line()
    {
        string[] text = ["--calib-ids", _form.IdFile(), "--seq-len", "16"];
        var result = ToolProcess.Run([_form.Path, _form.Other, "--blocks", "1", "--method", "drop", .. text, "--ep", "cpu", "--quiet"]);
        Assert.Equal(3, result.ExitCode);
        Assert.Contains("MKA026 late_reshape", Assert.Single(result.ErrorLines), StringComparison.Ordinal);
        Assert.False(File.Exists(_form.Other));
    }

    [Fact]
    public void A_model_that_does_not_load_is_refused_with_the_way_around()
    {
        using var form = new BuiltDecoder(nameof(LlamaPresets.TorchScriptLlama), m => Disguises.Unknown(m, "Softmax", "NotYetInvented"));
        var refusal = Assert.Throws<RefusedException>(
            () => OnnxMka.Running.Sessions.DecoderSession.Load(form.Map, ExecutionTarget.Cpu)).Refusal;
        Assert.Equal("MKA023", refusal.Code);
        Assert.Contains("NotYetInvented", refusal.What, StringComparison.Ordinal);
        Assert.Contains("--no-eval --no-verify", refusal.Next, StringComparison.Ordinal);
        Compressed(form, o => o);
        Assert.Equal(3, BlockDetector.Detect(OnnxMka.Graph.OnnxModel.Load(form.Other)).Count);
    }

    [Theory]
    [InlineData(
        "[ErrorCode:RuntimeException] Non-zero status code returned while running Reshape node. Name:'/a/b' Status Message: "
        + "/src/core/reshape_helper.h:45 A::B(const C&, bool) size was false. Input shape:{2}",
        "size was false. Input shape:{2}", "Reshape", "/a/b")]
    [InlineData(
        "[ErrorCode:InvalidArgument] Invalid dimensions of x\nindex: 0 Got: 8", "Invalid dimensions of x index: 0 Got: 8", null, null)]
    [InlineData("[ErrorCode:Fail] Non-zero status code returned while running Add node. Name:'' Status Message: no.", "no", "Add", null)]
    public void Of_the_runtimes_words_the_places_in_its_source_are_left_out(string message, string reason, string? op, string? node) =>
        Assert.Equal(new RuntimeWords(reason, op, node), RuntimeWords.Of(message));

    public void Dispose() => _form.Dispose();

    private static void Stepped(BuiltDecoder form, int[] ids)
    {
        using var session = OnnxMka.Running.Sessions.DecoderSession.Load(form.Map, ExecutionTarget.Cpu);
        session.StepToLast(ids);
    }

    private static void Selected(BuiltDecoder form, string selector) =>
        Compressed(form, o => o.With(new Drop { Count = 1, Select = selector }));

    private static void Compressed(BuiltDecoder form, Func<CompressionOptions, CompressionOptions> with)
    {
        var options = new CompressionOptions
        {
            Input = form.Path,
            Output = new() { Path = form.Other },
            Recipe = RecipeOf.Drop(1) with { Calibration = new() { IdsFile = form.IdFile(), Samples = 32, Length = 16 } },
            Evaluate = false,
            Verify = false,
        };
        Compressor.Run(with(options));
    }
}
