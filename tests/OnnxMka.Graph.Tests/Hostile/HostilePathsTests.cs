using System.Diagnostics;
using OnnxMka.Graph.Proto;

namespace OnnxMka.Graph.Tests.Hostile;

/// <summary>A model in folder <c>m</c>; beside the folder lies <c>secret.bin</c>, which must never be read.</summary>
public sealed class HostilePathsTests : IDisposable
{
    private readonly TestFolder _folder = TestFolder.Create();
    private readonly string _models;

    public HostilePathsTests()
    {
        _models = _folder.Sub("m");
        File.WriteAllBytes(_folder["secret.bin"], new byte[64]);
        File.WriteAllBytes(Path.Combine(_models, "w.bin"), new byte[64]);
        Directory.CreateDirectory(Path.Combine(_models, "sub"));
        File.CreateSymbolicLink(Path.Combine(_models, "link-out.bin"), "../secret.bin");
        File.CreateSymbolicLink(Path.Combine(_models, "link-absolute.bin"), _folder["secret.bin"]);
        File.CreateSymbolicLink(Path.Combine(_models, "link-in.bin"), "w.bin");
        File.CreateSymbolicLink(Path.Combine(_models, "link-twice.bin"), "link-out.bin");
        File.CreateSymbolicLink(Path.Combine(_models, "link-loop.bin"), "link-loop.bin");
        File.CreateSymbolicLink(Path.Combine(_models, "link-dangling.bin"), "nowhere.bin");
        File.CreateSymbolicLink(Path.Combine(_models, "link-dangling-out.bin"), "../nowhere.bin");
        Directory.CreateSymbolicLink(Path.Combine(_models, "up"), "..");
        Directory.CreateSymbolicLink(Path.Combine(_models, "root"), "/");
        // A folder whose name begins like the model's own.
        Directory.CreateDirectory(_models + "-other");
        File.WriteAllBytes(_models + "-other/w.bin", new byte[64]);
        Directory.CreateSymbolicLink(Path.Combine(_models, "other"), "../m-other");
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void PathsThatLeaveTheFolderAreRefused()
    {
        var refusals = new Refusals(_folder);
        string[] locations =
        [
            "../secret.bin",
            "sub/../../secret.bin",
            "..",
            "sub/..",
            "./..//secret.bin",
            "..\\secret.bin",
            "sub\\..\\..\\secret.bin",
            "/etc/passwd",
            "//etc/passwd",
            "\\\\server\\share\\w.bin",
            "C:\\Windows\\win.ini",
            "c:w.bin",
            "",
            ".",
            "w.bin\0.png",
            "link-out.bin",
            "link-absolute.bin",
            "link-twice.bin",
            "link-dangling-out.bin",
            "link-loop.bin",
            "up/secret.bin",
            "up/m/../secret.bin",
            "root/etc/passwd",
            "other/w.bin",
            "sub/../w.bin",
            _folder["secret.bin"],
            string.Join('/', Enumerable.Repeat("a", 100_000)), new string('n', 5000),
        ];
        foreach (var location in locations) refusals.Expect("MKA004", Shown(location), Save(Tensor(location)));
        Golden.Check("paths-out", refusals.ToString());
    }

    /// <summary>The system goes up from where the first link leads; by the letters alone the path would stay inside.</summary>
    [Fact]
    public void ALinkThatGoesUpFromBehindAnotherLinkLeavesTheFolder()
    {
        File.WriteAllBytes(Path.Combine(_models, "secret.bin"), new byte[64]);
        File.CreateSymbolicLink(Path.Combine(_models, "through.bin"), "other/../secret.bin");
        Assert.Equal(_folder["secret.bin"], RealPath.Of(Path.Combine(_models, "through.bin")));
        Assert.Equal("MKA004", Assert.Throws<RefusedException>(() => OnnxModel.Load(Save(Tensor("through.bin")))).Refusal.Code);
    }

    [Fact]
    public void FilesThatAreMissingOrNoFilesAreRefused()
    {
        var refusals = new Refusals(_folder);
        foreach (var location in new[]
        {
            "missing.bin",
            "sub/missing.bin",
            "w.bin/missing.bin",
            "sub",
            "link-dangling.bin",
            "https://host/w.bin",
            "file:///etc/passwd",
            "~/w.bin",
            "$HOME/w.bin",
        })
            refusals.Expect("MKA004", Shown(location), Save(Tensor(location)));
        refusals.Expect("MKA004", "no location", Save(Tensor(null)));
        Golden.Check("paths-missing", refusals.ToString());
    }

    [Theory]
    [InlineData("w.bin")]
    [InlineData("./w.bin")]
    [InlineData("link-in.bin")]
    [InlineData("up/m/w.bin")]
    [InlineData("sub//.././w.bin", false)]
    public void PathsThatStayInsideAreRead(string location, bool read = true)
    {
        var path = Save(Tensor(location));
        if (read) Assert.Equal(new byte[64], TensorBytes.Of(OnnxModel.Load(path))["w"]);
        else Assert.Throws<RefusedException>(() => OnnxModel.Load(path));
    }

    [LinuxFact]
    public void APipeAsDataFileIsRefusedAtOnce()
    {
        NativePipe.Make(Path.Combine(_models, "pipe"));
        File.CreateSymbolicLink(Path.Combine(_models, "link-to-pipe"), "pipe");
        var watch = Stopwatch.StartNew();
        var refusals = new Refusals(_folder);
        refusals.Expect("MKA004", "a pipe", Save(Tensor("pipe")));
        refusals.Expect("MKA004", "a link to a pipe", Save(Tensor("link-to-pipe")));
        Golden.Check("pipes", refusals.ToString());
        Assert.InRange(watch.Elapsed.TotalSeconds, 0, 5);
    }

    [Fact]
    public void RangesThatTheFileLacksAreRefused()
    {
        var refusals = new Refusals(_folder);
        (string What, string? Offset, string? Length)[] ranges =
        [
            ("one byte too far", "1", "64"),
            ("behind the end", "65", "0"),
            ("at the end", "64", "64"),
            ("a huge length", "0", "9223372036854775807"),
            ("a huge offset", "9223372036854775807", "64"),
            ("a sum that overflows", "9223372036854775800", "9223372036854775807"),
            ("a negative offset", "-64", "64"),
            ("a negative length", "0", "-1"),
            ("a length above 64 bits", "0", "18446744073709551616"),
            ("an offset in hex", "0x10", "16"),
            ("a signed offset", "+1", "16"),
            ("a fraction", "0.5", "16"),
            ("an empty offset", "", "16"),
            ("spaces", " 0", "16"),
            ("words", "all of it", null),
            ("too short for the shape", "0", "32"),
            ("too long for the shape", "0", "63"), ("no length, and the file too short", "16", null),
        ];
        foreach (var (what, offset, length) in ranges)
        {
            var tensor = Tensor("w.bin", offset, length);
            refusals.Expect(what.EndsWith("the shape", StringComparison.Ordinal) ? "MKA006" : "MKA004", what, Save(tensor));
        }

        foreach (var key in new[] { "location", "offset", "length" })
        {
            var tensor = Tensor("w.bin", "0", "64");
            TensorStore.Entry(tensor, key, "0");
            refusals.Expect("MKA004", $"two {key}s", Save(tensor));
        }

        Golden.Check("ranges", refusals.ToString());
    }

    [Fact]
    public void HostilePathsInAttributesAndSubgraphsAreRefusedToo()
    {
        var inAttribute = TinyGraph.Of("x -> y", "", "c = Constant()", "y = Add(x, c)");
        inAttribute.Node[0].Attribute.Add(SmallModel.Attribute("value", Tensor("../secret.bin")));
        var branch = TinyGraph.Of(" -> t", "", "t = Neg(w)");
        branch.Initializer.Add(Tensor("../secret.bin"));
        var inSubgraph = TinyGraph.Of("x -> y", "", "y = If(x)").With(0, "then_branch", branch);
        var inFunction = new ModelProto
        {
            Graph = TinyGraph.Of("x -> y", "", "y = Neg(x)"),
            Functions = { new FunctionProto { Node = { inAttribute.Node[0].Clone() } } },
        };
        var inTraining = new ModelProto
        {
            Graph = TinyGraph.Of("x -> y", "", "y = Neg(x)"),
            TrainingInfo = { new TrainingInfoProto { Initialization = branch.Clone() } },
        };
        var inSparse = new ModelProto { Graph = TinyGraph.Of("x -> y", "", "y = Neg(x)") };
        inSparse.Graph.SparseInitializer.Add(new SparseTensorProto { Values = Tensor("../secret.bin") });

        foreach (var model in new[]
        {
            new ModelProto { Graph = inAttribute },
            new ModelProto { Graph = inSubgraph },
            inFunction,
            inTraining,
            inSparse,
        })
            Assert.Equal("MKA004", Assert.Throws<RefusedException>(() => OnnxModel.Load(SmallModel.Save(model, _models))).Refusal.Code);
    }

    private string Save(TensorProto tensor)
    {
        var graph = TinyGraph.Of("x -> y", "", "y = Add(x, w)");
        graph.Initializer.Add(tensor);
        return SmallModel.Save(new ModelProto { IrVersion = 8, Graph = graph }, _models);
    }

    private static TensorProto Tensor(string? location, string? offset = null, string? length = null)
    {
        var tensor = new TensorProto
        {
            Name = "w",
            DataType = (int)ElementType.Float,
            DataLocation = TensorProto.Types.DataLocation.External,
        };
        tensor.Dims.Add(16);
        if (location is not null) TensorStore.Entry(tensor, "location", location);
        if (offset is not null) TensorStore.Entry(tensor, "offset", offset);
        if (length is not null) TensorStore.Entry(tensor, "length", length);
        return tensor;
    }

    private string Shown(string location)
    {
        var shown = location.Replace(_folder.Path, "<folder>", StringComparison.Ordinal).Replace('\0', '?');
        return shown.Length > 60 ? $"{shown[..60]}... ({location.Length} characters)" : shown.Length > 0 ? shown : "an empty location";
    }
}
