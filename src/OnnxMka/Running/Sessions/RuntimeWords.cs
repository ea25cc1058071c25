using System.Text.RegularExpressions;
using Microsoft.ML.OnnxRuntime;

namespace OnnxMka.Running.Sessions;

/// <summary>What ONNX Runtime says of a failure, without the places in its source.</summary>
/// <param name="Reason">Its words.</param>
/// <param name="Operator">Kind of the node that failed; null where it names none.</param>
/// <param name="Node">Name of that node; null where it has none.</param>
internal sealed partial record RuntimeWords(string Reason, string? Operator, string? Node)
{
    /// <summary>Names in it come from the model, which may have given them any length.</summary>
    private const int Longest = 4000;

    public static RuntimeWords Of(OnnxRuntimeException e) => Of(e.Message);

    public static RuntimeWords Of(string message)
    {
        var text = Code().Replace(message[..Math.Min(message.Length, Longest)].ReplaceLineEndings(" "), "");
        var failed = Failed().Match(text);
        var reason = Place().Replace(failed.Success ? failed.Groups["reason"].Value : text, "").Trim().TrimEnd('.');
        return failed.Success
            ? new RuntimeWords(reason, failed.Groups["op"].Value, failed.Groups["name"].Value is { Length: > 0 } name ? name : null)
            : new RuntimeWords(reason, null, null);
    }

    [GeneratedRegex(@"^\[ErrorCode:\w+\] ", RegexOptions.CultureInvariant, Timeout.Infinite)]
    private static partial Regex Code();

    [GeneratedRegex(
        @"returned while running (?<op>\S+) node\. Name:'(?<name>.*?)' Status Message: (?<reason>.*)$",
        RegexOptions.CultureInvariant | RegexOptions.Singleline | RegexOptions.ExplicitCapture, Timeout.Infinite)]
    private static partial Regex Failed();

    /// <summary>A file of the runtime's source with its line, and the function behind it.</summary>
    [GeneratedRegex(
        @"\S+\.(cc|h|cpp|cu|cuh):\d+ (?:.*?\) )?",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, Timeout.Infinite)]
    private static partial Regex Place();
}
