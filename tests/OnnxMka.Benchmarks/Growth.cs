using System.Globalization;
using System.Text;

namespace OnnxMka.Benchmarks;

/// <summary>How scoring grows with the number of samples, as a table and a picture.</summary>
internal static class Growth
{
    private const int Layers = 2;

    public static IEnumerable<Row> Run(bool quick, string results)
    {
        var points = new List<Point>();
        foreach (var samples in quick ? new[] { 256, 1024 } : [256, 1024, 4096])
        {
            var seams = Scoring.Stack(Layers, samples);
            var ours = Measured.Median(samples > 1024 ? 1 : 5, () => Scoring.Score(seams));
            var paper = Scoring.Paper(Layers, samples)?.Seconds;
            points.Add(new Point(samples, ours, paper));
            yield return new Row(
                $"scoring, L = {Layers}, N = {samples}, H = 4096", $"{ours:0.000} s", paper is { } p ? $"the paper's calls {p:0.00} s" : "not run: python3-sklearn is not installed", paper is { } q ? $"{q / ours:0} times" : "", null, null);
        }

        if (quick) yield break;
        Directory.CreateDirectory(results);
        File.WriteAllText(Path.Combine(results, "growth.svg"), Picture(points));
        File.WriteAllText(Path.Combine(results, "growth.md"), Table(points));
    }

    private static string Table(List<Point> points) =>
        $"""
        # How scoring grows with the number of samples

        `make bench BENCH=growth`: {Layers} layers, H = 4096, pooled activations to the matrix, in memory. {Machine.Describe()}

        ![seconds against samples, both axes logarithmic](growth.svg)

        | samples | ours | times the line before | the paper's calls | times the line before | ratio |
        |---|---|---|---|---|---|
        {string.Join('\n', points.Select((p, i) => $"| {p.Samples:N0} | {p.Ours:0.000} s | {Step(points, i, q => q.Ours)} | {p.Paper:0.00} s | {Step(points, i, q => q.Paper)} | {p.Paper / p.Ours:0} |"))}

        Four times the samples are sixteen times the distances, the part that is ours to pay; a full singular value decomposition, twice per layer,
        is sixty-four times the work.

        """;

    private static string Step(List<Point> points, int i, Func<Point, double?> of) =>
        i > 0 && of(points[i]) / of(points[i - 1]) is { } ratio ? ratio.ToString("0.0", CultureInfo.InvariantCulture) : "";

    /// <summary>Both axes logarithmic: from 100 to 10,000 samples, from a millisecond to a thousand seconds.</summary>
    private static string Picture(List<Point> points)
    {
        var text = new StringBuilder("""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 400" font-family="sans-serif" font-size="13"><rect width="640" height="400" fill="#fff"/>""").AppendLine();
        for (var power = -3; power <= 3; power++)
            text.AppendLine(CultureInfo.InvariantCulture, $"""<path d="M80 {Y(Math.Pow(10, power)):0}H600" stroke="#ddd"/><text x="72" y="{Y(Math.Pow(10, power)) + 4:0}" text-anchor="end">{Math.Pow(10, power)} s</text>""");
        foreach (var point in points)
            text.AppendLine(CultureInfo.InvariantCulture, $"""<path d="M{X(point.Samples):0} 20V350" stroke="#ddd"/><text x="{X(point.Samples):0}" y="370" text-anchor="middle">{point.Samples}</text>""");
        Line(text, [.. points.Select(p => ((double)p.Samples, p.Ours))], "#0b62a4", "onnx-mka");
        Line(text, [.. points.Where(p => p.Paper is not null).Select(p => ((double)p.Samples, p.Paper!.Value))], "#c0392b", "the paper's calls");
        return text.AppendLine("""<text x="340" y="392" text-anchor="middle">samples</text></svg>""").ToString();
    }

    private static void Line(StringBuilder text, (double Samples, double Seconds)[] points, string colour, string name)
    {
        if (points.Length == 0) return;
        var places = points.Select(p => string.Create(CultureInfo.InvariantCulture, $"{X(p.Samples):0.0},{Y(p.Seconds):0.0}")).ToArray();
        text.AppendLine($"""<polyline points="{string.Join(' ', places)}" fill="none" stroke="{colour}" stroke-width="2"/>""");
        var (x, y) = (X(points[^1].Samples), Y(points[^1].Seconds));
        text.AppendLine(CultureInfo.InvariantCulture, $"""<text x="{x:0}" y="{y - 10:0}" text-anchor="end" fill="{colour}">{name}</text>""");
    }

    private static double X(double samples) => 80 + (520 * (Math.Log10(samples) - 2) / 2);

    private static double Y(double seconds) => 350 - (330 * (Math.Log10(seconds) + 3) / 6);

    private sealed record Point(int Samples, double Ours, double? Paper);
}
