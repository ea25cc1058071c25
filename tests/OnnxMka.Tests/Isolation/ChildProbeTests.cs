using System.Diagnostics;
using OnnxMka.Isolation;

namespace OnnxMka.Tests.Isolation;

/// <summary>How children come to their end, with a shell in the place of the program.</summary>
public sealed class ChildProbeTests
{
    private static readonly ChildProgram Shell = new("/bin/sh", ["-c"]);

    [Theory]
    [InlineData("kill -SEGV $$", "was ended by SIGSEGV")]
    [InlineData("kill -FPE $$", "was ended by SIGFPE")]
    [InlineData("echo terminate called >&2; kill -ABRT $$", "was ended by SIGABRT")]
    [InlineData("kill -KILL $$", "was ended by SIGKILL")]
    [InlineData("exit 7", "ended with exit code 7")]
    [InlineData("exit 0", "ended with exit code 0")]
    [InlineData("exit 3", "ended with exit code 3")]
    public void Whatever_ends_a_child_before_its_answer_is_named(string script, string end)
    {
        var outcome = Run(script);
        Assert.Equal((ChildEnd.Died, end), (outcome.End, outcome.Text));
        Assert.Equal(script.Contains("terminate", StringComparison.Ordinal) ? "terminate called\n" : "", outcome.Errors);
    }

    [Fact]
    public void What_libraries_print_before_the_answer_is_not_part_of_it()
    {
        var outcome = Run("echo noise; printf '\\n--onnx-mka-answer--\\nyes'");
        Assert.Equal((ChildEnd.Answered, "yes"), (outcome.End, outcome.Text));
    }

    [Fact]
    public void A_refusal_of_the_child_is_one_of_the_parent()
    {
        const string Script =
            """printf '\n--onnx-mka-answer--\n{"code":"MKA030","where":"w","what":"x","next":"n"}'; exit 3""";
        var refused = Assert.Throws<RefusedException>(() => Run(Script));
        Assert.Equal(new Refusal("MKA030", "w", "x", "n"), refused.Refusal);
    }

    [Fact]
    public void A_bug_of_the_child_is_one_of_the_parent() =>
        Assert.Contains(
            "at Somewhere()",
            Assert.Throws<InvalidOperationException>(() => Run("printf '\\n--onnx-mka-answer--\\nat Somewhere()'; exit 1")).Message,
            StringComparison.Ordinal);

    /// <summary>The limit is in slices of 50 ms, so the child is there at least that long, and no second longer.</summary>
    [Fact]
    public void A_child_that_does_not_end_is_ended()
    {
        var clock = Stopwatch.StartNew();
        var outcome = ChildProbe.Run(Shell, ["echo before >&2; exec sleep 60"], TimeSpan.FromMilliseconds(300), CancellationToken.None);
        Assert.Equal((ChildEnd.TimedOut, "before\n"), (outcome.End, outcome.Errors));
        Assert.InRange(clock.Elapsed.TotalSeconds, 0.3, 30);
    }

    [Fact]
    public void Cancelling_ends_the_child()
    {
        using var cancel = new CancellationTokenSource(TimeSpan.FromMilliseconds(200));
        using var folder = new TempFolder();
        Assert.ThrowsAny<OperationCanceledException>(
            () => ChildProbe.Run(Shell, [$"echo $$ > {folder["pid"]}; exec sleep 60"], TimeSpan.FromMinutes(1), cancel.Token));
        Assert.Throws<ArgumentException>(() => Process.GetProcessById(int.Parse(File.ReadAllText(folder["pid"]))));
    }

    [Theory]
    [InlineData("INT")]
    [InlineData("HUP")]
    public void A_child_that_Ctrl_C_ends_first_is_no_fault(string signal) =>
        Assert.ThrowsAny<OperationCanceledException>(() => Run($"exec env --default-signal={signal} /bin/sh -c 'kill -{signal} $$'"));

    [Fact]
    public void A_program_that_serves_no_probes_has_none()
    {
        Assert.False(ChildProbe.IsAvailable);
        Assert.Throws<InvalidOperationException>(() => ChildProbe.Run("model", [], TimeSpan.FromSeconds(1), CancellationToken.None));
    }

    private static ChildOutcome Run(string script) => ChildProbe.Run(Shell, [script], TimeSpan.FromMinutes(1), CancellationToken.None);
}
