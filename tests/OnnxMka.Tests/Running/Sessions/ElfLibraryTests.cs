using OnnxMka.Running.Sessions;

namespace OnnxMka.Tests.Running.Sessions;

public sealed class ElfLibraryTests
{
    [Fact]
    public void What_a_library_asks_for_is_read_in_order()
    {
        using var folder = new TempFolder();
        FakeLibrary.Write(folder["a.so"], "libcublasLt.so.13", "libcudart.so.13", "libc.so.6");
        Assert.Equal(["libcublasLt.so.13", "libcudart.so.13", "libc.so.6"], ElfLibrary.NeededBy(folder["a.so"]));
        FakeLibrary.Write(folder["none.so"]);
        Assert.Empty(ElfLibrary.NeededBy(folder["none.so"]));
    }

    [ElfFact]
    public void So_is_what_the_real_runtime_asks_for()
    {
        var library = Directory.GetFiles(
            Path.Combine(AppContext.BaseDirectory, "runtimes"), "libonnxruntime.so", SearchOption.AllDirectories).Single();
        Assert.Superset(
            new HashSet<string>(["libc.so.6", "libm.so.6", "libstdc++.so.6"]),
            ElfLibrary.NeededBy(library).ToHashSet(StringComparer.Ordinal));
    }

    [Fact]
    public void A_damaged_file_is_told_and_never_read_beyond_its_end()
    {
        using var folder = new TempFolder();
        FakeLibrary.Write(folder["whole.so"], "libcudart.so.13", "libcublas.so.13");
        var whole = File.ReadAllBytes(folder["whole.so"]);
        var random = new Random(5);
        for (var length = 0; length < whole.Length; length++)
        {
            File.WriteAllBytes(folder["cut.so"], whole[..length]);
            Assert.Throws<InvalidDataException>(() => ElfLibrary.NeededBy(folder["cut.so"]));

            var changed = whole.ToArray();
            for (var i = 0; i < 4; i++) changed[random.Next(changed.Length)] = (byte)random.Next(256);
            File.WriteAllBytes(folder["changed.so"], changed);
            var thrown = Record.Exception(() => ElfLibrary.NeededBy(folder["changed.so"]));
            Assert.True(thrown is null or InvalidDataException, thrown?.ToString());
        }
    }
}

/// <summary>A test on a real ELF library.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class ElfFactAttribute : FactAttribute
{
    public ElfFactAttribute()
    {
        if (!OperatingSystem.IsLinux()) Skip = "native libraries are ELF files on Linux only";
    }
}
