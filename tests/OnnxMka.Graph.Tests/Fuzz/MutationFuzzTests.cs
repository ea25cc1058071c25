using System.Globalization;
using OnnxMka.Graph.Editing;
using Xunit.Abstractions;

namespace OnnxMka.Graph.Tests.Fuzz;

/// <summary>
/// Damaged models are read as before, or as another sound model, or refused. FUZZ_CASES (10,000), FUZZ_SEED (1) and FUZZ_CASE
/// (one case alone) in the environment change what is run.
/// </summary>
public sealed class MutationFuzzTests(ITestOutputHelper output)
{
    private const string Same = "same";
    private const string Different = "different";

    [Fact]
    public void DamagedModelsAreReadOrRefused()
    {
        var run = new FuzzRun(Setting("FUZZ_SEED", 1), Read);
        var single = Setting("FUZZ_CASE", -1);
        var cases = single >= 0 ? 1 : Setting("FUZZ_CASES", 10_000);
        run.Run(Math.Max(single, 0), cases);

        output.WriteLine($"{cases:N0} cases; slowest {run.Slowest.TotalMilliseconds:F0} ms; most allocated {run.MostAllocated:N0} bytes");
        foreach (var (outcome, count) in run.Outcomes.OrderBy(o => o.Key, StringComparer.Ordinal))
            output.WriteLine($"{outcome,-10} {count,9:N0}");
        if (cases < 10_000) return;
        foreach (var outcome in new[] { Same, Different, "MKA001", "MKA002", "MKA003", "MKA004", "MKA006", "MKA007" })
        {
            Assert.True(
                run.Outcomes.GetValueOrDefault(outcome) >= cases / 2000,
                $"hardly a case came out as {outcome}: the fuzzer tests less than it says");
        }
    }

    [Fact]
    public void AnExceptionIsReportedWithTheCaseThatRepeatsIt()
    {
        var run = new FuzzRun(7, (path, _) => File.ReadAllBytes(path).Length % 97 == 0 ? throw new ArithmeticException() : Same);
        var reported = Assert.Throws<InvalidOperationException>(() => run.Run(0, 5_000)).Message;
        Assert.Contains("ArithmeticException", reported);
        var number = int.Parse(reported.Split("FUZZ_CASE=")[1].Split(' ')[0], CultureInfo.InvariantCulture);
        Assert.Throws<InvalidOperationException>(() => run.Run(number, 1));
    }

    [Fact]
    public void ABombIsReported()
    {
        var run = new FuzzRun(7, (_, _) => $"{GC.AllocateUninitializedArray<byte>((512 << 20) + 1).Length}");
        Assert.Contains("allocated", Assert.Throws<InvalidOperationException>(() => run.Run(0, 1)).Message);
    }

    /// <summary>All that a command does with a model before and while it writes one.</summary>
    private static string Read(string path, FuzzFixture fixture)
    {
        var model = OnnxModel.Load(path);
        AssertInside(model);
        GraphIndex.Of(model.Graph);
        var digest = FuzzFixture.DigestOf(model);
        // What was read whole must go on working: from here on a refusal is a bug.
        try
        {
            GoOn(model, digest);
        }
        catch (RefusedException e)
        {
            throw new InvalidOperationException($"a model that had been read was refused later: {e.Message}", e);
        }

        return digest == fixture.Digest ? Same : Different;
    }

    private static void GoOn(OnnxModel model, string digest)
    {
        RuntimeImage.Of(model);
        var edited = GraphEditor.Apply(model, new EditScript());
        using var folder = TestFolder.Create();
        foreach (var (version, external) in new[] { (model, false), (edited, true) })
        {
            var written = ModelWriter.Plan(version, external ? "external.onnx" : "copy.onnx", external).Write(folder.Path);
            var copy = OnnxModel.Load(written.Files[0].Key);
            if (!external && FuzzFixture.DigestOf(copy) != digest) throw new InvalidOperationException("the copy differs");
            if (external && FuzzFixture.DigestOf(copy) != FuzzFixture.DigestOf(edited))
                throw new InvalidOperationException("the external copy differs");
        }
    }

    private static void AssertInside(OnnxModel model)
    {
        var folder = Path.GetDirectoryName(RealPath.Of(model.Path))!;
        foreach (var range in model.AllTensors().Select(t => t.Content).OfType<FileRange>())
        {
            if (!RealPath.IsInside(range.Path, folder)) throw new InvalidOperationException($"{range.Path} lies outside");
        }
    }

    private static int Setting(string name, int fallback) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), CultureInfo.InvariantCulture, out var value) ? value : fallback;
}
