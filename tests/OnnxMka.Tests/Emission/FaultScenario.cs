using System.Collections.Immutable;
using System.Security.Cryptography;
using OnnxMka.Emission;
using OnnxMka.Forge;
using OnnxMka.Inputs;
using OnnxMka.Jobs;
using OnnxMka.Planning;

namespace OnnxMka.Tests.Emission;

/// <summary>What stands under the output's name.</summary>
internal enum Standing
{
    Old,
    New,
    Nothing,

    /// <summary>A model beside files of another, or a part of one: what must never be.</summary>
    Half,
}

/// <summary>A run over a place of the output that is prepared anew for each case, and what may stand there afterwards.</summary>
internal sealed class FaultScenario : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly string[] _options;
    private readonly string _output;
    private readonly string _plan;
    private readonly ImmutableSortedDictionary<string, string> _before;
    private readonly ImmutableSortedDictionary<string, string> _after;

    /// <param name="output">Relative to the folder of a case.</param>
    /// <param name="data">Of the input.</param>
    /// <param name="prepare">Puts an older result into a folder; null for none.</param>
    private FaultScenario(
        string name, string output, DataPlace data, string input, Action<string, string>? prepare, params string[] options)
    {
        (Name, _output, _options) = (name, output, options);
        var model = LlamaPresets.GenAiLlamaGqa.Model();
        DecoderForge.WriteFolder(model with { Spec = model.Spec with { Form = model.Spec.Form with { Data = data } } }, _folder["in"]);
        Input = _folder[input];
        Directory.CreateDirectory(_folder["before"]);
        prepare?.Invoke(Input, _folder["before"]);
        _before = Contents(_folder["before"]);
        _plan = PlanJson.Write(Compressor.Run(Dropping(Input, null, 2)).Plan);
        var plain = Run("plain", [], null);
        Assert.Equal("", plain.Result.Errors);
        _after = Contents(_folder["plain"]);
        Assert.NotEqual(_before, _after);
    }

    public string Name { get; }

    private string Input { get; }

    private bool WasThere => _before.ContainsKey(Model);

    private string Model => _output.EndsWith(".onnx", StringComparison.Ordinal) ? _output : $"{_output}/model.onnx";

    /// <param name="few">One of them, where there are few cases.</param>
    public static FaultScenario[] All(bool few) => few ? [FolderOverFolder()] :
    [
        NewFolder(),
        FolderOverFolder(),
        new(
            "a folder with data over one without",
            "out",
            DataPlace.Inline,
            "in",
            (input, before) => Old(input, $"{before}/out", external: true),
            "--force"),
        new("a file over a file", "small.onnx", DataPlace.Inline, "in/model.onnx", OldFile, "--force"),
        new(
            "a file and what goes along over the same",
            "out/small.onnx",
            DataPlace.OneFile,
            "in/model.onnx",
            (input, before) => Old(input, $"{before}/out/small.onnx"),
            "--force"),
    ];

    public static FaultScenario NewFolder() => new("a new folder", "out", DataPlace.OneFile, "in", null);

    public void Dispose() => _folder.Dispose();

    /// <summary>Runs in a folder of its own that is named.</summary>
    public (ToolResult Result, SystemCall[] Calls) Run(string place, IEnumerable<string> calls, string? inject)
    {
        Copy(_folder["before"], _folder[place]);
        string[] arguments = [Input, _folder[$"{place}/{_output}"], "--no-eval", "--no-verify", "--quiet", .. _options];
        return FaultedRun.Run(_plan, _folder[place + ".trace"], calls.DefaultIfEmpty("getpid"), inject, arguments);
    }

    /// <summary>Calls that touch input or output.</summary>
    public bool Concerns(SystemCall call) => call.Line.Contains(_folder.FullPath, StringComparison.Ordinal);

    public Standing StandingAt(string place)
    {
        var found = Contents(_folder[place]);
        // Data of the old model stay, told, where that could not be read any more: the new one does not know them.
        var isNew = _after.All(found.Contains)
            && found.Except(_after).All(f => f.Key.EndsWith(".data", StringComparison.Ordinal) && _before.Contains(f));
        return isNew ? Standing.New
            : WasThere && found.SequenceEqual(_before) ? Standing.Old
            : !found.ContainsKey(Model) && (!WasThere || IsBegun(place)) ? Standing.Nothing
            : Standing.Half;
    }

    /// <summary>True where a killed run was giving files their names.</summary>
    public bool IsBegun(string place) => Directory.Exists(OutputFolder(place)) && StagingNames.IsHalfDone(OutputFolder(place));

    /// <summary>What the next run does before its own work; nothing that was staged stays.</summary>
    public Standing Settle(string place)
    {
        foreach (var folder in new[] { OutputFolder(place), _folder[place] }.Where(Directory.Exists))
        {
            StagingFolder.Settle(folder);
            StagingFolder.Beside(folder).Dispose();
        }

        Assert.Empty(Directory.GetDirectories(_folder[place], StagingNames.Prefix + "*", SearchOption.AllDirectories));
        return StandingAt(place);
    }

    public void Clear(string place)
    {
        Directory.Delete(_folder[place], recursive: true);
        File.Delete(_folder[place + ".trace"]);
    }

    private static FaultScenario FolderOverFolder() =>
        new("a folder over a folder", "out", DataPlace.OneFile, "in", (input, before) => Old(input, $"{before}/out"), "--force");

    private string OutputFolder(string place) => Path.GetDirectoryName(_folder[$"{place}/{Model}"])!;

    private static void Old(string input, string output, bool external = false)
    {
        var dropping = Dropping(input, output, 1);
        Compressor.Run(dropping with { Output = dropping.Output with { ForceExternalData = external } });
        File.WriteAllText(Path.Combine(Path.GetDirectoryName(output)!, "notes.txt"), "somebody's");
    }

    private static CompressionOptions Dropping(string input, string? output, int block) => new()
    {
        Input = input,
        Output = new() { Path = output, DryRun = output is null },
        Recipe = RecipeOf.Drop(block),
        Evaluate = false,
        Verify = false,
    };

    /// <summary>Without what goes along, which a result beside others would bring.</summary>
    private static void OldFile(string input, string before)
    {
        foreach (var companion in Directory.GetFiles(Path.GetDirectoryName(input)!, "*.json")) File.Delete(companion);
        Old(input, $"{before}/small.onnx");
    }

    private static void Copy(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var file in Directory.GetFiles(from, "*", SearchOption.AllDirectories))
        {
            var copy = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }
    }

    /// <summary>Files with the hashes of their bytes, but for what is staged.</summary>
    private static ImmutableSortedDictionary<string, string> Contents(string folder) =>
        Directory.GetFiles(folder, "*", SearchOption.AllDirectories)
        .Select(f => Path.GetRelativePath(folder, f))
        .Where(f => !f.Split('/').Any(StagingNames.Is))
        .ToImmutableSortedDictionary(
            f => f, f => Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(Path.Combine(folder, f)))), StringComparer.Ordinal);
}
