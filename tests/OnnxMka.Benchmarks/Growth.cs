using System.Globalization;
using System.Text;

namespace OnnxMka.Benchmarks;

/// <summary>How scoring grows with the number of samples, as a table and a picture.</summary>
internal static class Growth
{
    private const int Layers = 2;

    // The picture: from 160 to 6,400 samples, from a millisecond to a thousand seconds.
    private const int Left = 84, Right = 730, Top = 78, Bottom = 404;

    public static IEnumerable<Row> Run(bool quick, string results)
    {
        var points = new List<Point>();
        foreach (var samples in quick ? new[] { 256, 1024 } : [256, 1024, 4096])
        {
            var seams = Scoring.Stack(Layers, samples);
            var ours = Measured.Median(samples switch { > 1024 => 1, > 256 => 5, _ => 51 }, () => Scoring.Score(seams));
            var paper = Scoring.Paper(Layers, samples)?.Seconds;
            points.Add(new Point(samples, ours, paper));
            yield return new Row(
                $"scoring, L = {Layers}, N = {samples}, H = 4096",
                $"{ours:0.000} s",
                paper is { } p ? $"the paper's calls {p:0.00} s" : "not run: python3-sklearn is not installed",
                paper is { } q ? $"{q / ours:0} times" : "",
                null,
                null);
        }

        if (quick) yield break;
        Directory.CreateDirectory(results);
        File.WriteAllText(Path.Combine(results, "growth.svg"), Picture(points));
        File.WriteAllText(Path.Combine(results, "growth.md"), Table(points));
    }

    private const string Growing =
        "Four times the samples are sixteen times the distances, the part that is ours to pay; "
            + "a full singular value decomposition, twice per layer,\n"
            + "is sixty-four times the work. With two layers there are three pairs, so the paper's pairs, "
            + "most of its time at 32 layers, hardly count here.";

    private static string Table(List<Point> points) =>
        $"""
        # How scoring grows with the number of samples

        `make bench BENCH=growth`: {Layers} layers, H = 4096, pooled activations to the matrix, in memory. {Machine.Describe()}

        ![seconds against samples, both axes logarithmic](growth.svg)

        | samples | ours | times the line before | the paper's calls | times the line before | ratio |
        |---|---|---|---|---|---|
        {string.Join('\n', points.Select((_, i) => Cells(points, i)))}

        {Growing}

        """;

    private static string Cells(List<Point> points, int i)
    {
        var p = points[i];
        return $"| {p.Samples:N0} | {p.Ours:0.000} s | {Step(points, i, q => q.Ours)} "
            + $"| {p.Paper:0.00} s | {Step(points, i, q => q.Paper)} | {p.Paper / p.Ours:0} |";
    }

    private static string Step(List<Point> points, int i, Func<Point, double?> of) =>
        i > 0 && of(points[i]) / of(points[i - 1]) is { } ratio ? ratio.ToString("0.0", CultureInfo.InvariantCulture) : "";

