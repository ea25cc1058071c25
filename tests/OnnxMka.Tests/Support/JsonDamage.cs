using System.Text.Json.Nodes;

namespace OnnxMka.Tests;

/// <summary>A JSON text with one value at a time replaced by another, or taken away.</summary>
internal static class JsonDamage
{
    /// <summary>A value of every type, ends of ranges among them.</summary>
    private static readonly string[] Values =
    [
        "null", "true", "-1", "1e18", "1e308", "2147483648", "\"x\"", "\"\"", "[]", "{}", "[1]", "[\"a\"]", "{\"a\":1}", "[[[\"a\"]]]",
        "[null]",
    ];

    /// <summary>Of arrays and objects with more entries than a few only the first and the last are replaced.</summary>
    public static IEnumerable<(string What, string Text)> Of(string json)
    {
        foreach (var path in Paths(JsonNode.Parse(json), []))
        {
            foreach (var value in Values) yield return ($"{string.Join('.', path)} = {value}", With(json, path, value));
            if (path.Length > 0) yield return ($"{string.Join('.', path)} taken away", With(json, path, null));
        }
    }

    /// <summary>Every damaged text is read, or refused with that code; at least so many are refused.</summary>
    public static void AssertReadOrRefused(string json, string code, int least, Action<string> read)
    {
        var refused = 0;
        foreach (var (what, damaged) in Of(json))
        {
            try
            {
                read(damaged);
            }
            catch (RefusedException e)
            {
                Assert.Equal(code, e.Refusal.Code);
                refused++;
            }
            catch (Exception e)
            {
                Assert.Fail($"{what}: {e}");
            }
        }

        Assert.InRange(refused, least, int.MaxValue);
    }

    private static IEnumerable<object[]> Paths(JsonNode? node, object[] here)
    {
        yield return here;
        IEnumerable<(object Key, JsonNode? Value)> all = node switch
        {
            JsonObject o => o.Select(p => ((object)p.Key, p.Value)),
            JsonArray a => a.Select((v, i) => ((object)i, v)),
            _ => [],
        };
        var entries = all.ToArray();
        var few = node is JsonObject && entries.Length <= 40 ? entries : entries.Length <= 2 ? entries : [entries[0], entries[^1]];
        foreach (var (key, value) in few)
            foreach (var below in Paths(value, [.. here, key])) yield return below;
    }

    private static string With(string json, object[] path, string? value)
    {
        if (path.Length == 0) return value!;
        var root = JsonNode.Parse(json)!;
        var container = path[..^1].Aggregate(root, (node, key) => key is int i ? node[i]! : node[(string)key]!);
        if (container is JsonArray array)
        {
            var place = (int)path[^1];
            array.RemoveAt(place);
            if (value is not null) array.Insert(place, JsonNode.Parse(value));
        }
        else
        {
            var name = (string)path[^1];
            if (value is null) container.AsObject().Remove(name);
            else container[name] = JsonNode.Parse(value);
        }

        return root.ToJsonString();
    }
}
