using OnnxMka.Jobs;
using OnnxMka.Outcomes;
using OnnxMka.Planning;
using OnnxMka.Selection;

namespace OnnxMka.Tests.Selection;

/// <summary>The whole command, interrupted while it searches and run again.</summary>
public sealed class ResumeTests
{
    [Fact]
    public void The_same_command_after_an_interruption_writes_the_same_bytes()
    {
        using var folder = new TempFolder();
        var options = new CompressionOptions
        {
            Input = Books16.Folder,
            Output = new() { Path = folder["whole"] },
            Select = SelectionKind.GreedyLoss,
            Plan = new PlanOptions { Method = Method.Drop, Count = 3, ProtectFirst = 11 },
            Calibration = new() { Samples = 32 },
            Evaluate = false,
            Verify = false,
        };
        Compression.Run(options);
        var again = options with { Output = options.Output with { Path = folder["again"] }, ResumeFile = folder["search.json"] };
        using var cancel = new CancellationTokenSource();
        Assert.ThrowsAny<OperationCanceledException>(() => Compression.Run(again, new CancelAfter(5, cancel), cancel.Token));
        Assert.False(Directory.Exists(folder["again"]));
        Assert.Contains("\"rounds\"", File.ReadAllText(folder["search.json"]), StringComparison.Ordinal);
        Compression.Run(again);
        Assert.Equal(File.ReadAllBytes(Path.Combine(folder["whole"], "model.onnx")), File.ReadAllBytes(Path.Combine(folder["again"], "model.onnx")));
        // Another search must not take its rounds.
        var other = Assert.Throws<RefusedException>(() => Compression.Run(again with { Calibration = again.Calibration with { Seed = 1, Samples = 40 }, Output = again.Output with { Force = true } }));
        Assert.Equal("MKA060", other.Refusal.Code);
    }

    [Fact]
    public void A_search_with_any_value_of_any_type_is_read_or_refused()
    {
        using var folder = new TempFolder();
        var path = folder["search.json"];
        SelectionState.Open(path, "key").Add(new SelectedBlock(3, 1.5) { Alpha = 0.5 });
        Assert.Equal(new SelectedBlock(3, 1.5) { Alpha = 0.5 }, Assert.Single(SelectionState.Open(path, "key").Rounds));
        JsonDamage.AssertReadOrRefused(File.ReadAllText(path), "MKA060", 50, damaged =>
        {
            File.WriteAllText(path, damaged);
            Assert.All(SelectionState.Open(path, "key").Rounds, Assert.NotNull);
        });
    }

    /// <summary>Cancels once greedy selection has told of so many losses.</summary>
    private sealed class CancelAfter(int losses, CancellationTokenSource cancel) : IProgressSink, IStage
    {
        private long _done;

        public IStage Begin(string name, long total, string unit) => name == "greedy selection" ? this : NoProgress.Instance;

        public void Note(string text)
        {
        }

        public void Advance(long amount)
        {
            _done += amount;
            if (_done >= losses) cancel.Cancel();
        }

        public void Dispose()
        {
        }
    }
}
