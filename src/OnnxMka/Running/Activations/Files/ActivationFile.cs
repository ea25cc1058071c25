using OnnxMka.Alignment;
using OnnxMka.Graph;

namespace OnnxMka.Running.Activations.Files;

/// <summary>
/// Pooled activations computed elsewhere: an array <c>[layers, samples, width]</c> of floats in a <c>.safetensors</c>, <c>.npz</c> or
/// <c>.npy</c> file. The content decides which of the three it is, not the name.
/// </summary>
internal static class ActivationFile
{
    private const int ChunkBytes = 1 << 20;
    private const int MostLayers = 1 << 16;

    /// <summary>
    /// One <c>[samples, width]</c> matrix a layer, in float32: fp16 and bf16 are widened, fp64 is rounded. Rows must be stored one after
    /// the other (C order). Memory: the matrices and one megabyte. Refuses (MKA035) a file that is none of these, is cut or
    /// contradicts itself, and (MKA033) values that are not finite, with layer, sample and count.
    /// </summary>
    public static SampleMatrix[] Read(string path)
    {
        var name = Path.GetFileName(path);
        try
        {
            using var file = new FileStream(RegularFile.Open(path), FileAccess.Read);
            if (!file.CanSeek) throw Bad(name, "it is a pipe or a device, not a file");
            using var array = Find(file, name);
            return Layers(array);
        }
        catch (EndOfStreamException e)
        {
            throw Bad(name, "its bytes end early", e);
        }
        catch (InvalidDataException e)
        {
            throw Bad(name, $"its archive is damaged ({e.Message.Split('\n')[0].TrimEnd('.')})", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputFileException(path, e);
        }
    }

    internal static RefusedException Bad(string where, string what, Exception? inner = null) => new(
        "MKA035", where, what, "Give one float array [layers, samples, width] as .safetensors, .npz or .npy", inner);

    /// <summary>The array called <c>activations</c>, or the only one.</summary>
    internal static T Choose<T>(IReadOnlyList<T> arrays, Func<T, string> nameOf, string file)
    {
        var named = arrays.Where(a => nameOf(a) == "activations").ToArray();
        if (named.Length == 1) return named[0];
        if (named.Length == 0 && arrays.Count == 1) return arrays[0];
        throw Bad(
            file,
            named.Length > 1
                ? "it holds two arrays called 'activations'"
                : $"it holds {arrays.Count} arrays and none is called 'activations'");
    }

    private static ActivationArray Find(FileStream file, string name)
    {
        var start = new byte[9];
        var length = file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
        file.Position = 0;
        if (NpyArray.HasMagic(start)) return NpyArray.Open(file, file.Length, name);
        if (start.AsSpan(0, 2).SequenceEqual("PK"u8)) return NpzArray.Open(file, name);
        if (length == start.Length && start[8] == '{') return SafetensorsArray.Open(file, name);
        throw Bad(name, "it is no safetensors, npz or npy file");
    }

    private static SampleMatrix[] Layers(ActivationArray array)
    {
        var (layers, samples, width) = Shape(array);
        var result = new SampleMatrix[layers];
        var chunk = new byte[ChunkBytes];
        var size = array.Type.Bits() / 8;
        for (var layer = 0; layer < layers; layer++)
        {
            var values = new float[samples * width]; // [samples, width]
            for (var done = 0; done < values.Length; done += chunk.Length / size)
            {
                var part = values.AsSpan(done, Math.Min(chunk.Length / size, values.Length - done));
                var bytes = chunk.AsSpan(0, part.Length * size);
                array.Data.ReadExactly(bytes);
                FloatCodec.Decode(array.Type, bytes, part);
            }

            RefuseNonFinite(array, layer, width, values);
            result[layer] = new SampleMatrix(samples, width, values);
        }

        array.CheckEnd();
        return result;
    }

    private static (int Layers, int Samples, int Width) Shape(ActivationArray array)
    {
        var shape = array.Shape;
        if (shape.Length != 3 || shape.Any(d => d < 1))
            throw Bad(array.Name, $"its shape is [{string.Join(", ", shape)}], not [layers, samples, width]");
        if (shape[0] > MostLayers || shape[1] > Array.MaxLength || shape[2] > Array.MaxLength || shape[1] * shape[2] > Array.MaxLength)
            throw Bad(array.Name, $"its shape [{string.Join(", ", shape)}] is beyond {MostLayers} layers of 2^31 values");
        var needed = shape[0] * shape[1] * shape[2] * sizeof(float);
        var memory = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        if (needed > memory) throw Bad(array.Name, $"it takes {needed} bytes in memory, and there are {memory}");
        return ((int)shape[0], (int)shape[1], (int)shape[2]);
    }

    private static void RefuseNonFinite(ActivationArray array, int layer, int width, float[] values)
    {
        var bad = Array.FindIndex(values, v => !float.IsFinite(v));
        if (bad < 0) return;
        throw new RefusedException(
            "MKA033",
            $"{array.Name}, layer {layer}",
            $"sample {bad / width} has a value that is not finite ({values.Count(v => !float.IsFinite(v))} values in this layer)",
            "Compute the activations in a wider type, or leave that sample out");
    }
}
