using OnnxMka.Forge;
using OnnxMka.Graph;
using OnnxMka.Outcomes;
using OnnxMka.Rewriting;
using OnnxMka.Running.Activations;
using OnnxMka.Running.Parts;
using OnnxMka.Running.Sessions;
using OnnxMka.Running.Tokens;
using OnnxMka.Tests.Forms;
using DecoderSession = OnnxMka.Running.Sessions.DecoderSession;

namespace OnnxMka.Tests.Running.Parts;

/// <summary>Every form that exporters write can be run block by block.</summary>
public sealed class ChainFormsTests
{
    internal static readonly CalibrationSet Set = new(
        [.. Enumerable.Range(0, 6).Select(i => Enumerable.Range(0, 20).Select(t => ((i * 31) + (t * t * 7) + t) % 97).ToArray())],
        20,
        "made up",
        "");

    /// <summary>Embeddings as input cannot be fed with text.</summary>
    public static TheoryData<string> TakingTokens =>
        new(Presets.Accepted.Where(p => !p.Spec.Form.InputsEmbeds && !p.Spec.Form.IfMerged).Select(p => p.Name));

    [Theory]
    [MemberData(nameof(TakingTokens))]
    public void A_chain_equals_the_whole_model(string name)
    {
        using var form = new FormModel(Presets.ByName(name).Model());
        var whole = Runners.Whole(4).Pooled(form.Map, Set, Pooling.Mean, NoProgress.Instance);
        var chain = Runners.ByParts(form.Map, Set, 4).Pooled(form.Map, Set, Pooling.Mean, NoProgress.Instance);
        var distance = whole.Zip(chain, (w, c) => Compare.Relative(w.Values.ToArray(), c.Values.ToArray())).Max();
        Assert.InRange(distance, 0, Tolerance(name));
        // The control: a block later is far away.
        Assert.All(
            chain.Skip(1).Zip(whole),
            pair => Assert.True(Compare.Relative(pair.Second.Values.ToArray(), pair.First.Values.ToArray()) > 3 * Tolerance(name)));
    }

    [Theory]
    [MemberData(nameof(TakingTokens))]
    public void A_chain_without_a_block_equals_the_model_without_it(string name)
    {
        using var form = new FormModel(Presets.ByName(name).Model());
        using var session = DecoderSession.Load(ModelRewriter.Apply(form.Map, form.Drop(1)).Blocks, ExecutionTarget.Cpu);
        var chain = BlockChain.Of(form.Map, ExecutionTarget.Cpu, new ChainOptions { BatchSize = 3 });
        using var embedded = chain.RunPrelude(Set);
        // Block 0 may start from another type than it leaves: fp16 embeddings, fp32 stream.
        using var stream = chain.RunBlock(0, embedded);
        foreach (var part in ChainSamples.Blocks(form.Map, 0, 1)) chain.Advance(part, [stream]);
        chain.RunEpilogue(stream, (first, samples, logits) =>
        {
            var ids = Set.Samples.Skip(first).Take(samples).SelectMany(s => s).ToArray();
            Assert.InRange(Compare.Relative(session.Logits(ids, samples), logits.ToArray()), 0, Tolerance(name));
        });
    }

    /// <summary>
    /// fp32: two units of 2^-23 for the stream and its norm, in each of four blocks. fp16: ONNX Runtime keeps fp32 between the nodes of a
    /// graph on the CPU where it can, and where that is follows from where the graph ends: half a unit of 2^-10 at each of five seams, of a
    /// float32 stream too, whose blocks add values that were rounded or not.
    /// </summary>
    private static double Tolerance(string name) => Presets.ByName(name).Spec.Form.Type == ElementType.Float16
        ? 5 * Math.ScaleB(1, -11)
        : 4 * 4 * Math.ScaleB(1, -23);
}
