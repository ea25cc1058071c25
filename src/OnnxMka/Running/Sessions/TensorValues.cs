using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using OnnxMka.Graph;

namespace OnnxMka.Running.Sessions;

/// <summary>Tensors of any type from numbers.</summary>
internal static class TensorValues
{
    public static OrtValue Of(ElementType type, double[] values, long[] shape)
    {
        var value = Zeros(type, shape);
        var bytes = value.GetTensorMutableRawData();
        switch (type)
        {
            case ElementType.Int64:
                for (var i = 0; i < values.Length; i++) MemoryMarshal.Cast<byte, long>(bytes)[i] = (long)values[i];
                break;
            case ElementType.Int32:
                for (var i = 0; i < values.Length; i++) MemoryMarshal.Cast<byte, int>(bytes)[i] = (int)values[i];
                break;
            case ElementType.Bool:
                for (var i = 0; i < values.Length; i++) bytes[i] = values[i] != 0 ? (byte)1 : (byte)0;
                break;
            default:
                FloatCodec.Encode(type, values, bytes);
                break;
        }

        return value;
    }

    /// <summary>Elements as fp32; null for what is no tensor of floats.</summary>
    public static float[]? Floats(OrtValue value)
    {
        var type = TypeOf(value);
        if (type == ElementType.Float) return value.GetTensorDataAsSpan<float>().ToArray();
        if (!type.IsMergeable()) return null;
        var floats = new float[value.GetTensorTypeAndShape().ElementCount];
        FloatCodec.Decode(type, Bytes(value, type), floats);
        return floats;
    }

    public static ElementType TypeOf(OrtValue value) =>
        value.IsTensor ? (ElementType)(int)value.GetTensorTypeAndShape().ElementDataType : ElementType.Undefined;

    private static ReadOnlySpan<byte> Bytes(OrtValue value, ElementType type) => type switch
    {
        ElementType.Float16 => MemoryMarshal.AsBytes(value.GetTensorDataAsSpan<Microsoft.ML.OnnxRuntime.Float16>()),
        ElementType.BFloat16 => MemoryMarshal.AsBytes(value.GetTensorDataAsSpan<Microsoft.ML.OnnxRuntime.BFloat16>()),
        _ => MemoryMarshal.AsBytes(value.GetTensorDataAsSpan<double>()),
    };

    public static OrtValue Zeros(ElementType type, long[] shape)
    {
        var value = OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, (TensorElementType)(int)type, shape);
        value.GetTensorMutableRawData().Clear();
        return value;
    }

    public static OrtValue Filled(ElementType type, double number, long[] shape)
    {
        var values = new double[shape.Aggregate(1L, (a, b) => a * b)];
        Array.Fill(values, number);
        return Of(type, values, shape);
    }
}
