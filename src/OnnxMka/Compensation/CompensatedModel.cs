using System.Collections.Immutable;
using OnnxMka.Graph;
using OnnxMka.Graph.Editing;
using OnnxMka.Numerics;
using OnnxMka.Rewriting;
using OnnxMka.Running.Parts;
using OnnxMka.Structure;
using Revisions = System.Collections.Immutable.ImmutableSortedDictionary<(int Node, int Slot), OnnxMka.Compensation.Revision>;

namespace OnnxMka.Compensation;

/// <summary>
/// The reduced model with some corrections: weights with other content, by node and slot, and edits that add nodes. All of them apply to
/// the reduced model.
/// </summary>
/// <param name="Mapped">Blocks behind which the nodes stand.</param>
internal sealed record Correction(OnnxModel Model, Revisions Weights, EditScript Nodes, ImmutableHashSet<int> Mapped);

/// <summary>A reduced model and what corrects it so far. A trial is the same with one more correction.</summary>
internal sealed class CompensatedModel
{
    private const string Stage = "compensate";
    private readonly GraphIndex _index;
    private readonly ScratchFile _scratch;
    private Correction _kept;

    /// <param name="map">Blocks of the reduced model.</param>
    /// <param name="scratch">Takes the weights that are kept; it must outlive the model.</param>
    public CompensatedModel(BlockMap map, ScratchFile scratch)
    {
        Map = map;
        _scratch = scratch;
        _kept = new Correction(map.Model, Revisions.Empty, new EditScript(), []);
        _index = GraphIndex.Of(map.Model.Graph);
        View = NormalisedView.Of(map.Model);
    }

    /// <summary>Blocks of the reduced model.</summary>
    public BlockMap Map { get; }

    /// <summary>The reduced model as structure sees it.</summary>
    public NormalisedView View { get; }

    /// <summary>The model with all corrections that were kept.</summary>
    public OnnxModel Model => _kept.Model;

    /// <summary>
    /// The blocks as they are with all corrections that were kept. Nodes behind a block belong to it; those behind the last alone stand
    /// outside, before the final norm, as structure finds them.
    /// </summary>
    public BlockMap Blocks()
    {
        var units = StreamUnits.Of(Map);
        var seams = units.Seams.ToBuilder();
        var within = _kept.Mapped.Where(b => b + 1 < Map.Count || _kept.Mapped.Count > 1);
        foreach (var block in within) seams[block + 1] = MappedName(seams[block + 1]);
        return SeamHint.Between(Model, units with { Seams = seams.ToImmutable() });
    }

    public BlockPart Part(OnnxModel model, int block) => BlockPart.Of(model, Map, block);

    /// <summary>
    /// The writers of a block as they are now: narrower ones have fewer inputs, those of a pair read what it puts between.
    /// </summary>
    public (ImmutableArray<ResidualWriter> Writers, ImmutableArray<string> Obstacles) Writers(int block)
    {
        var (writers, obstacles) = ResidualWriters.Of(Map, View, Map.Blocks[block]);
        return ([.. writers.Select(Now)], obstacles);

        ResidualWriter Now(ResidualWriter writer)
        {
            if (_kept.Weights.GetValueOrDefault(PlaceOf(writer.Weight)) is not { } revision) return writer;
            return writer with
            {
                Inputs = (int)revision.Shape[writer.Transposed ? 1 : 0],
                Features = revision.First?.Value ?? writer.Features,
            };
        }
    }

    /// <summary>The weight as it is now, as [in, out].</summary>
    public double[] Weight(ResidualWriter writer) => Weight(writer.Weight, writer.Transposed, writer.Inputs, writer.Outputs);

    /// <summary>The same of any weight of those sizes; of a pair its second matrix.</summary>
    public double[] Weight(BlockParameter parameter, bool transposed, int inputs, int outputs)
    {
        var stored = Read(parameter);
        return transposed ? Dense.Transpose(stored, outputs, inputs) : stored;
    }

    /// <summary>The model with parameters of other values and sizes.</summary>
    /// <param name="nodes">What they ask of the nodes between.</param>
    public Correction With(IEnumerable<Revision> revisions, EditScript nodes)
    {
        var weights = revisions.Aggregate(_kept.Weights, (all, revision) => all.SetItem(PlaceOf(revision.Parameter), revision));
        var script = new EditScript();
        script.Append(_kept.Nodes);
        script.Append(nodes);
        return Applied(weights, script, _kept.Mapped);
    }

