using System.Text;
using OnnxMka.Planning;
using Spectre.Console;

namespace OnnxMka.Cli;

/// <summary>Similarities in the terminal: coloured cells where it has colours, hundredths in plain text elsewhere.</summary>
internal static class HeatMap
{
    /// <summary>Light to dark blue, as in the HTML report; the ink is chosen to be read on it.</summary>
    private static readonly (byte R, byte G, byte B)[] Ramp = [(247, 251, 255), (198, 219, 239), (107, 174, 214), (8, 81, 156)];

    /// <param name="groups">Blocks that become one, first and last; their cells stand in brackets.</param>
    public static void Print(IAnsiConsole console, SimilarityTable similarity, IReadOnlyList<(int First, int Last)> groups)
    {
        var count = similarity.Count;
        // Three columns a block; two without room for the gap; where even that is too wide, the table of neighbours has to do.
        var width = console.Profile.Width >= 4 + (3 * count) ? 3 : 2;
        if (console.Profile.Width < 4 + (width * count)) return;
        var coloured = console.Profile.Capabilities.ColorSystem != ColorSystem.NoColors;
        console.WriteLine("NPIB of blocks, in hundredths");
        console.WriteLine("    " + string.Concat(Enumerable.Range(0, count).Select(i => (i % 100).ToString().PadLeft(width))));
        for (var row = 0; row < count; row++)
        {
            var line = new StringBuilder($"{row,3} ");
            for (var column = 0; column < count; column++)
            {
                var joined = groups.Any(g => row >= g.First && row <= g.Last && column >= g.First && column <= g.Last);
                line.Append(Cell(similarity[row, column], width, coloured, joined));
            }

            if (coloured) console.MarkupLine(line.ToString());
            else console.WriteLine(line.ToString());
        }
    }

    private static string Cell(double value, int width, bool coloured, bool joined)
    {
        var text = (value >= 0.995 ? "1." : $"{value * 100:00}").PadLeft(width);
        if (joined && width == 3) text = (coloured ? "\u2502" : "|") + text[1..];
        if (!coloured) return text;
        var (r, g, b) = Colour(value);
        return $"[{(value > 0.6 ? "white" : "black")} on rgb({r},{g},{b})]{text}[/]";
    }

    private static (int R, int G, int B) Colour(double value)
    {
        var place = Math.Clamp(value, 0, 1) * (Ramp.Length - 1);
        var below = Math.Min((int)place, Ramp.Length - 2);
        var (from, to, share) = (Ramp[below], Ramp[below + 1], place - below);
        return (Mix(from.R, to.R), Mix(from.G, to.G), Mix(from.B, to.B));

        int Mix(byte a, byte b) => (int)Math.Round(a + (share * (b - a)));
    }
}
