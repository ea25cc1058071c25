using System.Text.RegularExpressions;
using OnnxMka.Graph;

namespace OnnxMka.Structure;

/// <summary>A readable name for a parameter's role, for reports only; nothing is decided by it.</summary>
internal static partial class RoleName
{
    /// <summary>
    /// <c>/model/layers.3/self_attn/q_proj/MatMul</c> gives <c>self_attn/q_proj</c>; without such names, the tensor's or the operator's.
    /// </summary>
    public static string Of(ViewNode reader, string initializer) => PrintableText.Short(Name(reader, initializer));

    private static string Name(ViewNode reader, string initializer)
    {
        var path = reader.Origin.Name.Split('/', StringSplitOptions.RemoveEmptyEntries);
        var layer = Array.FindLastIndex(path, p => LayerNumber().IsMatch(p));
        if (layer >= 0 && layer + 1 < path.Length)
        {
            var inner = path[(layer + 1)..];
            if (inner.Length > 1) inner = inner[..^1];
            return string.Join('/', inner);
        }

        var named = LayerPrefix().Match(initializer);
        return named.Success ? named.Groups["rest"].Value.Replace('.', '/') : reader.Op;
    }

    [GeneratedRegex(@"^(layers?|h|blocks?)[._]\d+$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, Timeout.Infinite)]
    private static partial Regex LayerNumber();

    [GeneratedRegex(
        @"(^|\.)(layers?|h|blocks?)\.\d+\.(?<rest>.+)$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, Timeout.Infinite)]
    private static partial Regex LayerPrefix();
}