    /// <summary>The model with W + change (and b + shift) in place; rounded once to the weight's type.</summary>
    /// <param name="change">[out, in]</param>
    /// <param name="shift">[out]; null where the bias stays.</param>
    public Correction With(ResidualWriter writer, double[] change, double[]? shift)
    {
        var (tensor, bytes) = Bytes(writer.Weight);
        var (rows, columns) = writer.Transposed ? (writer.Outputs, writer.Inputs) : (writer.Inputs, writer.Outputs);
        var (size, row) = (bytes.Length / rows, new double[columns]);
        for (var r = 0; r < rows; r++)
        {
            var place = bytes.AsSpan(r * size, size);
            FloatCodec.Decode(tensor.Type, place, row);
            for (var c = 0; c < columns; c++) row[c] += change[writer.Transposed ? (r * columns) + c : (c * rows) + r] / writer.Scale;
            FloatCodec.Encode(tensor.Type, row, place);
        }

        var weights = Revised(_kept.Weights, writer.Weight, tensor.Shape, new MemoryBytes(bytes));
        if (shift is not null)
        {
            var bias = Read(writer.Bias!);
            for (var i = 0; i < bias.Length; i++) bias[i] += shift[i];
            weights = Revised(weights, writer.Bias!, [bias.Length], ParameterEdit.Encoded(Map.Tensor(writer.Bias!.Initializer).Type, bias));
        }

        return Applied(weights, _kept.Nodes, _kept.Mapped);
    }

    /// <summary>The model with nodes between a seam and all its readers.</summary>
    public Correction With(int block, SeamMap map, ElementType type)
    {
        var script = new EditScript();
        script.Append(_kept.Nodes);
        var seam = Map.Blocks[block].Output;
        if (_index.IsOutput(seam.Value))
        {
            throw new RefusedException(
                "MKA048",
                seam.Value,
                "the stream is an output of the graph there, so no node can be put behind it",
                "Use --compensate refit or fold");
        }

        var mapped = MappedName(seam.Value);
        SeamAccess.Expose(Map.Model, seam, script, Stage);
        if (seam.SkipNorm is { } fused)
        {
            var node = Map.Model.Graph.Nodes[fused];
            script.Add(Stage, new GraphEdit.RedirectReaders(node.Outputs[0], $"{mapped}/norm"));
            script.Add(Stage, new GraphEdit.AddNode(FusedNorm.OfSum(node, mapped, $"{mapped}/norm")));
        }

        script.Add(Stage, new GraphEdit.RedirectReaders(seam.Value, mapped));
        var like = Map.Blocks[block].Parameters.Select(p => p.Initializer).FirstOrDefault(_index.IsInitializer);
        var values = new TensorRef($"{mapped}/map", type, map.Shape, ParameterEdit.Encoded(type, map.Values));
        script.Add(Stage, new GraphEdit.AddInitializer(values, like));
        foreach (var node in map.Nodes(seam.Value, $"{mapped}/map", mapped)) script.Add(Stage, new GraphEdit.AddNode(node));
        return Applied(_kept.Weights, script, _kept.Mapped.Add(block));
    }

    /// <summary>Puts what a change adds into the scratch file.</summary>
    public TensorContent Put(ReadOnlySpan<byte> bytes) => _scratch.Add(bytes);

    /// <summary>Trials are held in memory; the weights of what is kept go to the scratch file.</summary>
    public void Keep(Correction trial)
    {
        var weights = trial.Weights;
        foreach (var (place, revision) in trial.Weights)
        {
            if (revision.InMemory) weights = weights.SetItem(place, revision.Moved(bytes => _scratch.Add(bytes.Span)));
        }

        _kept = ReferenceEquals(weights, trial.Weights) ? trial : Applied(weights, trial.Nodes, trial.Mapped);
    }

    private static string MappedName(string seam) => $"{seam}/mapped";

    private Correction Applied(Revisions weights, EditScript nodes, ImmutableHashSet<int> mapped)
    {
        var script = new EditScript();
        foreach (var (place, revision) in weights)
            revision.AddTo(script, Map, _index, $"compensated_{place.Node}_{place.Slot}", Stage);
        script.Append(nodes);
        return new Correction(GraphEditor.Apply(Map.Model, script), weights, nodes, mapped);
    }

    private double[] Read(BlockParameter parameter)
    {
        var (tensor, bytes) = Bytes(parameter);
        var values = new double[tensor.ElementCount];
        FloatCodec.Decode(tensor.Type, bytes, values);
        return values;
    }

    /// <summary>A parameter as it is now.</summary>
    public TensorRef Stored(BlockParameter parameter)
    {
        var tensor = Map.Tensor(parameter.Initializer);
        return _kept.Weights.TryGetValue(PlaceOf(parameter), out var revised)
            ? new TensorRef(tensor.Name, tensor.Type, revised.Shape, revised.Content)
            : tensor;
    }

    /// <summary>The same with its bytes, which are the caller's.</summary>
    private (TensorRef Tensor, byte[] Bytes) Bytes(BlockParameter parameter)
    {
        var tensor = Stored(parameter);
        using var reader = new TensorReader();
        return (tensor, reader.ReadBytes(tensor));
    }

    private static (int Node, int Slot) PlaceOf(BlockParameter parameter) => (parameter.Use.Node, parameter.Use.Slot);

    private static Revisions Revised(
        Revisions weights, BlockParameter parameter, ImmutableArray<long> shape, MemoryBytes content)
    {
        var place = PlaceOf(parameter);
        var revision = weights.GetValueOrDefault(place) ?? new Revision(parameter, shape, content);
        return weights.SetItem(place, revision with { Content = content });
    }
}
