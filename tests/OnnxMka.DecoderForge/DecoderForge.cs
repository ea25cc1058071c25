using System.Text.Json;
using System.Text.Json.Nodes;
using Google.Protobuf;
using OnnxMka.Graph.Proto;

namespace OnnxMka.Forge;

/// <summary>Builds the ONNX model of a decoder in the form that its spec asks for.</summary>
public static class DecoderForge
{
    private static readonly JsonSerializerOptions _indented = new() { WriteIndented = true };

    /// <summary>The model as one file's bytes, weights inside.</summary>
    public static byte[] Build(DecoderSpec spec, DecoderWeights weights) => Build(new DecoderModel(spec, weights));

    public static byte[] Build(DecoderModel model) => Assemble(model).ToByteArray();

    /// <summary>
    /// The folder that a user would have: model.onnx, its data files where the form keeps weights outside, config.json, and
    /// genai_config.json where ORT GenAI can run the model. Existing files are overwritten.
    /// </summary>
    public static void WriteFolder(DecoderModel model, string folder)
    {
        Directory.CreateDirectory(folder);
        var proto = Assemble(model);
        ExternalDataFiles.Write(proto, folder, model.Spec.Form);
        File.WriteAllBytes(Path.Combine(folder, "model.onnx"), proto.ToByteArray());
        Write("config.json", HuggingFaceConfig.Of(model.Spec));
        if (GenAiConfig.Of(model.Spec) is { } genAi) Write("genai_config.json", genAi);

        void Write(string name, JsonObject content) =>
            File.WriteAllText(Path.Combine(folder, name), content.ToJsonString(_indented) + "\n");
    }

    public static void WriteFolder(DecoderSpec spec, DecoderWeights weights, string folder) =>
        WriteFolder(new DecoderModel(spec, weights), folder);

    internal static ModelProto Assemble(DecoderModel model)
    {
        var form = model.Spec.Form;
        var decoder = DecoderGraph.Write(model, readsPast: true);
        var proto = new ModelProto
        {
            IrVersion = form.IrVersion,
            ProducerName = form.Producer,
            ProducerVersion = "",
            Graph = DecoderGraph.ToProto(decoder),
        };
        if (form.IfMerged)
            proto.Graph = IfMerge.Merge(proto.Graph, DecoderGraph.ToProto(DecoderGraph.Write(model, readsPast: false)));
        proto.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = form.Opset });
        if (proto.Graph.Node.Any(n => n.Domain == GraphWriter.Contrib))
            proto.OpsetImport.Add(new OperatorSetIdProto { Domain = GraphWriter.Contrib, Version = 1 });
        if (form.SplitAssignments) Annotations.AddSplitAssignments(proto, decoder);
        LocalFunctions.Apply(proto, decoder);
        if (form.KeepIoTypes) KeepIoTypes.Apply(proto.Graph);
        if (form.Dialect == DialectKind.Dynamo) Annotations.AddGraphSignature(proto.Graph);
        SharedInitializers.Apply(proto.Graph, form.Sharing);
        if (form.ConstantWeights) ConstantWeights.Apply(proto.Graph);
        if (form.WeightInputs) WeightInputs.Apply(proto.Graph);
        return proto;
    }
}
