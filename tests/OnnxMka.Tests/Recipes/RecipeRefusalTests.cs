using OnnxMka.Recipes;

namespace OnnxMka.Tests.Recipes;

/// <summary>What no recipe is, and where it says so.</summary>
public sealed class RecipeRefusalTests
{
    [Theory]
    [InlineData("drop: { ratio: yes }", "steps[0].drop.ratio", "'yes' is not a number")]
    [InlineData("drop: { ratio: \"0.25\" }", "steps[0].drop.ratio", "'0.25' is not a number")]
    [InlineData("drop: { ratio: 1 }", "steps[0].drop.ratio", "it must be at least 0 and less than 1")]
    [InlineData("drop: { ratio: 1e999 }", "steps[0].drop.ratio", "it must be at least 0")]
    [InlineData("drop: { ratio: .nan }", "line 3", "no number")]
    [InlineData("drop: { ratio: }", "steps[0].drop.ratio", "it has no value")]
    [InlineData("drop: { ratoi: 0.5 }", "steps[0].drop", "there is no word 'ratoi'")]
    [InlineData("drop: { count: -1 }", "steps[0].drop.count", "it must be at least 0")]
    [InlineData("drop: { count: 1.0 }", "steps[0].drop.count", "a whole number")]
    [InlineData("drop: { count: 99999999999 }", "steps[0].drop.count", "a whole number")]
    [InlineData("drop: { count: true }", "steps[0].drop.count", "true is not a whole number")]
    [InlineData("drop: {}", "steps[0].drop", "exactly one of ratio, count and blocks")]
    [InlineData("drop: { ratio: 0.5, count: 2 }", "steps[0].drop", "exactly one of ratio, count and blocks")]
    [InlineData("drop: { blocks: 3 }", "steps[0].drop.blocks", "blocks are a list")]
    [InlineData("drop: { blocks: [3.5] }", "steps[0].drop.blocks", "a block is a number")]
    [InlineData("drop: { blocks: [3], select: bi }", "steps[0].drop", "chosen already")]
    [InlineData("drop: { count: 1, select: mka }", "steps[0].drop", "no selector is called 'mka'")]
    [InlineData("drop: { count: 1, is-named: true }", "steps[0].drop", "there is no word")]
    [InlineData("drop: { count: 1, reasons: {} }", "steps[0].drop", "there is no word")]
    [InlineData("drop: [1]", "steps[0].drop", "a list is no mapping")]
    [InlineData("quantize: {}", "steps[0]", "there is no step 'quantize'")]
    [InlineData("drop", "steps[0]", "a step is its kind's name")]
    [InlineData("{ drop: { count: 1 }, refit: {} }", "steps[0]", "a step is its kind's name")]
    [InlineData("merge: { ratio: 0.5, alpha: 1.5 }", "steps[0].merge.alpha", "it must be 0 to 1")]
    [InlineData("merge: { ratio: 0.5, only: Mlp }", "steps[0].merge.only", "none of both, attention, mlp")]
    [InlineData("merge: { ratio: 0.5, align: 3 }", "steps[0].merge.align", "none of none, mlp, heads, both")]
    [InlineData("merge: { ratio: 0.5, align: \"mlp, heads\" }", "steps[0].merge.align", "none of")]
    [InlineData("merge: { ratio: 0.5, weigh-drops: true }", "steps[0].merge", "select: greedy-loss")]
    [InlineData("refit: { ridge: 0 }", "steps[0].refit.ridge", "it must be above 0")]
    [InlineData("refit: { passes: 17 }", "steps[0].refit.passes", "it must be 1 to 16")]
    [InlineData("seam-map: { map: fold }", "steps[0].seam-map.map", "none of linear, hadamard, scale")]
    [InlineData("best: { count: 1, budget: 5 }", "steps[0].best.budget", "a time is written such as")]
    [InlineData("best: { count: 1, select: bi }", "steps[0].best", "select is not for it")]
    [InlineData("reach: { bytes: 600XB, steps: [drop: ] }", "steps[0].reach.bytes", "a size is")]
    [InlineData("reach: { bytes: 0, steps: [drop: ] }", "steps[0].reach.bytes", "it must be at least 1")]
    [InlineData("reach: { max-increase: -10%, steps: [drop: ] }", "steps[0].reach.max-increase", "a share is")]
    [InlineData("reach: { bytes: 1, max-increase: 0.1, steps: [drop: ] }", "steps[0].reach", "one of bytes and max-increase")]
    [InlineData("reach: { bytes: 1, steps: [drop: { count: 1 }] }", "steps[0].reach", "a removal without ratio")]
    [InlineData("reach: { bytes: 1, steps: [drop: , drop: { ratio: 2 }] }", "steps[0].reach.steps[1].drop.ratio", "it must be at least 0")]
    [InlineData("reach: { bytes: 1 }", "steps[0].reach", "steps of which the first")]
    public void Steps(string step, string place, string what) => Says(Refusal($"version: 1\nsteps:\n  - {step}\n"), place, what);

