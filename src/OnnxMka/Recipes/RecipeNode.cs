using System.Text.Json;
using System.Text.Json.Nodes;
using OnnxMka.Bench;
using OnnxMka.Scoring;
using OnnxMka.Selection;

namespace OnnxMka.Recipes;

/// <summary>Recipes as JSON nodes: what a file of a recipe is, and what other documents have inside.</summary>
internal static class RecipeNode
{
    /// <summary>
    /// The recipe of an object. Refuses (MKA066), with the place (<c>steps[0].drop.ratio</c>): words that nobody knows, values of another
    /// type or out of bounds, none where one must be, options that contradict each other.
    /// </summary>
    /// <param name="node">The object.</param>
    /// <param name="name">The file's; named in refusals.</param>
    /// <param name="kinds">Steps that it may have.</param>
    /// <param name="selectors">What their <c>select</c> may be.</param>
    public static Recipe Read(JsonNode? node, string name, StepKinds kinds, Selectors selectors)
    {
        var form = new OptionReader(name, kinds).Read<RecipeForm>(node, "");
        var recipe = new Recipe
        {
            Steps = form.Steps,
            Granularity = form.Granularity,
            Calibration = form.Calibration,
            Scoring = new ScoringOptions { Pooling = form.Scoring.Pool, Alignment = form.Scoring.Options },
        };
        if (form.Version == 0) throw Bad(name, "version", "there is none; recipes of today begin with version: 1");
        if (recipe.Steps.IsEmpty) throw Bad(name, "steps", "there is none");
        RecipeRules.Check(recipe, name, kinds, selectors);
        return recipe;
    }

    /// <summary>What is not as it is anyway. Where scores are computed and what was computed before is no part of it.</summary>
    public static JsonObject Of(Recipe recipe, StepKinds kinds)
    {
        var options = StepJson.Options(kinds);
        var (form, plain) = (new RecipeForm(), new RecipeForm());
        form = form with
        {
            Granularity = recipe.Granularity,
            Calibration = recipe.Calibration,
            Scoring = new ScoringForm { Pool = recipe.Scoring.Pooling, Options = recipe.Scoring.Alignment },
        };
        var node = new JsonObject { ["version"] = RecipeForm.CurrentVersion };
        if (form.Granularity != plain.Granularity) node["granularity"] = JsonSerializer.SerializeToNode(form.Granularity, options);
        node["steps"] = JsonSerializer.SerializeToNode(recipe.Steps, options);
        if (StepJson.Written(form.Calibration, plain.Calibration, options) is { Count: > 0 } calibration) node["calibration"] = calibration;
        if (StepJson.Written(form.Scoring, plain.Scoring, options) is { Count: > 0 } scoring) node["scoring"] = scoring;
        return node;
    }

    internal static RefusedException Bad(string name, string place, string what, Exception? inner = null) =>
        new("MKA066", place.Length == 0 ? name : $"{name}, {place}", what, "Write it as docs/recipes.md shows", inner);
}
