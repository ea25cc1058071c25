using System.Text.Json;
using OnnxMka.Inputs;
using OnnxMka.Json;

namespace OnnxMka.Emission;

/// <summary>
/// Rules that say which layers are special by their number, <c>(i + 1) % n == 0</c>, whether configuration gives the period or leaves it
/// to the model type. Where the layers that stay do not follow the rule under their new numbers, the list that the rule stands for is
/// written out; where there is no such list, a warning names the rule.
/// </summary>
internal static class PeriodRules
{
    /// <summary>All rules of one object of the file.</summary>
    /// <param name="scope">Path of the object.</param>
    /// <param name="count">Its number of layers; null where it gives none.</param>
    public static void Apply(LayerEdits edits, string scope, JsonSpan? count)
    {
        if (count is not null && edits.Json.Integer(count) != edits.Before) return;
        foreach (var rule in PeriodRule.All)
        {
            var path = ConfigPlaces.In(scope, rule.Key);
            var given = edits.Json.Find(path);
            if (given is { Kind: JsonTokenType.String }) Letters(edits, scope, given, rule);
            else if (edits.Json.Integer(given) is > 0 and var period) Apply(edits, scope, path, given!, rule, period);
            else if (given is null or { Kind: JsonTokenType.Null }) Implied(edits, scope, count, rule);
        }
    }

    /// <summary>The period that the model type has where no key gives one. Only of the object that describes the decoder.</summary>
    private static void Implied(LayerEdits edits, string scope, JsonSpan? count, PeriodRule rule)
    {
        var own = edits.Json.Find(ConfigPlaces.In(scope, "model_type"));
        if ((count ?? (scope.Length > 0 ? own : null)) is not { } place) return;
        var type = edits.Json.String(own) ?? edits.Json.String(edits.Json.Find("model_type")) ?? "";
        var isOff = rule.Needs is { } needs && edits.Json.Find(ConfigPlaces.In(scope, needs)) is { Kind: JsonTokenType.Null };
        if (isOff || !rule.Periods.TryGetValue(type, out var period)) return;
        Apply(edits, scope, ConfigPlaces.In(scope, rule.Key), place, rule, period);
    }

    /// <summary>One letter a layer, again and again: L sees a window, G everything, and so does the last layer.</summary>
    private static void Letters(LayerEdits edits, string scope, JsonSpan given, PeriodRule rule)
    {
        var (path, letters) = (ConfigPlaces.In(scope, rule.Key), edits.Json.String(given) ?? "");
        var isPattern = rule.List == "layer_types" && letters.Length > 0 && letters.All(l => l is 'L' or 'G');
        if (isPattern) Apply(edits, scope, path, given, rule, layer => layer == edits.Before - 1 || letters[layer % letters.Length] == 'G');
        else if (edits.Written.Add(path)) edits.Warn(path, "is text and not understood; left alone");
    }

    private static void Apply(LayerEdits edits, string scope, string path, JsonSpan place, PeriodRule rule, long period)
    {
        var offset = rule.Offset is null ? 0 : edits.Json.Integer(ConfigPlaces.In(scope, rule.Offset)) ?? rule.UsualOffset;
        Apply(edits, scope, path, place, rule, layer => rule.Test(layer - offset, period));
    }

    /// <param name="place">What a list that is not there is put behind.</param>
    private static void Apply(LayerEdits edits, string scope, string path, JsonSpan place, PeriodRule rule, Func<int, bool> isSpecial)
    {
        var special = Enumerable.Range(0, edits.Before).Select(isSpecial).ToArray();
        if (edits.Kept.Select((old, now) => special[now] == special[old]).All(same => same)) return;
        if (rule.List is null)
        {
            const string What = "is a rule by layer number that the remaining layers do not follow";
            if (edits.Written.Add(path)) edits.Warn(path, What + ", and there is no list to write instead; left alone");
            return;
        }

        var list = ConfigPlaces.In(scope, rule.List);
        var there = edits.Json.Find(list);
        // A list wins over the rule wherever both are read, and it has been cut to the layers that stay.
        var isEmpty = there is null or { Kind: JsonTokenType.Null } or { Kind: JsonTokenType.StartArray, Elements.Count: 0 };
        if (!isEmpty || !edits.Written.Add(list)) return;
        var text = $"[{string.Join(", ", edits.Kept.Select(i => special[i] ? rule.Special : rule.Usual))}]";
        if (there is not null) edits.Json.Replace(there, text);
        else edits.Json.InsertAfter(place, $",{edits.Json.IndentOf(place)}{JsonForm.Quoted(rule.List)}: {text}");
        var told = edits.Json.Find(path) is null ? ConfigPlaces.In(scope, "model_type") : path;
        edits.Tell(told, $"no longer describes the layers by their numbers; {rule.List} written out");
    }
}
