namespace OnnxMka.MakeBig;

/// <summary>Sizes of a published decoder; the weights are random.</summary>
internal sealed record Shape(
    string Name, int Blocks, int Hidden, int Heads, int KvHeads, int HeadSize, int Inner, int Vocabulary, bool Tied)
{
    public static IReadOnlyList<Shape> Known { get; } =
    [
        // The published config.json of each family: hidden_size, num_attention_heads, ..., vocab_size.
        new("llama-3.2-1b", 16, 2048, 32, 8, 64, 8192, 128256, Tied: true),
        new("llama-3-8b", 32, 4096, 32, 8, 128, 14336, 128256, Tied: false),
        new("tiny", 4, 64, 4, 2, 16, 96, 97, Tied: true),
    ];

    public const int MaxPositions = 8192;
}
