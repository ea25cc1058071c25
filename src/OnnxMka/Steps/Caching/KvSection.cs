using System.Collections.Immutable;
using System.Globalization;
using OnnxMka.Bench;
using OnnxMka.Compensation;
using OnnxMka.Planning;
using OnnxMka.Steps.Correcting;

namespace OnnxMka.Steps.Caching;

/// <summary>What became of the caches.</summary>
/// <param name="KeysToo">Keys and values have one size; else values alone were narrowed.</param>
/// <param name="SizeBefore">Columns of a head.</param>
/// <param name="TokenBytesBefore">Bytes of keys and values of one token, in all layers.</param>
internal sealed record KvReport(
    bool KeysToo, int SizeBefore, int Size, long TokenBytesBefore, long TokenBytes, ImmutableArray<CompensationStep> Steps);

/// <summary>How narrower caches are told.</summary>
internal static class KvSection
{
    public static Section Of(KvReport report, MergePlan plan)
    {
        var less = 1 - (report.TokenBytes / (double)report.TokenBytesBefore);
        var what = report.KeysToo ? "keys and values" : "values alone";
        return new Section("kv", report)
        {
            Shown =
            [
                new SectionLine(
                    string.Create(
                        CultureInfo.CurrentCulture,
                        $"caches: {report.TokenBytesBefore:N0} -> {report.TokenBytes:N0} bytes a token ({less:0.#%} less), "
                            + $"heads of {report.SizeBefore} -> {report.Size} columns, {what}")),
                .. report.KeysToo
                    ? []
                    : new[]
                    {
                        new SectionLine(
                            "keys and values have heads of different sizes: ONNX Runtime runs that, clients that take one size for both "
                                + "(ONNX Runtime GenAI, transformers.js) do not"),
                    },
                .. FitTable.Of(report.Steps, plan, "narrowed or fitted"),
            ],
            Label = "narrower caches",
        };
    }
}
