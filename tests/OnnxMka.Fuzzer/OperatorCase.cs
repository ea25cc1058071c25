using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using OnnxMka.Forge;
using OnnxMka.Graph;
using OnnxMka.Running.Contracts;
using OnnxMka.Running.Sessions;

namespace OnnxMka.Fuzzer;

/// <summary>One operator alone, damaged: its contract refuses it, or ONNX Runtime is left to say what it makes of it.</summary>
internal static class OperatorCase
{
    /// <summary>The model loaded and run; false where ONNX Runtime refuses that. Refuses as the contract does.</summary>
    public static bool Run(OperatorModel model, string folder)
    {
        var path = Path.Combine(folder, "operator.onnx");
        File.WriteAllBytes(path, model.Bytes);
        var loaded = OnnxModel.Load(path);
        NodeContracts.Refuse(loaded, onCpu: true);
        var feeds = model.Feeds.ToDictionary(f => f.Name, Value, StringComparer.Ordinal);
        try
        {
            using var options = ExecutionTarget.Cpu.Options();
            using var session = new InferenceSession(model.Bytes, options);
            using var run = new RunOptions();
            using var outputs = session.Run(run, feeds.Keys, feeds.Values, session.OutputNames);
            return true;
        }
        catch (OnnxRuntimeException)
        {
            return false;
        }
        finally
        {
            foreach (var value in feeds.Values) value.Dispose();
        }
    }

    /// <summary>Small numbers that differ, integers from 0 to 3.</summary>
    private static OrtValue Value(OperatorFeed feed)
    {
        var value = OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, (TensorElementType)(int)feed.Type, [.. feed.Shape]);
        var bytes = value.GetTensorMutableRawData();
        bytes.Clear();
        var size = feed.Type.Bits() / 8;
        for (var i = 0; i < bytes.Length / size; i++)
        {
            if (feed.Type == ElementType.Float) BitConverter.TryWriteBytes(bytes[(4 * i)..], (i % 7) * 0.25f);
            else if (feed.Type == ElementType.Float16) BitConverter.TryWriteBytes(bytes[(2 * i)..], (Half)((i % 7) * 0.25f));
            else bytes[size * i] = (byte)(feed.Type == ElementType.Bool ? i % 2 : i % 4);
        }

        return value;
    }
}
