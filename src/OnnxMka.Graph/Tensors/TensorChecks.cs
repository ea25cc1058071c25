namespace OnnxMka.Graph;

/// <summary>What must hold of every tensor of a file before anything uses it.</summary>
internal static class TensorChecks
{
    /// <summary>Refuses impossible shapes and data that do not fill the shape exactly.</summary>
    public static void Check(TensorRef tensor)
    {
        var bits = tensor.Type.Bits();
        if (tensor.ElementCount < 0)
            throw Bad(tensor, $"the shape [{string.Join(',', tensor.Shape)}] is impossible");
        if (tensor.Type == ElementType.String) return;
        if (bits == 0)
            throw Bad(tensor, $"the element type {(int)tensor.Type} is unknown");
        if (tensor.Content is PackedVarints packed)
        {
            // A varint takes one to ten bytes: the count is checked exactly when the tensor is read.
            var entries = VarintTensor.Entries(tensor);
            if (packed.Length < entries || packed.Length / 10 > entries)
            {
                throw Bad(
                    tensor,
                    $"{packed.Length} bytes of numbers are stored and the shape [{string.Join(',', tensor.Shape)}] takes {entries} "
                        + "numbers");
            }

            return;
        }

        if (tensor.Content.Length != tensor.ByteLength)
        {
            throw Bad(
                tensor,
                $"{tensor.Content.Length} bytes are stored and the shape [{string.Join(',', tensor.Shape)}] takes {tensor.ByteLength}");
        }
    }

    private static RefusedException Bad(TensorRef tensor, string what) =>
        new("MKA006", tensor.Name.Length > 0 ? tensor.Name : "an unnamed tensor", what, "The file is damaged; export or download it again");
}
