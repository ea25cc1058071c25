using System.Diagnostics;
using OnnxMka.Forge;
using OnnxMka.Isolation;
using OnnxMka.Outcomes;
using OnnxMka.Running.Sessions;

namespace OnnxMka.Tests.Isolation;

/// <summary>Models that end ONNX Runtime, or that it never comes back from, as a user meets them.</summary>
public sealed class ModelTrialTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_crash_of_the_runtime_is_a_refusal_that_names_the_signal()
    {
        var model = Model(HostileGraphs.Aborting);
        var refused = ToolProcess.Run([.. Command(model), "--isolate"]);
        Assert.Equal(3, refused.ExitCode);
        var line = Assert.Single(refused.ErrorLines);
        Assert.Contains(
            "MKA029 model.onnx: a child process that loaded it and ran a few tokens was ended by SIG", line, StringComparison.Ordinal);
        Assert.False(File.Exists(_folder["out.onnx"]));
        // The control: without a child it is this process that ends.
        Assert.InRange(ToolProcess.Run(Command(model)).ExitCode, 129, 159);
    }

    [Fact]
    public void A_crash_of_the_runtime_is_a_refusal_where_the_parts_run_one_by_one()
    {
        var outcome = Probe(Model(HostileGraphs.Aborting), memory: 1, TimeSpan.FromMinutes(2));
        Assert.Equal(ChildEnd.Died, outcome.End);
        Assert.StartsWith("was ended by SIG", outcome.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(long.MaxValue, "whole and stepped")]
    [InlineData(1, "one block at a time")]
    public void A_sound_model_is_run(long memory, string how)
    {
        var outcome = Probe(Model(m => m), memory, TimeSpan.FromMinutes(2));
        Assert.Equal((ChildEnd.Answered, how), (outcome.End, outcome.Text));
    }

    [Fact]
    public void A_graph_that_never_returns_is_ended()
    {
        var outcome = Probe(Model(HostileGraphs.Endless), long.MaxValue, TimeSpan.FromSeconds(3));
        Assert.Equal((ChildEnd.TimedOut, "did not come to an end within 3 s"), (outcome.End, outcome.Text));
    }

    [Theory]
    [InlineData("INT", 130)]
    [InlineData("KILL", 137)]
    public void What_ends_the_tool_ends_its_child(string signal, int code)
    {
        if (!OperatingSystem.IsLinux()) return; // processes and their parents are read from /proc
        using var tool = ToolProcess.Start([.. Command(Model(HostileGraphs.Endless)), "--isolate"]);
        var child = ChildOf(tool);
        using (var kill = Process.Start("/bin/sh", ["-c", $"kill -{signal} {tool.Id}"])) kill.WaitForExit();
        Assert.True(tool.WaitForExit(TimeSpan.FromMinutes(1)));
        Assert.Equal(code, tool.ExitCode);
        Assert.True(
            SpinWait.SpinUntil(() => !File.Exists($"/proc/{child}/stat") || State(child).State == 'Z', TimeSpan.FromSeconds(30)),
            "the child lives on");
    }

    /// <summary>Minutes where models are small, hours for the largest.</summary>
    [Fact]
    public void The_limit_grows_with_the_model()
    {
        Assert.Equal(TimeSpan.FromSeconds(60), ModelTrial.Limit(0));
        Assert.Equal(TimeSpan.FromSeconds(860), ModelTrial.Limit(16_000_000_000));
    }

    [Fact]
    public void A_program_that_cannot_be_its_own_child_says_so()
    {
        var target = (ExecutionTarget.Cpu with { Isolate = true }).Trying([Books16.ModelPath], null, CancellationToken.None);
        Assert.Contains(
            "another program",
            Assert.Throws<ExecutionTargetException>(() => OnnxMka.Running.Sessions.DecoderSession.Load(Books16.Map, target)).Message,
            StringComparison.Ordinal);
    }

    private string Model(Func<byte[], byte[]> change)
    {
        File.WriteAllBytes(_folder["model.onnx"], change(DecoderForge.Build(Presets.ByName("TorchScriptLlama").Model())));
        return _folder["model.onnx"];
    }

    private string[] Command(string model)
    {
        File.WriteAllLines(_folder["ids.jsonl"], Enumerable.Range(0, 40).Select(i => $"[{string.Join(',', Enumerable.Range(i, 16))}]"));
        return
        [
            model, _folder["out.onnx"], "--layers-removed", "1", "--method", "drop", "--order", "tail", "--calib-ids", _folder["ids.jsonl"],
            "--seq-len", "16", "--calib-samples", "32", "--no-eval", "--quiet", "--ep", "cpu",
        ];
    }

    private static ChildOutcome Probe(string model, long memory, TimeSpan limit) => ChildProbe.Run(
        new ChildProgram(ToolProcess.Executable, [ChildServer.Word]),
        [ModelTrial.Verb, .. ModelTrial.Arguments(model, ExecutionTarget.Cpu, memory)],
        limit,
        CancellationToken.None);

    /// <summary>Number of the tool's child, once it has one.</summary>
    private static int ChildOf(Process tool)
    {
        var child = 0;
        Assert.True(
            SpinWait.SpinUntil(
                () => (child = Processes().FirstOrDefault(p => State(p).Parent == tool.Id)) != 0 || tool.HasExited,
                TimeSpan.FromMinutes(1)),
            "no child was started");
        Assert.NotEqual(0, child);
        return child;
    }

    private static IEnumerable<int> Processes() =>
        Directory.GetDirectories("/proc").Select(p => int.TryParse(Path.GetFileName(p), out var id) ? id : 0).Where(id => id > 0);

    /// <summary>From <c>/proc/N/stat</c>: number (name) state parent.</summary>
    private static (char State, int Parent) State(int process)
    {
        try
        {
            var text = File.ReadAllText($"/proc/{process}/stat");
            var words = text[(text.LastIndexOf(')') + 2)..].Split(' ');
            return (words[0][0], int.Parse(words[1]));
        }
        catch (IOException)
        {
            return ('Z', 0); // it has just ended
        }
    }
}
