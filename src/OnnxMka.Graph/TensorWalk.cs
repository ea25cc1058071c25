using OnnxMka.Graph.Proto;

namespace OnnxMka.Graph;

/// <summary>Visits every tensor message of a model, in file order: initializers, sparse ones, attributes, subgraphs, functions.</summary>
internal static class TensorWalk
{
    public static IEnumerable<TensorProto> All(ModelProto model)
    {
        var graphs = new[] { model.Graph }.Concat(
            model.TrainingInfo.SelectMany(t => new[] { t.Initialization, t.Algorithm })).Where(g => g is not null);
        return graphs.SelectMany(Graph).Concat(
            model.Functions.SelectMany(f => f.Node.SelectMany(n => n.Attribute).Concat(f.AttributeProto).SelectMany(Attribute)));
    }

    private static IEnumerable<TensorProto> Graph(GraphProto graph) =>
        graph.Initializer
            .Concat(graph.SparseInitializer.SelectMany(Sparse))
            .Concat(graph.Node.SelectMany(n => n.Attribute).SelectMany(Attribute));

    private static IEnumerable<TensorProto> Attribute(AttributeProto attribute)
    {
        var graphs = attribute.G is null ? attribute.Graphs : attribute.Graphs.Prepend(attribute.G);
        return Own(attribute).Concat(graphs.SelectMany(Graph));
    }

    /// <summary>Tensors of an attribute, without those of its subgraphs.</summary>
    public static IEnumerable<TensorProto> Own(AttributeProto attribute)
    {
        var tensors = attribute.T is null ? attribute.Tensors : attribute.Tensors.Prepend(attribute.T);
        var sparse = attribute.SparseTensor is null ? attribute.SparseTensors : attribute.SparseTensors.Prepend(attribute.SparseTensor);
        return tensors.Concat(sparse.SelectMany(Sparse));
    }

    private static IEnumerable<TensorProto> Sparse(SparseTensorProto sparse)
    {
        if (sparse.Values is not null) yield return sparse.Values;
        if (sparse.Indices is not null) yield return sparse.Indices;
    }
}
