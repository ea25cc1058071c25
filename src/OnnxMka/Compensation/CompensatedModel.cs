using System.Collections.Immutable;
using OnnxMka.Blocks;
using OnnxMka.Chain;
using OnnxMka.Graph;
using OnnxMka.Graph.Editing;
using OnnxMka.Rewriting;

namespace OnnxMka.Compensation;

/// <summary>A reduced model and the edits that compensate it so far. A trial is the same with more edits; all of them apply to the reduced model.</summary>
internal sealed class CompensatedModel
{
    private const string Stage = "compensate";
    private readonly GraphIndex _index;
    private readonly NormalisedView _view;
    private EditScript _kept = new();

    private CompensatedModel(BlockMap map)
    {
        Map = map;
        Model = map.Model;
        _index = GraphIndex.Of(map.Model.Graph);
        _view = NormalisedView.Of(map.Model);
    }

    /// <summary>Blocks of the reduced model.</summary>
    public BlockMap Map { get; }

    /// <summary>The model with all edits that were kept.</summary>
    public OnnxModel Model { get; private set; }

    public static CompensatedModel Of(OnnxModel reduced, Granularity granularity = Granularity.Block) => new(BlockDetector.Detect(reduced, granularity));

    public BlockPart Part(OnnxModel model, int block) => BlockPart.Of(model, Map, block);

    public (ImmutableArray<ResidualWriter> Writers, ImmutableArray<string> Obstacles) Writers(int block) => ResidualWriters.Of(Map, _view, Map.Blocks[block]);

    /// <summary>The weight as [in, out].</summary>
    public double[] Weight(ResidualWriter writer)
    {
        var stored = Read(writer.Weight);
        return writer.Transposed ? RidgeSolver.Transpose(stored, writer.Outputs, writer.Inputs) : stored;
    }

    /// <summary>The model with W + change (and b + shift) in place; rounded once to the weight's type.</summary>
    /// <param name="change">[in, out]</param>
    /// <param name="shift">[out]; null where the bias stays.</param>
    public (OnnxModel Model, EditScript Script) With(ResidualWriter writer, double[] change, double[]? shift)
    {
        var script = Extended();
        var values = Weight(writer);
        for (var i = 0; i < values.Length; i++) values[i] += change[i] / writer.Scale;
        Replace(writer.Weight, writer.Transposed ? RidgeSolver.Transpose(values, writer.Inputs, writer.Outputs) : values, script);
        if (shift is not null)
        {
            var bias = Read(writer.Bias!);
            for (var i = 0; i < bias.Length; i++) bias[i] += shift[i];
            Replace(writer.Bias!, bias, script);
        }

        return (GraphEditor.Apply(Map.Model, script), script);
    }

    /// <summary>The model with nodes between a seam and all its readers.</summary>
    public (OnnxModel Model, EditScript Script) With(int block, SeamMap map, ElementType type)
    {
        var script = Extended();
        var seam = Map.Blocks[block].Output;
        if (_index.IsOutput(seam.Value)) throw new RefusedException("MKA048", seam.Value, "the stream is an output of the graph there, so no node can be put behind it", "Use --compensate refit or fold");
        var mapped = $"{seam.Value}/mapped";
        SeamAccess.Expose(Map.Model, seam, script, Stage);
        if (seam.SkipNorm is { } fused)
        {
            var node = Map.Model.Graph.Nodes[fused];
            script.Add(Stage, new GraphEdit.RedirectReaders(node.Outputs[0], $"{mapped}/norm"));
            script.Add(Stage, new GraphEdit.AddNode(FusedNorm.OfSum(node, mapped, $"{mapped}/norm")));
        }

        script.Add(Stage, new GraphEdit.RedirectReaders(seam.Value, mapped));
        var like = Map.Blocks[block].Parameters.Select(p => p.Initializer).FirstOrDefault(_index.IsInitializer);
        script.Add(Stage, new GraphEdit.AddInitializer(new TensorRef($"{mapped}/map", type, map.Shape, Encoded(type, map.Values)), like));
        foreach (var node in map.Nodes(seam.Value, $"{mapped}/map", mapped)) script.Add(Stage, new GraphEdit.AddNode(node));
        return (GraphEditor.Apply(Map.Model, script), script);
    }

    public void Keep((OnnxModel Model, EditScript Script) trial) => (Model, _kept) = trial;

    private EditScript Extended()
    {
        var script = new EditScript();
        script.Append(_kept);
        return script;
    }

    private double[] Read(BlockParameter parameter) => ParameterEdit.Read(Map, parameter);

    private void Replace(BlockParameter parameter, double[] values, EditScript script) => ParameterEdit.Replace(
        Map, _index, parameter, Encoded(Map.Tensor(parameter.Initializer).Type, values), $"compensated_{parameter.Use.Node}_{parameter.Use.Slot}", script, Stage);

    private static MemoryBytes Encoded(ElementType type, double[] values)
    {
        var bytes = new byte[checked(values.Length * (type.Bits() / 8))];
        FloatCodec.Encode(type, values, bytes);
        return new MemoryBytes(bytes);
    }
}
