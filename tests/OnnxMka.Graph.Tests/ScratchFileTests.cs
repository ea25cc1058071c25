namespace OnnxMka.Graph.Tests;

/// <summary>Weights that are kept in a file for as long as they are needed.</summary>
public sealed class ScratchFileTests : IDisposable
{
    private readonly DirectoryInfo _parent = Directory.CreateTempSubdirectory();

    public void Dispose() => _parent.Delete(recursive: true);

    [Fact]
    public void What_was_added_is_read_by_its_path_until_it_goes()
    {
        var scratch = new ScratchFile(_parent.FullName);
        byte[][] tensors = [[1, 2, 3, 4], [5, 6, 7, 8, 9, 10, 11, 12]];
        var ranges = tensors.Select(t => scratch.Add(t)).ToArray();
        using (var reader = new TensorReader())
        {
            foreach (var (bytes, range) in tensors.Zip(ranges))
                Assert.Equal(bytes, reader.ReadBytes(new TensorRef("t", ElementType.UInt8, [bytes.Length], range)));
        }

        Assert.Equal(12, scratch.Length);
        scratch.Dispose();
        Assert.Empty(_parent.GetFileSystemInfos());
        Assert.Throws<ObjectDisposedException>(() => scratch.Add([1]));
    }

    /// <summary>The lock of one that is alive is held; a killed process holds none.</summary>
    [Fact]
    public void What_a_killed_process_left_goes_and_what_another_uses_stays()
    {
        using var alive = new ScratchFile(_parent.FullName);
        var range = alive.Add([1, 2]);
        var left = _parent.CreateSubdirectory("onnx-mka-scratch-left");
        File.WriteAllText(Path.Combine(left.FullName, ".lock"), "");
        File.WriteAllText(Path.Combine(left.FullName, "weights"), "much");
        var other = _parent.CreateSubdirectory("onnx-mka-else");
        using var next = new ScratchFile(_parent.FullName);
        Assert.False(Directory.Exists(left.FullName));
        Assert.True(Directory.Exists(other.FullName));
        Assert.True(File.Exists(range.Path));
    }

    /// <summary>Each start looks for what dead runs left, while others end: none may fail for a folder that is just going.</summary>
    [Fact]
    public void Runs_that_start_and_end_at_once_do_not_meet()
    {
        Parallel.For(0, 400, new ParallelOptions { MaxDegreeOfParallelism = 8 }, i =>
        {
            using var scratch = new ScratchFile(_parent.FullName);
            Assert.Equal(1, scratch.Add([(byte)i]).Length);
        });
        Assert.Empty(_parent.GetFileSystemInfos());
    }
}
