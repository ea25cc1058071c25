using OnnxMka.Running.Sessions;
using OnnxMka.Running.Tokens;
using OnnxMka.Structure;

namespace OnnxMka.Jobs;

/// <summary>The texts of a job on a model, whatever it does with them.</summary>
internal static class JobTexts
{
    /// <summary>In windows as long as the graph can read, at most as long as was asked for.</summary>
    public static Texts Of(CompressionOptions options, BlockMap map, CancellationToken ct)
    {
        var text = options.Recipe.Calibration;
        return new Texts(text with { Length = GraphLengths.Of(map).Fit(text.Length) }, map.Model.Path, ct);
    }
}
