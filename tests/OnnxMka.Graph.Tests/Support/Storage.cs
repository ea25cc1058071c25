namespace OnnxMka.Graph.Tests;

/// <summary>The ways in which exporters store tensors.</summary>
public enum Storage
{
    /// <summary><c>raw_data</c> in the model file.</summary>
    Inline,

    /// <summary><c>float_data</c>, <c>int32_data</c>, <c>int64_data</c> in the model file.</summary>
    Typed,

    /// <summary>One data file, <c>model.onnx.data</c>.</summary>
    External,

    /// <summary><c>model.onnx_data</c>, <c>model.onnx_data_1</c>, <c>model.onnx_data_2</c>.</summary>
    Chunks,

    /// <summary>Two data files of unrelated names, one in a subfolder.</summary>
    SeveralFiles,

    /// <summary>Every tensor in a file that has the tensor's name, without offset and length.</summary>
    FilePerTensor,
}

/// <summary>Every storage with every element type that can be merged: the regimes one test body runs through.</summary>
public sealed class Regimes : TheoryData<Storage, ElementType>
{
    public Regimes()
    {
        foreach (var storage in Enum.GetValues<Storage>())
        {
            foreach (var type in new[] { ElementType.Float, ElementType.Float16, ElementType.BFloat16 }) Add(storage, type);
        }
    }
}
