using OnnxMka.Alignment;
using OnnxMka.Alignment.Ilgpu;
using OnnxMka.Graph;
using OnnxMka.Numerics;

namespace OnnxMka.Tests.Layering;

/// <summary>Arrows between folders go one way: what a folder uses never uses it.</summary>
public sealed class LayeringTests
{
    private static readonly string[] Assemblies =
    [
        .. new[]
        {
            typeof(OnnxModel),
            typeof(NormalEquations),
            typeof(AlignmentOptions),
            typeof(IlgpuScoringKernels),
            typeof(Compressor),
        }.Select(t => t.Assembly.Location),
        Path.Combine(AppContext.BaseDirectory, "onnx-mka.dll"),
    ];

    [Fact]
    public void No_folders_use_each_other()
    {
        var arrows = FolderArrows.Of(Assemblies);
        var cycles = FolderArrows.Cycles(arrows.Keys);
        var lines = cycles.SelectMany(
            c => arrows.Where(a => c.Contains(a.Key.From) && c.Contains(a.Key.To)).Select(a => $"{a.Key.From} -> {a.Key.To}: {a.Value}"));
        Assert.True(cycles.Count == 0, string.Join('\n', lines));
        Assert.True(arrows.Count > 40, $"only {arrows.Count} arrows were read");
    }

    /// <summary>The control: one arrow back makes a cycle of all that lies between.</summary>
    [Fact]
    public void An_arrow_back_is_noticed()
    {
        var arrows = FolderArrows.Of(Assemblies).Keys.ToList();
        var (jobs, structure) = (new Folder("OnnxMka", "OnnxMka.Jobs"), new Folder("OnnxMka", "OnnxMka.Structure"));
        Assert.Contains((jobs, structure), arrows);
        arrows.Add((structure, jobs));
        var cycle = Assert.Single(FolderArrows.Cycles(arrows));
        Assert.Contains(new Folder("OnnxMka", "OnnxMka.Planning"), cycle);
        Assert.DoesNotContain(new Folder("OnnxMka.Graph", "OnnxMka.Graph"), cycle);
    }
}
