using System.Text;

namespace OnnxMka.Measuring;

/// <summary>Comma-separated values with quoted fields, which may hold commas, line breaks and doubled quotes (RFC 4180).</summary>
internal static class Csv
{
    public static IEnumerable<string[]> Rows(string text)
    {
        var row = new List<string>();
        var field = new StringBuilder();
        var quoted = false;
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (quoted && c == '"' && i + 1 < text.Length && text[i + 1] == '"') field.Append(text[++i]);
            else if (c == '"' && (quoted || field.Length == 0)) quoted = !quoted;
            else if (!quoted && c is ',' or '\n')
            {
                row.Add(Take());
                if (c == '\n' && row is not [""]) yield return [.. row];
                if (c == '\n') row.Clear();
            }
            else if (quoted || c != '\r') field.Append(c);
        }

        row.Add(Take());
        if (row is not [""]) yield return [.. row];

        string Take()
        {
            var value = field.ToString();
            field.Clear();
            return value;
        }
    }
}
