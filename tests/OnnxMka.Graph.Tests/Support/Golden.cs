using System.Runtime.CompilerServices;

namespace OnnxMka.Graph.Tests;

/// <summary>Compares text with a committed file beside the test; <c>GOLDEN=write</c> in the environment rewrites it instead.</summary>
internal static class Golden
{
    public static void Check(string name, string actual, [CallerFilePath] string test = "")
    {
        var path = Path.Combine(Path.GetDirectoryName(test)!, $"{name}.golden.txt");
        if (Environment.GetEnvironmentVariable("GOLDEN") == "write")
        {
            File.WriteAllText(path, actual);
            return;
        }

        Assert.True(File.Exists(path), $"{name}.golden.txt is missing: run the test once with GOLDEN=write and review the file");
        Assert.Equal(File.ReadAllText(path), actual, ignoreLineEndingDifferences: true);
    }
}
