using System.Net.Sockets;
using System.Runtime.Versioning;
using System.Security.Cryptography;
using OnnxMka.Emission;
using OnnxMka.Graph;
using OnnxMka.Jobs;
using OnnxMka.Outcomes;

namespace OnnxMka.Tests.Emission;

/// <summary>A folder may hold more than files: nothing of that is read, waited for or followed.</summary>
public sealed class CompanionFilesTests : IDisposable
{
    private static readonly string[] Fixture =
    [
        "config.json",
        "genai_config.json",
        "generation_config.json",
        "special_tokens_map.json",
        "tokenizer.json",
        "tokenizer_config.json",
    ];

    private readonly TempFolder _folder = new();

    public CompanionFilesTests()
    {
        Directory.CreateDirectory(_folder["in"]);
        foreach (var file in Directory.GetFiles(Books16.Folder)) File.Copy(file, _folder[$"in/{Path.GetFileName(file)}"]);
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Links_to_nothing_and_to_folders_and_sockets_are_left_out_and_told()
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(_folder["in/s.sock"]));
        File.CreateSymbolicLink(_folder["in/nothing.txt"], "nowhere");
        Directory.CreateSymbolicLink(_folder["in/loop"], ".");
        Directory.CreateSymbolicLink(_folder["in/up"], "..");
        var changes = Dropped().ConfigChanges;
        Assert.Equal(
            ["loop", "nothing.txt", "s.sock", "up"],
            changes.Where(c => c.Key == "is left out:").Select(c => c.File).Order(StringComparer.Ordinal));
        Assert.Equal([.. Fixture.Append("model.onnx").Order(StringComparer.Ordinal)], Files());
    }

    [Fact]
    public void A_link_to_a_file_of_the_folder_is_that_file()
    {
        File.WriteAllText(_folder["in/terms.txt"], "terms");
        File.CreateSymbolicLink(_folder["in/LICENSE"], _folder["in/terms.txt"]);
        Dropped();
        Assert.Equal("terms", File.ReadAllText(_folder["out/LICENSE"]));
        Assert.Null(new FileInfo(_folder["out/LICENSE"]).LinkTarget);
    }

    /// <summary>blobs/HASH for every file, snapshots/REVISION/NAME links to them.</summary>
    [Fact]
    public void Links_of_a_download_cache_into_its_blobs_are_those_files()
    {
        var plain = Contents(Dropped());
        Directory.Delete(_folder["out"], recursive: true);
        Directory.Move(_folder["in"], _folder["blobs"]);
        Directory.CreateDirectory(_folder["snapshots/1"]);
        foreach (var file in Directory.GetFiles(_folder["blobs"]).Select(Path.GetFileName))
            File.CreateSymbolicLink(_folder[$"snapshots/1/{file}"], $"../../blobs/{file}");
        Assert.Equal(plain, Contents(Compressor.Run(Options with { Input = _folder["snapshots/1"] }).Emitted!));
    }

    /// <summary>
    /// What a model brings along must not be a way to what lies elsewhere on the disk: the rule that holds for data files.
    /// </summary>
    [Theory]
    [InlineData("extra.bin", "../secret")]
    [InlineData("extra.bin", "step/../../secret")]
    [InlineData("tokenizer.model", "second")]
    [InlineData("extra.bin", "up/secret")]
    public void A_link_that_leads_out_of_the_folder_is_left_out_and_told(string name, string target)
    {
        File.WriteAllText(_folder["secret"], "nobody's business");
        Directory.CreateDirectory(_folder["in/step"]);
        Directory.CreateSymbolicLink(_folder["in/up"], "..");
        File.CreateSymbolicLink(_folder["in/second"], "../secret");
        File.CreateSymbolicLink(_folder[$"in/{name}"], target);
        var told = Dropped().ConfigChanges.Where(c => c.IsWarning && c.Key == "is left out:").Select(c => c.File);
        Assert.Equal(new[] { name, "second", "up" }.Order(StringComparer.Ordinal), told.Order(StringComparer.Ordinal));
        Assert.Equal([.. Fixture.Append("model.onnx").Order(StringComparer.Ordinal)], Files());
    }

    /// <summary>A folder with a name that begins as the model's does is another one.</summary>
    [Fact]
    public void A_link_into_a_folder_of_nearly_the_same_name_leads_out()
    {
        Directory.CreateDirectory(_folder["in-other"]);
        File.WriteAllText(_folder["in-other/secret"], "nobody's business");
        File.CreateSymbolicLink(_folder["in/extra.bin"], "../in-other/secret");
        Assert.Contains(Dropped().ConfigChanges, c => c is { File: "extra.bin", IsWarning: true });
        Assert.False(File.Exists(_folder["out/extra.bin"]));
    }

    [Theory]
    [InlineData("config.json")]
    [InlineData("genai_config.json")]
    public void Configuration_that_leads_out_of_the_folder_is_refused(string file)
    {
        File.Move(_folder[$"in/{file}"], _folder["elsewhere.json"]);
        File.CreateSymbolicLink(_folder[$"in/{file}"], "../elsewhere.json");
        var refusal = Assert.Throws<RefusedException>(Dropped).Refusal;
        Assert.Equal("MKA050", refusal.Code);
        Assert.Equal("it is a link that leads out of the model's folder", refusal.What);
        Assert.False(Directory.Exists(_folder["out"]));
    }

    [Theory]
    [InlineData("config.json")]
    [InlineData("genai_config.json")]
    public void Configuration_that_is_no_plain_file_is_an_error_before_anything_is_written(string file)
    {
        File.Delete(_folder[$"in/{file}"]);
        File.CreateSymbolicLink(_folder[$"in/{file}"], "nowhere");
        Assert.Contains(file, Assert.Throws<InputFileException>(() => Dropped()).Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_folder["out"]));
    }

    [Fact]
    public void A_result_inside_its_input_does_not_go_along_when_it_is_made_again()
    {
        for (var run = 0; run < 2; run++)
        {
            Compressor.Run(Options with { Output = Options.Output with { Path = _folder["in/small"], Force = true } });
            Assert.Equal([.. Fixture.Append("model.onnx").Order(StringComparer.Ordinal)], Files("in/small"));
        }
    }

    [Fact]
    public void Room_is_asked_for_what_goes_along()
    {
        using (var large = File.OpenWrite(_folder["in/large.bin"])) large.SetLength(1L << 43);
        Assert.Contains(
            $"{(1L << 43) + Drop(_folder["plain"]):N0} bytes",
            Assert.Throws<OutputException>(() => Dropped()).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    [UnsupportedOSPlatform("windows")]
    public void Files_that_go_along_are_copied_with_progress_and_permissions()
    {
        var bytes = new byte[40 << 20];
        new Random(1).NextBytes(bytes);
        File.WriteAllBytes(_folder["in/encoder.bin"], bytes);
        File.SetUnixFileMode(_folder["in/encoder.bin"], UnixFileMode.UserRead | UnixFileMode.GroupRead);
        File.WriteAllText(_folder["in/empty"], "");
        var counted = new Written();
        Compressor.Run(Options, counted);
        Assert.Equal(bytes, File.ReadAllBytes(_folder["out/encoder.bin"]));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.GroupRead, File.GetUnixFileMode(_folder["out/encoder.bin"]));
        Assert.Equal(0, new FileInfo(_folder["out/empty"]).Length);
        Assert.InRange(counted.Total, bytes.Length, bytes.Length + (20 << 20));
        Assert.Equal(counted.Total, counted.Done);
    }

    [Fact]
    public void A_large_file_that_goes_along_can_be_interrupted()
    {
        using (var large = File.OpenWrite(_folder["in/large.bin"])) large.SetLength(1L << 32);
        using var cancel = new CancellationTokenSource();
        Assert.ThrowsAny<OperationCanceledException>(
            () => Compressor.Run(Options, new Written { After = (1 << 25, cancel.Cancel) }, cancel.Token));
        Assert.False(Directory.Exists(_folder["out"]));
        Assert.Empty(Directory.GetFileSystemEntries(_folder.FullPath, ".*"));
    }

    /// <summary>Counts what the stage that writes tells.</summary>
    private sealed class Written : IProgressSink, IStage
    {
        public long Total { get; private set; }

        public long Done { get; private set; }

        /// <summary>Done once so many bytes are written.</summary>
        public (long Bytes, Action Action)? After { get; init; }

        public IStage Begin(string name, long total, string unit)
        {
            if (name != "write") return NoProgress.Instance;
            Total = total;
            return this;
        }

        public void Note(string text)
        {
        }

        public void Advance(long amount)
        {
            Done += amount;
            if (Done >= After?.Bytes) After.Value.Action();
        }

        public void Dispose()
        {
        }
    }

    private CompressionOptions Options => new()
    {
        Input = _folder["in"],
        Output = new() { Path = _folder["out"] },
        Recipe = RecipeOf.Drop(3, 4),
        Evaluate = false,
        Verify = false,
    };

    private EmittedModel Dropped() => Compressor.Run(Options).Emitted!;

    /// <summary>Bytes of the fixture's result with all its files but configuration, which counts as it was before.</summary>
    private static long Drop(string output)
    {
        var emitted = Compressor.Run(new CompressionOptions
        {
            Input = Books16.Folder,
            Output = new() { Path = output },
            Recipe = RecipeOf.Drop(3, 4),
            Evaluate = false,
            Verify = false,
        }).Emitted!;
        return emitted.Written.TotalBytes + Fixture.Sum(f => new FileInfo(Path.Combine(Books16.Folder, f)).Length);
    }

    /// <summary>Files of the result with their bytes.</summary>
    private static (string Name, string Bytes)[] Contents(EmittedModel emitted)
    {
        Assert.DoesNotContain(emitted.ConfigChanges, c => c.IsWarning);
        var root = Path.GetDirectoryName(emitted.ModelPath)!;
        return
        [
            .. Directory.GetFiles(root)
                .Order(StringComparer.Ordinal)
                .Select(f => (Path.GetFileName(f), Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(f))))),
        ];
    }

    private string[] Files(string folder = "out") =>
        [
            .. Directory.GetFileSystemEntries(_folder[folder], "*", SearchOption.AllDirectories)
                .Select(f => Path.GetRelativePath(_folder[folder], f))
                .Order(StringComparer.Ordinal),
        ];
}
