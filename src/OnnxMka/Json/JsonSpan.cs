using System.Text.Json;

namespace OnnxMka.Json;

/// <summary>Bytes of one value in a JSON text; elements where it is an array.</summary>
internal sealed class JsonSpan(JsonTokenType kind, int start, IReadOnlyList<JsonSpan> elements)
{
    public JsonTokenType Kind { get; } = kind;

    public int Start { get; } = start;

    public int End { get; set; }

    public IReadOnlyList<JsonSpan> Elements { get; } = elements;
}