    [Theory]
    [InlineData("steps: [drop: { count: 1 }]", "version", "there is none")]
    [InlineData("version: 2\nsteps: [drop: { count: 1 }]", "version", "1 to 1")]
    [InlineData("version: 1", "steps", "there is none")]
    [InlineData("version: 1\nsteps: []", "steps", "there is none")]
    [InlineData("version: 1\nsteps: {}", "steps", "no list of steps")]
    [InlineData("version: 1\nsteps: [merge: { count: 1 }]\ngranularity: sublayer", "steps[0].merge", "halves")]
    [InlineData("version: 1\nsteps: [drop: { count: 1 }]\ncalibration: { samples: 31 }", "calibration.samples", "at least 32")]
    [InlineData("version: 1\nsteps: [drop: { count: 1 }]\ncalibration: { length: 1 }", "calibration.length", "at least 2")]
    [InlineData("version: 1\nsteps: [drop: { count: 1 }]\ncalibration: { held-back: 0 }", "calibration.held-back", "at least 1")]
    [InlineData("version: 1\nsteps: [drop: { count: 1 }]\ncalibration: { text: a, ids: b }", "calibration", "wants one of them")]
    [InlineData("version: 1\nsteps: [drop: { count: 1 }]\ncalibration: { text: 5 }", "calibration.text", "5 is not text")]
    [InlineData("version: 1\nsteps: [drop: { count: 1 }]\ncalibration:", "calibration", "it has no value")]
    [InlineData("version: 1\nsteps: [drop: { count: 1 }]\nscoring: { neighbours: 0 }", "scoring.neighbours", "at least 1")]
    [InlineData("version: 1\nsteps: [drop: { count: 1 }]\nscoring: { embedding-dim: 33 }", "scoring.embedding-dim", "1 to 32")]
    [InlineData("version: 1\nsteps: [drop: { count: 1 }]\nscoring: { sigma: 0 }", "scoring.sigma", "must be positive")]
    [InlineData("version: 1\nsteps: [drop: { count: 1 }]\nscoring: { max-threads: 1 }", "scoring", "no word 'max-threads'")]
    public void Documents(string text, string place, string what) => Says(Refusal(text), place, what);

    [Theory]
    [InlineData("a: &a [x, x]\nb: &b [*a, *a, *a, *a]\nc: [*b, *b, *b, *b]", "anchors are not for recipes")]
    [InlineData("version: 1\nsteps: *a", "")]
    [InlineData("version: !!int 1", "tags are not for recipes")]
    [InlineData("version: ! 1", "tags are not for recipes")]
    [InlineData("version: 1\nversion: 1", "stands here twice")]
    [InlineData("version: 1\nsteps:\n\t- drop:", "it is no YAML")]
    [InlineData("version: 1\n---\nversion: 1", "a second document")]
    [InlineData("? [a]\n: b", "a key is a plain word")]
    [InlineData("", "nothing is no mapping")]
    [InlineData("# nothing", "nothing is no mapping")]
    [InlineData("just words", "'just words' is no mapping")]
    [InlineData("version: 0x", "")]
    [InlineData("version: [1", "it is no YAML")]
    public void Yaml(string text, string what) => Assert.Contains(what, Refusal(text).What, StringComparison.Ordinal);

    [Theory]
    [InlineData("{\"version\": 1, \"version\": 1}")]
    [InlineData("{\"version\": 1,}")]
    [InlineData("{\"version\": 1} // no")]
    [InlineData("{\"\\ud800\": 1}")]
    [InlineData("{\"version\": 1, \"granularity\": \"\\ud800\"}")]
    [InlineData("{\"version\": 1, \"calibration\": {\"text\": \"\\ud800\"}}")]
    [InlineData("{\"version\": 1, \"steps\": [{\"drop\": {\"ratio\": 1e999}}]}")]
    [InlineData("{\"version\": NaN}")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("")]
    public void Json(string text) => Assert.NotNull(RecipeFileTests.Refused(text, "r.json"));

    [Theory]
    [InlineData("[", "]")]
    [InlineData("{\"a\":", "}")]
    [InlineData("{\"reach\":{\"steps\":[", "]}}")]
    public void Depth(string open, string close)
    {
        foreach (var depth in new[] { 70, 100_000 })
        {
            var text = string.Concat(Enumerable.Repeat(open, depth)) + "1" + string.Concat(Enumerable.Repeat(close, depth));
            Assert.NotNull(RecipeFileTests.Refused(text, "r.json"));
            Assert.NotNull(RecipeFileTests.Refused(text, "r.yaml"));
        }
    }

    [Fact]
    public void Size()
    {
        var text = "version: 1\nsteps: [drop: { count: 1 }]\n" + new string('#', 9 << 20);
        Assert.Contains("characters", Refusal(text).What, StringComparison.Ordinal);
    }

    private static Refusal Refusal(string text)
    {
        var refusal = RecipeFileTests.Refused(text, "r.yaml");
        Assert.NotNull(refusal);
        return refusal;
    }

    private static void Says(Refusal refusal, string place, string what)
    {
        if (place.Length > 0) Assert.Equal($"r.yaml, {place}", refusal.Where);
        Assert.Contains(what, refusal.What, StringComparison.Ordinal);
    }
}
