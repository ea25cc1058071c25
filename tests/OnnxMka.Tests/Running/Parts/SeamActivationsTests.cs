using OnnxMka.Outcomes;
using OnnxMka.Running.Parts;
using OnnxMka.Running.Sessions;

namespace OnnxMka.Tests.Running.Parts;

public sealed class SeamActivationsTests
{
    /// <summary>Ten samples of 32 tokens, 128 wide, in float32.</summary>
    private const long OneSeam = 10 * 32 * 128 * 4;

    [Fact]
    public void Spilled_seams_have_the_same_bytes_and_leave_nothing()
    {
        using var folder = new TempFolder();
        var memory = BlockChain.Of(Books16.Map, ExecutionTarget.Cpu, ChainSamples.Options);
        var disk = BlockChain.Of(
            Books16.Map, ExecutionTarget.Cpu, ChainSamples.Options with { SeamMemory = 1, SpillFolder = folder.FullPath });
        using (var held = memory.RunPrelude(ChainSamples.Set))
        using (var spilled = disk.RunPrelude(ChainSamples.Set))
        using (var heldNext = memory.RunBlock(0, held))
        using (var spilledNext = disk.RunBlock(0, spilled))
        {
            Assert.Equal((false, true, false, true), (held.IsSpilled, spilled.IsSpilled, heldNext.IsSpilled, spilledNext.IsSpilled));
            Assert.Equal(ChainSamples.Bytes(held), ChainSamples.Bytes(spilled));
            Assert.Equal(ChainSamples.Bytes(heldNext), ChainSamples.Bytes(spilledNext));
            memory.Advance(BlockPart.Of(Books16.Map.Model, Books16.Map, 1), [heldNext]);
            disk.Advance(BlockPart.Of(Books16.Map.Model, Books16.Map, 1), [spilledNext]);
            Assert.Equal(ChainSamples.Bytes(heldNext), ChainSamples.Bytes(spilledNext));
            // Unlinked while open: not even a killed run leaves a file.
            Assert.Empty(Directory.EnumerateFileSystemEntries(folder.FullPath));
            Assert.Equal(OperatingSystem.IsLinux() ? 2 : 0, OpenFiles.Under(folder.FullPath));
        }

        Assert.Equal(0, OpenFiles.Under(folder.FullPath));
    }

    [Fact]
    public void The_limit_is_for_all_seams_together_and_comes_back()
    {
        var chain = BlockChain.Of(Books16.Map, ExecutionTarget.Cpu, ChainSamples.Options with { SeamMemory = OneSeam });
        var first = chain.RunPrelude(ChainSamples.Set);
        Assert.Equal((OneSeam, false), (first.ByteLength, first.IsSpilled));
        using var second = chain.RunPrelude(ChainSamples.Set);
        Assert.True(second.IsSpilled);
        first.Dispose();
        first.Dispose();
        using var third = chain.RunPrelude(ChainSamples.Set);
        Assert.False(third.IsSpilled);
        Assert.Throws<ObjectDisposedException>(() => first.Read(0, new byte[first.SampleBytes]));
    }

    [Fact]
    public void Samples_are_read_whole_and_in_range()
    {
        using var seam = BlockChain.Of(Books16.Map, ExecutionTarget.Cpu, ChainSamples.Options).RunPrelude(ChainSamples.Set);
        Assert.Equal((128, 32 * 128 * 4), (seam.Width, seam.SampleBytes));
        var all = ChainSamples.Bytes(seam);
        var two = new float[2 * 32 * 128];
        seam.ReadFloats(3, two);
        Assert.Equal(System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(all)[(3 * 32 * 128)..(5 * 32 * 128)].ToArray(), two);
        Assert.Throws<ArgumentException>(() => seam.Read(0, new byte[seam.SampleBytes - 1]));
        Assert.Throws<ArgumentOutOfRangeException>(() => seam.Read(9, new byte[2 * seam.SampleBytes]));
        Assert.Throws<ArgumentOutOfRangeException>(() => seam.Read(-1, new byte[seam.SampleBytes]));
    }

    [Fact]
    public void A_folder_that_cannot_be_written_is_one_line()
    {
        using var folder = new TempFolder();
        var missing = folder["not-there"];
        var alive = 0;
        var options = ChainSamples.Options with
        {
            SeamMemory = 0,
            SpillFolder = missing,
            Watch = (_, isLoaded) => alive += isLoaded ? 1 : -1,
        };
        var failed = Assert.Throws<OutputException>(
            () => BlockChain.Of(Books16.Map, ExecutionTarget.Cpu, options).RunPrelude(ChainSamples.Set));
        Assert.StartsWith($"Cannot keep {OneSeam} bytes of activations in {missing}: ", failed.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', failed.Message);
        Assert.Equal(0, alive);
    }
}