    /// <summary>Both axes logarithmic: a straight line is a power, its slope the exponent.</summary>
    private static string Picture(List<Point> points)
    {
        var text = new StringBuilder(
            """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 470" """
            + """font-family="system-ui, 'Helvetica Neue', Arial, sans-serif" font-size="13" fill="#444">""").Append(
            """

            <title>Seconds of scoring against samples</title>
            <rect width="760" height="470" fill="#fff"/>

            """);
        text.AppendLine(
            CultureInfo.InvariantCulture,
            $"""<text x="24" y="34" font-size="17" font-weight="600" fill="#111">"""
                + $"Scoring {Layers} seams of width 4,096, from pooled activations to the matrix</text>");
        text.AppendLine("""<text x="24" y="56">seconds against samples, both axes logarithmic; lower is better</text>""");
        for (var power = -3; power <= 3; power++)
        {
            var y = Y(Math.Pow(10, power));
            text.AppendLine(
                CultureInfo.InvariantCulture,
                $"""<path d="M{Left} {y:0.0}H{Right}" stroke="#e4e4e4"/>"""
                    + $"""<text x="{Left - 10}" y="{y + 4.5:0.0}" text-anchor="end">{Seconds(power)}</text>""");
        }

        foreach (var point in points)
            text.AppendLine(
                CultureInfo.InvariantCulture,
                $"""<path d="M{X(point.Samples):0.0} {Bottom}v6" stroke="#888"/>"""
                    + $"""<text x="{X(point.Samples):0.0}" y="{Bottom + 24}" text-anchor="middle">{point.Samples:N0}</text>""");
        text.AppendLine(
            CultureInfo.InvariantCulture,
            $"""<path d="M{Left} {Bottom}H{Right}" stroke="#888"/>"""
                + $"""<text x="{(Left + Right) / 2}" y="{Bottom + 48}" text-anchor="middle">samples</text>""");
        foreach (var point in points.Where(p => p.Paper is not null))
        {
            var (x, top, bottom) = (X(point.Samples), Y(point.Paper!.Value), Y(point.Ours));
            text.AppendLine(
                CultureInfo.InvariantCulture,
                $"""<path d="M{x:0.0} {top + 9:0.0}V{bottom - 9:0.0}" stroke="#999" stroke-dasharray="2 4"/>"""
                    + $"""<text x="{x + 8:0.0}" y="{(top + bottom) / 2 + 4:0.0}" font-weight="600">"""
                    + $"{point.Paper / point.Ours:0} times</text>");
        }

        Line(
            text,
            [.. points.Where(p => p.Paper is not null).Select(p => ((double)p.Samples, p.Paper!.Value))],
            "#b5482f",
            "the paper's calls (numpy, scikit-learn)",
            above: true);
        Line(text, [.. points.Select(p => ((double)p.Samples, p.Ours))], "#0b5fa5", "onnx-mka", above: false);
        return text.AppendLine("</svg>").ToString();
    }

    private static void Line(StringBuilder text, (double Samples, double Seconds)[] points, string colour, string name, bool above)
    {
        if (points.Length == 0) return;
        var places = points.Select(p => string.Create(CultureInfo.InvariantCulture, $"{X(p.Samples):0.0},{Y(p.Seconds):0.0}")).ToArray();
        text.AppendLine(
            $"""<polyline points="{string.Join(' ', places)}" fill="none" """
                + $"""stroke="{colour}" stroke-width="2.5" stroke-linejoin="round"/>""");
        foreach (var (samples, seconds) in points)
        {
            var (x, y) = (X(samples), Y(seconds));
            text.AppendLine(
                CultureInfo.InvariantCulture,
                $"""<circle cx="{x:0.0}" cy="{y:0.0}" r="4.5" fill="#fff" stroke="{colour}" stroke-width="2.5"/>"""
                    + $"""<text x="{x:0.0}" y="{(above ? y - 13 : y + 23):0.0}" text-anchor="middle" """
                    + $"""fill="{colour}">{Short(seconds)}</text>""");
        }

        // Beside the middle of the second stretch, on the side where nothing else is.
        var (from, to) = (points[Math.Max(0, points.Length - 2)], points[^1]);
        var middle = (X: (X(from.Samples) + X(to.Samples)) / 2, Y: (Y(from.Seconds) + Y(to.Seconds)) / 2);
        text.AppendLine(
            CultureInfo.InvariantCulture,
            $"""<text x="{middle.X + (above ? -24 : 24):0.0}" y="{middle.Y + (above ? -14 : 34):0.0}" """
                + $"""text-anchor="{(above ? "end" : "start")}" font-size="15" font-weight="600" fill="{colour}">{name}</text>""");
    }

    private static string Seconds(int power) => power < 0 ? $"{Math.Pow(10, power + 3):0} ms" : $"{Math.Pow(10, power):N0} s";

    private static string Short(double seconds) =>
        seconds switch { < 0.1 => $"{seconds * 1000:0} ms", < 10 => $"{seconds:0.0} s", _ => $"{seconds:0} s" };

    private static double X(double samples) => Left + ((Right - Left) * Math.Log(samples / 160) / Math.Log(6400.0 / 160));

    private static double Y(double seconds) => Bottom - ((Bottom - Top) * (Math.Log10(seconds) + 3) / 6);

    private sealed record Point(int Samples, double Ours, double? Paper);
}
