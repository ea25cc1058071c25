namespace OnnxMka.Graph;

/// <summary>One stretch of a file that is to be written: literal bytes, zeros, or the bytes of a tensor.</summary>
internal abstract record OutputPiece(long Length);

internal sealed record LiteralPiece(ReadOnlyMemory<byte> Bytes) : OutputPiece(Bytes.Length);

internal sealed record PaddingPiece(long Count) : OutputPiece(Count);

internal sealed record ContentPiece(TensorContent Content, string Tensor) : OutputPiece(Content.Length);
