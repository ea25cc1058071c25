using System.Collections.Immutable;
using System.Globalization;
using System.Numerics.Tensors;
using System.Text.RegularExpressions;
using OnnxMka.Forge;
using OnnxMka.Graph;
using OnnxMka.Graph.Editing;
using OnnxMka.Jobs;
using OnnxMka.Planning;
using OnnxMka.Running.Sessions;
using OnnxMka.Steps.Cutting;
using OnnxMka.Steps.Dropping;
using OnnxMka.Steps.Merging;
using OnnxMka.Structure;
using Fixture = OnnxMka.Tests.Books16;
using Sizes = System.Collections.Immutable.ImmutableSortedDictionary<string, int>;
using Units = System.Collections.Immutable.ImmutableSortedDictionary<
    string, System.Collections.Immutable.ImmutableSortedDictionary<string, int>>;

namespace OnnxMka.Tests.Clients;

/// <summary>Folders for clients: the trained fixture in the form of an exporter, shortened, and shortened badly.</summary>
internal static partial class ClientModels
{
    /// <summary>Blocks 3, 7, 8 and 12 of the fixture go.</summary>
    public static ImmutableArray<int> Removed { get; } = [3, 7, 8, 12];

    private static readonly Lazy<DecoderWeights> Weights = new(() => Forge.Books16.Read(Fixture.ModelPath));

    private static int[] Kept => [.. Enumerable.Range(0, 16).Except(Removed)];

    /// <summary>A folder as the exporter of that form leaves it, with the fixture's tokenizer.</summary>
    public static void Export(Preset preset, string folder, DataPlace? data = null)
    {
        var model = preset.Books16Model(Weights.Value);
        DecoderForge.WriteFolder(
            data is { } place ? model with { Spec = model.Spec with { Form = model.Spec.Form with { Data = place } } } : model, folder);
        foreach (var file in Directory.GetFiles(Fixture.Folder, "*token*")) File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
    }

    /// <summary>The fixture in the layout of the hub: the model below <c>onnx/</c>, under another name where one is given.</summary>
    public static void ExportForHub(Preset preset, string folder, DataPlace data, string suffix)
    {
        Export(preset, folder, data);
        var onnx = Directory.CreateDirectory(Path.Combine(folder, "onnx")).FullName;
        var renamed = OnnxModel.Load(Path.Combine(folder, "model.onnx"));
        ModelWriter.Plan(renamed, $"model{suffix}.onnx").Write(onnx);
        foreach (var file in Directory.GetFiles(folder, "model.onnx*")) File.Delete(file);
        File.Delete(Path.Combine(folder, "genai_config.json"));
        var config = Path.Combine(folder, "config.json");
        if (data == DataPlace.OneFile)
        {
            File.WriteAllText(
                config,
                File.ReadAllText(config).TrimEnd()[..^1].TrimEnd()
                    + $",\n  \"transformers.js_config\": {{ \"use_external_data_format\": {{ \"model{suffix}.onnx\": 1 }} }}\n}}\n");
        }
    }

    public static void Shorten(string input, string output, Method method = Method.Drop) => Compressor.Run(new CompressionOptions
    {
        Input = input,
        Output = new() { Path = output },
        Recipe = method == Method.Drop
            ? RecipeOf.Drop(Removed)
            : RecipeOf.Steps(new Merge { Blocks = [.. Removed.Select(RecipeOf.Name)], Alpha = 0.75 }),
        Evaluate = false,
    });

    /// <summary>Halves go: two attentions, two MLPs and a whole layer, so caches stay at 13 of 16 layers.</summary>
    public static void Halve(string input, string output) => Compressor.Run(new CompressionOptions
    {
        Input = input,
        Output = new() { Path = output },
        Recipe = RecipeOf.Steps(new Drop { Blocks = ["3.attention", "5.mlp", "7", "10.attention", "14.mlp"] }) with
        {
            Granularity = Granularity.Sublayer,
        },
        Evaluate = false,
        Check = true,
    });

    /// <summary>Two matrices of lower rank in one attention, or fewer neurons in one MLP, near the end: what stands before stays.</summary>
    /// <param name="attention">What the exporter calls it.</param>
    public static void Cut(string input, string output, string attention, CutPart part) => Compressor.Run(new CompressionOptions
    {
        Input = input,
        Output = new() { Path = output },
        Recipe = RecipeOf.Steps(
            new Cut
            {
                Units = part == CutPart.Widths
                    ? Units.Empty.Add("14.mlp", Sizes.Empty.Add("width", 240))
                    : Units.Empty.Add("14.attention", Sizes.Empty.Add($"{attention}/q_proj", 32).Add($"{attention}/o_proj", 40)),
            }) with
        { Calibration = new() { Samples = 32, Length = 16 } },
        Evaluate = false,
        Check = true,
    });

    /// <summary>The same model with the cache ports numbered as in the original: what a tool leaves that does not renumber.</summary>
    public static void UndoPortNumbers(string modelPath)
    {
        var model = OnnxModel.Load(modelPath);
        var names = model.Graph.Inputs.Concat(model.Graph.Outputs).Select(p => p.Name).Where(n => PortNumber().IsMatch(n))
            .ToImmutableDictionary(
                n => n,
                n => PortNumber().Replace(
                    n, m => Kept[int.Parse(m.Value, CultureInfo.InvariantCulture)].ToString(CultureInfo.InvariantCulture)));
        var script = new EditScript();
        script.Add("test", new GraphEdit.RenameValues(names));
        using var folder = new TempFolder();
        var written = ModelWriter.Plan(GraphEditor.Apply(model, script), Path.GetFileName(modelPath)).Write(folder.FullPath);
        foreach (var (file, _) in written.Files)
            File.Move(file, Path.Combine(Path.GetDirectoryName(modelPath)!, Path.GetFileName(file)), overwrite: true);
    }

    /// <summary>Greedy decoding with our own session, one token a step.</summary>
    public static int[] Greedy(string modelPath, int count, int[]? prompt = null)
    {
        using var session = OnnxMka.Running.Sessions.DecoderSession.Load(
            BlockDetector.Detect(OnnxModel.Load(modelPath)), ExecutionTarget.Cpu);
        var tokens = new List<int>();
        var logits = session.Step(prompt ?? Fixture.Prompt);
        while (tokens.Count < count)
        {
            tokens.Add(TensorPrimitives.IndexOfMax(logits.AsSpan(logits.Length - Forge.Books16.Network.Vocabulary)));
            logits = session.Step([tokens[^1]]);
        }

        return [.. tokens];
    }

    [GeneratedRegex(
        @"(?<=^(past_key_values|present)\.)[0-9]+(?=\.(key|value)$)", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex PortNumber();
}
