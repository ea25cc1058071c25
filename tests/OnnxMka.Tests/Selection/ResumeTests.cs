using OnnxMka.Bench;
using OnnxMka.Jobs;
using OnnxMka.Outcomes;
using OnnxMka.Selection;
using OnnxMka.Steps.Dropping;

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
            Recipe = RecipeOf.Steps(new Drop { Count = 3, Select = "greedy-loss", ProtectFirst = 11 }) with
            {
                Calibration = new() { Samples = 32, Length = 32 },
            },
            Evaluate = false,
            Verify = false,
        };
        Compressor.Run(options);
        var again = options with { Output = options.Output with { Path = folder["again"] }, JournalFile = folder["search.json"] };
        using var cancel = new CancellationTokenSource();
        Assert.ThrowsAny<OperationCanceledException>(() => Compressor.Run(again, new CancelAfter(5, cancel), cancel.Token));
        Assert.False(Directory.Exists(folder["again"]));
        Assert.Contains("\"greedy-loss ", File.ReadAllText(folder["search.json"]), StringComparison.Ordinal);
        Compressor.Run(again);
        Assert.Equal(
            File.ReadAllBytes(Path.Combine(folder["whole"], "model.onnx")), File.ReadAllBytes(Path.Combine(folder["again"], "model.onnx")));
        // Another search must not take its rounds.
        var other = Assert.Throws<RefusedException>(
            () => Compressor.Run(again.On(new() { Seed = 1, Samples = 40 }) with { Output = again.Output with { Force = true } }));
        Assert.Equal("MKA060", other.Refusal.Code);
    }

    [Fact]
    public void A_search_with_any_value_of_any_type_is_read_or_refused()
    {
        using var folder = new TempFolder();
        var path = folder["search.json"];
        SelectionState.Of(Journal.Open(path, "job"), "key").Add(new SelectedBlock(3, 1.5) { Alpha = 0.5 });
        Assert.Equal(new SelectedBlock(3, 1.5) { Alpha = 0.5 }, Assert.Single(SelectionState.Of(Journal.Open(path, "job"), "key").Rounds));
        JsonDamage.AssertReadOrRefused(File.ReadAllText(path), "MKA060", 50, damaged =>
        {
            File.WriteAllText(path, damaged);
            Assert.All(SelectionState.Of(Journal.Open(path, "job"), "key").Rounds, Assert.NotNull);
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
